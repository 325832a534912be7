"""Access regions: as TVM finds them, and never less than what the loops touch."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorir.tir.analysis.access import block_access_regions
from tensorir.tir.analysis.scope import root_scope
from tensorir.tir.arith import Analyzer
from tensorir.tir.buffer import Buffer, BufferLoad, BufferRegion, MatchBufferRegion, Range, decl_buffer
from tensorir.tir.expr import Call, Expr, Ramp, Select, Var, as_expr, const
from tensorir.tir.op import OPS, call
from tensorir.tir.stmt import Block, BlockRealize, BufferStore, Evaluate, IterType, IterVar, Stmt, loop, seq
from tensorir.tir.visit import substitute

from .programs import program


def block(axes: dict[Var, tuple[int, str]], body: Stmt, **fields: object) -> Block:
    iter_vars = tuple(IterVar(Range(const(0), const(n)), v, IterType(kind)) for v, (n, kind) in axes.items())
    return Block(iter_vars, fields.pop("reads", ()), fields.pop("writes", ()), "B", body, **fields)


def text(regions: tuple[BufferRegion, ...]) -> dict[str, str]:
    return {r.buffer.name: ", ".join(f"{show(x.min)}+{show(x.extent)}" for x in r.region) for r in regions}


def show(e: Expr) -> str:
    if isinstance(e, Var):
        return e.name
    if hasattr(e, "value") and not e.children():
        return str(e.value)
    if isinstance(e, BufferLoad):
        return f"{e.buffer.name}[{', '.join(map(show, e.indices))}]"
    return f"({show(e.a)} {e.symbol or type(e).__name__} {show(e.b)})"


def buffer(name: str, *shape: object) -> Buffer:
    return decl_buffer(shape, "float32", name)


I, J, K = (Var(name) for name in ("vi", "vj", "vk"))
A, B, C = buffer("A", 128, 128), buffer("B", 128, 128), buffer("C", 128, 128)


def test_a_reduction_does_not_read_what_it_writes() -> None:
    update = BufferStore(C, C[I, J] + A[I, K] * B[J, K], (I, J))
    axes = {I: (128, "spatial"), J: (128, "spatial"), K: (128, "reduce")}
    reads, writes = block_access_regions(block(axes, update, init=BufferStore(C, const(0.0), (I, J))))
    assert text(reads) == {"A": "vi+1, vk+1", "B": "vj+1, vk+1"}
    assert text(writes) == {"C": "vi+1, vj+1"}


def test_without_an_init_it_does() -> None:
    update = BufferStore(C, C[I, J] + A[I, K], (I, J))
    reads, _ = block_access_regions(block({I: (128, "S"[:0] + "spatial"), J: (8, "spatial"), K: (8, "reduce")}, update))
    assert text(reads) == {"C": "vi+1, vj+1", "A": "vi+1, vk+1"}


def test_inner_loops_are_relaxed_and_accesses_united() -> None:
    x, y = Var("x"), Var("y")
    body = loop(x, 4, loop(y, 8, BufferStore(C, A[I * 4 + x, J * 8 + y] + A[I * 4 + x + 2, J * 8], (I * 4 + x, J))))
    reads, writes = block_access_regions(block({I: (32, "spatial"), J: (16, "spatial")}, body))
    assert text(reads) == {"A": "(vi * 4)+6, (vj * 8)+8"}
    assert text(writes) == {"C": "(vi * 4)+4, vj+1"}


def test_a_unit_iterator_stays_itself() -> None:
    reads, _ = block_access_regions(block({I: (1, "spatial")}, BufferStore(C, A[I, I], (I, I))))
    assert text(reads) == {"A": "vi+1, vi+1"}


def test_loads_in_indices_are_read_and_stay_indices() -> None:
    index = decl_buffer((128,), "int32", "index")
    reads, _ = block_access_regions(block({I: (128, "spatial")}, BufferStore(C, A[index[I], I], (I, I))))
    assert text(reads) == {"A": "index[vi]+1, vi+1", "index": "vi+1"}


def test_an_index_that_cannot_be_bounded_takes_the_dimension() -> None:
    index, x = decl_buffer((128,), "int32", "index"), Var("x")
    body = loop(x, 4, BufferStore(C, A[index[x], I], (I, x)))
    reads, writes = block_access_regions(block({I: (128, "spatial")}, body))
    assert text(reads) == {"A": "0+128, vi+1", "index": "0+4"}
    assert text(writes) == {"C": "vi+1, 0+4"}


def test_vectors_take_their_lanes() -> None:
    lanes = Ramp(J * 4, const(1), 4)
    reads, writes = block_access_regions(
        block({I: (128, "spatial"), J: (32, "spatial")}, BufferStore(C, A[I, lanes], (I, lanes)))
    )
    assert text(reads) == {"A": "vi+1, (vj * 4)+4"}
    assert text(writes) == {"C": "vi+1, (vj * 4)+4"}


def test_guarded_accesses_are_not_clipped() -> None:
    guarded = call("if_then_else", I >= 1, A[I - 1, J], const(0.0))
    reads, _ = block_access_regions(block({I: (128, "spatial"), J: (8, "spatial")}, BufferStore(C, guarded, (I, J))))
    assert text(reads) == {"A": "(vi - 1)+1, vj+1"}


def test_pointers_take_whole_buffers() -> None:
    extern = Evaluate(Call(as_expr(0).dtype, OPS["call_extern"], (A.data, call("address_of", B[I, 0]))))
    reads, writes = block_access_regions(block({I: (128, "spatial")}, seq(extern, BufferStore(C, A[0, 0], (I, I)))))
    assert text(reads) == {"A": "0+128, 0+128", "B": "0+128, 0+128"}
    assert text(writes) == {"A": "0+128, 0+128", "B": "0+128, 0+128", "C": "vi+1, vi+1"}


def test_nested_blocks_count_as_declared() -> None:
    u, v, x = Var("u"), Var("v"), Var("x")
    local = buffer("local", 4)
    inner = block(
        {u: (128, "spatial"), v: (128, "spatial")},
        BufferStore(C, A[u, v], (u, v)),
        reads=(A[u, v : v + 2], local[0:4]),
        writes=(C[u, v : v + 1],),
        alloc_buffers=(local,),
    )
    body = loop(x, 4, BlockRealize((I, J * 4 + x), const(True), inner))
    reads, writes = block_access_regions(block({I: (128, "spatial"), J: (32, "spatial")}, body))
    assert text(reads) == {"A": "vi+1, (vj * 4)+5"}
    assert text(writes) == {"C": "vi+1, (vj * 4)+4"}


def test_a_view_counts_as_what_it_views() -> None:
    view, x = buffer("view", 4, 4), Var("x")
    match = MatchBufferRegion(view, A[I * 4 : I * 4 + 4, 8:12])
    body = loop(x, 4, BufferStore(C, view[x, 1] + Select(I > 0, view[0, x], const(0.0)), (I, x)))
    reads, _ = block_access_regions(block({I: (32, "spatial")}, body, match_buffers=(match,)))
    assert text(reads) == {"A": "(vi * 4)+4, 8+4"}


@st.composite
def bodies(draw: Any) -> tuple[list[str], list[str], tuple[str, str], str]:
    """(indices loaded, indices stored, extents of two inner loops, guard) of a block's body, as text."""
    names = ("vi", "vj", "x", "y")

    def index() -> str:
        terms = [f"{draw(st.sampled_from(names))} * {draw(st.integers(0, 3))}" for _ in range(draw(st.integers(1, 2)))]
        total = " + ".join([*terms, str(draw(st.integers(0, 3)))])
        kind = draw(st.integers(0, 5))
        if kind == 0:
            return f"({total}) // {draw(st.integers(1, 4))}"
        return f"({total}) % {draw(st.integers(1, 6))}" if kind == 1 else total

    loads = [index() for _ in range(draw(st.integers(1, 2)))]
    extents = str(draw(st.integers(1, 4))), draw(st.sampled_from(("3", "x + 1", "vi + 1")))
    guard = draw(st.sampled_from(("x < 100", "x + y < 3", "vi + x < 4")))
    return loads, [index()], extents, guard


