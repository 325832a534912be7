"""Suggestions: every primitive tried on a copy of a schedule, with the arguments that fit a block or loop."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from ..tir.errors import ScheduleError, UserError, said
from ..tir.expr import IntImm
from ..tir.stmt import For, ForKind
from ..tir.tensor_intrin import TensorIntrin
from .errors import require
from .primitive import REGISTRY, Parameter, Primitive
from .sref import BlockSRef, LoopSRef, SRef
from .trace import BlockRV, LoopRV

if TYPE_CHECKING:
    from .schedule import Schedule

TRIES = 24
"""How many combinations of arguments of one primitive are tried at most."""


class Step(NamedTuple):
    """A legal step: a primitive and its arguments, and the call as text.

    `apply(sch)` makes it, on the schedule the suggestions are for.
    """

    primitive: str
    arguments: tuple[Any, ...]
    text: str

    def apply(self, sch: Schedule) -> Any:
        """Make the step on `sch`."""
        return getattr(sch, self.primitive)(*self.arguments)

    def __str__(self) -> str:
        return self.text


class Refusal(NamedTuple):
    """A primitive that does not apply: why, for the arguments tried first, and what would be legal."""

    primitive: str
    text: str
    reason: str

    def __str__(self) -> str:
        return f"{self.text}: {self.reason}"


@dataclass(frozen=True, repr=False)
class Suggestions:
    """What `suggest` found; prints as a table.

    Attributes
    ----------
    legal: steps that apply, primitive by primitive.
    refused: primitives of which nothing tried applied, each with a reason.
    untried: primitives whose arguments only the user knows, with their parameters.
    """

    legal: tuple[Step, ...]
    refused: tuple[Refusal, ...]
    untried: tuple[str, ...]

    def __str__(self) -> str:
        out = ["legal:", *(f"  {step}" for step in self.legal)]
        out += ["not legal:", *(f"  {refusal}" for refusal in self.refused)]
        if self.untried:
            out += ["taking what only you know:", *(f"  {text}" for text in self.untried)]
        return "\n".join(out)

    def __repr__(self) -> str:
        return str(self)


class _Site:
    """The block or loop asked about, and handles on what is near it."""

    def __init__(self, sch: Schedule, handle: Any) -> None:
        self.sch, self.handle = sch, handle
        self.ref: SRef = sch.get_sref(handle)
        self.names: dict[Any, str] = {}
        self.handles: dict[SRef, Any] = {self.ref: handle}
        self.name(handle)

    def of(self, ref: SRef) -> Any:
        """A handle on a reference."""
        if ref not in self.handles:
            self.handles[ref] = self.sch._wrap(ref)
            self.name(self.handles[ref])
        return self.handles[ref]

    def name(self, handle: Any) -> None:
        """Find what a handle is called: by its name, or how to reach it where another has the same."""
        ref = self.sch.get_sref(handle)
        if isinstance(ref, BlockSRef):
            self.names[handle] = repr(ref.stmt.name_hint)
            return
        name = ref.stmt.loop_var.name
        if name in self.names.values():
            block = self.sch.state.child_blocks(ref)[0]
            assert isinstance(ref, LoopSRef)
            name = f"sch.get_loops({block.stmt.name_hint!r})[{block.loops().index(ref)}]"
        self.names[handle] = name

    def siblings(self) -> list[BlockSRef]:
        """The other blocks of the scope."""
        if self.ref.parent is None:
            return []
        return [b for b in self.sch.state.child_blocks(self.ref.scope) if b is not self.ref]

    def loops_around(self, block: BlockSRef) -> list[Any]:
        return [self.of(loop) for loop in block.loops()]

    def blocks_below(self) -> list[BlockSRef]:
        return self.sch.state.child_blocks(self.ref)

    def show(self, value: Any) -> str:
        """An argument as text: handles by the names of what they stand for."""
        if isinstance(value, (BlockRV, LoopRV)):
            return self.names[value]
        if isinstance(value, list):
            return f"[{', '.join(map(self.show, value))}]"
        return repr(value)


def suggest(sch: Schedule, block_or_loop: Any) -> Suggestions:
    """Try every primitive that takes a block (or a loop) on copies of the schedule.

    Parameters
    ----------
    block_or_loop: a handle, or a block's name.

    Raises
    ------
    ScheduleError: it is no handle of this schedule.
    """
    handle = sch.get_block(block_or_loop) if isinstance(block_or_loop, str) else block_or_loop
    require(
        isinstance(handle, (BlockRV, LoopRV)), f"suggestions are for a block or a loop, not for {said(block_or_loop)}"
    )
    if isinstance(block_or_loop, str):
        sch.trace.insts.pop()
        sch._done.pop()
    site = _Site(sch, handle)
    legal: list[Step] = []
    refused: list[Refusal] = []
    untried: list[str] = []
    for primitive in REGISTRY.values():
        if primitive.pure or primitive.postproc:
            continue
        values = [_values(site, primitive, p) for p in primitive.parameters if _asked(p)]
        if None in values:
            if _takes(site, primitive):
                parameters = ", ".join(p.name for p in primitive.parameters)
                untried.append(f"{primitive.name}({parameters})")
            continue
        found, refusal = _tried(site, primitive, [v for v in values if v is not None])
        legal += found
        if not found and refusal is not None:
            refused.append(refusal)
    return Suggestions(tuple(legal), tuple(refused), tuple(untried))


def _asked(parameter: Parameter) -> bool:
    return parameter.default is inspect.Parameter.empty


def _takes(site: _Site, primitive: Primitive) -> bool:
    """Whether the first argument of a primitive can be the block or loop."""
    kind = "BlockSRef" if isinstance(site.ref, BlockSRef) else "LoopSRef"
    return bool(primitive.inputs) and kind in primitive.inputs[0].annotation


def _tried(site: _Site, primitive: Primitive, values: list[list[Any]]) -> tuple[list[Step], Refusal | None]:
    legal: list[Step] = []
    refusal: Refusal | None = None
    for combination in list(_combinations(site, values))[:TRIES]:
        arguments: list[Any] = []
        for parameter, value in zip((p for p in primitive.parameters if _asked(p)), combination, strict=True):
            arguments += value if parameter.variadic else [value]
        text = f"{primitive.name}({', '.join(map(site.show, arguments))})"
        trial = site.sch.copy(seed=0)
        trial._env.update({h: _twin(site, trial, h) for h in site.handles.values()})
        try:
            getattr(trial, primitive.name)(*arguments)
        except ScheduleError as error:
            error.root = None
            reason = error.message.split("\n\n")[0].replace("\n  hint: ", "; ")
            refusal = refusal or Refusal(primitive.name, text, reason)
        except UserError as error:
            refusal = refusal or Refusal(primitive.name, text, str(error).splitlines()[0])
        else:
            legal.append(Step(primitive.name, tuple(arguments), text))
    return legal, refusal


def _twin(site: _Site, trial: Schedule, handle: Any) -> Any:
    stmt = site.sch.get(handle)
    return trial.state.srefs[stmt]


def _combinations(site: _Site, values: list[list[Any]]) -> Iterator[tuple[Any, ...]]:
    """Combinations of values that speak of the block or loop asked about."""
    for combination in product(*values):
        flat = [x for v in combination for x in (v if isinstance(v, list) else [v])]
        if site.handle in flat:
            yield combination


def _values(site: _Site, primitive: Primitive, parameter: Parameter) -> list[Any] | None:
    """What to try for a parameter; None where nothing is known to be sensible."""
    make = VALUES.get((primitive.name, parameter.name)) or VALUES.get(parameter.name)
    return None if make is None else make(site)


def _own(kind: type[SRef]) -> Callable[[_Site], list[Any]]:
    return lambda site: [site.handle] if isinstance(site.ref, kind) else []


def _factors(site: _Site) -> list[Any]:
    extent = getattr(getattr(site.ref.stmt, "extent", None), "value", None)
    sizes = [f for f in (2, 4, 8, 16, 32, 64) if extent is None or f < extent]
    exact = [f for f in sizes if extent is not None and extent % f == 0]
    return [[None, f] for f in (exact or sizes[:2])]


def _nests(site: _Site) -> list[Any]:
    """The loop with the one inside, and with the one around it."""
    if not isinstance(site.ref, LoopSRef):
        return []
    inner = site.ref.stmt.body
    out = []
    if inner in site.sch.state.srefs and isinstance(site.sch.state.srefs[inner], LoopSRef):
        out.append([site.handle, site.of(site.sch.state.srefs[inner])])
    if isinstance(site.ref.parent, LoopSRef):
        out.append([site.of(site.ref.parent), site.handle])
    return out or [[site.handle]]


def _loops_or_own(site: _Site) -> list[Any]:
    if isinstance(site.ref, LoopSRef):
        return [site.handle]
    out: list[Any] = []
    for block in (site.ref, *site.siblings()):
        out += [h for h in site.loops_around(block) if h not in out]  # type: ignore[arg-type]
    return out


def _blocks(site: _Site) -> list[Any]:
    """The block; or, for a loop, the blocks below it and the others of its scope."""
    if isinstance(site.ref, BlockSRef):
        return [site.handle]
    return [site.of(b) for b in (*site.blocks_below(), *(b for b in site.siblings() if b not in site.blocks_below()))]


def _neighbours(site: _Site) -> list[Any]:
    if not isinstance(site.ref, BlockSRef):
        return []
    return [site.handle, *(site.of(b) for b in site.siblings())]


def _merged(site: _Site) -> list[Any]:
    """The loop with the outermost loops of the other blocks of its scope."""
    if not isinstance(site.ref, LoopSRef):
        return []
    others = dict.fromkeys(loops[0] for b in site.siblings() if (loops := b.loops()) and loops[0] is not site.ref)
    return [[site.handle, site.of(o)] for o in others if site.ref not in o.ancestors()] or [[site.handle]]


def _regions(side: str) -> Callable[[_Site], list[Any]]:
    def make(site: _Site) -> list[Any]:
        blocks = [site.ref] if isinstance(site.ref, BlockSRef) else site.blocks_below()
        return list(range(max((len(getattr(b.stmt, side)) for b in blocks), default=0)))

    return make


def _scopes(site: _Site) -> list[Any]:
    """Global memory; where loops are bound to threads, theirs as well."""
    loops = [stmt for stmt in site.sch.state.srefs if isinstance(stmt, For)]
    threads = any(loop.kind is ForKind.THREAD_BINDING for loop in loops)
    return ["global", "shared", "local"] if threads else ["global"]


def _orders(site: _Site) -> list[Any]:
    count = len(getattr(site.ref.stmt, "iter_vars", ()))
    return [list(range(count))[::-1]] if count > 1 else []


def _padding(site: _Site) -> list[Any]:
    """Each axis padded to a multiple of 16."""
    return [[16 if isinstance(iv.dom.extent, IntImm) else 1 for iv in getattr(site.ref.stmt, "iter_vars", ())]]


VALUES: dict[Any, Callable[[_Site], list[Any]]] = {
    "block": _blocks,
    "block_or_loop": lambda site: [site.handle],
    "target": lambda site: [site.handle],
    "loop": _loops_or_own,
    "loops": _nests,
    "ordered_loops": lambda site: [nest[::-1] for nest in _nests(site) if len(nest) > 1],
    "factors": _factors,
    "thread_axis": lambda site: ["blockIdx.x", "threadIdx.x", "vthread.x"],
    "storage_scope": _scopes,
    "read_buffer_index": _regions("reads"),
    "write_buffer_index": _regions("writes"),
    "buffer_index": _regions("writes"),
    "factor_axis": lambda site: [0],
    "new_order": _orders,
    "padding": _padding,
    "reduction_block": _neighbours,
    "epilogue_block": _neighbours,
    "tensor_intrin": lambda site: list(TensorIntrin.registry),
    "axis": lambda site: [-2],
    "factor": lambda site: [32],
    "offset": lambda site: [8],
    ("split", "loop"): _own(LoopSRef),
    ("loop_partition", "factors"): lambda site: [[1, None]],
    ("merge", "loops"): _merged,
    ("rfactor", "loop"): _own(LoopSRef),
    ("reindex", "buffer"): lambda site: [
        (kind, i) for kind, side in (("read", "reads"), ("write", "writes")) for i in _regions(side)(site)
    ],
}
"""What to try for a parameter: by the primitive's and its name, or by its name alone."""
