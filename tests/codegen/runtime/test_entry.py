"""What the native entry takes, what the kernel receives, and what is left behind after a call."""

from __future__ import annotations

import array
import ctypes
import gc
import inspect
import math
import sys
import threading
import weakref
from contextlib import suppress
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from tensorir.codegen.runtime import codes, jit, native
from tensorir.codegen.runtime.dtypes import KINDS
from tensorir.codegen.runtime.entry import bind
from tensorir.codegen.runtime.signature import BufferParam, ScalarParam, Signature
from tensorir.tir.errors import CallError, RunError
from tensorir.tir.float_formats import FORMATS

N64 = (("n", "int64"),)
VECTOR = Signature("scale", (BufferParam("A", "float32", ("n",), written=True),), N64)
BYTES = Signature("fill", (BufferParam("A", "uint8", ("n",), written=True),), N64)


def address(a: np.ndarray) -> int:
    return a.__array_interface__["data"][0]


def buffers(*names: str, dtype: str = "float32", shape: tuple = ("n",), **options: Any) -> Signature:
    return Signature("f", tuple(BufferParam(name, dtype, shape, **options) for name in names), N64)


def test_the_kernel_receives_pointers_numbers_and_symbols_in_order(recorder) -> None:
    f = recorder(
        Signature(
            "gemm",
            (
                BufferParam("A", "float32", ("n", "k")),
                ScalarParam("alpha", "float64"),
                BufferParam("B", "float32", ("k", 3)),
                ScalarParam("flag", "bool"),
                BufferParam("C", "float32", ("n", ("*", 3, "k")), written=True),
            ),
            (("n", "int64"), ("k", "int32")),
        )
    )
    a, b, c = np.ones((4, 5), "f4"), np.ones((5, 3), "f4"), np.ones((4, 15), "f4")
    assert f(a, 2.5, b, True, c) == (address(a), 2.5, address(b), True, address(c), 4, 5)


@pytest.mark.parametrize("kind", KINDS.values(), ids=str)
def test_every_data_type_as_a_buffer(recorder, kind) -> None:
    f = recorder(buffers("A", dtype=kind.name, written=True))
    good = np.zeros(3, kind.numpy)
    assert f(good) == (address(good), 3)
    for other in KINDS.values():
        if other.stored != kind.stored:
            with pytest.raises(CallError, match="expected elements of"):
                f.function(np.zeros(3, other.numpy))
    if kind.bytes > 1:
        with pytest.raises(CallError, match="expected elements of"):
            f.function(np.zeros(3, kind.numpy.newbyteorder()))


@pytest.mark.parametrize("letter", "bhilqBHILQ")
def test_every_integer_type_of_c_as_a_buffer(recorder, letter: str) -> None:
    for a in (np.zeros(3, letter), memoryview(array.array(letter, [1, 2, 3]))):
        f = recorder(buffers("A", dtype=np.dtype(letter).name))
        assert f(a)[1] == 3


def test_an_array_whose_dtype_is_no_singleton(recorder) -> None:
    a = np.zeros(3, np.dtype("float32", copy=True, metadata={"unit": "m"}))
    assert a.dtype is not np.dtype("float32")
    assert recorder(VECTOR)(a) == (address(a), 3)


def test_every_exporter_of_bytes(recorder) -> None:
    f = recorder(BYTES)
    for exporter in (bytearray(b"abc"), memoryview(bytearray(b"abc")), array.array("B", [1, 2, 3])):
        assert f(exporter)[1] == 3
    assert f((ctypes.c_uint8 * 4)())[1] == 4
    read = recorder(buffers("A", dtype="uint8"))
    assert read(b"abcd")[1] == 4


