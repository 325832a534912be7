"""The table of rewrite rules for what has no linear form: vectors, bits, bool algebra, units of floating point.

A row is `(pattern, result, condition)`, all three in the language of expressions: the pattern's operands are simplified
already, the result is simplified again, and it holds where the condition is proved. In a pattern `x y z s t` stand for
any expression, `c d` for integer constants, `l` for a number of lanes; a name that occurs twice stands for the same
expression. Every row is checked against enumeration by the tests.
"""

from __future__ import annotations

Row = tuple[str, str, str]

ALWAYS = ""
"""The condition of a rule that holds everywhere."""

LANEWISE = ("+", "-", "*", "//", "%", "<", "<=", ">", ">=", "==", "!=")
"""Operators that compute lane by lane."""

VECTORS: list[Row] = [
    ("ramp(x, 0, l)", "broadcast(x, l)", ALWAYS),
    ("ramp(x, s, l) + ramp(y, t, l)", "ramp(x + y, s + t, l)", ALWAYS),
    ("ramp(x, s, l) + broadcast(y, l)", "ramp(x + y, s, l)", ALWAYS),
    ("broadcast(x, l) + ramp(y, s, l)", "ramp(x + y, s, l)", ALWAYS),
    ("ramp(x, s, l) - ramp(y, t, l)", "ramp(x - y, s - t, l)", ALWAYS),
    ("ramp(x, s, l) - broadcast(y, l)", "ramp(x - y, s, l)", ALWAYS),
    ("broadcast(x, l) - ramp(y, s, l)", "ramp(x - y, 0 - s, l)", ALWAYS),
    ("ramp(x, s, l) * broadcast(y, l)", "ramp(x * y, s * y, l)", ALWAYS),
    ("broadcast(x, l) * ramp(y, s, l)", "ramp(x * y, x * s, l)", ALWAYS),
    # Lanes that stay between two multiples of the divisor have one quotient, and their remainders count on.
    ("ramp(x, s, l) // broadcast(c, l)", "broadcast(x // c, l)", "(c > 0) & (s >= 0) & (x % c + s * (l - 1) < c)"),
    ("ramp(x, s, l) % broadcast(c, l)", "ramp(x % c, s, l)", "(c > 0) & (s >= 0) & (x % c + s * (l - 1) < c)"),
    # Steps of whole multiples of the divisor leave the remainder as it is.
    ("ramp(x, s, l) // broadcast(c, l)", "ramp(x // c, s // c, l)", "(c > 0) & (s % c == 0)"),
    ("ramp(x, s, l) % broadcast(c, l)", "broadcast(x % c, l)", "(c > 0) & (s % c == 0)"),
    # Comparisons that come out the same in the first and in the last lane, and so in all.
    ("ramp(x, s, l) < broadcast(y, l)", "broadcast(x < y, l)", "(x < y) == (x + s * (l - 1) < y)"),
    ("ramp(x, s, l) <= broadcast(y, l)", "broadcast(x <= y, l)", "(x <= y) == (x + s * (l - 1) <= y)"),
    ("broadcast(x, l) < ramp(y, s, l)", "broadcast(x < y, l)", "(x < y) == (x < y + s * (l - 1))"),
    ("broadcast(x, l) <= ramp(y, s, l)", "broadcast(x <= y, l)", "(x <= y) == (x <= y + s * (l - 1))"),
    ("min(ramp(x, s, l), broadcast(y, l))", "ramp(x, s, l)", "(x <= y) & (x + s * (l - 1) <= y)"),
    ("min(ramp(x, s, l), broadcast(y, l))", "broadcast(y, l)", "(y <= x) & (y <= x + s * (l - 1))"),
    ("max(ramp(x, s, l), broadcast(y, l))", "ramp(x, s, l)", "(y <= x) & (y <= x + s * (l - 1))"),
    ("max(ramp(x, s, l), broadcast(y, l))", "broadcast(y, l)", "(x <= y) & (x + s * (l - 1) <= y)"),
    *((f"broadcast(x, l) {op} broadcast(y, l)", f"broadcast(x {op} y, l)", ALWAYS) for op in LANEWISE),
    ("broadcast(x, l) & broadcast(y, l)", "broadcast(x & y, l)", ALWAYS),
    ("broadcast(x, l) | broadcast(y, l)", "broadcast(x | y, l)", ALWAYS),
    ("~broadcast(x, l)", "broadcast(~x, l)", ALWAYS),
    ("min(broadcast(x, l), broadcast(y, l))", "broadcast(min(x, y), l)", ALWAYS),
    ("max(broadcast(x, l), broadcast(y, l))", "broadcast(max(x, y), l)", ALWAYS),
    ("select(broadcast(z, l), broadcast(x, l), broadcast(y, l))", "broadcast(select(z, x, y), l)", ALWAYS),
]

BITS: list[Row] = [
    ("bitwise_xor(x, 0)", "x", ALWAYS),
    ("bitwise_xor(0, x)", "x", ALWAYS),
    ("bitwise_xor(x, x)", "x - x", ALWAYS),
    ("bitwise_xor(bitwise_xor(x, y), y)", "x", ALWAYS),
    ("bitwise_xor(bitwise_xor(x, y), x)", "y", ALWAYS),
    ("bitwise_xor(x, bitwise_xor(x, y))", "y", ALWAYS),
    ("bitwise_xor(y, bitwise_xor(x, y))", "x", ALWAYS),
    ("bitwise_xor(bitwise_xor(x, c), d)", "bitwise_xor(x, bitwise_xor(c, d))", ALWAYS),
    ("bitwise_or(x, 0)", "x", ALWAYS),
    ("bitwise_or(0, x)", "x", ALWAYS),
    ("bitwise_or(x, x)", "x", ALWAYS),
    ("bitwise_and(x, x)", "x", ALWAYS),
    ("bitwise_and(x, 0)", "x - x", ALWAYS),
    ("bitwise_and(0, x)", "x - x", ALWAYS),
    ("bitwise_not(bitwise_not(x))", "x", ALWAYS),
    # A mask that a number stays below takes nothing from it.
    ("bitwise_and(x, c)", "x", "(x >= 0) & (x <= c) & (bitwise_and(c, c + 1) == 0)"),
]

LOGIC: list[Row] = [
    ("x & x", "x", ALWAYS),
    ("x | x", "x", ALWAYS),
    ("~(~x)", "x", ALWAYS),
    ("x == true", "x", ALWAYS),
    ("x != false", "x", ALWAYS),
    ("x == false", "~x", ALWAYS),
    ("x != true", "~x", ALWAYS),
    ("select(x, true, false)", "x", ALWAYS),
    ("select(x, false, true)", "~x", ALWAYS),
    ("select(~x, y, z)", "select(x, z, y)", ALWAYS),
    ("select(x, y, false)", "x & y", ALWAYS),
    ("select(x, true, y)", "x | y", ALWAYS),
    ("select(x, select(x, y, z), s)", "select(x, y, s)", ALWAYS),
    ("select(x, y, select(x, z, s))", "select(x, y, s)", ALWAYS),
]

FLOATS: list[Row] = [
    # Exact for every value, zeros of both signs and NaN included; `x + 0.0` and `x * 0.0` are not.
    ("x * 1.0", "x", ALWAYS),
    ("1.0 * x", "x", ALWAYS),
    ("x / 1.0", "x", ALWAYS),
    ("x - 0.0", "x", ALWAYS),
    ("min(x, x)", "x", ALWAYS),
    ("max(x, x)", "x", ALWAYS),
]

RULES: list[Row] = [*VECTORS, *BITS, *LOGIC, *FLOATS]
