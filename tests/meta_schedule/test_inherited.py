"""What was fast for other shapes is tried first, with tiles that fit."""

from math import prod
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tensorir import Schedule, Target, tune
from tensorir.meta_schedule import keys
from tensorir.meta_schedule.database import Database, TaskKey
from tensorir.meta_schedule.search.candidate import Pool
from tensorir.meta_schedule.search.inherited import fitted_tile, inherited
from tensorir.meta_schedule.space import design_space
from tensorir.script import workloads

from .replayed import ReplayedRunner, by_length

LLVM = Target("llvm")


@given(st.lists(st.integers(1, 64), min_size=1, max_size=4), st.integers(1, 4096))
def test_a_fitted_tile_divides_the_loop(factors: list[int], extent: int) -> None:
    found = fitted_tile(factors, extent)
    assert prod(found) == extent and len(found) == len(factors)
    assert all(mine <= theirs for mine, theirs in zip(found[1:], factors[1:]))
    assert fitted_tile(factors, prod(factors)) == factors
    assert fitted_tile(found, extent) == found


def tiles(sch: Schedule) -> None:
    """A small space for products of matrices."""
    i, j, _ = sch.get_loops("C")
    i0, i1 = sch.split(i, sch.sample_perfect_tile(i, n=2, max_innermost_factor=16))
    j0, j1 = sch.split(j, sch.sample_perfect_tile(j, n=2, max_innermost_factor=64))
    sch.reorder(i0, j0, i1, j1)


def test_the_fastest_of_another_shape_is_tried_first(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    known = {"runner": ReplayedRunner(by_length), "cost_model": "random", "default_first": False, "batch": 8}
    first, second = workloads.matmul(64, 32, 48), workloads.matmul(128, 32, 24)

    def tried(database: Path, **options: Any) -> list[str]:
        tune(second, LLVM, trials=8, space=tiles, database=database, **known, **options)
        with Database(database) as opened:
            return [record.key for record in opened.records(TaskKey.of(second, LLVM))]

    tune(first, LLVM, trials=12, space=tiles, database=path, **known)
    tune(workloads.relu(64, 64), LLVM, trials=3, strategy="random", database=path, **known)
    with Database(path) as database:
        best = {record.key for record in database.top_k(TaskKey.of(first, LLVM), 4)}
        others = database.others(TaskKey.of(second, LLVM), 4)
    assert len(best) == 4 and best < {record.key for record in others}
    module = keys.workload(second)
    pool = Pool(module, LLVM, design_space(module, LLVM, rules=tiles))
    wishes = inherited(pool, [record.trace for record in others])
    assert len(wishes) == 4, "what is fast for another operator says nothing"
    expected = {made.key for wish in wishes if (made := pool.make(wish)) is not None}
    taught, alone = tried(path), tried(tmp_path / "alone.db")
    assert expected and set(taught[: len(expected)]) == expected and len(taught) == 8
    assert set(alone[: len(expected)]) != expected
