"""Reads a program both ways: as text, and as a decorated function whose source Python was given."""

import itertools
import linecache
from typing import Any

import tensorir
from tensorir.script import ir as I
from tensorir.script import tir as T
from tensorir.tir.function import IRModule, PrimFunc
from tensorir.tir.same import assert_structural_equal

_count = itertools.count()


def decorated(text: str, **names: Any) -> Any:
    """What Python makes of `text`, whose last definition is a program, with `names` as its globals."""
    filename = f"<program {next(_count)}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    scope: dict[str, Any] = {"T": T, "I": I, "tir": T, "__name__": "program", **names}
    exec(compile(text, filename, "exec"), scope)
    return [v for v in scope.values() if isinstance(v, (PrimFunc, IRModule))][-1]


def both_ways(text: str, **names: Any) -> Any:
    """The program of `text`, having checked that the two ways agree and that its own text gives it back."""
    program = tensorir.parse(text, extra_vars=names)
    assert_structural_equal(decorated(text, **names), program)
    printed = program.script()
    again = tensorir.parse(printed)
    assert_structural_equal(again, program)
    assert again.script() == printed
    return program
