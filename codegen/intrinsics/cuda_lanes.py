"""Tensor core intrinsics on matrices that the lanes of a warp hold in "local" memory, element by element.

The layout is that of mma.sync: element (i, j) of a tile of 16 by 16 is at
`[i % 8, j % 8 // 2, j // 8, i // 8, j % 2]`, where the first two dimensions number the lanes, 8 by 4 (`threadIdx.y` and
`threadIdx.x`), the others what a lane holds. A right operand is held so by columns: its element (k, n) at
`[n % 8, k % 8 // 2, n // 8, k // 8, k % 2]`. So sums can be computed on, reduced along rows by four threads, and be the
left operand of another product.

`lanes_load_16x16x16_bf16_a_shared_dyn` loads an operand by ldmatrix, `_b_trans_` one whose rows in memory are columns
of the product; `lanes_sync_16x16x16_bf16bf16f32` adds a product.
"""

from __future__ import annotations

import re

TYPES = {"f16": "float16", "bf16": "bfloat16"}

_LOAD = re.compile(r"lanes_load_16x16x16_(f16|bf16)_(a|b)(_trans)?_(shared|shared_dyn)")
_SYNC = re.compile(r"lanes_sync_16x16x16_(f16f16|bf16bf16)f32")

NAMES = (
    *(
        f"lanes_load_16x16x16_{t}_{side}{x}_{memory}"
        for t in TYPES
        for side in "ab"
        for x in ("", "_trans")
        for memory in ("shared", "shared_dyn")
    ),
    *(f"lanes_sync_16x16x16_{t}{t}f32" for t in TYPES),
)

_HELD = '    {b} = T.match_buffer({handle}, (8, 4, 2, 2, 2), "{t}", align=16, offset_factor=256, scope="local")\n'
_WHOLE = "0:8, 0:4, 0:2, 0:2, 0:2"


def at(row: str, column: str, *, left: bool) -> str:
    """The indices of an element, of a right operand given column and row."""
    halves = f"{column} // 8, {row} // 8" if left else f"{row} // 8, {column} // 8"
    return f"{row} % 8, {column} % 8 // 2, {halves}, {column} % 2"


def texts(name: str) -> tuple[str, str] | None:
    """Description and implementation of the intrinsic `name`, None where there is none."""
    for pattern, make in ((_LOAD, _load), (_SYNC, _sync)):
        found = pattern.fullmatch(name)
        if found is not None:
            return make(name, *found.groups())
    return None


def _load(name: str, t: str, side: str, trans: str | None, memory: str) -> tuple[str, str]:
    scope, kind = memory.replace("_", "."), TYPES[t]
    # Memory has rows of what a lane's registers run along, or else it is turned while it is loaded.
    row, column = ("vi", "vj") if (side == "a") != bool(trans) else ("vj", "vi")
    head = f"""\
@T.prim_func
def {name}(a: T.handle, c: T.handle):
    A_s = T.int32()
    A = T.match_buffer(a, (16, 16), "{kind}", align=64, offset_factor=8, scope="{scope}", strides=[A_s, 1])
{_HELD.format(b="C", handle="c", t=kind)}\
    with T.block("root"):
        T.reads(A[0:16, 0:16])
        T.writes(C[{_WHOLE}])
"""
    loops = f"""\
        for i, j in T.grid(16, 16):
            with T.block("load"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[{at(row, column, left=side == "a")}] = A[vi, vj]
"""
    layout = "col_major" if trans else "row_major"
    call = f"""\
        T.lane_load_matrix(
            C.data, 16, 16, 16, C.elem_offset,
            T.tvm_access_ptr(T.type_annotation("{kind}"), A.data, A.elem_offset, A.strides[0] * 16, 1),
            A.strides[0], "{layout}", "matrix_{side}", True,
        )
"""
    return head + loops, head + call


def _sync(name: str, pair: str) -> tuple[str, str]:
    t = TYPES[pair[: len(pair) // 2]]
    head = f"""\
@T.prim_func
def {name}(a: T.handle, b: T.handle, c: T.handle):
{"".join(_HELD.format(b=b, handle=b.lower(), t="float32" if b == "C" else t) for b in "ABC")}\
    with T.block("root"):
        T.reads(C[{_WHOLE}], A[{_WHOLE}], B[{_WHOLE}])
        T.writes(C[{_WHOLE}])
"""
    c = at("vi", "vj", left=True)
    loops = f"""\
        for i, j, k in T.grid(16, 16, 16):
            with T.block("update"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                C[{c}] = C[{c}] + T.Cast("float32", A[{at("vi", "vk", left=True)}]) * T.Cast(
                    "float32", B[{at("vj", "vk", left=False)}]
                )
"""
    call = """\
        T.lane_mma(C.data, C.elem_offset, A.data, A.elem_offset, B.data, B.elem_offset, 16, 16, 16, True)
"""
    return head + loops, head + call
