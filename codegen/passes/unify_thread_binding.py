"""Makes the loops of a kernel that are bound to one thread axis one loop, around everything the kernel does."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from ...tir.arith import Analyzer
from ...tir.errors import LowerError
from ...tir.expr import Call, Expr, IntImm, Var, all_of, cast, const
from ...tir.function import PrimFunc
from ...tir.node import EMPTY, Attrs
from ...tir.op import Effect, Intrinsic
from ...tir.stmt import BufferStore, Evaluate, For, ForKind, IfThenElse, SeqStmt, Stmt, seq
from ...tir.visit import Rewriter, Substitute, buffers_in, free_vars, walk
from ..fragments import WARP_OPERATIONS, lane_axes, lanes_needed
from ..target import Target
from .kernels import BLOCK_AXES, GROUPS, ONCE, THREAD_AXES, WAITING, is_bound, is_kernel
from .own_registers import own_registers

KEPT = frozenset({"min_blocks_per_sm"})
"""Annotations of bound loops that are about the kernel: its outermost loop has them afterwards."""


def unify_thread_binding(func: PrimFunc, target: Target) -> PrimFunc:
    """Put one loop for each thread axis around each kernel.

    What a loop of fewer iterations than its axis has threads does is done by the first of them. What stands under no
    loop of some thread axis is computed by all its threads, and stored by the first where they share the memory.

    Raises
    ------
    LowerError: loops of one axis whose extents cannot be compared, or with a wider one inside; blocks that depend on
        each other's results.
    """
    return _Kernels(func)(func) if target.is_gpu else func


class _Kernels(Rewriter):
    def __init__(self, func: PrimFunc) -> None:
        self.func = func

    def visit_for(self, node: For) -> Stmt:
        return self.kernel(node) if is_kernel(node) else node.map_children(self)

    def visit_allocate(self, node: Stmt) -> Stmt:
        return self.kernel(node) if is_kernel(node) else node.map_children(self)

    def kernel(self, node: Stmt) -> Stmt:
        loops = [n for n in walk(node) if is_bound(n)]
        axes: dict[str, list[For]] = {}
        for loop in loops:
            assert isinstance(loop, For) and loop.thread_binding is not None
            axes.setdefault(loop.thread_binding, []).append(loop)
        for axis in BLOCK_AXES:
            self.require_independent(axes.get(axis, []))
            self.require_around(node, axes.get(axis, []))
        order = sorted(axes, key=lambda axis: axis.startswith("threadIdx"))
        lanes = 0 if "threadIdx.x" in axes else lanes_needed(node)
        if _is_unified(node, order) and not lanes:
            return node
        variables = {axis: self.unified(axis, axes[axis]) for axis in order}
        if lanes:
            # What works on fragments is a warp's or four warps', though no loop is bound to its threads.
            variables["threadIdx.x"] = (Var("lane"), const(lanes))
            order.append("threadIdx.x")
        body = _Merge(self.func, variables)(node)
        body = own_registers(self.func, body, {axis: variables[axis] for axis in order if axis in THREAD_AXES})
        kept = {key: v for loop in loops for key, v in getattr(loop, "annotations", EMPTY).items() if key in KEPT}
        for axis in reversed(order):
            var, extent = variables[axis]
            body = For(var, const(0, var.dtype), extent, ForKind.THREAD_BINDING, body, axis)
        if kept and isinstance(body, For):
            body = body.replace(annotations=Attrs(kept))
        return body

    def unified(self, axis: str, loops: list[For]) -> tuple[Var, Expr]:
        """The variable and the extent of an axis."""
        widest = loops[0].extent
        for loop in loops[1:]:
            if widest is loop.extent or Analyzer().prove(widest >= cast(loop.extent, widest.dtype)):
                continue
            if not Analyzer().prove(cast(loop.extent, widest.dtype) >= widest):
                raise LowerError(
                    f"{{0}} and {{1}} are bound to {axis}, and it is not known which extent is greater",
                    loops[0],
                    loop,
                    root=self.func,
                    hint="give loops of one thread axis the same extent",
                )
            widest = cast(loop.extent, widest.dtype)
        return loops[0].loop_var.replace(), widest

    def require_independent(self, loops: list[For]) -> None:
        """Blocks of threads are not ordered: what one loop over them writes to global memory no other may touch."""
        for k, loop in enumerate(loops):
            for other in loops[:k]:
                if any(n is loop for n in walk(other)):
                    continue
                shared = _written(other) & {b.data for b in buffers_in(loop)} | _written(loop) & {
                    b.data for b in buffers_in(other)
                }
                if shared:
                    names = ", ".join(sorted(v.name for v in shared))
                    raise LowerError(
                        f"{{0}} and {{1}} are bound to {loop.thread_binding} in one kernel, and both touch {names}; "
                        "blocks of threads cannot wait for each other",
                        other,
                        loop,
                        root=self.func,
                        hint="bind no loop around both, which makes two kernels of them, or compute one in the other",
                    )

    def require_around(self, kernel: Stmt, loops: list[For]) -> None:
        """What is under no loop over blocks one of them does: in global memory the loop's others may not touch it."""
        for loop in loops:
            if isinstance(loop.extent, IntImm) and loop.extent.value <= 1:
                continue
            written, touched = _written(loop), {b.data for b in buffers_in(loop)}
            for stmt, used in _outside(kernel, loop):
                shared = _written(stmt) & touched | written & used
                if shared:
                    names = ", ".join(sorted(v.name for v in shared))
                    raise LowerError(
                        f"{{0}} is not under {{1}}, which is bound to {loop.thread_binding} in its kernel, and both "
                        f"touch {names}; blocks of threads cannot wait for each other",
                        stmt,
                        loop,
                        root=self.func,
                        hint="bind no loop around both, which makes two kernels of them, or do not bind this one",
                    )


