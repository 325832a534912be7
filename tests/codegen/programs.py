"""Small programs made of nodes, sample data, and the comparison of a build with the interpreter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from tensorir.codegen import interpreter
from tensorir.codegen.build import build
from tensorir.tir.buffer import Buffer, decl_buffer
from tensorir.tir.dtype import HANDLE, VOID, DType, dtype
from tensorir.tir.expr import Expr, Var, const
from tensorir.tir.function import PrimFunc
from tensorir.tir.node import Attrs
from tensorir.tir.stmt import BufferStore, ForKind, Stmt, loop, seq

FLOATS = ("float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float32", "float64")
INTEGERS = ("int4", "uint4", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
KINDS = (ForKind.SERIAL, ForKind.VECTORIZED)

_SPECIAL = (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.5, -2.5, 3.0, 1e-40, 1e-7, 65504.0, 1e30, 448.0, 0.1)


def function(params: Sequence[Any], body: Stmt, *, name: str = "main", returns: Any = VOID, **attrs: Any) -> PrimFunc:
    """A function of buffers and scalar variables."""
    variables = [Var(p.name, HANDLE) if isinstance(p, Buffer) else p for p in params]
    buffers = {v: p for v, p in zip(variables, params) if isinstance(p, Buffer)}
    return PrimFunc(tuple(variables), buffers, body, dtype(returns), Attrs({"global_symbol": name, **attrs}))


def elementwise(
    inputs: Sequence[str], rules: Mapping[str, Callable[..., Any]], size: int, kind: ForKind
) -> tuple[PrimFunc, list[DType]]:
    """A function with one output a rule: `C_name[i] = rule(A0[i], A1[i], ...)`; and the outputs' types."""
    arrays = [decl_buffer((size,), t, f"A{k}") for k, t in enumerate(inputs)]
    outputs, loops = [], []
    for name, rule in rules.items():
        i = Var("i")
        value = rule(*(a[i] for a in arrays))
        assert isinstance(value, Expr)
        outputs.append(decl_buffer((size,), value.dtype, f"C_{name}"))
        loops.append(loop(i, const(size), BufferStore(outputs[-1], value, (i,)), kind))
    return function([*arrays, *outputs], seq(*loops)), [b.dtype for b in outputs]


def sample(type_: str, size: int, seed: int = 0) -> np.ndarray:
    """Numbers of a type, the special ones among them."""
    rng, t = np.random.default_rng([seed, len(type_), size]), dtype(type_)
    if t.is_float:
        x = rng.standard_normal(size) * np.exp2(rng.integers(-12, 12, size))
        x[: len(_SPECIAL)] = _SPECIAL
        rng.shuffle(x)
        with np.errstate(all="ignore"):
            return x.astype(t.numpy)
    if t.is_bool:
        return rng.integers(0, 2, size).astype(bool)
    x = rng.integers(t.min, t.max, size, dtype=np.uint64 if type_ == "uint64" else np.int64, endpoint=True)
    x[:4] = [0, 1, t.max, t.min]
    x[4 : size // 3] = rng.integers(0 if t.is_uint else -7, 7, size // 3 - 4)
    rng.shuffle(x)
    return x.astype(t.numpy)


def ulps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How many numbers of their type `a` and `b` are apart; 0 for two NaNs, and for zeros of either sign."""
    if a.dtype.kind in "iub":
        return np.abs(a.astype(object) - b.astype(object)).astype(float)

    def order(x: np.ndarray) -> np.ndarray:
        bits = x.view(f"i{x.itemsize}").astype(np.int64)
        return np.where(bits < 0, -(bits & ((1 << (8 * x.itemsize - 1)) - 1)), bits).astype(object)

    with np.errstate(invalid="ignore"):
        nan = np.isnan(a.astype("f8")), np.isnan(b.astype("f8"))
    apart = np.abs(order(a) - order(b)).astype(float)
    return np.where(nan[0] & nan[1], 0.0, np.where(nan[0] | nan[1], np.inf, apart))


def assert_built_equals_interpreted(
    func: PrimFunc, inputs: Sequence[Any], outputs: Sequence[Any], bound: float
) -> None:
    """Run `func` both ways, on `outputs` of these types of the inputs' length; none may differ by more ulps."""
    size = len(inputs[0])
    want, got = ([np.zeros(size, t.numpy) for t in outputs] for _ in range(2))
    interpreter.run(func, *inputs, *want)
    build(func)(*inputs, *got)
    for buffer, a, b in zip(func.buffers[len(inputs) :], want, got):
        apart = ulps(a, b)
        worst = int(apart.argmax())
        values = [x[worst] for x in inputs]
        assert apart[worst] <= bound, (
            f"{buffer.name} differs by {apart[worst]} ulp at {values}: {a[worst]!r}, built {b[worst]!r}"
        )
