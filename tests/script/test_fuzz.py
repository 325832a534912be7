"""Strangers' texts: whatever a text holds, parsing it builds a program or raises ScriptError, in linear time."""

import random
import re
import sys
from typing import Any

import pytest
import tensorir
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tensorir.script import tir
from tensorir.script.names import I, T
from tensorir.tir.errors import ScriptError

from ..strategies import modules

PROGRAM = """
@I.ir_module
class Module:
    @T.prim_func
    def main(A: T.Buffer((16, n), "float32"), n: T.int32, p: T.handle("float32", "global")):
        T.func_attr({"tir.noalias": True, "list": [1, 2.5, "x"]})
        C = T.alloc_buffer((16, 16), "float32", scope="shared")
        for i, j in T.grid(16, 16):
            with T.block("C"):
                vi, vj = T.axis.remap("SR", [i, j])
                T.where(i * 4 + j < 15)
                T.reads(A[vi, 0:4])
                with T.init():
                    C[vi, vj] = T.float32(0)
                x: T.float32 = T.exp(A[vi, vj]) + T.Cast("float32", vi // 2 % 3)
                C[vi, vj] = C[vi, vj] + T.if_then_else(x > 0.5 and not vj == 3, x, -x)
        y = T.Let(z * z, where={z: n + 1})
        while C[0, 0] < T.float32(10):
            C[0, 0:4] += A[0, 0:4] * T.Broadcast(C[0, 0], 4)
            if n > y:
                break
        V = T.decl_buffer((4,), data=p, elem_offset=y)
        V[0] = T.call_extern("float32", "f", C.data, T.address_of(A[0, 0]))
        assert n > 0, "positive"
        Module.other(n)

    @T.prim_func(private=True)
    def other(n: T.int32):
        T.evaluate(T.call_function("int32", "main", n))
"""

TOKENS = re.findall(r"\n *|\w+|\"[^\"]*\"|[^\w\s]| +", PROGRAM)
WORDS = sorted({*(f"T.{word}" for word in T.members), *(f"I.{word}" for word in I.members)})
PIECES = [
    *TOKENS, *WORDS, "lambda x: x", "T.axis.", "...", "None", "True", "0x", "1e999", "-1", "2**4000", "'",
    '"""', "\\", "\0", "\ufeff", "\u202e", "é", "١", "𝟙", "ﬁ", "\r", "\t", "\f", "    ", "\n\n", "(", ")", "[",
    "]", "{", "}", ":=", "->", "@", "#", "__class__", "__import__", "eval", "exec", "self", "cls", "Module",
    "range", "min", "max", "len", "float", "*", "**",
]  # fmt: skip


def survives(text: str) -> None:
    """Parse; anything but a program or a ScriptError is a failure of the test."""
    error = None
    try:
        program = tensorir.parse(text)
    except ScriptError as e:
        error = e
    if error is None:
        assert isinstance(program, (tensorir.PrimFunc, tensorir.IRModule))
        program.script()
        return
    assert error.diagnostics, f"an error without a place: {error}"
    assert all(len(line) < 400 for line in str(error).splitlines()) or len(max(text.split(), key=len)) > 80
    assert all(d.message and d.line >= 1 and d.column >= 1 for d in error.diagnostics)


def mutated(rng: random.Random, tokens: list[str], count: int) -> str:
    """The tokens with some dropped, doubled, exchanged or replaced."""
    tokens = list(tokens)
    for _ in range(count):
        at = rng.randrange(len(tokens))
        kind = rng.randrange(5)
        if kind == 0:
            del tokens[at]
        elif kind == 1:
            tokens.insert(at, rng.choice(PIECES))
        elif kind == 2:
            tokens[at] = rng.choice(PIECES)
        elif kind == 3:
            other = rng.randrange(len(tokens))
            tokens[at], tokens[other] = tokens[other], tokens[at]
        else:
            end = min(len(tokens), at + rng.randrange(1, 12))
            into = rng.randrange(len(tokens))
            tokens[into:into] = tokens[at:end]
    return "".join(tokens)


