"""Text and programs are two forms of one thing: parse(print(x)) is x, and print(parse(print(x))) is print(x)."""

from typing import Any

import pytest
import tensorir
from hypothesis import HealthCheck, given, settings
from tensorir.tir.same import assert_structural_equal

from ..strategies import functions, modules, programs

LONG = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
SHORT = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def check(program: Any) -> None:
    text = program.script()
    again = tensorir.parse(text)
    assert_structural_equal(again, program)
    assert again.script() == text


@SHORT
@given(module=modules())
def test_modules(module: Any) -> None:
    check(module)


@SHORT
@given(function=functions())
def test_functions(function: Any) -> None:
    check(function)


@SHORT
@given(program=programs())
def test_block_programs(program: Any) -> None:
    check(program)


@pytest.mark.fuzz
@LONG
@given(module=modules())
def test_modules_at_length(module: Any) -> None:
    check(module)


@pytest.mark.fuzz
@LONG
@given(function=functions())
def test_functions_at_length(function: Any) -> None:
    check(function)
