"""Merged shared memory: one allocation, parts in the same place only if never needed at once, sizes in bytes."""

from __future__ import annotations

import numpy as np
from tensorir import parse
from tensorir.codegen import interpreter
from tensorir.codegen.cuda.module import generate
from tensorir.codegen.lower import lower
from tensorir.codegen.passes.merge_shared_memory_allocations import merge_shared_memory_allocations
from tensorir.tir.function import as_module
from tensorir.tir.stmt import Allocate, DeclBuffer
from tensorir.tir.visit import walk

from ..cuda.stages import GPU

CHAIN = """
@T.prim_func
def main(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
    for tx in T.thread_binding(64, thread="threadIdx.x"):
        P = T.allocate((64,), "float32", scope="shared.dyn")
        Q = T.allocate((64,), "float16", scope="shared.dyn")
        R = T.allocate((64,), "float32", scope="shared.dyn")
        P[tx] = A[tx]
        Q[tx] = T.Cast("float16", P[63 - tx])
        R[tx] = T.Cast("float32", Q[63 - tx])
        B[tx] = R[63 - tx]
"""


def assert_reverses(func, plus=0):
    """The lowered function writes the first array to the second in reverse, and no threads race."""
    a, b = np.arange(64, dtype="float32"), np.zeros(64, "float32")
    interpreter.run(func, a, b, sanitize=True)
    np.testing.assert_array_equal(b, a[::-1] + plus)


def merged(text):
    out = merge_shared_memory_allocations(parse(text), GPU)
    (memory,) = (n.buffer for n in walk(out.body) if isinstance(n, Allocate) and n.buffer.scope == "shared.dyn")
    views = {
        n.buffer.name: n.buffer.elem_offset.value * n.buffer.dtype.bytes
        for n in walk(out.body)
        if isinstance(n, DeclBuffer)
    }
    return memory, views


def test_parts_that_are_not_needed_at_once_share_their_place():
    memory, at = merged(CHAIN)
    assert memory.name == "buf_dyn_shmem"
    assert at["P"] == at["R"] == 0
    assert at["Q"] == 256
    assert memory.shape[0].value == 256 + 128
    assert_reverses(lower(parse(CHAIN), GPU))


def test_what_a_loop_keeps_is_kept_for_all_of_it():
    text = """
@T.prim_func
def main(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
    for tx in T.thread_binding(64, thread="threadIdx.x"):
        P = T.allocate((64,), "float32", scope="shared.dyn")
        Q = T.allocate((64,), "float32", scope="shared.dyn")
        P[tx] = A[tx]
        for k in range(3):
            Q[tx] = P[63 - tx]
            P[tx] = Q[63 - tx] + T.float32(1)
        B[tx] = P[63 - tx]
"""
    memory, at = merged(text)
    assert at["P"] != at["Q"]
    assert memory.shape[0].value == 512
    assert_reverses(lower(parse(text), GPU), 3)


def test_more_static_memory_than_a_kernel_may_declare_becomes_dynamic():
    text = CHAIN.replace('(64,), "float32", scope="shared.dyn"', '(8192,), "float32", scope="shared"')
    func = parse(text)
    out = lower(func, GPU)
    source = generate(as_module(out), GPU)
    (kernel,) = source.kernels.values()
    assert kernel.static_shared_bytes == 0
    assert kernel.shared_bytes.value == 8192 * 4 + 128
    assert "extern __shared__ __align__(16) unsigned char buf_dyn_shmem[];" in source.text
    assert_reverses(out)
