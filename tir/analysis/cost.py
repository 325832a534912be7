"""Cost facts: operations, memory touched at every loop level, distance to the next reuse, memory allocated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import prod

from ..arith import Analyzer
from ..arith.linear import Linear, factors
from ..buffer import Buffer, BufferLoad, Range
from ..errors import UserError
from ..expr import (
    BinaryOp,
    Call,
    Cast,
    Expr,
    FloorDiv,
    FloorMod,
    IntImm,
    Let,
    Not,
    Ramp,
    Select,
    Var,
    as_expr,
)
from ..function import PrimFunc
from ..node import Node
from ..op import Intrinsic
from ..stmt import (
    Allocate,
    Block,
    BlockRealize,
    BufferStore,
    For,
    IfThenElse,
    IterType,
    LetStmt,
    Stmt,
    While,
)
from ..visit import free_vars, substitute

_FREE = frozenset({"likely", "if_then_else", "reinterpret"})
_TWO = frozenset({"fma"})


class Access(StrEnum):
    """How a statement uses a buffer."""

    READ = "read"
    WRITE = "write"
    READ_WRITE = "read and write"


@dataclass(frozen=True, eq=False)
class AccessCost:
    """What one statement does with one buffer, by loop level.

    Level d stands for one run of the loops from the d-th inwards, with those outside at rest; level `len(loops)` is a
    single run of the statement. Extents that are not constant count by their greatest known value.

    Attributes
    ----------
    elements: distinct elements touched, at each level; `bytes` are these times the element's size.
    stride: distance in elements, in row-major order, between turns of the innermost loop; 0 where it does not move.
    reuse_loop: the level of the innermost loop whose turns touch the same elements; None where there is none.
    reuse_distance: bytes that the whole statement touches between two uses, 0 where there is no reuse.
    reuse_count: turns of that loop.
    """

    buffer: Buffer
    access: Access
    elements: tuple[int, ...]
    stride: int
    reuse_loop: int | None
    reuse_distance: int
    reuse_count: int

    @property
    def bytes(self) -> tuple[int, ...]:
        """Distinct bytes touched, at each level."""
        return tuple(n * self.buffer.dtype.bytes for n in self.elements)


@dataclass(frozen=True, eq=False)
class StoreCost:
    """What one store costs.

    Attributes
    ----------
    store: the statement; `blocks` and `loops` are around it, outermost first.
    runs: how often it runs.
    flops: operations of one run, on values rather than indices.
    accesses: what it does with each buffer.
    """

    store: BufferStore
    blocks: tuple[Block, ...]
    loops: tuple[For, ...]
    runs: int
    flops: int
    accesses: tuple[AccessCost, ...]

    def footprint(self, level: int) -> int:
        """Distinct bytes of all buffers together that one run of the loops from `level` inwards touches."""
        return sum(access.bytes[level] for access in self.accesses)


def store_costs(program: PrimFunc | Stmt) -> tuple[StoreCost, ...]:
    """The cost of every store of a program, in program order."""
    body = program.body if isinstance(program, PrimFunc) else program
    return tuple(_Walk().stores(body))


def flops(program: PrimFunc | Stmt) -> int:
    """Operations on values in one run of a program: a fused multiply-add counts two, a vector one for each lane.

    Indices and conditions of branches do not count. An init runs as often as its block does with the reducing loops
    left out.
    """
    return sum(cost.runs * cost.flops for cost in store_costs(program))


def bytes_moved(program: PrimFunc | Stmt) -> int:
    """Bytes loaded and stored if nothing were cached: every access of every run."""
    total = 0
    for cost in store_costs(program):
        for access in cost.accesses:
            times = 2 if access.access is Access.READ_WRITE else 1
            total += cost.runs * times * access.bytes[-1]
    return total


def footprint(program: PrimFunc | Stmt) -> dict[str, int]:
    """Distinct bytes a program touches, by memory scope."""
    found: dict[Buffer, int] = {}
    for cost in store_costs(program):
        for access in cost.accesses:
            found[access.buffer] = max(found.get(access.buffer, 0), access.bytes[0])
    out: dict[str, int] = {}
    for buffer, size in found.items():
        out[buffer.scope] = out.get(buffer.scope, 0) + size
    return out


def allocated_bytes(program: PrimFunc | Stmt) -> dict[str, int]:
    """The most bytes allocated at one time, by memory scope; allocations live as long as the block that makes them.

    Raises
    ------
    UserError: an allocation's extent is not constant.
    """
    body = program.body if isinstance(program, PrimFunc) else program
    return _allocated(body)


def _allocated(node: Node) -> dict[str, int]:
    own: dict[str, int] = {}
    if isinstance(node, Block):
        for buffer in node.alloc_buffers:
            own[buffer.scope] = own.get(buffer.scope, 0) + buffer_bytes(buffer)
    elif isinstance(node, Allocate):
        own[node.buffer.scope] = buffer_bytes(node.buffer)
    parts = [_allocated(child) for child in node.children() if isinstance(child, Stmt)]
    for scope in {scope for part in parts for scope in part}:
        own[scope] = own.get(scope, 0) + max(part.get(scope, 0) for part in parts)
    return own


def buffer_bytes(buffer: Buffer) -> int:
    """The size of a buffer's memory.

    Raises
    ------
    UserError: an extent or stride is not constant.
    """
    extents = [_constant(e, buffer) for e in buffer.shape]
    elements = prod(extents)
    if buffer.strides and elements:
        elements = 1 + sum((n - 1) * abs(_constant(s, buffer)) for n, s in zip(extents, buffer.strides, strict=True))
    return elements * buffer.dtype.bytes * buffer.dtype.lanes


def _constant(e: Expr, buffer: Buffer) -> int:
    if not isinstance(e, IntImm):
        raise UserError(f"the size of buffer `{buffer.name}` is not constant: `{e}`")
    return e.value


def count_ops(e: Expr) -> int:
    """Operations to compute a value, loads being free and indices not counted."""
    if isinstance(e, BufferLoad):
        return 0
    own = 0
    if isinstance(e, (BinaryOp, Not, Select)):
        own = e.dtype.lanes
    elif isinstance(e, Call):
        name = e.op.name if isinstance(e.op, Intrinsic) else ""
        own = 0 if name in _FREE else e.dtype.lanes * (2 if name in _TWO else 1)
    elif isinstance(e, (Cast, Ramp)):
        own = 0
    return own + sum(count_ops(child) for child in e.children() if isinstance(child, Expr))


class _Walk:
    """Finds the stores with what is around them; iterators of blocks are read as expressions of the loops."""

    def __init__(self) -> None:
        self.an = Analyzer()
        self.values: dict[Var, Expr] = {}
        self.loops: list[For] = []
        self.blocks: list[Block] = []

    def stores(self, stmt: Stmt) -> Iterator[StoreCost]:
        """The costs of the stores in a statement."""
        if isinstance(stmt, BufferStore):
            yield self.cost(stmt, self.loops)
        elif isinstance(stmt, For):
            self.an.bind(stmt.loop_var, Range(self.at(stmt.min), self.at(stmt.extent)), allow_override=True)
            self.loops.append(stmt)
            yield from self.stores(stmt.body)
            self.loops.pop()
        elif isinstance(stmt, BlockRealize):
            yield from self.block(stmt)
        elif isinstance(stmt, LetStmt):
            self.values[stmt.var] = self.at(stmt.value)
            yield from self.stores(stmt.body)
            del self.values[stmt.var]
        elif isinstance(stmt, (IfThenElse, While)) or stmt.children():
            for child in stmt.children():
                if isinstance(child, Stmt):
                    yield from self.stores(child)

    def block(self, realize: BlockRealize) -> Iterator[StoreCost]:
        """The costs of the stores in a block; those of its init without the loops that drive its reduction."""
        block = realize.block
        values = [self.at(value) for value in realize.iter_values]
        reducing: set[Var] = set()
        for iv, value in zip(block.iter_vars, values, strict=True):
            self.values[iv.var] = value
            if iv.iter_type is not IterType.SPATIAL:
                reducing.update(free_vars(value))
        self.blocks.append(block)
        if block.init is not None:
            spatial = [loop for loop in self.loops if loop.loop_var not in reducing]
            outer, self.loops = self.loops, spatial
            yield from self.stores(block.init)
            self.loops = outer
        yield from self.stores(block.body)
        self.blocks.pop()
        for iv in block.iter_vars:
            del self.values[iv.var]

    def at(self, e: Expr) -> Expr:
        """An expression in terms of the loops."""
        return substitute(e, self.values)

    def cost(self, store: BufferStore, loops: Sequence[For]) -> StoreCost:
        """The cost of one store."""
        extents = [max(self.an.const_int_bound(self.at(loop.extent)).max_value, 0) for loop in loops]
        found: dict[Buffer, list[tuple[Access, tuple[Expr, ...]]]] = {}
        for load in _loads(store.value, *store.indices):
            found.setdefault(load.buffer, []).append((Access.READ, load.indices))
        found.setdefault(store.buffer, []).append((Access.WRITE, store.indices))
        touched = [
            (b, _access_of({kind for kind, _ in uses}), [self.forms(i) for _, i in uses]) for b, uses in found.items()
        ]
        levels = [
            [_elements(self.an, b, uses, loops[d:], extents[d:]) for d in range(len(loops) + 1)]
            for b, _, uses in touched
        ]
        sizes = [sum(e[d] * b.dtype.bytes for (b, _, _), e in zip(touched, levels)) for d in range(len(loops) + 1)]
        accesses = []
        for (buffer, access, uses), elements in zip(touched, levels):
            level = _reuse_level(uses, loops, extents)
            accesses.append(
                AccessCost(
                    buffer,
                    access,
                    tuple(elements),
                    _stride(self.an, buffer, uses[-1], loops[-1].loop_var) if loops else 0,
                    level,
                    0 if level is None else sizes[level + 1],
                    1 if level is None else extents[level],
                )
            )
        ops = count_ops(store.value)
        return StoreCost(store, tuple(self.blocks), tuple(loops), prod(extents), ops, tuple(accesses))

    def forms(self, indices: tuple[Expr, ...]) -> tuple[tuple[Linear, int], ...]:
        """(form, lanes) of each index; a vector index counts as its base and the span of its lanes."""
        out = []
        for index in indices:
            index = self.at(index)
            lanes = 1
            if isinstance(index, Ramp) and isinstance(index.stride, IntImm):
                lanes, index = 1 + (index.lanes - 1) * abs(index.stride.value), index.base
            elif index.dtype.lanes > 1:
                lanes, index = index.dtype.lanes, as_expr(0)
            out.append((self.an.normal(self.an.simplify(index)), lanes))
        return tuple(out)


Forms = tuple[tuple[Linear, int], ...]


def _loads(*exprs: Expr) -> Iterator[BufferLoad]:
    stack = list(exprs)
    while stack:
        e = stack.pop()
        if isinstance(e, BufferLoad):
            yield e
        if isinstance(e, Let):
            stack.append(e.value)
        stack.extend(child for child in e.children() if isinstance(child, Expr))


def _access_of(kinds: set[Access]) -> Access:
    return kinds.pop() if len(kinds) == 1 else Access.READ_WRITE


def _elements(an: Analyzer, buffer: Buffer, uses: Sequence[Forms], loops: Sequence[For], extents: Sequence[int]) -> int:
    """Distinct elements touched while `loops` run: a box for each use, cut to the shape, and no more than all."""
    varied = {loop.loop_var: n for loop, n in zip(loops, extents)}
    total = 0
    for forms in {tuple(map(_key, forms)): forms for forms in uses}.values():
        count = 1
        for (form, lanes), extent in zip(forms, buffer.shape, strict=True):
            count *= min(_span(an, form, varied) + lanes - 1, max(an.const_int_bound(extent).max_value, 1))
        runs = prod(n for v, n in varied.items() if any(_mentions(form, v) for form, _ in forms))
        total += min(count, runs * prod(lanes for _, lanes in forms))
    whole = prod(max(an.const_int_bound(e).max_value, 1) for e in buffer.shape)
    return min(total, whole)


def _key(entry: tuple[Linear, int]) -> tuple[frozenset[tuple[object, int]], int]:
    """Uses that differ by a constant touch nearly the same elements and count once."""
    form, lanes = entry
    return frozenset(form.terms.items()), lanes


def _mentions(form: Linear, var: Var) -> bool:
    return any(atom is var or (type(atom) is not Var and var in free_vars(atom)) for atom in form.atoms())


def _span(an: Analyzer, form: Linear, varied: dict[Var, int]) -> int:
    """How many integers the form can take, at most, while the variables run."""
    reach = 0
    for key, coef in form.terms.items():
        reach += abs(coef) * prod(_reach(an, atom, varied) for atom in factors(key)) if _moves(key, varied) else 0
    return reach + 1


def _moves(key: object, varied: dict[Var, int]) -> bool:
    return any(v in varied for atom in factors(key) for v in free_vars(atom))  # type: ignore[arg-type]


def _reach(an: Analyzer, atom: Expr, varied: dict[Var, int]) -> int:
    """Difference between the greatest and the least value of an atom, at most."""
    if isinstance(atom, Var):
        if atom in varied:
            return max(varied[atom] - 1, 0)
        low, high = an.const_int_bound(atom)
        return max(abs(low), abs(high))
    low, high = an.const_int_bound(atom)
    if isinstance(atom, (FloorDiv, FloorMod)) and isinstance(atom.b, IntImm) and atom.b.value > 0:
        inner = _span(an, an.normal(atom.a), varied) - 1
        if isinstance(atom, FloorMod):
            return min(inner, atom.b.value - 1) if inner < atom.b.value else atom.b.value - 1
        return min(-(-inner // atom.b.value), high - low)
    return high - low


def _reuse_level(uses: Sequence[Forms], loops: Sequence[For], extents: Sequence[int]) -> int | None:
    for level in reversed(range(len(loops))):
        var = loops[level].loop_var
        if extents[level] > 1 and not any(_mentions(form, var) for forms in uses for form, _ in forms):
            return level
    return None


def _stride(an: Analyzer, buffer: Buffer, forms: Forms, var: Var) -> int:
    """Elements between turns of `var` in row-major order (or by the buffer's strides)."""
    place, total = 1, 0
    for d in reversed(range(buffer.ndim)):
        weight = place
        if buffer.strides:
            stride = buffer.strides[d]
            weight = stride.value if isinstance(stride, IntImm) else place
        form = forms[d][0]
        step = form.terms.get(var, 0)
        if not step and _mentions(form, var):
            step = 1
        total += step * weight
        place *= max(an.const_int_bound(buffer.shape[d]).max_value, 1)
    return abs(total)
