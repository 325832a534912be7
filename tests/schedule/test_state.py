"""`State.replace`: references move with their statements, and only the path is copied."""

from tensorir import Schedule
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
