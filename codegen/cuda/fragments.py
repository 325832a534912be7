"""Fragments as CUDA C++: their declarations, the operations on them, copies that go on beside the program."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...tir.buffer import Buffer
from ...tir.errors import LowerError
from ...tir.expr import Call, Expr, IntImm, Var
from ..c.writer import CHOICE, UNARY, Code
from ..fragments import Fragment, is_whole, layout_of
from .types import scalar

if TYPE_CHECKING:
    from .calls import CallEmitter

NAMESPACES = {"wmma": "nvcuda::wmma", "mma": "tir::mma", "wgmma": "tir::wgmma"}
HEADERS = {
    "nvcuda::wmma::": "mma.h",
    "tir::mma::": "tensorir/mma.cuh",
    "tir::cp_async": "tensorir/cp_async.cuh",
    "tir::wgmma": "tensorir/wgmma.cuh",
    "tir::barrier": "tensorir/ptx_hopper.cuh",
}
"""The header that declares what begins so."""

_TF32 = {"nvcuda::wmma": "nvcuda::wmma::precision::tf32", "tir::mma": "tir::mma::precision_tf32"}


def headers(text: str) -> list[str]:
    """The headers that kernels need for what they call."""
    return [header for name, header in HEADERS.items() if name in text]


def namespace_of(buffer: Buffer) -> str:
    """Where the words for a fragment are declared."""
    return NAMESPACES[buffer.scope.split(".")[0]]


def declaration(buffer: Buffer, name: str, count: int, fragment: Fragment) -> str:
    """An array of fragments: as many as the buffer holds matrices."""
    space, use = namespace_of(buffer), buffer.scope.split(".")[-1]
    kind = scalar(buffer.dtype)
    layout = ""
    if use != "accumulator":
        layout = f", {space}::{fragment.layout or 'row_major'}"
        kind = _TF32[space] if str(buffer.dtype) == "float32" else kind
    rows, cols = fragment.shape(buffer.scope)
    dims = f"{fragment.m}, {fragment.n}, {fragment.k}"
    return f"{space}::fragment<{space}::{use}, {dims}, {kind}{layout}> {name}[{count // (rows * cols)}];"


def _at(emitter: CallEmitter, data: Expr, index: Expr) -> str:
    return f"{emitter.exprs(data)}[{emitter.exprs(index)}]"


def _space(emitter: CallEmitter, data: Expr, node: Call) -> str:
    buffer = emitter.exprs.memory.fragments.get(data)  # type: ignore[call-overload]
    if buffer is None:
        raise LowerError(f"T.{node.op.name} takes a fragment: a buffer in the scope wmma.matrix_a or the like", node)
    return namespace_of(buffer)


def fill(emitter: CallEmitter, node: Call) -> Code:
    """`tvm_fill_fragment`."""
    data, _, _, _, index, value = node.args
    return Code(f"{_space(emitter, data, node)}::fill_fragment({_at(emitter, data, index)}, {emitter.exprs(value)})")


def transfer(emitter: CallEmitter, node: Call) -> Code:
    """`tvm_load_matrix_sync` and `tvm_store_matrix_sync`."""
    data, _, _, _, index, pointer, stride, layout = node.args
    space = _space(emitter, data, node)
    load = node.op.name == "tvm_load_matrix_sync"
    name = f"{space}::{'load' if load else 'store'}_matrix_sync"
    order, swizzle = layout_of(layout)
    fragment, ld = _at(emitter, data, index), emitter.exprs(stride)
    if space == "nvcuda::wmma":
        if swizzle:
            raise LowerError("a fragment of nvcuda::wmma cannot be loaded from swizzled memory", node)
        at = emitter.exprs(pointer)
        given = [fragment, at, ld] if load else [at, fragment, ld]
        if not load or _accumulates(emitter, data):
            given.append(Code(f"{space}::mem_{order}"))
        return Code(f"{name}({', '.join(given)})")
    if not isinstance(pointer, Call) or pointer.op.name != "tvm_access_ptr":
        raise LowerError(f"T.{node.op.name} takes a pointer made by T.tvm_access_ptr", node)
    annotation, base, offset = pointer.args[:3]
    at = _pointer(emitter, annotation, base)
    if swizzle:
        name += f"<tir::swizzle<{', '.join(map(str, swizzle))}>>"
    place = emitter.exprs(offset)
    return Code(f"{name}({', '.join([fragment, at, place, ld] if load else [at, place, fragment, ld])})")


def multiply(emitter: CallEmitter, node: Call) -> Code:
    """`tvm_mma_sync`."""
    operands = node.args[:8]
    space = _space(emitter, operands[0], node)
    given = ", ".join(_at(emitter, data, index) for data, index in zip(operands[::2], operands[1::2]))
    return Code(f"{space}::mma_sync({given})")


def _own(emitter: CallEmitter, data: Expr, offset: Expr, node: Call) -> Code:
    """Where a lane's elements of a matrix begin in memory of its own."""
    memory = emitter.exprs.memory
    if not isinstance(data, Var) or data not in memory.kinds or is_whole(node):
        raise LowerError(f"T.{node.op.name} takes registers of each lane's own, in scope 'local'; lower it first", node)
    memory.aligned[data] = max(memory.aligned.get(data, 1), 4)
    at = emitter.exprs(offset)
    return Code(f"{emitter.exprs(data)} + {at.within(11)}") if str(at) != "0" else emitter.exprs(data)


