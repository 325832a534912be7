"""Primitives that replace a computation by an intrinsic: tensorize."""

from __future__ import annotations

from functools import partial
from itertools import zip_longest
from typing import Any

from ...tir.arith.analyzer import Analyzer
from ...tir.buffer import BufferRegion, MatchBufferRegion, Range
from ...tir.errors import UserError, said
from ...tir.node import Node
from ...tir.stmt import Block
from ...tir.tensor_intrin import TensorIntrin, body_block
from ...tir.visit import fresh
from ..errors import refusal, require
from ..matching import Matcher, Mismatch
from ..primitive import primitive
from ..remedies import remedy
from ..rewrite import bind_loops
from ..sref import BlockSRef, LoopSRef
from ..state import State
from ..trace import CODECS, Codec
from .blockize import blockize


class SideBySide:
    """Two programs in columns, with carets under a node of each; rendered by `str`."""

    def __init__(self, ours: Node, mine: Node, theirs: Node, other: Node) -> None:
        self.columns = (("the program", ours, mine), ("the intrinsic", theirs, other))

    def __str__(self) -> str:
        from ...script.messages import render

        texts = []
        for title, root, node in self.columns:
            marked = render(root).underline([node], context=None, most=1, numbers=False)
            texts.append([title, "", *marked.splitlines()])
        width = max(map(len, texts[0]))
        rows = zip_longest(*texts, fillvalue="")
        return "\n".join(f"    {left:{width}} | {right}".rstrip() for left, right in rows)


def _found(s: State, given: dict[str, Any]) -> dict[str, Any]:
    intrin = given["tensor_intrin"]
    require(
        isinstance(intrin, (str, TensorIntrin)),
        f"tensor_intrin is the name of an intrinsic or a TensorIntrin, got {said(intrin)}",
    )
    registered = isinstance(intrin, TensorIntrin) and TensorIntrin.registry.get(intrin.name) is intrin
    return {"tensor_intrin": intrin.name if registered else intrin}


@primitive(prepare=_found)
def tensorize(
    s: State,
    block_or_loop: BlockSRef | LoopSRef,
    *,
    tensor_intrin: str | TensorIntrin,
    preserve_unit_iters: bool = True,
) -> None:
    """Let an intrinsic compute what a block, or all below a loop, computes.

    Parameters
    ----------
    block_or_loop: a block that contains what the intrinsic's description has inside of its block (as `blockize` makes
        it), or a loop, which is blockized.
    tensor_intrin: the name of a registered `TensorIntrin`, or one.

    before:
        @T.prim_func
        def main(A: T.Buffer((16, 8), "float32"), B: T.Buffer((16, 8), "float32")):
            for i, j in T.grid(16, 8):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = A[vi, vj] * T.float32(2)
    step:
        twice = tensorir.parse('''
        @T.prim_func
        def twice(a: T.handle, b: T.handle):
            A = T.match_buffer(a, (8,), "float32")
            B = T.match_buffer(b, (8,), "float32")
            with T.block("root"):
                T.reads(A[0:8])
                T.writes(B[0:8])
                for i in range(8):
                    with T.block("twice"):
                        vi = T.axis.spatial(8, i)
                        B[vi] = A[vi] * T.float32(2)
        ''')
        added = tensorir.parse('''
        @T.prim_func
        def added(a: T.handle, b: T.handle):
            A = T.match_buffer(a, (8,), "float32", offset_factor=1)
            B = T.match_buffer(b, (8,), "float32", offset_factor=1)
            with T.block("root"):
                T.reads(A[0:8])
                T.writes(B[0:8])
                B[T.ramp(0, 1, 8)] = A[T.ramp(0, 1, 8)] + A[T.ramp(0, 1, 8)]
        ''')
        sch.tensorize(sch.get_loops("B")[1], tensorir.TensorIntrin(twice, added))
    after:
        @T.prim_func
        def main(A: T.Buffer((16, 8), "float32"), B: T.Buffer((16, 8), "float32")):
            for i in range(16):
                with T.block("B_o"):
                    vi_o = T.axis.spatial(16, i)
                    vj_o = T.axis.spatial(1, 0)
                    T.reads(A[vi_o, 0:8])
                    T.writes(B[vi_o, 0:8])
                    A_1 = T.match_buffer(A[vi_o, 0:8], (8,), "float32", offset_factor=1)
                    B_1 = T.match_buffer(B[vi_o, 0:8], (8,), "float32", offset_factor=1)
                    B_1[T.ramp(0, 1, 8)] = A_1[T.ramp(0, 1, 8)] + A_1[T.ramp(0, 1, 8)]
    """
    try:
        intrin = TensorIntrin.get(tensor_intrin) if isinstance(tensor_intrin, str) else tensor_intrin
    except UserError as error:
        raise refusal("{0}", str(error)) from None
    asked = block_or_loop.stmt
    block = block_or_loop if isinstance(block_or_loop, BlockSRef) else _blockized(s, block_or_loop, preserve_unit_iters)
    desc, impl = body_block(intrin.desc), body_block(intrin.impl)
    assert desc is not None
    assert impl is not None
    matcher = Matcher(block.stmt, desc, bind_loops(Analyzer(), block, own=True))
    try:
        matcher.match()
    except Mismatch as found:
        raise refusal(
            "{0} does not compute what the intrinsic `{1}` does: {2}\n\n{3}\n",
            asked,
            intrin.name or intrin.desc.name,
            found.reason,
            SideBySide(block.stmt.body, found.ours, desc.body, found.theirs),
            hint=partial(remedy, block.stmt, desc, matcher.an, found),
        ) from None
    s.replace(block, _implemented(block.stmt, intrin, matcher, impl))


