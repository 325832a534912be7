"""Features say what the exact cost facts say, do not depend on names, and are finite for every workload."""

import numpy as np
import pytest
from tensorir import Schedule, T, Target, parse
from tensorir.meta_schedule.features import NAMES, STORE_NAMES, program_features, store_features
from tensorir.meta_schedule.linear_forms import compose, form_of
from tensorir.meta_schedule.nest import nests
from tensorir.meta_schedule.turns import Turn, turn_of
from tensorir.script import workloads
from tensorir.tir.analysis.cost import store_costs
from tensorir.tir.dtype import INT32
from tensorir.tir.expr import Var
from tensorir.tir.stmt import ForKind

LLVM = Target("llvm")
PROGRAMS = {
    "matmul": workloads.matmul(64, 32, 48),
    "conv2d": workloads.conv2d_nhwc(1, 14, 14, 8, 16, 3, 1, 1),
    "softmax": workloads.softmax(16, 64),
    "layer_norm": workloads.layer_norm(16, 64),
    "gelu": workloads.gelu(16, 64),
    "transpose": workloads.transpose(16, 24),
    "pool": workloads.max_pool2d_nchw(1, 4, 8, 8, 2, 2, 0),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_quick_figures_agree_with_the_exact_ones(name: str) -> None:
    function = PROGRAMS[name]
    exact = store_costs(function)
    quick = nests(function)
    assert [q.store for q in quick] == [e.store for e in exact]
    for e, q in zip(exact, quick):
        assert q.runs == e.runs
        turning = [n for n, loop in enumerate(e.loops) if loop.extent.value != 1]
        for access in e.accesses:
            touch = next(t for t in q.touches if t.buffer is access.buffer)
            for mine, theirs in zip(touch.elements, [access.elements[n] for n in (*turning, -1)], strict=True):
                assert theirs <= mine * 1.001 + 0.5 and mine <= 1.5 * theirs + 2, (access.buffer.name, touch.elements)


@pytest.mark.parametrize("name", PROGRAMS)
def test_all_features_are_finite(name: str) -> None:
    found = program_features(PROGRAMS[name], LLVM)
    assert found.shape == (len(NAMES),) and found.dtype == np.float32
    assert np.isfinite(found).all()


def test_tiles_of_a_packed_operand_are_contiguous() -> None:
    @T.prim_func
    def packed(A: T.Buffer((16, 3, 4), "float32"), B: T.Buffer((3, 64), "float32")):
        for i, k, j in T.grid(16, 3, 4):
            with T.block("B"):
                v = T.axis.spatial(64, i * 4 + j)
                w = T.axis.spatial(3, k)
                B[w, v] = A[v // 4, w, v % 4]

    (nest,) = nests(packed)
    touch = next(t for t in nest.touches if not t.written)
    assert touch.strides == [12, 4, 1]
    assert touch.elements == [192, 12, 4, 1]


def test_the_innermost_loop_that_turns() -> None:
    target = Target("llvm", cpu="skylake-avx512")

    @T.prim_func
    def sums(A: T.Buffer((64, 32), "float32"), B: T.Buffer((64,), "float32")):
        for i, k, one in T.grid(64, 32, 1):
            with T.block("B"):
                v, r = T.axis.remap("SR", [i, k])
                B[v] = B[v] + A[v, r]

    sch = Schedule(sums)
    i, k, _ = sch.get_loops("B")

    def turn() -> Turn:
        (nest,) = nests(sch.func)
        return turn_of(nest, ["unroll" if loop.kind is ForKind.UNROLLED else "serial" for loop in nest.loops], target)

    plain = turn()
    assert (plain.inner, plain.level, plain.lanes, plain.vectorised) == (2, 2, 1, False)
    assert plain.cycles == 5, "each addition waits for the one before"
    sch.reorder(k, i)
    strided = turn()
    assert not strided.vectorised, "what is loaded lies 32 elements apart"
    sch.transform_layout("B", ("read", 1), lambda i, j: (j, i))
    lanes = turn()
    assert (lanes.inner, lanes.level, lanes.lanes, lanes.vectorised) == (2, 1, 16, True)
    sch.unroll(i)
    copied = turn()
    assert (copied.inner, copied.level, copied.lanes) == (1, 1, 1)
    assert copied.cycles > lanes.cycles


def scheduled() -> Schedule:
    sch = Schedule(PROGRAMS["matmul"])
    block = sch.get_block("C")
    i, j, k = sch.get_loops(block)
    i0, i1 = sch.split(i, [None, 4])
    j0, j1 = sch.split(j, [None, 16])
    sch.reorder(i0, j0, k, i1, j1)
    sch.parallel(i0)
    sch.unroll(i1)
    sch.vectorize(j1)
    return sch


def test_the_schedule_shows() -> None:
    row = dict(zip(STORE_NAMES, store_features(scheduled().func, Target("llvm", cpu="znver4"))[0]))
    one = np.log2(2)
    assert row["parallel_extent"] == np.log2(17).astype(np.float32)
    assert row["unroll_extent"] == np.log2(5).astype(np.float32)
    assert row["vectorized_extent"] == np.log2(17).astype(np.float32)
    assert row["parallel_count"] == row["unroll_count"] == one
    assert row["tile_registers"] == np.log2(5).astype(np.float32), "4 rows of one register of 16 floats"
    assert row["reduce_innermost"] == 0 and row["reduce_extent"] == np.log2(49).astype(np.float32)
    assert row["buffer0_contiguous"] == 1 and row["init"] == 0


def test_names_do_not_matter() -> None:
    text = scheduled().func.script()
    renamed = parse(text.replace("A", "Left").replace("i_0", "outer").replace("vi", "row"))
    assert np.array_equal(program_features(scheduled().func, LLVM), program_features(renamed, LLVM))


def test_forms_of_divided_and_wrapped_indices() -> None:
    i, j = Var("i", INT32), Var("j", INT32)
    assert form_of((i * 4 + j) * 2) == ((i, 8.0, float("inf")), (j, 2.0, float("inf")))
    ((var, coef, cap),) = form_of(i // 4)
    assert var is i and coef == 0.25
    ((var, coef, cap),) = form_of(i % 4)
    assert (var, coef, cap) == (i, 1.0, 3)
    inner = compose(form_of(i % 4), {i: form_of(j * 2)})
    assert inner == ((j, 2.0, 3),)
