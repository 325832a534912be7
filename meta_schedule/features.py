"""Numbers that describe a scheduled program to a cost model: a row for each store, and the rows as one vector.

The features are in the spirit of Ansor's (Zheng et al., OSDI 2020): arithmetic, loop structure, and for each buffer
what is touched and reused at every loop level; added to them are estimates of traffic through each cache.
"""

from __future__ import annotations

from hashlib import blake2b
from itertools import accumulate
from math import ceil, log2, prod
from operator import mul
from typing import Any, NamedTuple

import numpy as np

from ..codegen.target import Target
from ..tir.function import IRModule, PrimFunc
from ..tir.stmt import ForKind
from .locality import Since, fetched, footprint, since
from .nest import OPS, StoreNest, Touch, nests
from .turns import turn_of

BUFFERS = 4
"""Buffers of a store that are described one by one: the stored one, then those read, by bytes."""
CURVE = 8
"""Points at which the footprint is sampled between the innermost and the outermost loop."""
_POINTS = np.linspace(0, 1, CURVE)
STORES = 3
"""Stores of a program that are described one by one, the one with most work first."""

CYCLES_PER_BYTE = (1 / 64, 1 / 24, 1 / 6)
"""What bringing a byte into each cache takes."""

KINDS = ("parallel", "vectorized", "unroll", "block", "thread", "vthread", "serial")
_BOUND_TO = {"blockIdx": "block", "threadIdx": "thread", "vthread": "vthread"}
_OF_KIND = {ForKind.PARALLEL: "parallel", ForKind.VECTORIZED: "vectorized", ForKind.UNROLLED: "unroll"}
_BUFFER = (
    "bytes", "uses", "l1", "l2", "l3", "tile", "stride", "contiguous", "broadcast", "reuse_extent", "reuse_distance",
    "reuse_none", "written", "local", "line_waste", "inner", "size", "turning_contiguous", "turning_broadcast",
    "passed", "again",
)  # fmt: skip
_STORE = (
    *(f"ops_{name}" for name in OPS), "flops", "runs", "work", "depth", "init", "guards", "unroll_hint", "hints",
    *(f"{kind}_extent" for kind in KINDS), *(f"{kind}_count" for kind in KINDS), "innermost", "inner_vector_lanes",
    "vector_registers", "reduce_extent", "reduce_innermost", "reduce_inner", "tile_registers", "tile_flops_per_load",
    "turning_extent", "turning_vectors", "sums_registers", "sums_moving", "parallel_outer", "parallel_chunks",
    "repeated", "repeated_turns", "code", "flops_per_byte", "traffic_l1", "traffic_l2", "traffic_l3", "traffic",
    "cycles_arithmetic", "cycles_memory", "cycles",
)  # fmt: skip

STORE_NAMES: tuple[str, ...] = (
    *_STORE,
    *(f"buffer{n}_{name}" for n in range(BUFFERS) for name in _BUFFER),
    *(f"curve{n}" for n in range(CURVE)),
)
"""The names of the columns of `store_features`. Sizes are log2(1 + x)."""

_SUMMED = ("work", "runs", "traffic_l1", "traffic_l2", "traffic_l3", "traffic", "cycles", "cycles_arithmetic", "code")
_PLACE = {name: n for n, name in enumerate(STORE_NAMES)}

NAMES: tuple[str, ...] = (
    "stores", "parallel_stores", *(f"sum_{name}" for name in _SUMMED),
    *(f"store{n}_{name}" for n in range(STORES) for name in STORE_NAMES),
)  # fmt: skip
"""The names of the entries of `program_features`."""

FEATURE_SET = blake2b(" ".join(NAMES).encode(), digest_size=6).hexdigest()
"""Says which features were kept: those of another set are not comparable."""


class Row(NamedTuple):
    """What all stores of a program are described by: sizes by `_STORE`, to be put on a logarithmic scale, and figures
    that stay as they are; with them the loops from which on each cache holds all, and how many there are to the
    innermost one that turns."""

    sizes: list[float]
    flags: dict[str, float]
    fits: list[int]
    inner: int

    @property
    def cycles(self) -> float:
        """How long the store takes in all."""
        return self.sizes[-1]


