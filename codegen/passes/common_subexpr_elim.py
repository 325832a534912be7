"""Names expressions that a function computes more than once, so that each is computed once where it is needed."""

from __future__ import annotations

from typing import Any

from ...tir import expr as ex
from ...tir.expr import BinaryOp, Call, Cast, CmpOp, Expr, FloatImm, IntImm, Let, Select, Var
from ...tir.function import PrimFunc
from ...tir.node import Node
from ...tir.op import Domain, Effect, Intrinsic
from ...tir.stmt import LetStmt, SeqStmt, Stmt, seq
from ...tir.visit import Rewriter, walk_unique
from ..target import Target

Place = tuple[int, ...]
"""Where a statement stands: which child of which child of the function's body, from the outside in."""

LEAST_COST = 2
"""Operations below which an expression is not worth a name."""

CALL_COST = 8
"""What a call of a function counts for."""

_LEAVES = (Var, IntImm, FloatImm)
_DIVISIONS = (ex.FloorDiv, ex.FloorMod, ex.Div, ex.Mod)


def common_subexpr_elim(func: PrimFunc, target: Target) -> PrimFunc:
    """Bind every expression with two uses and more to a variable, just outside the statements that use it.

    Only scalar arithmetic is named: loads may see different memory, what could fault must stay where it is
    evaluated, and vectors of indices are what tells a backend how to load. Expressions are interned, so a repeated
    one is a node with several parents. The LLVM backend does this while it emits code, with an eye on registers, so
    its programs are left as they are; so are a GPU's, whose compiler does.
    """
    return func if target.kind == "llvm" or target.is_gpu else eliminate(func)


def eliminate(func: PrimFunc) -> PrimFunc:
    """The pass itself, whatever the target."""
    uses = _Uses()
    uses.bound = {n.var for n in walk_unique(func.body) if isinstance(n, Let)}
    uses.statement(func.body, ())
    lets = _lets(uses)
    return func.with_body(_Bind(lets).statement(func.body, ())) if lets else func


class _Uses:
    """The uses of expressions: statements in which they stand, and expressions of which they are operands.

    places: of each movable expression, the statements that use it other than through a movable one.
    parents: of each movable expression, the movable expressions it is an operand of.
    bound: variables that an expression defines, outside of which nothing that mentions them may go.
    """

    def __init__(self) -> None:
        self.places: dict[Expr, list[Place]] = {}
        self.parents: dict[Expr, list[Expr]] = {}
        self.costs: dict[Expr, int] = {}
        self.nodes: dict[Place, Stmt] = {}
        self.bound: set[Var] = set()

    def statement(self, stmt: Stmt, place: Place) -> None:
        self.nodes[place] = stmt
        for k, child in enumerate(stmt.children()):
            if isinstance(child, Stmt):
                self.statement(child, (*place, k))
            else:
                self.expression(child, place)

    def expression(self, e: Node, place: Place) -> None:
        if isinstance(e, _LEAVES):
            return
        if isinstance(e, Expr) and self.cost(e) is not None:
            known = e in self.places
            self.places.setdefault(e, []).append(place)
            if not known:
                self.operands(e)
            return
        for child in e.children():
            self.expression(child, place)

    def operands(self, e: Expr) -> None:
        for child in e.children():
            if not isinstance(child, _LEAVES):
                known = child in self.places
                self.places.setdefault(child, [])
                self.parents.setdefault(child, []).append(e)
                if not known:
                    self.operands(child)

    def cost(self, e: Expr) -> int | None:
        """The operations of an expression that may be evaluated earlier than it stands; None for others."""
        found = self.costs.get(e, -1)
        if found == -1:
            found = self.costs[e] = self._cost(e)  # type: ignore[assignment]
        return found

    def _cost(self, e: Expr) -> int | None:
        if isinstance(e, _LEAVES):
            return None if e.dtype.is_handle or e in self.bound else 0
        if e.dtype.lanes > 1 or not _is_movable(e):
            return None
        total = CALL_COST if isinstance(e, Call) else 1
        for child in e.children():
            cost = self.cost(child)
            if cost is None:
                return None
            total += cost
        return total


def _is_movable(e: Expr) -> bool:
    if isinstance(e, _DIVISIONS) and not e.dtype.is_float:
        return isinstance(e.b, IntImm) and e.b.value != 0
    if isinstance(e, Call):
        pure = isinstance(e.op, Intrinsic) and e.op.effect is Effect.PURE and e.op.domain is not Domain.ANY
        return pure and not e.op.name.startswith("shift") and (e.op.name != "pow" or e.dtype.is_float)
    return isinstance(e, (BinaryOp, Cast, Select, ex.Not)) and not isinstance(e, CmpOp)


def _lets(uses: _Uses) -> dict[Place, list[tuple[Var, Expr]]]:
    """The definitions to put at each place, operands first."""
    at: dict[Expr, Place] = {}

    def place_of(e: Expr) -> Place:
        if e not in at:
            at[e] = _meeting([*uses.places[e], *(place_of(p) for p in uses.parents.get(e, ()))], uses.nodes)
        return at[e]

    lets: dict[Place, list[tuple[Var, Expr]]] = {}
    for e in uses.places:
        cost = uses.cost(e)
        if cost is not None and cost >= LEAST_COST and len(uses.places[e]) + len(uses.parents.get(e, ())) > 1:
            name = f"cse_{sum(map(len, lets.values())) + 1}"
            lets.setdefault(place_of(e), []).append((Var(name, e.dtype), e))
    for group in lets.values():
        group.sort(key=lambda let: uses.costs[let[1]])
    return lets


def _meeting(places: list[Place], nodes: dict[Place, Stmt]) -> Place:
    """The innermost statement around all places; in a sequence, the first of its statements that holds one."""
    first, last = min(places), max(places)
    common = 0
    while common < min(len(first), len(last)) and first[common] == last[common]:
        common += 1
    place = first[:common]
    return first[: common + 1] if isinstance(nodes[place], SeqStmt) else place


class _Bind(Rewriter):
    """Puts the definitions in and the variables for their expressions."""

    def __init__(self, lets: dict[Place, list[tuple[Var, Expr]]]) -> None:
        self.lets = lets
        self.names: dict[Any, Expr] = {e: var for group in lets.values() for var, e in group}

    def __call__(self, node: Any) -> Any:
        if not isinstance(node, Expr):
            return super().__call__(node)
        found = self.names.get(node)
        if found is None:
            found = self.names[node] = super().__call__(node)
        return found

    def statement(self, stmt: Stmt, place: Place) -> Stmt:
        """A statement, and what follows it in its sequence, under the definitions made there."""
        if isinstance(stmt, SeqStmt):
            rest: Stmt | None = None
            for k, child in reversed(list(enumerate(stmt.seq))):
                rest = self.defined(seq(self.rebuilt(child, (*place, k)), rest), (*place, k))
            assert rest is not None
            return self.defined(rest, place)
        return self.defined(self.rebuilt(stmt, place), place)

    def rebuilt(self, stmt: Stmt, place: Place) -> Stmt:
        """A statement with its parts rebuilt, without the definitions around it."""
        parts = iter(range(len(stmt.children())))

        def part(child: Any) -> Any:
            k = next(parts)
            return self.statement(child, (*place, k)) if isinstance(child, Stmt) else self(child)

        out: Stmt = stmt.map_children(part)
        return out

    def defined(self, body: Stmt, place: Place) -> Stmt:
        """`body` under the definitions made at `place`."""
        for var, e in reversed(self.lets.get(place, ())):
            body = LetStmt(var, e.map_children(self), body)
        return body