def lane_load(emitter: CallEmitter, node: Call) -> Code:
    """`lane_load_matrix`."""
    data, m, n, k, offset, pointer, stride, layout, operand, _ = node.args
    if not isinstance(pointer, Call) or pointer.op.name != "tvm_access_ptr":
        raise LowerError(f"T.{node.op.name} takes a pointer made by T.tvm_access_ptr", node)
    annotation, base, first = pointer.args[:3]
    order, swizzle = layout_of(layout)
    use = getattr(operand, "value", "")
    words = ", ".join((f"tir::mma::{use}", f"tir::mma::{order}", *(str(emitter.exprs(e)) for e in (m, n, k))))
    if swizzle:
        words += f", tir::swizzle<{', '.join(map(str, swizzle))}>"
    given = (_own(emitter, data, offset, node), _pointer(emitter, annotation, base))
    return Code(f"tir::mma::lane_load<{words}>({', '.join(map(str, (*given, *map(emitter.exprs, (first, stride)))))})")


def lane_multiply(emitter: CallEmitter, node: Call) -> Code:
    """`lane_mma`."""
    operands = zip(node.args[:6:2], node.args[1:6:2])
    return Code(f"tir::mma::lane_mma({', '.join(str(_own(emitter, *x, node)) for x in operands)})")


def copy_async(emitter: CallEmitter, node: Call) -> Code:
    """`ptx_cp_async`, of 4, 8 or 16 bytes."""
    to, source, size, *condition = node.args
    if not isinstance(size, IntImm) or size.value not in (4, 8, 16):
        raise LowerError("T.ptx_cp_async copies 4, 8 or 16 bytes at once", node)
    for pointer in (to, source):
        if isinstance(pointer, Call) and pointer.op.name == "tvm_access_ptr" and isinstance(pointer.args[1], Var):
            aligned = emitter.exprs.memory.aligned
            aligned[pointer.args[1]] = max(aligned.get(pointer.args[1], 1), size.value)
    given = [str(emitter.exprs(e)) for e in (to, source)]
    for e in condition:
        given.append(f"{emitter.exprs(e).within(CHOICE)} ? {size.value} : 0")
    return Code(f"tir::cp_async<{size.value}>({', '.join(given)})")


def product_async(emitter: CallEmitter, node: Call) -> Code:
    """`ptx_wgmma_mma_async`."""
    data, _, _, _, index, a, b, later = node.args
    name = "mma_async" if isinstance(later, IntImm) and later.value else "mma_sync"
    pointers = f"{emitter.exprs(a)}, {emitter.exprs(b)}"
    return Code(f"{_space(emitter, data, node)}::{name}({_at(emitter, data, index)}, {pointers})")


def word(name: str) -> Callable[[CallEmitter, Call], Code]:
    """A call of `name` with the arguments as they are."""
    return lambda emitter, node: Code(f"{name}({', '.join(str(emitter.exprs(a)) for a in node.args)})")


def groups(name: str) -> Callable[[CallEmitter, Call], Code]:
    """A call of the template `name` with a constant."""

    def emit(emitter: CallEmitter, node: Call) -> Code:
        (count,) = node.args
        if not isinstance(count, IntImm):
            raise LowerError(f"T.{node.op.name} takes a constant", node)
        return Code(f"{name}<{count.value}>()")

    return emit


def copy_box(emitter: CallEmitter, node: Call) -> Code:
    """`ptx_cp_async_bulk_tensor`: the matrix is described by a parameter of the kernel."""
    to, data, barrier, rows, columns, box_rows, box_columns, row, column = node.args
    if not isinstance(data, Var) or not isinstance(to, Call) or not isinstance(to.args[1], Var):
        raise LowerError("T.ptx_cp_async_bulk_tensor takes T.tvm_access_ptr, and the pointer of a buffer", node)
    memory = emitter.exprs.memory
    memory.aligned[to.args[1]] = max(memory.aligned.get(to.args[1], 1), 1024)
    if not isinstance(box_rows, IntImm) or not isinstance(box_columns, IntImm):
        raise LowerError("the box of T.ptx_cp_async_bulk_tensor has constant extents", node)
    name = emitter.exprs.tensor_map(data, (rows, columns), (box_rows.value, box_columns.value))
    place = ", ".join(str(emitter.exprs(e)) for e in (column, row))
    return Code(f"tir::tma_load({emitter.exprs(to)}, {name}, {emitter.exprs(barrier)}, {place})")


def _accumulates(emitter: CallEmitter, data: Expr) -> bool:
    return emitter.exprs.memory.fragments[data].scope.endswith("accumulator")  # type: ignore[index]


def _pointer(emitter: CallEmitter, annotation: Expr, data: Expr) -> Code:
    pointer: Code = emitter.exprs(data)
    known = emitter.exprs.memory.kinds.get(data)  # type: ignore[call-overload]
    if known is None or scalar(known) != scalar(annotation.dtype):
        return Code(f"(({scalar(annotation.dtype)}*){pointer})", UNARY)
    return pointer


RULES = {
    "tvm_fill_fragment": fill,
    **dict.fromkeys(("tvm_load_matrix_sync", "tvm_store_matrix_sync"), transfer),
    "tvm_mma_sync": multiply,
    "lane_load_matrix": lane_load,
    "lane_mma": lane_multiply,
    "ptx_cp_async": copy_async,
    "ptx_commit_group": word("tir::cp_async_commit"),
    "ptx_wait_group": groups("tir::cp_async_wait"),
    "ptx_init_barrier_thread_count": word("tir::barrier_init"),
    "ptx_arrive_barrier_expect_tx": word("tir::barrier_expect"),
    "ptx_wait_barrier": word("tir::barrier_wait"),
    "ptx_cp_async_bulk_tensor": copy_box,
    "ptx_wgmma_mma_async": product_async,
    "ptx_wgmma_fence": word("tir::wgmma_fence"),
    "ptx_wgmma_commit_group": word("tir::wgmma_commit"),
    "ptx_wgmma_wait_group": groups("tir::wgmma_wait"),
}
"""The code of each operation."""
