"""Conditions inside a statement: finding those that only variables decide, and putting constants for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...tir import expr as ex
from ...tir.arith import Analyzer
from ...tir.arith.stmt import conjuncts, is_lasting
from ...tir.buffer import Range
from ...tir.expr import Call, CommReducer, Expr, IntImm, Not, Or, Select, Var, const
from ...tir.function import PrimFunc
from ...tir.node import Node
from ...tir.stmt import For, ForKind, IfThenElse, LetStmt, Stmt
from ...tir.visit import Rewriter, Visitor, walk


class Conditions(Visitor):
    """Finds the comparisons that `if`, `T.if_then_else` and `T.Select` in a statement hang on.

    found: each comparison that contains neither loads nor calls nor a variable defined inside by a let, with the
    loops of the statement around it, outermost first.
    """

    def __init__(self) -> None:
        self.loops: list[For] = []
        self.defined: set[Var] = set()
        self.found: dict[Expr, tuple[For, ...]] = {}

    def __call__(self, node: Node) -> None:
        if not (isinstance(node, Expr) and _is_plain(node)):
            super().__call__(node)

    def conditions(self, e: Expr) -> None:
        for node in comparisons(e):
            if node not in self.found and is_lasting(node) and not variables(node) & self.defined:
                self.found[node] = tuple(self.loops)

    def visit_for(self, node: For) -> None:
        self(node.min)
        self(node.extent)
        self.loops.append(node)
        self(node.body)
        self.loops.pop()

    def visit_let_stmt(self, node: LetStmt) -> None:
        self.defined.add(node.var)
        self.descend(node)

    def visit_let(self, node: ex.Let) -> None:
        self.defined.add(node.var)
        self.descend(node)

    def visit_comm_reducer(self, node: CommReducer) -> None:
        self.defined.update(node.lhs, node.rhs)
        self.descend(node)

    def visit_if_then_else(self, node: IfThenElse) -> None:
        self.conditions(node.condition)
        self.descend(node)

    def visit_select(self, node: Select) -> None:
        self.conditions(node.condition)
        self.descend(node)

    def visit_call(self, node: Call) -> None:
        if node.op.name == "if_then_else":
            self.conditions(node.args[0])
        self.descend(node)


REMEMBERED = 1 << 14
"""Expressions of which it is remembered whether a condition is in them."""
_plain: dict[Expr, bool] = {}


def _is_plain(e: Expr) -> bool:
    """Whether an expression neither chooses nor defines anything."""
    if isinstance(e, (Var, IntImm)):
        return True
    found = _plain.get(e)
    if found is None:
        if len(_plain) > REMEMBERED:
            _plain.clear()
        chooses = isinstance(e, (Select, ex.Let, CommReducer)) or (isinstance(e, Call) and e.op.name == "if_then_else")
        found = not chooses and all(_is_plain(child) for child in e.children() if isinstance(child, Expr))
        _plain[e] = found
    return found


def comparisons(e: Expr) -> Iterator[Expr]:
    """The scalar comparisons of indices that a condition is made of."""
    for part in conjuncts(e):
        if isinstance(part, Or) and part.dtype.lanes == 1:
            yield from comparisons(part.a)
            yield from comparisons(part.b)
        elif isinstance(part, Not):
            yield from comparisons(part.a)
        elif isinstance(part, ex.CmpOp) and part.a.dtype.is_index and part.dtype.lanes == 1:
            yield part
        elif isinstance(part, Call) and part.op.name == "likely":
            yield from comparisons(part.args[0])


class Decide(Rewriter):
    """Puts constants for comparisons."""

    def __init__(self, decided: Mapping[Expr, Expr]) -> None:
        self.decided = decided

    def visit_cmp_op(self, node: ex.CmpOp) -> Expr:
        found = self.decided.get(node)
        return found if found is not None else node.map_children(self)


def variables(e: Expr) -> set[Var]:
    """The variables of an expression."""
    return {n for n in walk(e) if type(n) is Var}


def size_of(stmt: Stmt) -> int:
    """Statements of a body, with those of unrolled loops counted for each iteration."""
    if isinstance(stmt, For):
        times = stmt.extent.value if stmt.kind is ForKind.UNROLLED and isinstance(stmt.extent, IntImm) else 1
        return 1 + times * size_of(stmt.body)
    return 1 + sum(size_of(child) for child in stmt.children() if isinstance(child, Stmt))


def extents_known(func: PrimFunc) -> Analyzer:
    """An analyzer that knows that the extents of parameters are not negative."""
    analyzer = Analyzer()
    for buffer in func.buffers:
        for extent in buffer.shape:
            if isinstance(extent, Var):
                most = const(extent.dtype.max, extent.dtype)
                analyzer.bind(extent, Range(const(0, extent.dtype), most), allow_override=True)
    return analyzer
