"""Storage scopes: the memories a buffer can live in, and which threads share each."""

from __future__ import annotations

import difflib

from ..tir.stmt import For, ForKind
from .errors import require

RANKS = {"global": 0, "shared": 1, "warp": 2, "local": 3}
"""Memories from the one that everybody shares to the one of a single thread; `shared.dyn` and the like are variants."""

FRAGMENTS = ("wmma.", "m16n8k8.", "mma.", "wgmma.")
"""Prefixes of memories that hold a warp's share of a matrix."""


def rank(scope: str) -> int:
    """How private a storage scope is; -1 for an unknown one."""
    if scope.startswith(FRAGMENTS):
        return RANKS["local"]
    return RANKS.get(scope.split(".")[0], -1)


def require_scope(scope: str) -> None:
    """Require that `scope` names a storage scope."""
    if rank(scope) >= 0:
        return
    near = difflib.get_close_matches(scope, [*RANKS, "shared.dyn"], 1)
    require(
        False,
        f"there is no storage scope {scope!r}",
        hint=f"did you mean {near[0]!r}?" if near else f"the scopes are {', '.join(map(repr, RANKS))} and variants",
    )


def shared_across(scope: str, loop: For) -> bool:
    """Whether the iterations of `loop` run on threads that see one copy of a buffer in `scope`.

    Memory below the global one only: what threads of a block need of a buffer in shared memory, they need together.
    """
    if loop.kind is not ForKind.THREAD_BINDING or rank(scope) <= 0:
        return False
    level = 0 if loop.bound_to == "blockIdx" else 1
    return rank(scope) <= level


def suffixed(name: str, scope: str) -> str:
    """The name of a copy of buffer `name` in `scope`."""
    return f"{name}_{scope.replace('.', '_')}"
