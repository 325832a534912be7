"""Regions against the interpreter: random programs tell what they touch, and regions are to say that and no more."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from tensorir.codegen.interpreter import register_extern, run
from tensorir.tir.analysis.access import block_access_regions
from tensorir.tir.arith import Analyzer
from tensorir.tir.arith.region_bounds import estimate_region_strict_bound
from tensorir.tir.buffer import Buffer, BufferLoad, BufferRegion
from tensorir.tir.expr import TRUE, Add, Call, Expr, FloorDiv, IntImm, Let, Mul, Sub, Var, as_expr, const
from tensorir.tir.function import PrimFunc
from tensorir.tir.op import OPS
from tensorir.tir.stmt import Block, BlockRealize, BufferStore, Evaluate, For, Stmt, seq
from tensorir.tir.visit import Rewriter, substitute, walk

from ...random_programs import Shape, arrays_for
from ...strategies import programs
from ..arith.brute import value

READ, WRITE = 0, 1
Element = tuple[int, ...]
SHAPE = Shape(dims=2, volume=120, dtypes=("int32",), extents=(1, 2, 3, 4, 6, 8))


@dataclass
class Nest:
    """A block, the loops around it, and what the interpreter saw it touch: by loop values, by kind and buffer."""

    loops: list[For]
    realize: BlockRealize
    touched: dict[Element, dict[tuple[int, Buffer], set[Element]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(set))
    )

    @property
    def variables(self) -> list[Var]:
        return [loop.loop_var for loop in self.loops]

    def below(self, depth: int) -> Stmt:
        """The program under the first loops."""
        return self.loops[depth].body if depth < len(self.loops) else self.loops[-1].body

    def seen(self, depth: int) -> dict[Element, dict[tuple[int, Buffer], set[Element]]]:
        """What is touched in one turn of the first loops."""
        out: dict[Element, dict[tuple[int, Buffer], set[Element]]] = defaultdict(lambda: defaultdict(set))
        for at, kinds in self.touched.items():
            for key, elements in kinds.items():
                out[at[:depth]][key] |= elements
        return out


class Telling(Rewriter):
    """Makes a program tell the elements it touches, by calls of `touch`."""

    def __init__(self) -> None:
        self.loops: list[For] = []
        self.nests: list[Nest] = []
        self.kinds: list[tuple[Nest, int, Buffer]] = []

    def told(self, kind: int, buffer: Buffer, indices: tuple[Expr, ...]) -> Expr:
        nest = self.nests[-1]
        self.kinds.append((nest, kind, buffer))
        values = [const(len(self.kinds) - 1), *nest.variables, *indices]
        return Call(as_expr(0).dtype, OPS["call_extern"], (as_expr("touch"), *values))

    def visit_for(self, node: For) -> Any:
        self.loops.append(node)
        out = node.map_children(self)
        self.loops.pop()
        return out

    def visit_block_realize(self, node: BlockRealize) -> Any:
        if node.block.iter_vars:
            self.nests.append(Nest(list(self.loops), node))
        return node.map_children(self)

    def visit_block(self, node: Block) -> Any:
        init = None if node.init is None else self(node.init)
        return node.replace(body=self(node.body), init=init)

    def visit_buffer_load(self, node: BufferLoad) -> Any:
        return Let(Var("seen"), self.told(READ, node.buffer, node.indices), node.map_children(self))

    def visit_buffer_store(self, node: BufferStore) -> Any:
        told = Evaluate(self.told(WRITE, node.buffer, node.indices))
        return seq(node.replace(value=self(node.value)), told)

    def touch(self, kind: int, *numbers: int) -> int:
        """What programs call."""
        nest, way, buffer = self.kinds[kind]
        depth = len(nest.loops)
        nest.touched[numbers[:depth]][way, buffer].add(numbers[depth:])
        return 0


def bare(realize: BlockRealize) -> BlockRealize:
    """The block without the regions it declares, so that they have to be found."""
    return BlockRealize(realize.iter_values, realize.predicate, realize.block.replace(reads=(), writes=()))


def around(nest: Nest, depth: int, *, declared: bool) -> Block:
    """A block around what lies under the first loops."""
    body: Stmt = nest.realize if declared else bare(nest.realize)
    for loop in reversed(nest.loops[depth:]):
        body = loop.replace(body=body)
    return Block((), (), (), "around", body)


def corners(e: Expr) -> set[Var] | None:
    """The variables of an expression that is greatest and least in corners of their box; None if it may not be."""
    if isinstance(e, (Var, IntImm)):
        return {e} if isinstance(e, Var) else set()
    if isinstance(e, (Add, Sub)) or (isinstance(e, (Mul, FloorDiv)) and isinstance(e.b, IntImm) and e.b.value > 0):
        a, b = corners(e.a), corners(e.b)
        return None if a is None or b is None or a & b else a | b
    return None


def is_tight(nest: Nest, way: int, buffer: Buffer) -> bool:
    """Whether the box around what is touched can be told exactly: no condition, and indices extreme in corners."""
    if nest.realize.predicate is not TRUE:
        return False
    values = dict(zip((iv.var for iv in nest.realize.block.iter_vars), nest.realize.iter_values, strict=True))
    for node in walk(nest.realize.block):
        if isinstance(node, Call) and node.op.name == "if_then_else":
            return False
        if isinstance(node, BufferLoad if way == READ else BufferStore) and node.buffer is buffer:
            if any(corners(substitute(index, values)) is None for index in node.indices):
                return False
    return True


def box(elements: set[Element]) -> list[tuple[int, int]]:
    return [(min(column), max(column)) for column in zip(*elements)]


def region_at(region: BufferRegion, env: dict[Var, int]) -> list[tuple[int, int]]:
    starts = [value(r.min, env) for r in region.region]
    return [(low, low + value(r.extent, env) - 1) for low, r in zip(starts, region.region)]


def check(func: PrimFunc) -> None:
    """Regions hold what is touched in every turn of every loop, and are as small as can be told."""
    telling = Telling()
    body = telling(func.body)
    register_extern("touch", telling.touch)
    run(func.with_body(body), *arrays_for(func))
    for nest in telling.nests:
        assert nest.touched
        for depth in range(len(nest.loops) + 1):
            for declared in (False, True):
                sides = block_access_regions(around(nest, depth, declared=declared))
                for at, kinds in nest.seen(depth).items():
                    check_turn(nest, dict(zip(nest.variables, at)), kinds, sides, declared)
            check_strict(nest, depth)


def check_turn(nest: Nest, env: dict[Var, int], kinds: Any, sides: Any, declared: bool) -> None:
    for (way, buffer), elements in kinds.items():
        found = [region for region in sides[way] if region.buffer is buffer]
        if declared and way == READ and nest.realize.block.init is not None and not found:
            continue
        (region,) = found
        exact, said = box(elements), region_at(region, env)
        assert all(low <= a and b <= high for (a, b), (low, high) in zip(exact, said)), (exact, said)
        if not declared and is_tight(nest, way, buffer):
            assert exact == said, (exact, said)


def check_strict(nest: Nest, depth: int) -> None:
    """What is said to be written in full is written in full, and nothing else is."""
    (write,) = nest.realize.block.writes
    values = dict(zip((iv.var for iv in nest.realize.block.iter_vars), nest.realize.iter_values, strict=True))
    region = substitute(write, values).region
    domains = {loop.loop_var: loop.range for loop in nest.loops[depth:]}
    outer = Analyzer({loop.loop_var: loop.range for loop in nest.loops[:depth]})
    strict = estimate_region_strict_bound(region, domains, nest.realize.predicate, outer)
    if strict is None:
        return
    for at, kinds in nest.seen(depth).items():
        said = region_at(BufferRegion(write.buffer, strict), dict(zip(nest.variables, at)))
        count = 1
        for low, high in said:
            count *= high - low + 1
        elements = kinds[WRITE, write.buffer]
        assert box(elements) == said
        assert len(elements) == count


QUIET = list(HealthCheck)


@given(programs(SHAPE))
@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
def test_regions_say_what_is_touched(func: PrimFunc) -> None:
    check(func)


@pytest.mark.fuzz
@given(programs(SHAPE))
@settings(max_examples=10_000, deadline=None, suppress_health_check=QUIET, database=None)
def test_regions_say_what_is_touched_long(func: PrimFunc) -> None:
    check(func)
