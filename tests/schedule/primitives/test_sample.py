"""Sampling: decisions drawn, given, changed and replayed; sizes that are computed with; sampled locations."""

from collections import Counter
from math import prod

import pytest
from tensorir import Schedule, ScheduleError, T, assert_structural_equal
from tensorir.schedule.trace import Trace

from ..programs import chain, elementwise, matmul, row_sum


def tiled(sch: Schedule) -> None:
    """Tile the matmul's loops by sampled factors and vectorise by a computed one."""
    i, j, k = sch.get_loops("C")
    sizes = sch.sample_perfect_tile(i, 2)
    factor = sch.sample_categorical([2, 4], [0.5, 0.5])
    sch.split(i, sizes)
    sch.split(j, [None, factor * 2])
    sch.split(k, [None, (factor + 1) // 2])


@pytest.mark.parametrize("seed", range(6))
def test_the_same_seed_gives_the_same_trace(seed: int) -> None:
    one, two = Schedule(matmul, seed=seed), Schedule(matmul, seed=seed)
    tiled(one)
    tiled(two)
    assert str(one.trace) == str(two.trace)
    assert_structural_equal(one.mod, two.mod)
    one.verify()


def test_traces_replay_with_their_decisions() -> None:
    sch = Schedule(matmul, seed=5)
    tiled(sch)
    for trace in (sch.trace, Trace.from_json(sch.trace.dumps())):
        again = Schedule(matmul, seed=6)
        trace.apply_to(again)
        assert_structural_equal(again.mod, sch.mod)
        assert str(again.trace) == str(sch.trace)
    text = Schedule(matmul, seed=7)
    scope: dict = {"tensorir": __import__("tensorir")}
    exec(sch.trace.as_python(), scope)
    scope["apply_trace"](text)
    assert_structural_equal(text.mod, sch.mod)


def test_another_decision() -> None:
    sch = Schedule(matmul, seed=5)
    tiled(sch)
    step = next(i for i, inst in enumerate(sch.trace.insts) if inst.primitive.name == "sample_categorical")
    changed = Schedule(matmul, seed=0)
    sch.trace.with_decision(step, 1 - sch.trace.decisions[step]).apply_to(changed)
    assert str(changed.trace) != str(sch.trace)
    changed.verify()
    drawn = Schedule(matmul, seed=5)
    sch.trace.apply_to(drawn, decide=lambda inst: None)
    assert str(drawn.trace) == str(sch.trace)


def test_sizes_are_numbers_to_compute_with() -> None:
    sch = Schedule(elementwise, seed=0)
    a, b = sch.sample_perfect_tile(sch.get_loops("B")[0], 2, decision=[4, 4])
    assert [sch.get(x) for x in (a, b, a * b, a + 1, a // 3, a % 3, 20 - b)] == [4, 4, 16, 5, 1, 1, 16]


def test_perfect_tiles() -> None:
    sch = Schedule(elementwise, seed=0)
    i, j = sch.get_loops("B")
    seen = Counter(tuple(map(sch.get, sch.sample_perfect_tile(j, 3, 3))) for _ in range(800))
    ways = {(a, b, c) for a in range(1, 13) for b in range(1, 13) for c in range(1, 4) if a * b * c == 12}
    assert set(seen) == ways
    assert min(seen.values()) > 30


def test_a_decision_for_another_extent_is_fitted() -> None:
    sch = Schedule(elementwise, seed=0)
    i, _ = sch.get_loops("B")
    for decision, fitted in (([3, 5], [1, 16]), ([100, 1], [16, 1]), ([2, 2, 4], [2, 2, 4]), ([8, 3, 2], [1, 8, 2])):
        assert list(map(sch.get, sch.sample_perfect_tile(i, len(decision), decision=decision))) == fitted


def test_partitioned_tiles() -> None:
    sch = Schedule(elementwise, seed=0)
    i, _ = sch.get_loops("B")
    for _ in range(100):
        factors = list(map(sch.get, sch.sample_partitioned_tile(i, 4, 2, 4)))
        assert prod(factors) == 16
        assert prod(factors[2:]) % 4 == 0
    assert list(map(sch.get, sch.sample_partitioned_tile(i, 3, 1, 8, decision=[8, 2, 1]))) == [2, 8, 1]


def test_categorical_follows_the_probabilities() -> None:
    sch = Schedule(elementwise, seed=0)
    seen = Counter(sch.get(sch.sample_categorical([5, 6, 7], [0.7, 0.3, 0.0])) for _ in range(500))
    assert 300 < seen[5] < 400
    assert 7 not in seen


def test_locations_are_the_spatial_loops_around_all_consumers() -> None:
    sch = Schedule(row_sum, seed=0)
    drawn = {sch.trace.insts[-1].decision for _ in range(40) if sch.sample_compute_location("S")}
    assert drawn == {-1, 0}, "a reduction cannot be inlined"
    (i,) = sch.get_loops("B")
    assert sch.get(sch.sample_compute_location("S", decision=0)) is sch.get(i)
    assert sch.get(sch.sample_compute_location("S", decision=7)) is sch.get(i)
    # The consumers of B lie in different nests.
    sch = Schedule(chain, seed=0)
    assert {sch.trace.insts[-1].decision for _ in range(40) if sch.sample_compute_location("B")} == {-2, -1}


def test_a_mark_is_no_loop() -> None:
    sch = Schedule(row_sum, seed=0)
    place = sch.sample_compute_location("S", decision=-1)
    with pytest.raises(ScheduleError, match="stands for a place"):
        sch.get(place)
    with pytest.raises(ScheduleError, match="stands for a place"):
        sch.split(place, [None, 2])
    with pytest.raises(ScheduleError, match="stands for a place"):
        sch.copy().get(place)


def test_unused_samples_are_dropped_from_a_simplified_trace() -> None:
    sch = Schedule(matmul, seed=0)
    sch.sample_categorical([1, 2], [0.5, 0.5])
    tiled(sch)
    names = [inst.primitive.name for inst in sch.trace.simplified().insts]
    assert names.count("sample_categorical") == 1


def test_sizes_of_symbolic_arithmetic_print_as_python() -> None:
    sch = Schedule(elementwise, seed=0)
    i, _ = sch.get_loops("B")
    a, b = sch.sample_perfect_tile(i, 2, decision=[4, 4])
    sch.split(i, [None, T.min(a, b)])
    again = Schedule(elementwise, seed=0)
    Trace.from_json(sch.trace.dumps()).apply_to(again)
    assert_structural_equal(again.mod, sch.mod)
