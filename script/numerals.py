"""Constants as text: the shortest decimal that gives the number back, and quoted strings."""

from __future__ import annotations

import math
from functools import lru_cache

from ..tir.dtype import BOOL, INT32, DType
from ..tir.expr import FloatImm, IntImm


def int_text(node: IntImm, *, typed: bool = False) -> str:
    """`1`, `True`, `T.int64(1)`; with `typed` the type is always written."""
    type_, value = node.dtype, node.value
    if type_ is INT32 or type_ == INT32:
        return f"T.int32({value})" if typed else str(value)
    if type_ == BOOL:
        text = "True" if value else "False"
        return f"T.bool({text})" if typed else text
    if type_.is_handle:
        return f'T.IntImm("handle", {value})'
    return f"T.{type_}({value})"


@lru_cache(maxsize=4096)
def _decimal(type_: DType, exact: str) -> str:
    value = float.fromhex(exact)
    if math.isnan(value):
        return '"nan"'
    if math.isinf(value):
        return '"inf"' if value > 0 else '"-inf"'
    if value == int(value) and abs(value) < 1e16:
        return "-0.0" if value == 0 and math.copysign(1, value) < 0 else str(int(value))
    if type_.bits == 64:
        return repr(value)
    import numpy as np

    with np.errstate(over="ignore"):
        for digits in range(1, 18):
            text = f"{value:.{digits}g}"
            # Rounding up past the greatest number would be no number of the type to a reader of doubles.
            if abs(float(text)) <= type_.max and float(type_.numpy.type(float(text))) == value:
                return repr(float(text))
    return repr(value)


def float_text(node: FloatImm) -> str:
    """`T.float32(0.1)`: the shortest decimal that rounds to the value in its type."""
    return f"T.{node.dtype}({_decimal(node.dtype, node.value.hex())})"


def quoted(text: str) -> str:
    """A string in double quotes, escaped as in Python."""
    if text.isprintable():
        if "\\" in text or '"' in text:
            text = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{text}"'
    escaped = text.encode("unicode_escape", "surrogatepass").decode("ascii")
    return '"' + escaped.replace('"', '\\"') + '"'