def _outside(node: Stmt, loop: For) -> Iterator[tuple[Stmt, set[Var]]]:
    """The statements not under a loop that contain no other, and the memory they touch."""
    if node is loop:
        return
    inner = [c for c in node.children() if isinstance(c, Stmt)]
    if not inner:
        yield node, {b.data for b in buffers_in(node)}
    for child in inner:
        yield from _outside(child, loop)


def _written(node: Stmt) -> set[Var]:
    return {n.buffer.data for n in walk(node) if isinstance(n, BufferStore) and n.buffer.scope == "global"}


def _is_unified(node: Stmt, order: list[str]) -> bool:
    """Whether the loops of the axes stand perfectly nested at the top, and nowhere else."""
    if sum(map(is_bound, walk(node))) != len(order):
        return False
    for _ in order:
        if not is_bound(node) or not (isinstance(node, For) and isinstance(node.min, IntImm) and node.min.value == 0):
            return False
        node = node.body
    return True


class _Merge(Substitute):
    """The body of a kernel in terms of the variables of its axes."""

    def __init__(self, func: PrimFunc, variables: Mapping[str, tuple[Var, Expr]]) -> None:
        self.func, self.axes = func, variables
        self.bound: dict[Var, Expr] = {}
        self.threads = [axis for axis in variables if axis in THREAD_AXES]
        self.under: list[For] = []
        super().__init__(self.bound)

    def visit_for(self, node: For) -> Stmt:
        if not is_bound(node):
            return node.map_children(self)
        assert node.thread_binding is not None
        var, extent = self.axes[node.thread_binding]
        own = cast(self(node.extent), var.dtype)
        low = self(node.min)
        self.require_no_wider(node, own)
        # Set once: a loop's variable is used only below it.
        self.bound[node.loop_var] = cast(var, node.loop_var.dtype) + low
        self.under.append(node)
        body = self(node.body)
        self.under.pop()
        if own is extent or Analyzer().prove(own >= extent):
            return body
        return IfThenElse(var < own, body)

    def require_no_wider(self, node: For, extent: Expr) -> None:
        """In a loop over fewer threads no loop can have more of them."""
        for outer in self.under:
            if outer.thread_binding != node.thread_binding:
                continue
            around = cast(self(outer.extent), extent.dtype)
            if around is not extent and not Analyzer().prove(around >= extent):
                raise LowerError(
                    f"{{0}} has more threads of {node.thread_binding} than {{1}}, in which it is",
                    node,
                    outer,
                    root=self.func,
                    hint="give loops of one thread axis the same extent",
                )

    def alone(self, stmt: Stmt, axes: Iterable[str], together: Collection[str] = ()) -> Stmt:
        """`stmt` done by one thread of each of `axes` it stands under no loop of, but by all of the axes `together`."""
        under = {loop.thread_binding for loop in self.under}
        missing = [axis for axis in axes if axis not in under and axis not in together]
        if not missing:
            return stmt
        return IfThenElse(all_of(*(self.axes[a][0] == const(0, self.axes[a][0].dtype) for a in missing)), stmt)

    def once(self, node: Stmt, stmt: Stmt) -> Stmt:
        """`stmt` done by the first thread of the block, which may do so if it is the same for all."""
        variables = [self.axes[axis][0] for axis in self.threads]
        if set(variables) & set(free_vars(stmt)):
            raise LowerError(
                "one thread is to do {0} for all of its block, but threads differ in what it does",
                node,
                root=self.func,
                hint="compute the copy outside of the loops bound to threads, or let threads copy by themselves",
            )
        return IfThenElse(all_of(*(v == const(0, v.dtype) for v in variables)), stmt)

    def visit_seq_stmt(self, node: SeqStmt) -> Stmt:
        rebuilt = node.map_children(self)
        out: list[Stmt] = []
        for stmt in rebuilt.seq if isinstance(rebuilt, SeqStmt) else (rebuilt,):
            before = out[-1] if out else None
            if _is_once(stmt) and _is_once(before):
                assert isinstance(before, IfThenElse) and isinstance(stmt, IfThenElse)
                out[-1] = before.replace(then_case=seq(before.then_case, stmt.then_case))
            else:
                out.append(stmt)
        return seq(*out)

    def visit_buffer_store(self, node: BufferStore) -> Stmt:
        out = node.map_children(self)
        if node.buffer.is_private:
            return out
        return self.alone(out, self.axes if node.buffer.scope == "global" else self.threads)

    def visit_evaluate(self, node: Evaluate) -> Stmt:
        out = node.map_children(self)
        calls = [n for n in walk(node) if isinstance(n, Call) and isinstance(n.op, Intrinsic)]
        if any(n.op.name in ONCE for n in calls):
            return self.once(node, out)
        if any(n.op.name in WARP_OPERATIONS for n in calls):
            # What works on fragments a warp does as one.
            return self.alone(out, self.threads, lane_axes({a: e for a, (_, e) in self.axes.items()}))
        changes = any(n.op.effect is Effect.UPDATE for n in calls if isinstance(n.op, Intrinsic))
        waits = any(n.op.name in WAITING | GROUPS for n in calls)
        return self.alone(out, self.threads) if changes and not waits else out


def _is_once(stmt: Stmt | None) -> bool:
    """Whether a statement is what one thread does for all of its block."""
    if not isinstance(stmt, IfThenElse) or stmt.else_case is not None:
        return False
    first = stmt.then_case.seq[0] if isinstance(stmt.then_case, SeqStmt) else stmt.then_case
    return isinstance(first, Evaluate) and isinstance(first.value, Call) and first.value.op.name in ONCE
