"""transform_layout, transform_block_layout: the same elements in other places, padding included."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorir
from tensorir import IndexMap, Schedule, ScheduleError, T

from ..checks import becomes, checked
from ..programs import blur, chain, elementwise, matmul, symbolic
from ..programs_buffers import in_loop, nested, own_tiles, padded, symbolic_chain

CASES = [
    (chain, "B", ("write", 0)),
    (chain, "D", ("read", 0)),
    (chain, "B", "A"),
    (chain, "D", "D"),
    (matmul, "C", ("read", 1)),
    (matmul, "C", ("write", 0)),
    (blur, "C", ("read", 0)),
    (blur, "B", "A"),
    (padded, "D", ("read", 0)),
    (in_loop, "C", ("write", 0)),
    (nested, "C", ("read", 0)),
    (symbolic_chain, "C", ("write", 0)),
]
MAPS: dict[str, Callable[..., Any]] = {
    "transposed": lambda i, j: (j, i),
    "tiled": lambda i, j: (i, j // 4, j % 4),
    "tiled unevenly": lambda i, j: (i, j // 5, j % 5),
    "padded in front": lambda i, j: (i, j + 1),
}


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("program, block, buffer", CASES)
def test_layouts(program: Any, block: str, buffer: Any, name: str) -> None:
    sch = Schedule(program, seed=0)
    sch.transform_layout(block, buffer, MAPS[name], pad_value=0.0)
    checked(sch)


@pytest.mark.parametrize("split", [False, True])
def test_padding_by_a_function_of_the_place(split: bool) -> None:
    sch = Schedule(chain, seed=0)
    if split:
        sch.split(sch.get_loops("B")[1], [None, 5])
    sch.transform_layout("B", ("write", 0), lambda i, j: (i, j // 5, j % 5), lambda i, j, k: T.Cast("float32", i + k))
    assert len(sch.get_child_blocks("root")) == (4 if split else 3)
    checked(sch)


def test_padding_in_front_is_filled() -> None:
    sch = Schedule(elementwise, seed=0)
    sch.transform_layout("B", ("write", 0), lambda i, j: (i + 2, j), pad_value=7.0)
    a, b = np.ones((16, 12), np.float32), np.zeros((18, 12), np.float32)
    tensorir.build(sch.mod)(a, b)
    assert (b[:2] == 7).all() and (b[2:] == 2).all()


def test_what_iterations_that_run_at_once_have_for_themselves_takes_a_layout_without_padding() -> None:
    sch = Schedule(own_tiles, seed=0)
    sch.transform_layout("X", ("write", 0), lambda j: (j // 4, j % 4))
    checked(sch)


def looked_up(A: T.Buffer((4, 8), "float32"), D: T.Buffer((4, 8), "float32")) -> None:
    place = T.alloc_buffer((8,), "int32")
    X = T.alloc_buffer((8,), "float32")
    for j in range(8):
        with T.block("place"):
            vj = T.axis.spatial(8, j)
            place[vj] = vj
    for i in T.parallel(4):
        for j in range(8):
            with T.block("X"):
                vi, vj = T.axis.remap("SS", [i, j])
                T.reads(place[vj], A[vi, vj])
                T.writes(X[vj])
                X[place[vj]] = A[vi, vj]
        for j in range(8):
            with T.block("D"):
                vi, vj = T.axis.remap("SS", [i, j])
                D[vi, vj] = X[vj] * T.float32(2)


def test_iterations_of_which_none_is_seen_to_fill_what_it_reads_share_what_is_padded() -> None:
    sch = Schedule(T.prim_func(looked_up), seed=0)
    with pytest.raises(ScheduleError, match="could no longer run at once"):
        sch.transform_layout("X", ("write", 0), lambda j: (j + 1,), pad_value=0.0)


def test_padding_beside_what_is_updated_in_place() -> None:
    @T.prim_func
    def updated(A: T.Buffer((5,), "float32"), Y: T.Buffer((5,), "float32")):
        for i in range(5):
            with T.block("Y"):
                vi = T.axis.spatial(5, i)
                Y[vi] = Y[vi] + A[vi]

    sch = Schedule(updated, seed=0)
    sch.transform_layout("Y", ("write", 0), lambda i: (i + 1,), pad_value=2.0)
    checked(sch)


def test_padding_beside_loops_that_run_at_once() -> None:
    """What the iterations write of one buffer, each a part of it, can be padded after them."""
    sch = Schedule(chain, seed=0)
    sch.parallel(sch.split(sch.get_loops("B")[0], [None, 5])[0])
    for consumer in "CD":
        sch.reverse_compute_at(consumer, sch.get_loops("B")[0])
    sch.transform_layout("B", ("write", 0), lambda i, j: (i, j // 5, j % 5), pad_value=0.0)
    checked(sch)


def test_the_padding_of_an_input_is_assumed() -> None:
    sch = Schedule(chain, seed=0)
    sch.transform_layout("B", "A", MAPS["tiled unevenly"], pad_value=3)
    assert sch.get(sch.get_child_blocks("root")[0]).name_hint == "buffer_A_assumptions"
    checked(sch)


def test_a_reduction_over_padding() -> None:
    sch = Schedule(matmul, seed=0)
    sch.cache_write("C", 0, "global")
    sch.transform_layout("C", ("write", 0), lambda i, j: (i // 5, i % 5, j), pad_value=1.5)
    assert [v.var.name for v in sch.get(sch.get_block("C")).iter_vars] == ["v_axis0", "v_axis1", "v_j", "vk"]
    checked(sch)


def test_layouts_one_after_the_other() -> None:
    sch = Schedule(blur, seed=0)
    sch.transform_layout("B", "A", lambda i, j: (i // 2, i % 2, j))
    sch.transform_layout("B", "A", lambda i, j, k: (i, k, j))
    checked(sch)


def test_what_is_known_to_be_injective() -> None:
    sch = Schedule(chain, seed=0)
    sch.transform_layout("B", ("write", 0), lambda i, j: (i, j ^ (i % 4)), assume_injective_transform=True)
    checked(sch)


def test_an_index_map_with_its_inverse() -> None:
    swizzle = IndexMap.from_func(lambda i, j: (i, j ^ (i % 4)), inverse_index_map=lambda i, j: (i, j ^ (i % 4)))
    sch = Schedule(chain, seed=0)
    sch.transform_layout("B", ("write", 0), swizzle)
    checked(sch)


def test_undo_gives_the_old_interface_back() -> None:
    sch = Schedule(chain, seed=0)
    sch.transform_layout("B", "A", MAPS["transposed"])
    sch.undo()
    assert sch.mod is sch.original
    sch.verify(backend="interpreter")
    sch.redo()
    checked(sch)
    copied = sch.copy()
    copied.transform_layout("D", "D", MAPS["transposed"])
    checked(copied)
    checked(sch)


@pytest.mark.parametrize(
    "index_map",
    [lambda i, j, k: (k, j, i), lambda i, j, k: (i * 19 + j, k), lambda i, j, k: (0, j, i, k, 0)],
)
def test_iterators_of_a_reduction(index_map: Callable[..., Any]) -> None:
    sch = Schedule(matmul, seed=0)
    sch.transform_block_layout("C", index_map)
    checked(sch)


def test_iterators_of_symbolic_extent() -> None:
    sch = Schedule(symbolic, seed=0)
    sch.transform_block_layout("B", lambda i, k: (k // 2, i, k % 2))
    checked(sch)


def test_new_iterators_without_gaps() -> None:
    sch = Schedule(elementwise, seed=0)
    before = sch.mod
    with pytest.raises(ScheduleError, match="counts in steps of 32"):
        sch.transform_block_layout("B", lambda *iters: (*iters[1:], iters[0] * 32))
    assert sch.mod is before


def test_blocks_inside_follow() -> None:
    sch = Schedule(nested, seed=0)
    sch.transform_block_layout("C", lambda i, j: (i * 4 + j,))
    becomes(
        sch,
        """
@T.prim_func
def nested(A: T.Buffer((16, 16), "float32"), D: T.Buffer((16, 16), "float32")):
    for ax0 in range(16):
        with T.block("C"):
            v0 = T.axis.spatial(16, ax0)
            T.reads(A[v0 // 4 * 4 : v0 // 4 * 4 + 4, v0 % 4 * 4 : v0 % 4 * 4 + 4])
            T.writes(D[v0 // 4 * 4 : v0 // 4 * 4 + 4, v0 % 4 * 4 : v0 % 4 * 4 + 4])
            for a, b in T.grid(4, 4):
                with T.block("inner"):
                    va, vb = T.axis.remap("SS", [a, b])
                    D[v0 // 4 * 4 + va, v0 % 4 * 4 + vb] = A[v0 // 4 * 4 + va, v0 % 4 * 4 + vb] * T.float32(2)
""",
    )
