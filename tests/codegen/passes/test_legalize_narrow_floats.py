"""Programs on narrow floats compute the same in 32-bit floats and integers, bit for bit."""

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorir import lower, parse
from tensorir.codegen.interpreter import run
from tensorir.codegen.passes.legalize_narrow_floats import NARROW, legalize, legalize_narrow_floats, missing
from tensorir.codegen.target import Target
from tensorir.tir import expr as ex
from tensorir.tir.buffer import Buffer, decl_buffer
from tensorir.tir.dtype import dtype
from tensorir.tir.errors import LowerError
from tensorir.tir.expr import Cast, Expr, Var
from tensorir.tir.function import PrimFunc
from tensorir.tir.same import assert_structural_equal
from tensorir.tir.stmt import BufferStore, loop
from tensorir.tir.verify import verify
from tensorir.tir.visit import walk

from ..programs import function
from .checks import apply

TYPES = sorted(NARROW)

OLD = Target("cuda", arch="sm_75")


def legal(func: PrimFunc) -> PrimFunc:
    """The function after the pass, which has none of the types left but in its parameters."""
    out = legalize(func, NARROW)
    verify(out)
    assert_structural_equal(parse(out.script()), out)
    left = [n for n in walk(out.body) if isinstance(n, (Expr, Buffer)) and str(n.dtype.element) in NARROW]
    assert not [n for n in left if not isinstance(n, Var)], left
    return out


def agree(func: PrimFunc, *arrays: Any) -> None:
    """Check that the program computes the same bits before and after, NaN being equal to NaN."""
    want, got = [a.copy() for a in arrays], [a.copy() for a in arrays]
    run(func, *want)
    run(legal(func), *got)
    for a, b in zip(want, got):
        if a.dtype.kind not in "iub":
            with np.errstate(invalid="ignore"):  # signalling NaNs
                a, b = a.astype(np.float64), b.astype(np.float64)
            np.testing.assert_array_equal(np.signbit(a[~np.isnan(a)]), np.signbit(b[~np.isnan(b)]))
        np.testing.assert_array_equal(a, b)


def every(t: str) -> np.ndarray:
    """Every number of an 8-bit type; for 16 bits a sample with all special ones."""
    bits = dtype(t).bits
    patterns = np.arange(1 << bits, dtype=f"uint{bits}")
    if bits == 16:
        patterns = np.concatenate([patterns[:40], patterns[::211], patterns[0x7BF0:0x7C10], patterns[0x7F70:0x7F90]])
    return patterns.view(dtype(t).numpy)


def elementwise(types: list[str], output: str, size: int, f: Any) -> PrimFunc:
    """`C[i] = f(A0[i], A1[i], ...)`."""
    arrays = [decl_buffer((size,), t, f"A{k}") for k, t in enumerate(types)]
    out, i = decl_buffer((size,), output, "C"), Var("i")
    return function([*arrays, out], loop(i, size, BufferStore(out, f(*(a[i] for a in arrays)), (i,))))


@pytest.mark.parametrize("t", TYPES)
def test_every_number_survives_memory(t: str) -> None:
    a = every(t)
    agree(elementwise([t], t, len(a), lambda x: x), a, np.zeros_like(a))


@pytest.mark.parametrize("t", TYPES)
@pytest.mark.parametrize("node", (ex.Add, ex.Sub, ex.Mul, ex.Div, ex.Min, ex.Max), ids=lambda n: n.__name__)
def test_arithmetic(t: str, node: Any) -> None:
    a = every(t)
    rng = np.random.default_rng(0)
    b = rng.permutation(a)
    agree(elementwise([t, t], t, len(a), node), a, b, np.zeros_like(a))


@pytest.mark.parametrize("t", TYPES)
def test_comparisons_and_choices(t: str) -> None:
    a = every(t)
    b = np.random.default_rng(1).permutation(a)
    agree(elementwise([t, t], "bool", len(a), ex.LT), a, b, np.zeros(len(a), bool))
    agree(elementwise([t, t], t, len(a), lambda x, y: ex.Select(ex.GE(x, y), x, y)), a, b, np.zeros_like(a))


