"""How each kind of expression prints: a table from node class to the parts of its text, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, partial
from operator import is_
from typing import TYPE_CHECKING, Any

from ..tir import op
from ..tir.buffer import Buffer, BufferLoad, BufferRegion, Range
from ..tir.dtype import BOOL, INT32, VOID
from ..tir.errors import UserError
from ..tir.expr import (
    EQ,
    GE,
    GT,
    LE,
    LT,
    NE,
    Add,
    And,
    BinaryOp,
    Broadcast,
    Call,
    Cast,
    CommReducer,
    Div,
    Expr,
    FloatImm,
    FloorDiv,
    FloorMod,
    GlobalVar,
    IntImm,
    Let,
    Max,
    Min,
    Mod,
    Mul,
    Not,
    Or,
    Ramp,
    Select,
    Shuffle,
    StringImm,
    Sub,
    Var,
    const,
)
from ..tir.function import PrimFunc
from ..tir.node import Attrs, Node
from .numerals import float_text, int_text, quoted

if TYPE_CHECKING:
    from .printer import Parts, Printer

NOT, COMPARISON, UNARY, ATOM = 3, 4, 11, 12
"""How tightly things bind, as in Python; the binary operators' are in the tables below."""

OPERATORS: dict[type[Expr], tuple[str, int]] = {
    Or: (" or ", 1),
    And: (" and ", 2),
    EQ: (" == ", COMPARISON),
    NE: (" != ", COMPARISON),
    LT: (" < ", COMPARISON),
    LE: (" <= ", COMPARISON),
    GT: (" > ", COMPARISON),
    GE: (" >= ", COMPARISON),
    Add: (" + ", 9),
    Sub: (" - ", 9),
    Mul: (" * ", 10),
    Div: (" / ", 10),
    FloorDiv: (" // ", 10),
    FloorMod: (" % ", 10),
}
CALL_OPERATORS: dict[str, tuple[str, int]] = {
    "bitwise_or": (" | ", 5),
    "bitwise_xor": (" ^ ", 6),
    "bitwise_and": (" & ", 7),
    "shift_left": (" << ", 8),
    "shift_right": (" >> ", 8),
}
FUNCTIONS: dict[type[Expr], str] = {Div: "T.truncdiv(", Mod: "T.truncmod(", Min: "T.min(", Max: "T.max("}
"""Binary nodes that print as a call; the others print as `T.Add(1, 2)` where Python would compute the operator."""


def is_bare(e: Expr) -> bool:
    """Whether the text of `e` is a Python literal, on which Python's operators would compute at once."""
    return type(e) is IntImm and (e.dtype == INT32 or e.dtype == BOOL)


def operator(e: Expr) -> tuple[str, int] | None:
    """The symbol and level of a node that prints as an infix operator; None for every other."""
    row = OPERATORS.get(type(e))
    if row is None:
        if type(e) is not Call or e.op.name not in CALL_OPERATORS or len(e.args) != 2:
            return None
        a, b = e.args
        plain = a.dtype == b.dtype == e.dtype and a.dtype.is_integral and not (is_bare(a) and is_bare(b))
        return CALL_OPERATORS[e.op.name] if plain else None
    assert isinstance(e, BinaryOp)
    if (is_bare(e.a) and is_bare(e.b)) or (type(e) is Div and not e.dtype.is_float):
        return None
    return row


def level(e: Expr) -> int:
    """How tightly the text of `e` binds."""
    row = operator(e)
    if row is not None:
        return row[1]
    if type(e) is Not:
        return ATOM if is_bare(e.a) else NOT
    return UNARY if _is_invert(e) else ATOM


def _is_invert(e: Expr) -> bool:
    return type(e) is Call and e.op.name == "bitwise_not" and e.dtype.is_integral and not is_bare(e.args[0])


def joined(items: Iterable[Any]) -> Parts:
    """The items with commas between them."""
    parts: Parts = []
    for item in items:
        parts.append(item)
        parts.append(", ")
    del parts[-1:]
    return parts


def listed(items: Iterable[Any]) -> Parts:
    """The items as a list."""
    parts = joined(items)
    return ["[", *parts, "]"] if parts else ["[]"]


