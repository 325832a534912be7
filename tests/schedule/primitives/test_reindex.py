"""reindex, reindex_cache_read, reindex_cache_write: copies in the order of a block's iterators."""

from collections.abc import Callable
from typing import Any

import pytest
from tensorir import Schedule, T

from ..checks import becomes, checked
from ..programs import chain, matmul, symbolic
from ..programs_buffers import fewer_turns, in_loop, padded, symbolic_chain

CASES = [
    (chain, "D", "read", 0),
    (chain, "B", "write", 0),
    (matmul, "C", "read", 1),
    (matmul, "C", "write", 0),
    (symbolic, "B", "read", 0),
    (symbolic, "B", "write", 0),
    (padded, "D", "read", 0),
    (in_loop, "D", "read", 0),
    (in_loop, "C", "write", 0),
    (symbolic_chain, "C", "write", 0),
    (fewer_turns, "B", "write", 0),
]


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("program, block, kind, number", CASES)
def test_reindex(program: Any, block: str, kind: str, number: int, split: bool) -> None:
    sch = Schedule(program, seed=0)
    if split:
        sch.split(sch.get_loops(block)[-1], [None, 5])
    sch.reindex(block, (kind, number))
    checked(sch)


def reverse(*indices: Any) -> Any:
    return indices[::-1]


def split_first(first: Any, *others: Any) -> Any:
    return (first // 4, *others, first % 4)


@pytest.mark.parametrize("index_map", [reverse, split_first])
@pytest.mark.parametrize("program, block, kind, number", CASES)
def test_maps(program: Any, block: str, kind: str, number: int, index_map: Callable[..., Any]) -> None:
    sch = Schedule(program, seed=0)
    used = {"matmul": {"read": (1, 2), "write": (0, 1)}, "symbolic": {"read": (0, 1), "write": (0,)}}
    used["fewer_turns"] = {"write": (0,)}
    places = used.get(program.name, {}).get(kind, (0, 1))
    sch.split(sch.get_loops(block)[-1], [None, 3])
    step = sch.reindex_cache_read if kind == "read" else sch.reindex_cache_write
    count = len(sch.get(sch.get_block(block)).iter_vars)
    names = [f"i{k}" for k in range(count)]
    chosen = ", ".join(names[k] for k in places)
    mapped = eval(f"lambda {', '.join(names)}: index_map({chosen})", {"index_map": index_map})
    step(block, number, "local", mapped)
    checked(sch)


def test_the_order_of_a_transposed_operand() -> None:
    sch = Schedule(matmul, seed=0)
    sch.reindex("C", ("read", 1))
    sch.transform_layout("C", ("read", 1), lambda j, k: (k, j))
    checked(sch)


def test_the_copy_keeps_to_the_domain_of_split_loops() -> None:
    sch = Schedule(matmul, seed=0)
    i, _, _ = sch.get_loops("C")
    sch.split(i, [None, 5])
    copy = sch.reindex_cache_read("C", 0, "local", lambda i, j, k: (k, i))
    assert str(sch.state.realize(sch.get_sref(copy)).predicate) == "i_0 * 5 + i_1 < 17"
    checked(sch)


def test_skewed_indices_are_told_apart() -> None:
    sch = Schedule(chain, seed=0)
    sch.reindex_cache_read("C", 0, "local", lambda i, j: (i, i + j))
    checked(sch)


def test_outside_of_the_buffer_the_copy_holds_zeros() -> None:
    sch = Schedule(shifted, seed=0)
    sch.reindex("B", ("read", 0))
    becomes(
        sch,
        """
@T.prim_func
def shifted(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
    A_reindex = T.alloc_buffer((16,), "float32")
    for ax0 in range(16):
        with T.block("A_reindex"):
            v0 = T.axis.spatial(16, ax0)
            A_reindex[v0] = T.if_then_else(1 <= v0, A[v0 - 1], T.float32(0))
    for i in range(16):
        with T.block("B"):
            vi = T.axis.spatial(16, i)
            B[vi] = T.if_then_else(vi >= 1, A_reindex[vi], T.float32(5))
""",
    )


@T.prim_func
def shifted(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
    for i in range(16):
        with T.block("B"):
            vi = T.axis.spatial(16, i)
            B[vi] = T.if_then_else(vi >= 1, A[vi - 1], T.float32(5))


@pytest.mark.parametrize("mapped", [False, True])
def test_a_block_reads_a_copy_of_what_it_overwrites(mapped: bool) -> None:
    @T.prim_func
    def in_place(A: T.Buffer((8, 9), "float32"), C: T.Buffer((9, 8), "float32")):
        for i, j in T.grid(9, 8):
            with T.block("A"):
                vi, vj = T.axis.remap("SS", [i, j])
                A[vj, vi] = A[vj, vi] * C[vi, vj]

    sch = Schedule(in_place, seed=0)
    if mapped:
        sch.reindex_cache_read("A", 0, "local", lambda i, j: (j, i))
    else:
        sch.reindex("A", ("read", 0))
    (written,) = sch.get(sch.get_block("A")).writes
    assert written.buffer.name == "A"
    checked(sch)
