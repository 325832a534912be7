"""Comparing a block with the description of an intrinsic: which buffer stands for which, or the first difference."""

from __future__ import annotations

from ..tir.arith.analyzer import Analyzer
from ..tir.buffer import Buffer, BufferLoad, BufferRegion, Range
from ..tir.expr import Add, BinaryOp, Expr, IntImm, Max, Min, Mul, Var
from ..tir.node import Node
from ..tir.stmt import Block, BlockRealize, BufferStore, Evaluate, For, ForKind, SeqStmt, Stmt
from ..tir.visit import substitute

COMMUTATIVE = (Add, Mul, Min, Max)


class Mismatch(Exception):
    """The first difference: `ours` in the program, `theirs` in the description, what it is, and what would help."""

    def __init__(self, ours: Node, theirs: Node, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.ours, self.theirs, self.reason, self.remedy = ours, theirs, reason, remedy


class Matcher:
    """Walks the body of a block and that of a description in step.

    Attributes
    ----------
    buffers: the program's buffer for each of the description's.
    """

    def __init__(self, block: Block, desc: Block, an: Analyzer) -> None:
        self.block, self.desc, self.an = block, desc, an
        self.buffers: dict[Buffer, Buffer] = {}
        self.ours: dict[Var, Expr] = {}
        self.theirs: dict[Var, Expr] = {}

    def match(self) -> None:
        """Compare the bodies.

        Raises
        ------
        Mismatch: they differ.
        """
        self.stmt(self.block.body, self.desc.body)

    def region(self, ours: Buffer, theirs: Buffer) -> tuple[BufferRegion, BufferRegion]:
        """What the block touches of a buffer, and what the description touches of the one it stands for."""
        out = []
        for block, buffer in ((self.block, ours), (self.desc, theirs)):
            declared = [r for r in (*block.writes, *block.reads) if r.buffer is buffer]
            out.append(declared[0] if declared else buffer.full_region())
        return out[0], out[1]

    def source(self, theirs: Buffer, shape: tuple[Expr, ...]) -> BufferRegion:
        """The part of the program's buffer that a buffer of the description, of the shape given, stands for."""
        ours, described = self.region(self.buffers[theirs], theirs)
        lead = len(ours.region) - len(shape)
        ranges = [Range.point(r.min) for r in ours.region[:lead]]
        for r, d, extent in zip(ours.region[lead:], described.region, shape, strict=True):
            ranges.append(Range(self.an.simplify(r.min - d.min), extent))
        return BufferRegion(ours.buffer, tuple(ranges))

    def bare(self, stmt: Stmt, env: dict[Var, Expr]) -> Stmt:
        """A statement without the loops of one iteration around it."""
        while isinstance(stmt, For) and isinstance(stmt.extent, IntImm) and stmt.extent.value == 1:
            env[stmt.loop_var] = stmt.min
            stmt = stmt.body
        return stmt

    def stmt(self, ours: Stmt, theirs: Stmt) -> None:
        ours, theirs = self.bare(ours, self.ours), self.bare(theirs, self.theirs)
        if isinstance(ours, For) and isinstance(theirs, For):
            self.loop(ours, theirs)
        elif isinstance(ours, BlockRealize) and isinstance(theirs, BlockRealize):
            self.realize(ours, theirs)
        elif isinstance(ours, SeqStmt) and isinstance(theirs, SeqStmt) and len(ours.seq) == len(theirs.seq):
            for a, b in zip(ours.seq, theirs.seq, strict=True):
                self.stmt(a, b)
        elif isinstance(ours, BufferStore) and isinstance(theirs, BufferStore):
            self.access(ours, theirs)
            self.expr(ours.value, theirs.value)
        elif isinstance(ours, Evaluate) and isinstance(theirs, Evaluate):
            self.expr(ours.value, theirs.value)
        else:
            remedy = ""
            if isinstance(ours, For):
                remedy = f"blockize a loop further in, or tensorize the loop that `{ours.loop_var.name}` contains"
            elif isinstance(theirs, For):
                remedy = f"split a loop so that one of {theirs.extent} iterations lies here"
            raise Mismatch(ours, theirs, f"{_kind(ours)} stands where the intrinsic has {_kind(theirs)}", remedy)

    def loop(self, ours: For, theirs: For) -> None:
        if not self.an.equal(ours.extent, substitute(theirs.extent, self.theirs)):
            reason = f"the loop runs {ours.extent} times, the intrinsic's {theirs.extent} times"
            raise Mismatch(ours, theirs, reason, _extent_remedy(ours, theirs))
        if ours.kind is not ForKind.SERIAL and ours.kind is not theirs.kind:
            raise Mismatch(ours, theirs, f"the loop is {ours.kind.value}, the intrinsic's {theirs.kind.value}")
        self.an.bind(ours.loop_var, ours.range, allow_override=True)
        self.theirs[theirs.loop_var] = ours.loop_var - ours.min + theirs.min
        self.stmt(ours.body, theirs.body)

    def realize(self, ours: BlockRealize, theirs: BlockRealize) -> None:
        if not self.an.equal(self.value(ours.predicate, True), self.value(theirs.predicate, False)):
            raise Mismatch(
                ours.block,
                theirs.block,
                f"the block runs where `{ours.predicate}`, the intrinsic's where `{theirs.predicate}`",
                "split by factors that divide the extents, or pad_einsum first",
            )
        a, b = ours.block, theirs.block
        for block, values, mine in ((a, ours.iter_values, True), (b, theirs.iter_values, False)):
            env = self.ours if mine else self.theirs
            for iv, value in zip(block.iter_vars, values, strict=True):
                env[iv.var] = self.value(value, mine)
        if (a.init is None) != (b.init is None):
            if a.init is not None:
                reason, remedy = (
                    "starts its reduction, which the intrinsic does not",
                    "decompose_reduction moves the init away",
                )
            else:
                reason = "does not start its reduction, as the intrinsic does"
                remedy = (
                    "what is made a block leaves the start of its reduction outside; use an intrinsic without T.init()"
                )
            raise Mismatch(a, b, f"the block {reason}", remedy)
        if a.init is not None and b.init is not None:
            self.stmt(a.init, b.init)
        self.stmt(a.body, b.body)

    def value(self, e: Expr, mine: bool) -> Expr:
        """An expression of either side in the program's loops."""
        return self.an.simplify(substitute(e, self.ours if mine else self.theirs))

    def access(self, ours: BufferLoad | BufferStore, theirs: BufferLoad | BufferStore) -> None:
        a, b = ours.buffer, theirs.buffer
        if self.buffers.setdefault(b, a) is not a:
            known = self.buffers[b]
            raise Mismatch(ours, theirs, f"`{b.name}` of the intrinsic is `{known.name}` elsewhere, here `{a.name}`")
        if a.dtype != b.dtype:
            remedy = f"use an intrinsic for {a.dtype}; no primitive changes what the block computes in"
            raise Mismatch(ours, theirs, f"`{a.name}` holds {a.dtype}, `{b.name}` of the intrinsic {b.dtype}", remedy)
        if a.scope != b.scope:
            remedy = f"cache_read or cache_write through a buffer in {b.scope!r}, or set_scope"
            raise Mismatch(ours, theirs, f"`{a.name}` lies in {a.scope!r}, `{b.name}` in {b.scope!r}", remedy)
        region, described = self.region(a, b)
        lead = a.ndim - b.ndim
        if lead < 0:
            raise Mismatch(ours, theirs, f"`{a.name}` has {a.ndim} dimensions, `{b.name}` {b.ndim}")
        for k, index in enumerate(ours.indices):
            offset = self.value(index - region.region[k].min, True)
            wanted: Expr = IntImm(offset.dtype, 0)
            if k >= lead:
                wanted = self.value(theirs.indices[k - lead] - described.region[k - lead].min, False)
            if not self.an.equal(offset, wanted):
                raise Mismatch(
                    ours,
                    theirs,
                    f"dimension {k} of `{a.name}` is at `{offset}` in the block, where the intrinsic is at `{wanted}`",
                    self._layout_remedy(ours, theirs),
                )

    def _layout_remedy(self, ours: BufferLoad | BufferStore, theirs: BufferLoad | BufferStore) -> str:
        """How the dimensions of a buffer may be made to correspond to those that the description has."""
        general = "reorder the loops, or transform_layout of the buffer, so that loops and dimensions correspond"
        region, described = self.region(ours.buffer, theirs.buffer)
        lead = ours.buffer.ndim - theirs.buffer.ndim
        have = [self.value(i - r.min, True) for i, r in zip(ours.indices, region.region, strict=True)][lead:]
        want = [self.value(i - r.min, False) for i, r in zip(theirs.indices, described.region, strict=True)]
        order = [next((k for k, e in enumerate(have) if self.an.equal(e, w)), -1) for w in want]
        if sorted(order) != list(range(len(want))):
            return general
        names = [f"i{k}" for k in range(ours.buffer.ndim)]
        mapped = [*names[:lead], *(names[lead + k] for k in order)]
        return (
            f"the intrinsic has the dimensions of `{ours.buffer.name}` in another order; before the loops are split, "
            f"cache it and transform_layout the cache by lambda {', '.join(names)}: ({', '.join(mapped)})"
        )

    def expr(self, ours: Expr, theirs: Expr) -> None:
        if isinstance(ours, BufferLoad) and isinstance(theirs, BufferLoad):
            self.access(ours, theirs)
            return
        if ours.dtype != theirs.dtype:
            raise Mismatch(ours, theirs, f"the value is of type {ours.dtype}, the intrinsic's of type {theirs.dtype}")
        a, b = self.value(ours, True) if _plain(ours) else ours, self.value(theirs, False) if _plain(theirs) else theirs
        if _plain(ours) and _plain(theirs):
            if a is b or (ours.dtype.is_integral and self.an.equal(a, b)):
                return
            raise Mismatch(ours, theirs, f"the value is `{ours}`, the intrinsic's `{theirs}`")
        same = type(ours) is type(theirs) and getattr(ours, "op", None) is getattr(theirs, "op", None)
        mine, others = _operands(ours), _operands(theirs)
        if not same or len(mine) != len(others):
            raise Mismatch(ours, theirs, f"the block computes `{ours}` where the intrinsic computes `{theirs}`")
        if isinstance(ours, BinaryOp) and isinstance(ours, COMMUTATIVE):
            known = dict(self.buffers)
            try:
                self.both(mine, others)
            except Mismatch as first:
                self.buffers = dict(known)
                try:
                    self.both(mine, others[::-1])
                except Mismatch:
                    self.buffers = known
                    raise first from None
            return
        self.both(mine, others)

    def both(self, ours: tuple[Expr, ...], theirs: tuple[Expr, ...]) -> None:
        for a, b in zip(ours, theirs, strict=True):
            self.expr(a, b)


def _operands(e: Expr) -> tuple[Expr, ...]:
    return tuple(child for child in e.children() if isinstance(child, Expr))


def _plain(e: Node) -> bool:
    """Whether an expression loads nothing."""
    return not isinstance(e, BufferLoad) and all(_plain(child) for child in e.children())


def _kind(stmt: Stmt) -> str:
    words: dict[type[Stmt], str] = {
        For: "a loop",
        BlockRealize: "a block",
        BufferStore: "a store",
        SeqStmt: "a sequence of statements",
        Evaluate: "a call",
    }
    return words.get(type(stmt), f"a {type(stmt).__name__}")


def _extent_remedy(ours: For, theirs: For) -> str:
    """How a loop of the extent that the intrinsic has may be brought here."""
    at = ours.body
    while isinstance(at, For):
        if at.extent is theirs.extent and ours.extent is not theirs.extent:
            return f"reorder: the loop `{at.loop_var.name}` has {theirs.extent} iterations"
        at = at.body
    name = ours.loop_var.name
    if isinstance(ours.extent, IntImm) and isinstance(theirs.extent, IntImm):
        a, b = ours.extent.value, theirs.extent.value
        if a % b == 0:
            return f"split `{name}` by [None, {b}], reorder, and tensorize the inner loops"
        if a > b:
            return f"pad_einsum to a multiple of {b}, then split `{name}` by [None, {b}]"
        return f"`{name}` is too short for the intrinsic; pad_einsum to {b}, or use a smaller one"
    return f"split `{name}` by [None, {theirs.extent}]"
