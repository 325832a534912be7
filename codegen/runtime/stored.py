"""What a saved library says of itself: its functions' signatures as JSON, in a string it exports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...tir.errors import UserError
from .dims import Dim
from .signature import BufferParam, ScalarParam, Signature

SYMBOL = "tir_module"
"""The exported string."""

VERSION = 1


def dump(signatures: Mapping[str, Signature | None], symbols: Mapping[str, str], returns: Mapping[str, str]) -> str:
    """The record of a library's functions, as ASCII text.

    Parameters
    ----------
    symbols: each function's exported symbol. returns: the type of its result.
    """
    functions = [
        {"symbol": symbols[name], "returns": returns[name], **_signature(s)} for name, s in signatures.items() if s
    ]
    return json.dumps({"tensorir": VERSION, "functions": functions}, separators=(",", ":"))


def read(text: str, where: str) -> list[tuple[Signature, str, str]]:
    """Each function's signature, symbol and result type.

    Raises
    ------
    UserError: the record of the file `where` is none of ours, or of another version.
    """
    try:
        record = json.loads(text)
        if record["tensorir"] != VERSION:
            raise UserError(f"{where} was saved by another version of tensorir; save it again")
        return [(_read_signature(f), f["symbol"], f["returns"]) for f in record["functions"]]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{where} holds no record of its functions that can be read: {error}") from None


def _signature(s: Signature) -> dict[str, Any]:
    return {
        "name": s.name,
        "params": [_param(p) for p in s.params],
        "symbols": s.symbols,
        "messages": s.messages,
        "release_gil": s.release_gil,
    }


def _param(p: BufferParam | ScalarParam) -> dict[str, Any]:
    if isinstance(p, ScalarParam):
        return {"name": p.name, "dtype": p.dtype}
    out = {"name": p.name, "dtype": p.dtype, "shape": p.shape, "offset": p.offset, "align": p.align}
    return {**out, "strides": p.strides, "written": p.written}


def _read_signature(f: dict[str, Any]) -> Signature:
    params: list[BufferParam | ScalarParam] = []
    for p in f["params"]:
        if "shape" not in p:
            params.append(ScalarParam(p["name"], p["dtype"]))
            continue
        strides = None if p["strides"] is None else tuple(map(_dim, p["strides"]))
        shape = tuple(map(_dim, p["shape"]))
        params.append(BufferParam(p["name"], p["dtype"], shape, strides, _dim(p["offset"]), p["align"], p["written"]))
    symbols = tuple((name, dtype) for name, dtype in f["symbols"])
    return Signature(f["name"], tuple(params), symbols, tuple(f["messages"]), f["release_gil"])


def _dim(d: Any) -> Dim:
    return (d[0], _dim(d[1]), _dim(d[2])) if isinstance(d, list) else d
