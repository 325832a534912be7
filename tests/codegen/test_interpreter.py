"""Statements, blocks, vectors, memory and calls as the interpreter runs them, against numpy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorir import build, lower, parse
from tensorir.codegen.interpreter import register_extern, run
from tensorir.script import ir as I
from tensorir.script import tir as T
from tensorir.tir import expr as ex
from tensorir.tir import op
from tensorir.tir.buffer import BufferLoad, decl_buffer
from tensorir.tir.errors import RunError
from tensorir.tir.expr import Var, const
from tensorir.tir.function import PrimFunc
from tensorir.tir.stmt import BufferStore, loop

from ..strategies import arrays_for, programs
from .programs import function


def floats(*shape: int, seed: int = 0) -> np.ndarray:
    """Random float32 numbers."""
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def test_matmul_of_blocks_equals_numpy_bit_for_bit() -> None:
    @T.prim_func
    def matmul(A: T.Buffer((7, 5), "float32"), B: T.Buffer((5, 9), "float32"), C: T.Buffer((7, 9), "float32")):
        for i, j, k in T.grid(7, 9, 5):
            with T.block("C"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                with T.init():
                    C[vi, vj] = T.float32(0)
                C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]

    a, b, c = floats(7, 5), floats(5, 9, seed=1), floats(7, 9, seed=2)
    run(matmul, a, b, c)
    expected = np.zeros((7, 9), "float32")
    for k in range(5):
        expected = expected + a[:, k : k + 1] * b[k : k + 1, :]
    np.testing.assert_array_equal(c, expected)


def test_init_runs_where_all_reduction_axes_are_at_their_first_value() -> None:
    @T.prim_func
    def reduce(A: T.Buffer((4, 3, 5), "int32"), B: T.Buffer((4,), "int32"), C: T.Buffer((1,), "int32")):
        for i, j, k in T.grid(4, 3, 5):
            with T.block("B"):
                vi = T.axis.spatial(4, i)
                vj = T.axis.reduce((1, 4), j + 1)
                vk = T.axis.reduce(5, k)
                with T.init():
                    B[vi] = 100
                    C[0] = C[0] + 1
                B[vi] = B[vi] + A[vi, vj - 1, vk]

    a = np.arange(60, dtype="int32").reshape(4, 3, 5)
    b, c = np.zeros(4, "int32"), np.zeros(1, "int32")
    run(reduce, a, b, c)
    np.testing.assert_array_equal(b, a.sum(axis=(1, 2)) + 100)
    assert c[0] == 4


def test_predicates_skip_instances() -> None:
    @T.prim_func
    def copy(A: T.Buffer((10,), "int32"), B: T.Buffer((10,), "int32")):
        for i, j in T.grid(3, 4):
            with T.block("B"):
                vi = T.axis.spatial(10, i * 4 + j)
                T.where(i * 4 + j < 10)
                B[vi] = A[vi] + vi

    a, b = np.arange(10, dtype="int32"), np.zeros(10, "int32")
    run(copy, a, b)
    np.testing.assert_array_equal(b, a * 2)


def test_block_memory_is_fresh_for_each_instance() -> None:
    @T.prim_func
    def sums(A: T.Buffer((3, 4), "float32"), B: T.Buffer((3,), "float32")):
        for i in range(3):
            with T.block("row"):
                vi = T.axis.spatial(3, i)
                total = T.alloc_buffer((1,), "float32", scope="local")
                for j in range(4):
                    with T.block("sum"):
                        vj = T.axis.reduce(4, j)
                        with T.init():
                            total[0] = T.float32(0)
                        total[0] = total[0] + A[vi, vj]
                B[vi] = total[0]

    a, b = floats(3, 4), np.zeros(3, "float32")
    run(sums, a, b, sanitize=True)
    np.testing.assert_allclose(b, a.sum(axis=1), rtol=1e-6)


def test_match_buffer_is_a_view_of_its_source() -> None:
    @T.prim_func
    def tiles(A: T.Buffer((8, 8), "float32"), B: T.Buffer((8, 8), "float32"), L: T.Buffer((3,), "int32")):
        for i, j in T.grid(2, 2):
            with T.block("tile"):
                vi, vj = T.axis.remap("SS", [i, j])
                s0 = T.int32()
                s1 = T.int32()
                off = T.int32()
                X = T.match_buffer(A[vi * 4 : vi * 4 + 4, vj * 4 : vj * 4 + 4], (4, 4), "float32",
                                   strides=(s0, s1), elem_offset=off)  # fmt: skip
                Y = T.match_buffer(B[vi * 4 : vi * 4 + 4, vj * 4 : vj * 4 + 4], (4, 4), "float32", offset_factor=1)
                L[0] = s0
                L[1] = s1
                L[2] = off
                for x, y in T.grid(4, 4):
                    Y[x, y] = X[y, x] * T.float32(2)

    a, b, l = floats(8, 8), np.zeros((8, 8), "float32"), np.zeros(3, "int32")
    run(tiles, a, b, l)
    expected = np.block([[a[:4, :4].T, a[:4, 4:].T], [a[4:, :4].T, a[4:, 4:].T]]) * 2
    np.testing.assert_array_equal(b, expected)
    assert l.tolist() == [8, 1, 36]


def test_allocate_and_decl_buffer_share_memory_by_pointer() -> None:
    @T.prim_func
    def bits(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "uint32"), C: T.Buffer((2, 2), "float32")):
        M = T.allocate((4,), "float32", scope="local")
        W = T.decl_buffer((4,), "uint32", data=M.data)
        V = T.decl_buffer((2, 2), "float32", data=M.data, strides=(1, 2))
        for i in range(4):
            M[i] = A[i]
            B[i] = W[i]
        for i, j in T.grid(2, 2):
            C[i, j] = V[i, j]

    a, b, c = floats(4), np.zeros(4, "uint32"), np.zeros((2, 2), "float32")
    run(bits, a, b, c)
    np.testing.assert_array_equal(b, a.view("uint32"))
    np.testing.assert_array_equal(c, a.reshape(2, 2).T)


def test_fresh_memory_is_poisoned() -> None:
    @T.prim_func
    def peek(F: T.Buffer((1,), "float32"), N: T.Buffer((1,), "int32")):
        X = T.allocate((1,), "float32", scope="local")
        Y = T.allocate((1,), "int32", scope="local")
        F[0] = X[0]
        N[0] = Y[0]

    f, n = np.zeros(1, "float32"), np.zeros(1, "int32")
    run(peek, f, n)
    assert np.isnan(f[0])
    assert n[0] == -1


def test_control_flow() -> None:
    @T.prim_func
    def collatz(A: T.Buffer((10,), "int32"), N: T.Buffer((10,), "int32")):
        for i in range(10):
            N[i] = 0
            while A[i] != 1:
                if A[i] % 2 == 0:
                    A[i] = A[i] // 2
                else:
                    A[i] = A[i] * 3 + 1
                N[i] = N[i] + 1

    def steps(x: int) -> int:
        return 0 if x == 1 else 1 + steps(x // 2 if x % 2 == 0 else 3 * x + 1)

    a, n = np.arange(1, 11, dtype="int32"), np.zeros(10, "int32")
    run(collatz, a, n)
    assert n.tolist() == [steps(x) for x in range(1, 11)]


def test_let_binds_the_value_and_not_the_expression() -> None:
    @T.prim_func
    def swap(A: T.Buffer((2,), "float32")):
        x = A[0] * T.float32(1)
        A[0] = A[1]
        A[1] = x

    a = np.array([1, 2], "float32")
    run(swap, a)
    assert a.tolist() == [2, 1]


def test_lets_inside_lets_of_expressions() -> None:
    """The value of one is what the other's body gives, and both are used further in."""
    a, c = decl_buffer((4,), "int32", "A"), decl_buffer((4,), "int32", "C")
    i, x, y, z = Var("i"), Var("x"), Var("y"), Var("z")
    inner = ex.Let(x, a[i], ex.Select(x > 2, x * 3, x))
    value = ex.Let(y, inner, ex.Let(z, y + 1, ex.Select(ex.EQ(y, y), y * y + z, z)))
    values, out = np.array([1, 2, 3, 4], "int32"), np.zeros(4, "int32")
    run(function([a, c], loop(i, 4, BufferStore(c, value, (i,)))), values, out)
    first = np.where(values > 2, values * 3, values)
    np.testing.assert_array_equal(out, first * first + first + 1)