def check_covers(case: Any) -> None:
    loads, stores, extents, guard = case
    value = " + ".join(f"A[{load}]" for load in loads)
    func = program(
        f"""
for i, j in T.grid(4, 4):
    with T.block("x"):
        vi, vj = T.axis.remap("SS", [i, j])
        for x in range({extents[0]}):
            for y in range({extents[1]}):
                if {guard}:
                    C[{stores[0]}] = {value}
""",
        "A: T.Buffer((64,)), C: T.Buffer((64,))",
    )
    scope = root_scope(func)
    assert scope is not None
    block_ = scope.children[0].block
    reads, writes = block_access_regions(block_)
    variables = [iv.var for iv in block_.iter_vars]
    for vi, vj in itertools.product(range(4), repeat=2):
        at = dict(zip(variables, map(const, (vi, vj))))
        for region, texts in ((reads[0], loads), (writes[0], stores)):
            touched = set()
            for x in range(eval(extents[0])):
                for y in range(eval(extents[1], {}, {"x": x, "vi": vi})):
                    names = {"vi": vi, "vj": vj, "x": x, "y": y}
                    if eval(guard, {}, names):
                        touched |= {eval(text, {}, names) for text in texts}
            low, extent = (
                Analyzer().simplify(substitute(e, at)) for e in (region.region[0].min, region.region[0].extent)
            )
            assert all(low.value <= t < low.value + extent.value for t in touched), (vi, vj)
            # No looser than the ends of the sweep where nothing is guarded, wrapped around or in two places.
            if guard == "x < 100" and len(texts) == 1 and "%" not in texts[0] and "//" not in texts[0]:
                assert extent.value <= max(touched) - min(touched) + 1 or extents[1] == "x + 1"


@given(bodies())
@settings(max_examples=100, deadline=None)
def test_regions_cover_what_is_touched(case: Any) -> None:
    check_covers(case)


@pytest.mark.fuzz
@given(bodies())
@settings(max_examples=5_000, deadline=None, database=None)
def test_regions_cover_what_is_touched_long(case: Any) -> None:
    check_covers(case)


def test_an_index_computed_in_the_block_reaches_everywhere() -> None:
    at = decl_buffer((16,), "int32", "X")
    inside = seq(BufferStore(at, I * 2, (I,)), BufferStore(C, A[at[I], J], (I, J)))
    axes = {I: (16, "spatial"), J: (128, "spatial")}
    reads, _ = block_access_regions(block(axes, inside))
    assert text(reads) == {"A": "0+128, vj+1", "X": "vi+1"}
    reads, writes = block_access_regions(block(axes, inside, alloc_buffers=(at,)))
    assert text(reads) == {"A": "0+128, vj+1"}
    assert text(writes) == {"C": "vi+1, vj+1"}
    reads, _ = block_access_regions(block(axes, BufferStore(C, A[at[I], J], (I, J))))
    assert text(reads)["A"] == "X[vi]+1, vj+1"
