"""blockize: loops and groups of blocks, with and without init, perfect and symbolic, alone and in a longer schedule."""

import pytest
from tensorir import Schedule, ScheduleError, T, assert_structural_equal
from tensorir.schedule.trace import Trace

from ..programs import chain, elementwise, matmul, symbolic, triangle
from ..programs_blocks import matmul16, side_by_side, three_stages, two_sums


def checked(sch: Schedule) -> None:
    """References, numbers on the interpreter and on LLVM, and the trace."""
    sch.state.check()
    sch.verify(backend="interpreter", sanitize=True)
    sch.verify(backend="llvm")
    again = Schedule(sch.original, seed=1)
    Trace.from_json(sch.trace.dumps()).apply_to(again)
    assert_structural_equal(again.mod, sch.mod)


@pytest.mark.parametrize("depth", range(3))
@pytest.mark.parametrize("units", [True, False])
@pytest.mark.parametrize("program", [matmul, symbolic, elementwise], ids=lambda f: f.name)
def test_at_each_loop(program: object, depth: int, units: bool) -> None:
    sch = Schedule(program, seed=0)
    (block,) = sch.get_child_blocks("root")
    loops = sch.get_loops(block)
    if depth < len(loops):
        sch.blockize(loops[depth], units)
        checked(sch)


def test_tiles_with_a_reduction_outside() -> None:
    sch = Schedule(matmul16, seed=0)
    i, j, k = sch.get_loops("C")
    tiles = [sch.split(loop, [None, 4]) for loop in (i, j, k)]
    sch.reorder(*(outer for outer, _ in tiles), *(inner for _, inner in tiles))
    outer = sch.blockize(tiles[0][1])
    assert sch.get(outer).init is not None
    assert sch.get(sch.get_block("C")).init is None
    sch.decompose_reduction(outer, tiles[2][0])
    checked(sch)


def test_an_outer_block_is_scheduled_like_any_other() -> None:
    sch = Schedule(matmul16, seed=0)
    i, j, k = sch.get_loops("C")
    j0, j1 = sch.split(j, [None, 4])
    sch.reorder(i, j0, k, j1)
    outer = sch.blockize(j1)
    a, b, c = sch.get_loops(outer)
    sch.reorder(b, a)
    sch.parallel(b)
    sch.vectorize(sch.get_loops("C")[0])
    checked(sch)


def test_blocks_side_by_side_share_their_axes() -> None:
    sch = Schedule(side_by_side, seed=0)
    outer = sch.blockize(["B", "C"], preserve_unit_iters=False)
    assert [iv.dom.extent.value for iv in sch.get(outer).iter_vars] == [8, 1]
    assert [r.buffer.name for r in sch.get(outer).reads] == ["A"]
    checked(sch)


@pytest.mark.parametrize("names", [["B"], ["B", "C"], ["C", "D"], ["B", "C", "D"]])
def test_some_of_several_blocks(names: list[str]) -> None:
    sch = Schedule(three_stages, seed=0)
    sch.blockize(names)
    checked(sch)


def test_blocks_of_different_nests() -> None:
    sch = Schedule(chain, seed=0)
    sch.blockize(["B", "C"])
    checked(sch)
    sch.blockize(sch.get_loops("D")[0])
    checked(sch)


def test_whole_reductions_keep_their_inits_inside() -> None:
    sch = Schedule(two_sums, seed=0)
    sch.blockize(sch.get_loops("B")[0])
    assert sch.get(sch.get_block("B")).init is not None
    checked(sch)


def test_an_imperfect_tile_inside() -> None:
    sch = Schedule(matmul, seed=0)
    _, j, _ = sch.get_loops("C")
    sch.split(j, [None, 4])
    sch.blockize(sch.get_loops("C")[1])
    checked(sch)


def test_a_triangle() -> None:
    sch = Schedule(triangle, seed=0)
    with pytest.raises(ScheduleError, match="would use loop `i`"):
        sch.blockize(sch.get_loops("B")[1])
    sch.blockize(sch.get_loops("B")[0])
    sch.blockize("B")
    checked(sch)


def test_a_block_that_speaks_of_its_loops() -> None:
    sch = Schedule(elementwise, seed=0)
    sch.loop_partition(sch.get_loops("B")[1], [2, None])
    sch.blockize(sch.get_loops("B_j_common")[0])
    checked(sch)


def test_the_init_keeps_a_guard_that_names_a_loop_that_runs_once() -> None:
    @T.prim_func
    def rows(A: T.Buffer((2, 5), "float32"), B: T.Buffer((2,), "float32")):
        for i, k in T.grid(2, 5):
            with T.block("B"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    B[vi] = T.float32(0)
                B[vi] = B[vi] + A[vi, vk]

    for primitive in ("blockize", "decompose_reduction"):
        sch = Schedule(rows, seed=0)
        outer, _ = sch.split(sch.get_loops("B")[0], [None, 5])
        sch.blockize(outer) if primitive == "blockize" else sch.decompose_reduction("B", outer)
        checked(sch)


def test_iterators_of_loops_outside_the_scope() -> None:
    @T.prim_func
    def nested(Y: T.Buffer((3, 4), "int32")):
        for i in range(3):
            with T.block("outer"):
                T.reads()
                T.writes(Y[i, 0:4])
                for j in range(4):
                    with T.block("inner"):
                        vi, vj = T.axis.remap("SS", [i, j])
                        Y[vi, vj] = vi * 4 + vj

    sch = Schedule(nested, seed=0)
    sch.blockize([sch.get_block("inner")], preserve_unit_iters=False)
    checked(sch)


@pytest.mark.parametrize("tile", [(4, 4), (1, 4), (4, 12)])
def test_outer_iterators_from_one_fused_loop(tile: tuple[int, int]) -> None:
    sch = Schedule(elementwise, seed=0)
    i, j = sch.get_loops("B")
    i0, i1 = sch.split(i, [None, tile[0]])
    j0, j1 = sch.split(j, [None, tile[1]])
    sch.reorder(i0, j0, i1, j1)
    sch.fuse(i0, j0)
    outer = sch.get(sch.blockize(i1))
    assert [iv.dom.extent.value for iv in outer.iter_vars] == [16 // tile[0], 12 // tile[1]]
    checked(sch)


def test_tensorize_under_a_fused_loop() -> None:
    sch = Schedule(matmul16, seed=0)
    i, j, k = sch.get_loops("C")
    (i0, i1), (j0, j1), (k0, k1) = (sch.split(loop, [None, 4]) for loop in (i, j, k))
    sch.reorder(i0, j0, k0, i1, j1, k1)
    sch.decompose_reduction("C", k0)
    sch.parallel(sch.fuse(i0, j0))
    sch.tensorize(i1, "test.mma4")
    checked(sch)
