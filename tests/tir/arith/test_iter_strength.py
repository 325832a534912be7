"""Which index maps must be seen: the bindings and layouts of real schedules, as a table.

A row is (loops with their extents, indices, predicate, what is to be found). "bijective" implies "surjective"; "padded"
is a bijection of loops that run on to the next multiple; "no" is refused at every level. Rows of constant extents are
checked against enumeration as well.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from tensorir.tir.arith import Analyzer
from tensorir.tir.arith.iter_map import IterMapLevel, detect_iter_map
from tensorir.tir.buffer import Range
from tensorir.tir.expr import Expr, Var, as_expr, const

from .brute import assignments, value

SYMBOLS: dict[str, Any] = {"n": (1, 1 << 20), "m": (1, 1 << 20), "p": (1, 1 << 10)}
FACTS = {"q": 16}
"""Symbols known to be multiples."""

Row = tuple[str, str, str, str]

SPLITS: list[Row] = [
    ("i=8, j=4", "i, j", "", "bijective"),
    ("i=8, j=4", "j, i", "", "bijective"),
    ("i=8, j=4", "i*4 + j", "", "bijective"),
    ("i=8, j=4", "j*8 + i", "", "bijective"),
    ("i=8, j=4, k=2", "(i*4 + j)*2 + k", "", "bijective"),
    ("i=8, j=4, k=2", "i*8 + j*2 + k", "", "bijective"),
    ("i=8, j=4, k=2", "k*4 + j, i", "", "bijective"),
    ("i=2, j=3, k=5, l=7", "i*3 + j, k*7 + l", "", "bijective"),
    ("i=2, j=3, k=5, l=7", "k*2 + i, j, l", "", "bijective"),
    ("i=1, j=16", "i*16 + j", "", "bijective"),
    ("i=16, j=1", "i + j", "", "bijective"),
    ("i=1, j=1", "i, j", "", "bijective"),
    ("i=8, j=4", "i", "", "surjective"),
    ("i=8, j=4", "0, i*4 + j", "", "bijective"),
    ("i=8", "i + 5", "", "bijective"),
    ("i=8", "i - 3", "", "bijective"),
    ("i=8, j=4", "i*4 + j + 16", "", "bijective"),
]

FUSIONS: list[Row] = [
    ("f=32", "f//4, f%4", "", "bijective"),
    ("f=32", "f%4, f//4", "", "bijective"),
    ("f=64", "f//16, f//4%4, f%4", "", "bijective"),
    ("f=64", "f//16, f%16//4, f%4", "", "bijective"),
    ("f=64", "f//4%4*4 + f%4, f//16", "", "bijective"),
    ("f=64", "f%16, f//16", "", "bijective"),
    ("f=64", "f//8", "", "surjective"),
    ("f=64", "f%8", "", "surjective"),
    ("f=64", "f//4%4", "", "surjective"),
    ("f=64", "f//16, f%4", "", "surjective"),
    ("f=30", "f//15, f%15//5, f%5", "", "bijective"),
    ("a=16, b=4", "(a*4 + b)//8, (a*4 + b)%8", "", "bijective"),
    ("a=6, b=6", "(a*6 + b)//9, (a*6 + b)%9", "", "bijective"),
    ("a=6, b=6", "(a*6 + b)//9, (a*6 + b)%9//3, (a*6 + b)%3", "", "bijective"),
    ("a=4, b=7", "(a*7 + b)//14, (a*7 + b)%14", "", "bijective"),
    ("a=2, b=9", "(a*9 + b)//6, (a*9 + b)%6", "", "bijective"),
    ("a=8, b=8, c=4", "((a*8 + b)*4 + c)//32, ((a*8 + b)*4 + c)%32//4, c", "", "bijective"),
    ("bx=16, tx=32, v=4", "(bx*32 + tx)//16, ((bx*32 + tx)%16)*4 + v", "", "bijective"),
]

IMPERFECT: list[Row] = [
    ("i=9, j=12", "i*12 + j", "i*12 + j < 100", "bijective"),
    ("i=9, j=12, k=3", "i*12 + j, k", "i*12 + j < 100", "bijective"),
    ("i=9, j=12", "i, j", "i*12 + j < 100", "padded"),
    ("i=9, j=12", "(i*12 + j)//10, (i*12 + j)%10", "i*12 + j < 100", "bijective"),
    ("i=3, j=4, k=4", "(i*3 + j)*4 + k", "(j*4 + k < 12) & (i*12 + j*4 + k < 30)", "bijective"),
    ("i=4, j=3, k=2", "i*5 + j*2 + k", "(j*2 + k < 5) & (i*5 + j*2 + k < 17)", "bijective"),
    ("i=3, j=16", "(i*16 + j)//8, (i*16 + j)%8", "i*16 + j < 40", "bijective"),
    ("i=3, j=16", "i*2 + j//8, j%8", "i*16 + j < 40", "bijective"),
    ("i=8", "i", "i < 5", "bijective"),
    ("i=8", "i", "i >= 3", "bijective"),
    ("i=8", "i", "(i >= 2) & (i < 6)", "bijective"),
    ("i=8, j=8", "i*8 + j", "(i*8 + j >= 3) & (i*8 + j < 60)", "bijective"),
    ("i=8, j=8", "i, j", "(i < 5) & (j < 7)", "bijective"),
    ("i=8, j=8", "j", "i < 5", "surjective"),
    ("i=4, j=8, k=5, l=8", "i*8 + j, k*8 + l", "(i*8 + j < 30) & (k*8 + l < 33)", "bijective"),
    ("f=64, k=3", "f//8, f%8, k", "f < 40", "bijective"),
    ("f=120", "f//12, f%12", "f//12 < 7", "bijective"),
]

LAYOUTS: list[Row] = [
    ("c=64, h=7, w=7", "c//8, h, w, c%8", "", "bijective"),
    ("c=8, h=7, w=7, x=8", "c*8 + x, h, w", "", "bijective"),
    ("o=16, i=16", "o//4, i//8, o%4, i%8", "", "bijective"),
    ("o=16, i=16", "o//4, i//8, i%8//4, o%4, i%4", "", "bijective"),
    ("i=16, j=16", "i%8*4 + j%8//2, i//8*4 + j//8*2 + j%2", "", "bijective"),
    ("t=32, v=8", "v//4*8 + t//4, v%4//2*8 + t%4*2 + v%2", "", "bijective"),
    ("oh=56, ow=56", "oh*56 + ow", "", "bijective"),
    ("ic=64, kh=3, kw=3", "(ic*3 + kh)*3 + kw", "", "bijective"),
    ("k=576", "k//9, k%9//3, k%3", "", "bijective"),
    ("y=8, x=8", "x*8 + y", "", "bijective"),
    ("r=4, s=4", "r, 3 - s", "", "bijective"),
    ("i=8, j=8", "i, j ^ i", "", "bijective"),
    ("i=16, j=8", "i, j ^ (i%8)", "", "bijective"),
    ("i=16, j=8, k=4", "i, (j ^ (i%8))*4 + k", "", "bijective"),
    ("i=16, j=8", "i, j ^ (i//2)", "", "bijective"),
    ("f=128", "f//8, (f%8) ^ (f//8%8)", "", "bijective"),
    ("i=8, j=6", "i, j ^ (i%8)", "", "no"),
    ("i=8, j=8", "i ^ j, i ^ j", "", "no"),
]

PADDED: list[Row] = [
    ("i=10", "i//4, i%4", "", "padded"),
    ("i=100", "i//16, i%16//4, i%4", "", "padded"),
    ("i=10, j=6", "i//4, j//4, i%4, j%4", "", "padded"),
    ("i=9", "(i + 2)//4, (i + 2)%4", "", "padded"),
    ("i=3, j=7", "(i*7 + j)//4, (i*7 + j)%4", "", "padded"),
    ("i=10", "i//4, i%2", "", "no"),
]

SYMBOLIC: list[Row] = [
    ("i=n, j=m", "i, j", "", "bijective"),
    ("i=n, j=m", "i*m + j", "", "bijective"),
    ("i=n, j=m", "j*n + i", "", "bijective"),
    ("i=n, j=8", "i*8 + j", "", "bijective"),
    ("i=n, j=m, k=p", "(i*m + j)*p + k", "", "bijective"),
    ("f=n*m", "f//m, f%m", "", "bijective"),
    ("f=n*8", "f//8, f%8", "", "bijective"),
    ("f=n*m*p", "f//(m*p), f//p%m, f%p", "", "bijective"),
    ("f=n*m*p", "f//(m*p), f%(m*p)//p, f%p", "", "bijective"),
    ("i=n, j=m", "(i*m + j)//m, (i*m + j)%m", "", "bijective"),
    ("io=(n + 31)//32, ii=32", "io*32 + ii", "io*32 + ii < n", "bijective"),
    ("io=(n + 31)//32, ii=32, j=m", "io*32 + ii, j", "io*32 + ii < n", "bijective"),
    ("io=q//16, ii=16", "io*16 + ii", "", "bijective"),
    ("f=q", "f//16, f%16", "", "bijective"),
    ("i=n, j=m", "i", "", "surjective"),
    ("i=n, j=m", "i + j", "", "no"),
    ("i=n", "i*2", "", "bijective"),
]

REFUSED: list[Row] = [
    ("i=8, j=4", "i + j", "", "no"),
    ("i=8, j=4", "i*3 + j", "", "no"),
    ("i=8, j=4", "i*5 + j", "", "no"),
    ("i=8, j=4", "i, i", "", "no"),
    ("i=8, j=4", "i*j", "", "no"),
    ("i=8", "i*i", "", "no"),
    ("f=32", "f//4, f%8", "", "no"),
    ("f=32", "f//5, f%5", "", "padded"),
    ("i=8, j=8", "i", "i + j < 9", "no"),
    ("i=8, j=8", "i, j", "i < j", "no"),
    ("i=8", "i", "i < 0", "no"),
    ("i=0, j=4", "i, j", "", "no"),
    ("i=8, j=4", "min(i, 4), j", "", "no"),
]

ROWS = [*SPLITS, *FUSIONS, *IMPERFECT, *LAYOUTS, *PADDED, *SYMBOLIC, *REFUSED]


def read(row: Row) -> tuple[dict[str, Any], dict[Var, Range], list[Expr], Expr]:
    """(names, loops, indices, predicate) of a row."""
    from tensorir.tir.op import minimum

    names: dict[str, Any] = {name: Var(name) for name in (*SYMBOLS, *FACTS)}
    loops: dict[Var, Range] = {}
    scope = {"__builtins__": {}, "min": minimum}
    for part in row[0].split(", "):
        name, extent = part.split("=", 1)
        names[name] = Var(name)
        loops[names[name]] = Range(const(0), as_expr(eval(extent, scope, names)))
    result = eval(f"({row[1]},)", scope, names)
    predicate = as_expr(eval(row[2], scope, names)) if row[2] else const(True)
    return names, loops, [as_expr(e) for e in result], predicate


def detected(row: Row, level: IterMapLevel, padding: bool = False) -> Any:
    names, loops, indices, predicate = read(row)
    an = Analyzer({names[s]: Range(const(low), const(high)) for s, (low, high) in SYMBOLS.items()})
    for name, multiple in FACTS.items():
        an.bind(names[name], Range(const(multiple), const(1 << 20)))
    with an.constraint(as_expr((names["q"] % 16).__eq__(0))):
        return detect_iter_map(indices, loops, predicate, level, an, allow_padding=padding)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} -> {row[1]}" + (f" if {row[2]}" if row[2] else ""))
def test_is_found(row: Row) -> None:
    surjective, bijective = (detected(row, level) for level in (IterMapLevel.SURJECTIVE, IterMapLevel.BIJECTIVE))
    padded = detected(row, IterMapLevel.BIJECTIVE, padding=True)
    found = "bijective" if bijective else "surjective" if surjective else "padded" if padded else "no"
    reasons = [str(e) for e in (*surjective.errors, *bijective.errors)]
    assert found == row[3], reasons
    assert bool(reasons) == (found != "bijective")


def is_constant(row: Row) -> bool:
    return not any(s in row[0] for s in "nmpq")


@pytest.mark.parametrize("row", [r for r in ROWS if is_constant(r)], ids=lambda row: f"{row[0]} -> {row[1]}")
def test_is_true(row: Row) -> None:
    _, loops, indices, predicate = read(row)
    box = {v: (0, r.extent.value - 1) for v, r in loops.items()}
    if any(high < 0 for _, high in box.values()):
        return
    points = [env for env in assignments(box) if value(predicate, env)]
    image = [tuple(value(e, env) for e in indices) for env in points]
    axes = [range(min(a), max(a) + 1) for a in zip(*image)]
    steps = {(max(a) - min(a)) // max(len(set(a)) - 1, 1) for a in zip(*image)} or {1}
    full = set(image) == set(itertools.product(*axes)) or steps != {1}
    once = len(set(image)) == len(image)
    if row[3] in ("bijective", "surjective"):
        assert full
    if row[3] in ("bijective", "padded"):
        assert once
    if row[3] == "surjective":
        assert not once


def test_there_are_enough() -> None:
    assert len([row for row in ROWS if row[3] != "no"]) >= 60
