"""Puts barriers where threads of a block touch what others of them have written, or write what others have read."""

from __future__ import annotations

from ...tir.expr import Expr, IntImm, Var, const
from ...tir.function import PrimFunc
from ...tir.stmt import Allocate, For, Stmt
from ...tir.visit import Rewriter, walk
from ..fragments import lanes_needed
from ..target import Target
from .barriers import Plan
from .kernels import THREAD_AXES, is_bound, is_kernel
from .one_writer import require_one_writer
from .thread_memory import require_private
from .thread_values import differing
from .thread_where import Where


def thread_sync(func: PrimFunc, target: Target) -> PrimFunc:
    """Insert `T.tvm_storage_sync` barriers in kernels: as few as there can be, as late as they may stand.

    In a sequence of statements there is a barrier before each that meets an access after the last barrier: that is
    the least number there can be. In a loop, an access of the next iteration may meet one of this. Loops bound to one
    axis are one set of threads, whether they stand inside of each other or one after the other.

    From here on shared memory is one piece for a block also where it is allocated inside of its threads' loops. What
    all of them would store there alike, the first one stores.

    Raises
    ------
    LowerError: a barrier is needed where not all threads of a block come; or threads store different values at one
        place in shared memory.
    """
    return _Kernels(func, target)(func) if target.is_gpu else func


class _Kernels(Rewriter):
    def __init__(self, func: PrimFunc, target: Target) -> None:
        self.func, self.warp = func, target.thread_warp_size

    def visit_for(self, node: For) -> Stmt:
        return self.kernel(node) if is_kernel(node) else node.map_children(self)

    def visit_allocate(self, node: Allocate) -> Stmt:
        return self.kernel(node) if is_kernel(node) else node.map_children(self)

    def kernel(self, node: Stmt) -> Stmt:
        threads = thread_axes(node)
        require_private(self.func, node, threads)
        require_one_writer(self.func, node)
        if not threads:
            return node
        return Plan(self.func, threads, self.warp).stmt(node, Where(threads, registers=differing(node))).stmt


def thread_axes(kernel: Stmt) -> dict[str, tuple[Var, Expr]]:
    """The axes of a block's threads: a variable for each, and the greatest extent of the loops bound to it."""
    out: dict[str, tuple[Var, Expr]] = {}
    lanes = lanes_needed(kernel)
    if lanes and not any(isinstance(n, For) and n.thread_binding == "threadIdx.x" for n in walk(kernel)):
        out["threadIdx.x"] = Var("threadIdx.x"), const(lanes)
    for n in walk(kernel):
        if is_bound(n) and isinstance(n, For) and n.thread_binding in THREAD_AXES:
            known = out.get(n.thread_binding)
            if known is None:
                out[n.thread_binding] = Var(n.thread_binding, n.loop_var.dtype), n.extent
            elif isinstance(n.extent, IntImm) and isinstance(known[1], IntImm) and n.extent.value > known[1].value:
                out[n.thread_binding] = known[0], n.extent
    return out
