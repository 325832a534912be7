"""Matrices in the registers of a warp: which buffers are such fragments, and of what shape, layout and family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..tir.expr import Call, Expr, IntImm, StringImm, Var
from ..tir.function import PrimFunc
from ..tir.stmt import Stmt
from ..tir.visit import walk_unique

FAMILIES = ("wmma", "mma", "wgmma")
"""Scopes of fragments begin so: "wmma.matrix_a" is one of nvcuda::wmma, "mma.matrix_a" one for mma.sync; sums of
"wgmma.accumulator" belong to four warps."""

FILL, LOAD, MMA, STORE = "tvm_fill_fragment", "tvm_load_matrix_sync", "tvm_mma_sync", "tvm_store_matrix_sync"

WGMMA = "ptx_wgmma_mma_async"
OPERATIONS = frozenset({FILL, LOAD, MMA, STORE, WGMMA})

LANE_LOAD, LANE_MMA = "lane_load_matrix", "lane_mma"
LANE_OPERATIONS = frozenset({LANE_LOAD, LANE_MMA})
"""What a warp does as one with matrices whose elements each lane keeps in "local" memory of its own."""
WARP_OPERATIONS = OPERATIONS | LANE_OPERATIONS
WGMMA_GROUPS = frozenset({"ptx_wgmma_fence", "ptx_wgmma_commit_group", "ptx_wgmma_wait_group"})


@dataclass(frozen=True)
class Fragment:
    """What the operations on a fragment say of it.

    Attributes
    ----------
    m, n, k: of the product that it takes part in. layout: "row_major" or "col_major", "" where it is never loaded.
    """

    m: int
    n: int
    k: int
    layout: str

    def shape(self, scope: str) -> tuple[int, int]:
        """Rows and columns of a fragment that lives in `scope`."""
        use = scope.split(".")[-1]
        return {"matrix_a": (self.m, self.k), "matrix_b": (self.k, self.n)}.get(use, (self.m, self.n))


def is_fragment(scope: str) -> bool:
    """Whether buffers in `scope` are fragments."""
    return scope.split(".")[0] in FAMILIES and "." in scope


def fragments_in(body: PrimFunc | Stmt) -> dict[Var, Fragment]:
    """The fragments that a program fills, loads and stores, by their pointers."""
    found: dict[Var, Fragment] = {}
    for node in walk_unique(body):
        if not isinstance(node, Call) or node.op.name not in OPERATIONS - {MMA}:
            continue
        data, m, n, k = node.args[:4]
        known = found.get(data)  # type: ignore[call-overload]
        if node.op.name == WGMMA:
            found.setdefault(data, Fragment(_int(m), _int(n), _int(k), ""))  # type: ignore[arg-type]
            continue
        layout = layout_of(node.args[7])[0] if node.op.name == LOAD else known.layout if known else ""
        found[data] = Fragment(_int(m), _int(n), _int(k), layout)  # type: ignore[index]
    return found


def layout_of(node: Expr) -> tuple[str, tuple[int, ...]]:
    """The layout that the last argument of a load or store names, and the numbers of its swizzle, if any.

    "row_major" is plain, "row_major swizzle 6 7 3" says that element e of the memory lies at
    `e ^ ((e >> 6 & 7) << 3)`.
    """
    text = node.value if isinstance(node, StringImm) else ""
    layout, *rest = text.split()
    return layout, tuple(map(int, rest[1:]))


def swizzled(layout: str, numbers: tuple[int, ...]) -> str:
    """The text from which `layout_of` reads these."""
    return f"{layout} swizzle {' '.join(map(str, numbers))}" if numbers else layout


def lanes_needed(body: Stmt) -> int:
    """Threads that work on a fragment together in a program: 32, or 128 for wgmma; 0 where there are no fragments."""
    names = {n.op.name for n in walk_unique(body) if isinstance(n, Call)}
    return 128 if WGMMA in names else 32 if names & WARP_OPERATIONS else 0


def lane_axes(extents: Mapping[str, Expr]) -> frozenset[str]:
    """The axes of threads that number the lanes of a warp, given those of a block: x, or x and y where these make 32.

    A warp's work stands under no loop of these axes, and all their threads do it together.
    """
    x, y = (getattr(extents.get(axis), "value", 1) for axis in ("threadIdx.x", "threadIdx.y"))
    return frozenset(("threadIdx.x", "threadIdx.y") if x < 32 and x * y == 32 else ("threadIdx.x",))


def lane_and_register(row: int, column: int, per: int, *, rows_first: bool) -> tuple[int, int]:
    """Which lane holds an element of a 16-row matrix for mma.sync, and in which of its registers' elements.

    Parameters
    ----------
    row, column: of the element; a right operand is taken transposed. per: elements that lie side by side, 32 bits of an
    operand, 2 sums. rows_first: of a left operand and of sums, whose upper and lower halves alternate.

    The layouts are those of PTX' `mma.m16n8k*`, two of which make a tile of 16 columns.
    """
    lane = row % 8 * 4 + column % (4 * per) // per
    right, lower = column // (4 * per), row // 8
    return lane, ((right * 2 + lower if rows_first else lower * 2 + right) * per) + column % per


def is_whole(node: Call) -> bool:
    """Whether memory that one of LANE_OPERATIONS works on holds what all lanes have, not those of one."""
    last = node.args[-1]
    return not isinstance(last, IntImm) or bool(last.value)


def matrices(node: Call) -> tuple[tuple[Var, int], ...]:
    """The pointers to the matrices of one of LANE_OPERATIONS, each with the elements that a lane holds of one."""
    if node.op.name == LANE_LOAD:
        data, m, _, k = node.args[:4]
        return ((data, _int(m) * _int(k) // 32),)  # type: ignore[return-value]
    c, _, a, _, b, _ = node.args[:6]
    rows, columns, depth = map(_int, node.args[6:9])
    sizes = (rows * columns, rows * depth, depth * columns)
    return tuple((data, size // 32) for data, size in zip((c, a, b), sizes))  # type: ignore[misc]


def _int(node: Expr) -> int:
    assert isinstance(node, IntImm)
    return node.value
