"""Whether blocks leave gaps in what they are said to touch, and whether they touch all that they declare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ..tir.arith.analyzer import Analyzer
from ..tir.arith.iter_map import detect_iter_map
from ..tir.arith.region_bounds import exact_unions
from ..tir.arith.regions import Box, box_contains, box_of, eval_box
from ..tir.buffer import Buffer, BufferLoad, BufferRegion, Range
from ..tir.expr import TRUE, Call, Expr, IntImm, Ramp, Var, all_of, as_expr, const
from ..tir.node import Node
from ..tir.op import OPS
from ..tir.stmt import Block, BlockRealize, BufferStore, For, IfThenElse, Stmt, While
from ..tir.visit import free_vars, substitute, walk


def gapless(an: Analyzer, lows: Sequence[Expr], extents: Sequence[Expr], domains: Mapping[Var, Range]) -> bool:
    """Whether the boxes `low ... low + extent - 1`, as `domains` vary, are shown to fill the least box around them.

    The analyzer knows the domains. One that hangs on another is no side of a box, and may be empty for some values.
    """
    used = {v for low in lows for v in free_vars(low)}
    for var, r in domains.items():
        if any(v in domains for e in (r.min, r.extent) for v in free_vars(e)):
            if var in used or not an.prove(r.extent > 0):
                return False
    return _steps_overlap(an, lows, extents, domains) or _digits_fill(an, lows, extents, domains)


def _steps_overlap(an: Analyzer, lows: Sequence[Expr], extents: Sequence[Expr], domains: Mapping[Var, Range]) -> bool:
    """Each index a sum of loops of its own, each counting in steps no wider than what those below it fill."""
    used: set[Var] = set()
    for low, extent in zip(lows, extents, strict=True):
        steps: list[tuple[int, Expr]] = []
        for key, step in an.normal(low).terms.items():
            if isinstance(key, Var) and key in domains:
                if key in used:
                    return False
                used.add(key)
                steps.append((abs(step), domains[key].extent))
            elif any(v in domains for atom in (key if isinstance(key, tuple) else (key,)) for v in free_vars(atom)):
                return False
        span: Expr | int = extent.value if type(extent) is IntImm else extent
        for step, count in sorted(steps, key=lambda pair: pair[0]):
            if type(span) is int and type(count) is IntImm:
                if span < step:
                    return False
                span += (count.value - 1) * step
            else:
                if any(v in domains for v in free_vars(count)) or not an.prove(span >= as_expr(step, count.dtype)):
                    return False
                span = an.simplify(span + (count - 1) * step)
        if any(v in domains for v in free_vars(extent)):
            return False
    return True


def _digits_fill(an: Analyzer, lows: Sequence[Expr], extents: Sequence[Expr], domains: Mapping[Var, Range]) -> bool:
    """The indices digits of the loops, all combinations of which occur."""
    found = detect_iter_map(lows, domains, analyzer=an)
    return bool(found) and all(
        isinstance(extent, IntImm) and isinstance(arg.scale, int) and 0 < arg.scale <= extent.value
        for total, extent in zip(found.indices, extents, strict=True)
        for arg in total.args
    )


def surely_writes(block: Block, region: BufferRegion) -> bool:
    """Whether an instance writes every element of a region that it declares to write.

    What is written through a pointer or a view is taken to be as declared.
    """
    buffer, body = region.buffer, block.body
    if isinstance(body, BufferStore):
        if body.buffer is not buffer or body.predicate is not None:
            return body.buffer is not buffer
        if all(r.is_point and r.min is i for r, i in zip(region.region, body.indices, strict=True)):
            return True
    if not any(isinstance(n, BufferStore) and n.buffer is buffer for n in walk(block)):
        return True
    an = Analyzer({iv.var: iv.dom for iv in block.iter_vars})
    whole = box_of(an, region.region)
    written: list[Box] = []
    for store in _stores(block, buffer, {}, {}, ()):
        box = _box_of_store(an, store)
        if box is not None:
            written.append(box)
            if box_contains(an, box, whole):
                return True
    return any(box_contains(an, box, whole) for box in exact_unions(an, written))


def surely_reads(block: Block, region: BufferRegion) -> bool:
    """Whether an instance reads the element that it declares to read by a region, whatever else it finds."""
    if not all(r.is_point for r in region.region):
        return False
    wanted = tuple(r.min for r in region.region)

    def reads(node: Node) -> bool:
        if isinstance(node, BufferLoad) and node.buffer is region.buffer and node.predicate is None:
            return all(a is b for a, b in zip(node.indices, wanted, strict=True))
        if isinstance(node, Call) and node.op is OPS["if_then_else"]:
            return reads(node.args[0])
        return not isinstance(node, (For, While, IfThenElse, BlockRealize)) and any(map(reads, node.children()))

    return reads(block.body)


class _Store(NamedTuple):
    """A store: its indices and conditions in terms of loops and of the iterators of the block it is looked for in.

    Attributes
    ----------
    domains: the loops around it, outermost first.
    """

    node: BufferStore
    region: list[Range]
    domains: dict[Var, Range]
    conditions: list[Expr]


def _stores(
    stmt: Stmt, buffer: Buffer, values: Mapping[Var, Expr], domains: dict[Var, Range], conditions: Sequence[Expr]
) -> Iterator[_Store]:
    """The stores to a buffer that no branch can hold back."""
    if isinstance(stmt, (IfThenElse, While)):
        return
    if isinstance(stmt, For):
        domains = {**domains, stmt.loop_var: Range(substitute(stmt.min, values), substitute(stmt.extent, values))}
    elif isinstance(stmt, BlockRealize):
        inner = zip(stmt.block.iter_vars, stmt.iter_values, strict=True)
        conditions = [*conditions, substitute(stmt.predicate, values)]
        values = {**values, **{iv.var: substitute(value, values) for iv, value in inner}}
    elif isinstance(stmt, BufferStore) and stmt.buffer is buffer and stmt.predicate is None:
        yield _Store(stmt, [_range_of(substitute(i, values)) for i in stmt.indices], domains, list(conditions))
    for child in stmt.children():
        if isinstance(child, Stmt):
            yield from _stores(child, buffer, values, domains, conditions)


def _range_of(index: Expr) -> Range:
    """What an index of a store covers: the lanes of a vector, if they are neighbours."""
    if isinstance(index, Ramp) and isinstance(index.stride, IntImm) and index.stride.value == 1:
        return Range(index.base, const(index.lanes, index.base.dtype))
    return Range.point(index)


def _box_of_store(an: Analyzer, store: _Store) -> Box | None:
    """The box that a store is shown to fill, inside the buffer."""
    lows, extents = [r.min for r in store.region], [r.extent for r in store.region]
    if any(low.dtype.lanes > 1 for low in lows):
        return None
    with an.scope():
        for var, domain in store.domains.items():
            an.bind(var, domain, allow_override=True)
        if not gapless(an, lows, extents, store.domains):
            return None
        bounds = zip(lows, extents, store.node.buffer.shape, strict=True)
        inside = [c for low, n, whole in bounds for c in (low >= 0, low + n <= whole)]
        asked = all_of(*store.conditions)
        used = {v for e in (*lows, *extents) for v in free_vars(e)}
        first = {v: r.min for v, r in store.domains.items() if v not in used}
        if asked is not TRUE:
            with an.constraint(all_of(*inside)):
                if not an.prove(substitute(asked, first)):
                    return None
        return eval_box(an, store.region, store.domains)
