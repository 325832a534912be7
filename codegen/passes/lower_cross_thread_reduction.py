"""Turns a reduction whose loops are bound to threads into parts, one a thread, and what brings the parts together."""

from __future__ import annotations

from dataclasses import dataclass

from ...tir.analysis.reducers import Combiner, combiner
from ...tir.arith import Analyzer
from ...tir.buffer import Buffer, BufferLoad, BufferRegion, Range, decl_buffer
from ...tir.dtype import VOID
from ...tir.errors import LowerError, ScheduleError
from ...tir.expr import TRUE, Call, CommReducer, Expr, Select, Var, all_of, const, same_expr
from ...tir.function import PrimFunc
from ...tir.op import OPS
from ...tir.stmt import (
    Allocate,
    AttrStmt,
    Block,
    BlockRealize,
    BufferStore,
    Evaluate,
    For,
    IterType,
    Stmt,
    seq,
)
from ...tir.visit import Rewriter, free_vars, fresh, substitute
from ..target import Target
from .kernels import THREAD_AXES, is_bound
from .thread_axes import require_distinct_axes
from .thread_reductions import FOR_ALL, FOR_FIRST, SCOPE


def lower_cross_thread_reduction(func: PrimFunc, target: Target) -> PrimFunc:
    """Let each thread reduce its part into a register, all of them the parts (`T.tvm_thread_allreduce`), one store it.

    A block `C` whose reducing loops are partly bound to `threadIdx` axes becomes `C_in_thread_init`, `C_in_thread`
    (where there are reducing loops that are not bound), `C_cross_thread` and `C_write_back`.

    Raises
    ------
    LowerError: the reduction is of no known form, or loops of other axes stand inside of its loops; one of its loops
    decides which element is reduced to as well; two loops around one computation are bound to one axis.
    """
    if not target.is_gpu:
        return func
    require_distinct_axes(func)
    return _Lower(func)(func)


_MORE = "{0} holds more than the reduction {1}, whose loops are bound to threads"


class _Lower(Rewriter):
    def __init__(self, func: PrimFunc) -> None:
        self.func = func
        self.loops: list[For] = []
        self.found: dict[For, _Reduction] = {}

    def visit_for(self, node: For) -> Stmt:
        self.loops.append(node)
        out = node.map_children(self)
        self.loops.pop()
        found = self.found.pop(node, None)
        return out if found is None else found.lowered()

    def visit_block_realize(self, node: BlockRealize) -> Stmt:
        reduction = self.reduction(node)
        if reduction is None:
            outer, self.loops = self.loops, []
            out = node.map_children(self)
            self.loops = outer
            return out
        self.found[reduction.loops[0]] = reduction
        return node

    def reduction(self, node: BlockRealize) -> _Reduction | None:
        """What is to be lowered where `node` is a reduction across threads."""
        reducing: set[Var] = set()
        for iv, value in zip(node.block.iter_vars, node.iter_values):
            if iv.iter_type is IterType.REDUCE:
                reducing |= set(free_vars(value))
        across = [n for n in self.loops if is_bound(n) and n.thread_binding in THREAD_AXES and n.loop_var in reducing]
        if not across:
            return None
        first = next(k for k, n in enumerate(self.loops) if n.loop_var in reducing)
        inner = self.loops[first:]
        for k, loop in enumerate(inner):
            if k + 1 < len(inner) and loop.body is not inner[k + 1]:
                self.refuse(_MORE, loop, node.block)
            if loop.loop_var not in reducing and not is_bound(loop):
                self.refuse("{0} is inside of the loops that the reduction {1} has across threads", loop, node.block)
        if inner[-1].body is not node:
            self.refuse(_MORE, inner[-1], node.block)
        try:
            combined = combiner(node.block)
        except ScheduleError as error:
            raise LowerError(error.template, *error.nodes, root=self.func, hint=error.hint) from None
        if node.block.init is None and any(isinstance(e, Select) for e in combined.combined):
            raise LowerError(
                "{0}, whose loop {1} is bound to threads, has no init, so it is not known what a thread starts from "
                "whose choice is to change nothing",
                node.block,
                across[0],
                root=self.func,
                hint="keep the init in the block: leave out decompose_reduction, which lowering does by itself",
            )
        return _Reduction(self.one_element(node, inner, reducing), inner, across, combined)

    def one_element(self, node: BlockRealize, inner: list[For], reducing: set[Var]) -> BlockRealize:
        """`node` with its spatial iterators free of the loops that reduce: all of their iterations give one element."""
        analyzer = Analyzer()
        for loop in self.loops:
            analyzer.bind(loop.loop_var, loop.range)
        values = tuple(
            value if iv.iter_type is IterType.REDUCE else analyzer.simplify(value)
            for iv, value in zip(node.block.iter_vars, node.iter_values)
        )
        for iv, value in zip(node.block.iter_vars, values):
            both = [n for n in inner if n.loop_var in reducing and n.loop_var in free_vars(value)]
            if iv.iter_type is not IterType.REDUCE and both:
                raise LowerError(
                    "{0} is a loop of the reduction {1}, which has loops bound to threads, but decides as well which "
                    f"element is reduced to: {iv.var.name} = {value}",
                    both[0],
                    node.block,
                    root=self.func,
                    hint="bind threads to a loop over reduction iterators alone: fuse those apart from the others",
                )
        return node.replace(iter_values=values)

    def refuse(self, message: str, *nodes: object) -> None:
        raise LowerError(
            message, *nodes, root=self.func,
            hint="reorder the loops so that those of the reduction are innermost, or reduce by rfactor first",
        )  # fmt: skip


