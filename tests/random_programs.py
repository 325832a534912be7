"""Random block programs that run: elementwise, gathering, reducing, several blocks, odd extents, all in bounds."""

from dataclasses import dataclass, field

import numpy as np
from tensorir.tir import op
from tensorir.tir.buffer import Buffer, BufferLoad, BufferRegion, Range, decl_buffer
from tensorir.tir.dtype import HANDLE
from tensorir.tir.expr import TRUE, Add, And, Expr, Max, Min, Select, Var, binary, cast, const
from tensorir.tir.function import PrimFunc
from tensorir.tir.node import Attrs
from tensorir.tir.stmt import Block, BlockRealize, BufferStore, For, ForKind, IterType, IterVar, Stmt, seq
from tensorir.tir.visit import substitute

from .choices import Choices

EXTENTS = (1, 2, 3, 4, 5, 7, 8, 13, 16)
SYMBOLIC = 13
"""What the symbolic extent of a program is when it runs."""
DTYPES = ("float32", "int32", "float64", "int64", "int8", "float16")


@dataclass
class Shape:
    """What a random program may contain.

    Attributes
    ----------
    blocks: the most blocks.
    inputs: the most inputs.
    dims: the most dimensions of a buffer.
    volume: the most loop iterations of a block.
    reductions, guards, splits: whether there are reductions, reads guarded against leaving the buffer, and loops that
        are already split or fused.
    inexact: whether functions are used whose last bits depend on how they are computed.
    symbolic: whether an extent is a variable, where an input has one that it can stand for.
    starts: whether loops may begin at other numbers than 0.
    updates: whether blocks may change in place what an earlier one wrote.
    """

    blocks: int = 3
    inputs: int = 2
    dims: int = 3
    volume: int = 600
    dtypes: tuple[str, ...] = DTYPES
    extents: tuple[int, ...] = EXTENTS
    reductions: bool = True
    guards: bool = True
    splits: bool = True
    inexact: bool = True
    symbolic: bool = False
    starts: bool = False
    updates: bool = False


