"""Tensor core intrinsics that work on fragments of a warp: load, fill, multiply, store, for wmma and for mma.sync.

Names follow TVM's: `wmma_sync_16x16x16_f16f16f32`, `wmma_load_16x16x16_f16_a_trans_shared`, with "mma" in place of
"wmma" for fragments that `ldmatrix` loads and `mma.sync` multiplies, two instructions a tile. A memory's name is
"global", "shared" or "shared_dyn". A store may round: `mma_store_16x16x16_f32_f16_global`.
"""

from __future__ import annotations

import re

from ..fragments import is_fragment

TYPES = {
    "f16": "float16", "bf16": "bfloat16", "tf32": "float32", "f32": "float32", "s8": "int8", "u8": "uint8",
    "s32": "int32", "e4m3": "float8_e4m3fn", "e5m2": "float8_e5m2",
}  # fmt: skip

DEPTHS = {
    "wmma": {"f16": 16, "bf16": 16, "s8": 16, "u8": 16, "tf32": 8},
    "mma": {"f16": 16, "bf16": 16, "s8": 32, "u8": 32, "e4m3": 32, "e5m2": 32, "tf32": 8},
}
"""The depth k of a 16 by 16 tile, by family and type of the operands."""

SUMS = {
    "f16": ("f32", "f16"),
    "bf16": ("f32",),
    "tf32": ("f32",),
    "e4m3": ("f32",),
    "e5m2": ("f32",),
    "s8": ("s32",),
    "u8": ("s32",),
}
"""The types that products of each type may be summed in; float16 in wmma alone."""

_PART = r"(wmma|mma)_{}_16x16x(\d+)_"
_SYNC = re.compile(_PART.format("sync") + r"([a-z0-9]+?)(f32|s32|f16)(_trans)?")
_LOAD = re.compile(_PART.format("load") + r"([a-z0-9]+)_(a|b)(_trans)?_(global|shared|shared_dyn)")
_FILL = re.compile(_PART.format("fill") + r"(f32|s32|f16)")
_STORE = re.compile(_PART.format("store") + r"(f32|s32|f16)(?:_(f16|bf16))?_(global|shared|shared_dyn)")

NAMES = (
    *(
        name
        for family in DEPTHS
        for name in (
            *(
                f"{family}_sync_16x16x{k}_{t}{t}{SUMS[t][0]}{x}"
                for t, k in DEPTHS[family].items()
                for x in ("", "_trans")
            ),
            *(
                f"{family}_load_16x16x{k}_{t}_{side}{x}_shared_dyn"
                for t, k in DEPTHS[family].items()
                for side in "ab"
                for x in ("", "_trans")[: 1 + (side == "b")]
            ),
            f"{family}_fill_16x16x16_f32",
            f"{family}_store_16x16x16_f32_global",
        )
    ),
    "mma_store_16x16x16_f32_f16_global",
)

_BUFFER = '    {b}: T.Buffer(({rows}, {cols}), "{t}", align=64, offset_factor={factor}, scope="{scope}"),\n'
_STRIDED = (
    '    {b} = T.match_buffer({handle}, ({rows}, {cols}), "{t}", align=64, offset_factor={factor}, scope="{scope}", '
    "strides=[{b}_s, 1])\n"
)
_ROW = "{b}.elem_offset // ({b}.strides[0] * {rows}) * ({b}.strides[0] // {cols})"
_COLUMN = "{b}.elem_offset % {b}.strides[0] // {cols}"


def texts(name: str) -> tuple[str, str] | None:
    """Description and implementation of the intrinsic `name`, None where there is none."""
    for pattern, make in ((_SYNC, _sync), (_LOAD, _load), (_FILL, _fill), (_STORE, _store)):
        found = pattern.fullmatch(name)
        if found is not None:
            return make(name, *found.groups())
    return None


Row = tuple[str, int, int, str, str]
"""A parameter: name, rows, columns, element type, scope."""


def _both(name: str, buffers: list[Row], head: str, loops: str, call: str) -> tuple[str, str]:
    """The description of compact buffers and the implementation for rows at any distance."""
    fields = [
        {
            "b": b,
            "handle": b.lower(),
            "rows": rows,
            "cols": cols,
            "t": t,
            "scope": scope,
            "factor": _factor(scope, cols),
        }
        for b, rows, cols, t, scope in buffers
    ]
    compact = "".join(_BUFFER.format(**f) for f in fields)
    handles = ", ".join(f"{f['handle']}: T.handle" for f in fields)
    strided = "".join(f"    {f['b']}_s = T.int32()\n" for f in fields) + "".join(_STRIDED.format(**f) for f in fields)
    return (
        f"@T.prim_func\ndef {name}(\n{compact}):\n{head}{loops}",
        f"@T.prim_func\ndef {name}({handles}):\n{strided}{head}{call}",
    )


def _factor(scope: str, cols: int) -> int:
    """What offsets are multiples of: of a matrix's columns in fragments, elsewhere of what ldmatrix loads at once."""
    return cols if is_fragment(scope) else 8


