"""`@construct` makes a function a word of the script language: its annotations say what the parser lets through."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeVar

from ...tir.buffer import Buffer, BufferLoad, BufferRegion, Range
from ...tir.dtype import DType, dtype
from ...tir.errors import UserError
from ...tir.expr import CommReducer, Expr, IntImm, StringImm, Var, as_expr, match_types
from ...tir.function import PrimFunc
from ...tir.node import Attrs, Node

Value: TypeAlias = Expr | BufferRegion | int | float
"""What stands for a number in a program: an expression, a Python number, a slice of a buffer that is a vector."""

Argument: TypeAlias = Expr | Buffer | BufferRegion | int | float | str
"""What an intrinsic takes: a `Value`, a string constant, or a buffer (which stands for its pointer)."""

Index: TypeAlias = Expr | int
"""What stands for an integer in a program."""

Type: TypeAlias = str | DType
"""A data type: its name, or a construct such as `T.float32`."""

Shape: TypeAlias = Sequence[Any] | Expr | int
"""Extents: a tuple or list of expressions, numbers and names of symbolic variables, or a single one."""

Region: TypeAlias = Buffer | BufferLoad | BufferRegion
"""A box of a buffer: `A[i, 0:4]`, an element, or a whole buffer."""

Domain: TypeAlias = Expr | int | tuple[Any, Any] | slice | Range
"""A range of integers: an extent, or (begin, end)."""

Extent: TypeAlias = Expr | int | tuple[Any, Any]
"""How often a loop runs: a number of iterations from 0, or (begin, number of iterations)."""

Constant: TypeAlias = int
"""An integer known when the program is read."""


class Rejected(UserError):
    """An argument is not what a construct takes: `argument` is its position or its keyword."""

    def __init__(self, argument: int | str | None, message: str, hint: str = "") -> None:
        super().__init__(f"{message}; {hint}" if hint else message)
        self.argument, self.message, self.hint = argument, message, hint


def expression(value: Any) -> Expr:
    """`value` as an expression.

    Raises
    ------
    UserError: it is none; a buffer without indices is named.
    """
    if isinstance(value, Expr):
        return value
    if isinstance(value, Buffer):
        example = ", ".join("ijklmn"[d % 6] for d in range(value.ndim)) or "()"
        raise Rejected(None, f"buffer `{value.name}` is not a value", f"name an element, as in {value.name}[{example}]")
    if isinstance(value, (str, PrimFunc)):
        raise Rejected(None, f"expected a value of the program, got {describe(value)}")
    shape = getattr(value, "shape", ())
    if shape and not isinstance(value, BufferRegion):
        extents = f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"
        raise Rejected(None, f"an array of shape {extents} is not a value", "pass it to the program as a parameter")
    if isinstance(value, (bool, int, float, BufferRegion)) or hasattr(value, "dtype") or hasattr(value, "to_expr"):
        return as_expr(value)
    raise UserError(f"expected a value of the program, got {describe(value)}")


def _value(value: Any) -> Expr:
    return expression(value)


def _argument(value: Any) -> Expr:
    if isinstance(value, str):
        return StringImm(str(value))
    return value.data if isinstance(value, Buffer) else expression(value)


def _index(value: Any) -> Expr:
    out = _value(value)
    if not out.dtype.is_integral:
        raise UserError(f"expected an integer, got {typed(out.dtype)}")
    return out


def _constant(value: Any) -> int:
    if isinstance(value, IntImm):
        return value.value
    if isinstance(value, Expr):
        raise UserError("expected an integer known when the program is read, got an expression of the program")
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise UserError(f"expected an integer, got {describe(value)}")
    return int(value)


def _type(value: Any) -> DType:
    if isinstance(value, Expr):
        raise UserError("expected a data type, such as 'float32', got an expression")
    if hasattr(value, "__tensorir_dtype__"):
        return dtype(value.__tensorir_dtype__)
    if isinstance(value, (str, type)) or hasattr(value, "dtype") or hasattr(value, "name"):
        try:
            return dtype(value)
        except TypeError:
            pass
    raise UserError(f"expected a data type, such as 'float32', got {describe(value)}")


def _shape(value: Any) -> tuple[Any, ...]:
    items = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    return tuple(item if isinstance(item, str) else _index(item) for item in items)


def _region(value: Any) -> Any:
    if isinstance(value, (Buffer, BufferLoad, BufferRegion)):
        return value
    raise UserError(f"expected a region of a buffer, as in A[i, 0:4], got {describe(value)}")


def _domain(value: Any) -> Range:
    if isinstance(value, Range):
        return value
    if isinstance(value, slice):
        value = (0 if value.start is None else value.start, value.stop)
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise UserError(f"expected an extent or (begin, end), got {len(value)} numbers")
        return Range.of(*map(_index, value))
    extent = _index(value)
    return Range(IntImm(extent.dtype, 0), extent)


def _extent(value: Any) -> Range:
    if not isinstance(value, (tuple, list)):
        return _domain(value)
    if len(value) != 2:
        raise UserError(f"expected an extent or (begin, extent), got {len(value)} numbers")
    return Range(*match_types(*map(_index, value)))


def _string(value: Any) -> str:
    if isinstance(value, StringImm):
        return value.value
    if not isinstance(value, str):
        raise UserError(f"expected a string, got {describe(value)}")
    return str(value)


def _bool(value: Any) -> bool:
    if isinstance(value, IntImm) and value.dtype.is_bool:
        return bool(value.value)
    if not isinstance(value, (bool, int)):
        raise UserError(f"expected True or False, got {describe(value)}")
    return bool(value)


def attribute_value(value: Any) -> Any:
    """`value` as the value of an annotation.

    Raises
    ------
    UserError: it is neither data (numbers, strings, None, lists and dictionaries of them) nor a node.
    """
    if value is None or isinstance(value, (bool, int, float, str, Node)):
        return value
    if isinstance(value, (list, tuple)):
        return tuple(map(attribute_value, value))
    if isinstance(value, (dict, Attrs)):
        return Attrs({_string(k): attribute_value(v) for k, v in value.items()})
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return value.item()
    if hasattr(value, "__tensorir_dtype__"):
        return str(value.__tensorir_dtype__)
    raise UserError(f"an annotation holds numbers, strings, lists, dictionaries and nodes, not {describe(value)}")


def _attributes(value: Any) -> dict[str, Any]:
    if not isinstance(value, (dict, Attrs)):
        raise UserError(f"expected a dictionary of annotations, as in {{'key': 1}}, got {describe(value)}")
    return {_string(k): attribute_value(v) for k, v in value.items()}


def _buffer(value: Any) -> Buffer:
    if not isinstance(value, Buffer):
        raise UserError(f"expected a buffer, got {describe(value)}")
    return value


def _variable(value: Any) -> Var:
    if not isinstance(value, Var):
        raise UserError(f"expected a variable, got {describe(value)}")
    return value


def _mapping(value: Any) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise UserError(f"expected a dictionary, got {describe(value)}")
    return dict(value)


def _sequence(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, (tuple, list)):
        raise UserError(f"expected a list, got {describe(value)}")
    return tuple(value)


def _values(value: Any) -> tuple[Expr, ...]:
    items = value if isinstance(value, (tuple, list)) else (value,)
    return tuple(map(_value, items))


def _function(value: Any) -> Any:
    if not callable(value):
        raise UserError(f"expected a function, got {describe(value)}")
    return value


KINDS: dict[str, Callable[[Any], Any]] = {
    "Value": _value,
    "Argument": _argument,
    "Index": _index,
    "Constant": _constant,
    "Type": _type,
    "Shape": _shape,
    "Region": _region,
    "Domain": _domain,
    "Extent": _extent,
    "str": _string,
    "bool": _bool,
    "Buffer": _buffer,
    "Var": _variable,
    "dict[str, Any]": _attributes,
    "Mapping[Any, Any]": _mapping,
    "Sequence[Any]": _sequence,
    "Sequence[Value]": _values,
    "Callable[..., Any]": _function,
    "type": _function,
    "Any": lambda value: value,
}
"""What each annotation of a construct's parameter lets through, and into what it turns it."""


