"""The native entry accepts just the calls that a plain reading of the rules accepts: random signatures and arrays."""

from __future__ import annotations

import itertools
from contextlib import nullcontext
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorir.codegen.runtime.dims import Dim
from tensorir.codegen.runtime.dtypes import KINDS
from tensorir.codegen.runtime.signature import BufferParam, ScalarParam, Signature
from tensorir.tir.errors import CallError

SYMBOLS = ("n", "m", "s")
DTYPES = ("float32", "int64", "uint8", "bfloat16", "bool")


class NoValue(Exception):
    """An expression divides by zero."""


def evaluate(dim: Dim, values: dict[str, int]) -> int:
    if isinstance(dim, int):
        return dim
    if isinstance(dim, str):
        return values[dim]
    a, b = evaluate(dim[1], values), evaluate(dim[2], values)
    if dim[0] in ("//", "%") and b == 0:
        raise NoValue
    operations = {"+": a + b, "-": a - b, "*": a * b, "min": min(a, b), "max": max(a, b)}
    return operations[dim[0]] if dim[0] in operations else a // b if dim[0] == "//" else a % b


def elements(a: np.ndarray) -> set[int]:
    """The addresses of all bytes of all elements."""
    base = a.__array_interface__["data"][0]
    starts = [base + sum(i * s for i, s in zip(index, a.strides)) for index in np.ndindex(a.shape)]
    return {start + i for start in starts for i in range(a.itemsize)}


def extent(a: np.ndarray) -> tuple[int, int]:
    """The range of addresses the array lies in."""
    own = elements(a)
    return (min(own), max(own)) if own else (1, 0)


def legal(signature: Signature, arrays: list[np.ndarray], numbers: dict[str, int]) -> bool:
    """The rules of a call, read literally."""
    values = dict(numbers)
    pairs = list(zip(signature.buffers, arrays))
    for param, a in pairs:
        if (
            a.dtype != KINDS[param.dtype].numpy
            or a.ndim != len(param.shape)
            or (param.written and not a.flags.writeable)
        ):
            return False
    for param, a in pairs:
        for dim, size in zip(param.shape, a.shape):
            if isinstance(dim, str):
                values.setdefault(dim, size)
    for param, a in pairs:
        for dim, stride in zip(param.strides or (), a.strides):
            if isinstance(dim, str) and dim not in values:
                if stride % a.itemsize or stride < 0:
                    return False
                values[dim] = stride // a.itemsize
    for name, _ in signature.symbols:
        values.setdefault(name, 0)  # one that is only an offset
    try:
        for param, a in pairs:
            if a.shape != tuple(evaluate(dim, values) for dim in param.shape):
                return False
            if a.size and param.strides is None and not a.flags.c_contiguous:
                return False
            if a.size and param.strides is not None:
                wanted = [evaluate(dim, values) * a.itemsize for dim in param.strides]
                if any(s != w or s % a.itemsize for s, w, e in zip(a.strides, wanted, a.shape) if e > 1):
                    return False
                if param.written and overlapping(a):
                    return False
            if a.size:
                start = a.__array_interface__["data"][0] - evaluate(param.offset, values) * a.itemsize
                if start % max(param.align, a.itemsize):
                    return False
            elif (-evaluate(param.offset, values) * a.itemsize) % max(param.align, a.itemsize):
                return False
    except NoValue:
        return False
    for (p, a), (q, b) in itertools.combinations(pairs, 2):
        (a0, a1), (b0, b1) = extent(a), extent(b)
        if (p.written or q.written) and a0 <= b1 and b0 <= a1 and a.size and b.size:
            return False
    return True


def overlapping(a: np.ndarray) -> bool:
    """Whether elements share bytes, or interleave so that no order of the dimensions nests."""
    moving = [(e, s) for e, s in zip(a.shape, a.strides) if e > 1]
    for order in itertools.permutations(moving):
        span, nested = a.itemsize, True
        for e, s in order:
            nested = nested and s >= span
            span += (e - 1) * s
        if nested:
            assert len(elements(a)) == a.size * a.itemsize
            return False
    return True


plain = st.one_of(st.integers(0, 4), st.sampled_from(SYMBOLS[:2]))
operators = st.sampled_from(["+", "-", "*", "//", "%", "min", "max"])
expressions = st.one_of(plain, st.tuples(operators, plain, plain))


