"""Bounds of accesses: what certainly leaves its buffer is refused, what may is checked, what cannot costs nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from tensorir import RunError, Schedule, build, lower, parse
from tensorir.codegen.bounds import refuse_outside, to_check
from tensorir.codegen.interpreter import run
from tensorir.tir.errors import LowerError
from tensorir.tir.function import as_module

from ..strategies import programs
from .workloads import PROGRAMS


def program(statement: str, *, loop: str = "range(64)", extra: str = ""):
    return parse(f"""
@T.prim_func
def main(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32"), I: T.Buffer((64,), "int32"), n: T.int32):
    for i in {loop}:
        with T.block("B"):
            vi = T.axis.spatial(64, i)
{extra}            {statement}
""")


OUTSIDE = {
    "B[vi + 1] = T.float32(1)": "`B` is written outside of its shape (64,): `vi + 1` is not below 64 where `i` is 63",
    "B[vi - 1] = A[vi]": "`B` is written outside of its shape (64,): `vi - 1` is not at least 0 where `i` is 0",
    "B[vi] = A[vi * 2]": "`A` is read outside of its shape (64,): `vi * 2` is not below 64",
    "B[vi] = A[64]": "`64` is not below 64",
    "B[vi] = T.if_then_else(vi < 63, A[vi + 2], T.float32(0))": "`vi + 2` is not below 64 where `i` is 62",
    "B[100000000 + vi] = A[vi]": "`100000000 + vi` is not below 64",
}


@pytest.mark.parametrize("statement", OUTSIDE)
@pytest.mark.parametrize("target", ["llvm", "c"])
def test_what_certainly_leaves_its_buffer_is_refused(statement, target):
    with pytest.raises(LowerError) as caught:
        build(program(statement), target)
    assert OUTSIDE[statement] in str(caught.value)
    assert "^^^" in str(caught.value)


INSIDE = (
    "B[vi] = T.if_then_else(vi < 63, A[vi + 1], T.float32(0))",
    "B[vi] = T.Select(vi < 63, A[vi + 1], T.float32(0))",
    "B[63 - vi] = A[vi // 2 * 2 + vi % 2]",
    "B[vi] = A[(vi * 7) % 64]",
    "if vi >= 8 and (vi < 20 or vi == 7):\n                B[vi - 8] = A[vi + 8]",
)


@pytest.mark.parametrize("statement", INSIDE)
def test_what_is_shown_to_be_inside_is_not_checked(statement):
    func = program(statement)
    refuse_outside(as_module(func))
    assert not to_check(func, lower(func))
    a, b, index = np.arange(64, dtype="f4"), np.zeros(64, "f4"), np.zeros(64, "i4")
    want = b.copy()
    run(func, a, want, index, 0)
    build(func)(a, b, index, 0)
    np.testing.assert_array_equal(b, want)


CHECKED = {
    "B[vi + n] = A[vi]": (0, 1),
    "B[I[vi]] = A[vi]": (0, 1),
    "if I[vi] > 0:\n                B[vi + 1] = A[vi]": (0, 1),
    "if n > 0:\n                B[vi + 1] = A[vi]": (0, 1),
    "B[vi] = T.if_then_else(I[vi] > 0, A[vi + 1], A[vi])": (0, 1),
    "B[vi] = T.Select(I[vi] > 0, A[vi + 1], A[vi])": (0, 1),
}


@pytest.mark.parametrize("statement", CHECKED)
@pytest.mark.parametrize("target", ["llvm", "c"])
def test_what_data_decide_is_checked_when_it_runs(statement, target):
    func, (good, bad) = program(statement), CHECKED[statement]
    mod = build(func, target)
    a, b, index = np.arange(64, dtype="f4"), np.zeros(64, "f4"), np.arange(64, dtype="i4")
    mod(a, b, index * 0, good)
    with pytest.raises(RunError, match="outside of buffer"):
        mod(a, b, index + 1, bad)


def test_an_access_that_never_runs_is_no_error():
    for loop in ("range(0)", "range(n, 0)"):
        refuse_outside(as_module(program("B[vi + 64] = A[vi]", loop=loop)))
    refuse_outside(as_module(program("B[vi + 64] = A[vi]", extra="            T.Assert(vi < 0, 'never')\n")))
    build(program("B[vi + 64] = A[vi]", extra="            T.Assert(n < 0, 'never')\n"))


def test_a_view_that_reaches_further_than_its_memory_is_refused():
    func = """
@T.prim_func
def main(A: T.Buffer((64,), "float32")):
    V = T.decl_buffer(({},), "uint8", data=A.data)
    for i in range(256):
        V[i] = T.uint8(0)
"""
    build(parse(func.format(256)))(np.ones(64, "f4"))
    with pytest.raises(LowerError, match="declared over the 256 bytes of `A`, but takes 257"):
        build(parse(func.format(257)))


def test_symbolic_shapes_cost_nothing_where_each_dimension_is_shown():
    func = parse("""
@T.prim_func
def main(a: T.handle, b: T.handle, c: T.handle):
    n, m, k = T.int32(), T.int32(), T.int32()
    A = T.match_buffer(a, (n, k), "float32")
    B = T.match_buffer(b, (k, m), "float32")
    C = T.match_buffer(c, (n, m), "float32")
    for i, j, l in T.grid(n, m, k):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, l])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
""")
    sch = Schedule(func)
    i, j, k = sch.get_loops("C")
    (i0, i1), (j0, j1) = sch.split(i, [None, 8]), sch.split(j, [None, 16])
    sch.reorder(i0, j0, k, i1, j1)
    sch.vectorize(j1)
    sch.decompose_reduction("C", k)
    assert not to_check(sch.func, lower(sch.func))


def test_too_small_regions_do_not_corrupt_memory():
    func = parse("""
@T.prim_func
def main(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
    for i in range(2):
        with T.block("outer"):
            vi = T.axis.spatial(2, i)
            T.reads(A[0:64])
            T.writes(B[0:64])
            t = T.alloc_buffer((1000000,), "float32")
            with T.block("t"):
                T.reads(A[0])
                T.writes(t[0])
                for j in range(1000000):
                    t[j] = A[0]
            with T.block("B"):
                T.reads(t[0])
                T.writes(B[vi])
                B[vi] = t[0]
""")
    a, b = np.arange(64, dtype="f4") + 3, np.zeros(64, "f4")
    build(func)(a, b)
    assert b[:3].tolist() == [3, 3, 0]


@pytest.mark.parametrize("name", [n for n in PROGRAMS if n not in ("strided", "gather")])
def test_workloads_need_no_checks(name):
    func = parse(PROGRAMS[name][0])
    refuse_outside(as_module(func))
    left = {buffer.name for buffer, index in to_check(func, lower(func)) if "[" not in str(index)}
    assert not left


@settings(max_examples=40, deadline=None)
@given(programs())
def test_random_programs_are_neither_refused_nor_checked(func):
    refuse_outside(as_module(func))
    assert not to_check(func, lower(func))
