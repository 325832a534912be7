"""Puts a kernel's dynamic shared memory into one piece, parts that are never needed at once in the same place."""

from __future__ import annotations

from dataclasses import dataclass

from ...tir.buffer import Buffer, BufferLoad, decl_buffer
from ...tir.expr import Call, Expr, IntImm, Var, const
from ...tir.function import PrimFunc
from ...tir.op import OPS
from ...tir.stmt import Allocate, BufferStore, DeclBuffer, For, Stmt, While
from ...tir.visit import Rewriter, Visitor, walk_unique
from ..target import Target
from .kernels import BLOCK_AXES, is_kernel

STATIC_LIMIT = 48 * 1024
"""Bytes of shared memory that a kernel may declare; where it has more, all of it becomes dynamic."""

ALIGNMENT = 16
"""Bytes that every part starts at a multiple of."""

NAME = "buf_dyn_shmem"


def merge_shared_memory_allocations(func: PrimFunc, target: Target) -> PrimFunc:
    """Allocate `buf_dyn_shmem` once in each kernel that has `shared.dyn` memory; the parts become views of it.

    Parts are placed by size, the greatest first, each as low as those allow that are in use at the same time. A part
    is in use from the first access to the last, for whole loops where it keeps its contents around. Memory of scope
    `shared` becomes dynamic, too, where it has no constant size or is more than a kernel may declare.
    """
    return _Kernels()(func) if target.is_gpu else func


class _Kernels(Rewriter):
    def visit_for(self, node: For) -> Stmt:
        return self.kernel(node) if is_kernel(node) else node.map_children(self)

    def visit_allocate(self, node: Allocate) -> Stmt:
        return self.kernel(node) if is_kernel(node) else node.map_children(self)

    def kernel(self, node: Stmt) -> Stmt:
        buffers = [n.buffer for n in walk_unique(node) if isinstance(n, Allocate)]
        static = [b for b in buffers if b.scope == "shared"]
        sizes = [_size(b) for b in static]
        known = [s.value for s in sizes if isinstance(s, IntImm)]
        whole = len(known) < len(sizes) or sum(known) > STATIC_LIMIT
        parts = [b for b in buffers if b.scope == "shared.dyn" or (whole and b.scope == "shared")]
        if not parts:
            return node
        places, total = _placed(parts, _Lives(set(parts))(node))
        merged = decl_buffer((total,), "uint8", NAME, scope="shared.dyn")
        return _allocated(merged, _Merge(merged, places)(node))


def _allocated(buffer: Buffer, node: Stmt) -> Stmt:
    """A kernel with an allocation for each of its blocks: inside of the loops over blocks that stand around it all."""
    if isinstance(node, For) and node.thread_binding in BLOCK_AXES:
        return node.replace(body=_allocated(buffer, node.body))
    return Allocate(buffer, node)


def _size(buffer: Buffer) -> Expr:
    """Bytes of an allocation."""
    size: Expr = const(buffer.dtype.bytes * buffer.dtype.lanes)
    for extent in buffer.shape:
        size = size * extent
    return size


@dataclass
class _Life:
    first: int
    last: int


class _Lives(Visitor):
    """Finds from which statement to which, counted in program order, each buffer is in use."""

    def __init__(self, buffers: set[Buffer]) -> None:
        self.buffers = {b.data: b for b in buffers}
        self.lives: dict[Buffer, _Life] = {}
        self.depth: dict[Buffer, int] = {}
        self.loops: list[tuple[int, set[Buffer]]] = []
        self.time = 0

    def __call__(self, node: object) -> dict[Buffer, _Life]:  # type: ignore[override]
        super().__call__(node)  # type: ignore[arg-type]
        return self.lives

    def touch(self, data: Var) -> None:
        buffer = self.buffers.get(data)
        if buffer is None:
            return
        life = self.lives.setdefault(buffer, _Life(self.time, self.time))
        life.last = self.time
        # In the loops inside of its allocation it keeps its contents from one iteration to the next.
        for begin, used in self.loops[self.depth.get(buffer, 0) :][:1]:
            life.first = min(life.first, begin)
            used.add(buffer)

    def loop(self, node: For | While) -> None:
        self.time += 1
        self.loops.append((self.time, set()))
        self.descend(node)
        self.time += 1
        for buffer in self.loops.pop()[1]:
            self.lives[buffer].last = self.time

    def visit_for(self, node: For) -> None:
        self.loop(node)

    def visit_while(self, node: While) -> None:
        self.loop(node)

    def visit_allocate(self, node: Allocate) -> None:
        self.depth[node.buffer] = len(self.loops)
        self(node.body)

    def visit_buffer_store(self, node: BufferStore) -> None:
        self.time += 1
        self.touch(node.buffer.data)
        self.descend(node)

    def visit_evaluate(self, node: Stmt) -> None:
        self.time += 1
        self.descend(node)

    def visit_buffer_load(self, node: BufferLoad) -> None:
        self.touch(node.buffer.data)
        self.descend(node)

    def visit_var(self, node: Var) -> None:
        self.touch(node)


