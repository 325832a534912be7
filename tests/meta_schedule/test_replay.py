"""Replayed traces make the same programs, with shared prefixes or without; decisions are drawn, kept or given."""

from math import prod
from random import Random

import pytest
import tensorir
from tensorir import assert_structural_equal
from tensorir.meta_schedule.mutators import MUTATORS, mutate
from tensorir.meta_schedule.replay import Replayer, replay
from tensorir.meta_schedule.space import design_space
from tensorir.script import workloads

MATMUL = workloads.matmul(16, 32, 24)


def test_a_kept_prefix_gives_the_same_program() -> None:
    (sketch, *_) = design_space(MATMUL, "llvm")
    make, rng = Replayer(MATMUL, "llvm"), Random(0)
    trace = sketch.trace
    for _ in range(12):
        trace = mutate(trace, rng) or trace
        assert_structural_equal(make(trace).mod, replay(MATMUL, trace, "llvm").mod)
    assert make._kept, "nothing was shared"


def test_decisions_are_recorded_and_hold() -> None:
    (sketch, *_) = design_space(MATMUL, "llvm")
    drawn = replay(MATMUL, sketch.trace, "llvm", rng=Random(3))
    assert_structural_equal(replay(MATMUL, drawn.trace, "llvm").mod, drawn.mod)
    again = replay(MATMUL, sketch.trace, "llvm", rng=Random(3))
    assert_structural_equal(again.mod, drawn.mod)
    step, decision = next((i, d) for i, d in sketch.trace.decisions.items() if len(d) == 4)
    other = [decision[0] * decision[3], 1, 1, 1]
    given = replay(MATMUL, sketch.trace, "llvm", decisions={step: other})
    assert given.trace.insts[step].decision == other


def test_what_is_drawn_does_not_depend_on_what_was_kept() -> None:
    sketches = [s.trace for s in design_space(MATMUL, "llvm")]
    make = Replayer(MATMUL, "llvm")
    for sketch in sketches:
        for seed in (3, 3, 4, 3):
            alone = replay(MATMUL, sketch, "llvm", rng=Random(seed))
            assert list(make(sketch, rng=Random(seed)).trace.decisions.values()) == [*alone.trace.decisions.values()]


def test_a_trace_from_json_makes_the_same_program() -> None:
    for sketch in design_space(MATMUL, "llvm"):
        read = tensorir.Trace.from_json(sketch.trace.dumps())
        assert_structural_equal(replay(MATMUL, read, "llvm").mod, replay(MATMUL, sketch.trace, "llvm").mod)


def test_the_whole_trace_of_a_candidate_applies_by_itself() -> None:
    (sketch, *_) = design_space(MATMUL, "llvm")
    candidate = replay(MATMUL, sketch.trace, "llvm")
    sch = tensorir.Schedule(MATMUL)
    candidate.trace.apply_to(sch)
    assert_structural_equal(sch.mod, candidate.mod)


@pytest.mark.parametrize("name", MUTATORS)
def test_a_mutator_changes_one_decision(name: str) -> None:
    program = workloads.softmax(6, 48) if name == "mutate_compute_location" else MATMUL
    target = "cuda" if name == "mutate_thread_binding" else "llvm"
    traces = [s.trace for s in design_space(program, target)]
    rng = Random(1)
    changed = [(t, MUTATORS[name](t, rng)) for t in traces for _ in range(5)]
    assert any(new is not None for _, new in changed)
    for old, new in changed:
        if new is not None:
            before, after = old.decisions, new.decisions
            assert sum(before[i] != after[i] for i in before) == 1
            if name == "mutate_tile_size":
                (step,) = (i for i in before if before[i] != after[i])
                assert prod(before[step]) == prod(after[step])


def test_nothing_to_mutate() -> None:
    assert mutate(tensorir.Trace(), Random(0)) is None
