"""Tensor expressions: the programs they give, what they compute, and what they refuse."""

from collections.abc import Callable
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
from tensorir.codegen.interpreter import run
from tensorir.script import script, te
from tensorir.tir import op
from tensorir.tir.errors import UserError
from tensorir.tir.expr import Var
from tensorir.tir.function import IRModule, PrimFunc
from tensorir.tir.verify import verify


def golden(expected: str) -> str:
    return dedent(expected).strip()


def test_matmul_of_symbolic_shape() -> None:
    n = te.var("n")
    a, b = te.placeholder((n, 64), name="A"), te.placeholder((64, n), name="B")
    k = te.reduce_axis((0, 64), "k")
    c = te.compute((n, n), lambda i, j: te.sum(a[i, k] * b[k, j], axis=k), name="C")
    d = te.compute((n, n), lambda row, j: te.exp(c[row, j]) + 1.0, name="D", attrs={"note": "last"})
    assert script(te.create_prim_func([a, b, d], "mm")) == golden(
        """
        @T.prim_func
        def mm(A_handle: T.handle, B_handle: T.handle, D_handle: T.handle):
            T.func_attr({"tir.noalias": True})
            n = T.int32()
            A = T.match_buffer(A_handle, (n, 64), "float32")
            B = T.match_buffer(B_handle, (64, n), "float32")
            D = T.match_buffer(D_handle, (n, n), "float32")
            C = T.alloc_buffer((n, n), "float32")
            for i, j, k in T.grid(n, n, 64):
                with T.block("C"):
                    vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                    T.reads(A[vi, vk], B[vk, vj])
                    T.writes(C[vi, vj])
                    with T.init():
                        C[vi, vj] = T.float32(0)
                    C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
            for row, j in T.grid(n, n):
                with T.block("D"):
                    v_row, vj = T.axis.remap("SS", [row, j])
                    T.reads(C[v_row, vj])
                    T.writes(D[v_row, vj])
                    T.block_attr({"note": "last"})
                    D[v_row, vj] = T.exp(C[v_row, vj]) + T.float32(1)
        """
    )


def test_extern_is_an_opaque_block() -> None:
    x = te.placeholder((4, 8), name="X")

    def body(ins: Any, outs: Any) -> Any:
        return te.call_extern("scale", ins[0].data, outs[0].data, dtype_="int32")

    y = te.extern((4, 8), [x], body, name="Y")
    assert script(te.create_prim_func([x, y])) == golden(
        """
        @T.prim_func
        def main(X: T.Buffer((4, 8), "float32"), Y: T.Buffer((4, 8), "float32")):
            T.func_attr({"tir.noalias": True})
            with T.block("Y"):
                T.reads(X[0:4, 0:8])
                T.writes(Y[0:4, 0:8])
                T.call_extern("int32", "scale", X.data, Y.data)
        """
    )


X = te.placeholder((5, 7), name="X")
Z = te.placeholder((5, 7), "int32", name="Z")
K, R = te.reduce_axis((0, 7), "k"), te.reduce_axis((1, 5), "r")


def total_and_count() -> Any:
    reducer = te.comm_reducer(lambda x, y: (x[0] + y[0], x[1] + y[1]), lambda s, n: (0, 0), "total")
    return te.compute((5,), lambda i: reducer((X[i, K], te.select(X[i, K] > 0, 1, 0)), axis=K), name="total")


SINGLE: list[tuple[Callable[[], Any], Callable[[Any, Any], Any]]] = [
    (lambda: te.compute((5, 7), lambda i, j: X[i, j] * 2 + Z[i, j], "Y"), lambda x, z: x * 2 + z),
    (lambda: te.compute((7, 5), lambda *i: X[i[1], i[0]], "Y"), lambda x, z: x.T),
    (lambda: te.compute((5,), lambda i: te.sum(X[i, K], axis=K), "Y"), lambda x, z: x.sum(1)),
    (lambda: te.compute((5,), lambda i: te.max(Z[i, K], axis=[K]), "Y"), lambda x, z: z.max(1)),
    (lambda: te.compute((5,), lambda i: te.min(X[i, K], axis=K), "Y"), lambda x, z: x.min(1)),
    (lambda: te.compute((5,), lambda i: te.prod(X[i, K], axis=K), "Y"), lambda x, z: x.prod(1)),
    (lambda: te.compute((7,), lambda j: te.sum(X[R, j], axis=R), "Y"), lambda x, z: x[1:].sum(0)),
    (lambda: te.compute((), lambda: te.sum(X[R, K], axis=[R, K]), "Y"), lambda x, z: x[1:].sum()),
    (lambda: te.compute((5,), lambda i: te.sum(X[i, K], axis=K, where=K > 2), "Y"), lambda x, z: x[:, 3:].sum(1)),
    (lambda: te.compute((5,), lambda i: te.sum(X[i, K], axis=K, init=5), "Y"), lambda x, z: 5 + x.sum(1)),
    (lambda: te.compute((5,), lambda i: te.sum(X[i, (K + 1) % 7] * (2 - K), axis=K), "Y"),
     lambda x, z: (np.roll(x, -1, 1) * (2 - np.arange(7))).sum(1)),
    (lambda: te.compute((4, 5), lambda i, j: te.if_then_else(te.any(i > j, i == 2), X[i, j], 1.0), "Y"),
     lambda x, z: np.array([[x[i, j] if i > j or i == 2 else 1 for j in range(5)] for i in range(4)])),
]  # fmt: skip


