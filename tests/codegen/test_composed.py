"""Words that stand for an expression of others: every backend computes what the interpreter does, and the interpreter
what numpy and exact integers do; constants fold to the same."""

from __future__ import annotations

import numpy as np
import pytest
import tensorir
from tensorir.codegen import interpreter
from tensorir.script import tir as T
from tensorir.tir import op
from tensorir.tir.dtype import dtype
from tensorir.tir.errors import RunError, UserError
from tensorir.tir.expr import Broadcast, Call, const
from tensorir.tir.same import assert_structural_equal
from tensorir.tir.stmt import ForKind

from .compilers import needs_compiler
from .programs import FLOATS, elementwise, sample

SIZE = 96
BACKENDS = ("interpreter", "llvm", *(pytest.param(b, marks=needs_compiler) for b in ("c", "cuda-emulator")))
FIXED = [(q, s) for q in (1, 15, 31) for s in (-31, -3, 0, 3, 40)]


def run(backend, inputs, rule, arrays):
    """`rule` of each element of the arrays, by lanes of vectors or on a GPU by threads."""
    kind = ForKind.SERIAL if backend == "interpreter" else ForKind.VECTORIZED
    func, (out,) = elementwise(inputs, {"r": rule}, len(arrays[0]), kind)
    if backend == "cuda-emulator":
        sch = tensorir.Schedule(tensorir.parse(_blocked(func)))
        sch.bind_default()
        func = sch.mod
    got = np.zeros(len(arrays[0]), out.numpy)
    execute(backend, func, *arrays, got)
    return got


def _blocked(func):
    """The loop's statement in a block, as threads are bound to."""
    head, store = func.script().replace("T.vectorized(", "T.serial(").rstrip().rsplit("\n", 1)
    axis = f'        with T.block("R"):\n            v = T.axis.spatial({SIZE}, i)'
    return f"{head}\n{axis}\n    {store.replace('[i]', '[v]')}"


def execute(backend, func, *arrays):
    if backend == "interpreter":
        interpreter.run(func, *arrays)
    else:
        tensorir.build(func, backend)(*arrays)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("type_", FLOATS)
def test_ldexp(type_, backend):
    t = dtype(type_)
    rng = np.random.default_rng(t.bits)
    x = np.resize(sample(type_, 64), SIZE)
    n = rng.integers(-t.bits * 4, t.bits * 4, SIZE).astype("int32")
    n[::9] = [*(2**31 - 1, -(2**31), 2100, -2150, 1074, -1074), *[-150] * 5]
    if t.bits == 64:
        x[1::3] *= 2.0 ** rng.integers(-900, 900, 32)
        n[1::3] = rng.integers(-2200, 2200, 32)
    with np.errstate(all="ignore"):
        exact = np.ldexp(x.astype("float64"), n)
        expected = exact.astype(t.numpy)
    got = run(backend, [type_, "int32"], lambda x, n: op.call("ldexp", x, n), [x, n])
    assert np.array_equal(got.astype("f8"), expected.astype("f8"), equal_nan=True)
    assert np.array_equal(np.signbit(got)[expected == 0], np.signbit(expected)[expected == 0])


def fixed(x, y, q, left, right):
    """The definition in integers of any size, its product and its result wrapped."""
    product = (((x << left) * y + 2**63) % 2**64) - 2**63
    product = ((product + (1 << (q + right - 1)) + 2**63) % 2**64) - 2**63
    return ((product >> (q + right)) + 2**31) % 2**32 - 2**31


def factors():
    rng = np.random.default_rng(7)
    x, y = (rng.integers(-(2**31), 2**31, SIZE).astype("int32") for _ in range(2))
    x[:40] >>= 20
    x[:4], y[:4] = [2**31 - 1, -(2**31), -(2**31), 0], [2**31 - 1, -(2**31), 2**31 - 1, 5]
    return x, y


@pytest.mark.parametrize("backend", BACKENDS)
def test_q_multiply_shift(backend):
    x, y = factors()
    s = np.resize([s for _, s in FIXED], SIZE).astype("int32")
    for q in (1, 31) if backend in ("c", "cuda-emulator") else (1, 15, 31):
        got = run(backend, ["int32"] * 3, lambda x, y, s, q=q: op.call("q_multiply_shift", x, y, q, s), [x, y, s])
        assert got.tolist() == [
            fixed(a, b, q, max(c, 0), max(-c, 0)) for a, b, c in zip(*map(np.ndarray.tolist, (x, y, s)))
        ]
    got = run(backend, ["int32"], lambda x: op.call("q_multiply_shift", x, 1395864371, 31, -3), [x])
    assert got.tolist() == [fixed(a, 1395864371, 31, 0, 3) for a in x.tolist()]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("flags", [(False, True), (True, True)])
