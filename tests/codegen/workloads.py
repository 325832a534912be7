"""Programs as text that between them use every statement the passes lower, with the arrays to run them on."""

from __future__ import annotations

import numpy as np

MATMUL = """
@T.prim_func
def main(A: T.Buffer((16, 24), "float32"), B: T.Buffer((24, 32), "float32"), C: T.Buffer((16, 32), "float32")):
    for i, j, k in T.grid(16, 32, 24):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
"""

TILED = """
@T.prim_func
def main(A: T.Buffer((16, 24), "float32"), B: T.Buffer((24, 64), "float32"), C: T.Buffer((16, 64), "float32")):
    D = T.alloc_buffer((16, 64), "float32")
    for i0 in T.parallel(4):
        for j0 in range(2):
            for i1 in T.unroll(4):
                for j1 in T.vectorized(32):
                    with T.block("init"):
                        vi = T.axis.spatial(16, i0 * 4 + i1)
                        vj = T.axis.spatial(64, j0 * 32 + j1)
                        D[vi, vj] = T.float32(0)
            for k in range(24):
                for i1 in T.unroll(4):
                    for j1 in T.vectorized(32):
                        with T.block("update"):
                            vi = T.axis.spatial(16, i0 * 4 + i1)
                            vj = T.axis.spatial(64, j0 * 32 + j1)
                            vk = T.axis.reduce(24, k)
                            D[vi, vj] = D[vi, vj] + A[vi, vk] * B[vk, vj]
            for i1 in range(4):
                for j1 in T.vectorized(32):
                    with T.block("out"):
                        vi = T.axis.spatial(16, i0 * 4 + i1)
                        vj = T.axis.spatial(64, j0 * 32 + j1)
                        C[vi, vj] = T.max(D[vi, vj], T.float32(0))
"""

TAILS = """
@T.prim_func
def main(A: T.Buffer((5, 37), "float32"), B: T.Buffer((5, 37), "float32")):
    for i, j0 in T.grid(5, 3):
        for j1 in T.vectorized(16):
            with T.block("B"):
                vi = T.axis.spatial(5, i)
                vj = T.axis.spatial(37, j0 * 16 + j1)
                T.where(j0 * 16 + j1 < 37)
                B[vi, vj] = A[vi, vj] * A[vi, 36 - vj] + T.Cast("float32", vj)
"""

PADDED = """
@T.prim_func
def main(A: T.Buffer((10, 11), "float32"), W: T.Buffer((3, 3), "float32"), B: T.Buffer((10, 11), "float32")):
    P = T.alloc_buffer((12, 13), "float32")
    for i in range(10):
        for u, j in T.grid(3, 13):
            with T.block("P"):
                vi = T.axis.spatial(12, i + u)
                vj = T.axis.spatial(13, j)
                P[vi, vj] = T.if_then_else(
                    1 <= vi and vi < 11 and 1 <= vj and vj < 12, A[vi - 1, vj - 1], T.float32(0)
                )
        for j in T.vectorized(11):
            for u, v in T.grid(3, 3):
                with T.block("B"):
                    vi, vj, vu, vv = T.axis.remap("SSRR", [i, j, u, v])
                    with T.init():
                        B[vi, vj] = T.float32(0)
                    B[vi, vj] = B[vi, vj] + P[vi + vu, vj + vv] * W[vu, vv]
"""

SCAN = """
@T.prim_func
def main(A: T.Buffer((20,), "int32"), B: T.Buffer((20,), "int32")):
    S = T.alloc_buffer((1,), "int32")
    for i in range(20):
        if i == 0:
            S[0] = 0
        S[0] = S[0] + A[i]
        B[i] = S[0]
"""

REPEATED = """
@T.prim_func
def main(A: T.Buffer((4, 8), "int32"), B: T.Buffer((4, 8), "int32")):
    S = T.alloc_buffer((8,), "int32")
    for i in range(8):
        with T.block("zero"):
            vi = T.axis.spatial(8, i)
            S[vi] = 0
    for t in range(4):
        for i in range(8):
            with T.block("S"):
                vt = T.axis.scan(4, t)
                vi = T.axis.spatial(8, i)
                S[vi] = S[vi] + A[vt, vi]
        for i in range(8):
            with T.block("B"):
                vt, vi = T.axis.remap("SS", [t, i])
                B[vt, vi] = S[vi]
"""

VIEWS = """
@T.prim_func
def main(A: T.Buffer((8, 12), "float32"), B: T.Buffer((8, 12), "float32")):
    for i, j in T.grid(2, 3):
        with T.block("tile"):
            vi, vj = T.axis.remap("SS", [i, j])
            T.reads(A[vi * 4:vi * 4 + 4, vj * 4:vj * 4 + 4])
            T.writes(B[vi * 4:vi * 4 + 4, vj * 4:vj * 4 + 4])
            s = T.int32()
            e = T.int32()
            X = T.match_buffer(A[vi * 4:vi * 4 + 4, vj * 4:vj * 4 + 4], (4, 4), strides=(s, 1), elem_offset=e)
            Y = T.match_buffer(B[vi * 4:vi * 4 + 4, vj * 4:vj * 4 + 4], (4, 4), offset_factor=1)
            for u, v in T.grid(4, 4):
                with T.block("inner"):
                    vu, vv = T.axis.remap("SS", [u, v])
                    R = T.match_buffer(X[vu, 0:4], (4,))
                    Y[vu, vv] = R[vv] * T.float32(2) + T.Cast("float32", s)
"""