def _sync(name: str, family: str, k_text: str, pair: str, c: str, trans: str | None) -> tuple[str, str] | None:
    k, t = int(k_text), pair[: len(pair) // 2]
    if pair != t * 2 or DEPTHS[family].get(t) != k or c not in SUMS[t] or (c == "f16" and family == "mma"):
        return None
    b_shape, b_index, b_region = ((16, k), "vj, vk", f"0:16, 0:{k}") if trans else ((k, 16), "vk, vj", f"0:{k}, 0:16")
    buffers = [
        ("A", 16, k, TYPES[t], f"{family}.matrix_a"),
        ("B", *b_shape, TYPES[t], f"{family}.matrix_b"),
        ("C", 16, 16, TYPES[c], f"{family}.accumulator"),
    ]
    head = f"""\
    with T.block("root"):
        T.reads(C[0:16, 0:16], A[0:16, 0:{k}], B[{b_region}])
        T.writes(C[0:16, 0:16])
"""

    def wide(x: str) -> str:
        return x if TYPES[t] == TYPES[c] else f'T.Cast("{TYPES[c]}", {x})'

    loops = f"""\
        for i, j, k in T.grid(16, 16, {k}):
            with T.block("update"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                C[vi, vj] = C[vi, vj] + {wide("A[vi, vk]")} * {wide(f"B[{b_index}]")}
"""
    c_at = _at("C", 16, 16)
    layouts = ', "row_major", "col_major"' if trans else ""
    call = f"""\
        T.tvm_mma_sync(
            C.data, {c_at}, A.data, {_at("A", 16, k)}, B.data, {_at("B", *b_shape)}, C.data, {c_at}{layouts}
        )
"""
    return _both(name, buffers, head, loops, call)


def _load(
    name: str, family: str, k_text: str, t: str, side: str, trans: str | None, memory: str
) -> tuple[str, str] | None:
    k = int(k_text)
    if DEPTHS[family].get(t) != k or (family == "mma" and memory == "global") or (trans and side == "a"):
        return None
    rows, cols = (16, k) if (side == "a") != bool(trans) else (k, 16)
    scope = memory.replace("_", ".")
    layout = "col_major" if trans else "row_major"
    buffers = [("A", rows, cols, TYPES[t], scope), ("C", rows, cols, TYPES[t], f"{family}.matrix_{side}")]
    head = f"""\
    with T.block("root"):
        T.reads(A[0:{rows}, 0:{cols}])
        T.writes(C[0:{rows}, 0:{cols}])
"""
    loops = f"""\
        for i, j in T.grid({rows}, {cols}):
            with T.block("load"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = A[vi, vj]
"""
    call = f"""\
        T.tvm_load_matrix_sync(
            C.data, 16, 16, {k}, {_at("C", rows, cols)},
            T.tvm_access_ptr(T.type_annotation("{TYPES[t]}"), A.data, A.elem_offset, A.strides[0] * {rows}, 1),
            A.strides[0], "{layout}",
        )
"""
    return _both(name, buffers, head, loops, call)


def _fill(name: str, family: str, k_text: str, c: str) -> tuple[str, str] | None:
    k, t = int(k_text), TYPES[c]
    if k not in DEPTHS[family].values():
        return None
    buffers = [("C", 16, 16, t, f"{family}.accumulator")]
    head = """\
    with T.block("root"):
        T.reads()
        T.writes(C[0:16, 0:16])
"""
    loops = f"""\
        for i, j in T.grid(16, 16):
            with T.block("init"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = T.{t}(0)
"""
    call = f"""\
        T.tvm_fill_fragment(C.data, 16, 16, {k}, {_at("C", 16, 16)}, T.{t}(0))
"""
    return _both(name, buffers, head, loops, call)


def _store(name: str, family: str, k_text: str, c: str, rounded: str | None, memory: str) -> tuple[str, str] | None:
    k, t, to = int(k_text), TYPES[c], TYPES[rounded or c]
    if k not in DEPTHS[family].values() or (rounded and family == "wmma") or rounded == c:
        return None
    buffers = [("C", 16, 16, t, f"{family}.accumulator"), ("D", 16, 16, to, memory.replace("_", "."))]
    head = """\
    with T.block("root"):
        T.reads(C[0:16, 0:16])
        T.writes(D[0:16, 0:16])
"""
    value = f'T.Cast("{to}", C[vi, vj])' if rounded else "C[vi, vj]"
    loops = f"""\
        for i, j in T.grid(16, 16):
            with T.block("store"):
                vi, vj = T.axis.remap("SS", [i, j])
                D[vi, vj] = {value}
"""
    call = f"""\
        T.tvm_store_matrix_sync(
            C.data, 16, 16, {k}, {_at("C", 16, 16)},
            T.tvm_access_ptr(T.type_annotation("{to}"), D.data, D.elem_offset, D.strides[0] * 16, 2),
            D.strides[0], "row_major",
        )
"""
    return _both(name, buffers, head, loops, call)


def _at(buffer: str, rows: int, cols: int) -> str:
    """Which matrix of a fragment a view of it is."""
    return f"{_ROW} + {_COLUMN}".format(b=buffer, rows=rows, cols=cols)
