"""What a GPU can run: refuses, before any text is written, programs that it cannot, and says what would be possible."""

from __future__ import annotations

from ...tir.errors import LowerError
from ...tir.expr import IntImm
from ...tir.function import IRModule, PrimFunc
from ...tir.node import Node
from ...tir.stmt import Allocate, BlockRealize, BufferStore, DeclBuffer, For, ForKind
from ...tir.visit import walk
from ..passes.kernels import has_bound, is_kernel
from ..target import Target
from .source import Kernel

GRID = (2**31 - 1, 65535, 65535)
BLOCK = (1024, 1024, 64)


def require_bound(module: IRModule) -> None:
    """Refuse functions that store outside of kernels.

    Raises
    ------
    LowerError: a block, or a store, is under no loop that is bound to the GPU's threads; it names its loops.
    """
    for func in module.functions.values():
        _walk(func, func.body, [])


def _walk(func: PrimFunc, node: Node, loops: list[For]) -> None:
    if is_kernel(node):
        return
    if isinstance(node, For):
        loops = [*loops, node]
    if isinstance(node, BufferStore) or (isinstance(node, BlockRealize) and node.block is not func.root):
        if has_bound(node):
            _walk(func, node.block.body if isinstance(node, BlockRealize) else node, loops)
            return
        loops = [*loops, *(n for n in walk(node) if isinstance(n, For))]
        what = node.block if isinstance(node, BlockRealize) else node
        names = ", ".join(f"`{n.loop_var.name}`" for n in loops)
        parallel = next((n for n in loops if n.kind is ForKind.PARALLEL), None)
        around = f"its loops {names} are all the host's" if names else "there is no loop around it"
        hint = "sch.bind_default() binds everything that is not; or bind loops: sch.bind(loop, 'blockIdx.x')"
        if parallel is not None:
            hint = f"`{parallel.loop_var.name}` is parallel, which is for CPUs; {hint}"
        raise LowerError(
            f"{{0}} is bound to no threads of the GPU: {around}; did you forget to bind?", what, root=func, hint=hint
        )
    for child in node.children():
        _walk(func, child, loops)


def require_fits(kernel: Kernel, func: PrimFunc, target: Target) -> None:
    """Refuse kernels with more threads or shared memory than a block of the target may have.

    Raises
    ------
    LowerError: it has.
    """
    axes = _axes(func)
    threads = [e.value if isinstance(e, IntImm) else 1 for e in kernel.block]
    total = threads[0] * threads[1] * threads[2]
    if total > target.max_threads_per_block:
        shape = " * ".join(str(n) for n in threads if n > 1)
        raise LowerError(
            f"kernel {kernel.name} has {total} threads in a block ({shape}); {target.arch} allows "
            f"{target.max_threads_per_block}",
            *axes[:1], root=func,
            hint="split the loops bound to threadIdx and leave part of them serial, vectorized or bound to blockIdx",
        )  # fmt: skip
    for prefix, extents, most in (("threadIdx", kernel.block, BLOCK), ("blockIdx", kernel.grid, GRID)):
        for axis, extent, limit in zip("xyz", extents, most):
            if isinstance(extent, IntImm) and extent.value > limit:
                raise LowerError(
                    f"kernel {kernel.name} has {extent.value} along {prefix}.{axis}, which may have {limit}",
                    root=func,
                    hint=f"fuse or split the loops so that {prefix}.x has more of them",
                )
    dynamic = kernel.shared_bytes.value if isinstance(kernel.shared_bytes, IntImm) else 0
    used, most_bytes = kernel.static_shared_bytes + dynamic, target.max_shared_memory_per_block
    if used > most_bytes:
        raise LowerError(
            f"kernel {kernel.name} needs {used} bytes of shared memory in a block ({_shared(func)}); {target.arch} has "
            f"{most_bytes}",
            root=func,
            hint="make the tiles smaller: a smaller inner factor of the reduction's split is the first to try",
        )


def _axes(func: PrimFunc) -> list[For]:
    found = [n for n in walk(func.body) if isinstance(n, For) and n.bound_to == "threadIdx"]
    return sorted(found, key=lambda n: -(n.extent.value if isinstance(n.extent, IntImm) else 0))


def _shared(func: PrimFunc) -> str:
    """The shared buffers with their sizes, the largest first."""
    sizes: dict[str, int] = {}
    for n in walk(func.body):
        if isinstance(n, (Allocate, DeclBuffer)) and n.buffer.scope.startswith("shared"):
            size = n.buffer.dtype.bytes * n.buffer.dtype.lanes
            for extent in n.buffer.shape:
                size *= extent.value if isinstance(extent, IntImm) else 1
            sizes[n.buffer.name] = size
    listed = sorted(sizes.items(), key=lambda item: -item[1])
    return ", ".join(f"{name}: {size}" for name, size in listed)