@dataclass
class _Reduction:
    """A reduction across threads.

    Attributes
    ----------
    loops: those of the reduction and inside of it, outermost first. across: those bound to threads and reducing.
    """

    realize: BlockRealize
    loops: list[For]
    across: list[For]
    combined: Combiner

    def lowered(self) -> Stmt:
        """The loops bound to threads around the parts, their reduction and the store."""
        made = self.combined
        serial = [n for n in self.loops if not is_bound(n)]
        totals = [_register(f"cross_thread_{s.buffer.name}", s.buffer) for s in made.stores]
        parts = [_register(f"in_thread_{s.buffer.name}", s.buffer) for s in made.stores] if serial else []
        steps = [*self.in_thread(parts, serial)] if serial else []
        body = seq(*steps, self.cross_thread(parts, totals), self.write_back(totals))
        for buffer in (*totals, *parts):
            body = Allocate(buffer, body)
        for loop in reversed(self.loops):
            if is_bound(loop):
                body = loop.replace(body=body)
        return body

    @property
    def name(self) -> str:
        return self.realize.block.name_hint

    def in_thread(self, parts: list[Buffer], serial: list[For]) -> list[Stmt]:
        """Each thread's part, from what contributes nothing."""
        made, block = self.combined, self.realize.block
        at = (const(0),)
        start = seq(*(BufferStore(b, unit, at) for b, unit in zip(parts, made.units)))
        init = BlockRealize((), TRUE, Block((), (), tuple(map(_all, parts)), f"{self.name}_in_thread_init", start))
        update = made.update(parts, [at] * len(parts), made.values)
        reads = (*map(_all, parts), *(r for r in block.reads if r.buffer not in self.targets))
        kept = block.replace(
            init=None,
            reads=reads,
            writes=tuple(map(_all, parts)),
            body=update,
            name_hint=f"{self.name}_in_thread",
            iter_vars=tuple(iv for iv in block.iter_vars),
        )
        copied = fresh(BlockRealize(self.realize.iter_values, self.realize.predicate, kept))
        body: Stmt = copied
        for loop in reversed(serial):
            body = loop.replace(body=body)
        return [init, fresh(body) if serial else body]

    @property
    def own(self) -> bool:
        """Whether each thread has memory of its own for the total."""
        return all(s.buffer.scope == "local" for s in self.combined.stores)

    @property
    def targets(self) -> set[Buffer]:
        return {s.buffer for s in self.combined.stores}

    def cross_thread(self, parts: list[Buffer], totals: list[Buffer]) -> Stmt:
        """All parts together, in a register of each thread."""
        made, at = self.combined, (const(0),)
        condition: Expr = TRUE
        reads: tuple[BufferRegion, ...] = tuple(map(_all, parts))
        if parts:
            values: list[Expr] = [BufferLoad(b, at) for b in parts]
        else:
            bound = {iv.var: v for iv, v in zip(self.realize.block.iter_vars, self.realize.iter_values)}
            values = [substitute(v, bound) for v in made.values]
            condition = self.realize.predicate
            regions = (r for r in self.realize.block.reads if r.buffer not in self.targets)
            reads = tuple(substitute(r, bound) for r in regions)
        results = [BufferLoad(b, at) for b in totals]
        axes = [n.loop_var for n in self.across]
        call = Call(VOID, OPS["tvm_thread_allreduce"], (const(len(values)), *values, condition, *results, *axes))
        reducer = CommReducer(made.left, made.right, made.combined, made.units)
        body = AttrStmt(reducer, SCOPE, const(FOR_ALL if self.own else FOR_FIRST), Evaluate(call))
        block = Block((), reads, tuple(map(_all, totals)), f"{self.name}_cross_thread", body)
        return BlockRealize((), TRUE, block)

    def write_back(self, totals: list[Buffer]) -> Stmt:
        """The store of the total, by the first thread, or by all where each has memory of its own."""
        made, block, at = self.combined, self.realize.block, (const(0),)
        spatial = [
            (iv, value)
            for iv, value in zip(block.iter_vars, self.realize.iter_values)
            if iv.iter_type is not IterType.REDUCE
        ]
        loads: list[Expr] = [BufferLoad(b, at) for b in totals]
        if block.init is None:
            body: Stmt = made.update([s.buffer for s in made.stores], [s.indices for s in made.stores], loads)
        else:
            body = seq(*(BufferStore(s.buffer, v, s.indices) for s, v in zip(made.stores, self.from_init(loads))))
        first = TRUE if self.own else all_of(*(n.loop_var == n.min for n in self.across))
        kept = block.replace(
            iter_vars=tuple(iv for iv, _ in spatial),
            reads=tuple(map(_all, totals)) + (block.writes if block.init is None else ()),
            init=None,
            body=body,
            name_hint=f"{self.name}_write_back",
        )
        predicate = all_of(first, _without(self.realize.predicate, {n.loop_var for n in self.loops if not is_bound(n)}))
        return fresh(BlockRealize(tuple(v for _, v in spatial), predicate, kept))

    def from_init(self, totals: list[Expr]) -> list[Expr]:
        """The totals combined with what the init says, unless that contributes nothing."""
        init = self.realize.block.init
        stores = (init,) if isinstance(init, BufferStore) else init.children() if init is not None else ()
        begin = {s.buffer: s.value for s in stores if isinstance(s, BufferStore)}
        values = [begin[s.buffer] for s in self.combined.stores]
        if all(same_expr(v, unit) for v, unit in zip(values, self.combined.units)):
            return totals
        operands: dict[Var, Expr] = dict(zip(self.combined.left, values)) | dict(zip(self.combined.right, totals))
        return [substitute(e, operands) for e in self.combined.combined]


def _without(predicate: Expr, gone: set[Var]) -> Expr:
    """The parts of a conjunction that do not speak of the variables `gone`, which belong to the reduction."""
    from ...tir.expr import And

    if isinstance(predicate, And):
        return all_of(_without(predicate.a, gone), _without(predicate.b, gone))
    return TRUE if gone & free_vars(predicate).keys() else predicate


def _register(name: str, like: Buffer) -> Buffer:
    return decl_buffer((1,), like.dtype, name, scope="local")


def _all(buffer: Buffer) -> BufferRegion:
    return BufferRegion(buffer, (Range(const(0), const(1)),))
