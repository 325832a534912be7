"""Processes beside the tuner make the candidates that it would make itself; where they end, it does."""

import os
import signal
from random import Random

import numpy as np
import pytest
import tensorir
from tensorir import ScheduleError, Target
from tensorir.meta_schedule.keys import workload
from tensorir.meta_schedule.search.candidate import Candidate, Pool, Wish
from tensorir.meta_schedule.search.makers import Broken, Makers
from tensorir.meta_schedule.space import design_space
from tensorir.script import workloads

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")


def pool_of(function: tensorir.PrimFunc, makers: int) -> Pool:
    """A pool that makes candidates in so many processes, 0 for this one."""
    target = Target("llvm")
    pool = Pool(workload(function), target, design_space(workload(function), target))
    pool.makers = Makers(pool, makers) if makers else None
    return pool


def bred(pool: Pool, seed: int) -> list[Candidate | None]:
    """Some candidates at random, and children of them."""
    rng = Random(seed)
    drawn = pool.make_all([pool.sample(rng) for _ in range(8)], predict=True)
    parents = [c for c in drawn if c is not None]
    wishes = [pool.mutated(rng.choice(parents), rng) for _ in range(8)] + [
        pool.crossed(rng.choice(parents), rng.choice(parents), rng) for _ in range(8)
    ]
    return [*drawn, *pool.make_all([w for w in wishes if w is not None])]


@pytest.mark.parametrize("function", [workloads.matmul(16, 32, 24), workloads.softmax(6, 48)], ids=lambda f: f.name)
def test_candidates_are_the_same_however_many_processes_make_them(function: tensorir.PrimFunc) -> None:
    alone, apart = pool_of(function, 0), pool_of(function, 2)
    try:
        mine, theirs = bred(alone, 3), bred(apart, 3)
        apart.tell([c for c in theirs if c is not None])
        assert [c and c.decisions for c in mine] == [c and c.decisions for c in theirs]
        assert alone.refused == apart.refused
        assert any(c is not None and c.maker is not None for c in theirs)
        for a, b in zip(mine, theirs):
            if a is not None and b is not None:
                assert np.array_equal(a.features, b.features)
                assert (a.text, a.key, a.program) == (b.text, b.key, b.program)
                assert b.mod.script() == b.program
        assert all(a is None or b is None or a.predicted_ms == b.predicted_ms for a, b in zip(mine[:8], theirs[:8]))
    finally:
        apart.close()


def test_a_tuner_whose_processes_are_killed_makes_candidates_itself() -> None:
    pool = pool_of(workloads.matmul(16, 32, 24), 2)
    rng = Random(0)
    first = [c for c in pool.make_all([pool.sample(rng) for _ in range(8)]) if c is not None]
    assert pool.makers is not None
    for worker in pool.makers.workers:
        os.kill(worker.pid, signal.SIGKILL)
    wanted = [Wish(c.source, c.sketch) for c in first]
    pool._recent.clear()
    again = pool.make_all(wanted)
    assert [c and c.decisions for c in again] == [c.decisions for c in first]
    assert pool.makers is None
    pool.tell(first)
    assert first[0].program == first[0].mod.script()


def test_an_error_is_met_again_by_the_tuner(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = pool_of(workloads.matmul(16, 32, 24), 2)

    def fails(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError("in the middle")

    monkeypatch.setattr(pool, "replay", fails)
    rng = Random(0)
    with pytest.raises(ZeroDivisionError, match="in the middle"):
        pool.make_all([pool.sample(rng) for _ in range(8)])
    pool.close()


def test_when_time_is_over_the_rest_is_left() -> None:
    pool = pool_of(workloads.matmul(16, 32, 24), 2)
    rng = Random(0)
    assert pool.make_all([pool.sample(rng) for _ in range(8)], over=lambda: True) == [None] * 8
    pool.close()


def test_an_answer_that_never_comes_is_told() -> None:
    pool = pool_of(workloads.matmul(16, 32, 24), 1)
    assert pool.makers is not None
    pool.makers._start()
    os.kill(pool.makers.workers[0].pid, signal.SIGKILL)
    with pytest.raises(Broken, match="ended"):
        pool.makers.make([pool.request(pool.sample(Random(0)))], False, lambda: False)
    assert not pool.makers.workers


def test_refusals_are_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = pool_of(workloads.softmax(6, 48), 0)

    def refuses(*args: object, **kwargs: object) -> None:
        raise ScheduleError("{0} has {1} turns", pool.mod["main"].root, 7)

    monkeypatch.setattr(pool, "replay", refuses)
    rng = Random(0)
    assert [pool.make(pool.sample(rng)) for _ in range(2)] == [None, None]
    assert pool.refused == {"block `root` has 7 turns": 2}
