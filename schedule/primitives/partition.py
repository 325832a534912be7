"""Primitives that take loops apart along their range, and put loops side by side into one: loop_partition, merge."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ...tir.arith.analyzer import Analyzer
from ...tir.arith.regions import disjoint, region_contains, relax_region, union_region, without_loads
from ...tir.buffer import Buffer, BufferRegion, Range
from ...tir.expr import TRUE, Expr, Var, cast, const
from ...tir.stmt import Block, BlockRealize, For, ForKind, IterType, IterVar, Stmt, seq
from ...tir.visit import Rewriter, free_vars, fresh, substitute
from ..concurrency import require_still_private
from ..edit import child_towards, common, statements
from ..errors import require
from ..footprint import relaxed
from ..primitive import primitive
from ..privacy import Privacy
from ..rewrite import bind_loops, loops_around, nest_refs, substitute_loop_vars
from ..sref import BlockSRef, LoopSRef, SRef
from ..state import State
from .loops import require_plain
from .reduction import require_in_turn, update_of


@primitive
def loop_partition(
    s: State, loop: LoopSRef, factors: list[Expr | None], *, preserve_unit_iters: bool = True
) -> list[LoopSRef]:
    """Divide the range of `loop` into consecutive parts, each a loop of its own; gives these.

    Each part, and all of them together, become a block, so that each can be scheduled by itself. Buffers that are used
    within single iterations only belong to the parts.

    Parameters
    ----------
    factors: the numbers of iterations of the parts. One may be None, for what the others leave; without a None, what
        is left becomes one more part.
    preserve_unit_iters: keep the variable of a part of one iteration in the blocks' bindings.

    before:
        @T.prim_func
        def main(A: T.Buffer((128,), "float32"), B: T.Buffer((128,), "float32")):
            for i in range(128):
                with T.block("B"):
                    vi = T.axis.spatial(128, i)
                    B[vi] = A[vi] * T.float32(2)
    step:
        sch.loop_partition(sch.get_loops("B")[0], [2, None])
    after:
        @T.prim_func
        def main(A: T.Buffer((128,), "float32"), B: T.Buffer((128,), "float32")):
            with T.block("B_i_common"):
                T.reads(A[0:128])
                T.writes(B[0:128])
                with T.block("B_i0_partition"):
                    T.reads(A[0:2])
                    T.writes(B[0:2])
                    for i0 in range(2):
                        with T.block("B_i0"):
                            vi = T.axis.spatial(128, i0)
                            B[vi] = A[vi] * T.float32(2)
                with T.block("B_i1_partition"):
                    T.reads(A[2:128])
                    T.writes(B[2:128])
                    for i1 in range(2, 128):
                        with T.block("B_i1"):
                            vi = T.axis.spatial(128, i1)
                            B[vi] = A[vi] * T.float32(2)
    """
    require_plain(loop)
    old = loop.stmt
    require(len(factors) >= 1, "{0} is divided into at least one part", loop)
    require(factors.count(None) <= 1, "only one part may be None", hint="write all others as numbers")
    blocks = s.child_blocks(loop)
    reducing: dict[Block, list[tuple[IterVar, Expr]]] = {}
    for block in blocks:
        for iv, value in zip(block.stmt.iter_vars, s.realize(block).iter_values, strict=True):
            require(
                iv.iter_type in (IterType.SPATIAL, IterType.REDUCE) or old.loop_var not in free_vars(value),
                f"{{0}} drives the {iv.iter_type} axis {{1}} of {{2}}",
                loop,
                iv.var,
                block,
                hint="only loops over spatial and reduce axes can be divided",
            )
            if iv.iter_type is IterType.REDUCE and block.stmt.init is not None:
                reducing.setdefault(block.stmt, []).append((iv, value))
    an = bind_loops(Analyzer(), loop)
    ranges = _parts(an, loop, factors)
    for block in blocks:
        if not all(_starts(s, loop, part, reducing.get(block.stmt, [])) for part in ranges):
            require_in_turn(s, block, [ref.stmt for ref in block.loops()])
    name, var = blocks[0].stmt.name_hint, old.loop_var.name
    private = Privacy(s, loop)
    touched = {region.buffer for block in blocks for region in block.stmt.writes}
    allocated = tuple(b for b in loop.scope.stmt.alloc_buffers if b in touched and private.of(b))
    own = set(allocated)
    reuse: dict[Block, Block] = {}
    parts: list[BlockRealize] = []
    loops: list[For] = []
    regions: list[tuple[tuple[BufferRegion, ...], tuple[BufferRegion, ...]]] = []
    going_on = {b for b, axes in reducing.items() if not _starts(s, loop, old.range, axes)}
    for i, part in enumerate(ranges):
        new_var = old.loop_var.replace(name=f"{var}{i}")
        unit = part.is_point and not preserve_unit_iters
        values = {old.loop_var: part.min if unit else new_var}
        body, named = substitute_loop_vars(old.body, values, {**loops_around(loop), new_var: part})
        started = {b for b, axes in reducing.items() if _started(s, loop, part, axes)}
        renamed = _Rename(f"_{var}{i}", started)
        made = For(new_var, part.min, part.extent, ForKind.SERIAL, renamed(body))
        updating = {b for b, axes in reducing.items() if b in started or not _starts(s, loop, part, axes)}
        reads, writes = _touched(s, loop, part, updating, own)
        regions.append(_touched(s, loop, part, going_on, own))
        whole = _bare_block(f"{name}_{var}{i}_partition", reads, writes, made, allocated)
        if i == 0:
            reuse = renamed.blocks | {before: renamed.blocks.get(after, after) for before, after in named.items()}
        else:
            whole = fresh(whole)
        inside = whole.block.body
        assert isinstance(inside, For)
        loops.append(inside)
        parts.append(whole)
    reads, writes = _together(an, regions)
    scope = loop.scope
    together = _bare_block(f"{name}_{var}_common", reads, writes, seq(*parts))
    s.replace(loop, together, reuse)
    if own:
        kept = tuple(b for b in scope.stmt.alloc_buffers if b not in own)
        s.replace(scope, scope.stmt.replace(alloc_buffers=kept))
    for whole in (together, *parts):
        ref = s.srefs[whole.block]
        assert isinstance(ref, BlockSRef)
        require_still_private(s, ref)
    out = []
    for made in loops:
        ref = s.srefs[made]
        assert isinstance(ref, LoopSRef)
        out.append(ref)
    return out


def _parts(an: Analyzer, loop: LoopSRef, factors: Sequence[Expr | None]) -> list[Range]:
    """The ranges of the parts."""
    old = loop.stmt
    dtype = old.loop_var.dtype
    total: Expr = const(0, dtype)
    for factor in factors:
        if factor is not None:
            require(an.prove(factor > 0), "the part of {0} iterations is not known to have any", factor)
            total = total + cast(factor, dtype)
    rest = an.simplify(old.extent - total)
    require(
        an.prove(rest >= 0) and not (None in factors and an.prove(rest == 0)),
        "the parts cover {1} iterations of {0}, which has {2}",
        loop,
        an.simplify(total),
        old.extent,
        hint="give parts that leave none over, or fewer",
    )
    sizes = [rest if factor is None else cast(factor, dtype) for factor in factors]
    if None not in factors and not an.prove(rest == 0):
        sizes.append(rest)
    out, start = [], old.min
    for size in sizes:
        out.append(Range(an.simplify(start), size))
        start = start + size
    return out


def _started(s: State, loop: LoopSRef, part: Range, axes: Sequence[tuple[IterVar, Expr]]) -> bool:
    """Whether no instance of a reduction in a part is the one that runs the init: an axis is beyond its start."""
    an = bind_loops(Analyzer(), loop)
    an.bind(loop.stmt.loop_var, part)
    for block in s.child_blocks(loop):
        for ref in block.loops():
            if loop in ref.ancestors():
                an.bind(ref.stmt.loop_var, ref.stmt.range, allow_override=True)
    return any(an.prove(value > iv.dom.min) for iv, value in axes)


def _starts(s: State, loop: LoopSRef, part: Range, axes: Sequence[tuple[IterVar, Expr]]) -> bool:
    """Whether each run of a part begins, by its init, what it reduces, whatever loops around it stand at.

    The first instance of all that runs begins its element; so does then the first for each other element, unless a
    part before has the start of some.
    """
    an = bind_loops(Analyzer(), loop)
    var = loop.stmt.loop_var
    if not an.equal(part.min, loop.stmt.min) and any(var in free_vars(value) for _, value in axes):
        return False
    first: dict[Var, Expr] = {var: loop.stmt.min}
    for block in s.child_blocks(loop):
        for ref in block.loops():
            if loop in ref.ancestors():
                first[ref.stmt.loop_var] = substitute(ref.stmt.min, first)
    return all(an.prove(substitute(value, first) == iv.dom.min) for iv, value in axes)


class _Rename(Rewriter):
    """Gives the blocks directly inside a loop another name, and takes the init from those `started` before."""

    def __init__(self, suffix: str, started: set[Block]) -> None:
        self.suffix, self.started = suffix, started
        self.blocks: dict[Block, Block] = {}

    def visit_block_realize(self, node: BlockRealize) -> BlockRealize:
        old = node.block
        new = update_of(old) if old in self.started else old
        self.blocks[old] = new.replace(name_hint=old.name_hint + self.suffix)
        return BlockRealize(node.iter_values, node.predicate, self.blocks[old])


def _bare_block(
    name: str,
    reads: tuple[BufferRegion, ...],
    writes: tuple[BufferRegion, ...],
    body: Stmt,
    allocated: tuple[Buffer, ...] = (),
) -> BlockRealize:
    return BlockRealize((), TRUE, Block((), reads, writes, name, body, alloc_buffers=allocated))


def _touched(
    s: State, loop: LoopSRef, part: Range, updating: set[Block], own: set[Buffer]
) -> tuple[tuple[BufferRegion, ...], tuple[BufferRegion, ...]]:
    """What the blocks read and write in the iterations of a part, but for its own buffers.

    Reductions `updating` what was there before read it, too.
    """
    an = bind_loops(Analyzer(), loop)
    out: list[list[BufferRegion]] = [[], []]
    for block in s.child_blocks(loop):
        values = dict(zip((iv.var for iv in block.stmt.iter_vars), s.realize(block).iter_values, strict=True))
        inner = {ref.stmt.loop_var: ref.stmt.range for ref in block.loops()}
        domains = {var: part if var is loop.stmt.loop_var else r for var, r in _below(inner, loop).items()}
        for var, domain in domains.items():
            an.bind(var, domain, allow_override=True)
        old = update_of(block.stmt) if block.stmt in updating else block.stmt
        for side, regions in enumerate((old.reads, old.writes)):
            kept = (region for region in regions if region.buffer not in own)
            out[side] += [relax_region(an, substitute(region, values), domains) for region in kept]
    made = {region.buffer for region in out[1]} | own
    return _union(an, out[0], made), _union(an, out[1], made)


def _below(loops: dict[Var, Range], loop: LoopSRef) -> dict[Var, Range]:
    """The loops from `loop` on inwards."""
    variables = list(loops)
    return {var: loops[var] for var in variables[variables.index(loop.stmt.loop_var) :]}


def _together(
    an: Analyzer, parts: Sequence[tuple[tuple[BufferRegion, ...], tuple[BufferRegion, ...]]]
) -> tuple[tuple[BufferRegion, ...], tuple[BufferRegion, ...]]:
    """What parts read and write one after the other; what an earlier part wrote is not read from outside."""
    reads: list[BufferRegion] = []
    writes: list[BufferRegion] = []
    for needed, made in parts:
        for region in needed:
            before = [w for w in writes if w.buffer is region.buffer]
            if not before or not region_contains(an, union_region(an, before), region):
                reads.append(region)
        writes += made
    return _union(an, reads), _union(an, writes)


def _union(an: Analyzer, regions: Sequence[BufferRegion], made: Collection[Buffer] = ()) -> tuple[BufferRegion, ...]:
    """One region a buffer; no index is loaded from what is `made` inside, which is not there yet."""
    by_buffer: dict[Buffer, list[BufferRegion]] = {}
    for region in regions:
        by_buffer.setdefault(region.buffer, []).append(without_loads(region, made))
    return tuple(union_region(an, found) for found in by_buffer.values())


@primitive
def merge(s: State, *loops: LoopSRef) -> LoopSRef:
    """Merge loops that stand side by side, each with as many iterations, into one that runs their bodies in turn.

    before:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32"), C: T.Buffer((16,), "float32")):
            for i in range(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = A[vi] * T.float32(2)
            for i in range(16):
                with T.block("C"):
                    vi = T.axis.spatial(16, i)
                    C[vi] = B[vi] + T.float32(1)
    step:
        sch.merge(sch.get_loops("B")[0], sch.get_loops("C")[0])
    after:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32"), C: T.Buffer((16,), "float32")):
            for i_m in range(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i_m)
                    B[vi] = A[vi] * T.float32(2)
                with T.block("C"):
                    vi = T.axis.spatial(16, i_m)
                    C[vi] = B[vi] + T.float32(1)
    """
    require(len(loops) >= 2, "merge takes at least two loops")
    for loop in loops:
        require_plain(loop)
        require(loop.scope is loops[0].scope, "{0} and {1} are not inside the same block", loops[0], loop)
    around = common([loop.parent for loop in loops if loop.parent is not None])
    chains = [_chain(loop, around) for loop in loops]
    for chain in chains[1:]:
        require(
            len(chain) == len(chains[0]),
            "{0} and {1} lie at different depths below what is around both",
            chains[0][-1],
            chain[-1],
            hint="merge loops of one depth, outer ones first",
        )
    places = [child_towards(around, chain[0]) for chain in chains]
    body = statements(around.stmt.body)
    require(
        sorted(places) == list(range(min(places), min(places) + len(places)))
        and all(body[place] is chain[0].stmt for place, chain in zip(places, chains, strict=True)),
        "other statements stand between {0} and {1}, or one holds the other",
        loops[0],
        loops[-1],
        hint="give loops that follow one another",
    )
    ordered = [chain for _, chain in sorted(zip(places, chains, strict=True), key=lambda pair: pair[0])]
    an = bind_loops(Analyzer(), around, own=True)
    for level in zip(*ordered, strict=True):
        _require_alike(an, level)
    for i, first in enumerate(ordered):
        for second in ordered[i + 1 :]:
            _require_forward(s, first, second)
    variables = [ref.stmt.loop_var.replace(name=f"{ref.stmt.loop_var.name}_m") for ref in ordered[0]]
    bodies: list[Stmt] = []
    reuse: dict[Block, Block] = {}
    for chain in ordered:
        values: dict[Var, Expr] = {}
        inside = loops_around(chain[0])
        for var, ref, lead in zip(variables, chain, ordered[0], strict=True):
            values[ref.stmt.loop_var] = var
            inside[var] = lead.stmt.range
        merged, named = substitute_loop_vars(chain[-1].stmt.body, values, inside)
        bodies.append(merged)
        reuse |= named
    new: Stmt = seq(*bodies)
    for var, ref in reversed(list(zip(variables, ordered[0], strict=True))):
        new = For(var, ref.stmt.min, ref.stmt.extent, ForKind.SERIAL, new)
    kept = [stmt for i, stmt in enumerate(body) if i not in places]
    kept.insert(min(places), new)
    s.replace(around, around.stmt.replace(body=seq(*kept)), reuse)
    return nest_refs(s, new, len(variables))[-1]


def _chain(loop: LoopSRef, around: SRef) -> list[LoopSRef]:
    """The loops from below `around` down to `loop`, each the whole body of the one before."""
    chain = [loop]
    while chain[0].parent is not around:
        above = chain[0].parent
        assert isinstance(above, LoopSRef)
        require(
            above.stmt.body is chain[0].stmt,
            "there is more than {1} inside of {0}",
            above,
            chain[0],
            hint="merge the outer loops first",
        )
        require_plain(above)
        chain.insert(0, above)
    return chain


def _require_alike(an: Analyzer, level: Sequence[LoopSRef]) -> None:
    first = level[0].stmt
    for other in level[1:]:
        require(
            an.equal(first.min, other.stmt.min) and an.equal(first.extent, other.stmt.extent),
            "{0} and {1} run over different ranges",
            level[0],
            other,
            hint="split or loop_partition can make them alike",
        )


def _require_forward(s: State, first: Sequence[LoopSRef], second: Sequence[LoopSRef]) -> None:
    """Require that no iteration of the second nest meets, in memory, a later one of the first, which ran before it."""
    an = bind_loops(Analyzer(), first[0])
    for nest in (first, second):
        for block in s.child_blocks(nest[-1]):
            for ref in block.loops():
                an.bind(ref.stmt.loop_var, ref.stmt.range, allow_override=True)
    for depth in range(len(first)):
        # The first loop in which the two differ is this one.
        same: dict[Var, Expr] = {
            b.stmt.loop_var: a.stmt.loop_var for a, b in zip(first[:depth], second[:depth], strict=True)
        }
        x, y = first[depth].stmt.loop_var, second[depth].stmt.loop_var
        with an.constraint(y < x):
            for src in s.child_blocks(first[-1]):
                for dst in s.child_blocks(second[-1]):
                    _require_apart(s, an, src, dst, first, second, same)


def _require_apart(
    s: State,
    an: Analyzer,
    src: BlockSRef,
    dst: BlockSRef,
    first: Sequence[LoopSRef],
    second: Sequence[LoopSRef],
    same: dict[Var, Expr],
) -> None:
    pairs = [(a, b) for a in src.stmt.writes for b in (*dst.stmt.reads, *dst.stmt.writes)]
    pairs += [(a, b) for a in src.stmt.reads for b in dst.stmt.writes]
    for a, b in pairs:
        if a.buffer is b.buffer:
            one = relaxed(s, an, src, a, first[-1])
            two = substitute(relaxed(s, an, dst, b, second[-1]), same)
            require(
                disjoint(an, one.region, two.region),
                "{1} may use {2} before {0}, which now runs first for all of it, has come to it",
                src,
                dst,
                a.buffer,
                hint="merge loops whose iterations exchange values with the same iteration only",
            )
