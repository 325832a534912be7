"""`State.replace`: references move with their statements, and only the path is copied."""

from collections.abc import Callable
from typing import Any

import pytest
from tensorir import Schedule, T
from tensorir.schedule.state import State
from tensorir.tir.function import IRModule
from tensorir.tir.node import DELETE
from tensorir.tir.stmt import Block, For, SeqStmt

from .programs import chain, matmul


def loops_of(state: State, name: str) -> list[For]:
    """The loops around the block called `name`."""
    (ref,) = [r for stmt, r in state.srefs.items() if isinstance(stmt, Block) and stmt.name_hint == name]
    return [loop.stmt for loop in ref.loops()]


def test_siblings_are_shared() -> None:
    state = State(IRModule({"main": chain}))
    before = chain.root.body.seq
    loop = state.srefs[before[1]]
    state.replace(loop, loop.stmt.replace(annotations=loop.stmt.annotations.with_("k", 1)))
    after = state.mod["main"].root.body.seq
    assert after[0] is before[0]
    assert after[2] is before[2]
    assert after[1] is not before[1]
    assert after[1].body is before[1].body
    assert state.srefs[after[1]] is loop
    state.check()


def test_deleting_a_nest() -> None:
    state = State(IRModule({"main": chain}))
    first = state.srefs[chain.root.body.seq[0]]
    inner = state.srefs[chain.root.body.seq[0].body]
    state.replace(inner, DELETE)
    body = state.mod["main"].root.body
    assert isinstance(body, SeqStmt)
    assert len(body.seq) == 2
    assert first.removed_at == 0
    assert inner.removed_at == 0
    state.check()


def test_loops_are_recognised_by_their_variable() -> None:
    state = State(IRModule({"main": matmul}))
    i, j, k = (state.srefs[loop] for loop in loops_of(state, "C"))
    swapped = j.stmt.replace(body=i.stmt.replace(body=k.stmt))
    state.replace(i, swapped)
    assert state.srefs[swapped] is j
    assert j.parent is i.parent or j.parent.stmt.name_hint == "root"
    assert i.parent is j
    assert k.parent is i
    state.check()


def test_a_failed_step_leaves_no_trace() -> None:
    sch = Schedule(matmul)
    i, j, k = sch.get_loops("C")
    before, srefs = sch.mod, {stmt: (ref, ref.parent) for stmt, ref in sch.state.srefs.items()}
    journal_user = lambda: sch.state.replace(sch.get_sref(i), DELETE)  # noqa: E731
    sch.state.journal.entries.clear()
    journal_user_failed = False
    try:
        journal_user()
    except Exception:  # noqa: BLE001
        journal_user_failed = True
    sch.state.journal.swap()
    assert journal_user_failed
    assert sch.mod is before
    assert {stmt: (ref, ref.parent) for stmt, ref in sch.state.srefs.items()} == srefs


STEPS = {
    "split": lambda sch, i, j: sch.split(i, [None, 2], preserve_unit_iters=False),
    "split a unit loop": lambda sch, i, j: sch.split(j, [2, 3]),
    "fuse": lambda sch, i, j: sch.fuse(i, j),
    "loop_partition": lambda sch, i, j: sch.loop_partition(i, [2, None], preserve_unit_iters=False),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_block_that_names_loops_keeps_its_handle(step: Callable[..., Any]) -> None:
    @T.prim_func
    def named(A: T.Buffer((5,), "float32"), B: T.Buffer((5, 3), "float32")):
        for i, j in T.grid(5, 1):
            with T.block("outer"):
                T.reads(A[i + j])
                T.writes(B[i + j, 0:3])
                for k in range(3):
                    with T.block("inner"):
                        vi = T.axis.spatial(5, i + j)
                        vk = T.axis.spatial(3, k)
                        B[vi, vk] = A[vi] + T.Cast("float32", vk)

    sch = Schedule(named, seed=0)
    outer, inner = sch.get_block("outer"), sch.get_block("inner")
    step(sch, *sch.get_loops(outer))
    assert sch.get(outer).name_hint.startswith("outer")
    assert sch.get(inner).name_hint.startswith("inner")
    assert [sch.get(b) for b in sch.get_child_blocks(outer)] == [sch.get(inner)]
    sch.state.check()
    sch.verify(backend="interpreter", sanitize=True)


def test_blocks_that_name_merged_loops_keep_their_handles() -> None:
    @T.prim_func
    def two(A: T.Buffer((5,), "float32"), B: T.Buffer((5,), "float32")):
        for i in range(5):
            with T.block("A"):
                T.reads()
                T.writes(A[i])
                A[i] = T.Cast("float32", i)
        for j in range(5):
            with T.block("B"):
                T.reads(A[j])
                T.writes(B[j])
                B[j] = A[j] + T.float32(1)

    sch = Schedule(two, seed=0)
    blocks = [sch.get_block("A"), sch.get_block("B")]
    loop = sch.merge(*(sch.get_loops(b)[0] for b in blocks))
    assert [sch.get(b) for b in sch.get_child_blocks(loop)] == [sch.get(b) for b in blocks]
    sch.state.check()
    sch.verify(backend="interpreter", sanitize=True)
