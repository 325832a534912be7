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
        return _bitwise("bitwise_and", And, self, other)

    def __rand__(self, other: Any) -> Expr:
        return _bitwise("bitwise_and", And, other, self)

    def __or__(self, other: Any) -> Expr:
        return _bitwise("bitwise_or", Or, self, other)

    def __ror__(self, other: Any) -> Expr:
        return _bitwise("bitwise_or", Or, other, self)

    def __xor__(self, other: Any) -> Expr:
        return _bitwise("bitwise_xor", NE, self, other)

    def __rxor__(self, other: Any) -> Expr:
        return _bitwise("bitwise_xor", NE, other, self)

    def __invert__(self) -> Expr:
        return logical_not(self) if self.dtype.is_bool else _call("bitwise_not", self)

    def __lshift__(self, other: Any) -> Expr:
        return _call("shift_left", self, other)

    def __rlshift__(self, other: Any) -> Expr:
        return _call("shift_left", as_expr(other, self.dtype), self)

    def __rshift__(self, other: Any) -> Expr:
        return _call("shift_right", self, other)

    def __rrshift__(self, other: Any) -> Expr:
        return _call("shift_right", as_expr(other, self.dtype), self)

    def __abs__(self) -> Expr:
        return _call("abs", self)

    def __pow__(self, other: Any) -> Expr:
        return _call("pow", *match_types(self, other))

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


def const(value: Any, dtype_: Any = None) -> Expr:
    """The constant `value` of type `dtype_` (default: bool, int32 or float32 by the value; int64 if too big).

    A vector type gives the broadcast constant. Floats are rounded to the type.

    Raises
    ------
    UserError: the value does not fit the type.
    """
    if dtype_ is None:
        if isinstance(value, bool):
            dtype_ = "bool"
        elif isinstance(value, int):
            dtype_ = "int32" if -(2**31) <= value < 2**31 else "int64"
        else:
            dtype_ = getattr(value, "dtype", "float32")
    target = dtype(dtype_)
    if target.lanes > 1:
        return Broadcast(const(value, target.element), target.lanes)
    if target.is_float:
        return FloatImm(target, target.round(value))
    if target.is_bool:
        return IntImm(target, int(bool(value)))
    if target.is_integral:
        if isinstance(value, float) and not value.is_integer():
            raise UserError(
                f"the constant {value!r} is not an integer, as {target} asks; write T.cast or T.float32(...)"
            )
        if not target.min <= value <= target.max:
            raise UserError(f"the constant {value!r} does not fit {target}, which holds {target.min} to {target.max}")
        return IntImm(target, int(value))
    if target.is_handle and value in (0, None):
        return IntImm(target, 0)
    raise UserError(f"there is no constant of type {target}")


def as_expr(value: Any, like: DType | None = None) -> Expr:
    """`value` as an expression; a Python number takes the type `like` where it can be exact in it.

    Raises
    ------
    UserError: `value` is neither an expression nor a number.
    """
    if isinstance(value, Expr):
        return value
    if isinstance(value, bool):
        return const(value, BOOL)
    if isinstance(value, int):
        element = like.element if like is not None else None
        if element is not None and (element.is_float or element.is_integral):
            return const(value, element)
        return const(value)
    if isinstance(value, float):
        return const(value, like.element if like is not None and like.is_float else None)
    if isinstance(value, str):
        return StringImm(value)
    if hasattr(value, "to_expr"):
        return value.to_expr()
    if hasattr(value, "dtype") and getattr(value, "shape", None) == ():
        return const(value.item(), str(value.dtype))
    raise UserError(f"expected an expression or a number, got {type(value).__name__} {value!r}")


def cast(value: Any, target: Any) -> Expr:
    """`value` converted to the type `target`, with constants folded; a scalar cast to a vector type is broadcast."""
    value = as_expr(value)
    target = dtype(target)
    if value.dtype == target:
        return value
    if target.lanes > 1 and value.dtype.lanes == 1:
        return Broadcast(cast(value, target.element), target.lanes)
    if value.dtype.lanes != target.lanes:
        raise UserError(f"cannot cast {value.dtype} to {target}: the numbers of lanes differ")
    if isinstance(value, IntImm) and (target.is_float or target.is_bool or target.is_integral):
        number = value.value
        if target.is_integral and not target.min <= number <= target.max:
            number = wrap(number, target)
        return const(number, target)
    if isinstance(value, FloatImm) and target.is_float:
        return const(value.value, target)
    return Cast(target, value)


def wrap(value: int, target: DType) -> int:
    """The integer congruent to `value` that fits the integer type `target` (two's complement)."""
    value &= (1 << target.bits) - 1
    return value - (1 << target.bits) if target.is_int and value >> (target.bits - 1) else value


def match_types(a: Any, b: Any) -> tuple[Expr, Expr]:
    """The operands as expressions of one type.

    Python numbers take the other operand's type; float wins over integer, wide over narrow, signed over unsigned
    of the same width, a vector over a scalar.

    Raises
    ------
    UserError: the types have no common one (float16 with bfloat16, different lanes, a handle).
    """
    if not isinstance(a, Expr):
        b = as_expr(b)
        a = as_expr(a, b.dtype)
    elif not isinstance(b, Expr):
        b = as_expr(b, a.dtype)
    left, right = a.dtype, b.dtype
    if left == right:
        return a, b
    if left.lanes != right.lanes:
        if left.lanes == 1:
            return match_types(Broadcast(a, right.lanes), b)
        if right.lanes == 1:
            return match_types(a, Broadcast(b, left.lanes))
        raise UserError(f"operands have different numbers of lanes: {left} and {right}")
    common = _common(left.element, right.element)
    if common is None:
        raise UserError(
            f"operands of types {left} and {right} have no common type; cast one, as in T.cast(x, {str(left)!r})"
        )
    target = common.with_lanes(left.lanes)
    return cast(a, target), cast(b, target)


