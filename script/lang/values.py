"""Constructs that make values: conversions, selections, vectors, lets, reducers, and arithmetic by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...tir import expr as nodes
from ...tir import op
from ...tir.dtype import DType
from ...tir.errors import UserError
from ...tir.expr import CommReducer, Expr, Var, binary, const
from .construct import CONSTRUCTS, Constant, Index, Rejected, Type, Value, _type, _value, construct, convert, typed


@construct
def Cast(dtype: Type, value: Value) -> Expr:
    """`value` converted to `dtype`. A float goes to an integer by truncation.

    >>> A[0, 0] = T.Cast("float32", B[0])
    """
    value = _value(value)
    target = _type(dtype)
    return nodes.Cast(target, value)


@construct
def cast(value: Value, dtype: Type) -> Expr:
    """`value` converted to `dtype`; the argument order of TVM's `T.cast`. A constant is converted at once.

    >>> A[0, 0] = T.cast(B[0], "float32")
    """
    return nodes.cast(_value(value), _type(dtype))


@construct
def Select(condition: Value, true_value: Value, false_value: Value) -> Expr:
    """`true_value` where `condition` holds, else `false_value`. Both are evaluated, so neither may be out of bounds.

    >>> B[0] = T.Select(n > 0, n, -n)
    """
    condition = _condition(condition, "T.Select")
    return nodes.Select(condition, *nodes.match_types(true_value, false_value))


@construct
def if_then_else(condition: Value, true_value: Value, false_value: Value, dtype: Type | None = None) -> Expr:
    """`true_value` where `condition` holds, else `false_value`; only the one chosen is evaluated.

    >>> B[0] = T.if_then_else(n < 16, B[n], 0)
    """
    condition = _condition(condition, "T.if_then_else")
    first, second = nodes.match_types(true_value, false_value)
    return nodes.Call(first.dtype, op.OPS["if_then_else"], (condition, first, second))


def _condition(value: Any, where: str) -> Expr:
    value = _value(value)
    if not value.dtype.is_bool:
        message = f"the condition of {where} is {typed(value.dtype)}, not a bool"
        raise Rejected(0, message, "compare it with something, as in `x != 0`")
    return value


@construct
def Ramp(base: Index, stride: Index, lanes: Constant) -> Expr:
    """The vector `base, base + stride, ..., base + (lanes - 1) * stride`.

    >>> A[0, T.Ramp(n, 2, 4)] = A[1, T.Ramp(0, 1, 4)]
    """
    _check_lanes(lanes)
    return nodes.Ramp(*nodes.match_types(base, stride), lanes)


@construct
def Broadcast(value: Value, lanes: Constant) -> Expr:
    """The vector of `lanes` copies of `value`.

    >>> A[0, 0:4] = T.Broadcast(A[1, 0], 4)
    """
    _check_lanes(lanes)
    return nodes.Broadcast(_value(value), lanes)


def _check_lanes(lanes: int) -> None:
    if not 2 <= lanes <= 1 << 16:
        raise UserError(f"a vector has 2 to 65536 lanes, got {lanes if abs(lanes) < 10**20 else 'a huge number'}")


@construct
def Shuffle(vectors: Sequence[Value], indices: Sequence[Value]) -> Expr:
    """The lanes of the concatenated `vectors` picked by the constant `indices`.

    >>> B[0:2] = T.Shuffle([B[0:4], B[4:8]], [0, 7])
    """
    sources, lanes = tuple(map(_value, vectors)), tuple(map(_value, indices))
    if not sources or not lanes:
        raise UserError("T.Shuffle takes at least one vector and one index")
    if any(v.dtype.element != sources[0].dtype.element for v in sources):
        raise UserError("the vectors of T.Shuffle have different element types")
    return nodes.Shuffle(sources, lanes)


@construct
def vectorlow(dtype: Type, vec: Value) -> Expr:
    """The lower half of a vector's lanes, which is of the type `dtype`: a `T.Shuffle`.

    >>> A[0, 0:2] = T.vectorlow("float32x2", A[1, 0:4])
    """
    return _half("vectorlow", _type(dtype), vec, 0)


@construct
def vectorhigh(dtype: Type, vec: Value) -> Expr:
    """The upper half of a vector's lanes, which is of the type `dtype`: a `T.Shuffle`.

    >>> A[0, 0:2] = T.vectorhigh("float32x2", A[1, 0:4])
    """
    return _half("vectorhigh", _type(dtype), vec, 1)


def _half(word: str, dtype: DType, vec: Value, number: int) -> Expr:
    vector = _value(vec)
    lanes = vector.dtype.lanes // 2
    if vector.dtype.lanes % 2 or dtype != vector.dtype.with_lanes(lanes):
        raise UserError(f"T.{word} gives half of the lanes of a vector, which {dtype} is not of {vector.dtype}")
    return nodes.Shuffle((vector,), tuple(const(number * lanes + k) for k in range(lanes)))


@construct
def vectorcombine(dtype: Type, vec1: Value, vec2: Value) -> Expr:
    """The lanes of a vector and after them those of another of its type, together of the type `dtype`: a `T.Shuffle`.

    >>> A[0, 0:4] = T.vectorcombine("float32x4", A[1, 0:2], A[2, 0:2])
    """
    low, high, type_ = _value(vec1), _value(vec2), _type(dtype)
    lanes = low.dtype.lanes * 2
    if low.dtype != high.dtype or type_ != low.dtype.with_lanes(lanes):
        raise UserError(
            f"T.vectorcombine gives all lanes of two vectors, which {type_} is not of {low.dtype} and {high.dtype}"
        )
    return nodes.Shuffle((low, high), tuple(map(const, range(lanes))))


@construct
def IntImm(dtype: Type, value: Constant) -> Expr:
    """An integer (or bool, or null pointer) constant; `T.int64(1)` is the usual spelling.

    >>> B[0] = T.IntImm("int32", 5)
    """
    return const(value, _type(dtype))


@construct
def FloatImm(dtype: Type, value: Any) -> Expr:
    """A floating-point constant; `T.float32(1)` is the usual spelling.

    >>> A[0, 0] = T.FloatImm("float32", 0.5)
    """
    if not isinstance(value, (int, float)) or not _type(dtype).is_float:
        raise UserError("T.FloatImm takes a floating-point type and a number")
    return const(float(value), _type(dtype))


@construct
def StringImm(value: str) -> Expr:
    """A string constant; a bare string in a call is the same.

    >>> T.evaluate(T.call_extern("int32", T.StringImm("f"), B.data))
    """
    return nodes.StringImm(value)


@construct
def Let(body: Value, where: Mapping[Any, Any]) -> Expr:
    """`body` in which the variables of `where` stand for their values: `T.Let(x * x, where={x: A[i]})`.

    >>> B[0] = T.Let(x * x, where={x: n + 1})
    """
    out = _value(body)
    for name, value in reversed(list(where.items())):
        if not isinstance(name, Var):
            raise UserError("the keys of `where` are variables, declared before as in `x = T.float32()`")
        bound = nodes.as_expr(value, name.dtype)
        if bound.dtype != name.dtype:
            raise UserError(f"`where` binds {typed(bound.dtype)} to the {name.dtype} variable `{name.name}`")
        out = nodes.Let(name, bound, out)
    return out


@construct
def min_value(dtype: Type) -> Expr:
    """The least finite value of `dtype`, as a constant.

    >>> B[0] = T.min_value("int32")
    """
    return op.min_value(_type(dtype))


@construct
def max_value(dtype: Type) -> Expr:
    """The greatest finite value of `dtype`, as a constant.

    >>> A[0, 0] = T.max_value("float32")
    """
    return op.max_value(_type(dtype))


@construct
def infinity(dtype: Type) -> Expr:
    """Positive infinity of the floating-point type `dtype`, as a constant.

    >>> A[0, 0] = T.infinity("float32")
    """
    target = _type(dtype)
    if not target.is_float:
        raise UserError(f"{target} has no infinity")
    return op.infinity(target)


@construct
def ceildiv(a: Value, b: Value) -> Expr:
    """The quotient of integers rounded up.

    >>> B[0] = T.ceildiv(n, 4)
    """
    a, b = nodes.match_types(a, b)
    return binary(nodes.FloorDiv, binary(nodes.Sub, binary(nodes.Add, a, b), const(1, b.dtype)), b)


@construct
def Not(a: Value) -> Expr:
    """`not a`.

    >>> B[0] = T.Select(T.Not(n > 0), 1, 2)
    """
    return nodes.Not(_condition(a, "T.Not"))


@construct
def comm_reducer(combine: Callable[..., Any], identity: Any) -> CommReducer:
    """A commutative, associative way to combine values: `T.comm_reducer(lambda x, y: x + y, [T.float32(0)])`.

    For tuples of n values the function takes 2n arguments, those of the left tuple first, and returns a tuple of n.

    >>> total = T.comm_reducer(lambda x, y: x + y, [T.float32(0)])
    >>> for i in T.serial(16, annotations={"reducer": total}):
    ...     B[i] = i
    """
    items = tuple(map(_value, identity if isinstance(identity, (tuple, list)) else (identity,)))
    n = len(items)
    names = list(getattr(combine, "parameter_names", ()) or _parameter_names(combine)) or [
        f"{side}{i}" for side in "xy" for i in range(n)
    ]
    if len(names) != 2 * n:
        raise UserError(
            f"a reducer of {n} value{'s' * (n != 1)} combines {2 * n} arguments, got a function of {len(names)}"
        )
    variables = [Var(name, items[i % n].dtype) for i, name in enumerate(names)]
    operands: list[Any] = list(variables)
    if combine in CONSTRUCTS:
        operands, _ = convert(CONSTRUCTS[combine], operands, {})
    result = combine(*operands)
    results = tuple(map(_value, result if isinstance(result, (tuple, list)) else (result,)))
    if len(results) != n:
        raise UserError(f"the reducer's function returns {len(results)} values for {n} identity elements")
    for got, wanted in zip(results, items):
        if got.dtype != wanted.dtype:
            raise UserError(f"the function returns {typed(got.dtype)} where the identity is {typed(wanted.dtype)}")
    return CommReducer(tuple(variables[:n]), tuple(variables[n:]), results, items)


def _parameter_names(function: Any) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []


def _binary(cls: Any, name: str, doc: str) -> Callable[[Value, Value], Expr]:
    def node(a: Value, b: Value) -> Expr:
        return binary(cls, a, b)

    node.__name__ = node.__qualname__ = name
    node.__doc__ = doc
    return construct(node)


BINARY: dict[str, Callable[[Value, Value], Expr]] = {
    name: _binary(getattr(nodes, cls), name, doc)
    for name, cls, doc in (
        ("Add", "Add", "`a + b`, also where both are constants."),
        ("Sub", "Sub", "`a - b`, also where both are constants."),
        ("Mul", "Mul", "`a * b`, also where both are constants."),
        ("Div", "Div", "The quotient of floats, the truncated quotient of integers."),
        ("Mod", "Mod", "The remainder of `T.Div` of integers: it has the sign of `a`."),
        ("FloorDiv", "FloorDiv", "`a // b`: the quotient rounded down."),
        ("FloorMod", "FloorMod", "`a % b`: the remainder of `//`."),
        ("Min", "Min", "The lesser value."),
        ("Max", "Max", "The greater value."),
        ("EQ", "EQ", "`a == b`."),
        ("NE", "NE", "`a != b`."),
        ("LT", "LT", "`a < b`."),
        ("LE", "LE", "`a <= b`."),
        ("GT", "GT", "`a > b`."),
        ("GE", "GE", "`a >= b`."),
        ("And", "And", "`a and b`."),
        ("Or", "Or", "`a or b`."),
        ("min", "Min", "The lesser value; NaN if either is."),
        ("max", "Max", "The greater value; NaN if either is."),
        ("truncdiv", "Div", "The quotient of integers rounded towards zero."),
        ("truncmod", "Mod", "The remainder of `T.truncdiv`."),
        ("floordiv", "FloorDiv", "The quotient rounded down."),
        ("floormod", "FloorMod", "The remainder of `T.floordiv`."),
    )
}
"""The binary nodes by name; `T.Add(1, 2)` is a node where `1 + 2` is the number 3."""
