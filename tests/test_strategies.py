"""The random programs themselves: well formed, safe to run, and of every kind they are meant to be of."""

from collections import Counter

import numpy as np
from hypothesis import given
from tensorir import PrimFunc
from tensorir.codegen.interpreter import run
from tensorir.tir.node import Node
from tensorir.tir.stmt import Block, IterType
from tensorir.tir.verify import verify
from tensorir.tir.visit import NODES, walk

from .choices import Choices
from .random_ir import random_function, random_module
from .random_programs import SYMBOLIC, Shape, arrays_for, random_program
from .strategies import functions, modules, programs


@given(programs())
def test_block_programs_are_safe_to_run(func: PrimFunc) -> None:
    verify(func)
    arrays = arrays_for(func)
    outputs = [b.name for b in func.buffers if b.name.startswith("Y") or b.name.startswith("T")]
    before = [a.copy() for a in arrays]
    run(func, *arrays, sanitize=True, check_regions=True, outputs=outputs)
    for buffer, old, new in zip(func.buffers, before, arrays, strict=True):
        if buffer.name not in outputs:
            np.testing.assert_array_equal(old, new)


def test_block_programs_have_all_the_shapes_asked_for() -> None:
    seen: Counter[str] = Counter()
    for seed in range(300):
        func = random_program(Choices.seeded(seed))
        blocks = [n for n in walk(func) if isinstance(n, Block)][1:]
        seen[f"{len(blocks)} blocks"] += 1
        seen["reduction"] += any(iv.iter_type is IterType.REDUCE for b in blocks for iv in b.iter_vars)
        seen["predicate"] += "T.where" in str(func)
        seen["guard"] += "T.if_then_else" in str(func)
        seen["fused"] += "_fused" in str(func)
        seen[func.buffers[0].dtype] += 1
    assert all(count >= 20 for count in seen.values()), seen
    assert len(seen) == 3 + 4 + 6


@given(programs(Shape(symbolic=True, extents=(SYMBOLIC, 4))))
def test_symbolic_programs_are_safe_to_run(func: PrimFunc) -> None:
    verify(func)
    run(func, *arrays_for(func), sanitize=True, check_regions=True)


def test_symbolic_programs_have_variables() -> None:
    shape = Shape(symbolic=True, extents=(SYMBOLIC, 4))
    found = ["n = T.int32()" in str(random_program(Choices.seeded(seed), shape)) for seed in range(50)]
    assert found.count(True) > 25


def test_a_shape_limits_what_is_made() -> None:
    shape = Shape(blocks=1, inputs=1, dims=1, dtypes=("int32",), reductions=False, guards=False, splits=False)
    for seed in range(50):
        func = random_program(Choices.seeded(seed), shape)
        assert len([n for n in walk(func) if isinstance(n, Block)]) == 2
        assert len(func.params) == 2
        assert all(b.ndim == 1 and b.dtype == "int32" for b in func.buffers)
        assert not any(word in str(func) for word in ("T.reduce", "T.where", "T.init", "_fused"))


def test_a_seed_gives_one_program() -> None:
    assert str(random_program(Choices.seeded(7))) == str(random_program(Choices.seeded(7)))
    assert str(random_function(Choices.seeded(7))) == str(random_function(Choices.seeded(7)))


@given(functions())
def test_functions_are_well_formed(func: PrimFunc) -> None:
    verify(func)


@given(modules())
def test_modules_are_well_formed(mod: Node) -> None:
    verify(mod)  # type: ignore[arg-type]


ABSTRACT = {"expr", "binary_op", "cmp_op", "stmt", "node"}


def test_functions_are_of_all_node_kinds() -> None:
    seen: set[type[Node]] = set()
    for seed in range(600):
        mod = random_module(Choices.seeded(seed))
        seen.add(type(mod))
        for func in mod.functions.values():
            seen.update(type(n) for b in func.buffers for n in (b, *b.layout()))
            seen.update(type(n) for n in walk(func))
    missing = {name for name, cls in NODES.items() if cls not in seen} - ABSTRACT
    assert not missing