def evaluated(outputs: list[Any], name: str = "main") -> tuple[Any, Any, list[Any]]:
    func = te.create_prim_func([X, Z, *outputs], name)
    verify(func)
    rng = np.random.default_rng(0)
    x, z = rng.integers(-3, 4, (5, 7)).astype("float32"), rng.integers(-3, 4, (5, 7)).astype("int32")
    arrays = [np.zeros([e.value for e in t.shape], t.dtype.numpy) for t in outputs]
    run(func, x, z, *arrays, sanitize=True)
    return x, z, arrays


@pytest.mark.parametrize("make, expected", SINGLE, ids=range(len(SINGLE)))
def test_what_is_computed(make: Callable[[], Any], expected: Callable[[Any, Any], Any]) -> None:
    x, z, (y,) = evaluated([make()])
    np.testing.assert_allclose(y, expected(x, z))


def test_several_outputs_are_computed_together() -> None:
    x, _, (total, count) = evaluated(total_and_count())
    np.testing.assert_allclose(total, x.sum(1))
    np.testing.assert_array_equal(count, (x > 0).sum(1))
    x, _, (double, half) = evaluated(te.compute((5, 7), lambda i, j: (X[i, j] * 2, X[i, j] / 2), "pair"))
    np.testing.assert_allclose(double, x * 2)
    np.testing.assert_allclose(half, x / 2)


def test_intermediate_tensors_are_allocated_and_scalars_passed() -> None:
    s = te.var("s", "float32")
    t = te.compute((5, 7), lambda i, j: X[i, j] * s, "T0")
    u = te.compute((5, 7), lambda i, j: t[i, j] + t[i, 0], "U")
    v = te.compute((5, 7), lambda i, j: t[i, j] * u[i, j], "V")
    func = te.create_prim_func([s, v])
    assert [p.name for p in func.params] == ["X", "s", "V"], "inputs that are not listed come first"
    assert func.root is not None
    assert [b.name for b in func.root.alloc_buffers] == ["T0", "U"]
    x, y = np.ones((5, 7), "float32"), np.zeros((5, 7), "float32")
    run(func, x, 3.0, y)
    np.testing.assert_allclose(y, 18)


def test_two_functions_of_the_same_tensors_share_nothing() -> None:
    y = te.compute((5, 7), lambda i, j: X[i, j] + 1.0, "Y")
    first, second = te.create_prim_func([X, y], "first"), te.create_prim_func([X, y], "second")
    verify(IRModule({"first": first, "second": second}))
    assert not set(first.params) & set(second.params)
    assert not set(first.buffers) & set(second.buffers)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: te.compute((4, 4), lambda i: X[i, i]), "has 2 dimensions, but its function takes 1 indices"),
        (lambda: te.compute((4,), lambda i: X[i]), "buffer `X` has 2 dimensions, shape .5, 7., but got 1 indices"),
        (lambda: te.compute((5,), lambda i: te.sum(X[i, K], axis=K) + 1), "the whole of what a te.compute computes"),
        (lambda: te.compute((5,), lambda i: te.exp(te.sum(X[i, K], axis=K))), "the whole of what a te.compute"),
        (lambda: te.sum(X[0, 0], axis=Var("i")), "te.sum reduces over te.reduce_axis"),
        (lambda: te.sum(X[0, 0], axis=[]), "needs an axis"),
        (lambda: te.compute((2.5,), lambda i: i), "an extent is an integer"),
        (lambda: te.create_prim_func([X, "Y"]), "a tensor or a te.var, got str 'Y'"),
        (lambda: te.extern((4,), [X, Z], lambda i, o: op.const(0)), "needs dtype"),
        (
            lambda: te.comm_reducer(lambda x, y: x[0], lambda s, t: (0, 0))((X[0, K], X[1, K]), K).reducer.combined(
                [X[0, 0], X[0, 1]], [X[0, 0], X[0, 1]]
            ),
            "te.reduce of 2 values combines them to 1",
        ),
    ],
)
def test_wrong_uses_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make()


def test_tensors_show_what_they_are() -> None:
    assert repr(X) == "Tensor(shape=(5, 7), dtype='float32', name='X')"
    assert repr(K) == "reduce_axis((0, 7), 'vk')"
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        te.nonsense
    assert isinstance(te.create_prim_func([X]), PrimFunc)