def called(name: str, items: Iterable[Any]) -> Parts:
    """A call of `name`."""
    parts = joined(items)
    return [name + "(", *parts, ")"] if parts else [name + "()"]


def _infix(symbol: str, mine: int, a: Expr, b: Expr) -> Parts:
    parts: Parts = ["(", a, ")"] if level(a) < mine + (mine == COMPARISON) else [a]
    parts.append(symbol)
    parts += ["(", b, ")"] if level(b) <= mine else [b]
    return parts


def _binary(p: Printer, e: BinaryOp) -> Parts:
    row = operator(e)
    if row is not None:
        return _infix(*row, e.a, e.b)
    return [FUNCTIONS.get(type(e)) or f"T.{type(e).__name__}(", e.a, ", ", e.b, ")"]


def _not(p: Printer, e: Not) -> Parts:
    if is_bare(e.a):
        return ["T.Not(", e.a, ")"]
    return ["not ", "(", e.a, ")"] if level(e.a) < NOT else ["not ", e.a]


def _var(p: Printer, e: Var) -> Parts:
    return [p.names.of.get(e) or p.names.free(e, e.name)]


def subscripts(indices: tuple[Expr, ...]) -> Parts:
    """What stands between the brackets of a load or store; a vector of neighbours as last index is a slice."""
    if not indices:
        return ["()"]
    last = indices[-1]
    if type(last) is not Ramp or not _is_slice(last) or any(not i.dtype.is_scalar for i in indices[:-1]):
        return joined(indices)
    neighbours = Range(last.base, const(last.lanes, last.base.dtype))
    return joined((*indices[:-1], neighbours))


def _is_slice(e: Ramp) -> bool:
    stride = e.stride
    return (
        e.base.dtype.is_scalar
        and e.lanes >= 2
        and type(stride) is IntImm
        and stride.value == 1
        and stride.dtype == e.base.dtype
    )


def _load(p: Printer, e: BufferLoad) -> Parts:
    name = p.buffer_name(e.buffer)
    if e.predicate is not None:
        return [name + ".vload(", *listed(e.indices), ", ", "predicate=", e.predicate, ")"]
    return [name + "[", *subscripts(e.indices), "]"]


def _range(p: Printer, r: Range) -> Parts:
    if r.is_point and r.extent.dtype == r.min.dtype.element:
        return [r.min]
    simple = level(r.min) == level(r.end) == ATOM
    return [r.min, ":" if simple else " : ", r.end]


def _region(p: Printer, r: BufferRegion) -> Parts:
    return [p.buffer_name(r.buffer) + "[", *(joined(r.region) or ["()"]), "]"]


def _let(p: Printer, e: Let) -> Parts:
    scope = p.names.mark()
    name = p.names.define(e.var, e.var.name)
    return ["T.Let(", e.body, ", ", "where={", name, ": ", partial(p.names.leave, scope), e.value, "}", ")"]


def _reducer(p: Printer, r: CommReducer) -> Parts:
    scope = p.names.mark()
    params = ", ".join([p.names.define(v, v.name) for v in (*r.lhs, *r.rhs)])
    result: Parts = [*r.result] if len(r.result) == 1 else ["(", *joined(r.result), ")"]
    leave = partial(p.names.leave, scope)
    return ["T.comm_reducer(", f"lambda {params}: ", *result, leave, ", ", *listed(r.identity_element), ")"]


@cache
def takes_type(row: op.Intrinsic) -> bool:
    """Whether calls of `row` are written with their type first, since it follows from nothing."""
    arguments = tuple([const(0)] * (row.arity if row.arity is not None else 1))
    try:
        op.result_type(row, arguments)
    except UserError:
        return True
    return False


def _reads_back(row: op.Intrinsic, e: Call) -> bool:
    """Whether `T.<name>(args)` alone gives the call: its operands need no conversion and its type follows."""
    args = e.args
    if row.arity is not None and row.arity != len(args):
        return False
    if row.domain is op.Domain.MIXED:
        return _taken_as_they_are(row, e)
    if row.domain is not op.Domain.ANY:
        first = args[0].dtype
        if not op.FITS[row.domain](first) or any(a.dtype != first for a in args):
            return False
    return op.result_type(row, args) == e.dtype