def _common(a: DType, b: DType) -> DType | None:
    if a.is_handle or b.is_handle:
        return None
    if a.is_float != b.is_float:
        return a if a.is_float else b
    if a.is_bool != b.is_bool:
        return b if a.is_bool else a
    if a.bits != b.bits:
        return a if a.bits > b.bits else b
    if a.is_float:
        return None
    return a if a.is_int else b


def binary(cls: type[Any], a: Any, b: Any) -> Expr:
    """The node `cls` over the operands brought to one type, nothing folded (the parser keeps what was written)."""
    a, b = match_types(a, b)
    if cls in (And, Or):
        if not a.dtype.is_bool:
            raise UserError(f"`{cls.symbol}` takes bools, got {a.dtype}; compare with something, as in `x != 0`")
    elif cls not in (EQ, NE) and (a.dtype.is_handle or (a.dtype.is_bool and not issubclass(cls, (CmpOp, Min, Max)))):
        if a.dtype.is_handle:
            raise UserError(f"`{cls.symbol or cls.__name__}` does not apply to a {a.dtype}")
        a, b = cast(a, INT32.with_lanes(a.dtype.lanes)), cast(b, INT32.with_lanes(b.dtype.lanes))
    return cls(a, b)


def divide(a: Any, b: Any) -> Expr:
    """`a / b` of floats.

    Raises
    ------
    UserError: both are integers, where it is ambiguous.
    """
    a, b = match_types(a, b)
    if not a.dtype.is_float:
        raise UserError(
            f"`/` of two integers ({a.dtype}) is ambiguous: write `//` to round down, T.truncdiv to truncate, "
            "or cast an operand to a float type"
        )
    return arith(Div, a, b)


def arith(cls: type[Any], a: Any, b: Any) -> Expr:
    """`binary`, with constant operands computed and the units of `+`, `-`, `*`, `//`, `%` dropped (integers only)."""
    a, b = match_types(a, b)
    if type(b) is IntImm and not a.dtype.is_bool:
        if type(a) is IntImm:
            folded = fold_int(cls, a.value, b.value, a.dtype)
            if folded is not None:
                return folded
        elif b.value == 0:
            if cls is Add or cls is Sub:
                return a
            if cls is Mul:
                return b
        elif b.value == 1:
            if cls is Mul or cls is FloorDiv or cls is Div:
                return a
            if cls is FloorMod or cls is Mod:
                return IntImm(a.dtype, 0)
    elif type(a) is IntImm and not a.dtype.is_bool:
        if (a.value == 0 and cls is Add) or (a.value == 1 and cls is Mul):
            return b
        if a.value == 0 and cls is Mul:
            return a
    return binary(cls, a, b)


def _truncdiv(x: int, y: int) -> int:
    return abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)


INT_RULES: dict[type[BinaryOp], Any] = {
    Add: lambda x, y: x + y,
    Sub: lambda x, y: x - y,
    Mul: lambda x, y: x * y,
    FloorDiv: lambda x, y: x // y,
    FloorMod: lambda x, y: x % y,
    Div: _truncdiv,
    Mod: lambda x, y: x - y * _truncdiv(x, y),
    Min: min,
    Max: max,
    EQ: lambda x, y: x == y,
    NE: lambda x, y: x != y,
    LT: lambda x, y: x < y,
    LE: lambda x, y: x <= y,
    GT: lambda x, y: x > y,
    GE: lambda x, y: x >= y,
    And: lambda x, y: x and y,
    Or: lambda x, y: x or y,
}
"""What each binary node computes on integers, before wrapping."""


def fold_int(cls: type[BinaryOp], x: int, y: int, type_: DType) -> Expr | None:
    """The constant `cls(x, y)`; None where it has no value (division by zero) or leaves a signed type."""
    if y == 0 and cls in (FloorDiv, FloorMod, Div, Mod):
        return None
    value = INT_RULES[cls](x, y)
    if issubclass(cls, CmpOp) or cls in (And, Or):
        return IntImm(BOOL, int(value))
    if not type_.min <= value <= type_.max:
        return None if type_.is_int else IntImm(type_, wrap(value, type_))
    return IntImm(type_, value)


def logical_not(a: Any) -> Expr:
    """`not a` of a bool expression.

    Raises
    ------
    UserError: `a` is not bool.
    """
    a = as_expr(a)
    if not a.dtype.is_bool:
        raise UserError(f"`not` takes a bool, got {a.dtype}; compare with something, as in `x == 0`")
    if isinstance(a, IntImm):
        return const(not a.value, BOOL)
    return Not(a)


def all_of(*conditions: Expr) -> Expr:
    """The conjunction of `conditions`, with constants folded; true when there are none."""
    out: Expr = TRUE
    for condition in conditions:
        if condition is FALSE:
            return FALSE
        if condition is not TRUE:
            out = condition if out is TRUE else And(out, condition)
    return out


def _bitwise(name: str, logical: type[BinaryOp], a: Any, b: Any) -> Expr:
    a, b = match_types(a, b)
    return arith(logical, a, b) if a.dtype.is_bool else _call(name, a, b)


def _call(name: str, *args: Any) -> Expr:
    from . import op

    return op.call(name, *args)


TRUE = const(True, BOOL)
FALSE = const(False, BOOL)
