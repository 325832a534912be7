"""Dependences between blocks and between turns of a loop; what is called independent is, by enumeration."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorir.tir.analysis.dependence import DepKind, carried_dependence, consumers, dependences, producers
from tensorir.tir.analysis.scope import root_scope
from tensorir.tir.arith import Analyzer
from tensorir.tir.expr import IntImm
from tensorir.tir.visit import substitute

from .programs import MATMUL, TWO_STAGES, loop, named, program, scope


def edges(found) -> set[tuple[str, str, str]]:
    return {(d.kind.name, d.src.block.name_hint, d.dst.block.name_hint) for d in found}


def test_kinds_of_dependence() -> None:
    text = """
for i in range(16):
    with T.block("a"):
        vi = T.axis.spatial(16, i)
        B[vi, 0] = A[vi, 0]
for i in range(16):
    with T.block("b"):
        vi = T.axis.spatial(16, i)
        C[vi, 0] = B[vi, 0]
for i in range(16):
    with T.block("c"):
        vi = T.axis.spatial(16, i)
        B[vi, 0] = A[vi, 1]
"""
    found = scope(text)
    assert edges(dependences(found)) == {("RAW", "a", "b"), ("WAW", "a", "c"), ("WAR", "b", "c")}
    assert [c.block.name_hint for c in producers(found, named(found, "b"))] == ["a", "c"]
    assert [c.block.name_hint for c in consumers(found, named(found, "a"))] == ["b"]


def test_regions_that_do_not_meet_do_not_depend() -> None:
    text = """
for i in range(8):
    with T.block("low"):
        vi = T.axis.spatial(8, i)
        B[vi, 0] = A[vi, 0]
for i in range(8):
    with T.block("high"):
        vi = T.axis.spatial(8, i)
        B[vi + 8, 0] = A[vi, 0]
for i in range(8):
    with T.block("use"):
        vi = T.axis.spatial(8, i)
        C[vi, 0] = B[vi + 8, 0]
"""
    found = scope(text)
    assert edges(dependences(found)) == {("WAW", "low", "high"), ("RAW", "low", "use"), ("RAW", "high", "use")}
    assert edges(dependences(found, exact=True)) == {("RAW", "high", "use")}


def carried(text: str, block: str, var: str, **options: bool) -> str | None:
    found = scope(text)
    dependence = carried_dependence(found, loop(found, block, var), **options)
    return None if dependence is None else str(dependence)


def test_a_reduction_is_carried_by_its_loop_alone() -> None:
    assert carried(MATMUL, "C", "i") is None
    assert carried(MATMUL, "C", "j") is None
    assert carried(MATMUL, "C", "k", reductions=False) is None
    assert carried(MATMUL, "C", "k") == (
        "turns of loop `k` (range(0, 16)) meet: block `C` writes C[0, 0] at k = 0 and block `C` writes it at k = 1"
    )


INDEPENDENT = [
    "C[vi * 4 + vj, 0] = A[vi, vj]",
    "C[vi, vj] = A[15 - vi, vj]",
    "C[15 - vi, vj] = A[vi, vj]",
    "C[vi, vj] = C[vi, vj] + A[vi, vj]",
    "C[(vi * 4 + vj) // 8, (vi * 4 + vj) % 8] = A[vi, vj]",
    "C[vi // 2, vi % 2 * 4 + vj] = A[vi, vj]",
    "C[vi * 3, vj] = C[vi * 3 + 1, vj]",
    "C[vi, vj] = C[vi + 8, vj]",
]
DEPENDENT = [
    ("C[vj, 0] = A[vi, vj]", "block `x` writes C[0, 0] at i = 0 and block `x` writes it at i = 1"),
    ("C[vi, vj] = C[vi + 1, vj]", "block `x` writes C[1, 0] at i = 1 and block `x` reads it at i = 0"),
    ("C[vi + 1, vj] = C[vi, vj]", "block `x` writes C[1, 0] at i = 0 and block `x` reads it at i = 1"),
    ("C[vi // 2, vj] = A[vi, vj]", "block `x` writes C[0, 0] at i = 0 and block `x` writes it at i = 1"),
    ("C[vi % 2, vj] = A[vi, vj]", "block `x` writes C[0, 0] at i = 0 and block `x` writes it at i = 2"),
    ("C[vi * 2 + vj, 0] = A[vi, vj]", "block `x` writes C[2, 0] at i = 0 and block `x` writes it at i = 1"),
]


def nest(store: str, where: str = "True") -> str:
    return f"""
