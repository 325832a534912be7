"""Passes by TVM's names: on functions and modules, with options and targets, alone and in a row."""

import numpy as np
import pytest
from tensorir import IRModule, Target, lower, parse, transform
from tensorir.codegen.interpreter import run
from tensorir.codegen.lower import PASSES
from tensorir.tir.errors import LowerError, UserError
from tensorir.tir.same import assert_structural_equal
from tensorir.tir.stmt import Block, For
from tensorir.tir.verify import verify
from tensorir.tir.visit import walk

from .workloads import PROGRAMS


def test_one_pass_on_a_function_and_on_a_module():
    func = parse(PROGRAMS["matmul"][0])
    out = transform.LowerInitBlock()(func)
    assert_structural_equal(out, lower(func, until="lower_init_block"))
    module = transform.LowerInitBlock()(IRModule({"main": func}))
    assert_structural_equal(module["main"], out)


@pytest.mark.parametrize("name", ("matmul", "tiled", "padded", "views"))
def test_the_passes_in_a_row_are_the_pipeline(name):
    func = parse(PROGRAMS[name][0])
    names = ["".join(w.capitalize() for w in step.__name__.split("_")) for step in PASSES]
    steps = [getattr(transform, n)(target="llvm") for n in names]
    assert_structural_equal(transform.Sequential(steps)(func), lower(func))


@pytest.mark.parametrize("name", sorted(transform.TRANSFORMS))
def test_every_pass_keeps_a_program_of_loops(name):
    text, arguments = PROGRAMS["padded"]
    func = lower(parse(text), until="lower_opaque_block")
    out = getattr(transform, name)()(func)
    verify(out)
    assert_structural_equal(parse(out.script()), out)
    want, got = arguments(), arguments()
    run(func, *want)
    run(out, *got)
    for a, b in zip(want, got):
        np.testing.assert_array_equal(a, b)


def test_the_target_is_given_or_found():
    func = parse(PROGRAMS["tiled"][0])
    assert repr(transform.VectorizeLoop(target="c")) == "transform.VectorizeLoop(target='c')"
    narrow = transform.Sequential([transform.LowerIntrin(target=Target("llvm", cpu="x86-64"))])
    assert "LowerIntrin" in repr(narrow)
    by_attribute = transform.UnrollLoop()(func.with_attr("target", "llvm"))
    assert by_attribute.attrs["target"] == "llvm"


WIDE = """
@T.prim_func
def main(n: T.int64, A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
    for i in range(T.int64(4)):
        for j in range(n):
            B[i * T.int64(16) + j] = A[i * T.int64(16) + j] + T.float32(1)
"""


def test_indices_are_narrowed_as_asked():
    def wide(x):
        return sum(isinstance(n, For) and n.loop_var.dtype == "int64" for n in walk(x.body))

    func = parse(WIDE)
    assert wide(transform.NarrowDataType(64)(func)) == 2
    assert wide(transform.NarrowDataType(32)(func)) == 1, "nothing is known of n"
    forced = transform.ForceNarrowIndexToInt32()(func)
    assert wide(forced) == 0
    a = np.arange(64, dtype="float32")
    run(func, 16, a, want := np.zeros(64, "float32"))
    run(forced, 16, a, got := np.zeros(64, "float32"))
    np.testing.assert_array_equal(got, want)
    with pytest.raises(LowerError, match="does not fit 32 bits"):
        transform.ForceNarrowIndexToInt32()(parse(WIDE.replace("T.int64(16)", "T.int64(1099511627776)")))


def test_an_allocation_grows_only_if_it_may():
    func = parse("""
@T.prim_func
def main(A: T.Buffer((16,), "float32")):
    for i in range(4):
        with T.block("outer"):
            vi = T.axis.opaque(4, i)
            C = T.alloc_buffer((2,), "float32")
            for j in range(4):
                with T.block("C"):
                    vj = T.axis.spatial(4, j)
                    C[vj] = A[vi * 4 + vj]
            for j in range(4):
                with T.block("A"):
                    vj = T.axis.spatial(4, j)
                    A[vi * 4 + vj] = C[vj] + T.float32(1)
""")
    func = lower(func, until="convert_blocks_to_opaque")

    def extents(x):
        return [int(e.value) for n in walk(x.body) if isinstance(n, Block) for b in n.alloc_buffers for e in b.shape]

    assert extents(transform.CompactBufferAllocation(True)(func)) == [2]
    grown = transform.CompactBufferAllocation(is_strict=False)(func)
    assert extents(grown) == [4]
    run(grown, a := np.zeros(16, "float32"))
    assert (a == 1).all()


def test_what_there_is_not_is_refused():
    with pytest.raises(AttributeError, match="did you mean 'VectorizeLoop'"):
        _ = transform.VectoriseLoop
    with pytest.raises(UserError, match="VectorizeLoop has no option 'lanes'; it has target"):
        transform.VectorizeLoop(lanes=4)
    with pytest.raises(UserError, match="NarrowDataType is given 2 options by place; it takes at most 1, target_bits"):
        transform.NarrowDataType(32, 64)
    with pytest.raises(UserError, match="NarrowDataType is given the option 'target_bits' twice"):
        transform.NarrowDataType(32, target_bits=32)
    with pytest.raises(UserError, match="32 or 64 bits, not in 16"):
        transform.NarrowDataType(16)(parse(WIDE))
    assert "LowerInitBlock" in dir(transform)
    assert transform.FP8ComputeLegalize(promote_dtype="float16").name == "FP8ComputeLegalize"