def test_every_exporter_of_floats(recorder) -> None:
    f = recorder(VECTOR)
    floats = array.array("f", [1, 2, 3])
    assert f(floats) == (floats.buffer_info()[0], 3)
    view = memoryview(floats)
    assert f(view) == f(view.cast("B").cast("f")) == (floats.buffer_info()[0], 3)
    c_array = (ctypes.c_float * 5)()
    assert f(c_array) == (ctypes.addressof(c_array), 5)
    matrix = (ctypes.c_float * 3 * 2)()
    assert recorder(Signature("f", (BufferParam("A", "float32", (2, 3)),)))(matrix) == (ctypes.addressof(matrix),)
    assert f(memoryview(floats)[1:]) == (floats.buffer_info()[0] + 4, 2)


def test_subclasses_of_numpy_arrays(recorder) -> None:
    class Mine(np.ndarray):
        pass

    f, g = recorder(VECTOR), recorder(buffers("A", dtype="bfloat16"))
    a = np.zeros(3, "f4").view(Mine)
    assert f(a) == (address(a), 3)
    b = np.zeros(3, ml_dtypes.bfloat16).view(Mine)
    assert g(b) == (address(b), 3)


class Interface:
    """An exporter of numpy's array interface only."""

    def __init__(self, a: np.ndarray) -> None:
        self.owner = a
        self.__array_interface__ = a.__array_interface__


def test_the_array_interface(recorder) -> None:
    a = np.zeros(3, "f4")
    assert recorder(VECTOR)(Interface(a)) == (address(a), 3)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3, 4)])
def test_any_number_of_dimensions(recorder, shape: tuple[int, ...]) -> None:
    f = recorder(Signature("f", (BufferParam("A", "int32", shape, written=True),)))
    a = np.zeros(shape, "i4")
    assert f(a) == (address(a),)


@pytest.mark.parametrize("shape", [(0,), (0, 5), (5, 0, 3)])
def test_empty_arrays_have_an_aligned_pointer(recorder, shape: tuple[int, ...]) -> None:
    symbolic = tuple(f"n{i}" for i in range(len(shape)))
    params = (BufferParam("A", "float32", symbolic, align=64, written=True), BufferParam("B", "float32", shape))
    f = recorder(Signature("f", params, tuple((s, "int64") for s in symbolic)))
    for a in (np.zeros(shape, "f4"), np.zeros(tuple(e + 1 for e in shape), "f4")[tuple(slice(e) for e in shape)]):
        pointer, other, *extents = f(a, a)
        assert pointer % 64 == 0
        assert pointer > 0
        assert other > 0
        assert tuple(extents) == shape
    with pytest.raises(CallError, match="expected shape"):
        f.function(a, np.ones((1,) * len(shape), "f4"))


def test_strides_that_nothing_is_multiplied_by_do_not_matter(recorder) -> None:
    f = recorder(Signature("f", (BufferParam("A", "float32", (1, "n"), written=True),), N64))
    a = np.zeros((6, 4), "f4")[::6]
    assert f(a) == (address(a), 4)
    b = np.zeros((1, 12), "f4")[:, :1]
    assert f(b) == (address(b), 1)
    assert f(b[:, :0])[1] == 0
    declared = recorder(Signature("f", (BufferParam("A", "float32", ("n",), strides=(1,)),), N64))
    odd = np.zeros((1, 5), "u1")[:, :4].view("f4")[:, 0]
    assert odd.strides == (5,)
    assert declared(odd) == (address(odd), 1)


def test_declared_strides_and_offsets(recorder) -> None:
    strided = BufferParam("A", "float32", ("n", "m"), strides=("s", 1), offset="o")
    f = recorder(Signature("f", (strided,), (("n", "int64"), ("m", "int64"), ("s", "int64"), ("o", "int64"))))
    a = np.zeros((6, 8), "f4")
    assert f(a) == (address(a), 6, 8, 8, 0)
    assert f(a[1::2, 2:5]) == (address(a) + 40, 3, 3, 16, 0)
    with pytest.raises(CallError, match="strides"):
        f.function(a[:, ::2])
    column_major = recorder(Signature("g", (BufferParam("A", "float32", (3, 4), strides=(1, 3)),)))
    b = np.zeros((3, 4), "f4", order="F")
    assert column_major(b) == (address(b),)
    behind = recorder(Signature("h", (BufferParam("A", "float32", ("n",), offset=("+", "n", 2)),), N64))
    c = np.zeros(5, "f4")
    assert behind(c) == (address(c) - 7 * 4, 5)


