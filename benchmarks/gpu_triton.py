"""Triton's kernels for what `benchmarks/gpu.py` measures, as its tutorials teach them: products, rows, attention.

Each entry of `CALLS` takes torch tensors, the kernel's inputs, and gives a function that queues the kernel and returns
the result. With TRITON_INTERPRET=1 they run on the CPU, for tests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import triton
import triton.language as tl


@triton.jit
def matmul_kernel(
    a,
    b,
    c,
    m,
    n,
    k,
    sam,
    sak,
    sbk,
    sbn,
    BM: tl.constexpr,
    BN: tl.constexpr,
    BK: tl.constexpr,
    GROUP: tl.constexpr,
    IEEE: tl.constexpr,
):
    """C = A B; programs are grouped so that those that run together share rows and columns in the cache."""
    pid = tl.program_id(0)
    across = tl.cdiv(n, BN)
    group = pid // (GROUP * across)
    first = group * GROUP
    size = min(tl.cdiv(m, BM) - first, GROUP)
    i = first + (pid % (GROUP * across)) % size
    j = (pid % (GROUP * across)) // size
    rows, cols, deep = i * BM + tl.arange(0, BM), j * BN + tl.arange(0, BN), tl.arange(0, BK)
    pa = a + (rows % m)[:, None] * sam + deep[None, :] * sak
    pb = b + deep[:, None] * sbk + (cols % n)[None, :] * sbn
    total = tl.zeros((BM, BN), tl.int32 if c.dtype.element_ty == tl.int32 else tl.float32)
    for step in range(tl.cdiv(k, BK)):
        x = tl.load(pa, deep[None, :] < k - step * BK, 0)
        y = tl.load(pb, deep[:, None] < k - step * BK, 0)
        if IEEE:
            total = tl.dot(x, y, total, input_precision="ieee")
        else:
            total = tl.dot(x, y, total, out_dtype=total.dtype)
        pa += BK * sak
        pb += BK * sbk
    kept = (rows[:, None] < m) & (cols[None, :] < n)
    tl.store(c + rows[:, None] * n + cols[None, :], total.to(c.dtype.element_ty), kept)


@triton.jit
def softmax_kernel(x, y, n, BLOCK: tl.constexpr):
    """A row to a program, which holds it."""
    row, at = tl.program_id(0).to(tl.int64) * n, tl.arange(0, BLOCK)
    v = tl.load(x + row + at, at < n, float("-inf"))
    power = tl.exp(v - tl.max(v, 0))
    tl.store(y + row + at, power / tl.sum(power, 0), at < n)


@triton.jit
def layer_norm_kernel(x, gamma, beta, y, n, eps, BLOCK: tl.constexpr):
    """A row to a program, which holds it."""
    row, at = tl.program_id(0).to(tl.int64) * n, tl.arange(0, BLOCK)
    v = tl.load(x + row + at, at < n, 0.0)
    centred = tl.where(at < n, v - tl.sum(v, 0) / n, 0.0)
    scale = 1 / tl.sqrt(tl.sum(centred * centred, 0) / n + eps)
    out = centred * scale * tl.load(gamma + at, at < n, 0.0) + tl.load(beta + at, at < n, 0.0)
    tl.store(y + row + at, out, at < n)


@triton.jit
def row_sums_kernel(x, y, n, BLOCK: tl.constexpr):
    """A row to a program."""
    row, at = tl.program_id(0).to(tl.int64) * n, tl.arange(0, BLOCK)
    total = tl.zeros((BLOCK,), tl.float32)
    for begin in range(0, n, BLOCK):
        total += tl.load(x + row + begin + at, begin + at < n, 0.0)
    tl.store(y + tl.program_id(0), tl.sum(total, 0))


@triton.jit
def attention_kernel(q, k, v, out, length, scale, WIDTH: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    """Flash attention, forward: a tile of queries to a program, the softmax kept as it goes along the keys."""
    head = tl.program_id(1).to(tl.int64) * length * WIDTH
    rows, cols, deep = tl.program_id(0) * BM + tl.arange(0, BM), tl.arange(0, BN), tl.arange(0, WIDTH)
    at = head + rows[:, None] * WIDTH + deep[None, :]
    query = tl.load(q + at, rows[:, None] < length, 0.0)
    greatest = tl.full((BM,), float("-inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    mixed = tl.zeros((BM, WIDTH), tl.float32)
    for begin in range(0, length, BN):
        there = begin + cols < length
        key = tl.load(k + head + (begin + cols)[None, :] * WIDTH + deep[:, None], there[None, :], 0.0)
        score = tl.where(there[None, :], tl.dot(query, key) * scale, float("-inf"))
        highest = tl.maximum(greatest, tl.max(score, 1))
        power, shrink = tl.exp2(score - highest[:, None]), tl.exp2(greatest - highest)
        value = tl.load(v + head + (begin + cols)[:, None] * WIDTH + deep[None, :], there[:, None], 0.0)
        total = total * shrink + tl.sum(power, 1)
        mixed = tl.dot(power.to(value.dtype), value, mixed * shrink[:, None])
        greatest = highest
    tl.store(out + at, (mixed / total[:, None]).to(out.dtype.element_ty), rows[:, None] < length)


def product(
    a: Any, b: Any, *, transposed: bool = False, tile: tuple[int, int, int] = (128, 256, 64)
) -> Callable[[], Any]:
    """A B, or A B^T."""
    (m, k), n = a.shape, b.shape[0] if transposed else b.shape[1]
    kind = torch.int32 if a.dtype == torch.int8 else a.dtype
    c = torch.empty((m, n), dtype=kind, device=a.device)
    sbk, sbn = (b.stride(1), b.stride(0)) if transposed else (b.stride(0), b.stride(1))
    bm, bn, bk = tile
    grid = (triton.cdiv(m, bm) * triton.cdiv(n, bn),)

    def call() -> Any:
        matmul_kernel[grid](
            a, b, c, m, n, k, a.stride(0), a.stride(1), sbk, sbn, BM=bm, BN=bn, BK=bk, GROUP=8,
            IEEE=a.dtype == torch.float32, num_warps=8, num_stages=3,
        )  # fmt: skip
        return c

    return call


def _rows(kernel: Any, out: Any, *args: Any, n: int, block: int) -> Callable[[], Any]:
    def call() -> Any:
        kernel[(out.shape[0],)](*args, BLOCK=block, num_warps=8 if n >= 2048 else 4)
        return out

    return call


def softmax(x: Any) -> Callable[[], Any]:
    """The softmax of each row."""
    out, n = torch.empty_like(x), x.shape[1]
    return _rows(softmax_kernel, out, x, out, n, n=n, block=triton.next_power_of_2(n))


def layer_norm(x: Any, gamma: Any, beta: Any) -> Callable[[], Any]:
    """The layer norm of each row."""
    out, n = torch.empty_like(x), x.shape[1]
    return _rows(layer_norm_kernel, out, x, gamma, beta, out, n, 1e-5, n=n, block=triton.next_power_of_2(n))


def row_sums(x: Any) -> Callable[[], Any]:
    """The sum of each row."""
    out, n = torch.empty(x.shape[:1], dtype=x.dtype, device=x.device), x.shape[1]
    return _rows(row_sums_kernel, out, x, out, n, n=n, block=min(2048, triton.next_power_of_2(n)))


def attention(q: Any, k: Any, v: Any, *, tile: tuple[int, int] = (128, 64)) -> Callable[[], Any]:
    """Attention of heads by length by width."""
    heads, length, width = q.shape
    out = torch.empty_like(q)
    grid = (triton.cdiv(length, tile[0]), heads)
    scale = width**-0.5 * 1.4426950408889634

    def call() -> Any:
        attention_kernel[grid](
            q, k, v, out, length, scale, WIDTH=width, BM=tile[0], BN=tile[1], num_warps=8, num_stages=3
        )
        return out

    return call


CALLS: dict[str, Callable[..., Callable[[], Any]]] = {
    "cuda_gemm": lambda a, b: product(a, b, tile=(64, 128, 32)),
    "cuda_gemm_mma": product,
    "cuda_gemm_wgmma": lambda a, b: product(a, b, transposed=True),
    "cuda_int8_gemm": lambda a, b: product(a, b, transposed=True, tile=(128, 256, 128)),
    "cuda_softmax": softmax,
    "cuda_layer_norm": layer_norm,
    "cuda_row_sums": row_sums,
    "cuda_attention": attention,
}
"""What Triton does for the same arrays, by kernel."""
