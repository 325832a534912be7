"""Random walks over random and fixed programs: every step keeps the meaning, the references, and the text.

The short walks are the same at each run; the long ones, which look for what is new, are not.
"""

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tensorir import Schedule, assert_structural_equal, parse
from tensorir.tir.verify import verify

from ..strategies import Shape, programs
from .block_steps import BLOCK_STEPS
from .buffer_steps import BUFFER_STEPS
from .programs import WALKED
from .walks import BINDINGS, STEPS, walk

STEPS.update(BLOCK_STEPS | BUFFER_STEPS)

SHAPE = Shape(starts=True, updates=True)

# A failing walk is short already, and each try of a smaller one compiles programs.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)


def stepwise(sch: Schedule) -> object:
    """The check after each step: well formed, references right, text round trip."""

    def check(name: str) -> None:
        verify(sch.mod)
        sch.state.check()
        assert_structural_equal(parse(sch.mod.script()), sch.mod)

    return check


@pytest.mark.parametrize("name", WALKED)
@settings(max_examples=12, deadline=None, phases=PHASES, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_fixed_programs(name: str, seed: int) -> None:
    sch = Schedule(WALKED[name], seed=0)
    walk(sch, seed, 10, stepwise(sch))
    sch.verify(trials=1, backend="interpreter", sanitize=True)
    sch.verify(trials=1, backend="llvm")


@settings(max_examples=40, deadline=None, phases=PHASES, derandomize=True)
@given(program=programs(SHAPE), seed=st.integers(0, 2**32))
def test_random_programs(program: object, seed: int) -> None:
    sch = Schedule(program, seed=0)
    walk(sch, seed, 8, stepwise(sch))
    sch.verify(trials=1, backend="interpreter", sanitize=True)
    sch.verify(trials=1, backend="llvm")


@settings(max_examples=20, deadline=None, phases=PHASES, derandomize=True)
@given(program=programs(SHAPE), seed=st.integers(0, 2**32))
def test_random_programs_with_threads(program: object, seed: int) -> None:
    sch = Schedule(program, seed=0)
    walk(sch, seed, 12, stepwise(sch), BINDINGS)
    sch.verify(trials=1, backend="interpreter", sanitize=True)


@pytest.mark.fuzz
@settings(max_examples=10_000, deadline=None)
@given(program=programs(SHAPE), seed=st.integers(0, 2**32), steps=st.integers(1, 25))
def test_long_walks(program: object, seed: int, steps: int) -> None:
    sch = Schedule(program, seed=0)
    walk(sch, seed, steps, stepwise(sch))
    sch.verify(trials=1, backend="interpreter", sanitize=True)
    sch.verify(trials=1, backend="llvm")


@pytest.mark.fuzz
@settings(max_examples=10_000, deadline=None)
@given(program=programs(SHAPE), seed=st.integers(0, 2**32), steps=st.integers(1, 25))
def test_long_walks_with_threads(program: object, seed: int, steps: int) -> None:
    sch = Schedule(program, seed=0)
    walk(sch, seed, steps, stepwise(sch), BINDINGS)
    sch.verify(trials=1, backend="interpreter", sanitize=True)
