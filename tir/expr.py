"""Expressions: variables, constants, arithmetic, vectors and calls. They are values: equal ones are one object."""

from __future__ import annotations

from typing import Any, ClassVar

from .dtype import BOOL, INT32, DType, dtype
from .errors import UserError
from .node import Node, derived, node

_STRING = dtype("handle")


class Expr(Node):
    """Base of expressions; `dtype` is the type of the value.

    Python's operators build expressions, matching the operands' types as TVM does and folding constants.
    `==` builds an `EQ` whose truth value is structural equality of its operands.
    """

    __slots__ = ()
    interned: ClassVar[bool] = True
    dtype: DType

    __hash__ = object.__hash__

    def __add__(self, other: Any) -> Expr:
        return arith(Add, self, other)

    def __radd__(self, other: Any) -> Expr:
        return arith(Add, other, self)

    def __sub__(self, other: Any) -> Expr:
        return arith(Sub, self, other)

    def __rsub__(self, other: Any) -> Expr:
        return arith(Sub, other, self)

    def __mul__(self, other: Any) -> Expr:
        return arith(Mul, self, other)

    def __rmul__(self, other: Any) -> Expr:
        return arith(Mul, other, self)

    def __truediv__(self, other: Any) -> Expr:
        return divide(self, other)

    def __rtruediv__(self, other: Any) -> Expr:
        return divide(other, self)

    def __floordiv__(self, other: Any) -> Expr:
        return arith(FloorDiv, self, other)

    def __rfloordiv__(self, other: Any) -> Expr:
        return arith(FloorDiv, other, self)

    def __mod__(self, other: Any) -> Expr:
        return arith(FloorMod, self, other)

    def __rmod__(self, other: Any) -> Expr:
        return arith(FloorMod, other, self)

    def __neg__(self) -> Expr:
        return arith(Sub, const(0, self.dtype), self)

    def __pos__(self) -> Expr:
        return self

    def __lt__(self, other: Any) -> Expr:
        return arith(LT, self, other)

    def __le__(self, other: Any) -> Expr:
        return arith(LE, self, other)

    def __gt__(self, other: Any) -> Expr:
        return arith(GT, self, other)

    def __ge__(self, other: Any) -> Expr:
        return arith(GE, self, other)

    def __eq__(self, other: object) -> Any:
        try:
            return binary(EQ, self, other)
        except UserError:
            return NotImplemented

    def __ne__(self, other: object) -> Any:
        try:
            return binary(NE, self, other)
        except UserError:
            return NotImplemented

    def __and__(self, other: Any) -> Expr:
        return bitwise("bitwise_and", And, self, other)

    def __rand__(self, other: Any) -> Expr:
        return bitwise("bitwise_and", And, other, self)

    def __or__(self, other: Any) -> Expr:
        return bitwise("bitwise_or", Or, self, other)

    def __ror__(self, other: Any) -> Expr:
        return bitwise("bitwise_or", Or, other, self)

    def __xor__(self, other: Any) -> Expr:
        return bitwise("bitwise_xor", NE, self, other)

    def __rxor__(self, other: Any) -> Expr:
        return bitwise("bitwise_xor", NE, other, self)

    def __invert__(self) -> Expr:
        return logical_not(self) if self.dtype.is_bool else call_named("bitwise_not", self)

    def __lshift__(self, other: Any) -> Expr:
        return call_named("shift_left", self, other)

    def __rlshift__(self, other: Any) -> Expr:
        return call_named("shift_left", as_expr(other, self.dtype), self)

    def __rshift__(self, other: Any) -> Expr:
        return call_named("shift_right", self, other)

    def __rrshift__(self, other: Any) -> Expr:
        return call_named("shift_right", as_expr(other, self.dtype), self)

    def __abs__(self) -> Expr:
        return call_named("abs", self)

    def __pow__(self, other: Any) -> Expr:
        return call_named("pow", *match_types(self, other))

    def astype(self, target: Any) -> Expr:
        """The value converted to `target`; itself when it has that type."""
        return cast(self, target)

    def __bool__(self) -> bool:
        raise UserError(
            f"the value of `{self}` is known only when the program runs, so Python cannot branch on it; "
            "use T.if_then_else, T.Select or an `if` inside the program, and `&`, `|`, `~` for and, or, not"
        )

    def __index__(self) -> int:
        raise UserError(
            f"the value of `{self}` is known only when the program runs, so Python cannot count with it; "
            "loop in the program, as in `for i in range(n):` or T.serial(n), or use a constant"
        )

    def __iter__(self) -> Any:
        raise TypeError(f"`{type(self).__name__}` expression is not iterable")