def _placed(parts: list[Buffer], lives: dict[Buffer, _Life]) -> tuple[dict[Buffer, Expr], Expr]:
    """The offset in bytes of each part, and the size of all."""
    places: dict[Buffer, Expr] = {}
    fixed: list[tuple[int, int, _Life]] = []
    total = 0
    sized = {b: size.value for b in parts if isinstance(size := _size(b), IntImm)}
    for buffer in sorted(sized, key=lambda b: -sized[b]):
        life = lives.get(buffer, _Life(0, 0))
        align = max(ALIGNMENT, buffer.data_alignment)
        at = 0
        for begin, past, other in sorted(fixed, key=lambda f: f[0]):
            apart = other.last < life.first or life.last < other.first
            if not apart and begin < at + sized[buffer] and at < past:
                at = _up(past, align)
        fixed.append((at, at + sized[buffer], life))
        places[buffer] = const(at)
        total = max(total, at + sized[buffer])
    end: Expr = const(_up(total, ALIGNMENT))
    for buffer in parts:
        if buffer not in sized:
            places[buffer] = end
            end = end + (_size(buffer) + (ALIGNMENT - 1)) // ALIGNMENT * ALIGNMENT
    return places, end


def _up(value: int, step: int) -> int:
    return -(-value // step) * step


class _Merge(Rewriter):
    """Turns the allocations into views of the merged memory."""

    def __init__(self, merged: Buffer, places: dict[Buffer, Expr]) -> None:
        self.merged = merged
        self.views = {
            b: b.replace(data=merged.data, elem_offset=at // b.dtype.bytes // b.dtype.lanes, scope="shared.dyn")
            for b, at in places.items()
        }
        self.pointers = {b.data: b for b in places}

    def visit_buffer(self, node: Buffer) -> Buffer:
        owner = self.pointers.get(node.data)
        if owner is None:
            return node
        view = self.views.get(node)
        if view is None:
            # Another view of a part's memory: as far into the whole as the part is.
            shift = self.views[owner].elem_offset * owner.dtype.bytes * owner.dtype.lanes
            step = node.dtype.bytes * node.dtype.lanes
            view = self.views[node] = node.replace(
                data=self.merged.data, elem_offset=node.elem_offset + shift // step, scope="shared.dyn"
            )
        return view

    def visit_allocate(self, node: Allocate) -> Stmt:
        body = self(node.body)
        if node.buffer in self.pointers.values():
            return DeclBuffer(self.views[node.buffer], body)
        return node if body is node.body else node.replace(body=body)

    def visit_call(self, node: Call) -> Expr:
        if node.op.name == "tvm_access_ptr" and node.args[1] in self.pointers:
            annotation, data, offset, extent, mask = node.args
            owner = self.pointers[data]  # type: ignore[index]
            shift = self.views[owner].elem_offset * owner.dtype.bytes * owner.dtype.lanes // annotation.dtype.bytes
            args = (annotation, self.merged.data, self(offset) + shift, self(extent), mask)
            return node.replace(args=args)
        return node.map_children(self)

    def visit_var(self, node: Var) -> Expr:
        owner = self.pointers.get(node)
        if owner is None:
            return node
        return Call(node.dtype, OPS["address_of"], (BufferLoad(self.views[owner], (const(0),)),))
