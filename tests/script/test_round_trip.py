"""Text and programs are two forms of one thing: what is printed is read back, and printed the same again."""

import pytest
from hypothesis import given, settings
from tensorir import IRModule, PrimFunc, assert_structural_equal, parse
from tensorir.codegen.lower import PASSES
from tensorir.codegen.target import as_target
from tensorir.script import script

from ..choices import Choices
from ..random_ir import random_function, random_module
from ..random_programs import random_program
from ..strategies import functions, modules, programs
from .test_workloads import CASES


def check(program: PrimFunc | IRModule, **options: int) -> None:
    text = script(program, **options)
    read = parse(text)
    assert_structural_equal(read, program)
    assert script(read, **options) == text


@given(programs())
def test_block_programs(program: PrimFunc) -> None:
    check(program)


@settings(max_examples=200)
@given(functions())
def test_functions_of_all_node_kinds(func: PrimFunc) -> None:
    check(func)


@given(modules())
def test_modules_of_all_node_kinds(mod: IRModule) -> None:
    check(mod)


@given(functions())
def test_broken_lines(func: PrimFunc) -> None:
    check(func, width=40)


@pytest.mark.parametrize("func", [f for f, _ in CASES], ids=[f"{f.name}-{i}" for i, (f, _) in enumerate(CASES)])
def test_workloads(func: PrimFunc) -> None:
    check(func)


@pytest.mark.parametrize("func", [f for f, _ in CASES], ids=[f"{f.name}-{i}" for i, (f, _) in enumerate(CASES)])
def test_workloads_at_every_lowering_stage(func: PrimFunc) -> None:
    target = as_target("llvm")
    for step in PASSES:
        func = step(func, target)
        check(func)


@settings(max_examples=30)
@given(programs())
def test_block_programs_at_every_lowering_stage(func: PrimFunc) -> None:
    target = as_target("llvm")
    for step in PASSES:
        func = step(func, target)
        check(func)


@pytest.mark.fuzz
@pytest.mark.parametrize("part", range(20))
def test_many_random_programs(part: int) -> None:
    for seed in range(part * 500, part * 500 + 500):
        check(random_function(Choices.seeded(seed)))
        check(random_module(Choices.seeded(seed)))
        check(random_program(Choices.seeded(seed)))
