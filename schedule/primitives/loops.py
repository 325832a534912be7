"""Primitives that reshape loops: split, fuse, reorder, add_unit_loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial, reduce
from itertools import pairwise
from math import prod
from operator import add, mul

from ...tir.analysis.reducers import order_matters
from ...tir.arith.analyzer import Analyzer
from ...tir.buffer import Range
from ...tir.expr import TRUE, Expr, IntImm, Var, cast, const
from ...tir.stmt import For, ForKind, IterType, Stmt
from ...tir.visit import free_vars
from ..bindings import Carried
from ..conditions import require_affine, require_order_does_not_matter
from ..errors import require
from ..primitive import primitive
from ..rewrite import bind_loops, drivers, loops_around, make_nest, nest_refs, substitute_loop_vars
from ..sref import BlockSRef, LoopSRef
from ..state import State


def require_plain(loop: LoopSRef) -> None:
    """Require a serial loop without annotations: one that nobody has decided yet how to run."""
    kind = loop.stmt.kind
    require(
        kind is ForKind.SERIAL,
        f"{{0}} is no longer serial; that it is {kind.value} would be lost",
        loop,
        hint="reshape loops first; parallelise, vectorise, unroll or bind them afterwards",
    )
    require(
        not loop.stmt.annotations, "{0} has annotations, which would be lost", loop, hint="remove them by unannotate"
    )


@primitive
def split(
    s: State,
    loop: LoopSRef,
    factors: list[Expr | None],
    *,
    preserve_unit_iters: bool = True,
    disable_predication: bool = False,
) -> list[LoopSRef]:
    """Divide `loop` into nested loops with the extents `factors`, outermost first.

    One factor may be None: it becomes the least extent that covers the loop. Where the product of the factors is more
    than the loop's extent, the blocks below get a predicate.

    Parameters
    ----------
    factors: numbers, sampled sizes, or expressions over the function's variables.
    preserve_unit_iters: keep the variables of loops of extent 1 in the blocks' bindings.
    disable_predication: add no predicate; the blocks may then run outside their domains, on the caller's word.

    before:
        @T.prim_func
        def main(A: T.Buffer((128,), "float32"), B: T.Buffer((128,), "float32")):
            for i in range(128):
                with T.block("B"):
                    vi = T.axis.spatial(128, i)
                    B[vi] = A[vi] * T.float32(2)
    step:
        sch.split(sch.get_loops("B")[0], [None, 32])
    after:
        @T.prim_func
        def main(A: T.Buffer((128,), "float32"), B: T.Buffer((128,), "float32")):
            for i_0, i_1 in T.grid(4, 32):
                with T.block("B"):
                    vi = T.axis.spatial(128, i_0 * 32 + i_1)
                    B[vi] = A[vi] * T.float32(2)
    """
    require_plain(loop)
    old = loop.stmt
    require(len(factors) >= 2, f"splitting {{0}} takes at least two factors, got {len(factors)}", loop)
    require(factors.count(None) <= 1, "only one factor may be None", hint="write all others as numbers")
    extents = _extents(loop, factors)
    dtype = old.loop_var.dtype
    variables = [Var(f"{old.loop_var.name}_{i}", dtype) for i in range(len(factors))]
    terms: list[Expr] = []
    total: Expr = const(1, dtype)
    for variable, extent in zip(reversed(variables), reversed(extents), strict=True):
        if preserve_unit_iters or not (isinstance(extent, IntImm) and extent.value == 1):
            terms.insert(0, variable * total)
        total = extent * total
    index = reduce(add, terms, const(0, dtype))
    around = loops_around(loop) | {v: Range(const(0, dtype), n) for v, n in zip(variables, extents, strict=True)}
    covered = total <= old.extent
    exact = disable_predication or covered is TRUE or bind_loops(Analyzer(), loop).prove(covered)
    predicate = TRUE if exact else index < old.extent
    values = {old.loop_var: old.min + index}
    body, reuse = substitute_loop_vars(old.body, values, around, predicate, drop_units=not preserve_unit_iters)
    new = make_nest(list(zip(variables, extents, strict=True)), body)
    known = None if disable_predication else Carried(s, loop)
    s.replace(loop, new, reuse)
    if known is not None:
        known.to_present()
    return nest_refs(s, new, len(factors))


def _extents(loop: LoopSRef, factors: list[Expr | None]) -> list[Expr]:
    """The factors with the open one worked out."""
    dtype, extent = loop.stmt.loop_var.dtype, loop.stmt.extent
    sizes = [factor.value for factor in factors if type(factor) is IntImm and factor.value > 0]
    if type(extent) is IntImm and len(sizes) == len(factors) - factors.count(None):
        if None in factors or prod(sizes) >= extent.value:
            rest = const(-(-extent.value // prod(sizes)), dtype)
            return [rest if factor is None else cast(factor, dtype) for factor in factors]
    analyzer = bind_loops(Analyzer(), loop)
    product: Expr = const(1, dtype)
    for factor in factors:
        if factor is None:
            continue
        require(factor.dtype.is_integral, f"the factor {{0}} is of type {factor.dtype}; factors are integers", factor)
        positive = factor.value > 0 if isinstance(factor, IntImm) else analyzer.prove(factor > 0)
        require(positive, "the factor {0} is not known to be positive", factor, hint="factors are at least 1")
        product = product * cast(factor, dtype)
    if None not in factors:
        require(
            analyzer.prove(product >= extent),
            "the factors cover {1} iterations of {0}, which has {2}",
            loop,
            analyzer.simplify(product),
            extent,
            hint="give factors whose product is at least the extent, or make one of them None",
        )
    open_extent = analyzer.simplify((extent + (product - 1)) // product)
    return [open_extent if factor is None else cast(factor, dtype) for factor in factors]


@primitive
def fuse(s: State, *loops: LoopSRef, preserve_unit_iters: bool = True) -> LoopSRef:
    """Fuse loops, each the whole body of the one before, into one that runs over all their iterations in order.

    before:
        @T.prim_func
        def main(A: T.Buffer((16, 8), "float32"), B: T.Buffer((16, 8), "float32")):
            for i, j in T.grid(16, 8):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = A[vi, vj] * T.float32(2)
    step:
        sch.fuse(*sch.get_loops("B"))
    after:
        @T.prim_func
        def main(A: T.Buffer((16, 8), "float32"), B: T.Buffer((16, 8), "float32")):
            for i_j_fused in range(128):
                with T.block("B"):
                    vi = T.axis.spatial(16, i_j_fused // 8)
                    vj = T.axis.spatial(8, i_j_fused % 8)
                    B[vi, vj] = A[vi, vj] * T.float32(2)
    """
    require(len(loops) >= 1, "fuse takes at least one loop")
    for loop in loops:
        require_plain(loop)
    for outer, inner in pairwise(loops):
        require(outer is not inner, "{0} is given twice", outer)
        require(
            outer.stmt.body is inner.stmt,
            "{1} is not the whole body of {0}, so they cannot be one loop",
            outer,
            inner,
            hint="give adjacent loops, outermost first; reorder may bring them together",
        )
        for part in (inner.stmt.min, inner.stmt.extent):
            require(
                not any(outer_.stmt.loop_var in free_vars(part) for outer_ in loops),
                "the range of {1} depends on {0}",
                outer,
                inner,
                hint="only loops of fixed extents can be fused",
            )
    dtype = loops[0].stmt.loop_var.dtype
    fused = Var("_".join(loop.stmt.loop_var.name for loop in loops) + "_fused", dtype)
    values: dict[Var, Expr] = {}
    total: Expr = const(1, dtype)
    whole = reduce(mul, [cast(loop.stmt.extent, dtype) for loop in loops])
    for loop in reversed(loops):
        var, extent = loop.stmt.loop_var, cast(loop.stmt.extent, dtype)
        unit = isinstance(extent, IntImm) and extent.value == 1
        end = total * extent
        digit = (fused if loop is loops[0] or end is whole else fused % end) // total
        values[var] = loop.stmt.min + cast(const(0, dtype) if unit else digit, var.dtype)
        total = end
    total = whole if type(whole) is IntImm else bind_loops(Analyzer(), loops[0]).simplify(whole)
    around = {**loops_around(loops[0]), fused: Range(const(0, dtype), total)}
    body, reuse = substitute_loop_vars(loops[-1].stmt.body, values, around, drop_units=not preserve_unit_iters)
    new = For(fused, const(0, dtype), total, ForKind.SERIAL, body)
    known = Carried(s, loops[0])
    s.replace(loops[0], new, reuse)
    known.to_present()
    return nest_refs(s, new, 1)[0]


@primitive
def reorder(s: State, *ordered_loops: LoopSRef) -> None:
    """Put loops of one nest into the order given, outermost first; loops of the nest that are not named stay in place.

    before:
        @T.prim_func
        def main(A: T.Buffer((16, 8), "float32"), B: T.Buffer((16, 8), "float32")):
            for i, j in T.grid(16, 8):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = A[vi, vj] * T.float32(2)
    step:
        i, j = sch.get_loops("B")
        sch.reorder(j, i)
    after:
        @T.prim_func
        def main(A: T.Buffer((16, 8), "float32"), B: T.Buffer((16, 8), "float32")):
            for j, i in T.grid(8, 16):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = A[vi, vj] * T.float32(2)
    """
    require(len(ordered_loops) >= 1, "reorder takes at least one loop")
    for i, loop in enumerate(ordered_loops):
        require(loop not in ordered_loops[:i], "{0} is given twice", loop)
    chain = _chain(ordered_loops)
    if list(ordered_loops) == [loop for loop in chain if loop in ordered_loops]:
        return
    blocks = s.child_blocks(chain[-1])
    for block in blocks:
        require_affine(s, block)
        for iter_var in block.stmt.iter_vars:
            require(
                iter_var.iter_type in (IterType.SPATIAL, IterType.REDUCE),
                f"{{0}} has the {iter_var.iter_type} axis {{1}}, whose order must be kept",
                block,
                iter_var.var,
                hint="only loops over spatial and reduce axes can be reordered",
            )
        if block.stmt.init is not None:
            _require_unmixed(s, block, ordered_loops)
    wanted = iter(ordered_loops)
    target = [next(wanted) if loop in ordered_loops else loop for loop in chain]
    first = next(i for i, loop in enumerate(target) if loop is not chain[i])
    require_order_does_not_matter(s, chain[first:], target[first:])
    for block in blocks:
        _require_same_order(s, block, chain, target)
    for i, loop in enumerate(target):
        deciding = {*free_vars(loop.stmt.min), *free_vars(loop.stmt.extent)}
        inside = [later for later in target[i + 1 :] if later.stmt.loop_var in deciding] if deciding else []
        require(
            not inside,
            "the range of {0} depends on {1}, which would come to lie inside",
            loop,
            *inside[:1],
            hint="keep a loop outside of those whose extents it decides",
        )
    body: Stmt = chain[-1].stmt.body
    for loop in reversed(target):
        body = loop.stmt.with_body(body)
    s.replace(chain[0], body)


def _require_same_order(s: State, block: BlockSRef, before: list[LoopSRef], after: list[LoopSRef]) -> None:
    """Require that loops which drive axes of a reduction keep their order, if its update depends on that."""
    if not order_matters(block.stmt):
        return
    used: set[Var] = set()
    for iter_var, value in zip(block.stmt.iter_vars, s.realize(block).iter_values, strict=True):
        if iter_var.iter_type is not IterType.SPATIAL:
            used.update(free_vars(value))
    inner = [loop for loop in before if loop.stmt.loop_var in used]
    require(
        inner == [loop for loop in after if loop.stmt.loop_var in used],
        "the update of {0} depends on the order in which its instances run, so the loops of its reduce axes must keep "
        "theirs",
        block,
        hint="move loops over spatial axes only; sums, products and extrema may run in any order",
    )


def _require_unmixed(s: State, block: BlockSRef, loops: tuple[LoopSRef, ...]) -> None:
    """Require that the init stays with the first instance of each element.

    The instances of an element are all combinations of what its loops may still choose, and the first of them is the
    same in any order of the loops: each loop at its least. Where several loops drive spatial and reduce axes at once,
    the choice of one hangs on that of another.
    """
    realize = s.realize(block)
    bindings = list(zip(block.stmt.iter_vars, realize.iter_values, strict=True))

    def shared(variables: Callable[[Expr], Iterable[Var]]) -> set[Var]:
        axes: dict[IterType, set[Var]] = {IterType.SPATIAL: set(), IterType.REDUCE: set()}
        for iter_var, value in bindings:
            axes[iter_var.iter_type].update(variables(value))
        return axes[IterType.SPATIAL] & axes[IterType.REDUCE]

    # What is named drives, or is named in vain; the latter takes longer to find out.
    mixed = shared(free_vars) and shared(partial(drivers, block))
    if len(mixed) == 1 and not mixed & set(free_vars(realize.predicate)):
        return
    for loop in loops:
        require(
            loop.stmt.loop_var not in mixed,
            "{0} drives both spatial and reduce axes of {1}, whose init would no longer come before all updates",
            loop,
            block,
            hint="decompose_reduction first, or reorder before fusing spatial with reduce loops",
        )


def _chain(loops: tuple[LoopSRef, ...]) -> list[LoopSRef]:
    """The loops from the outermost to the innermost of `loops`, each the whole body of the one before."""
    deepest = max(loops, key=lambda loop: len(loop.ancestors()))
    chain: list[LoopSRef] = [deepest]
    missing = {loop for loop in loops if loop is not deepest}
    for above in deepest.ancestors():
        if not missing:
            break
        if not isinstance(above, LoopSRef):
            break
        missing.discard(above)
        chain.append(above)
    if missing:
        require(
            False,
            "{0} and {1} are not in one nest: neither lies inside the other within one block",
            deepest,
            next(iter(missing)),
            hint="give loops of one block, as get_loops lists them",
        )
    chain.reverse()
    for outer, inner in pairwise(chain):
        require(
            outer.stmt.body is inner.stmt,
            "there is more than {1} inside of {0}, so the loops between them cannot change places",
            outer,
            inner,
            hint="move the other statements away first, as by compute_at or decompose_reduction",
        )
    return chain


@primitive
def add_unit_loop(s: State, block_or_loop: BlockSRef | LoopSRef) -> LoopSRef:
    """Put a loop of extent 1 around a block or loop.

    before:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
            for i in range(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = A[vi] * T.float32(2)
    step:
        sch.add_unit_loop(sch.get_block("B"))
    after:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
            for i, u in T.grid(16, 1):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = A[vi] * T.float32(2)
    """
    require(block_or_loop.parent is not None, "{0} is the root block, around which there is no loop", block_or_loop)
    inner: Stmt
    if isinstance(block_or_loop, BlockSRef):
        inner = s.realize(block_or_loop)
    else:
        inner = block_or_loop.stmt
    new = For(Var("u"), const(0), const(1), ForKind.SERIAL, inner)
    s.replace(block_or_loop, new)
    return nest_refs(s, new, 1)[0]