def _blockized(s: State, loop: LoopSRef, preserve_unit_iters: bool) -> BlockSRef:
    return blockize(s, loop, preserve_unit_iters=preserve_unit_iters)


def _implemented(block: Block, intrin: TensorIntrin, matcher: Matcher, impl: Block) -> Block:
    """The block with the intrinsic as its body, written over views of the program's buffers."""
    own = fresh(intrin.impl.root.replace(match_buffers=_views(matcher, intrin)))  # type: ignore[union-attr]
    body = own if impl is intrin.impl.root else own.body.block
    views = {view.buffer: view.source for view in own.match_buffers}

    def moved(regions: tuple[BufferRegion, ...]) -> tuple[BufferRegion, ...]:
        return tuple(_through(views[r.buffer], r, matcher.an) for r in regions)

    writes = moved(body.writes)
    written = {w.buffer for w in writes} if block.init is not None else set()
    return block.replace(
        body=body.body,
        reads=tuple(r for r in moved(body.reads) if r.buffer not in written),
        writes=writes,
        alloc_buffers=block.alloc_buffers + body.alloc_buffers,
        match_buffers=(*block.match_buffers, *own.match_buffers, *(m for m in body.match_buffers if body is not own)),
        annotations=block.annotations,
    )


def _views(matcher: Matcher, intrin: TensorIntrin) -> tuple[MatchBufferRegion, ...]:
    """Views of the program's buffers for the implementation's parameters."""
    pairs = zip(intrin.desc.buffers, intrin.impl.buffers, strict=True)
    return tuple(MatchBufferRegion(b, matcher.source(a, b.shape)) for a, b in pairs if a in matcher.buffers)


def _through(source: BufferRegion, region: BufferRegion, an: Analyzer) -> BufferRegion:
    """What a region of a view is in the buffer viewed."""
    lead = len(source.region) - len(region.region)
    ranges = [
        Range(an.simplify(outer.min + r.min), r.extent)
        for outer, r in zip(source.region[lead:], region.region, strict=True)
    ]
    return BufferRegion(source.buffer, (*source.region[:lead], *ranges))


def _encode(intrin: TensorIntrin) -> list[str]:
    return [intrin.name, intrin.desc.script(), intrin.impl.script()]


def _decode(data: list[str]) -> TensorIntrin:
    from ...script.parser import parse

    name, desc, impl = data
    return TensorIntrin(parse(desc), parse(impl), name)  # type: ignore[arg-type]


def _python(intrin: TensorIntrin) -> str:
    parts = [f"tensorir.parse({f.script()!r})" for f in (intrin.desc, intrin.impl)]
    return f"tensorir.TensorIntrin({', '.join(parts)}, {intrin.name!r})"


CODECS["intrin"] = Codec(TensorIntrin, _encode, _decode, _python)
