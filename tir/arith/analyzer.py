"""The analyzer: what can be known about integer and bool expressions, given ranges of variables and constraints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from ..buffer import BufferLoad, Range
from ..dtype import DType
from ..errors import UserError
from ..expr import FALSE, TRUE, Call, Div, Expr, FloorDiv, FloorMod, IntImm, Mod, Var, as_expr
from ..node import Node
from ..visit import free_vars, walk_unique
from . import assume, bounds, build, divide, explain, merge, minmax, modular, normal, pattern, prove, rewrite
from .bounds import ConstIntBound
from .context import Context, Interval
from .deep import deeply
from .explain import Explanation
from .linear import Linear
from .modular import ModularSet

if TYPE_CHECKING:
    from .interval import IntervalSet

S = TypeVar("S", bound=Node)


class CompareResult(Enum):
    """How two expressions compare, as far as it is known."""

    EQ = "=="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    NE = "!="
    UNKNOWN = "unknown"


NESTED_PROOFS = 3
"""How deep proofs may nest."""


class Analyzer:
    """Simplifies, bounds and proves integer expressions: never claims what is false, may fail to see what is true.

    Signed 32 and 64 bit arithmetic is exact: where the exact value of an expression of the program does not fit its
    type, the program has no meaning and nothing is claimed. Unsigned and narrower integers wrap. So does a division
    by zero have no meaning. Floating-point expressions are never reassociated. A variable is only known to fit its
    type until it is bound: bind the extents of buffers from 0 or 1 where that is wanted.

    Facts about bound variables are facts inside their range: with `i` bound to `Range(0, n)` nothing follows where
    `n` is 0, for there is no such `i`.

    Results are memoised per expression, which is interned: asking again is one lookup.
    """

    def __init__(self, ranges: Mapping[Var, Any] | None = None) -> None:
        self.context = Context()
        self.proving = 0
        for var, value in (ranges or {}).items():
            self.bind(var, value)

    # What a user calls.

    def bind(self, var: Var, value: Any, allow_override: bool = False) -> None:
        """Say that `var` lies in a `Range`, or equals an expression.

        Raises
        ------
        UserError: `var` is bound already and `allow_override` is not set.
        """
        context = self.context
        if var in context.intervals or var in context.ranges or var in context.values:
            if not allow_override:
                raise UserError(f"variable `{var.name}` is bound already; pass allow_override=True to bind it anew")
            for table in (context.intervals, context.ranges, context.values):
                if var in table:
                    context.remove(table, var)
        if var in context.order or var in context.simplified:
            context.forget()
        if not isinstance(value, Range):
            context.set(context.values, var, self.simplify(as_expr(value, var.dtype)))
            return
        if type(value.min) is IntImm and type(value.extent) is IntImm:
            first = value.min.value
            if var not in context.order:
                context.order[var] = (len(context.order), len(context.order))
            context.set(context.intervals, var, (first, first + value.extent.value - 1))
            return
        low, extent = self.normal(value.min), self.normal(value.extent)
        high = self.merged(low.add(extent).shift(-1))
        if extent.is_const and extent.const == 1 and not low.is_const:
            context.set(context.values, var, self.build(low, var.dtype))
            return
        context.rank(var)
        context.set(context.intervals, var, (self.bound_of(low)[0], self.bound_of(high)[1]))
        if not (low.is_const and high.is_const):
            context.set(context.ranges, var, (low, high))

    @contextmanager
    def scope(self) -> Iterator[None]:
        """A scope at whose end all that was bound or assumed in it is forgotten."""
        token = self.context.enter()
        try:
            yield
        finally:
            self.context.leave(token)

    @contextmanager
    def branch(self) -> Iterator[None]:
        """A scope for a part of an expression under one of its own conditions."""
        with self.scope():
            self.context.branches += 1
            try:
                yield
            finally:
                self.context.branches -= 1

    @contextmanager
    def constraint(self, condition: Any) -> Iterator[None]:
        """A scope in which the bool expression `condition` holds."""
        with self.scope():
            self.assume(as_expr(condition))
            yield

    def assume(self, condition: Expr) -> None:
        """Take a condition to hold from now on, until the end of the scope."""
        assume.assume(self, condition)

    def assume_simplified(self, condition: Expr, truth: bool) -> None:
        """As `assume`, of a simplified condition or (`truth` false) its negation."""
        assume.assume_simplified(self, condition, truth)

    constraint_scope = constraint

    def simplify(self, e: Any) -> Expr:
        """An equal expression in normal form."""
        e = as_expr(e)
        if type(e) is IntImm:
            return e
        known = self.context.simplified.get(e)
        return deeply(self._simplify, e) if known is None else known

    rewrite_simplify = canonical_simplify = simplify

    def _simplify(self, e: Expr) -> Expr:
        try:
            return self.simplify_node(e)
        except rewrite.HasEffect:
            return e.map_children(self._simplify_part)

    def _simplify_part(self, node: Any) -> Any:
        return self._simplify(node) if isinstance(node, Expr) else node.map_children(self._simplify_part)

    def simplify_stmt(self, stmt: S) -> S:
        """A statement, block or function with every expression in it simplified under the loops and conditions."""
        from .stmt import simplify_stmt

        return deeply(simplify_stmt, self, stmt)

    def const_int_bound(self, e: Any) -> ConstIntBound:
        """The least and greatest value of an integer or bool expression."""
        e = as_expr(e)
        try:
            return ConstIntBound(*deeply(bounds.bound_as_written, self, e, {}))
        except rewrite.HasEffect:
            return ConstIntBound(int(e.dtype.min), int(e.dtype.max))

    def int_set(self, e: Any, dom_map: Mapping[Var, Any] | None = None) -> IntervalSet:
        """The symbolic interval an integer expression takes while variables run over their domains.

        Parameters
        ----------
        dom_map: ranges or interval sets, outermost first; without it, all that the variables are bound to.
        """
        from . import interval

        e = as_expr(e)
        if dom_map is None:
            context, domains = self.context, {}
            for var in [v for v in context.order if isinstance(v, Var)] + list(free_vars(e)):
                if var in context.ranges:
                    low, high = (self.build(form, var.dtype) for form in context.ranges[var])
                    domains[var] = Range(low, self.simplify(high - low + 1))
                elif var in context.intervals:
                    least, greatest = context.intervals[var]
                    domains[var] = Range(as_expr(least, var.dtype), as_expr(greatest - least + 1, var.dtype))
        else:
            domains = {v: interval.as_range(self, d) for v, d in dom_map.items()}
        return deeply(interval.eval_set, self, e, domains)

    def modular_set(self, e: Any) -> ModularSet:
        """The `(coeff, base)` such that the integer expression is `coeff * k + base` for some integer k."""
        try:
            return ModularSet(*deeply(lambda: self.modulus_of(self.normal(as_expr(e)))))
        except rewrite.HasEffect:
            return ModularSet(*modular.ANY)

    def prove(self, condition: Any) -> bool:
        """Whether the bool expression is shown to hold. False means it is not known."""
        e = as_expr(condition)
        return e is TRUE or (e is not FALSE and deeply(prove.prove, self, e))

    can_prove = prove

    def can_prove_less(self, e: Any, upper: Any) -> bool:
        """Whether an expression is shown to be less than another."""
        return self.prove(as_expr(e) < upper)

    def can_prove_greater_equal(self, e: Any, lower: Any) -> bool:
        """Whether an expression is shown to be no less than another."""
        return self.prove(as_expr(e) >= lower)

    def try_compare(self, a: Any, b: Any) -> CompareResult:
        """The most that is shown of how two expressions compare."""
        a, b = as_expr(a), as_expr(b)
        if self.equal(a, b):
            return CompareResult.EQ
        for result, condition in (
            (CompareResult.LT, a < b),
            (CompareResult.GT, a > b),
            (CompareResult.LE, a <= b),
            (CompareResult.GE, a >= b),
            (CompareResult.NE, a != b),
        ):
            if self.prove(condition):
                return result
        return CompareResult.UNKNOWN

    def explain(self, condition: Any) -> Explanation:
        """Why a condition is not proved: a counterexample, or what is left to show and which facts are missing.

        The result is true where the condition is proved; `str` gives the text.
        """
        return deeply(explain.explain, self, as_expr(condition))

    def equal(self, a: Any, b: Any) -> bool:
        """Whether two expressions are shown to be equal."""
        a, b = as_expr(a), as_expr(b)
        return a is b or self.prove(a == b)

    can_prove_equal = equal

    def update(self, var: Var, info: ConstIntBound | ModularSet, override: bool = False) -> None:
        """Take a variable to lie in a constant interval, or to have a residue.

        Raises
        ------
        UserError: something of the kind is known already and `override` is not set.
        """
        context = self.context
        table: dict[Any, Any] = context.intervals if isinstance(info, ConstIntBound) else context.residues
        if var in table and not override:
            raise UserError(f"of variable `{var.name}` that is known already; pass override=True to say it anew")
        context.set(table, var, tuple(info) if isinstance(info, ConstIntBound) else modular.reduced(*info))
        context.forget()

    # What the parts of the analyzer call of one another.

    def simplify_node(self, e: Expr) -> Expr:
        """`simplify`, raising `HasEffect`."""
        return rewrite.simplify_node(self, e)

    def simplify_child(self, node: Any) -> Any:
        """`simplify_node` over any node that stands in an expression."""
        return rewrite.simplify_node(self, node) if isinstance(node, Expr) else node.map_children(self.simplify_child)

    def bound(self, e: Expr) -> Interval:
        """The interval of an integer or bool expression."""
        if not e.dtype.is_integral:
            return bounds.bound_of_atom(self, self.simplify_node(e))
        return bounds.bound_of(self, self.normal(e))

    def bound_of(self, form: Linear) -> Interval:
        """The interval of a form."""
        return bounds.bound_of(self, form)

    def fits(self, form: Linear, dtype: DType) -> bool:
        """Whether every value of the form fits the type."""
        low, high = bounds.bound_of(self, form)
        return bool(dtype.min <= low and high <= dtype.max)

    def modulus_of(self, form: Linear) -> tuple[int, int]:
        """The modular set of a form."""
        return modular.modulus_of(self, form)

    def normal(self, e: Expr) -> Linear:
        """The normal form of an integer expression."""
        return self.context.normal.get(e) or normal.normal(self, e)

    def merged(self, form: Linear) -> Linear:
        """A form in normal form."""
        return merge.merge(self, form)

    def atom(self, e: Expr) -> Linear:
        """The form of a simplified expression that is no sum."""
        return normal.atom(self, e)

    def build(self, form: Linear, dtype: DType) -> Expr:
        """The expression of a form."""
        return build.build(self, form, dtype)

    def product(self, a: Linear, b: Linear) -> Linear:
        """The product of two forms."""
        return normal.product(self, a, b)

    def floor_div_const(self, form: Linear, divisor: int, dtype: DType) -> Linear:
        """The quotient of a form by a positive constant."""
        return divide.floor_div_const(self, form, divisor, dtype)

    def floor_mod_const(self, form: Linear, divisor: int, dtype: DType) -> Linear:
        """The remainder of a form by a positive constant."""
        return divide.floor_mod_const(self, form, divisor, dtype)

    def extremum_of(self, a: Linear, b: Linear, sign: int, dtype: DType) -> Linear:
        """The least (sign -1) or greatest (sign 1) of two forms."""
        return minmax.extremum_of(self, a, b, sign, dtype)

    def ruled(self, e: Expr) -> Expr:
        """An expression over simplified operands after the rules of the table."""
        for rule in pattern.compiled().get(e.op if type(e) is Call else type(e), ()):
            bound: dict[str, Any] = {}
            if rule.match(e, bound) and (rule.condition is None or self.prove(rule.condition(bound))):
                return self.simplify_node(rule.result(bound))
        return e

    def rewritten(self, e: Expr) -> Linear:
        """The form of an integer expression over simplified operands after the rules of the table."""
        out = self.ruled(e)
        return normal.atom(self, e) if out is e else normal.form_of(self, out)

    def proves_negative(self, form: Linear, *, quick: bool = True) -> bool:
        """Whether a form is shown to be negative.

        A proof bounds parts of the form, for which they are normalised, which may ask for proofs again; past a depth
        the answer is no.
        """
        if self.proving >= NESTED_PROOFS:
            return False
        self.proving += 1
        try:
            return prove.proves_negative(self, form, quick=quick)
        finally:
            self.proving -= 1

    def is_total(self, e: Expr) -> bool:
        """Whether evaluating the expression can never fault: it loads nothing, calls nothing, divides by no unknown."""
        for node in walk_unique(e):
            if isinstance(node, (BufferLoad, Call)):
                return False
            if isinstance(node, (FloorDiv, FloorMod, Div, Mod)) and node.dtype.is_integral:
                if not isinstance(node.b, IntImm) or node.b.value == 0:
                    return False
        return True
