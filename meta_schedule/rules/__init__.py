"""Rules that make design spaces: what a rule is, those there are, and which of them each kind of target starts with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ...codegen.target import Target
from ...schedule.schedule import Schedule
from ...schedule.trace import BlockRV
from ...tir.errors import UserError

Apply = Callable[[Schedule, BlockRV, "Context"], "list[Schedule]"]


@dataclass(frozen=True)
class Context:
    """What a rule knows besides the schedule and the block.

    Attributes
    ----------
    target: the machine the program is for.
    """

    target: Target


@dataclass(frozen=True)
class Rule:
    """A step that makes sketches of a schedule: it looks at one block and gives the schedules to go on with.

    Attributes
    ----------
    apply: takes a schedule, a block and the context; gives one schedule for each way to go on, `[sch]` where the rule
        has nothing to say. It may change the schedule it is given, or copies of it (handles are valid in copies).
    kinds: the kinds of targets it is for; () for all.
    roots: whether it looks at the functions' root blocks instead of those below.
    """

    apply: Apply
    kinds: tuple[str, ...] = ()
    roots: bool = False

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.apply.__name__

    def __call__(self, sch: Schedule, block: BlockRV, ctx: Context) -> list[Schedule]:
        """The schedules to go on with; see `apply`."""
        return self.apply(sch, block, ctx)


def rule(apply: Any = None, *, kinds: Sequence[str] = (), roots: bool = False) -> Any:
    """Declare the decorated function a rule; see `Rule`. It takes part where it is named in `rules`.

    Parameters
    ----------
    kinds: the kinds of targets the rule is for; () for all.
    roots: whether it looks at root blocks instead of those below.
    """
    return (lambda f: Rule(f, tuple(kinds), roots)) if apply is None else Rule(apply, tuple(kinds), roots)


_CPU = (
    "auto_inline",
    "multi_level_tiling_with_intrin",
    "pad_odd",
    "multi_level_tiling",
    "add_rfactor",
    "tile_reduction",
    "tile_strided",
    "random_compute_location",
    "parallel_vectorize_unroll",
)

_GPU = ("auto_inline", "multi_level_tiling_gpu", "cross_thread_reduction", "random_compute_location", "auto_bind")

DEFAULTS: dict[str, tuple[str, ...]] = {"llvm": _CPU, "c": _CPU, "cuda": _GPU}
"""The rules for each kind of target, in order; a rule is a function in the file of its name."""


def default_rules(target: str | Target) -> list[Rule]:
    """The rules a target's design spaces are made by, in order."""
    kind = target.kind if isinstance(target, Target) else Target(target).kind
    return [named_rule(name) for name in DEFAULTS[kind]]


def named_rule(name: str) -> Rule:
    """The rule of this package with a name.

    Raises
    ------
    UserError: there is none.
    """
    known = sorted({name for names in DEFAULTS.values() for name in names})
    if name not in known:
        raise UserError(f"there is no rule {name!r}; there are {', '.join(known)}")
    found = getattr(import_module(f".{name}", __name__), name)
    assert isinstance(found, Rule)
    return found