def test_q_multiply_shift_per_axis(flags, backend):
    x, y = factors()
    ls, rs = (np.resize(np.arange(n), SIZE).astype("int32") for n in (20, 17))

    def rule(*operands):
        return op.call("q_multiply_shift_per_axis", *operands, 31, *flags)

    got = run(backend, ["int32"] * 4, rule, [x, y, ls, rs])
    lists = [v.tolist() for v in (x, y, ls, rs)]
    assert got.tolist() == [fixed(a, b, 31, c * flags[0], d * flags[1]) for a, b, c, d in zip(*lists)]


@pytest.mark.parametrize(("q", "s"), FIXED)
def test_constants_fold_to_what_runs(q, s):
    for x, y in zip(*(v.tolist()[:8] for v in factors())):
        folded = op.call("q_multiply_shift", x, y, q, s)
        assert folded.value == fixed(x, y, q, max(s, 0), max(-s, 0))
        both = op.call("q_multiply_shift_per_axis", x, y, max(s, 0), max(-s, 0), q, s > 0, s < 0)
        assert both.value == folded.value
    assert op.call("ldexp", 1.5, s).value == np.float32(np.ldexp(1.5, s))


@pytest.mark.parametrize("backend", BACKENDS[:2])
def test_a_shift_by_too_many_bits_stops_the_program(backend):
    ones = np.ones(SIZE, "int32")
    with pytest.raises((RunError, UserError), match="shifted"):
        run(backend, ["int32"] * 2, lambda x, s: op.call("q_multiply_shift", x, x, 31, s), [ones, ones * -33])


@pytest.mark.parametrize("backend", BACKENDS[:3])
def test_isnullptr(backend):
    mod = tensorir.parse("""
@I.ir_module
class Module:
    @T.prim_func
    def main(A: T.Buffer((3,), "int32")):
        A[0] = Module.test(A.data)
        A[1] = Module.test(T.handle(0))
        A[2] = T.Select(T.isnullptr(T.handle(0)), 5, 6)

    @T.prim_func
    def test(p: T.handle) -> T.int32:
        if T.isnullptr(p):
            T.ret(1)
        T.ret(2)
""")
    out = np.zeros(3, "int32")
    execute(backend, mod, out)
    assert out.tolist() == [2, 1, 5]


@needs_compiler
def test_isnullptr_in_a_kernel():
    func = tensorir.parse("""
@T.prim_func
def main(A: T.Buffer((4,), "int32")):
    for i in T.thread_binding(4, thread="threadIdx.x"):
        if not T.isnullptr(A.data):
            A[i] = T.Select(T.isnullptr(T.handle(0)), i, -1)
""")
    out = np.zeros(4, "int32")
    execute("cuda-emulator", func, out)
    assert out.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("backend", BACKENDS)
def test_dp4a(backend):
    types = ("int8", "uint8")
    stores = "\n".join(
        f"        {a[0]}{b[0]}[i] = T.dp4a({a}s[4 * i:4 * i + 4], {b}s[60 - 4 * i:60 - 4 * i + 4], C[i])"
        for a in types
        for b in types
    )
    func = tensorir.parse(f"""
@T.prim_func
def main(int8s: T.Buffer((64,), "int8"), uint8s: T.Buffer((64,), "uint8"), C: T.Buffer((16,), "int32"),
         ii: T.Buffer((16,), "int32"), iu: T.Buffer((16,), "int32"),
         ui: T.Buffer((16,), "int32"), uu: T.Buffer((16,), "int32")):
    for i in {'T.thread_binding(16, thread="threadIdx.x")' if backend == "cuda-emulator" else "T.vectorized(16)"}:
{stores}
""")
    arrays = [sample(t, 64, seed) for seed, t in enumerate(types)]
    total = sample("int32", 16)
    got = np.zeros((4, 16), "int32")
    execute(backend, func, *arrays, total, *got)
    wide = [x.astype("int64").reshape(16, 4) for x in arrays]
    want = [(a * b[::-1]).sum(1) + total for a in wide for b in wide]
    assert np.array_equal(got, np.array(want).astype("int32"))


def test_the_type_of_dp4a_may_stand_first():
    v = T.var("int8x4", "v")
    assert T.dp4a("int32", v, v, 3) is T.dp4a(v, v, 3) and T.dp4a("int32", v, v, 0) is T.dp4a(v, v)


@needs_compiler
def test_dp4a_is_an_instruction_of_gpus():
    text = """
@T.prim_func
def main(A: T.Buffer((8,), "uint8"), C: T.Buffer((1,), "int32")):
    for i in T.thread_binding(1, thread="threadIdx.x"):
        C[i] = T.dp4a(A[0:4], A[4:8])
"""
    assert "__dp4a(" in tensorir.build(tensorir.parse(text), "cuda-emulator").source("cuda")