def test_a_broadcast_array_may_be_read_where_strides_are_declared(recorder) -> None:
    f = recorder(Signature("f", (BufferParam("A", "float32", (3, 4), strides=("s", 1)),), (("s", "int64"),)))
    a = np.broadcast_to(np.zeros(4, "f4"), (3, 4))
    assert f(a) == (address(a), 0)


def test_alignment(recorder) -> None:
    f = recorder(buffers("A", align=64))
    memory = np.zeros(64, "f4")
    first = -address(memory) % 64 // 4
    assert f(memory[first:])[0] % 64 == 0
    with pytest.raises(CallError, match="multiple of 64 bytes, but starts 4 past one"):
        f.function(memory[first + 1 :])
    odd = np.zeros(41, "u1")[1:].view("f4")
    with pytest.raises(CallError, match="multiple of 4 bytes, but starts 1 past one"):
        recorder(buffers("A")).function(odd)


def test_arrays_that_are_only_read_may_share_memory(recorder) -> None:
    a = np.zeros(8, "f4")
    f = recorder(Signature("f", (BufferParam("A", "float32", ("n",)), BufferParam("B", "float32", ("n",))), N64))
    assert f(a, a) == (address(a), address(a), 8)
    assert f(a[:4], a[2:6])[2] == 4


def test_neighbours_do_not_overlap(recorder) -> None:
    a = np.zeros(8, "f4")
    f = recorder(buffers("A", "B", written=True))
    assert f(a[:4], a[4:])[2] == 4
    assert f(a[4:], a[:4])[2] == 4
    with pytest.raises(CallError, match="may share memory"):
        f.function(a[:4], a[3:7])


INTEGERS = [kind for kind in KINDS.values() if kind.kind in ("int", "uint")]
FLOATS = [kind for kind in KINDS.values() if kind.kind not in ("int", "uint", "bool")]


