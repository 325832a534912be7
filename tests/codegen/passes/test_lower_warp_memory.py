"""Memory of a warp: elements in the registers of its lanes, loads by shuffles; what lanes cannot exchange."""

from __future__ import annotations

import numpy as np
import pytest
import tensorir
from tensorir.codegen.cuda import nvrtc
from tensorir.tir.errors import LowerError

from ..cuda.stages import GPU, arguments, close, every_stage

HEAD = """
@T.prim_func
def main(A: T.Buffer((2, 64), "float32"), B: T.Buffer((2, 64), "float32")):
    for b in T.thread_binding(2, thread="blockIdx.x"):
        for t in T.thread_binding({threads}, thread="threadIdx.x"):
            W = T.allocate(({size},), "float32", scope="warp")
"""

GOOD = {
    "the neighbour": (32, 32, "W[t] = A[b, t]\nB[b, t] = W[(t + 1) % 32]"),
    "reversed, two a lane": (
        32, 64, "for k in range(2):\n    W[k * 32 + t] = A[b, k * 32 + t]\nfor k in range(2):\n"
        "    B[b, k * 32 + t] = W[k * 32 + 31 - t]",
    ),
    "two neighbours a lane": (
        32, 64, "for k in range(2):\n    W[t * 2 + k] = A[b, t * 2 + k]\nfor k in range(2):\n"
        "    B[b, t * 2 + k] = W[(t * 2 + k + 2) % 64]",
    ),
    "its own": (32, 32, "W[t] = A[b, t]\nB[b, t] = W[t] * T.float32(2)"),
    "one for all": (32, 32, "W[t] = A[b, t]\nB[b, t] = W[5] + W[7]"),
    "half a warp": (16, 16, "W[t] = A[b, t]\nB[b, t] = W[15 - t]"),
}  # fmt: skip


def program(threads: int, size: int, body: str) -> tensorir.PrimFunc:
    lines = "".join(f"            {line}\n" for line in body.splitlines())
    return tensorir.parse(HEAD.format(threads=threads, size=size) + lines)


def expected(func: tensorir.PrimFunc) -> list:
    """What the program means: `W` is one for the warp, written before it is read."""
    arrays = arguments(func)
    text = func.script().replace('scope="warp"', 'scope="shared"')
    tensorir.build(tensorir.parse(text), "cuda-emulator")(*arrays)
    return arrays


@pytest.mark.parametrize("name", GOOD)
def test_warp_memory(name: str) -> None:
    func = program(*GOOD[name])
    got = arguments(func)
    module = tensorir.build(func, "cuda-emulator")
    module(*got)
    close(expected(func), got)
    text = module.source()
    assert "__shared__" not in text
    assert ("__shfl_sync" in text) == (name != "its own")
    if nvrtc.available():
        assert tensorir.build(func, GPU).resources()


def test_every_stage() -> None:
    func = program(*GOOD["its own"])
    every_stage(func, func)


def test_each_warp_has_its_own() -> None:
    func = program(64, 32, "W[t % 32] = A[b, t]\nB[b, t] = W[(t + 1) % 32]")
    a, b = arguments(func)
    tensorir.build(func, "cuda-emulator")(a, b)
    np.testing.assert_array_equal(b.reshape(2, 2, 32), np.roll(a.reshape(2, 2, 32), -1, 2))


def test_a_vector_cached_in_a_warp() -> None:
    func = tensorir.parse("""
@T.prim_func
def main(M: T.Buffer((64, 96), "float32"), x: T.Buffer((96,), "float32"), y: T.Buffer((64,), "float32")):
    for i, k in T.grid(64, 96):
        with T.block("y"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                y[vi] = T.float32(0)
            y[vi] = y[vi] + M[vi, vk] * x[vk]
""")
    sch = tensorir.Schedule(func)
    i, k = sch.get_loops("y")
    i0, i1 = sch.split(i, [None, 32])
    k0, k1 = sch.split(k, [None, 32])
    sch.reorder(i0, k0, i1, k1)
    part = sch.cache_read("y", 1, "warp")
    sch.bind(i0, "blockIdx.x")
    sch.bind(i1, "threadIdx.x")
    sch.compute_at(part, k0)
    sch.bind(sch.get_loops(part)[-1], "threadIdx.x")
    every_stage(sch.func, func)
    got, want = arguments(func), arguments(func)
    tensorir.build(sch, "cuda-emulator")(*got)
    tensorir.build(func, "llvm")(*want)
    close(want, got)


BAD = {
    "another lane's element": (32, 32, "W[t + t // 31] = A[b, t]\nB[b, t] = W[t]", "another lane's"),
    "different places": (
        32, 64, "for k in range(2):\n    W[k * 32 + t] = A[b, k * 32 + t]\nB[b, t] = W[t * 2]", "each at another place",
    ),
    "a condition": (32, 32, "W[t] = A[b, t]\nif t < 7:\n    B[b, t] = W[t + 1]", "under a condition"),
    "a size": (32, 40, "W[t] = A[b, t]\nB[b, t] = W[31 - t]", "cannot divide evenly"),
    "threads": (20, 20, "W[t] = A[b, t]\nB[b, t] = W[19 - t]", "20 threads"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_lanes_cannot_exchange(name: str) -> None:
    *given, message = BAD[name]
    with pytest.raises(LowerError, match=message):
        tensorir.build(program(*given), "cuda-emulator")