def test_lazy_operands_do_not_touch_memory() -> None:
    @T.prim_func
    def shift(A: T.Buffer((4,), "int32"), B: T.Buffer((4,), "int32"), C: T.Buffer((4,), "bool")):
        for i in range(4):
            B[i] = T.if_then_else(i < 3, A[i + 1], -1)
            C[i] = i < 3 and A[i + 1] // (3 - i) > 0

    a, b, c = np.array([1, 2, 3, 4], "int32"), np.zeros(4, "int32"), np.zeros(4, bool)
    run(shift, a, b, c, sanitize=True)
    assert b.tolist() == [2, 3, 4, -1]
    assert c.tolist() == [False, True, True, False]


def test_loops_start_where_they_say_and_may_be_empty() -> None:
    @T.prim_func
    def count(A: T.Buffer((10,), "int32"), n: T.int32):
        for i in T.serial(3, 7):
            A[i] = i
        for _ in range(n):
            A[0] = 99

    a = np.zeros(10, "int32")
    run(count, a, -3)
    assert a.tolist() == [0, 0, 0, 3, 4, 5, 6, 0, 0, 0]
    run(count, a, n=1)
    assert a[0] == 99


@pytest.mark.parametrize("depth", (5, 25, 60))
def test_loops_nest_deeper_than_python_allows(depth: int) -> None:
    out = decl_buffer((1,), "int32", "C")
    variables = [Var(f"i{k}") for k in range(depth)]
    total = const(0)
    for v in variables:
        total = total + v
    body: object = BufferStore(out, out[0] + total + 1, (const(0),))
    for k, v in enumerate(reversed(variables)):
        body = loop(v, 2 if k < 3 else 1, body)
    c = np.zeros(1, "int32")
    run(function([out], body), c)
    assert c[0] == 8 + 4 * 3