@pytest.mark.parametrize("backend", BACKENDS)
def test_halves_of_vectors(backend):
    loop = 'T.thread_binding(1, thread="threadIdx.x")' if backend == "cuda-emulator" else "range(1)"
    func = tensorir.parse(f"""
@T.prim_func
def main(A: T.Buffer((8,), "float16"), B: T.Buffer((8,), "float16"), C: T.Buffer((3,), "float16")):
    for i in {loop}:
        B[i:i + 8] = T.vectorcombine("float16x8", T.vectorhigh("float16x4", A[0:8]), T.vectorlow("float16x4", A[0:8]))
        C[i + 0] = T.vectorlow("float16", A[2:4])
        C[i + 1:i + 3] = T.vectorcombine("float16x2", A[0], T.vectorhigh("float16", A[2:4]))
""")
    assert_structural_equal(tensorir.parse(func.script()), func)
    a, b, c = np.arange(8).astype("float16"), np.zeros(8, "float16"), np.zeros(3, "float16")
    execute(backend, func, a, b, c)
    assert b.tolist() == [4, 5, 6, 7, 0, 1, 2, 3] and c.tolist() == [2, 0, 3]


REFUSED = {
    "T.ldexp(x, k)": "T.ldexp takes an int32 exponent, got int64; cast it",
    "T.ldexp(x, x)": "T.ldexp takes an int32 exponent, got float32",
    "T.ldexp(c, i)": "T.ldexp takes a float first, got bool",
    "T.ldexp(v, w)": "operands of as many lanes each, got 4 and 8",
    "T.dp4a(v, v)": "vectors of type int8x4 or uint8x4, got float32x4",
    "T.dp4a(b, b, 1, 2)": "T.dp4a takes 3 arguments, got 4",
    "T.dp4a('int8', b, b, 1)": "T.dp4a takes 3 arguments, got 4",
    "T.dp4a(b, b, x)": "T.dp4a adds to an int32, got float32",
    "T.dp4a(b, b, w)": "adds to one int32, got int32x8",
    "T.vectorlow('int32x2', w)": "half of the lanes of a vector, which int32x2 is not of int32x8",
    "T.vectorhigh('float32', x)": "half of the lanes of a vector, which float32 is not of float32",
    "T.vectorcombine('int32x8', w, v)": "which int32x8 is not of int32x8 and float32x4",
    "T.call_intrin('int32', 'popcount', x)": "T.popcount takes integers, got float32",
    "T.call_intrin('float32', 'ldexp', x, x)": "T.ldexp takes an int32 exponent, got float32",
    "T.call_intrin('int8', 'q_multiply_shift', i, i, 31, 0)": "as it takes them: T.q_multiply_shift(i, i, 31, 0)",
    "T.isnullptr(i)": "T.isnullptr takes a handle, got int32",
    "T.q_multiply_shift(x, i, 31, 0)": "T.q_multiply_shift takes int32, got float32",
    "T.q_multiply_shift(i, 1099511627776, 31, 0)": "takes int32, got int64",
    "T.q_multiply_shift(i, i, i, 0)": "a constant number of fractional bits, 1 to 62, got int32",
    "T.q_multiply_shift(i, i, 0, 0)": "fractional bits, 1 to 62, got 0",
    "T.q_multiply_shift(i, i, 31, -33)": "0 to 32 more, got 33",
    "T.q_multiply_shift(i, i, 31, 64)": "to the left by 0 to 63, got 64",
    "T.q_multiply_shift_per_axis(i, i, 0, 1, 31, c, True)": "a constant bool as is_lshift_required, got bool",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_refused(text):
    types = {"x": "float32", "i": "int32", "k": "int64", "c": "bool", "v": "float32x4", "w": "int32x8", "b": "int8x4"}
    with pytest.raises(UserError) as caught:
        eval(text, {"T": T, **{name: T.var(t, name) for name, t in types.items()}})
    assert REFUSED[text] in str(caught.value)


def test_scalars_stand_for_all_lanes():
    v = T.var("float32x4", "v")
    call = op.call("ldexp", v, 3)
    assert isinstance(call, Call) and call.dtype == "float32x4" and call.args[1] is Broadcast(const(3), 4)


def test_vectors_of_calls_read_back():
    rule = {"r": lambda x: op.call("q_multiply_shift_per_axis", x, x, x, 3, 31, False, True)}
    func, _ = elementwise(["int32"], rule, SIZE, ForKind.VECTORIZED)
    lowered = tensorir.lower(func, until="vectorize_loop")
    assert "T.q_multiply_shift_per_axis(" in lowered.script()
    assert_structural_equal(tensorir.parse(lowered.script()), lowered)