@given(st.lists(st.floats(width=64), min_size=1, max_size=20), st.sampled_from(TYPES))
@settings(max_examples=60, deadline=None)
def test_doubles_and_floats_are_rounded_once(values: list[float], t: str) -> None:
    for source in ("float64", "float32"):
        with np.errstate(all="ignore"):
            a = np.array(values).astype(source)
        out = np.zeros(len(a), dtype(t).numpy)
        agree(elementwise([source], t, len(a), lambda x: Cast(dtype(t), x)), a, out)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20), st.sampled_from(TYPES))
@settings(max_examples=60, deadline=None)
def test_integers_are_rounded_once(values: list[int], t: str) -> None:
    for source in ("int64", "uint64", "int32", "int8", "uint16"):
        a = np.array([ex.wrap(v, dtype(source)) for v in values], dtype=source)
        out = np.zeros(len(a), dtype(t).numpy)
        agree(elementwise([source], t, len(a), lambda x: Cast(dtype(t), x)), a, out)


@pytest.mark.parametrize("t", TYPES)
@pytest.mark.parametrize("target", ("float64", "float32", "int32", "int8", "bool", "bfloat16"))
def test_casts_to_other_types(t: str, target: str) -> None:
    a = every(t)
    agree(elementwise([t], target, len(a), lambda x: ex.cast(x, target)), a, np.zeros(len(a), dtype(target).numpy))


def test_a_program_with_memory_lets_vectors_and_bits() -> None:
    program = parse("""
@T.prim_func
def main(A: T.Buffer((8,), "bfloat16"), B: T.Buffer((8,), "float16"), C: T.Buffer((8,), "uint16"), s: T.float16):
    X = T.allocate((8,), "bfloat16", scope="local")
    X[T.Ramp(0, 1, 8)] = A[T.Ramp(0, 1, 8)] * T.Broadcast(T.bfloat16(3), 8)
    for i in range(8):
        x: T.bfloat16 = X[i] + T.bfloat16(0.1)
        B[i] = T.Cast("float16", x) * s + T.sqrt(B[i])
        C[i] = T.reinterpret("uint16", x)
        A[i] = T.reinterpret("bfloat16", C[7 - i])
""")
    rng = np.random.default_rng(0)
    a = rng.standard_normal(8).astype(ml_dtypes.bfloat16)
    b = rng.random(8).astype("float16")
    want, got = [a, b, np.zeros(8, "uint16")], [a.copy(), b.copy(), np.zeros(8, "uint16")]
    run(program, *want, 1.5)
    run(legal(program), *got, 1.5)
    for x, y in zip(want, got):
        np.testing.assert_array_equal(x.view("uint16"), y.view("uint16"))


def test_a_matmul_lowered_for_an_old_gpu() -> None:
    program = parse("""
@T.prim_func
def main(A: T.Buffer((6, 5), "bfloat16"), B: T.Buffer((5, 16), "bfloat16"), C: T.Buffer((6, 16), "bfloat16")):
    for i, k in T.grid(6, 5):
        for j in T.vectorized(16):
            with T.block("C"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                with T.init():
                    C[vi, vj] = T.bfloat16(0)
                C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
""")
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s).astype(ml_dtypes.bfloat16) for s in ((6, 5), (5, 16), (6, 16))]
    lowered = lower(program, OLD)
    want, got = [a.copy() for a in arrays], [a.copy() for a in arrays]
    run(program, *want)
    run(lowered, *got)
    for a, b in zip(want, got):
        np.testing.assert_array_equal(a.view("uint16"), b.view("uint16"))
    assert "bfloat16" not in lowered.script().split("):", 1)[1]


def test_only_what_a_target_lacks_is_replaced() -> None:
    program = elementwise(["bfloat16"], "bfloat16", 4, lambda x: x)
    for target in (Target("llvm"), Target("c"), Target("cuda", arch="sm_80")):
        assert apply(legalize_narrow_floats, program, target=target) is program
    assert apply(legalize_narrow_floats, program, target=OLD) is not program
    assert missing(Target("cuda", arch="sm_80")) == {"float8_e4m3fn", "float8_e5m2"}
    assert missing(Target("cuda", arch="sm_90a")) == set()


def test_refusals() -> None:
    program = parse("""
@T.prim_func
def main(A: T.Buffer((8,), "bfloat16")):
    T.atomic_add(A[0], T.bfloat16(1))
""")
    with pytest.raises(LowerError, match="a call of type bfloat16 has no legal form for this target"):
        legalize(program, NARROW)