class Signature(NamedTuple):
    """What a construct takes, read from its annotations.

    `positional`: (name, conversion) in order; `rest`: the conversion of further positional arguments, or None;
    `keywords`: conversions by name; `required`: the names without a default; `other`: of further keywords, or None.
    """

    name: str
    positional: tuple[tuple[str, Callable[[Any], Any]], ...]
    rest: Callable[[Any], Any] | None
    keywords: dict[str, Callable[[Any], Any]]
    required: frozenset[str]
    other: Callable[[Any], Any] | None


F = TypeVar("F", bound=Callable[..., Any])

CONSTRUCTS: dict[Any, Signature] = {}
"""The signature of every construct, by the function (or other callable) that is the construct."""


def construct(function: F) -> F:
    """Declare a word of the script language. It stays the function that it is."""
    register(function, function)
    return function


def register(callable_: Any, function: Callable[..., Any], name: str = "", skip: int = 0) -> None:
    """Let programs call `callable_`, with the arguments that `function` declares (without the first `skip`)."""
    CONSTRUCTS[callable_] = signature(function, name or f"T.{function.__name__}", skip)


def signature(function: Callable[..., Any], name: str, skip: int = 0) -> Signature:
    """The signature that a function's annotations declare."""
    positional, keywords, required = [], {}, set()
    rest = other = None
    for parameter in list(inspect.signature(function).parameters.values())[skip:]:
        kind = _conversion(parameter.annotation)
        if parameter.kind is parameter.VAR_POSITIONAL:
            rest = kind
        elif parameter.kind is parameter.VAR_KEYWORD:
            other = kind
        else:
            if parameter.kind is not parameter.KEYWORD_ONLY:
                positional.append((parameter.name, kind))
            if parameter.kind is not parameter.POSITIONAL_ONLY:
                keywords[parameter.name] = kind
            if parameter.default is parameter.empty:
                required.add(parameter.name)
    return Signature(name, tuple(positional), rest, keywords, frozenset(required), other)


