"""Simplification of statements: every expression under the ranges of the loops and the conditions around it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..buffer import Buffer, BufferLoad, Range
from ..expr import FALSE, TRUE, And, Call, Expr, IntImm, Not, const
from ..node import DELETE
from ..stmt import Block, BlockRealize, Evaluate, For, IfThenElse, IterVar, LetStmt, Stmt
from ..visit import Rewriter, walk_unique

if TYPE_CHECKING:
    from .analyzer import Analyzer


def simplify_stmt(an: Analyzer, stmt: Any) -> Any:
    """`stmt` simplified: branches that are never taken and loops that never run are dropped.

    Loop variables and block iterators stay bound in the analyzer. Facts that hang on memory hold only inside an
    expression, since a store may change them. A statement of which nothing is left becomes one that does nothing.
    """
    out = _Simplify(an)(stmt)
    return Evaluate(const(0)) if out is DELETE else out


class _Simplify(Rewriter):
    def __init__(self, an: Analyzer) -> None:
        self.an = an

    def __call__(self, node: Any) -> Any:
        return self.an.simplify(node) if isinstance(node, Expr) else super().__call__(node)

    def visit_buffer(self, node: Buffer) -> Buffer:
        return node

    def visit_for(self, node: For) -> Any:
        low, extent = self(node.min), self(node.extent)
        if isinstance(extent, IntImm) and extent.value <= 0:
            return DELETE
        self.an.bind(node.loop_var, Range(low, extent), allow_override=True)
        body = self(node.body)
        if body is DELETE:
            return DELETE
        if low is node.min and extent is node.extent and body is node.body:
            return node
        return node.replace(min=low, extent=extent, body=body)

    def visit_iter_var(self, node: IterVar) -> IterVar:
        dom = self(node.dom)
        self.an.bind(node.var, dom, allow_override=True)
        return node if dom is node.dom else IterVar(dom, node.var, node.iter_type)

    def visit_block_realize(self, node: BlockRealize) -> Any:
        values = tuple(map(self, node.iter_values))
        predicate = self(node.predicate)
        if predicate is FALSE:
            return DELETE
        block = self.visit_block(node.block)
        if block is node.block and predicate is node.predicate and all(map(_is, values, node.iter_values)):
            return node
        return BlockRealize(values, predicate, block)

    def visit_block(self, node: Block) -> Block:
        # A block stays even where nothing is left of its body: schedules and passes refer to it.
        out = node.map_children(self)
        return node if out is DELETE else out

    def visit_let_stmt(self, node: LetStmt) -> Any:
        value = self(node.value)
        if value.dtype.is_integral and value.dtype.lanes == 1:
            low, high = self.an.const_int_bound(value)
            if not (low == value.dtype.min and high == value.dtype.max):
                self.an.bind(node.var, Range(*_number(value, low, high - low + 1)), allow_override=True)
        body = self(node.body)
        if body is DELETE:
            return DELETE
        return node if value is node.value and body is node.body else LetStmt(node.var, value, body)

    def visit_if_then_else(self, node: IfThenElse) -> Any:
        condition = self(node.condition)
        if condition is TRUE:
            return self(node.then_case)
        if condition is FALSE:
            return DELETE if node.else_case is None else self(node.else_case)
        then_case = self.under(condition, node.then_case)
        else_case = None if node.else_case is None else self.under(Not(condition), node.else_case)
        if else_case is DELETE:
            else_case = None
        if then_case is DELETE:
            return DELETE if else_case is None else IfThenElse(self.an.simplify(Not(condition)), else_case)
        if condition is node.condition and then_case is node.then_case and else_case is node.else_case:
            return node
        return IfThenElse(condition, then_case, else_case)

    def under(self, condition: Expr, stmt: Stmt) -> Any:
        """`stmt` simplified where `condition` holds."""
        facts = [part for part in conjuncts(condition) if is_lasting(part)]
        if not facts:
            return self(stmt)
        fact = facts[0]
        for part in facts[1:]:
            fact = And(fact, part)
        with self.an.constraint(fact):
            return self(stmt)


def _is(a: Any, b: Any) -> bool:
    return a is b


def _number(like: Expr, low: int, extent: int) -> tuple[Expr, Expr]:
    return IntImm(like.dtype, low), IntImm(like.dtype, min(extent, int(like.dtype.max)))


def conjuncts(e: Expr) -> Iterator[Expr]:
    """The conditions joined by `and`."""
    if isinstance(e, And) and e.dtype.lanes == 1:
        yield from conjuncts(e.a)
        yield from conjuncts(e.b)
    else:
        yield e


def is_lasting(e: Expr) -> bool:
    """Whether the value of an expression depends on variables alone."""
    return not any(isinstance(node, (BufferLoad, Call)) for node in walk_unique(e))