def store_features(function: PrimFunc, target: Target, described: int | None = None) -> np.ndarray:
    """A row of `STORE_NAMES` for each store, those that take longest first. float32, shape (stores, features).

    Parameters
    ----------
    described: how many rows say something of each buffer; None for all.
    """
    found = nests(function)
    footprints = [footprint(nest) for nest in found]
    given = list(zip(found, footprints, since(found, footprints)))
    rows = [_row(nest, touched, past, target) for nest, touched, past in given]
    order = sorted(range(len(rows)), key=lambda n: -rows[n].cycles)
    table = np.zeros((len(rows), len(STORE_NAMES)))
    table[:, : len(_STORE)] = np.array([rows[n].sizes for n in order]).reshape(len(rows), len(_STORE))
    flags = [rows[n].flags for n in order]
    for place, n in enumerate(order[:described]):
        table[place, len(_STORE) :], own = _described(*given[n], rows[n])
        flags[place] = {**flags[place], **own}
    out: np.ndarray = np.log2(1 + table).astype(np.float32)
    for values, named in zip(out, flags):
        values[[_PLACE[name] for name in named]] = list(named.values())
    return out


def program_features(program: PrimFunc | IRModule, target: Target) -> np.ndarray:
    """A program as one vector of `NAMES`, float32."""
    functions = list(program.functions.values()) if isinstance(program, IRModule) else [program]
    table = np.concatenate([store_features(f, target, STORES) for f in functions])
    return pooled(table)


def pooled(table: np.ndarray) -> np.ndarray:
    """The rows of `store_features` as one vector: sums over all, and the first rows one by one."""
    sums = [np.log2(1 + np.exp2(table[:, _PLACE[name]].astype(np.float64)).sum()) for name in _SUMMED]
    head = [len(table), float((table[:, _PLACE["parallel_extent"]] > 1).sum()), *sums]
    rows = np.zeros((STORES, len(STORE_NAMES)), np.float32)
    rows[: len(table)] = table[:STORES]
    return np.concatenate([np.array(head, np.float32), rows.ravel()])


def _row(nest: StoreNest, touched: list[float], pasts: list[Since], target: Target) -> Row:
    """A store among others.

    Parameters
    ----------
    touched: bytes, from each loop inwards. pasts: for each touch.
    """
    extents, loops, runs = nest.extents, nest.loops, nest.runs
    depth = len(loops)
    kinds = ["serial"] * depth
    for n, loop in enumerate(loops):
        kinds[n] = _BOUND_TO.get(loop.bound_to) or _OF_KIND.get(loop.kind, "serial")
    by_kind = {kind: [n for n in range(depth) if kinds[n] == kind] for kind in KINDS}
    product = {kind: prod(extents[n] for n in places) for kind, places in by_kind.items()}
    flops = sum(nest.ops[:6])
    written = next(t for t in nest.touches if t.written)
    element = written.element_bytes
    register = target.vector_bits // 8
    vector = extents[-1] if depth and kinds[-1] == "vectorized" else 1
    turn = turn_of(nest, kinds, target)
    inner, lanes = turn.inner, turn.lanes
    turning = extents[inner - 1] if inner else 1

    outer = [1.0] * (depth + 1)
    for n, extent in enumerate(extents):
        outer[n + 1] = outer[n] * extent
    caches = (target.l1_bytes or 1 << 15, target.l2_bytes or 1 << 19, target.l3_bytes or 1 << 23)
    fits = [next(n for n in range(depth + 1) if touched[n] <= size or n == depth) for size in caches]
    traffic = [
        sum(fetched(t, level, extents, size, past) for t, past in zip(nest.touches, pasts))
        for level, size in zip(fits, caches)
    ]
    everything = touched[0]

    # Loops that change nothing of what the store does, and the turns of others inside of them: compilers take out of
    # the loops what has no turns.
    still = [n for n in range(depth) if not any(t.strides[n] or t.anywhere for t in nest.touches)]
    idle = [n for n in still if kinds[n] in ("serial", "unroll")]
    repeated = prod(extents[n] for n in idle)
    turns = prod(extents[n] for n in range(idle[0], inner) if n not in idle) if idle else 0

    # The register tile: what lies inside of the innermost loop that turns.
    tile = written.elements[inner] * element / max(register, 1)
    loaded = sum(t.elements[inner] / (min(lanes, 16) if t.strides and t.strides[-1] == 1 else 1) for t in nest.touches)
    inside = runs / max(outer[inner], 1)
    reduce_extents = [extents[n] for n in range(depth) if nest.reducing[n]]
    first = next((n for n in range(depth) if nest.reducing[n]), depth)
    moving = prod(extents[n] for n in range(first, turn.level) if written.strides[n])
    threads = min(product["parallel"], target.num_threads or 1) if by_kind["parallel"] else 1
    if by_kind["block"]:
        threads = product["block"] * product["thread"] * product["vthread"]
    arithmetic = outer[turn.level] * turn.cycles / threads / (repeated if turns == 1 else 1)
    memory = sum(fetched_bytes * each for fetched_bytes, each in zip(traffic, CYCLES_PER_BYTE)) / threads
    code = ceil(prod(extents[inner:]) / lanes) * (sum(nest.ops) + sum(t.uses for t in nest.touches))
    unroll = max((v for k, v in nest.hints.items() if "unroll" in k), default=0)

    sizes: list[float] = [
        *nest.ops, flops, runs, runs * max(flops, 1), depth, 0, nest.guards, max(unroll, 0),
        sum(map(abs, nest.hints.values())),
        *(product[kind] for kind in KINDS), *(len(by_kind[kind]) for kind in KINDS),
        extents[-1] if depth else 1, lanes, vector * element / max(register, 1), prod(reduce_extents), 0,
        extents[-1] if depth and nest.reducing[-1] else 1, tile, inside * max(flops, 1) / max(loaded, 1),
        turning, 0, written.elements[first] * element / max(register, 1), moving,
        outer[by_kind["parallel"][0]] if by_kind["parallel"] else 0, product["parallel"] / max(threads, 1),
        repeated, turns, code, runs * max(flops, 1) / max(everything, 1), *traffic, everything,
        arithmetic, memory, max(arithmetic, memory) + 0.2 * min(arithmetic, memory),
    ]  # fmt: skip
    flags = {
        "init": float(nest.init),
        "reduce_innermost": float(bool(depth and nest.reducing[-1])),
        "turning_vectors": float(turn.vectorised),
    }
    return Row(sizes, flags, fits, inner)


