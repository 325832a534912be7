"""Straight-line code that loads and stores the same memory by many names: forwarding loses and invents nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorir import build, parse
from tensorir.codegen import interpreter
from tensorir.tir.buffer import BufferLoad, decl_buffer
from tensorir.tir.expr import Broadcast, Expr, Ramp, Var, const
from tensorir.tir.stmt import Allocate, BufferStore, DeclBuffer, ForKind, IfThenElse, Stmt, loop, seq

from .programs import function

SIZE = 24


class Random:
    """Draws statements over a parameter `A`, two views of it, a parameter `B` and a local array `T`."""

    def __init__(self, draw):
        self.draw = draw
        self.a, self.b = (decl_buffer((SIZE,), "int32", name) for name in "AB")
        self.view = decl_buffer((SIZE - 3,), "int32", "V", data=self.a.data)
        self.words = decl_buffer((SIZE * 2,), "int16", "W", data=self.a.data)
        self.local = decl_buffer((SIZE,), "int32", "T")
        self.vars: list[tuple[Var, int]] = []

    def number(self, low, high):
        return self.draw(st.integers(low, high))

    def index(self, room: int) -> Expr:
        """An index from 0 to room - 1."""
        shape = self.number(0, 3)
        if shape == 0 and self.vars:
            var, extent = self.vars[self.number(0, len(self.vars) - 1)]
            factor = self.number(1, 3)
            if factor * (extent - 1) < room:
                return var * factor + self.number(0, room - 1 - factor * (extent - 1))
        if shape == 1:
            at = self.number(0, SIZE - 1)
            return (self.b[at] % room + room) % room
        return const(self.number(0, room - 1))

    def access(self):
        """A buffer, an index and the number of lanes."""
        buffer = (self.a, self.b, self.local, self.view, self.words)[self.number(0, 4)]
        lanes = (1, 1, 2, 4)[self.number(0, 3)]
        base = self.index(buffer.shape[0].value - lanes + 1)
        return buffer, base if lanes == 1 else Ramp(base, const(1), lanes), lanes

    def value(self, lanes: int) -> Expr:
        buffer, index, width = self.access()
        loaded = BufferLoad(buffer, (index,)).astype(f"int32x{width}" if width > 1 else "int32")
        if width != lanes:
            return const(self.number(0, 9), "int32") if lanes == 1 else Broadcast(const(self.number(0, 9)), lanes)
        return loaded * 3 + self.number(0, 9)

    def statement(self, depth: int) -> Stmt:
        kind = self.number(0, 9)
        if depth and kind == 0:
            var, extent = Var("i"), self.number(1, 3)
            self.vars.append((var, extent))
            body = self.statements(depth - 1)
            self.vars.pop()
            return loop(var, extent, body, (ForKind.SERIAL, ForKind.UNROLLED, ForKind.SERIAL)[self.number(0, 2)])
        if depth and kind == 1:
            other = self.statements(depth - 1) if self.number(0, 1) else None
            return IfThenElse(self.value(1) > 5, self.statements(depth - 1), other)
        buffer, index, lanes = self.access()
        value = self.value(lanes)
        return BufferStore(buffer, value.astype(str(buffer.dtype.with_lanes(lanes))), (index,))

    def statements(self, depth: int) -> Stmt:
        return seq(*(self.statement(depth) for _ in range(self.number(1, 8))))

    def program(self):
        zero = Var("z")
        clear = loop(zero, SIZE, BufferStore(self.local, const(1), (zero,)))
        keep = Var("k")
        result = decl_buffer((SIZE,), "int32", "C")
        copy = loop(keep, SIZE, BufferStore(result, self.local[keep], (keep,)))
        body = DeclBuffer(self.view, DeclBuffer(self.words, seq(clear, self.statements(2), copy)))
        return function([self.a, self.b, result], Allocate(self.local, body))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_random_accesses(data):
    func = Random(data.draw).program()
    start = [np.arange(SIZE, dtype=np.int32) * 7 % 11, np.arange(SIZE, dtype=np.int32) * 5 % 13]
    want, got = ([*(a.copy() for a in start), np.zeros(SIZE, np.int32)] for _ in range(2))
    interpreter.run(func, *want)
    build(func, opt=1)(*got)
    for name, a, b in zip("ABC", want, got):
        np.testing.assert_array_equal(a, b, err_msg=name)


def test_accumulators_are_loaded_and_stored_once():
    text = """
@T.prim_func
def main(A: T.Buffer((64,), "float32"), C: T.Buffer((4,), "float32")):
    for k in T.unroll(16):
        for i in T.unroll(4):
            C[i] = C[i] + A[k * 4 + i]
"""
    llvm = build(parse(text)).source("llvm")
    assert llvm.count("load float") == 64 + 4
    assert llvm.count("store float") == 4


def test_long_unrolled_code():
    text = """
@T.prim_func
def main(A: T.Buffer((40, 64), "float32"), C: T.Buffer((8, 8), "float32")):
    for r in range(2):
        for k in T.unroll(32):
            for i in T.unroll(8):
                for j in T.vectorized(8):
                    C[i, j] = C[i, j] + A[r * 8 + i, k] * A[k, r * 8 + j]
"""
    mod = build(parse(text))
    assert mod.source().count("onwards") >= 2
    a, c = np.random.default_rng(0).integers(-3, 4, (40, 64)).astype(np.float32), np.zeros((8, 8), np.float32)
    mod(a, c)
    np.testing.assert_array_equal(c, a[:8, :32] @ a[:32, :8] + a[8:16, :32] @ a[:32, 8:16])