for i, j in T.grid(4, 4):
    with T.block("x"):
        vi, vj = T.axis.remap("SS", [i, j])
        T.where({where})
        {store}
"""


@pytest.mark.parametrize("store", INDEPENDENT)
def test_independent_turns(store: str) -> None:
    assert carried(nest(store), "x", "i") is None


@pytest.mark.parametrize("store,message", DEPENDENT)
def test_dependent_turns(store: str, message: str) -> None:
    assert carried(nest(store), "x", "i") == f"turns of loop `i` (range(0, 4)) meet: {message}"


def test_what_stays_within_a_turn_is_not_carried() -> None:
    text = """
D = T.alloc_buffer((16, 16))
for i in range(16):
    for j in range(16):
        with T.block("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = A[vi, vj]
    for j in range(16):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = D[vi, 15 - vj]
"""
    assert carried(text, "C", "i") is None
    assert carried(TWO_STAGES, "C", "i") is None


def test_symbolic_extents() -> None:
    text = """
n = T.int32()
X = T.match_buffer(x, (n, n))
Y = T.match_buffer(y, (n, n))
for i, j in T.grid(n, n):
    with T.block("x"):
        vi, vj = T.axis.remap("SS", [i, j])
        Y[vi, vj] = X[vi, vj]
for i, j in T.grid(n, n):
    with T.block("y"):
        vi, vj = T.axis.remap("SS", [i, j])
        Y[vj, 0] = X[vi, vj]
"""
    found = root_scope(program(text, "x: T.handle, y: T.handle"))
    assert carried_dependence(found, loop(found, "x", "i")) is None
    maybe = carried_dependence(found, loop(found, "y", "i"))
    assert maybe.kind is DepKind.WAW
    assert maybe.witness is None
    assert str(maybe) == "turns of loop `i` (range(0, n)) may meet: block `y` writes and block `y` writes buffer `Y`"


@st.composite
def nests(draw) -> tuple[str, str, str]:
    """A nest of two loops with a store at random indices that loads at others, one of them, and where it runs."""

    def index() -> str:
        a, b, c = (draw(st.integers(0, 3)) for _ in range(3))
        base = draw(
            st.sampled_from((f"vi * {a} + vj * {b} + {c}", f"(vi * {a} + vj) // {b + 1}", f"(vi + {a}) % {b + 1}"))
        )
        return f"({base})"

    store = f"C[{index()}, {index()}] = {draw(st.sampled_from(('A', 'C')))}[{index()}, {index()}]"
    i, j, bound = (draw(st.integers(0, 4)) for _ in range(3))
    where = draw(st.sampled_from(("True", f"i * {i} + j * {j} < {bound}", f"i * 4 + j >= {i * 4 + j}")))
    return store, draw(st.sampled_from("ij")), where


def check_independent(case) -> None:
    store, var, where = case
    header = "A: T.Buffer((64, 64)), C: T.Buffer((64, 64))"
    found = root_scope(program(nest(store, where), header))
    chosen = loop(found, "x", var)
    dependence = carried_dependence(found, chosen)
    (child,) = found
    place = [each.loop_var.name for each in child.loops].index(var)
    an = Analyzer()
    touched: dict[tuple, set] = {}
    clash = False
    for turns in itertools.product(range(4), repeat=2):
        at = {each.loop_var: IntImm(each.loop_var.dtype, t) for each, t in zip(child.loops, turns)}
        if not an.simplify(substitute(child.realize.predicate, at)).value:
            continue
        for kind, regions in (("r", child.block.reads), ("w", child.block.writes)):
            for region in regions:
                where = tuple(an.simplify(substitute(r.min, at)).value for r in child.bound(region).region)
                # Inner loops move freely, outer ones are the same in both turns.
                touched.setdefault((turns[:place], region.buffer, where), set()).add((kind, turns[place]))
    for uses in touched.values():
        if any(kind == "w" for kind, _ in uses) and len({turn for _, turn in uses}) > 1:
            clash = True
    if dependence is None:
        assert not clash
    elif dependence.witness is not None:
        assert clash


@given(nests())
@settings(max_examples=150, deadline=None)
def test_independence_is_sound(case) -> None:
    check_independent(case)


@pytest.mark.fuzz
@given(nests())
@settings(max_examples=10_000, deadline=None, database=None)
def test_independence_is_sound_long(case) -> None:
    check_independent(case)


def test_a_digit_shared_with_a_loop_further_out() -> None:
    """As after fusing and splitting again: where the inner loop's turns fall hangs on the outer ones."""
    text = """
for a, b, c in T.grid(2, 2, 6):
    with T.block("B"):
        vi = T.axis.spatial(6, (a * 12 + b * 6 + c) // 4)
        vj = T.axis.spatial(4, (a * 12 + b * 6 + c) % 4)
        B[vi, vj] = A[vi, vj]
"""
    found = scope(text)
    for name in "abc":
        assert carried_dependence(found, loop(found, "B", name)) is None


def test_a_loop_of_which_one_turn_runs() -> None:
    """As after splitting a loop of one turn: its parts say nothing about where the turn falls."""
    text = """
for a, b, c in T.grid(3, 8, 4):
    with T.block("B"):
        vi = T.axis.spatial(1, 0)
        T.where((a * 8 + b) * 4 + c < 1)
        B[vi, 0] = A[vi, 0]
"""
    found = scope(text)
    for name in "abc":
        assert carried_dependence(found, loop(found, "B", name)) is None
    found = scope(text.replace("< 1", "< 2"))
    assert carried_dependence(found, loop(found, "B", "c")) is not None
    assert carried_dependence(found, loop(found, "B", "b")) is None


def test_tiles_that_two_blocks_share_turn_by_turn() -> None:
    """As after decomposing a reduction under a fused loop: no index tells the turns apart alone."""
    text = """
for f in range(16):
    for i, j in T.grid(4, 4):
        with T.block("D"):
            vi = T.axis.spatial(16, f // 4 * 4 + i)
            vj = T.axis.spatial(16, f % 4 * 4 + j)
            B[vi, vj] = 0.0
    for i, j in T.grid(4, READ):
        with T.block("C"):
            vi = T.axis.spatial(16, f // 4 * 4 + i)
            vj = T.axis.spatial(20, f % 4 * 4 + j)
            C[vi, vj] = B[vi, vj]
"""
    found = scope(text.replace("READ", "4"))
    assert carried_dependence(found, loop(found, "D", "f")) is None
    found = scope(text.replace("READ", "5"))
    assert carried_dependence(found, loop(found, "D", "f")) is not None


def test_a_variable_bound_within_the_loop_is_what_it_stands_for() -> None:
    text = """
for i in range(16):
    t: T.int32 = VALUE
    with T.block("B"):
        vi = T.axis.spatial(16, i)
        vt = T.axis.spatial(16, t)
        B[vi + vt, 0] = A[vi, 0]
"""
    found = scope(text.replace("VALUE", "15 - i"))
    assert carried_dependence(found, loop(found, "B", "i")) is not None
    found = scope(text.replace("VALUE", "i"))
    assert carried_dependence(found, loop(found, "B", "i")) is None
    found = scope(text.replace("VALUE", "T.Cast('int32', A[i, 1])"))
    assert carried_dependence(found, loop(found, "B", "i")) is not None