def _described(
    nest: StoreNest, touched: list[float], pasts: list[Since], row: Row
) -> tuple[list[float], dict[str, float]]:
    """The sizes of a store's buffers and its footprint, and the figures of the buffers that stay as they are."""
    sizes: list[float] = []
    flags: dict[str, float] = {}
    order = sorted(zip(nest.touches, pasts), key=lambda t: (not t[0].written, -t[0].elements[0] * t[0].element_bytes))
    for n, (touch, past) in enumerate(order[:BUFFERS]):
        values, own = _buffer(touch, past, touched, nest.extents, row.fits, row.inner, nest.runs)
        sizes += values
        flags.update({f"buffer{n}_{name}": value for name, value in own.items()})
    sizes += [0.0] * (len(_BUFFER) * (BUFFERS - min(len(order), BUFFERS)))
    logs = [log2(1 + turns) for turns in accumulate(nest.extents, mul, initial=1)]
    sizes += np.interp(_POINTS * logs[-1], logs, touched).tolist()
    return sizes, flags


def _buffer(
    touch: Touch, past: Since, touched: list[float], extents: list[int], fits: list[int], inner: int, runs: int
) -> tuple[list[float], dict[str, float]]:
    size = touch.element_bytes
    depth = len(extents)
    stride = touch.strides[-1] if depth else 0.0
    reuse = next((n for n in reversed(range(depth)) if touch.strides[n] == 0 and extents[n] > 1), None)
    per_line = max(64 // max(size, 1), 1)
    waste = min(max(stride, 1), per_line)
    sizes: list[float] = [
        touch.elements[0] * size,
        runs * touch.uses * size,
        *(touch.elements[level] * size for level in fits),
        touch.elements[inner] * size,
        stride,
        0,
        0,
        extents[reuse] if reuse is not None else 0,
        touched[reuse + 1] if reuse is not None else 0,
        0,
        0,
        0,
        waste,
        touch.elements[depth - 1] if depth else 1,
        size,
        0,
        0,
        past.passed,
        0,
    ]
    flags: dict[str, Any] = {
        "contiguous": float(stride == 1),
        "broadcast": float(stride == 0),
        "turning_contiguous": float(inner > 0 and touch.strides[inner - 1] == 1),
        "turning_broadcast": float(inner > 0 and touch.strides[inner - 1] == 0),
        "reuse_none": float(reuse is None),
        "written": float(touch.written) + 2 * float(touch.read),
        "local": float(touch.buffer.scope != "global"),
        "again": float(past.again),
    }
    return sizes, flags
