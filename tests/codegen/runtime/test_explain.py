"""Every message about the arguments of a call, in full."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from tensorir.codegen.runtime.signature import BufferParam, ScalarParam, Signature
from tensorir.tir.errors import CallError

A, B = BufferParam("A", "float32", (4, 6)), BufferParam("B", "float32", (6, 3))
MATMUL = Signature("matmul", (A, B, BufferParam("C", "float32", (4, 3), written=True)))
SYMBOLIC = Signature(
    "matmul",
    (
        BufferParam("A", "float32", ("n", "k")),
        BufferParam("B", "float32", ("k", ("*", 2, ("+", "n", 1)))),
        BufferParam("C", "float32", ("n", "n"), written=True),
    ),
    (("n", "int64"), ("k", "int64")),
)
STRIDED = Signature(
    "copy",
    (
        BufferParam("A", "float64", ("n", "m"), strides=("s", 1)),
        BufferParam("B", "float64", ("n", "m"), strides=("t", "u"), written=True),
    ),
    tuple((name, "int64") for name in "nmstu"),
)
NUMBERS = Signature(
    "fill",
    (
        BufferParam("A", "bfloat16", ("n",), written=True),
        ScalarParam("x", "float32"),
        ScalarParam("n", "int32"),
        ScalarParam("up", "bool"),
    ),
)


def f32(*shape: int) -> np.ndarray:
    return np.zeros(shape, "f4")


def f64(*shape: int) -> np.ndarray:
    return np.zeros(shape, "f8")


def frozen(a: np.ndarray) -> np.ndarray:
    a.flags.writeable = False
    return a


def shared(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    memory = np.zeros(1000, "f4")
    return [memory[: int(np.prod(s))].reshape(s) for s in shapes]


def misaligned(align: int, past: int, elements: int) -> np.ndarray:
    """An array that starts `past` bytes behind a multiple of `align`."""
    memory = np.zeros(4 * elements + 2 * align, "u1")
    start = -memory.__array_interface__["data"][0] % align + past
    return memory[start : start + 4 * elements].view("f4")


class OnDevice:
    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, 1)

    def __dlpack__(self, **_: Any) -> object:
        raise NotImplementedError


class NeedsGrad:
    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)

    def __dlpack__(self, **_: Any) -> object:
        raise BufferError("requires gradient, use tensor.detach()")


bf16 = ml_dtypes.bfloat16
CASES: dict[str, tuple[Signature, Callable[[], Any], str]] = {
    "too few": (
        MATMUL,
        lambda: (f32(4, 6), f32(6, 3)),
        """matmul takes 3 arguments, got 2; missing: `C`
  matmul(A: float32[4, 6], B: float32[6, 3], C: written float32[4, 3])""",
    ),
    "too many": (
        SYMBOLIC,
        lambda: (1, 2, 3, 4),
        """matmul takes 3 arguments, got 4
  matmul(A: float32[n, k], B: float32[k, 2 * (n + 1)], C: written float32[n, n])""",
    ),
    "unknown keyword": (
        STRIDED,
        lambda: {"A": f64(2, 2), "D": f64(2, 2)},
        """copy has no parameter `D`
  copy(A: float64[n, m, strides=[s, 1]], B: written float64[n, m, strides=[t, u]])""",
    ),
    "twice": (
        NUMBERS,
        lambda: ((np.zeros(3, bf16), 1), {"x": 2}),
        """fill got the argument `x` twice, by position and by keyword
  fill(A: written bfloat16[n], x: float32, n: int32, up: bool)""",
    ),
    "no array": (
        MATMUL,
        lambda: (f32(4, 6), [[1.0] * 3] * 6, f32(4, 3)),
        """matmul: argument `B` (2nd): expected an array of float32, got a list
  hint: numpy.asarray(B, dtype="float32")""",
    ),
    "none": (
        MATMUL,
        lambda: (f32(4, 6), f32(6, 3), None),
        "matmul: argument `C` (3rd): expected an array of float32, got None",
    ),
    "no array of a type numpy lacks": (
        NUMBERS,
        lambda: (3, 1.0, 3, True),
        """fill: argument `A` (1st): expected an array of bfloat16, got an int
  hint: numpy.asarray(A, dtype=ml_dtypes.bfloat16)""",
    ),
    "on another device": (
        MATMUL,
        lambda: (OnDevice(), f32(6, 3), f32(4, 3)),
        "matmul: argument `A` (1st): expected an array of float32, got an OnDevice, "
        "which lives on CUDA device 1, not in the memory of the host",
    ),
    "an exporter that refuses": (
        MATMUL,
        lambda: (f32(4, 6), NeedsGrad(), f32(4, 3)),
        "matmul: argument `B` (2nd): expected an array of float32, got a NeedsGrad, which cannot be read: BufferError: "
        "requires gradient, use tensor.detach()",
    ),
    "data type of an input": (
        MATMUL,
        lambda: (f32(4, 6), f64(6, 3), f32(4, 3)),
        """matmul: argument `B` (2nd): expected elements of float32, got float64
  hint: B.astype("float32")""",
    ),
    "data type of an output": (
        MATMUL,
        lambda: (f32(4, 6), f32(6, 3), np.zeros((4, 3), "i4")),
        """matmul: argument `C` (3rd): expected elements of float32, got int32
  hint: C = numpy.empty((4, 3), dtype="float32")""",
    ),
    "data type numpy lacks": (
        Signature("f", (BufferParam("A", "float8_e5m2", (3,)),)),
        lambda: (f32(3),),
        """f: argument `A` (1st): expected elements of float8_e5m2, got float32
  hint: A.astype(ml_dtypes.float8_e5m2)""",
    ),
    "byte order": (
        MATMUL,
        lambda: (np.zeros((4, 6), ">f4"), f32(6, 3), f32(4, 3)),
        """matmul: argument `A` (1st): expected elements of float32, got >f4
  hint: A.astype("float32")""",
    ),
    "dimensions": (
        SYMBOLIC,
        lambda: (f32(4, 6), f32(6, 10), f32(4, 4, 1)),
        "matmul: argument `C` (3rd): expected 2 dimensions, shape (n, n), got 3, shape (4, 4, 1)",
    ),
    "one dimension": (
        Signature("f", (BufferParam("A", "float32", ("n",)),), (("n", "int64"),)),
        lambda: (f32(),),
        "f: argument `A` (1st): expected 1 dimension, shape (n,), got 0, shape ()",
    ),
    "a constant extent": (
        MATMUL,
        lambda: (f32(4, 6), f32(6, 2), f32(4, 3)),
        "matmul: argument `B` (2nd): expected shape (6, 3), got (6, 2); dimension 1 is 2, not 3",
    ),
    "a symbolic extent": (
        SYMBOLIC,
        lambda: (f32(4, 6), f32(5, 10), f32(4, 4)),
        "matmul: argument `B` (2nd): expected shape (k, 2 * (n + 1)), got (5, 10); "
        "dimension 0 is 5, not k = 6, which is `A.shape[1]`",
    ),
    "an expression": (
        SYMBOLIC,
        lambda: (f32(4, 6), f32(6, 11), f32(4, 4)),
        "matmul: argument `B` (2nd): expected shape (k, 2 * (n + 1)), got (6, 11); "
        "dimension 1 is 11, not 2 * (n + 1) = 10, where n = 4 is `A.shape[0]`",
    ),
    "an expression of two symbols without a value": (
        Signature(
            "f",
            (BufferParam("A", "float32", ("n", "m")), BufferParam("B", "float32", (("//", "n", "m"),))),
            (("n", "int64"), ("m", "int64")),
        ),
        lambda: (f32(4, 0), f32(1)),
        "f: argument `B` (2nd): expected shape (n // m,), got (1,); dimension 0 is 1, not n // m (which has no value), "
        "where n = 4 is `A.shape[0]` and m = 0 is `A.shape[1]`",
    ),
    "a symbol of 8 bits": (
        Signature("f", (BufferParam("A", "float32", ("n",)),), (("n", "int8"),)),
        lambda: (f32(200),),
        "f: argument `A` (1st): `A.shape[0]` is 200, but n (int8) must be 0 to 127",
    ),
    "a view": (
        MATMUL,
        lambda: (f32(4, 6), f32(3, 6).T, f32(4, 3)),
        """matmul: argument `B` (2nd): expected a compact row-major array, got shape (6, 3) with strides (4, 24) bytes
  hint: numpy.ascontiguousarray(B)""",
    ),
    "a view as an output": (
        MATMUL,
        lambda: (f32(4, 6), f32(6, 3), f32(4, 6)[:, ::2]),
        """matmul: argument `C` (3rd): expected a compact row-major array, got shape (4, 3) with strides (24, 8) bytes
  hint: let it write a compact array and copy the result into `C`""",
    ),
    "a constant stride": (
        STRIDED,
        lambda: (f64(4, 6)[:, ::2], f64(4, 3)),
        "copy: argument `A` (1st): expected strides (s, 1) in elements, got shape (4, 3) with strides (48, 16) bytes; "
        "that of dimension 1 is 2 elements, not 1",
    ),
    "a negative stride": (
        STRIDED,
        lambda: (f64(4, 3)[::-1], f64(4, 3)),
        """copy: argument `A` (1st): `A.stride[0]` is -3, but s (int64) must be 0 to 9223372036854775807
  hint: numpy.ascontiguousarray(A)""",
    ),
    "a stride that is no whole number": (
        STRIDED,
        lambda: (np.zeros((4, 28), "u1")[:, :24].view("f8"), f64(4, 3)),
        """copy: argument `A` (1st): the stride of dimension 0 is 28 bytes, not a whole number of elements
  hint: numpy.ascontiguousarray(A)""",
    ),
    "an output onto itself": (
        STRIDED,
        lambda: (f64(4, 3), np.lib.stride_tricks.as_strided(f64(6), (4, 3), (8, 8))),
        "copy: argument `B` (2nd): copy writes it, but its elements may share memory: "
        "shape (4, 3) with strides (8, 8) bytes\n"
        "  hint: let it write a compact array and copy the result into `B`",
    ),
    "read-only": (
        MATMUL,
        lambda: (frozen(f32(4, 6)), f32(6, 3), frozen(f32(4, 3))),
        """matmul: argument `C` (3rd): matmul writes it, but the array is read-only
  hint: pass a writable array; numpy.array(C) makes a writable copy""",
    ),
    "alignment": (
        Signature("f", (BufferParam("A", "float32", (16,), align=64),)),
        lambda: (misaligned(64, 24, 16),),
        """f: argument `A` (1st): must start at a multiple of 64 bytes, but starts 24 past one
  hint: allocate it with tensorir.empty((16,), "float32", align=64)""",
    ),
    "overlap": (
        MATMUL,
        lambda: (lambda a, c: (a, f32(6, 3), c))(*shared((4, 6), (4, 3))),
        """matmul: arguments `A` (1st) and `C` (3rd) may share memory, and matmul writes `C`
  hint: pass A.copy()""",
    ),
    "the same output twice": (
        Signature("f", tuple(BufferParam(name, "float32", (4,), written=True) for name in "AB")),
        lambda: shared((4,), (4,)),
        """f: arguments `A` (1st) and `B` (2nd) may share memory, and f writes `A`
  hint: pass B.copy()""",
    ),
    "an offset without a value": (
        Signature("f", (BufferParam("A", "float32", ("n",), offset=("%", 5, "n")),), (("n", "int64"),)),
        lambda: (f32(0),),
        "f: argument `A` (1st): its offset 5 % n has no value for n = 0",
    ),
    "no integer": (
        NUMBERS,
        lambda: (np.zeros(3, bf16), 1.0, 3.0, True),
        """fill: argument `n` (3rd): expected an int32, got 3.0 (a float)
  hint: int(n)""",
    ),
    "an integer too large": (
        NUMBERS,
        lambda: (np.zeros(3, bf16), 1.0, 1 << 31, True),
        "fill: argument `n` (3rd): expected an int32 from -2147483648 to 2147483647, got 2147483648",
    ),
    "an extent too large": (
        Signature("f", (ScalarParam("n", "uint64"), BufferParam("A", "float32", ("n",)))),
        lambda: (1 << 63, f32(3)),
        "f: argument `n` (1st): expected a uint64 from 0 to 9223372036854775807, got 9223372036854775808",
    ),
    "no float": (
        NUMBERS,
        lambda: (np.zeros(3, bf16), "1.0", 3, True),
        "fill: argument `x` (2nd): expected a float32, got '1.0' (a str)",
    ),
    "a float too large": (
        NUMBERS,
        lambda: (np.zeros(3, bf16), 1e39, 3, True),
        "fill: argument `x` (2nd): expected a float32, got 1e+39, which is too large for one",
    ),
    "no bool": (
        NUMBERS,
        lambda: (np.zeros(3, bf16), 1.0, 3, 2),
        "fill: argument `up` (4th): expected a bool, got 2 (an int)",
    ),
    "the eleventh": (
        Signature("f", tuple(ScalarParam(f"x{i}", "int8") for i in range(12))),
        lambda: (*range(10), 300, 0),
        "f: argument `x10` (11th): expected an int8 from -128 to 127, got 300",
    ),
    "a long text": (
        NUMBERS,
        lambda: (np.zeros(3, bf16), "x" * 1000, 3, True),
        f"fill: argument `x` (2nd): expected a float32, got '{'x' * 27}...{'x' * 28}' (a str)",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_message(recorder, case: str) -> None:
    signature, arguments, expected = CASES[case]
    f = recorder(signature)
    given = arguments()
    args, kwargs = given if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], dict) else (given, {})
    if isinstance(args, dict):
        args, kwargs = (), args
    with pytest.raises(CallError) as error:
        f.function(*args, **kwargs)
    assert str(error.value) == expected
    assert f.calls == 0