def wreck(seed: int, cases: int) -> None:
    rng = random.Random(seed)
    for _ in range(cases):
        survives(mutated(rng, TOKENS, rng.choice((1, 1, 2, 3, 6, 20))))
        survives("".join(rng.choice(PIECES) for _ in range(rng.randrange(40))))
        call = ", ".join(rng.choice(ARGUMENTS) for _ in range(rng.randrange(5)))
        survives(CALL.format(call=f"{rng.choice(WORDS)}({call})"))


ARGUMENTS = [
    "1", "-1", "0", "2.5", "True", "None", "'float32'", "'x'", "n", "A", "A[0]", "A[0:4]", "A.data",
    "T.float32", "T.handle", "[1, 2]", "(n, 4)", "[]", "{}", "{'k': 1}", "{n: 1}", "lambda x, y: x + y", "...",
    "T.bool(True)", "n > 0", "T.exp", "p", "T.axis", "T", "I", "dtype='int32'", "annotations={'k': n}",
    "where={n: n}", "shape=(4,)", "T.Broadcast(n, 4)", "9**99", "*[1, 2]", "**{'k': 1}", "T.grid(4)",
    "T.block('b')", "T.comm_reducer(lambda x, y: x, 0)", "T.Buffer((4,))", "1e999", "T.float32('nan')",
    "T.int4(7)", "T.Ramp(0, 1, 4)", "'S'", "'SSR'", "[n]", "-n", "''", "'\\0'",
]  # fmt: skip
CALL = (
    "@T.prim_func\ndef f(A: T.Buffer((16,), 'int32'), n: T.int32, p: T.handle):\n"
    "    for i in range(4):\n        with T.block('b'):\n            x = {call}\n            {call}\n"
    "            A[0] = {call}\n"
    "            with {call} as y:\n                pass\n            for j in {call}:\n                pass\n"
)


@pytest.mark.parametrize("seed", range(2))
def test_wrecked_programs(seed: int) -> None:
    wreck(seed, 100)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(1000, 1040))
def test_wrecked_programs_at_length(seed: int) -> None:
    wreck(seed, 3000)


def test_every_word_survives_every_argument() -> None:
    for word in WORDS:
        for first in range(0, len(ARGUMENTS), 20):
            calls = "\n    ".join(f"{word}({argument})" for argument in ("", *ARGUMENTS)[first : first + 20])
            survives(f"@T.prim_func\ndef f(A: T.Buffer((16,), 'int32'), n: T.int32, p: T.handle):\n    {calls}\n")


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=st.text(max_size=200))
def test_any_text(text: str) -> None:
    survives(text)
    survives(PROGRAM.replace("16", text or "16", 1))


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(module=modules(), seed=st.integers(0, 2**32))
def test_wrecked_modules(module: Any, seed: int) -> None:
    rng = random.Random(seed)
    tokens = re.findall(r"\n *|\w+|\"[^\"\n]*\"|[^\w\s]| +", module.script())
    for _ in range(4):
        survives(mutated(rng, tokens, 2))


def body(text: str) -> str:
    return f"@T.prim_func\ndef f(A: T.Buffer((16,), 'int32'), n: T.int32):\n    {text}\n"


def nested(depth: int) -> str:
    lines = ["@T.prim_func", "def f(A: T.Buffer((16,), 'int32'), n: T.int32):"]
    lines += [f"{' ' * d}if n > {d}:" for d in range(1, depth)]
    return "\n".join([*lines, " " * depth + "A[0] = 1\n"])