CONTROL = """
@T.prim_func
def main(A: T.Buffer((32,), "int32"), B: T.Buffer((32,), "int32"), N: T.Buffer((1,), "int32")):
    for i in range(32):
        with T.block("B"):
            vi = T.axis.spatial(32, i)
            x = A[vi] % 17
            n = T.alloc_buffer((2,), "int32")
            n[0] = x
            n[1] = 0
            while n[0] > 0:
                n[0] = n[0] // 2
                n[1] = n[1] + 1
            if n[1] > 2:
                B[vi] = n[1]
            elif n[1] == 2:
                B[vi] = -n[1]
            else:
                B[vi] = T.Select(x == 0, 100, 200)
            T.Assert(n[1] < 100, "too many steps")
    N[0] = 7
"""

STRIDED = """
@T.prim_func
def main(a: T.handle, b: T.handle, c: T.handle):
    n = T.int32()
    m = T.int32()
    s = T.int32()
    A = T.match_buffer(a, (n, m), "float32", strides=(s, 1))
    B = T.match_buffer(b, (m,), "float32")
    C = T.match_buffer(c, (n,), "float32")
    for i, j in T.grid(n, m):
        with T.block("C"):
            vi, vj = T.axis.remap("SR", [i, j])
            with T.init():
                C[vi] = T.float32(1)
            C[vi] = C[vi] + A[vi, vj] * B[vj]
"""

MASKS = """
@T.prim_func
def main(A: T.Buffer((40,), "int32"), B: T.Buffer((40,), "int32"), C: T.Buffer((40,), "int32")):
    for i in T.vectorized(40):
        with T.block("C"):
            vi = T.axis.spatial(40, i)
            t = T.alloc_buffer((3,), "int32")
            t[0] = A[vi]
            t[1] = T.if_then_else(A[vi] > 0 and B[vi] != 0, A[vi] // B[vi], -5)
            for k in range(4):
                t[2] = t[0] + k
                if t[2] % 3 == 0:
                    t[0] = t[0] + t[1]
                else:
                    t[1] = t[1] + 1
            if B[vi] == 0:
                C[vi] = t[0]
            else:
                C[vi] = t[0] * 2 + t[1] % B[vi]
"""

GATHERS = """
@T.prim_func
def main(A: T.Buffer((64,), "float32"), I: T.Buffer((48,), "int32"), B: T.Buffer((48,), "float32")):
    for i in T.vectorized(48):
        with T.block("B"):
            vi = T.axis.spatial(48, i)
            B[vi] = A[I[vi]] + A[63 - vi] + A[vi // 4 * 2] * A[vi % 3]
"""


LEAVING = """
@T.prim_func
def main(A: T.Buffer((24,), "int32"), B: T.Buffer((4,), "int32")):
    for i in range(4):
        B[i] = 0
        for j in T.{kind}({extent}):
            if A[i * 6 + j] == 5:
                T.continue_loop()
            if A[i * 6 + j] > 8 or 6 <= j + i:
                T.break_loop()
            B[i] = B[i] + A[i * 6 + j]
        B[i] = B[i] + 100
        if B[i] == 113:
            T.ret(0)
"""


def _f32(*shape: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).integers(-8, 9, shape) / 4).astype(np.float32)


def _i32(low: int, high: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(low, high, shape).astype(np.int32)


def _zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


PROGRAMS = {
    "matmul": (MATMUL, lambda: [_f32(16, 24), _f32(24, 32, seed=1), _zeros(16, 32)]),
    "tiled": (TILED, lambda: [_f32(16, 24), _f32(24, 64, seed=1), _zeros(16, 64)]),
    "tails": (TAILS, lambda: [_f32(5, 37), _zeros(5, 37)]),
    "padded": (PADDED, lambda: [_f32(10, 11), _f32(3, 3, seed=1), _zeros(10, 11)]),
    "scan": (SCAN, lambda: [_i32(0, 9, 20), np.zeros(20, np.int32)]),
    "repeated": (REPEATED, lambda: [_i32(0, 9, 4, 8), np.zeros((4, 8), np.int32)]),
    "views": (VIEWS, lambda: [_f32(8, 12), _zeros(8, 12)]),
    "control": (CONTROL, lambda: [_i32(0, 900, 32), np.zeros(32, np.int32), np.zeros(1, np.int32)]),
    "strided": (STRIDED, lambda: [_f32(7, 9)[:, :5], _f32(5, seed=1), _zeros(7)]),
    "masks": (MASKS, lambda: [_i32(-20, 20, 40), _i32(-3, 4, 40), np.zeros(40, np.int32)]),
    **{
        f"leaving {kind} {extent}": (
            LEAVING.format(kind=kind, extent=extent),
            lambda: [_i32(0, 10, 24), np.zeros(4, np.int32)],
        )
        for kind in ("serial", "unroll", "vectorized")
        for extent in (1, 6)
    },
    "gathers": (GATHERS, lambda: [_f32(64), _i32(0, 64, 48), _zeros(48)]),
}
"""Name -> (text, a function that makes the arguments)."""