def _conversion(annotation: str) -> Callable[[Any], Any]:
    """The conversion of an annotation; of `X | None` one that lets None through."""
    if annotation.endswith(" | None"):
        kind = KINDS[annotation[:-7]]
        return lambda value: None if value is None else kind(value)
    return KINDS[annotation]


def convert(what: Signature, args: list[Any], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The arguments as the construct takes them.

    Raises
    ------
    Rejected: there are too many or too few, one is unknown, or one is of the wrong kind.
    """
    positional = what.positional
    out = []
    count = len(positional)
    for i, value in enumerate(args):
        kind = positional[i][1] if i < count else what.rest
        if kind is None:
            takes = f"at most {count} argument{'s' * (count != 1)}" if count else "no arguments"
            raise Rejected(i, f"{what.name} takes {takes} by position, got {len(args)}", _signature_hint(what))
        out.append(_checked(kind, value, i))
    named = {}
    for name, value in kwargs.items():
        kind = what.keywords.get(name, what.other)
        if kind is None:
            from ..diagnostics import suggest

            hint = suggest(name, what.keywords) or _signature_hint(what)
            raise Rejected(name, f"{what.name} has no parameter `{name}`", hint)
        named[name] = _checked(kind, value, name)
    if what.required or named:
        given = [name for name, _ in positional[: len(args)]]
        twice = [name for name in given if name in named]
        if twice:
            raise Rejected(twice[0], f"{what.name} is given `{twice[0]}` twice")
        missing = [name for name, _ in positional if name in what.required and name not in given and name not in named]
        missing += [name for name in what.required if name in what.keywords and name not in [*given, *named, *missing]]
        if missing:
            raise Rejected(None, f"{what.name} lacks its argument `{missing[0]}`", _signature_hint(what))
    return out, named


def _checked(kind: Callable[[Any], Any], value: Any, argument: int | str) -> Any:
    try:
        return kind(value)
    except Rejected as e:
        raise Rejected(argument, e.message, e.hint) from None
    except UserError as e:
        raise Rejected(argument, str(e)) from None


def _signature_hint(what: Signature) -> str:
    names = [name if name in what.required else f"{name}=..." for name, _ in what.positional]
    names += ["*..."] * (what.rest is not None)
    names += [f"{name}=..." for name in what.keywords if name not in dict(what.positional)]
    return f"write {what.name}({', '.join(names)})"


def typed(dtype: Any) -> str:
    """A data type with its article: "an int32", "a float16"."""
    return f"{'an' if str(dtype).startswith('int') else 'a'} {dtype}"


def describe(value: Any) -> str:
    """A value of Python as messages name it: "the string 'x'", "a list", "a function"."""
    if value is None:
        return "None"
    if isinstance(value, str):
        return f"the string {value[:40]!r}"
    if isinstance(value, Buffer):
        return f"buffer `{value.name}`"
    if isinstance(value, Var):
        return f"the {value.dtype} variable `{value.name}`"
    if isinstance(value, BufferRegion):
        return f"a region of buffer `{value.buffer.name}`"
    if isinstance(value, Expr):
        return f"{typed(value.dtype)} expression"
    if isinstance(value, CommReducer):
        return "a reducer"
    if isinstance(value, (bool, int, float)):
        return f"the number {value!r}" if not isinstance(value, int) or abs(value) < 10**20 else "a huge number"
    if isinstance(value, (list, tuple, dict, set)):
        return f"a {type(value).__name__} of {len(value)} value{'s' * (len(value) != 1)}"
    if isinstance(value, PrimFunc):
        return f"function `{value.name}`"
    if inspect.ismodule(value):
        return f"the module {value.__name__}"
    if callable(value) and hasattr(value, "__name__"):
        return f"the function {value.__name__}"
    return f"a Python object of type {type(value).__name__}"
