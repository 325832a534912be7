"""Hopper's tensor core intrinsics: products of four warps of tiles in shared memory, with sums in registers.

`wgmma_m64n256k16_bf16bf16f32` adds the product of 64 rows of A and the transpose of 256 rows of B, each of 16 elements
of rows of 64 in permuted shared memory, as the copy engine leaves them ("tma_copy"). Beside it
`wgmma_fill_64x256_f32` and `wgmma_store_64x256_f32_bf16_global`, which may round.
"""

from __future__ import annotations

import re

TYPES = {"f16": "float16", "bf16": "bfloat16", "f32": "float32"}
COLUMNS = (64, 128, 256)
DEPTH, ROW = 16, 64
"""The depth of a product; elements of a row in shared memory, 128 bytes."""

_PRODUCT = re.compile(r"wgmma_m64n(\d+)k16_(f16f16|bf16bf16)f32")
_FILL = re.compile(r"wgmma_fill_64x(\d+)_f32")
_STORE = re.compile(r"wgmma_store_64x(\d+)_f32(?:_(f16|bf16))?_global")

NAMES = (
    *(f"wgmma_m64n{n}k16_{t}{t}f32" for n in COLUMNS for t in ("f16", "bf16")),
    *(f"wgmma_fill_64x{n}_f32" for n in COLUMNS),
    *(f"wgmma_store_64x{n}_f32{t}_global" for n in COLUMNS for t in ("", "_f16", "_bf16")),
)

_SUMS = """\
    C_s = T.int32()
    C = T.match_buffer(
        c, (64, {n}), "float32", align=64, offset_factor={n}, scope="wgmma.accumulator", strides=[C_s, 1]
    )
"""
_INDEX = "C.elem_offset // (C.strides[0] * 64) * (C.strides[0] // {n}) + C.elem_offset % C.strides[0] // {n}"


def texts(name: str) -> tuple[str, str] | None:
    """Description and implementation of the intrinsic `name`, None where there is none."""
    for pattern, make in ((_PRODUCT, _product), (_FILL, _fill), (_STORE, _store)):
        found = pattern.fullmatch(name)
        if found is not None and int(found[1]) in COLUMNS:
            return make(name, int(found[1]), found[2] if found.lastindex == 2 else None)
    return None


def _product(name: str, n: int, pair: str | None) -> tuple[str, str]:
    assert pair is not None
    t = TYPES[pair[: len(pair) // 2]]
    operands = "".join(
        f'    {b} = T.match_buffer({b.lower()}, ({rows}, {DEPTH}), "{t}", align=64, offset_factor={DEPTH}, '
        f'scope="shared.dyn", strides=[{ROW}, 1])\n'
        for b, rows in (("A", 64), ("B", n))
    )
    head = f"""\
@T.prim_func
def {name}(a: T.handle, b: T.handle, c: T.handle):
{operands}{_SUMS.format(n=n)}\
    with T.block("root"):
        T.reads(C[0:64, 0:{n}], A[0:64, 0:{DEPTH}], B[0:{n}, 0:{DEPTH}])
        T.writes(C[0:64, 0:{n}])
"""
    loops = f"""\
        for i, j, k in T.grid(64, {n}, {DEPTH}):
            with T.block("update"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                C[vi, vj] = C[vi, vj] + T.Cast("float32", A[vi, vk]) * T.Cast("float32", B[vj, vk])
"""

    def pointer(b: str, rows: int) -> str:
        return f'T.tvm_access_ptr(T.type_annotation("{t}"), {b}.data, {b}.elem_offset, {(rows - 1) * ROW + DEPTH}, 1)'

    call = f"""\
        T.ptx_wgmma_mma_async(
            C.data, 64, {n}, {DEPTH}, {_INDEX.format(n=n)}, {pointer("A", 64)}, {pointer("B", n)}, False
        )
"""
    return head + loops, head + call


def _fill(name: str, n: int, _: str | None) -> tuple[str, str]:
    head = f"""\
@T.prim_func
def {name}(c: T.handle):
{_SUMS.format(n=n)}\
    with T.block("root"):
        T.reads()
        T.writes(C[0:64, 0:{n}])
"""
    loops = f"""\
        for i, j in T.grid(64, {n}):
            with T.block("init"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = T.float32(0)
"""
    call = f"        T.tvm_fill_fragment(C.data, 64, {n}, {DEPTH}, {_INDEX.format(n=n)}, T.float32(0))\n"
    return head + loops, head + call


def _store(name: str, n: int, rounded: str | None) -> tuple[str, str]:
    to = TYPES[rounded or "f32"]
    head = f"""\
@T.prim_func
def {name}(c: T.handle, d: T.handle):
{_SUMS.format(n=n)}\
    D_s = T.int32()
    D = T.match_buffer(d, (64, {n}), "{to}", align=64, offset_factor=8, strides=[D_s, 1])
    with T.block("root"):
        T.reads(C[0:64, 0:{n}])
        T.writes(D[0:64, 0:{n}])
"""
    value = f'T.Cast("{to}", C[vi, vj])' if rounded else "C[vi, vj]"
    loops = f"""\
        for i, j in T.grid(64, {n}):
            with T.block("store"):
                vi, vj = T.axis.remap("SS", [i, j])
                D[vi, vj] = {value}
"""
    call = f"""\
        T.tvm_store_matrix_sync(
            C.data, 64, {n}, {DEPTH}, {_INDEX.format(n=n)},
            T.tvm_access_ptr(T.type_annotation("{to}"), D.data, D.elem_offset, D.strides[0] * 64, 2),
            D.strides[0], "row_major",
        )
"""
    return head + loops, head + call
