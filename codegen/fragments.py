"""Matrices in the registers of a warp: which buffers are such fragments, and of what shape, layout and family."""

from __future__ import annotations

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
    return 128 if WGMMA in names else 32 if names & OPERATIONS else 0


def _int(node: Expr) -> int:
    assert isinstance(node, IntImm)
    return node.value
