"""Programs to and from Apache TVM: its printed texts are read here, and ours there, where an interpreter is named."""

import json
import os
import re
from typing import Any

import numpy as np
import pytest
from tensorir import PrimFunc, assert_structural_equal, parse, structural_equal
from tensorir.codegen.interpreter import run
from tensorir.script import script
from tensorir.tir.errors import UserError
from tensorir.tir.function import IRModule
from tensorir.tir.verify import verify

from ..random_programs import arrays_for
from .tvm_corpus import FILE, VARIABLE, ask
from .tvm_programs import CONSTRUCTS, RANDOM, STEPS, WORKLOADS, constructs

CORPUS: list[dict[str, Any]] = json.loads(FILE.read_text())
NAMES = [entry["name"] for entry in CORPUS]
needs_tvm = pytest.mark.skipif(VARIABLE not in os.environ, reason=f"{VARIABLE} names no interpreter that has TVM")


def only_function(program: Any) -> PrimFunc:
    """The one function of a program."""
    if isinstance(program, IRModule):
        (program,) = program.functions.values()
    assert isinstance(program, PrimFunc)
    return program


def arguments(func: PrimFunc, size: int = 5) -> list[Any]:
    """Arrays and numbers for a function; symbolic extents are `size`."""
    if all(p in func.buffer_map and all(hasattr(e, "value") for e in func.buffer_map[p].shape) for p in func.params):
        return arrays_for(func)
    rng = np.random.default_rng(0)
    out: list[Any] = []
    for param in func.params:
        buffer = func.buffer_map.get(param)
        if buffer is None:
            out.append(size)
        else:
            extents = [getattr(e, "value", size) for e in buffer.shape]
            out.append((rng.integers(-8, 9, extents) / 4).astype(buffer.dtype.numpy))
    return out


def results(func: PrimFunc) -> list[Any]:
    """The arrays after running the function."""
    values = arguments(func)
    run(func, *values)
    return [v for v in values if isinstance(v, np.ndarray)]


@pytest.mark.parametrize("entry", CORPUS, ids=NAMES)
def test_what_tvm_prints_is_read(entry: dict[str, Any]) -> None:
    theirs = parse(entry["tvm"])
    verify(theirs)
    assert_structural_equal(parse(script(theirs)), theirs)
    ours = only_function(parse(entry["ours"]))
    for a, b in zip(results(only_function(theirs)), results(ours), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


# TVM writes the absolute value of integers as a choice.
KEPT = [e for e in CORPUS if e["name"].startswith("random") and "T.abs" not in e["ours"]]


@pytest.mark.parametrize("entry", KEPT, ids=[e["name"] for e in KEPT])
def test_block_programs_come_back_from_tvm_as_they_were(entry: dict[str, Any]) -> None:
    theirs, ours = only_function(parse(entry["tvm"])), only_function(parse(entry["ours"]))
    assert_structural_equal(theirs.replace(attrs=ours.attrs), ours)


def test_the_corpus_holds_every_program() -> None:
    assert [f.name for f in WORKLOADS] + [f"random {i}" for i in range(12)] + [*CONSTRUCTS] + [*STEPS] == NAMES


@pytest.mark.parametrize(
    "func", [f for _, f in constructs()] + WORKLOADS, ids=[*CONSTRUCTS, *(f.name for f in WORKLOADS)]
)
def test_we_read_what_we_write_for_tvm(func: PrimFunc) -> None:
    text = script(func, dialect="tvm")
    for a, b in zip(results(only_function(parse(text))), results(func), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "statement, message",
    [
        ("A[0] = T.expm1(A[1])", "Apache TVM has no intrinsic `expm1`"),
        ("T.ret()", "cannot return from a function that gives no value"),
        (
            "A.vstore([T.Ramp(0, 1, 4)], T.Broadcast(A[0], 4), predicate=T.Broadcast(True, 4))",
            "no masked stores, such as `A.vstore([T.Ramp(0, 1, 4)], T.Broadcast(A[0], 4)",
        ),
    ],
)
def test_what_tvm_cannot_say_is_refused(statement: str, message: str) -> None:
    func = parse(f'@T.prim_func\ndef main(A: T.Buffer((16,), "float32")):\n    {statement}\n')
    with pytest.raises(UserError, match=re.escape(message)):
        script(func, dialect="tvm")


def test_a_lone_block_keeps_its_root() -> None:
    """TVM takes a block without iterators that is all of a function for the root, whatever its name."""
    alone = """@T.prim_func
def main(A: T.Buffer((16,), "float32")):
    with T.block("lone"):
        T.reads()
        T.writes(A[0])
        A[0] = T.float32(1)
"""
    func = parse(alone)
    text = func.script(dialect="tvm")
    assert 'with T.sblock("root"):' in text
    assert structural_equal(parse(text), func)


@needs_tvm
def test_the_corpus_is_what_tvm_prints_now() -> None:
    named = [*WORKLOADS, *RANDOM[:12], *(f for _, f in constructs())]
    answers = ask("print", [{"text": script(f, dialect="tvm")} for f in named])
    assert [a.get("text") for a in answers] == [e["tvm"] for e in CORPUS[: len(named)]]


@needs_tvm
def test_tvm_builds_our_programs_to_the_same_results() -> None:
    programs = [f for f in [*WORKLOADS, *RANDOM, *(f for _, f in constructs())] if _passes_arrays_only(f)]
    requests = []
    for func in programs:
        arrays = [{"shape": a.shape, "dtype": str(a.dtype), "data": a.ravel().tolist()} for a in arguments(func)]
        requests.append({"text": script(func, dialect="tvm"), "name": func.name, "arrays": arrays})
    for func, answer in zip(programs, ask("run", requests), strict=True):
        assert "error" not in answer, f"{answer.get('error')}\n{script(func, dialect='tvm')}"
        for mine, data in zip(results(func), answer["arrays"], strict=True):
            theirs = np.array(data, mine.dtype).reshape(mine.shape)
            np.testing.assert_allclose(theirs, mine, rtol=1e-4, atol=1e-5, err_msg=script(func))


def _passes_arrays_only(func: PrimFunc) -> bool:
    return all(p in func.buffer_map for p in func.params)