@pytest.mark.parametrize("kind", INTEGERS, ids=str)
def test_integers_in_range(recorder, kind) -> None:
    f = recorder(Signature("f", (ScalarParam("x", kind.name),)))
    least, greatest = kind.range
    bits = {"i8": 8, "i16": 16, "i32": 32, "i64": 64}[kind.llvm]
    for value in (least, -1, 0, 1, True, greatest, np.int8(7), np.uint64(5), np.array(3), np.int64(greatest // 2)):
        number = int(value)
        if least <= number <= greatest:
            assert f(value)[0] % (1 << bits) == number % (1 << bits)
    for value in (least - 1, greatest + 1, 1 << 64, -(1 << 70)):
        with pytest.raises(CallError, match=f"from {least} to {greatest}, got {value}"):
            f.function(value)
    for value in (1.0, "1", None, [1], np.float32(1), np.array([1, 2]), object()):
        with pytest.raises(CallError, match=f"expected an? {kind.name}, got "):
            f.function(value)


@pytest.mark.parametrize("kind", FLOATS, ids=str)
def test_floats(recorder, kind) -> None:
    f = recorder(Signature("f", (ScalarParam("x", kind.name),)))

    def received(value: Any) -> float:
        (got,) = f(value)
        if kind.kind.startswith(("float8", "bfloat")):
            return float(np.array(got, f"int{8 * kind.bytes}").view(kind.numpy))
        return got

    values = (0, -1, 2.5, True, np.float16(0.5), np.int32(3), np.float64(-0.25), np.array(1.5, "f4"), np.ones((), "i8"))
    for value in values:
        assert received(value) == float(np.asarray(float(value)).astype(kind.numpy))
    assert math.isnan(received(math.nan))
    if kind.name not in FORMATS or FORMATS[kind.name].infinite:
        assert received(-math.inf) == -math.inf
    for value in ("1", b"1", None, [1.0], 1j, object()):
        with pytest.raises(CallError, match=f"expected a {kind.name}, got "):
            f.function(value)
    too_large = [10**400] if kind.bytes == 8 else [10**400, 1e308, -1e39]
    for value in too_large:
        with pytest.raises(CallError, match="which is too large for one"):
            f.function(value)


def test_float32_is_rounded_to_the_nearest(recorder) -> None:
    f = recorder(Signature("f", (ScalarParam("x", "float32"),)))
    for value in (0.1, 1 / 3, 3.4028235e38, 1e-45, 16777217.0):
        assert f(value)[0] == np.float32(value)


def test_bools(recorder) -> None:
    f = recorder(Signature("f", (ScalarParam("x", "bool"),)))
    for value in (True, False, np.True_, np.False_, 0, 1):
        assert f(value) == (bool(value),)
    for value in (2, -1, 1.0, "yes", None, [], np.array([True])):
        with pytest.raises(CallError, match="expected a bool, got "):
            f.function(value)


def test_numbers_bind_symbols(recorder) -> None:
    params = (ScalarParam("n", "int32"), BufferParam("A", "float32", ("n", ("//", "n", 2))))
    f = recorder(Signature("f", params))
    a = np.zeros((5, 2), "f4")
    assert f(5, a) == (5, address(a))
    with pytest.raises(CallError, match=r"dimension 0 is 5, not n = 4, which is `n`"):
        f.function(4, a)


def test_arguments_by_keyword(recorder) -> None:
    f = recorder(Signature("f", (BufferParam("A", "float32", ("n",)), ScalarParam("x", "int32")), N64))
    a = np.zeros(3, "f4")
    assert f(a, x=7) == f(x=7, A=a) == f(a, 7) == (address(a), 7, 3)


def test_a_function_without_parameters(recorder) -> None:
    f = recorder(Signature("f", ()))
    assert f() == ()
    with pytest.raises(CallError, match="takes 0 arguments, got 1"):
        f.function(1)


def test_a_function_of_many_parameters(recorder) -> None:
    f = recorder(buffers(*(f"A{i}" for i in range(40))))
    arrays = [np.zeros(2, "f4") for _ in range(40)]
    assert f(*arrays) == (*map(address, arrays), 2)


def test_the_callable_describes_itself(recorder) -> None:
    signature = Signature("f", (BufferParam("A", "float32", ("n", 4), written=True), ScalarParam("x", "int32")), N64)
    function = recorder(signature).function
    assert function.__name__ == "f"
    assert str(inspect.signature(function)) == "(A, x)"
    assert function.__doc__ == "f(A: written float32[n, 4], x: int32)"
    assert function.__self__.signature is signature
    assert repr(function.__self__) == "<compiled f(A: written float32[n, 4], x: int32)>"


def test_codes_become_exceptions(recorder) -> None:
    def raised(code: int) -> Exception:
        f = recorder(Signature("f", (), messages=("i < n failed", "second")), code).function
        with pytest.raises((RunError, MemoryError)) as error:
            f()
        return error.value

    assert repr(raised(codes.message(0))) == "RunError('f: i < n failed')"
    assert repr(raised(codes.message(1))) == "RunError('f: second')"
    assert isinstance(raised(codes.OUT_OF_MEMORY), MemoryError)


def test_memory_that_is_not_there(load) -> None:
    library = load("""
declare ptr @tir_alloc(i64, i64)
define i32 @f() {
  %p = call ptr @tir_alloc(i64 1152921504606846976, i64 64)
  %none = icmp eq ptr %p, null
  %code = zext i1 %none to i32
  ret i32 %code
}
""")
    with pytest.raises(MemoryError) as error:
        bind(Signature("f", ()), library)()
    assert str(error.value) == "f: there is no memory for a temporary of 1152921504606846976 bytes"


WAITER = """
declare i32 @usleep(i32)
define i32 @f(ptr %flag) {
entry:
  br label %look
look:
  %i = phi i32 [ 0, %entry ], [ %j, %sleep ]
  %v = load atomic i32, ptr %flag seq_cst, align 4
  %set = icmp ne i32 %v, 0
  br i1 %set, label %good, label %sleep
sleep:
  %u = call i32 @usleep(i32 1000)
  %j = add i32 %i, 1
  %more = icmp ult i32 %j, LIMIT
  br i1 %more, label %look, label %bad
good:
  ret i32 0
bad:
  ret i32 16
}
"""


@pytest.mark.parametrize("release", [True, False])
def test_other_threads_run_meanwhile_where_the_gil_is_released(load, release: bool) -> None:
    library = load(WAITER.replace("LIMIT", "20000" if release else "50"))
    params = (BufferParam("flag", "int32", (1,)),)
    f = bind(Signature("f", params, messages=("nobody came",), release_gil=release), library)
    flag, go = np.zeros(1, "i4"), threading.Event()
    setter = threading.Thread(target=lambda: (go.wait(), flag.__setitem__(0, 1)))
    setter.start()
    if release:
        go.set()
        f(flag)
    else:
        interval = sys.getswitchinterval()
        sys.setswitchinterval(100)
        try:
            with pytest.raises(RunError, match="nobody came"):
                go.set() or f(flag)
        finally:
            sys.setswitchinterval(interval)
    setter.join()


def test_many_threads_call_one_function(recorder) -> None:
    f = recorder(VECTOR).function
    failures: list[object] = []

    def work() -> None:
        a, bad = np.zeros(4, "f4"), np.zeros((2, 2), "f8")
        for _ in range(2000):
            f(a)
            try:
                f(bad)
            except CallError:
                continue
            failures.append(bad)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_arguments_are_let_go_of(recorder) -> None:
    params = (BufferParam("A", "uint8", ("n",)), BufferParam("B", "uint8", ("n",)), ScalarParam("x", "int64"))
    f = recorder(Signature("f", params, N64)).function
    good = [np.zeros(3, "u1"), memoryview(b"abc"), bytearray(3), array.array("B", b"abc"), (ctypes.c_uint8 * 3)()]
    bad = [np.zeros(4, "u1"), bytearray(4), object(), "a text", memoryview(b"abcdef")[::2], np.zeros((2, 2), "f4")]
    number = 1 << 40
    values = [*good, *bad, number]

    def call_with_all_pairs() -> int:
        accepted = 0
        for a in values:
            for b in values:
                for arguments, keywords in (((a, b, number), {}), ((a, b), {"x": number}), ((a, b, "none"), {})):
                    with suppress(CallError):
                        f(*arguments, **keywords)
                        accepted += 1
        return accepted

    before = [sys.getrefcount(v) for v in values]
    # each good one with each of its length (a strided memoryview of 3 is not one), positionally and by keyword
    assert call_with_all_pairs() == 2 * (len(good) ** 2 + 4)
    gc.collect()
    assert [sys.getrefcount(v) for v in values] == before
    for value in values:
        if isinstance(value, (bytearray, array.array)):
            value.append(1)  # refused while a buffer is held


def test_none_and_the_function_are_let_go_of(recorder) -> None:
    f = recorder(VECTOR).function
    a = np.zeros(3, "f4")
    before = sys.getrefcount(None), sys.getrefcount(f), sys.getrefcount(f.__self__)
    for _ in range(1000):
        f(a)
    assert abs(sys.getrefcount(None) - before[0]) < 100
    assert (sys.getrefcount(f), sys.getrefcount(f.__self__)) == before[1:]


def test_code_is_unloaded_with_its_last_function() -> None:
    library = jit.load(jit.compile("define i32 @scale(ptr %a, i64 %n) { ret i32 0 }"), native.symbols())
    function = bind(VECTOR, library)
    gone = weakref.ref(library)
    del library
    function(np.zeros(3, "f4"))
    assert gone() is not None
    del function
    assert gone() is None


def test_an_exception_in_flight_in_the_arguments_comes_through(recorder) -> None:
    class Stubborn:
        def __index__(self) -> int:
            raise KeyboardInterrupt

    class Broken:
        def __index__(self) -> int:
            raise ZeroDivisionError("mine")

    f = recorder(Signature("f", (ScalarParam("x", "int64"),))).function
    with pytest.raises(KeyboardInterrupt):
        f(Stubborn())
    with pytest.raises(ZeroDivisionError, match="mine"):
        f(Broken())


class RaisesEverywhere:
    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


class BadCapsule:
    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)

    def __dlpack__(self, **_: Any) -> object:
        return "no capsule"


class BadDevice:
    def __dlpack_device__(self) -> object:
        return None

    def __dlpack__(self) -> object:
        return None


class BadBuffer:
    """From Python 3.12 on, an exporter whose export fails."""

    def __buffer__(self, flags: int) -> memoryview:
        raise ValueError("no buffer today")


class BadInterface:
    __array_interface__ = 3


released = memoryview(bytearray(3))
released.release()

GARBAGE = [
    None, 0, -1, 1.5, 2j, True, "text", b"", b"abc", (), [], [1.0], {}, set(), object(), object, len, range(3), ...,
    RaisesEverywhere(), BadCapsule(), BadDevice(), BadInterface(), BadBuffer(), released, iter([]), sys, np, np.float32,
    np.float32(1), np.float64(1), np.array(1.0), np.array("x"), np.array([None]), np.zeros(3, "S5"),
    np.zeros(3, "M8[s]"), np.zeros(9, "u1")[1:],
    np.zeros(3, [("a", "f4")]), np.zeros(3, "c16"), np.zeros(3, "g"), np.zeros(3)[::-1], np.zeros((1,) * 64, "f4"),
    np.zeros((3, 0)), np.broadcast_to(np.float32(1), (3,)), np.zeros(3, ">f4"), np.ma.zeros(3, "f4"),
    memoryview(b"abcdefgh").cast("d"), memoryview(b"abcdef").cast("c"), memoryview(b"abcdef").cast("B", (2, 3)),
    array.array("d", [1.0]), array.array("u", "abc"), ctypes.c_int(3), (ctypes.c_char * 3)(), (ctypes.c_void_p * 2)(),
    ctypes.create_string_buffer(4), 1 << 200, -(1 << 200), float("nan"), float("inf"),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "uint8", "bfloat16"])