def test_long_expressions() -> None:
    for t in ("float64", "int32", "float32"):
        a, c = decl_buffer((3,), t, "A"), decl_buffer((3,), t, "C")
        i = Var("i")
        value = a[i]
        for k in range(300):
            value = ex.Add(value, ex.Mul(a[i], const(k, t)))
        x, out = np.array([1, 2, 3], t), np.zeros(3, t)
        run(function([a, c], loop(i, 3, BufferStore(c, value, (i,)))), x, out)
        np.testing.assert_array_equal(out, x * (1 + 299 * 150))


@pytest.mark.parametrize("depth", (300, 2000))
def test_deeply_nested_expressions(depth: int) -> None:
    a = decl_buffer((4,), "float64", "A")
    chains = {
        "calls": lambda e: op.call("sin", e),
        "casts": lambda e: ex.Cast(ex.dtype("float64"), ex.Cast(ex.dtype("int64"), e)),
        "lets": lambda e: ex.Let(v := Var("v", ex.dtype("float64")), e, v * 0.5),
        "loads": lambda e: a[ex.Cast(ex.dtype("int32"), e)],
    }
    for name, wrap in chains.items():
        e = a[0]
        for _ in range(depth if name != "loads" else 300):
            e = wrap(e)
        run(function([a], BufferStore(a, e, (const(1),))), np.zeros(4))


def test_what_nests_too_deeply_is_refused() -> None:
    a = decl_buffer((4,), "float64", "A")
    e = a[0]
    for _ in range(20_000):
        e = op.call("sin", e)
    with pytest.raises(RunError, match="`main` nests expressions or statements too deeply to be run"):
        run(function([a], BufferStore(a, e, (const(1),))), np.zeros(4))


