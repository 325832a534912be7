"""Where kernels begin in a program: the statements that a GPU runs, and the thread axes bound in them."""

from __future__ import annotations

from ...tir.expr import Call
from ...tir.node import Node
from ...tir.op import Intrinsic
from ...tir.stmt import Allocate, BlockRealize, For, ForKind
from ...tir.visit import walk
from ..fragments import WGMMA_GROUPS

BLOCK_AXES = ("blockIdx.x", "blockIdx.y", "blockIdx.z")
THREAD_AXES = ("threadIdx.x", "threadIdx.y", "threadIdx.z")
AXES = (*BLOCK_AXES, *THREAD_AXES)

WAITING = frozenset(
    {
        "tvm_storage_sync",
        "tvm_thread_allreduce",
        "tvm_warp_shuffle",
        "tvm_warp_shuffle_up",
        "tvm_warp_shuffle_down",
    }
)
"""Intrinsics at which a thread waits for others."""

GROUPS = frozenset({"ptx_commit_group", "ptx_wait_group", "ptx_wait_barrier"}) | WGMMA_GROUPS
"""Intrinsics by which each thread keeps account of the copies and products it has begun, and waits for them."""


ONCE = frozenset({"ptx_init_barrier_thread_count", "ptx_arrive_barrier_expect_tx", "ptx_cp_async_bulk_tensor"})
"""Intrinsics that one thread of a block does for all."""


def is_bound(node: Node) -> bool:
    """Whether a loop is bound to an axis of the hardware's (virtual threads are not)."""
    return isinstance(node, For) and node.kind is ForKind.THREAD_BINDING and node.thread_binding in AXES


def has_bound(node: Node) -> bool:
    """Whether there is a bound loop at or below `node`."""
    return any(is_bound(n) for n in walk(node))


def is_kernel(node: Node) -> bool:
    """Whether a kernel begins at a statement: an outermost bound loop, or memory of a block's threads around one."""
    if isinstance(node, Allocate):
        return node.buffer.scope != "global" and has_bound(node)
    if isinstance(node, BlockRealize):
        return False
    return is_bound(node)


def waits(node: Node) -> bool:
    """Whether a thread that runs `node` waits for others."""
    return any(isinstance(n, Call) and isinstance(n.op, Intrinsic) and n.op.name in WAITING for n in walk(node))