HOSTILE: dict[str, str] = {
    "parentheses": body("A[0] = " + "(" * 10_000 + "n" + ")" * 10_000),
    "open parentheses": body("A[0] = " + "(" * 10_000),
    "lists": body("x = " + "[" * 10_000 + "]" * 10_000),
    "subscripts": body("A" + "[A" * 10_000 + "]" * 10_000 + " = 1"),
    "calls": body("x = " + "T.exp(" * 10_000 + "n" + ")" * 10_000),
    "a long sum": body("A[0] = " + " + ".join(["n"] * 20_000)),
    "a long power": body("A[0] = " + "**".join(["n"] * 20_000)),
    "many minus signs": body("A[0] = " + "-" * 20_000 + "n"),
    "many nots": body("A[0] = " + "not " * 20_000 + "n"),
    "a long comparison": body("A[0] = " + " < ".join(["n"] * 20_000)),
    "conditionals": body("A[0] = " + "1 if n > 0 else " * 5_000 + "2"),
    "lambdas": body("x = " + "lambda: " * 10_000 + "n"),
    "attributes": body("x = A" + ".data" * 20_000),
    "a line of a megabyte": body("A[0] = " + "n" * 1_000_000),
    "a string of a megabyte": body("T.evaluate(T.call_extern('int32', '" + "x" * 1_000_000 + "'))"),
    "a comment of a megabyte": body("pass # " + "x" * 1_000_000),
    "a number of a megabyte": body("A[0] = " + "9" * 1_000_000),
    "a float of a megabyte": body("A[0] = 0." + "9" * 1_000_000),
    "blanks of a megabyte": body("A[0] = " + " " * 1_000_000 + "1"),
    "lines of nothing": body("pass" + "\n" * 1_000_000),
    "nested ifs": nested(3_000),
    "many lets": body("\n    ".join(["x = n + 1"] * 5_000)),
    "a chain of lets": body("\n    ".join(f"x{i + 1} = x{i} + x{i}" for i in range(1, 3_000)).replace("x1 +", "n +")),
    "many elifs": body("if n > 0:\n        pass\n" + "    elif n > 1:\n        pass\n" * 5_000),
    "many loops": body(
        "for " + ", ".join(f"i{k}" for k in range(5_000)) + " in T.grid(" + "2, " * 5_000 + "):\n        pass"
    ),
    "many errors": body("\n    ".join(["x = unknown"] * 5_000)),
    "many syntax errors": body("\n    ".join(["x = = 1"] * 5_000)),
    "decorators": "@T.prim_func\n" * 5_000 + "def f(n: T.int32):\n    pass\n",
    "many functions": "@I.ir_module\nclass M:\n" + "".join(
        f"    @T.prim_func\n    def f{k}(n: T.int32):\n        M.f{k}(n)\n" for k in range(1_000)
    ),
    "triple quotes": '"""' * 100_001,
    "backslashes": "\\" * 100_000,
    "carriage returns": "\r" * 100_000,
    "nothing but nul": "\0" * 100_000,
    "doubling meta variables": body(
        "x0 = n\n    " + "\n    ".join(f"x{i + 1} = T.meta_var(x{i} + x{i})" for i in range(60)) + "\n    A[0] = x60"
    ),
    "doubling lists": body(
        "x0 = [1, 1]\n    "
        + "\n    ".join(f"x{i + 1} = [x{i}, x{i}]" for i in range(60))
        + "\n    T.func_attr({'k': x60})"
    ),
    "doubling tuples": body("t = (1, 1)\n    " + "\n    ".join(["t = t + t"] * 60)),
    "doubling macros": "@T.macro\ndef m0(A):\n    A[0] = 1\n\n" + "".join(
        f"@T.macro\ndef m{i + 1}(A):\n    m{i}(A)\n    m{i}(A)\n\n" for i in range(35)
    ) + body("m35(A)"),
    "doubling macro arguments": "@T.macro\ndef m0(A, x):\n    A[0] = x\n\n" + "".join(
        f"@T.macro\ndef m{i + 1}(A, x):\n    m{i}(A, x + x)\n\n" for i in range(35)
    ) + body("m35(A, n)"),
    "doubling functions": body("f = lambda x: x + x\n    A[0] = " + "f(" * 60 + "n" + ")" * 60),
    "a huge power": body("A[0] = 9**9**9**9"),
    "a huge shift": body("A[0] = 1 << 10**12"),
    "growing products": body("x = 2**4000\n    " + "\n    ".join(["x = x * x"] * 60)),
    "growing strings": body("x = 'a' * 10**10"),
    "a huge vector": body("A[0] = T.Broadcast(n, 10**18)"),
    "a huge grid": body("for i in T.grid(*[10**9] * 10**9): pass"),
    "host attributes": body("A[0] = T.exp.__globals__['os'].system('true')"),
    "builtins by name": body("A[0] = __import__('os').system('true')"),
    "classes of values": body("A[0] = n.__class__.__mro__[1]"),
    "dunder members of T": body("A[0] = T.__dict__"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts(name: str) -> None:
    survives(HOSTILE[name])


def test_nothing_is_executed(tmp_path: Any) -> None:
    witness = tmp_path / "witness"
    attempts = [
        f"import os\nos.system('touch {witness}')\n",
        f"x = open({str(witness)!r}, 'w')\n",
        body(f"open({str(witness)!r}, 'w')"),
        body(f"T.call_packed('int32', 'x', (lambda: open({str(witness)!r}, 'w'))())"),
        body(f"T.block(f\"{{open('{witness}', 'w')}}\")"),
        f"@(lambda f: open({str(witness)!r}, 'w'))\ndef f(): pass\n",
        f"@T.prim_func\ndef f(A: open({str(witness)!r}, 'w')): pass\n",
        f"@T.prim_func\ndef f(A: \"open({str(witness)!r}, 'w')\"): pass\n",
        f"@T.prim_func\ndef f(A=open({str(witness)!r}, 'w')): pass\n",
        f"@I.ir_module\nclass M:\n    x = open({str(witness)!r}, 'w')\n",
        body("T.exp.__call__.__self__"),
        body("T.prim_func(lambda x: x)"),
        body("T.macro(min)"),
        body("I.ir_module(T)"),
    ]
    for text in attempts:
        with pytest.raises(ScriptError):
            tensorir.parse(text)
    assert not witness.exists()


def test_text_reaches_no_attribute_of_a_python_object() -> None:
    class Trap:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"the attribute {name} was read")

    for use in ("trap.x", "trap(1)", "trap[0]", "trap + 1", "[*trap]", "trap < 1", "-trap"):
        with pytest.raises(ScriptError):
            tensorir.parse(body(f"A[0] = {use}"), extra_vars={"trap": Trap()})


def test_words_are_the_only_members_of_t() -> None:
    for name in ("__doc__", "TABLE", "globals", "_own", "INTRINSICS", "annotations", "Any"):
        assert hasattr(tir, name) or name == "globals"
        with pytest.raises(ScriptError, match=f"has no word `{name}`"):
            tensorir.parse(body(f"A[0] = T.{name}"))


def calls_made(text: str) -> int:
    """How many functions are called to parse a text: a measure of work that no other process disturbs."""
    count = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        tensorir.parse(text)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    "make",
    [
        lambda n: body("\n    ".join(["A[0] = A[1] + n * 2"] * n)),
        lambda n: body("x = [" + "n, " * n + "]"),
        lambda n: body("\n    ".join(f"for i{k} in range(4):\n        A[i{k}] = {k}" for k in range(n))),
        lambda n: "\n".join(
            ["@I.ir_module", "class M:"]
            + [f"    @T.prim_func\n    def f{k}(A: T.Buffer((4,))):\n        A[0] = 1.0" for k in range(n)]
        ),
    ],
)
def test_work_grows_linearly(make: Any) -> None:
    # A first reading fills the tables of what grammar rules collapse to.
    tensorir.parse(make(2))
    small, large = calls_made(make(50)), calls_made(make(800))
    assert large <= 16 * small
