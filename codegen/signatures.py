"""The calling interface of a function, as the runtime's native entry wants it described."""

from __future__ import annotations

from ..tir import expr as E
from ..tir.buffer import Buffer, BufferLoad
from ..tir.expr import Call, Expr, IntImm, Var
from ..tir.function import PrimFunc
from ..tir.op import Intrinsic
from ..tir.stmt import BufferStore, For
from ..tir.visit import walk_unique
from .runtime.dims import Dim
from .runtime.signature import BufferParam, Param, ScalarParam, Signature

_OPERATORS: dict[type[Expr], str] = {
    E.Add: "+",
    E.Sub: "-",
    E.Mul: "*",
    E.FloorDiv: "//",
    E.FloorMod: "%",
    E.Min: "min",
    E.Max: "max",
}

RESULT = "result"
"""The name of the parameter that receives what a function returns."""


def signature_of(func: PrimFunc, messages: tuple[str, ...] = ()) -> Signature | None:
    """What `func` takes; None where a parameter is a bare pointer, which only other functions can pass."""
    names: dict[Var, str] = {}
    taken: set[str] = set()
    for param in func.params:
        buffer = func.buffer_map.get(param)
        names[param] = _unique(buffer.name if buffer is not None else param.name, taken)
    symbols: dict[Var, str] = {}
    for param in kernel_params(func)[len(func.params) :]:
        symbols[param] = _unique(param.name, taken)
    spelled = {**names, **symbols}
    written = written_pointers(func)
    params: list[Param] = []
    for param in func.params:
        buffer = func.buffer_map.get(param)
        if buffer is not None:
            params.append(_buffer(names[param], buffer, spelled, buffer.data in written))
        elif param.dtype.is_handle:
            return None
        else:
            params.append(ScalarParam(names[param], str(param.dtype)))
    if func.ret_type.kind != "void":
        params.append(BufferParam(_unique(RESULT, taken), str(func.ret_type), (1,), written=True))
    return Signature(
        func.name,
        tuple(params),
        tuple((name, str(var.dtype)) for var, name in symbols.items()),
        messages,
        release_gil=any(isinstance(n, For) for n in walk_unique(func.body)),
    )


def kernel_params(func: PrimFunc) -> list[Var]:
    """The kernel's parameters: the function's own, then the symbols that its buffers' layouts bind, in order."""
    found = dict.fromkeys(func.params)
    for buffer in func.buffers:
        for part in buffer.layout():
            if type(part) is Var:
                found.setdefault(part)
    return list(found)


def written_pointers(func: PrimFunc) -> set[Var]:
    """The pointers the function may write through: by a store, or by handing them to something that may."""
    written: set[Var] = set()
    for n in walk_unique(func.body):
        if isinstance(n, BufferStore):
            written.add(n.buffer.data)
        elif isinstance(n, Call):
            for arg in n.args:
                if isinstance(arg, Var) and arg.dtype.is_handle:
                    written.add(arg)
                elif isinstance(arg, BufferLoad) and isinstance(n.op, Intrinsic) and n.op.name in _BY_ADDRESS:
                    written.add(arg.buffer.data)
    return written


_BY_ADDRESS = frozenset({"address_of", "atomic_add"})


def _buffer(name: str, buffer: Buffer, spelled: dict[Var, str], written: bool) -> BufferParam:
    strides = tuple(_dim(s, spelled) for s in buffer.strides) if buffer.strides else None
    return BufferParam(
        name,
        str(buffer.dtype),
        tuple(_dim(e, spelled) for e in buffer.shape),
        strides,
        _dim(buffer.elem_offset, spelled),
        buffer.data_alignment,
        written,
    )


def _dim(e: Expr, spelled: dict[Var, str]) -> Dim:
    if isinstance(e, IntImm):
        return e.value
    if isinstance(e, Var) and e in spelled:
        return spelled[e]
    if isinstance(e, E.Cast):
        return _dim(e.value, spelled)
    operator = _OPERATORS.get(type(e))
    if operator is None or not isinstance(e, E.BinaryOp):
        from ..tir.errors import LowerError

        raise LowerError("{0} is too involved for a parameter's shape", e, hint="use + - * // % min max of extents")
    return (operator, _dim(e.a, spelled), _dim(e.b, spelled))


def _unique(name: str, taken: set[str]) -> str:
    candidate, n = name, 1
    while candidate in taken:
        candidate, n = f"{name}_{n}", n + 1
    taken.add(candidate)
    return candidate