@dataclass
class _Program:
    """The program as it grows."""

    choices: Choices
    shape: Shape
    dtype: str
    written: list[Buffer] = field(default_factory=list)
    stmts: list[Stmt] = field(default_factory=list)
    reads: list[BufferRegion] = field(default_factory=list)
    sizes: dict[Buffer, list[int]] = field(default_factory=dict)
    symbol: Var | None = None

    def extent(self, size: int) -> Expr:
        """The extent of a dimension, an axis or a loop of `size` iterations."""
        return self.symbol if self.symbol is not None and size == SYMBOLIC else const(size)

    def buffer(self, sizes: list[int], name: str) -> Buffer:
        """A new buffer."""
        new = decl_buffer([self.extent(size) for size in sizes], self.dtype, name)
        self.sizes[new] = sizes
        return new

    def extents(self, least: int = 1) -> list[int]:
        """Extents of a buffer, within the volume."""
        out: list[int] = []
        for _ in range(self.choices.number(least, self.shape.dims)):
            fitting = [e for e in self.shape.extents if e * int(np.prod(out)) <= self.shape.volume]
            out.append(self.choices.pick(fitting or [1]))
        return out

    def index(self, axes: list[tuple[Var, int]], extent: int) -> tuple[Expr, Expr | None, Range | None]:
        """An index from 0 to extent - 1 over the axes; with the guard it needs and the region it then lies in."""
        options: list[tuple[Expr, Expr | None, Range | None]] = []
        for var, size in axes:
            if size == extent:
                options += [(var, None, None)] * 3
                options.append((const(extent - 1) - var, None, None))
            elif size < extent:
                options.append((var + const(self.choices.number(0, extent - size)), None, None))
                if size * 2 <= extent:
                    options.append((var * 2, None, None))
            else:
                options.append((var % const(extent), None, None))
                options.append((var // const(-(-size // extent)), None, None))
            if self.shape.guards and size >= extent > 1:
                whole = Range(const(0), const(extent))
                options.append((var - const(1), binary(And, var >= 1, var < extent + 1), whole))
        options.append((const(self.choices.number(0, extent - 1)), None, None))
        return self.choices.pick(options)

    def load(self, axes: list[tuple[Var, int]]) -> Expr:
        """An element of something written before, in the program's type."""
        source = self.choices.pick(self.written)
        indices: list[Expr] = []
        ranges: list[Range] = []
        guard: Expr | None = None
        for size in self.sizes[source]:
            index, need, region = self.index(axes, size)
            indices.append(index)
            ranges.append(region or Range.point(index))
            if need is not None:
                guard = need if guard is None else binary(And, guard, need)
        region = BufferRegion(source, tuple(ranges))
        if not any(r.buffer is source and _same_ranges(r, region) for r in self.reads):
            self.reads.append(region)
        value: Expr = BufferLoad(source, tuple(indices))
        if guard is not None:
            value = op.if_then_else(guard, value, const(0, source.dtype))
        return cast(value, self.dtype)

    def value(self, axes: list[tuple[Var, int]], depth: int) -> Expr:
        """An expression of the program's type over the axes."""
        c = self.choices
        if depth == 0 or c.chance(4):
            kind = c.number(0, 5)
            if kind <= 3:
                return self.load(axes)
            if kind == 4 or not axes:
                return const(c.number(0 if self.dtype.startswith("uint") else -3, 3), self.dtype)
            return cast(c.pick(axes)[0], self.dtype)
        a = self.value(axes, depth - 1)
        kind = c.number(0, 8 if self.shape.inexact and self.dtype in ("float32", "float64") else 6)
        if kind <= 5:
            b = self.value(axes, depth - 1)
            if kind == 5:
                return Select(a < b, a, b + const(1, self.dtype))
            return (a + b, a * b, a - b, op.maximum(a, b), op.minimum(a, b))[kind]
        if kind == 6:
            return op.call("abs", a)
        return op.call("tanh", a) if kind == 7 else op.call("sqrt", op.call("abs", a))


def _same_ranges(a: BufferRegion, b: BufferRegion) -> bool:
    return all(bool(x.min == y.min) and bool(x.extent == y.extent) for x, y in zip(a.region, b.region, strict=True))


REDUCERS = {"sum": Add, "max": Max, "min": Min}


def _identity(kind: str, dtype: str) -> Expr:
    if kind == "sum":
        return const(0, dtype)
    return op.min_value(dtype) if kind == "max" else op.max_value(dtype)


def _block(p: _Program, number: int, target: Buffer, *, update: bool = False) -> None:
    """Write all of `target`, by a block of its own; with `update` from its own elements and what else there is."""
    c = p.choices
    sizes = p.sizes[target]
    names = iter("ijklmn")
    spatial = [(Var("v" + next(names)), size) for size in sizes]
    reduce: list[tuple[Var, int]] = []
    kind = "sum"
    if p.shape.reductions and not update and c.chance(2):
        kind = c.pick(list(REDUCERS))
        room = p.shape.volume // max(1, int(np.prod(sizes)))
        for _ in range(c.number(1, 2)):
            fitting = [e for e in p.shape.extents if e <= room]
            if fitting:
                reduce.append((Var("v" + next(names)), c.pick(fitting)))
                room //= reduce[-1][1]
    p.reads = []
    at = tuple(v for v, _ in spatial)
    value = p.value([*spatial, *reduce], 2)
    if update:
        p.reads.append(BufferRegion(target, tuple(map(Range.point, at))))
        value = BufferLoad(target, at) - value
    init: Stmt | None = None
    if reduce:
        combine = REDUCERS[kind]
        value = combine(BufferLoad(target, at), value)
        init = BufferStore(target, _identity(kind, p.dtype), at)
    iter_vars = [
        IterVar(Range(const(0), p.extent(size)), v, IterType.SPATIAL if i < len(spatial) else IterType.REDUCE)
        for i, (v, size) in enumerate([*spatial, *reduce])
    ]
    writes = (BufferRegion(target, tuple(map(Range.point, at))),)
    block = Block(
        tuple(iter_vars), tuple(p.reads), writes, f"{target.name}_{number}", BufferStore(target, value, at), init
    )
    p.stmts.append(_nest(p, block, dict([*spatial, *reduce])))


def _nest(p: _Program, block: Block, sizes: dict[Var, int]) -> Stmt:
    """The loops around a block: one for each iterator in some order, some of them split or fused."""
    c = p.choices
    loops: list[tuple[Var, int]] = []
    values: dict[Var, Expr] = {}
    predicate: Expr = TRUE
    pending = [iv.var for iv in block.iter_vars]
    while pending:
        v = pending.pop(0)
        size, name = sizes[v], v.name[1:]
        way = c.number(0, 5) if p.shape.splits else 0
        if way == 4 and size > 1:
            factor = c.number(2, 5)
            outer, inner = Var(f"{name}_0"), Var(f"{name}_1")
            loops += [(outer, -(-size // factor)), (inner, factor)]
            values[v] = outer * factor + inner
            if size % factor:
                bound = values[v] < size
                predicate = bound if predicate is TRUE else binary(And, predicate, bound)
        elif way == 5 and pending:
            w = pending.pop(0)
            fused = Var(f"{name}_{w.name[1:]}_fused")
            loops.append((fused, size * sizes[w]))
            values[v], values[w] = fused // sizes[w], fused % sizes[w]
        else:
            loop_var = Var(name)
            loops.append((loop_var, size))
            values[v] = loop_var
    starts = {var: const(c.number(1, 3)) for var, _ in loops if p.shape.starts and c.chance(3)}
    moved: dict[Var, Expr] = {var: var - start for var, start in starts.items()}
    bound = tuple(substitute(values[iv.var], moved) for iv in block.iter_vars)
    body: Stmt = BlockRealize(bound, substitute(predicate, moved), block)
    for var, extent in reversed(c.shuffled(loops) if c.chance(3) else loops):
        body = For(var, starts.get(var, const(0)), p.extent(extent), ForKind.SERIAL, body)
    return body


def random_program(choices: Choices, shape: Shape | None = None) -> PrimFunc:
    """A well-formed block program, safe to run on any inputs; its last parameters are outputs, wholly written."""
    shape = shape or Shape()
    p = _Program(choices, shape, choices.pick(shape.dtypes))
    shapes = [p.extents() for _ in range(choices.number(1, shape.inputs))]
    if shape.symbolic and any(SYMBOLIC in sizes for sizes in shapes):
        p.symbol = Var("n")
    inputs = [p.buffer(sizes, name) for sizes, name in zip(shapes, "ABC")]
    p.written += inputs
    outputs: list[Buffer] = []
    allocated: list[Buffer] = []
    count = choices.number(1, shape.blocks)
    for i in range(count):
        made = [b for b in p.written if b not in inputs]
        if shape.updates and made and i < count - 1 and choices.chance(2):
            target = choices.pick(made)
            p.written.remove(target)
            _block(p, i, target, update=True)
            p.written.append(target)
            continue
        target = p.buffer(p.extents(), f"{'T' if i < count - 1 else 'Y'}{i}")
        is_output = i == count - 1 or choices.chance(4)
        (outputs if is_output else allocated).append(target)
        _block(p, i, target)
        p.written.append(target)
    buffers = [*inputs, *outputs]
    params = [Var(b.name, HANDLE) for b in buffers]
    root = Block((), (), (), "root", seq(*p.stmts), None, tuple(allocated))
    attrs = Attrs({"global_symbol": "main"})
    return PrimFunc(tuple(params), dict(zip(params, buffers, strict=True)), BlockRealize((), TRUE, root), attrs=attrs)


def arrays_for(func: PrimFunc, seed: int = 0) -> list[np.ndarray]:
    """An array for each parameter: small multiples of 1/4, on which sums and short products are exact.

    Symbolic extents are `SYMBOLIC`.
    """
    rng = np.random.default_rng(seed)
    out = []
    for buffer in func.buffers:
        extents = [getattr(e, "value", SYMBOLIC) for e in buffer.shape]
        step = 4 if buffer.dtype.is_float else 1
        out.append((rng.integers(-8, 9, extents) / step).astype(buffer.dtype.numpy))
    return out
