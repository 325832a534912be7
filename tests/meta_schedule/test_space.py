"""Sketches of every operator make programs that compute the same, whatever is decided; what a space is made by."""

import pytest

from .candidates import PROGRAMS, candidates, symbols_of


@pytest.mark.parametrize("name", PROGRAMS)
def test_candidates_compute_the_same(name: str) -> None:
    program = PROGRAMS[name]()
    symbols = symbols_of(program)
    found = list(candidates(program, "llvm", seeds=1, mutations=1))
    if len(found) > 6:  # one of each sketch: in turn its own decisions, random ones, and mutated ones
        found = [found[i] for i in range(len(found)) if i % 3 == i // 3 % 3][:4]
    for number, candidate in enumerate(found):
        backend = "llvm" if number % 4 else "interpreter"
        candidate.verify(trials=1, backend=backend, sanitize=backend == "interpreter", **symbols)


@pytest.mark.fuzz
@pytest.mark.parametrize("name", PROGRAMS)
def test_many_candidates_compute_the_same(name: str) -> None:
    program = PROGRAMS[name]()
    symbols = symbols_of(program)
    for candidate in candidates(program, "llvm", seeds=20, mutations=6):
        candidate.verify(trials=1, backend="llvm", **symbols)
        candidate.verify(trials=1, backend="interpreter", sanitize=True, **symbols)
        candidate.state.check()
