"""What must simplify: the index arithmetic of real schedules, as tables of `before` and `after`.

Each table says what its variables are: an extent (from 0), a (min, extent) pair, an expression, or nothing (any value
of the type); and which conditions hold. The result is to be exactly `after`, written in the analyzer's order.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
from tensorir.tir.arith import Analyzer
from tensorir.tir.buffer import Range
from tensorir.tir.dtype import dtype
from tensorir.tir.expr import LE, Broadcast, Expr, Ramp, Select, Var, as_expr, const, match_types
from tensorir.tir.op import call, if_then_else, maximum, minimum, truncdiv, truncmod

FUNCTIONS: dict[str, Any] = {
    "min": minimum,
    "max": maximum,
    "select": lambda c, a, b: Select(c, as_expr(a), as_expr(b)),
    "if_then_else": if_then_else,
    "truncdiv": truncdiv,
    "truncmod": truncmod,
    "ramp": lambda base, stride, lanes: Ramp(as_expr(base), as_expr(stride), lanes),
    "broadcast": lambda value, lanes: Broadcast(as_expr(value), lanes),
    "le": lambda a, b: LE(*match_types(a, b)),
    "true": const(True),
    "false": const(False),
    "i64": lambda e: as_expr(e).astype("int64"),
    "i32": lambda e: as_expr(e).astype("int32"),
    "i8": lambda e: as_expr(e).astype("int8"),
    "u8": lambda e: as_expr(e).astype("uint8"),
    "f32": lambda e: as_expr(e).astype("float32"),
    "likely": lambda e: call("likely", e),
    "F": const,
}

Row = tuple[str, str]
Table = tuple[str, dict[str, Any], list[str], list[Row]]

TABLES: list[Table] = [
    (
        "constraints bound what they speak of",
        {"x": 32, "y": 16, "n": None},
        ["x*4 + y < 16"],
        [
            ("x//4", "0"),
            ("x%4", "x"),
            ("(x*4 + y)//16", "0"),
            ("(x*4 + y)%16", "x*4 + y"),
            ("(x*4 + y + 16)//16", "1"),
            ("max(x, 3)", "3"),
            ("min(x, 4)", "x"),
            ("select(x < 4, y, n)", "y"),
            ("x*4 + y < 20", "true"),
            ("x*8 + y*2 >= 32", "false"),
        ],
    ),
    (
        "constraints on differences",
        {"x": 32, "y": 16},
        ["x - y < 4", "y <= x"],
        [("(x - y)//4", "0"), ("(x - y)%4", "x - y"), ("max(x, y)", "x"), ("min(x - y, 3)", "x - y")],
    ),
    (
        "constraints on residues and quotients",
        {"x": 32, "y": 16},
        ["(x - y) % 8 == 0", "x//4 == 2"],
        [("(x - y)%4", "0"), ("(y - x)%2", "0"), ("x//8", "1"), ("x >= 8", "true"), ("x%16", "x"), ("x < 12", "true")],
    ),
    (
        "equalities",
        {"x": 32, "y": 16, "n": None},
        ["x == y", "n == 16"],
        [("x - y", "0"), ("n*x", "x*16"), ("(x - y + 3)%4", "3")],
    ),
    (
        "comparisons of quotients and extrema",
        {"x": 32, "y": 16, "n": None, "m": None},
        [],
        [
            ("n//5 <= 0", "n < 5"),
            ("n//4 >= 3", "le(12, n)"),
            ("max(n, 1)//4 < 1", "n < 4"),
            ("max(y, x) <= x", "le(y, x)"),
            ("min(n, 0) >= 0", "le(0, n)"),
            ("n + x < max(n, y)", "x + n < y"),
            ("max(n, y) != y", "y < n"),
            ("max(n, y) == y", "le(n, y)"),
            ("min(n, y) == y", "le(y, n)"),
            ("y <= min(n, y)", "le(y, n)"),
            ("(m - n)%16%8", "(m - n)%8"),
            ("(m + 12)//5//8", "(m + 12)//40"),
            ("(x*4 + y + n + 3)//4", "x + (y + n + 3)//4"),
        ],
    ),
    (
        "comparisons that join",
        {"x": None, "y": None},
        [],
        [
            ("(x == y) | (x < y)", "le(x, y)"),
            ("(y < x) | (x == y)", "le(y, x)"),
            ("(x != y) & (x <= y)", "x < y"),
            ("(x <= y) & (y != x)", "x < y"),
            ("(x < y) | (y < x)", "x != y"),
            ("(x <= y) & (y <= x)", "x == y"),
        ],
    ),
    (
        "perfect tiling",
        {"i": 8, "j": 4, "k": 16},
        [],
        [
            ("i*4 + j - j", "i*4"),
            ("(i*4 + j)//4", "i"),
            ("(i*4 + j)%4", "j"),
            ("(i*4 + j)//2", "i*2 + j//2"),
            ("(i*4 + j)%2", "j%2"),
            ("(i*4 + j)//8", "i//2"),
            ("(i*4 + j)%8", "(i%2)*4 + j"),
            ("(i*4 + j)//32", "0"),
            ("(i*4 + j)%32", "i*4 + j"),
            ("(i*4 + j)//4*4 + (i*4 + j)%4", "i*4 + j"),
            ("(i*64 + j*16 + k)//16", "i*4 + j"),
            ("(i*64 + j*16 + k)//64", "i"),
            ("(i*64 + j*16 + k)%64", "j*16 + k"),
            ("(i*64 + j*16 + k)%64//16", "j"),
            ("(i*64 + j*16 + k)//16%4", "j"),
            ("(i*64 + j*16 + k)%16", "k"),
            ("(i*64 + j*16 + k)//8", "i*8 + j*2 + k//8"),
            ("(i*16 + k)//4//4", "i"),
            ("((i*4 + j)*16 + k)//64*64 + ((i*4 + j)*16 + k)%64", "i*64 + j*16 + k"),
            ("(i*4 + j + 4)//4", "i + 1"),
            ("(i*4 + j + 5)%4", "(j + 1)%4"),
            ("(i*4 + 3)//4", "i"),
            ("(i*4 + 7)//4", "i + 1"),
            ("(i*4 + j)*2//8", "i"),
            ("(j*8 + i)//8*4 + (j*8 + i)%8//2", "i//2 + j*4"),
        ],
    ),
    (
        "fuse then split",
        {"f": 4096, "g": 60},
        [],
        [
            ("f//64*64 + f%64", "f"),
            ("f//64*8 + f%64//8", "f//8"),
            ("f//512*512 + f%512//64*64 + f%64", "f"),
            ("f//512*8 + f//64%8", "f//64"),
            ("f//64%8", "f%512//64"),
            ("f//4096", "0"),
            ("f%4096", "f"),
            ("f//2//4//8", "f//64"),
            ("f%64%8", "f%8"),
            ("f%64//8%4", "f%32//8"),
            ("f//8%8*8 + f%8", "f%64"),
            ("(f//64*64 + f%64)//128", "f//128"),
            ("(f//64)*64 - f + f%64", "0"),
            ("f - f//64*64", "f%64"),
            ("f - f%64", "f//64*64"),
            ("(f*4 + 3)//4", "f"),
            ("(f*4 + 3)%4", "3"),
            ("g//15*15 + g%15", "g"),
            ("g//15*5 + g%15//3", "g//3"),
            ("g%15//3*3 + g%3", "g%15"),
            ("(g//3*3 + g%3)//4*4 + g%4", "g"),
            ("f//64 < 64", "true"),
            ("f%64//8 < 8", "true"),
            ("f//64*64 <= f", "true"),
        ],
    ),
    (
        "imperfect tiling",
        {"i": 9, "j": 12, "n": (1, 1 << 20)},
        ["i*12 + j < 100"],
        [
            ("i*12 + j < 100", "true"),
            ("i*12 + j < 128", "true"),
            ("i*12 + j >= 100", "false"),
            ("i*12 + j <= 99", "true"),
            ("min(i*12 + j, 99)", "i*12 + j"),
            ("if_then_else(i*12 + j < 100, i, j)", "i"),
            ("(i*12 + j)//12", "i"),
            ("min(12, 100 - i*12) + i*12", "min(i*12, 88) + 12"),
            ("i*12 + j == 100", "false"),
            ("i*12 + j != 100", "true"),
            ("12*i + j - 100 < 0", "true"),
            ("likely(i*12 + j < 100)", "true"),
        ],
    ),
    (
        "tiles of a region",
        {"i": 16, "j": 16, "n": (0, 1 << 20)},
        [],
        [
            ("min(i*4 + 4, n) - i*4", "min(n - i*4, 4)"),
            ("max(i*4 + 3, i*4) + 1 - i*4", "4"),
            ("min(i*4, i*4 + 3)", "i*4"),
            ("max(min(i*4, 100), 0)", "i*4"),
            ("min(i + 1, j + 1)", "min(i, j) + 1"),
            ("max(i*2 + j, i*2)", "i*2 + j"),
            ("min(min(i, 3), 5)", "min(i, 3)"),
            ("max(max(i, 3), 5)", "max(i, 5)"),
            ("min(max(i, j), i)", "i"),
            ("max(min(i, j), i)", "i"),
            ("min(i, 16)", "i"),
            ("min(i, 0)", "0"),
            ("max(i, 0)", "i"),
            ("min(i + 4, i + 7)", "i + 4"),
            ("max(n, 0)", "n"),
            ("0 - min(0 - i, 0 - j)", "max(i, j)"),
            ("min(i, j) + max(i, j)", "i + j"),
            ("min(i*4 + 7, 63) - i*4 + 1", "64 - max(i*4, 56)"),
        ],
    ),
    (
        "im2col",
        {"p": 3136, "r": 576, "ci": 64, "oh": 56, "ow": 56, "kh": 3, "kw": 3},
        [],
        [
            ("(oh*56 + ow)//56", "oh"),
            ("(oh*56 + ow)%56", "ow"),
            ("(ci*9 + kh*3 + kw)//9", "ci"),
            ("(ci*9 + kh*3 + kw)%9//3", "kh"),
            ("(ci*9 + kh*3 + kw)//3%3", "kh"),
            ("(ci*9 + kh*3 + kw)%3", "kw"),
            ("p//56*56 + p%56", "p"),
            ("r//9*9 + r%9//3*3 + r%3", "r"),
            ("r%9//3*3 + r%3", "r%9"),
            ("p//56 + 2 < 58", "true"),
            ("p//56 + r%9//3 < 58", "true"),
            ("(ci*3 + kh)*3 + kw", "ci*9 + kh*3 + kw"),
            ("((ci*58 + oh + kh)*58 + ow + kw)//3364", "ci"),
            ("(oh*2 + kh - oh*2)", "kh"),
        ],
    ),
    (
        "padded convolutions",
        {"h": 56, "w": 56, "r": 3, "s": 3},
        [],
        [
            ("(1 <= h + r) & (h + r < 57)", "le(1, h + r) & (h + r < 57)"),
            ("h + r - 1 >= 0", "le(1, h + r)"),
            ("h + r - 1 < 56", "h + r < 57"),
            ("h + r - 1 < 58", "true"),
            ("h + r >= 0", "true"),
            ("(0 <= h + r) & (h + r < 58)", "true"),
            ("if_then_else((1 <= h) & (h < 57), h - 1, 0)", "if_then_else(le(1, h), h - 1, 0)"),
            ("h*2 + r - 1 < 0 - 1", "false"),
            ("(1 <= h + r) & (1 <= h + r)", "le(1, h + r)"),
            ("(h + r < 1) | (1 <= h + r)", "true"),
            ("~(h + r < 1)", "le(1, h + r)"),
            ("~((1 <= h) & (h < 40))", "(h < 1) | le(40, h)"),
            ("(h < 10) & (h < 20)", "h < 10"),
            ("(h < 20) & (h < 10)", "h < 10"),
            ("(h < 10) | (h < 20)", "h < 20"),
            ("(3 <= h) & (h < 3)", "false"),
            ("(3 <= h) | (h < 3)", "true"),
            ("(h + 1 < 10) & (5 < h*2)", "(h < 9) & le(3, h)"),
        ],
    ),
    (
        "packed layouts",
        {"n": 4, "hw": 49, "co": 8, "ci": 8, "c": 64},
        [],
        [
            ("c//8*8 + c%8", "c"),
            ("(co*8 + ci)//8", "co"),
            ("(co*8 + ci)%8", "ci"),
            ("((n*8 + c//8)*49 + hw)*8 + c%8", "n*3136 + hw*8 + c//8*392 + c%8"),
            ("(co*8 + ci)//16*2 + (co*8 + ci)%16//8", "co"),
            ("(co*8 + ci)//4%2", "ci//4"),
            ("(co*8 + ci)//32*32 + (co*8 + ci)%32", "co*8 + ci"),
            ("(co*8 + ci)%16", "(co%2)*8 + ci"),
            ("c//16*16 + c//4%4*4 + c%4", "c"),
            ("c%8//4*4 + c%4", "c%8"),
        ],
    ),
    (
        "symbolic extents",
        {"n": (1, 1 << 10), "m": (1, 1 << 10), "i": "n", "j": "m", "x": 8},
        [],
        [
            ("(i*m + j)//m", "i"),
            ("(i*m + j)%m", "j"),
            ("i < n", "true"),
            ("i >= n", "false"),
            ("i <= n - 1", "true"),
            ("i*m + j < n*m", "true"),
            ("(i*m + j)//m*m + (i*m + j)%m", "i*m + j"),
            ("n*4//4", "n"),
            ("n*m//m", "n"),
            ("n*m%m", "0"),
            ("(n*m + j)//m", "n"),
            ("(i*8 + x)//8", "i"),
            ("i*8 + x < n*8", "true"),
            ("(i*(m*8) + j*8 + x)//(m*8)", "i"),
            ("(i*(m*8) + j*8 + x)%(m*8)", "j*8 + x"),
            ("min(i, n)", "i"),
            ("max(i, n)", "n"),
            ("min(n*8, i*8 + x)", "i*8 + x"),
            ("(n + 7)//8*8 >= n", "true"),
            ("n//8*8 <= n", "true"),
            ("(n*4)//(m*4)", "n//m"),
            ("(n*4)%(m*4)", "n%m*4"),
            ("i//n", "0"),
            ("i%n", "i"),
            ("n//n", "1"),
            ("n%n", "0"),
            ("i*m*8 + j*8 + x < n*m*8", "true"),
            ("n - 1 - i >= 0", "true"),
            ("n - i >= 1", "true"),
        ],
    ),
    (
        "symbolic tiles",
        {"n": (1, 1 << 20), "io": "(n + 31)//32", "ii": 32},
        [],
        [
            ("io*32 < n + 31", "true"),
            ("io*32 < n", "true"),
            ("io*32 + ii < n + 31", "true"),
            ("(io*32 + ii)//32", "io"),
            ("(io*32 + ii)%32", "ii"),
            ("max(n - io*32, 0)", "n - io*32"),
            ("io*32 + ii < (n + 31)//32*32", "true"),
            ("min(io*32 + 32, n) - io*32", "min(n - io*32, 32)"),
        ],
    ),
    (
        "known divisibility",
        {"n": (1, 1 << 20), "i": "n//16", "j": 16, "q": (0, 1 << 20)},
        ["n%16 == 0"],
        [
            ("n//16*16", "n"),
            ("n%16", "0"),
            ("n%8", "0"),
            ("n%4 == 0", "true"),
            ("(n + 15)//16", "n//16"),
            ("i*16 + j < n", "true"),
            ("(n + 5)%16", "5"),
            ("(n + j)//16", "n//16"),
            ("(n + j)%16", "j"),
            ("(q*n + j)//16", "q*n//16"),
            ("n//4*4", "n"),
            ("n//4%4", "0"),
            ("(n//16)*32 == n*2", "true"),
        ],
    ),
    (
        "strides that divide",
        {"q": (0, 1 << 10), "i": 8},
        [],
        [
            ("q*16//8", "q*2"),
            ("q*16%8", "0"),
            ("(q*16 + 8)%16", "8"),
            ("(q*16 + i)//8", "q*2"),
            ("(q*16 + i)%16", "i"),
            ("q*6 + i*3 == 1", "false"),
            ("q*4 + 2 != 3", "true"),
            ("(q*4 + 2)%2 == 0", "true"),
            ("q*4 == i*4", "q == i"),
            ("q*4 < i*4 + 3", "q <= i"),
            ("q*4 + 3 < i*4", "q < i"),
            ("q*6 <= 17", "q < 3"),
            ("q*6 >= 17", "le(3, q)"),
        ],
    ),
    (
        "any integers",
        {"x": None, "y": None, "z": None},
        [],
        [
            ("x + y - x", "y"),
            ("x - (y - z)", "x - y + z"),
            ("x*3 + x*5", "x*8"),
            ("x*2 - x*2", "0"),
            ("(x + y)*2 - y*2", "x*2"),
            ("x < x + 1", "true"),
            ("x + 1 <= x", "false"),
            ("x == x", "true"),
            ("x - y == 0", "x == y"),
            ("x//4*4 + x%4", "x"),
            ("x//4//4", "x//16"),
            ("x%16%4", "x%4"),
            ("x%4 < 4", "true"),
            ("x%4 >= 0", "true"),
            ("x//1", "x"),
            ("x%1", "0"),
            ("x*y - y*x", "0"),
            ("(x*4 + 2)//4", "x"),
            ("x%4//4", "0"),
            ("(x//4*4)//4", "x//4"),
            ("min(x, x)", "x"),
            ("min(x, x + 3)", "x"),
            ("select(x < y, z, z)", "z"),
            ("x*x >= 0", "true"),
            ("x//(0 - 4)", "x//(0 - 4)"),
            ("(x*4)//(0 - 4)", "x*-1"),
        ],
    ),
    (
        "selections",
        {"i": 8, "j": 8, "x": None},
        [],
        [
            ("select(i < 8, i, j)", "i"),
            ("select(i >= 8, i, j)", "j"),
            ("if_then_else(i < 4, min(i, 4), j)", "if_then_else(i < 4, i, j)"),
            ("if_then_else(i < 4, if_then_else(i < 5, i, j), x)", "if_then_else(i < 4, i, x)"),
            ("select(i < 4, i, j) + select(i < 4, j, i)", "i + j"),
            ("select(i < 4, i + 1, j + 1)", "select(i < 4, i, j) + 1"),
            ("select(~(i < 4), i, j)", "select(le(4, i), i, j)"),
            ("select(i < 4, i*2, i*2)", "i*2"),
            ("if_then_else(i == 3, i, 3)", "3"),
            ("(i < 4) & (i < 4)", "i < 4"),
            ("(i < 4) | (i < 4)", "i < 4"),
            ("(i < 4) & ((i < 4) | (j < 3))", "i < 4"),
            ("(i < 4) | ((i < 4) & (j < 3))", "i < 4"),
            ("(i < 4) & ~(i < 4)", "false"),
            ("~(~(i < 4))", "i < 4"),
            ("select(i < 4, 1, 0) == 1", "i < 4"),
            ("select(i < 4, 1, 0) != 0", "i < 4"),
        ],
    ),
    (
        "truncating division",
        {"i": 64, "x": None, "w": (-8, 8)},
        [],
        [
            ("truncdiv(i, 4)", "i//4"),
            ("truncmod(i, 4)", "i%4"),
            ("truncdiv(i*4, 4)", "i"),
            ("truncdiv(i, 4)*4 + truncmod(i, 4)", "i"),
            ("truncdiv(x, 1)", "x"),
            ("truncmod(x, 1)", "0"),
            ("truncdiv(w, 4)", "((w*-1)//4)*-1"),
            ("truncdiv(0, i + 1)", "0"),
            ("truncdiv(x*4, 4)", "x"),
            ("truncmod(x*4, 4)", "0"),
            ("truncdiv(x, 4)*4 + truncmod(x, 4)", "x"),
        ],
    ),
    (
        "casts",
        {"i": 8, "j": 4, "x": None},
        [],
        [
            ("i64(i*4 + j)//4", "i64(i)"),
            ("i64(i)*4 + i64(j)", "i64(i)*4 + i64(j)"),
            ("i32(i64(i))", "i"),
            ("i64(i*4) - i64(i)*4", "i64(0)"),
            ("i8(i)", "i8(i)"),
            ("i32(i8(i))", "i"),
            ("i32(i8(x))", "i32(i8(x))"),
            ("i64(x + 1) - i64(x)", "i64(1)"),
            ("i32(i < 8)", "1"),
            ("i32(u8(i)) + i", "i*2"),
            ("i64(i) < i64(8)", "true"),
            ("i8(i8(x))", "i8(x)"),
        ],
    ),
    (
        "vectors",
        {"i": 8, "x": None},
        [],
        [
            ("ramp(i*4, 1, 4) + broadcast(x, 4)", "ramp(i*4 + x, 1, 4)"),
            ("ramp(i, 1, 4) + ramp(x, 2, 4)", "ramp(i + x, 3, 4)"),
            ("ramp(i, 1, 4) - broadcast(i, 4)", "ramp(0, 1, 4)"),
            ("ramp(i, 1, 4)*broadcast(4, 4)", "ramp(i*4, 4, 4)"),
            ("broadcast(i, 4)*broadcast(4, 4)", "broadcast(i*4, 4)"),
            ("ramp(i*4, 1, 4)//broadcast(4, 4)", "broadcast(i, 4)"),
            ("ramp(i*4, 1, 4)%broadcast(4, 4)", "ramp(0, 1, 4)"),
            ("ramp(i*8, 4, 2)//broadcast(4, 2)", "ramp(i*2, 1, 2)"),
            ("ramp(i*8, 4, 2)%broadcast(4, 2)", "broadcast(0, 2)"),
            ("ramp(i*4, 1, 4) < broadcast(32, 4)", "broadcast(true, 4)"),
            ("ramp(i*4, 1, 4) < broadcast(x*4, 4)", "broadcast(i < x, 4)"),
            ("ramp(x, 0, 4)", "broadcast(x, 4)"),
            ("min(broadcast(i, 4), broadcast(9, 4))", "broadcast(i, 4)"),
            ("broadcast(i, 4) == broadcast(i, 4)", "broadcast(true, 4)"),
            ("min(ramp(i, 1, 4), broadcast(0, 4))", "broadcast(0, 4)"),
        ],
    ),
    (
        "bit tricks",
        {"i": 64, "j": 8, "x": None},
        [],
        [
            ("i & 7", "i%8"),
            ("i >> 3", "i//8"),
            ("j << 2", "j*4"),
            ("(i >> 3)*8 + (i & 7)", "i"),
            ("i ^ 0", "i"),
            ("i ^ i", "0"),
            ("(i ^ j) ^ j", "i"),
            ("(i ^ j) < 64", "true"),
            ("(i ^ (j % 8))//64", "0"),
            ("x & 0", "0"),
            ("i | 0", "i"),
        ],
    ),
    (
        "floating point stays as written",
        {"a": "float32", "b": "float32"},
        [],
        [
            ("(a + b) - b", "(a + b) - b"),
            ("a*F(1.0)", "a"),
            ("a + F(0.0)", "a + F(0.0)"),
            ("a*F(0.0)", "a*F(0.0)"),
            ("a - a", "a - a"),
            ("(a*b)*a", "(a*b)*a"),
            ("select(a < a, a, b)", "select(a < a, a, b)"),
        ],
    ),
]


def variables(declared: dict[str, Any]) -> tuple[dict[str, Any], dict[Var, Range]]:
    """The names of a table and the ranges they are bound to."""
    names: dict[str, Any] = {}
    ranges: dict[Var, Range] = {}
    for name, what in declared.items():
        if isinstance(what, str) and what.startswith("float"):
            names[name] = Var(name, dtype(what))
            continue
        var = names[name] = Var(name)
        if what is None:
            continue
        low, extent = what if isinstance(what, tuple) else (0, what)
        if isinstance(extent, str):
            extent = eval(extent, {"__builtins__": {}}, names)
        ranges[var] = Range(as_expr(low), as_expr(extent))
    return names, ranges


CASES = [
    pytest.param(declared, facts, before, after, id=f"{title}: {before}")
    for title, declared, facts, rows in TABLES
    for before, after in rows
]


def both(declared: dict[str, Any], facts: list[str], before: str, after: str) -> tuple[Expr, Expr]:
    names, ranges = variables(declared)

    def read(text: str) -> Expr:
        return as_expr(eval(text, {"__builtins__": {}, **FUNCTIONS}, names))

    an = Analyzer(ranges)
    with ExitStack() as stack:
        for fact in facts:
            stack.enter_context(an.constraint(read(fact)))
        return an.simplify(read(before)), read(after)


@pytest.mark.parametrize("declared,facts,before,after", CASES)
def test_simplifies(declared: dict[str, Any], facts: list[str], before: str, after: str) -> None:
    simple, expected = both(declared, facts, before, after)
    assert simple is expected, f"{before} became {simple}"


def test_there_are_enough() -> None:
    assert len(CASES) >= 150