def _taken_as_they_are(row: op.Intrinsic, e: Call) -> bool:
    try:
        made = op.raw_call(row.name, *e.args)
        return made.dtype == e.dtype and all(map(is_, made.args, e.args))
    except UserError:
        return False


def _call(p: Printer, e: Call) -> Parts:
    row, args = e.op, e.args
    if isinstance(row, GlobalVar):
        if e.dtype == VOID and row.name.isidentifier():
            return called(f"Module.{row.name}", args)
        return called("T.call_function", (quoted(e.dtype), quoted(row.name), *args))
    symbol = operator(e)
    if symbol is not None:
        return _infix(*symbol, *args)
    if _is_invert(e):
        return ["~", "(", args[0], ")"] if level(args[0]) < UNARY else ["~", args[0]]
    assert isinstance(row, op.Intrinsic)
    if takes_type(row):
        return called(f"T.{row.name}", (quoted(e.dtype), *args))
    if _reads_back(row, e):
        return called(f"T.{row.name}", args)
    return called("T.call_intrin", (quoted(e.dtype), quoted(row.name), *args))


class Definition:
    """A function that is the value of an annotation: it is defined before the statement, which names it."""

    __slots__ = ("func", "name")

    def __init__(self, func: PrimFunc, name: str) -> None:
        self.func, self.name = func, name


def definitions(p: Printer, items: Attrs) -> Parts:
    """The definitions of the functions among the values of annotations."""
    functions = [n for n in items.nodes() if isinstance(n, PrimFunc)] if items.has_nodes else []
    return [Definition(f, p.names.define(f, f.name)) for f in functions]


def attr_value(p: Printer, value: Any) -> Parts:
    """The text of an annotation's value: a Python literal, or an expression with its type."""
    if isinstance(value, tuple):
        items = [attr_value(p, v) for v in value]
        return ["[", *_flat(items), "]"] if items else ["[]"]
    if isinstance(value, Attrs):
        return attrs(p, value)
    if type(value) is IntImm:
        return [int_text(value, typed=True)]
    if type(value) is StringImm:
        return [f"T.StringImm({quoted(value.value)})"]
    if isinstance(value, Buffer):
        return [p.buffer_name(value)]
    if isinstance(value, PrimFunc):
        return [p.names.of[value]]
    if isinstance(value, Node):
        return [value]
    if isinstance(value, str):
        return [quoted(value)]
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):
        return [f'float("{value}")']
    return [repr(value)]


def attrs(p: Printer, items: Attrs) -> Parts:
    """Annotations as a dict."""
    pairs = [[quoted(key) + ": ", *attr_value(p, value)] for key, value in items.items()]
    return ["{", *_flat(pairs), "}"] if pairs else ["{}"]


def _flat(items: list[Parts]) -> Parts:
    return [part for i, item in enumerate(items) for part in ((", ", *item) if i else item)]


EXPR_RULES: dict[type[Any], Callable[[Printer, Any], Parts]] = {
    Var: _var,
    IntImm: lambda p, e: [int_text(e)],
    FloatImm: lambda p, e: [float_text(e)],
    StringImm: lambda p, e: [quoted(e.value)],
    **dict.fromkeys((*OPERATORS, Mod, Min, Max), _binary),
    Not: _not,
    Cast: lambda p, e: ["T.Cast(", quoted(e.dtype), ", ", e.value, ")"],
    Select: lambda p, e: ["T.Select(", e.condition, ", ", e.true_value, ", ", e.false_value, ")"],
    Ramp: lambda p, e: ["T.Ramp(", e.base, ", ", e.stride, ", ", str(e.lanes), ")"],
    Broadcast: lambda p, e: ["T.Broadcast(", e.value, ", ", str(e.lanes), ")"],
    Shuffle: lambda p, e: ["T.Shuffle(", *listed(e.vectors), ", ", *listed(e.indices), ")"],
    Let: _let,
    Call: _call,
    BufferLoad: _load,
    CommReducer: _reducer,
    Range: _range,
    BufferRegion: _region,
}
"""The parts of each node's text: strings, the nodes whose text stands there, and steps to be taken between."""
