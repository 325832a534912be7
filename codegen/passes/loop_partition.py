"""Splits loops where a condition inside changes its value, so that the hot part of a loop carries no guard."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from ...tir import expr as ex
from ...tir.arith.linear import Linear
from ...tir.arith.prove import split
from ...tir.arith.stmt import conjuncts, is_lasting
from ...tir.expr import FALSE, TRUE, Expr, IntImm, Var, const
from ...tir.function import PrimFunc
from ...tir.op import maximum, minimum
from ...tir.stmt import Allocate, AttrStmt, DeclBuffer, For, ForKind, IfThenElse, SeqStmt, Stmt, seq
from ...tir.visit import Rewriter, fresh, substitute
from ..target import Target
from .conditions import Conditions, Decide, extents_known, size_of, variables
from .control import leaves_loop

MAX_PARTS = 4
"""A loop is split into at most so many."""

MAX_GROWTH = 1 << 10
"""Statements that copies may add to a function, unrolled loops counted in full."""


def loop_partition(func: PrimFunc, target: Target) -> PrimFunc:
    """Split serial loops at the iterations where conditions of `if`, `T.if_then_else` and `T.Select` change.

    `for i in range(3): for j in range(16): if i * 16 + j < 37: ...` becomes a loop over the first two `i` without the
    `if`, and the last iteration with it. A parallel loop stays whole, and the statements in it choose by an `if` each.
    Conditions are comparisons linear in the loop's variable; what they say of inner loops is taken at its extremes.
    Vectorized and unrolled loops only lose iterations that do nothing.
    """
    partition = _Partition(func)
    body = partition(func.body)
    if body is func.body:
        return func
    return extents_known(func).simplify_stmt(func.with_body(body))


class Bound(NamedTuple):
    """Where a condition surely has a value: in the iterations below, or not below, `at // divisor`."""

    condition: Expr
    at: Linear
    divisor: int
    below: bool
    value: bool


class _Partition(Rewriter):
    def __init__(self, func: PrimFunc) -> None:
        self.analyzer = extents_known(func)
        self.growth = 0

    def visit_for(self, node: For) -> Stmt:
        self.analyzer.bind(node.loop_var, node.range, allow_override=True)
        if node.kind in (ForKind.SERIAL, ForKind.PARALLEL) and not leaves_loop(node.body):
            parts = self.parts(node)
            if parts is not None:
                return self.chosen(node, parts) if node.kind is ForKind.PARALLEL else self.split(node, parts)
        elif node.kind is not ForKind.THREAD_BINDING:
            node = self.trimmed(node)
        return node.map_children(self)

    def trimmed(self, node: For) -> For:
        """A vectorized or unrolled loop without the iterations at its ends that do nothing."""
        constant = isinstance(node.min, IntImm) and isinstance(node.extent, IntImm)
        if not constant or not isinstance(node.body, IfThenElse) or node.body.else_case is not None:
            return node
        needed = [c for c in conjuncts(node.body.condition) if isinstance(c, ex.CmpOp) and is_lasting(c)]
        bounds = [b for c in needed if c.a.dtype.is_index for b in self.bounds(node, c, ()) if b.at.is_const]
        busy = [p for p in _constant_parts(node, bounds) if not any(p[2].get(c) is FALSE for c in needed)]
        if not busy or (busy[0][0] is node.min and self.analyzer.equal(busy[-1][1], node.min + node.extent)):
            return node
        begin = busy[0][0]
        extent = self.analyzer.simplify(busy[-1][1] - begin)
        body = Decide(busy[0][2])(node.body) if len(busy) == 1 else node.body
        loop: For = node.replace(min=begin, extent=extent, body=body)
        self.analyzer.bind(loop.loop_var, loop.range, allow_override=True)
        return loop

    def parts(self, node: For) -> list[tuple[Expr, Expr, dict[Expr, Expr]]] | None:
        """Begin, end and the conditions decided there, of each part; None where splitting decides nothing."""
        finder = Conditions()
        finder(node.body)
        asking = {c: loops for c, loops in finder.found.items() if node.loop_var in variables(c)}
        for loop in {loop: None for loops in asking.values() for loop in loops}:
            self.analyzer.bind(loop.loop_var, loop.range, allow_override=True)
        bounds = [bound for condition, loops in asking.items() for bound in self.bounds(node, condition, loops)]
        constant = isinstance(node.min, IntImm) and isinstance(node.extent, IntImm)
        if constant and all(b.at.is_const for b in bounds):
            parts = _constant_parts(node, bounds)
        else:
            parts = self.symbolic_parts(node, bounds)
        if len(parts) < 2 or len(parts) > MAX_PARTS or not any(decided for _, _, decided in parts):
            return None
        asked = {condition for _, _, decided in parts for condition in decided}
        size = _copied(node.body, asked) if node.kind is ForKind.PARALLEL else size_of(node.body)
        cost = (len(parts) - 1) * size
        if self.growth + cost > MAX_GROWTH:
            return None
        self.growth += cost
        return parts

    def bounds(self, node: For, condition: Expr, loops: tuple[For, ...]) -> Iterator[Bound]:
        """Where `condition` is surely true and where it is surely false."""
        assert isinstance(condition, ex.CmpOp)
        a, b = self.analyzer.normal(condition.a), self.analyzer.normal(condition.b)
        less, greater = a.add(b, -1), b.add(a, -1)
        # Each row: a form, and the condition's value where the form is negative for all inner iterations.
        rows: list[tuple[Linear, bool]] = {
            ex.LT: [(less, True), (greater.shift(-1), False)],
            ex.LE: [(less.shift(-1), True), (greater, False)],
            ex.GT: [(greater, True), (less.shift(-1), False)],
            ex.GE: [(greater.shift(-1), True), (less, False)],
            ex.EQ: [(less, False), (greater, False)],
            ex.NE: [(less, True), (greater, True)],
        }[type(condition)]
        for form, value in rows:
            found = self.negative_from(node.loop_var, form, loops)
            if found is not None:
                yield Bound(condition, *found, value)

    def negative_from(self, var: Var, form: Linear, loops: tuple[For, ...]) -> tuple[Linear, int, bool] | None:
        """(at, divisor, below): the form is negative for all inner iterations where `var < at // divisor`, or >=."""
        factor, rest = split(form, var)
        if factor is None or not factor.is_const or factor.const == 0:
            return None
        greatest = self.greatest(rest, loops)
        if greatest is None or any(var in variables(atom) for atom in greatest.atoms()):
            return None
        if not var.dtype.min < greatest.const < var.dtype.max:
            return None  # what bounds it is the type alone
        step = factor.const
        if step > 0:  # step * v < -greatest
            return greatest.scale(-1).shift(step - 1), step, True
        return greatest.shift(-step), -step, False  # v >= greatest // -step + 1

    def greatest(self, form: Linear, loops: tuple[For, ...]) -> Linear | None:
        """The greatest value of a form over inner loops, in terms of what is outside of them; None if unknown."""
        inner = {loop.loop_var for loop in loops}
        for loop in reversed(loops):
            factor, rest = split(form, loop.loop_var)
            if factor is None or not factor.is_const:
                return None
            if factor.const:
                low = self.analyzer.normal(loop.min)
                end = low.add(self.analyzer.normal(loop.extent)).shift(-1)
                form = rest.add(end if factor.const > 0 else low, factor.const)
        for key, coefficient in list(form.terms.items()):
            atoms = key if isinstance(key, tuple) else (key,)
            if any(inner & variables(atom) for atom in atoms):
                if isinstance(key, tuple):
                    return None
                low_value, high_value = self.analyzer.const_int_bound(key)
                value = high_value if coefficient > 0 else low_value
                if value in (key.dtype.min, key.dtype.max):
                    return None
                form = form.without(key).shift(int(value) * coefficient)
        return form

    def symbolic_parts(self, node: For, bounds: Iterable[Bound]) -> list[tuple[Expr, Expr, dict[Expr, Expr]]]:
        """Three parts: the middle one, in which all conditions hold that can, and what is before and after it."""
        if node.kind is ForKind.PARALLEL:
            return []
        t = node.loop_var.dtype
        low, high = node.min, node.min + node.extent
        begin, end = low, high
        decided: dict[Expr, Expr] = {}
        for b in bounds:
            if b.condition in decided:
                continue
            at = self.analyzer.simplify(ex.FloorDiv(self.analyzer.build(b.at, t), const(b.divisor, t)))
            # Where a condition fails is worth a part of its own only if that leaves a single iteration over.
            if not b.value and not self.analyzer.equal(at, high - 1 if b.below else low + 1):
                continue
            if b.below:
                end = minimum(end, at)
            else:
                begin = maximum(begin, at)
            decided[b.condition] = TRUE if b.value else FALSE
        if begin is not low:
            begin = self.analyzer.simplify(minimum(begin, high))
        end = self.analyzer.simplify(maximum(begin, end))
        if not decided or (begin is low and self.analyzer.equal(end, high)):
            return []
        parts = [(low, begin, {}), (begin, end, decided), (end, high, {})]
        return [part for part in parts if part[0] is not part[1] and not self.analyzer.equal(part[0], part[1])]

    def split(self, node: For, parts: list[tuple[Expr, Expr, dict[Expr, Expr]]]) -> Stmt:
        out = []
        for begin, end, decided in parts:
            body = fresh(Decide(decided)(node.body))
            extent = self.analyzer.simplify(end - begin)
            if isinstance(extent, IntImm) and extent.value == 1 and not node.annotations:
                out.append(self(substitute(body, {node.loop_var: begin})))
                continue
            var = node.loop_var.replace()
            loop = node.replace(loop_var=var, min=begin, extent=extent, body=substitute(body, {node.loop_var: var}))
            self.analyzer.bind(var, loop.range)
            out.append(loop.map_children(self))
        return seq(*out)

    def chosen(self, node: For, parts: list[tuple[Expr, Expr, dict[Expr, Expr]]]) -> Stmt:
        """The loop with choices between the parts in it, one for each statement that has something to decide."""
        asked = {condition for _, _, decided in parts for condition in decided}

        def choose(stmt: Stmt) -> Stmt:
            if not _asks(stmt, asked):
                return self(stmt)
            if isinstance(stmt, SeqStmt):
                return seq(*map(choose, stmt.seq))
            if isinstance(stmt, (Allocate, AttrStmt, DeclBuffer)):
                return stmt.replace(body=choose(stmt.body))
            return self.choice(node, parts, stmt)

        return node.replace(body=choose(node.body))

    def choice(self, node: For, parts: list[tuple[Expr, Expr, dict[Expr, Expr]]], stmt: Stmt) -> Stmt:
        """What `stmt`, inside the loop, is in the part at hand."""
        out: Stmt | None = None
        for begin, end, decided in reversed(parts):
            part = fresh(Decide(decided)(stmt))
            if self.analyzer.equal(end - begin, 1):
                part = substitute(part, {node.loop_var: begin})
            with self.analyzer.constraint(ex.And(node.loop_var >= begin, node.loop_var < end)):
                part = self(part)
            out = part if out is None else IfThenElse(node.loop_var < end, part, out)
        assert out is not None
        return out


def _asks(stmt: Stmt, conditions: Container[Expr]) -> bool:
    """Whether one of the conditions stands in the statement."""
    finder = Conditions()
    finder(stmt)
    return any(condition in conditions for condition in finder.found)


def _copied(body: Stmt, conditions: Container[Expr]) -> int:
    """Statements of a parallel loop's body that are copied for each of its parts."""
    if not _asks(body, conditions):
        return 0
    if isinstance(body, SeqStmt):
        return sum(_copied(stmt, conditions) for stmt in body.seq)
    return _copied(body.body, conditions) if isinstance(body, (Allocate, AttrStmt, DeclBuffer)) else size_of(body)


def _constant_parts(node: For, bounds: list[Bound]) -> list[tuple[Expr, Expr, dict[Expr, Expr]]]:
    """The parts between all places where some condition's value becomes known or unknown."""
    assert isinstance(node.min, IntImm) and isinstance(node.extent, IntImm)
    low, high = node.min.value, node.min.value + node.extent.value
    places = [(b, b.at.const // b.divisor) for b in bounds]
    cuts = [low, *sorted({at for _, at in places if low < at < high}), high]
    t = node.loop_var.dtype
    parts = []
    for begin, end in pairwise(cuts):
        decided: dict[Expr, Expr] = {}
        surely: dict[Expr, set[bool]] = {}
        for b, at in places:
            if end <= at if b.below else begin >= at:
                surely.setdefault(b.condition, set()).add(b.value)
        for condition, values in surely.items():
            decided[condition] = TRUE if values == {True} else FALSE
        parts.append((const(begin, t), const(end, t), decided))
    return parts