@st.composite
def signatures(draw: st.DrawFn) -> tuple[Signature, dict[str, int]]:
    """A signature, and values of its symbols in a call meant to be legal."""
    params: list[BufferParam | ScalarParam] = []
    for name in "ABC"[: draw(st.integers(1, 3))]:
        shape = tuple(draw(st.lists(expressions, max_size=3)))
        strides = None
        if draw(st.integers(0, 2)) == 0:
            strides = tuple(draw(st.one_of(st.integers(0, 6), st.sampled_from(SYMBOLS))) for _ in shape)
        offset = draw(st.sampled_from([0, 0, 0, 2, "n", ("%", 7, "m")]))
        align = draw(st.sampled_from([0, 0, 0, 16]))
        written = draw(st.booleans())
        params.append(BufferParam(name, draw(st.sampled_from(DTYPES)), shape, strides, offset, align, written))
    dims = [d for p in params for d in (*p.shape, *(p.strides or ()), p.offset)]
    free = sorted({name for d in dims for name in names(d)})
    bound = {d for d in dims if isinstance(d, str)}
    scalars = [name for name in free if name not in bound or draw(st.integers(0, 5)) == 0]
    for name in scalars:
        params.insert(draw(st.integers(0, len(params))), ScalarParam(name, "int32"))
    symbols = tuple((name, "int64") for name in free if name not in scalars)
    return Signature("f", tuple(params), symbols), {name: draw(st.integers(0, 4)) for name in free}


def names(dim: Dim) -> set[str]:
    return {dim} if isinstance(dim, str) else names(dim[1]) | names(dim[2]) if isinstance(dim, tuple) else set()


def fitting(param: BufferParam, values: dict[str, int]) -> np.ndarray:
    """An array as the signature wants it, as far as there is one, at the start of memory of its own."""
    dtype = KINDS[param.dtype].numpy
    try:
        shape = tuple(max(0, evaluate(dim, values)) for dim in param.shape)
    except NoValue:
        shape = (1,) * len(param.shape)
    memory = np.zeros(40_064, "u1")
    start = -memory.__array_interface__["data"][0] % 64
    flat = memory[start : start + 40_000].view(dtype)
    if param.strides is None:
        return flat[: int(np.prod(shape))].reshape(shape)
    strides = tuple(evaluate(dim, values) * dtype.itemsize for dim in param.strides)
    return np.lib.stride_tricks.as_strided(flat, shape, strides)


def spoil(draw: st.DrawFn, a: np.ndarray, others: list[np.ndarray]) -> np.ndarray:
    """Change something about an array; often it stays legal."""
    ways = ["dtype", "order", "frozen", "shift", "view", "reverse", "transpose", "grow", "newaxis", "alias", "strided"]
    way = draw(st.sampled_from(ways))
    if way == "dtype":
        return np.zeros(a.shape, KINDS[draw(st.sampled_from(DTYPES))].numpy)
    if way == "order":
        return np.asfortranarray(a)
    if way == "frozen":
        a = a.view()
        a.flags.writeable = False
        return a
    if way == "shift":
        memory = np.zeros(a.nbytes + 64, "u1")
        by = draw(st.sampled_from([0, 1, 2, 4, 8, 16, 32]))
        start = -memory.__array_interface__["data"][0] % 64 + by
        return memory[start : start + a.nbytes].view(a.dtype).reshape(a.shape) if a.nbytes <= memory.size - start else a
    if way == "view" and a.ndim:
        axis = draw(st.integers(0, a.ndim - 1))
        wide = np.zeros([2 * e if i == axis else e for i, e in enumerate(a.shape)], a.dtype)
        return wide[(slice(None),) * axis + (slice(None, None, 2),)]
    if way == "reverse" and a.ndim:
        return a[::-1]
    if way == "transpose":
        return a.T
    if way == "grow" and a.ndim:
        return np.zeros([e + draw(st.integers(0, 1)) for e in a.shape], a.dtype)
    if way == "newaxis":
        return a[None] if draw(st.booleans()) else a.reshape(-1)
    if way == "alias" and others:
        return draw(st.sampled_from(others))
    if way == "strided" and a.dtype == np.float32 and a.ndim == 1:
        return np.zeros((a.size, 5), "u1")[:, :4].view("f4")[:, 0]
    return a


@lru_cache(maxsize=256)  # shrinking does not compile anew, and the process keeps few mappings
def function(recorder: Any, signature: Signature) -> Any:
    return recorder(signature)


def agree(data: st.DataObject, recorder: Any) -> None:
    signature, values = data.draw(signatures())
    arrays: list[np.ndarray] = []
    for param in signature.buffers:
        a = fitting(param, values)
        if data.draw(st.integers(0, 3)) == 0:
            a = spoil(data.draw, a, arrays)
        arrays.append(a)
    numbers = {name: values[name] + (data.draw(st.integers(0, 9)) == 0) for name in signature.integers}
    f = function(recorder, signature)
    by_name = dict(zip((p.name for p in signature.buffers), arrays)) | numbers
    args = [by_name[p.name] for p in signature.params]
    before = f.calls
    with nullcontext() if legal(signature, arrays, numbers) else pytest.raises(CallError, match=r"^f: arg"):
        f.function(*args)
    assert (f.calls == before + 1) == legal(signature, arrays, numbers)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_accepts_what_the_rules_accept(data: st.DataObject, recorder) -> None:
    agree(data, recorder)


@pytest.mark.fuzz
@settings(max_examples=5_000, deadline=None)
@given(data=st.data())
def test_accepts_what_the_rules_accept_at_length(data: st.DataObject, recorder) -> None:
    agree(data, recorder)
