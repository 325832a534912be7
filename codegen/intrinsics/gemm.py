"""Texts of register-tile matrix products: `C += A @ B` on a tile of `C` that stays in registers over the whole sum.

The scheme is that of BLIS' micro-kernels (Van Zee, van de Geijn, 2015): for each k, a column of `A`, one broadcast a
row, meets a row of `B`, as vectors.
"""

from __future__ import annotations

_HEAD = """
@T.prim_func
def {name}(
    A: T.Buffer(({m}, {k}), "{t}", offset_factor=1),
    B: T.Buffer(({k}, {n}), "{t}", offset_factor=1),
    C: T.Buffer(({m}, {n}), "{t}", offset_factor=1),
):
    with T.block("root"):
        T.reads(C[0:{m}, 0:{n}], A[0:{m}, 0:{k}], B[0:{k}, 0:{n}])
        T.writes(C[0:{m}, 0:{n}])
"""

_LOOPS = """\
        for i, j, k in T.grid({m}, {n}, {k}):
            with T.block("update"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
"""

_TILE = """\
        tile = T.alloc_buffer(({m}, {n}), "{t}", scope="local")
        for i in T.unroll({m}):
            for j in T.unroll({vectors}):
                tile[i, T.Ramp(j * {lanes}, 1, {lanes})] = C[i, T.Ramp(j * {lanes}, 1, {lanes})]
        for k in range({k}):
            for i in T.unroll({m}):
                for j in T.unroll({vectors}):
                    tile[i, T.Ramp(j * {lanes}, 1, {lanes})] = T.fma(
                        T.Broadcast(A[i, k], {lanes}),
                        B[k, T.Ramp(j * {lanes}, 1, {lanes})],
                        tile[i, T.Ramp(j * {lanes}, 1, {lanes})],
                    )
        for i in T.unroll({m}):
            for j in T.unroll({vectors}):
                C[i, T.Ramp(j * {lanes}, 1, {lanes})] = tile[i, T.Ramp(j * {lanes}, 1, {lanes})]
"""


def texts(name: str, m: int, n: int, k: int, type_: str, vector_bits: int) -> tuple[str, str] | None:
    """The description and the implementation; None where no vector of the width fills `n`.

    Parameters
    ----------
    m, n: the tile of `C`, which takes `m * n` elements of vector registers. k: products summed up.
    type_: "float32" or "float64". vector_bits: of a register.
    """
    lanes = vector_bits // int(type_[5:])
    if not (m and n and k) or n % lanes:
        return None
    fields = {"name": name, "m": m, "n": n, "k": k, "t": type_, "lanes": lanes, "vectors": n // lanes}
    return (_HEAD + _LOOPS).format(**fields), (_HEAD + _TILE).format(**fields)