@node
class Var(Expr):
    """A variable. Two variables are the same only if they are one object.

    `pointee` and `scope` describe what a handle points to: the element type and the memory it lies in.
    """

    interned: ClassVar[bool] = False
    name: str
    dtype: DType = INT32
    pointee: DType | None = None
    scope: str = ""


@node
class IntImm(Expr):
    """An integer constant, or a bool one (`value` 0 or 1)."""

    dtype: DType
    value: int

    def __index__(self) -> int:
        return self.value


@node
class FloatImm(Expr):
    """A floating-point constant; `value` is exact in the type (see `const`)."""

    dtype: DType
    value: float


@node
class StringImm(Expr):
    """A string constant, as an argument of a call."""

    value: str
    dtype: DType = derived("_STRING")


def _comparison(a: DType) -> DType:
    return BOOL if a.lanes == 1 else BOOL.with_lanes(a.lanes)


class BinaryOp(Expr):
    """Base of the binary nodes: operands `a` and `b` have one type. `symbol` is its spelling in a script, or ""."""

    __slots__ = ()
    symbol: ClassVar[str] = ""
    a: Expr
    b: Expr


class CmpOp(BinaryOp):
    """Base of the comparisons; the value is bool, with the operands' lanes."""

    __slots__ = ()


@node
class Add(BinaryOp):
    """`a + b`. Integers wrap, except that a signed index whose exact value does not fit its type has no meaning."""

    symbol: ClassVar[str] = "+"
    a: Expr
    b: Expr
    dtype: DType = derived("a.dtype")


@node
class Sub(BinaryOp):
    """`a - b`; see `Add` for overflow."""

    symbol: ClassVar[str] = "-"
    a: Expr
    b: Expr
    dtype: DType = derived("a.dtype")


@node
class Mul(BinaryOp):
    """`a * b`; see `Add` for overflow."""

    symbol: ClassVar[str] = "*"
    a: Expr
    b: Expr
    dtype: DType = derived("a.dtype")


@node
class Div(BinaryOp):
    """`a / b`: the quotient of floats, the truncated quotient of integers (C's `/`)."""

    symbol: ClassVar[str] = "/"
    a: Expr
    b: Expr
    dtype: DType = derived("a.dtype")


@node
class Mod(BinaryOp):
    """The remainder of truncating division, with the sign of `a` (C's `%`, `T.truncmod`)."""

    a: Expr
    b: Expr
    dtype: DType = derived("a.dtype")


@node
class FloorDiv(BinaryOp):
    """`a // b`: the quotient rounded towards minus infinity."""

    symbol: ClassVar[str] = "//"
    a: Expr
    b: Expr
    dtype: DType = derived("a.dtype")


@node
class FloorMod(BinaryOp):
    """`a % b`: the remainder of floor division, with the sign of `b`."""

    symbol: ClassVar[str] = "%"
    a: Expr
    b: Expr
    dtype: DType = derived("a.dtype")


@node
class Min(BinaryOp):
    """The lesser operand (`T.min`); NaN if either is NaN."""

    a: Expr
    b: Expr
    dtype: DType = derived("a.dtype")


@node
class Max(BinaryOp):
    """The greater operand (`T.max`); NaN if either is NaN."""

    a: Expr
    b: Expr
    dtype: DType = derived("a.dtype")


@node
class EQ(CmpOp):
    """`a == b`. Its truth value in Python is whether `a` and `b` are structurally equal."""

    symbol: ClassVar[str] = "=="
    a: Expr
    b: Expr
    dtype: DType = derived("_comparison(a.dtype)")

    def __bool__(self) -> bool:
        return same_expr(self.a, self.b)


@node
class NE(CmpOp):
    """`a != b`. Its truth value in Python is whether `a` and `b` differ structurally."""

    symbol: ClassVar[str] = "!="
    a: Expr
    b: Expr
    dtype: DType = derived("_comparison(a.dtype)")

    def __bool__(self) -> bool:
        return not same_expr(self.a, self.b)


@node
class LT(CmpOp):
    """`a < b`."""

    symbol: ClassVar[str] = "<"
    a: Expr
    b: Expr
    dtype: DType = derived("_comparison(a.dtype)")


@node
class LE(CmpOp):
    """`a <= b`."""

    symbol: ClassVar[str] = "<="
    a: Expr
    b: Expr
    dtype: DType = derived("_comparison(a.dtype)")


