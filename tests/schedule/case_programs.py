"""One program in four shapes: extents that factors divide, extents that they do not, a symbolic one, more consumers.

Blocks: `P` makes B, `R` reduces it to C, `E` finishes C; with more consumers, `P2` reads B and `E2` reads C as well.
"""

from tensorir import PrimFunc, parse

KINDS = ("perfect", "imperfect", "symbolic", "consumers")

BODY = """
    B = T.alloc_buffer(({m}, {k}), "float32")
    C = T.alloc_buffer(({m},), "float32")
    for i, k in T.grid({m}, {k}):
        with T.block("P"):
            vi, vk = T.axis.remap("SS", [i, k])
            B[vi, vk] = A[vi, vk] * T.float32(2)
    for i, k in T.grid({m}, {k}):
        with T.block("R"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                C[vi] = T.float32(0)
            C[vi] = C[vi] + B[vi, vk]
    for i in range({m}):
        with T.block("E"):
            vi = T.axis.spatial({m}, i)
            D[vi] = C[vi] + S[vi // 2]
"""

MORE = """
    for i in range({m}):
        with T.block("E2"):
            vi = T.axis.spatial({m}, i)
            H[vi] = C[vi] + T.float32(1)
    for i, k in T.grid({m}, {k}):
        with T.block("P2"):
            vi, vk = T.axis.remap("SS", [i, k])
            G[vi, vk] = B[vi, vk] - T.float32(1)
"""

SHAPES = {"A": "({m}, {k})", "S": "(({m} + 1) // 2,)", "D": "({m},)"}
EXTRA = {"G": "({m}, {k})", "H": "({m},)"}


def _function(shapes: dict[str, str], body: str, m: str, k: str) -> PrimFunc:
    sizes = {"m": m, "k": k}
    if m.isdigit():
        params = ", ".join(f'{name}: T.Buffer({shape.format(**sizes)}, "float32")' for name, shape in shapes.items())
        head = f"@T.prim_func\ndef main({params}):\n"
    else:
        matched = "".join(
            f'    {name} = T.match_buffer({name.lower()}, {shape.format(**sizes)}, "float32")\n'
            for name, shape in shapes.items()
        )
        params = ", ".join(f"{name.lower()}: T.handle" for name in shapes)
        head = f"@T.prim_func\ndef main({params}):\n    {m} = T.int32()\n{matched}"
    return parse(head + body.format(**sizes))


SIZES = {"perfect": ("16", "8"), "imperfect": ("17", "13"), "symbolic": ("n", "8"), "consumers": ("16", "8")}


def programs(
    body: str = BODY, more: str = MORE, *, shapes: dict[str, str], extra: dict[str, str]
) -> dict[str, PrimFunc]:
    """A program in its four shapes; {m} and {k} in it stand for the extents."""
    out = {}
    for kind, (m, k) in SIZES.items():
        with_more = kind == "consumers"
        out[kind] = _function(shapes | extra if with_more else shapes, body + more if with_more else body, m, k)
    return out


STAGES = programs(shapes=SHAPES, extra=EXTRA)

IN_PLACE = programs(
    """
    for i, k in T.grid({m}, {k}):
        with T.block("U"):
            vi, vk = T.axis.remap("SS", [i, k])
            A[vi, vk] = A[vi, vk] * T.float32(2)
""",
    """
    for i, k in T.grid({m}, {k}):
        with T.block("P2"):
            vi, vk = T.axis.remap("SS", [i, k])
            G[vi, vk] = A[vi, vk] - T.float32(1)
    for i in range({m}):
        with T.block("E2"):
            vi = T.axis.spatial({m}, i)
            H[vi] = A[vi, 0] + T.float32(1)
""",
    shapes={"A": "({m}, {k})"},
    extra=EXTRA,
)
"""`U` changes A in place; with more consumers, `P2` and `E2` read it."""

PADDED = programs(
    """
    B = T.alloc_buffer(({m}, {k} + 2), "float32")
    for i, k in T.grid({m}, {k} + 2):
        with T.block("pad"):
            vi, vk = T.axis.remap("SS", [i, k])
            B[vi, vk] = T.if_then_else(1 <= vk and vk < {k} + 1, A[vi, vk - 1], T.float32(0))
    for i, k in T.grid({m}, {k}):
        with T.block("C"):
            vi, vk = T.axis.remap("SS", [i, k])
            G[vi, vk] = B[vi, vk] + B[vi, vk + 1] + B[vi, vk + 2]
""",
    """
    for i in range({m}):
        with T.block("E2"):
            vi = T.axis.spatial({m}, i)
            H[vi] = B[vi, 1] + T.float32(1)
""",
    shapes={"A": "({m}, {k})", "G": "({m}, {k})"},
    extra={"H": "({m},)"},
)
"""`pad` surrounds A by zeros, `C` reads windows of that."""
