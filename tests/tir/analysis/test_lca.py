"""The place of a buffer: around all its accesses, outside of the loops of a reduction that fills it."""

from __future__ import annotations

from tensorir.tir.analysis.lca import buffer_lca
from tensorir.tir.buffer import Buffer, MatchBufferRegion, Range, decl_buffer
from tensorir.tir.dtype import HANDLE
from tensorir.tir.expr import Call, Var, as_expr, const
from tensorir.tir.function import PrimFunc
from tensorir.tir.op import OPS
from tensorir.tir.stmt import (
    Block,
    BlockRealize,
    BufferStore,
    DeclBuffer,
    Evaluate,
    IterType,
    IterVar,
    Stmt,
    loop,
    seq,
)


def func(body: Stmt, *buffers: Buffer) -> PrimFunc:
    params = tuple(Var(b.name, HANDLE) for b in buffers)
    return PrimFunc(params, dict(zip(params, buffers)), body)


def realize(value: Var, body: Stmt, kind: str = "spatial", **fields: object) -> tuple[BlockRealize, Var]:
    v = Var("v")
    block = Block((IterVar(Range(const(0), const(8)), v, IterType(kind)),), (), (), "b", body, **fields)
    return BlockRealize((value,), const(True), block), v


ZERO = const(0)
A, L = decl_buffer((8,), name="A"), decl_buffer((8,), name="L", scope="local")
i, j, k = Var("i"), Var("j"), Var("k")


def test_the_lowest_loop_around_all_accesses() -> None:
    write, read = loop(j, 8, BufferStore(L, const(1.0), (j,))), loop(k, 8, BufferStore(A, L[k], (k,)))
    outer = loop(i, 8, seq(write, read))
    assert buffer_lca(func(outer, A)) == {A: read, L: outer}


def test_nothing_around_all_is_the_function() -> None:
    body = seq(loop(j, 8, BufferStore(L, const(1.0), (j,))), loop(k, 8, BufferStore(A, L[k], (k,))))
    assert buffer_lca(func(body, A))[L] is None


def test_a_block_is_a_place() -> None:
    inner, _ = realize(i, seq(BufferStore(L, const(1.0), (ZERO,)), BufferStore(A, L[0], (ZERO,))))
    assert buffer_lca(func(loop(i, 8, inner), A))[L] is inner.block


def test_a_reduction_lifts_what_it_writes() -> None:
    update, _ = realize(k, BufferStore(L, L[0] + 1.0, (ZERO,)), "reduce")
    update = update.replace(block=update.block.replace(writes=(L[0:1],)))
    read = BufferStore(A, L[0], (ZERO,))
    inner = loop(k, 8, seq(update, read))
    outer = loop(i, 8, inner)
    assert buffer_lca(func(outer, A))[L] is outer


def test_pointers_and_aliases_are_accesses() -> None:
    alias = decl_buffer((8,), data=L.data, name="alias")
    extern = Evaluate(Call(as_expr(0).dtype, OPS["call_extern"], (L.data,)))
    first, second = loop(j, 8, extern), loop(k, 8, BufferStore(alias, const(1.0), (k,)))
    outer = loop(i, 8, DeclBuffer(alias, seq(first, second)))
    assert buffer_lca(func(outer, L))[L] is outer


def test_a_view_counts_for_what_it_views() -> None:
    view = decl_buffer((4,), name="view")
    inner, v = realize(i, BufferStore(view, const(1.0), (ZERO,)))
    block = inner.block.replace(match_buffers=(MatchBufferRegion(view, L[v : v + 4]),))
    found = buffer_lca(func(loop(i, 8, inner.replace(block=block))))
    assert found == {L: block}