@node
class GT(CmpOp):
    """`a > b`."""

    symbol: ClassVar[str] = ">"
    a: Expr
    b: Expr
    dtype: DType = derived("_comparison(a.dtype)")


@node
class GE(CmpOp):
    """`a >= b`."""

    symbol: ClassVar[str] = ">="
    a: Expr
    b: Expr
    dtype: DType = derived("_comparison(a.dtype)")


@node
class And(BinaryOp):
    """`a and b` of bools; `b` is not evaluated where `a` is false."""

    symbol: ClassVar[str] = "and"
    a: Expr
    b: Expr
    dtype: DType = derived("a.dtype")


@node
class Or(BinaryOp):
    """`a or b` of bools; `b` is not evaluated where `a` is true."""

    symbol: ClassVar[str] = "or"
    a: Expr
    b: Expr
    dtype: DType = derived("a.dtype")


@node
class Not(Expr):
    """`not a` of a bool."""

    a: Expr
    dtype: DType = derived("a.dtype")


@node
class Cast(Expr):
    """`value` converted to `dtype`. Float to integer truncates and saturates, NaN becomes 0; integers wrap."""

    dtype: DType
    value: Expr


@node
class Select(Expr):
    """`true_value` where `condition`, else `false_value`; both are evaluated, so neither may fault."""

    condition: Expr
    true_value: Expr
    false_value: Expr
    dtype: DType = derived("true_value.dtype")


@node
class Ramp(Expr):
    """The vector `base, base + stride, ..., base + (lanes - 1) * stride`."""

    base: Expr
    stride: Expr
    lanes: int
    dtype: DType = derived("base.dtype.with_lanes(base.dtype.lanes * lanes)")


@node
class Broadcast(Expr):
    """The vector of `lanes` copies of `value`."""

    value: Expr
    lanes: int
    dtype: DType = derived("value.dtype.with_lanes(value.dtype.lanes * lanes)")


@node
class Shuffle(Expr):
    """The lanes of the concatenated `vectors` picked by the constant `indices`."""

    vectors: tuple[Expr, ...]
    indices: tuple[Expr, ...]
    dtype: DType = derived("vectors[0].dtype.with_lanes(len(indices))")


@node
class Let(Expr):
    """`body` in which `var` stands for `value`."""

    var: Var
    value: Expr
    body: Expr
    dtype: DType = derived("body.dtype")


class Op:
    """An intrinsic: what a `Call` calls. Rows of the table in `op.py`; compared by identity."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"Op({self.name!r})"


class GlobalVar:
    """The name of a function of the module, as the callee of a `Call`."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GlobalVar) and other.name == self.name

    def __hash__(self) -> int:
        return hash(("GlobalVar", self.name))

    def __repr__(self) -> str:
        return f"GlobalVar({self.name!r})"


@node
class Call(Expr):
    """A call of the intrinsic or function `op` with a result of type `dtype`."""

    dtype: DType
    op: Op | GlobalVar
    args: tuple[Expr, ...]


@node
class CommReducer(Node):
    """A commutative, associative combiner of tuples: `(lhs, rhs) -> result`, with its identity element."""

    lhs: tuple[Var, ...]
    rhs: tuple[Var, ...]
    result: tuple[Expr, ...]
    identity_element: tuple[Expr, ...]


def same_expr(a: Any, b: Any) -> bool:
    """Whether two expressions are structurally equal, without renaming variables."""
    if a is b:
        return True
    if type(a) is not type(b) or not isinstance(a, Expr) or isinstance(a, Var):
        return False
    return all(_same_field(getattr(a, name), getattr(b, name)) for name in a.fields)


def _same_field(a: Any, b: Any) -> bool:
    if isinstance(a, Expr):
        return same_expr(a, b)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(_same_field, a, b))
    if isinstance(a, float):
        return a.hex() == b.hex()
    return a is b or a == b


# Last, because they build the nodes above; everybody else finds them here, too.
from .constants import FALSE as FALSE  # noqa: E402
from .constants import TRUE as TRUE  # noqa: E402
from .constants import as_expr, cast, const  # noqa: E402
from .constants import wrap as wrap  # noqa: E402
from .operators import INT_RULES as INT_RULES  # noqa: E402
from .operators import all_of as all_of  # noqa: E402
from .operators import arith, binary, bitwise, call_named, divide, logical_not, match_types  # noqa: E402
from .operators import fold_int as fold_int  # noqa: E402
