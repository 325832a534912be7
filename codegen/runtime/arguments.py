"""Brings a call's arguments into the form the native entry takes: by position, plain numpy arrays, Python numbers."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from reprlib import Repr
from typing import Any

import numpy as np

from ...tir.errors import CallError
from .dlpack import Unreadable, from_dlpack
from .dtypes import Kind
from .refusal import count_text, refusal, type_text, with_article
from .signature import BufferParam, ScalarParam, Signature

_brief = Repr()
_brief.maxstring = _brief.maxother = 60


def bound(signature: Signature, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
    """One argument per parameter, in order.

    Raises
    ------
    CallError: arguments are missing, too many, given twice or not known by that name.
    """
    names = [param.name for param in signature.params]
    for name in kwargs:
        if name not in names:
            raise _miscounted(signature, f"has no parameter `{name}`")
        if names.index(name) < len(args):
            raise _miscounted(signature, f"got the argument `{name}` twice, by position and by keyword")
    missing = [f"`{name}`" for name in names[len(args) :] if name not in kwargs]
    given = len(args) + len(kwargs)
    if missing or given != len(names):
        lacking = f"; missing: {', '.join(missing)}" if missing else ""
        raise _miscounted(signature, f"takes {count_text(len(names), 'argument')}, got {given}{lacking}")
    return [*args, *(kwargs[name] for name in names[len(args) :])]


def adapted(signature: Signature, args: Sequence[Any]) -> list[Any]:
    """Plain numpy arrays over the buffers' own memory, and Python numbers; what is of that kind stays the same object.

    Raises
    ------
    CallError: an argument for a buffer cannot be read in place, or one for a number is none, or is out of range.
    """
    pairs = zip(signature.params, args, strict=True)
    return [_array(signature, p, v) if isinstance(p, BufferParam) else _number(signature, p, v) for p, v in pairs]


def as_array(value: Any) -> np.ndarray:
    """The memory of `value` as a plain `numpy.ndarray`, never a copy.

    Taken are numpy arrays of any subclass, objects with the buffer protocol (memoryview, array.array, bytearray,
    ctypes arrays), with `__dlpack__` (torch tensors on the host) and with `__array_interface__`. Objects that could
    only be copied, such as lists, are not: what a kernel writes into a copy would be lost.

    Raises
    ------
    Unreadable: the object is none of these, or exports something that cannot be read in place.
    """
    if isinstance(value, np.ndarray):
        return value if type(value) is np.ndarray else value.view(np.ndarray)
    try:
        return _exported(value)
    except Unreadable:
        raise
    except Exception as error:  # the exporter is the user's code: whatever it raises is the reason
        raise Unreadable(f"cannot be read: {type(error).__name__}: {error}") from error


def _exported(value: Any) -> np.ndarray:
    if hasattr(value, "__dlpack__"):
        return from_dlpack(value)
    try:
        view = memoryview(value)
    except TypeError:
        view = None
    if view is not None:
        return np.asarray(view)
    if hasattr(value, "__array_interface__"):
        return np.asarray(value)
    raise Unreadable("")


def _array(signature: Signature, param: BufferParam, value: Any) -> np.ndarray:
    try:
        return as_array(value)
    except Unreadable as error:
        got = type_text(value)
        hint = "" if value is None or str(error) else f"numpy.asarray({param.name}, dtype={param.kind.text})"
        problem = f"expected an array of {param.kind.stored}, got {got}{f', which {error}' if str(error) else ''}"
        raise refusal(signature, param, problem, hint) from None


def _number(signature: Signature, param: ScalarParam, value: Any) -> Any:
    """An exact int, float or bool, or an array without dimensions for the types Python does not have."""
    known = param.kind
    if known.kind in ("int", "uint"):
        return _integer(signature, param, known, value)
    if known.kind == "bool":
        if isinstance(value, (bool, np.bool_)) or (isinstance(value, int) and value in (0, 1)):
            return bool(value)
        raise refusal(signature, param, f"expected a bool, got {_brief.repr(value)} ({type_text(value)})")
    if isinstance(value, np.ndarray) and value.dtype == known.numpy and value.ndim == 0:
        return value if type(value) is np.ndarray else value.view(np.ndarray)
    try:
        number = math.ldexp(value, 0)  # takes what `float` takes except text
    except (TypeError, ValueError):
        problem = f"expected a {known.name}, got {_brief.repr(value)} ({type_text(value)})"
        raise refusal(signature, param, problem) from None
    except OverflowError:
        raise _too_large(signature, param, value) from None
    same = value if type(value) is float else number  # the very object where it is right already
    if known.name == "float64":
        return same
    with np.errstate(over="ignore"):
        narrow = np.asarray(number, known.numpy)
    if math.isfinite(number) and not np.isfinite(narrow):
        raise _too_large(signature, param, value)
    return same if known.name == "float32" else narrow


def _integer(signature: Signature, param: ScalarParam, known: Kind, value: Any) -> int:
    expected = f"expected {with_article(known.name)}"
    try:
        number = operator.index(value)
    except TypeError:
        hint = f"int({param.name})" if isinstance(value, (float, np.floating)) else ""
        problem = f"{expected}, got {_brief.repr(value)} ({type_text(value)})"
        raise refusal(signature, param, problem, hint) from None
    least, greatest = known.range
    if param.name in signature.mentioned:
        greatest = min(greatest, (1 << 63) - 1)  # extents and strides are signed
    if not least <= number <= greatest:
        raise refusal(signature, param, f"{expected} from {least} to {greatest}, got {number}")
    return number


def _too_large(signature: Signature, param: ScalarParam, value: Any) -> CallError:
    return refusal(signature, param, f"expected a {param.dtype}, got {_brief.repr(value)}, which is too large for one")


def _miscounted(signature: Signature, problem: str) -> CallError:
    return CallError(f"{signature.name} {problem}\n  {signature}")
