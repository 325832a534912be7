"""Lowering: every program in between verifies, prints and parses back, and computes the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorir import lower, parse
from tensorir.codegen import interpreter
from tensorir.codegen.build import build
from tensorir.codegen.lower import PASSES
from tensorir.codegen.target import as_target
from tensorir.tir.errors import LowerError, UserError
from tensorir.tir.same import assert_structural_equal
from tensorir.tir.stmt import For, ForKind
from tensorir.tir.verify import verify
from tensorir.tir.visit import Rewriter

from ..strategies import arrays_for, programs
from .workloads import PROGRAMS

STAGES = tuple(step.__name__ for step in PASSES)


def assert_every_stage_computes_the_same(func, arrays, *, exact=True):
    want = [a.copy() for a in arrays]
    interpreter.run(func, *want)

    def compare(stage, got):
        for buffer, a, b in zip(func.buffers, want, got):
            if exact or buffer.dtype.is_integral:
                np.testing.assert_array_equal(a, b, err_msg=f"{buffer.name} after {stage}")
            else:
                tolerance = {2: 2e-2, 4: 1e-4, 8: 1e-9}[a.itemsize]
                np.testing.assert_allclose(a, b, tolerance, tolerance, err_msg=f"{buffer.name} after {stage}")

    lowered, target = func, as_target("llvm")
    for step in PASSES:
        before, lowered = lowered, step(lowered, target)
        if lowered is before:
            continue
        verify(lowered)
        assert_structural_equal(parse(lowered.script()), lowered)
        got = [a.copy() for a in arrays]
        interpreter.run(lowered, *got)
        compare(step.__name__, got)
    assert_structural_equal(lower(func), lowered)
    got = [a.copy() for a in arrays]
    build(func)(*got)
    compare("building", got)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_stage_of_a_workload(name):
    text, arguments = PROGRAMS[name]
    assert_every_stage_computes_the_same(parse(text), arguments())


class Kinds(Rewriter):
    """Gives every loop a kind: any that keeps the program's meaning, whether it has a vector form or not."""

    def __init__(self, choose):
        self.choose = choose

    def visit_for(self, node: For) -> For:
        return node.map_children(self).replace(kind=self.choose())


@settings(max_examples=25, deadline=None)
@given(programs(), st.data())
def test_every_stage_of_random_programs(func, data):
    kinds = st.sampled_from((ForKind.SERIAL, ForKind.VECTORIZED, ForKind.UNROLLED))
    func = Kinds(lambda: data.draw(kinds))(func)
    assert_every_stage_computes_the_same(func, arrays_for(func), exact=False)


def test_stages_are_named():
    func = parse(PROGRAMS["matmul"][0])
    assert lower(func, until=STAGES[-1]) is not func
    with pytest.raises(UserError, match=r"there is no pass 'flatten_bufer'; did you mean 'flatten_buffer'"):
        lower(func, until="flatten_bufer")


def test_print_passes_shows_what_changed(capsys):
    lower(parse(PROGRAMS["tiled"][0]), print_passes=True)
    shown = capsys.readouterr().out
    assert all(stage in shown for stage in STAGES)
    assert '+                D = T.alloc_buffer((4, 32), "float32")' in shown
    assert "unchanged" in shown


def allocations(func):
    from tensorir.tir.stmt import Allocate
    from tensorir.tir.visit import walk

    return {n.buffer.name: tuple(e.value for e in n.buffer.shape) for n in walk(func) if isinstance(n, Allocate)}


def test_allocations_shrink_to_what_an_iteration_uses():
    assert allocations(lower(parse(PROGRAMS["tiled"][0]), until="lower_opaque_block")) == {"D": (4, 32)}
    assert allocations(lower(parse(PROGRAMS["padded"][0]), until="lower_opaque_block")) == {"P": (3, 13)}


@pytest.mark.parametrize("name", ("scan", "repeated"))
def test_a_buffer_that_carries_values_stays_outside_of_the_loop(name):
    lowered = lower(parse(PROGRAMS[name][0]), until="lower_opaque_block")
    assert isinstance(lowered.body.body, For) or name == "repeated"
    assert list(allocations(lowered)) == ["S"]
    assert lowered.script().index("T.allocate") < lowered.script().index("for")


def test_thread_bindings_are_refused_on_a_cpu():
    func = parse("""
@T.prim_func
def main(A: T.Buffer((8,), "float32")):
    for i in T.thread_binding(8, thread="threadIdx.x"):
        with T.block("A"):
            vi = T.axis.spatial(8, i)
            A[vi] = T.float32(1)
""")
    with pytest.raises(LowerError) as info:
        build(func)
    assert "bound to threadIdx.x, which a CPU does not have" in str(info.value)
    assert "make the loop parallel" in str(info.value)


def test_a_vectorized_loop_needs_a_constant_extent():
    func = parse("""
@T.prim_func
def main(a: T.handle):
    n = T.int32()
    A = T.match_buffer(a, (n,), "float32")
    for i in T.vectorized(n):
        with T.block("A"):
            vi = T.axis.spatial(n, i)
            A[vi] = T.float32(1)
""")
    with pytest.raises(LowerError, match="its extent is not a constant"):
        lower(func)