def test_vectors_of_all_kinds() -> None:
    @T.prim_func
    def vectors(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32"), C: T.Buffer((4,), "float32")):
        B[T.Ramp(0, 2, 8)] = A[T.Ramp(8, 1, 8)] * T.Broadcast(T.float32(2), 8)
        B[T.Ramp(1, 2, 8)] = T.Select(A[T.Ramp(0, 1, 8)] > T.Broadcast(T.float32(0), 8), A[T.Ramp(0, 1, 8)],
                                      T.Broadcast(T.float32(-1), 8))  # fmt: skip
        C[T.Ramp(0, 1, 4)] = T.Shuffle([A[T.Ramp(0, 1, 4)], A[T.Ramp(4, 1, 4)]], [7, 0, 3, 4])

    a, b, c = floats(16), np.zeros(16, "float32"), np.zeros(4, "float32")
    run(vectors, a, b, c)
    np.testing.assert_array_equal(b[::2], a[8:] * 2)
    np.testing.assert_array_equal(b[1::2], np.where(a[:8] > 0, a[:8], -1))
    np.testing.assert_array_equal(c, a[[7, 0, 3, 4]])


def test_a_vector_store_evaluates_all_lanes_first() -> None:
    @T.prim_func
    def shift(A: T.Buffer((8,), "int32")):
        A[T.Ramp(1, 1, 7)] = A[T.Ramp(0, 1, 7)]

    a = np.arange(8, dtype="int32")
    run(shift, a)
    assert a.tolist() == [0, 0, 1, 2, 3, 4, 5, 6]


def test_masked_lanes_are_not_touched() -> None:
    a, c = decl_buffer((4,), "int32", "A"), decl_buffer((4,), "int32", "C")
    ramp = ex.Ramp(const(0), const(1), 8)
    mask = ex.LT(ramp, ex.Broadcast(const(4), 8))
    store = BufferStore(c, BufferLoad(a, (ramp,), mask), (ramp,), mask)
    x, out = np.arange(1, 5, dtype="int32"), np.zeros(4, "int32")
    run(function([a, c], store), x, out, sanitize=True)
    assert out.tolist() == [1, 2, 3, 4]


def test_buffers_of_vectors() -> None:
    @T.prim_func
    def double(A: T.Buffer((3,), "float32x4"), B: T.Buffer((3,), "float32x4")):
        for i in range(3):
            B[i] = A[2 - i] + A[2 - i]

    a, b = floats(3, 4), np.zeros((3, 4), "float32")
    run(double, a, b)
    np.testing.assert_array_equal(b, a[::-1] * 2)


def test_reductions_of_lanes() -> None:
    @T.prim_func
    def lanes(A: T.Buffer((8,), "int32"), B: T.Buffer((3,), "int32")):
        B[0] = T.vector_reduce_add(A[T.Ramp(0, 1, 8)])
        B[1] = T.vector_reduce_max(A[T.Ramp(0, 1, 8)])
        B[2] = T.vector_reduce_min(A[T.Ramp(0, 1, 8)])

    a, b = np.array([3, 1, 4, 1, 5, 9, -2, 6], "int32"), np.zeros(3, "int32")
    run(lanes, a, b)
    assert b.tolist() == [27, 9, -2]


def test_functions_of_a_module_call_each_other() -> None:
    @I.ir_module
    class Module:
        @T.prim_func
        def scale(A: T.Buffer((4,), "float32"), s: T.float32):
            for i in range(4):
                A[i] = A[i] * s

        @T.prim_func
        def triangle(n: T.int32) -> T.int32:
            T.ret(n * (n + 1) // 2)

        @T.prim_func
        def main(A: T.Buffer((4,), "float32"), B: T.Buffer((1,), "int32")):
            Module.scale(A.data, T.float32(3))
            B[0] = T.call_function("int32", "triangle", 10)

    a, b = floats(4), np.zeros(1, "int32")
    expected = a * np.float32(3)
    run(Module, a, b)
    np.testing.assert_array_equal(a, expected)
    assert b[0] == 55
    assert run(Module, 4, name="triangle") == 10


def test_pointers_into_buffers() -> None:
    @I.ir_module
    class Module:
        @T.prim_func
        def fill(A: T.Buffer((2,), "int32"), x: T.int32):
            A[0] = x
            A[1] = x + 1

        @T.prim_func
        def main(A: T.Buffer((4, 2), "int32")):
            Module.fill(T.address_of(A[1, 0]), 5)
            Module.fill(T.tvm_access_ptr(T.type_annotation("int32"), A.data, 6, 2, 2), 7)

    a = np.zeros((4, 2), "int32")
    run(Module, a)
    assert a.tolist() == [[0, 0], [5, 6], [0, 0], [7, 8]]


@pytest.mark.parametrize("offset", ("", ", elem_offset=at"))
@pytest.mark.parametrize("stage", (None, "lower_match_buffer", "flatten_buffer"))
def test_pointers_into_views(offset: str, stage: str | None) -> None:
    """Counted from the view's first element, whether it asks where in its source that is or not."""
    module = parse(f"""
@I.ir_module
class Module:
    @T.prim_func
    def fill(A: T.Buffer((2,), "int32"), x: T.int32):
        A[0] = x
        A[1] = x + 1
    @T.prim_func
    def main(A: T.Buffer((4, 4), "int32")):
        for i in range(4):
            with T.block("B"):
                vi = T.axis.spatial(4, i)
                T.writes(A[vi, 1:4])
                {"at = T.int32()" if offset else ""}
                V = T.match_buffer(A[vi, 1:4], (3,), "int32"{offset})
                Module.fill(V.access_ptr("w", offset=1), vi * 10)
""")
    want = np.array([[0, 0, 10 * i, 10 * i + 1] for i in range(4)], "int32")
    a = np.zeros((4, 4), "int32")
    run(lower(module, until=stage) if stage else module, a, name="main")
    np.testing.assert_array_equal(a, want)
    for target in ("llvm", "c"):
        build(module, target=target)["main"](a := np.zeros((4, 4), "int32"))
        np.testing.assert_array_equal(a, want)


def test_external_functions_are_looked_up_by_name() -> None:
    @T.prim_func
    def call(A: T.Buffer((3,), "float32")):
        A[0] = T.call_extern("float32", "sqrtf", T.float32(2))
        A[1] = T.call_pure_extern("float32", "interpreter_test_mean", T.float32(1), T.float32(4))
        T.call_extern("int32", "interpreter_test_fill", T.address_of(A[2]))

    def fill(pointer: object) -> int:
        pointer.view(pointer.element)[0] = 7.0
        return 0

    register_extern("interpreter_test_mean", lambda x, y: (x + y) / 2)
    register_extern("interpreter_test_fill", fill)
    a = np.zeros(3, "float32")
    run(call, a)
    np.testing.assert_array_equal(a, np.array([2**0.5, 2.5, 7], "float32"))


def test_atomic_additions_return_the_former_value_in_order() -> None:
    @T.prim_func
    def histogram(A: T.Buffer((6,), "int32"), H: T.Buffer((3,), "int32"), P: T.Buffer((6,), "int32")):
        for i in T.parallel(6):
            P[i] = T.atomic_add(H[A[i]], 1)

    a, h, p = np.array([0, 1, 1, 2, 1, 0], "int32"), np.zeros(3, "int32"), np.zeros(6, "int32")
    run(histogram, a, h, p, sanitize=True)
    assert h.tolist() == [2, 3, 1]
    assert p.tolist() == [0, 0, 1, 0, 2, 1]


def test_return_leaves_from_inside_loops() -> None:
    @T.prim_func
    def find(A: T.Buffer((10,), "int32"), x: T.int32) -> T.int32:
        for i in range(10):
            if A[i] == x:
                T.ret(i)
        T.ret(-1)

    a = np.arange(0, 30, 3, dtype="int32")
    assert run(find, a, 12) == 4
    assert run(find, a, x=13) == -1


def test_break_and_continue() -> None:
    @T.prim_func
    def odd(A: T.Buffer((10,), "int32")):
        for i in range(10):
            if i == 7:
                T.break_loop()
            if i % 2 == 0:
                T.continue_loop()
            A[i] = i

    a = np.zeros(10, "int32")
    run(odd, a)
    assert a.tolist() == [0, 1, 0, 3, 0, 5, 0, 0, 0, 0]


def test_symbolic_shapes_are_found_from_the_arguments() -> None:
    @T.prim_func
    def add(a: T.handle, b: T.handle):
        n = T.int32()
        m = T.int32()
        A = T.match_buffer(a, (n, m), "float32")
        B = T.match_buffer(b, (n, m * 2), "float32")
        for i, j in T.grid(n, m * 2):
            B[i, j] = A[i, j // 2] + T.cast(n, "float32")

    for n, m in ((3, 2), (1, 5), (0, 4)):
        x, y = floats(n, m), np.zeros((n, 2 * m), "float32")
        run(add, x, y)
        np.testing.assert_array_equal(y, np.repeat(x, 2, axis=1) + np.float32(n))


def test_declared_strides_accept_views() -> None:
    @T.prim_func
    def copy(a: T.handle, b: T.handle):
        s0 = T.int32()
        s1 = T.int32()
        A = T.match_buffer(a, (3, 4), "int32", strides=(s0, s1))
        B = T.match_buffer(b, (3, 4), "int32")
        for i, j in T.grid(3, 4):
            B[i, j] = A[i, j]

    base = np.arange(200, dtype="int32").reshape(10, 20)
    for view in (base[::3, 2:18:4][:3], base[2:5, 4:8].copy(), base[4:8, :3].T, base[5:2:-1, 10:6:-1]):
        b = np.zeros((3, 4), "int32")
        run(copy, view, b)
        np.testing.assert_array_equal(b, view)


@pytest.mark.parametrize("t", ("bool", "int4", "uint4", "int8", "uint64", "float16", "bfloat16", "float8_e4m3fn"))
def test_every_type_is_stored_as_numpy_has_it(t: str) -> None:
    a, c = decl_buffer((16,), t, "A"), decl_buffer((16,), t, "C")
    i = Var("i")
    x = (np.arange(16) % 8).astype(ex.dtype(t).numpy)
    out = np.zeros_like(x)
    run(function([a, c], loop(i, 16, BufferStore(c, a[const(15) - i], (i,)))), x, out)
    np.testing.assert_array_equal(out.view("uint8"), x[::-1].copy().view("uint8"))


def test_arrays_that_overlap_are_one_memory() -> None:
    @T.prim_func
    def copy(A: T.Buffer((4,), "int32"), B: T.Buffer((4,), "int32")):
        for i in range(4):
            B[i] = A[i] + 1

    base = np.zeros(5, "int32")
    run(copy, base[:4], base[1:], sanitize=True)
    assert base.tolist() == [0, 1, 2, 3, 4]


@given(programs())
@settings(max_examples=40, deadline=None)
def test_the_sanitizer_changes_no_result(program: PrimFunc) -> None:
    plain, checked = arrays_for(program), arrays_for(program)
    run(program, *plain)
    run(program, *checked, sanitize=True, check_regions=True)
    for a, b in zip(plain, checked):
        np.testing.assert_array_equal(a.view(np.uint8), b.view(np.uint8))


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 3))
@settings(max_examples=20, deadline=None)
def test_flat_addresses_equal_numpy_strides(rows: int, columns: int, pad: int) -> None:
    buffer = decl_buffer((rows, columns), "int32", "A", strides=(columns + pad, 1))
    i, j = Var("i"), Var("j")
    body = loop(i, rows, loop(j, columns, BufferStore(buffer, i * const(100) + j, (i, j))))
    base = np.full((rows, columns + pad), -1, "int32")
    run(function([buffer], body), base[:, :columns])
    expected = np.full_like(base, -1)
    expected[:, :columns] = np.arange(rows)[:, None] * 100 + np.arange(columns)
    np.testing.assert_array_equal(base, expected)
