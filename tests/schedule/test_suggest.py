"""Suggestions: what they call legal is legal, what they refuse is refused, and asking changes nothing."""

import pytest
from tensorir import Schedule, ScheduleError
from tensorir.schedule.primitive import REGISTRY

from .programs import chain, elementwise, matmul, symbolic


@pytest.mark.parametrize("program", [matmul, chain, symbolic], ids=lambda f: f.name)
@pytest.mark.parametrize("depth", [None, 0, 1])
def test_what_is_called_legal_is_legal(program: object, depth: int | None) -> None:
    sch = Schedule(program, seed=0)
    block = sch.get_child_blocks("root")[0]
    target = block if depth is None else sch.get_loops(block)[depth]
    before, steps = sch.mod, len(sch.trace)
    found = sch.suggest(target)
    assert sch.mod is before
    assert len(sch.trace) == steps
    assert found.legal
    for step in found.legal:
        step.apply(sch)
        sch.state.check()
        sch.undo()
    assert sch.mod is before


def test_every_primitive_is_accounted_for() -> None:
    sch = Schedule(chain, seed=0)
    both = [sch.suggest("C"), sch.suggest(sch.get_loops("C")[0])]
    named = {x.primitive for found in both for x in (*found.legal, *found.refused)}
    named |= {text.split("(")[0] for found in both for text in found.untried}
    changing = {name for name, p in REGISTRY.items() if not p.pure and not p.postproc}
    assert not changing - named - {"tensorize"}


def test_refusals_say_why() -> None:
    found = Schedule(matmul, seed=0).suggest("C")
    text = str(found)
    assert "compute_inline('C'): block `C` writes buffer `C`, which belongs to the function's parameters" in text
    assert "legal:\n  reorder_block_iter_var('C', [2, 1, 0])" in text


def test_loops_of_one_name_are_told_apart() -> None:
    sch = Schedule(chain, seed=0)
    assert "merge(i, sch.get_loops('D')[0])" in str(sch.suggest(sch.get_loops("C")[0]))


def test_asking_by_name_leaves_no_trace() -> None:
    sch = Schedule(elementwise, seed=0)
    sch.suggest("B")
    assert len(sch.trace) == 0
    sch.undo(0)


def test_what_is_no_handle() -> None:
    with pytest.raises(ScheduleError, match="for a block or a loop"):
        Schedule(elementwise, seed=0).suggest(3)