def test_garbage_is_taken_or_refused_but_never_crashes(recorder, dtype: str) -> None:
    params = (BufferParam("A", dtype, ("n",), written=True), BufferParam("B", dtype, ("n",)), ScalarParam("x", "int32"))
    f = recorder(Signature("f", params, N64)).function
    good = (np.zeros(3, KINDS[dtype].numpy), np.zeros(3, KINDS[dtype].numpy), 1)
    for thing in GARBAGE:
        for place in range(3):
            arguments = [thing if i == place else value for i, value in enumerate(good)]
            with suppress(CallError):
                assert f(*arguments) is None
    for arguments in ((), (1,), good[:2], (*good, 4), (None,) * 3, (f,) * 3):
        with pytest.raises(CallError):
            f(*arguments)
    for keywords in ({"A": 1}, {"y": 2}, {"A": 1, "B": 2, "x": 3}, {"": 0}):
        with pytest.raises(CallError):
            f(**keywords)


@pytest.mark.parametrize("dtype", ["int32", "uint64", "float32", "float16", "bool"])
def test_garbage_for_numbers(recorder, dtype: str) -> None:
    f = recorder(Signature("f", (ScalarParam("x", dtype),))).function
    for thing in GARBAGE:
        with suppress(CallError):
            assert f(thing) is None
