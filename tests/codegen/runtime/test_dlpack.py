"""DLPack capsules, numpy's and hand-made ones, seen as arrays over the same memory."""

from __future__ import annotations

import ctypes
import gc
from functools import cache
from typing import Any

import numpy as np
import pytest
from tensorir.codegen.runtime import jit
from tensorir.codegen.runtime.dlpack import Unreadable, _Tensor, _Versioned, from_dlpack
from tensorir.codegen.runtime.dtypes import KINDS

CODES = {"int": 0, "uint": 1, "float": 2, "bfloat": 4, "bool": 6} | {
    "float8_e3m4": 7, "float8_e4m3": 8, "float8_e4m3b11fnuz": 9, "float8_e4m3fn": 10, "float8_e4m3fnuz": 11,
    "float8_e5m2": 12, "float8_e5m2fnuz": 13,
}  # fmt: skip


class Exporter:
    """numpy's capsules without numpy's other protocols; of the time before versions where `old`."""

    def __init__(self, a: np.ndarray, old: bool = False) -> None:
        self.a, self.old = a, old

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.a.__dlpack_device__()

    def __dlpack__(self, **options: Any) -> object:
        if self.old and options:
            raise TypeError("no versions")
        return self.a.__dlpack__(**options)


class Managed(ctypes.Structure):
    """DLManagedTensor."""

    _fields_ = [("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p)]


_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_new_capsule.restype = ctypes.py_object

# Capsules may die while an exception is on its way, when no Python code may run. So what frees them is native: it adds
# 1 to the number behind the manager's context, unless a consumer renamed the capsule, and so owns the tensor.
FREEING = """
declare i32 @PyCapsule_IsValid(ptr, ptr)
declare ptr @PyCapsule_GetPointer(ptr, ptr)
@old = constant [9 x i8] c"dltensor\\00"
@new = constant [19 x i8] c"dltensor_versioned\\00"

define void @free_old(ptr %managed) { %at = getelementptr i8, ptr %managed, i64 OLD call void @count(ptr %at) ret void }
define void @free_new(ptr %managed) { %at = getelementptr i8, ptr %managed, i64 NEW call void @count(ptr %at) ret void }
define internal void @count(ptr %at) {
  %number = load ptr, ptr %at
  %before = atomicrmw add ptr %number, i64 1 seq_cst
  ret void
}
define void @destroy(ptr %capsule) {
entry:
  %o = call i32 @PyCapsule_IsValid(ptr %capsule, ptr @old)
  %is.old = icmp ne i32 %o, 0
  br i1 %is.old, label %free.old, label %next
free.old:
  %p = call ptr @PyCapsule_GetPointer(ptr %capsule, ptr @old)
  call void @free_old(ptr %p)
  br label %next
next:
  %n = call i32 @PyCapsule_IsValid(ptr %capsule, ptr @new)
  %is.new = icmp ne i32 %n, 0
  br i1 %is.new, label %free.new, label %out
free.new:
  %q = call ptr @PyCapsule_GetPointer(ptr %capsule, ptr @new)
  call void @free_new(ptr %q)
  br label %out
out:
  ret void
}
"""
KEPT: list[object] = []  # what capsules point to


@cache
def freeing() -> jit.Library:
    text = FREEING.replace("OLD", str(Managed.context.offset)).replace("NEW", str(_Versioned.context.offset))
    return jit.load(jit.compile(text))


class HandMade:
    """A capsule filled by hand over the memory of an array; `freed` counts how often that memory was given back."""

    def __init__(self, a: np.ndarray, code: int, bits: int, *, flags: int | None = None, **fields: Any) -> None:
        shape = (ctypes.c_int64 * a.ndim)(*a.shape)
        strides = (ctypes.c_int64 * a.ndim)(*(s // a.itemsize for s in a.strides))
        start = a.__array_interface__["data"][0]
        tensor = _Tensor(data=start, device_type=1, ndim=a.ndim, code=code, bits=bits, lanes=1)
        tensor.shape = ctypes.cast(shape, ctypes.POINTER(ctypes.c_int64))
        tensor.strides = ctypes.cast(strides, ctypes.POINTER(ctypes.c_int64))
        for name, value in fields.items():
            setattr(tensor, name, value)
        self.count = ctypes.c_int64(0)
        shared = {"tensor": tensor, "context": ctypes.addressof(self.count)}
        if flags is None:
            self.name, self.managed = b"dltensor", Managed(deleter=freeing()["free_old"], **shared)
        else:
            versioned = _Versioned(major=1, minor=0, flags=flags, deleter=freeing()["free_new"], **shared)
            self.name, self.managed = b"dltensor_versioned", versioned
        KEPT.append((self, a, shape, strides))

    @property
    def freed(self) -> int:
        return self.count.value

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)

    def __dlpack__(self, **_: Any) -> object:
        return _new_capsule(ctypes.addressof(self.managed), self.name, freeing()["destroy"])


def same_memory(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays are one, but for strides that nothing is multiplied by."""
    steps = [[s for s, e in zip(x.strides, x.shape) if e > 1] for x in (a, b)]
    same = (a.shape, a.dtype, steps[0]) == (b.shape, b.dtype, steps[1])
    return same and type(a) is np.ndarray and a.__array_interface__["data"] == b.__array_interface__["data"]


ARRAYS = [
    np.zeros((), "f4"), np.zeros(3, "i2"), np.zeros((2, 3, 4), "f8"), np.zeros((4, 6), "u1")[1::2, ::3],
    np.zeros((4, 6), "i8").T, np.zeros((1, 5), "f2")[:, 1:], np.zeros(3, "?"),
]  # fmt: skip


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("a", ARRAYS, ids=lambda a: f"{a.dtype}{a.shape}")
def test_numpy_capsules(a: np.ndarray, old: bool) -> None:
    assert same_memory(from_dlpack(Exporter(a, old)), a)


@pytest.mark.parametrize("kind", [k for k in KINDS.values() if k.name == k.stored], ids=str)
@pytest.mark.parametrize("flags", [None, 0, 1])
def test_every_data_type(kind, flags: int | None) -> None:
    a = np.zeros((3, 4), kind.numpy)
    array = from_dlpack(HandMade(a, CODES[kind.kind], 8 * kind.bytes, flags=flags))
    a.flags.writeable = flags != 1
    assert same_memory(array, a)


def test_negative_strides_offsets_and_missing_strides() -> None:
    a = np.arange(12, dtype="f4").reshape(3, 4)
    back = a[::-1, ::-1]
    assert same_memory(from_dlpack(HandMade(back, 2, 32)), back)
    shifted = from_dlpack(HandMade(a[:, 1:], 2, 32, data=a.__array_interface__["data"][0], byte_offset=4))
    assert same_memory(shifted, a[:, 1:])
    compact = from_dlpack(HandMade(a, 2, 32, strides=None))
    assert same_memory(compact, a)


def test_empty_tensors_may_have_no_memory() -> None:
    array = from_dlpack(HandMade(np.zeros((0, 3), "f4"), 2, 32, data=None))
    assert (array.shape, array.dtype) == ((0, 3), np.float32)


@pytest.mark.parametrize("flags", [None, 0])
def test_the_memory_lives_as_long_as_the_array(flags: int | None) -> None:
    for code, dtype in ((2, "float16"), (4, "bfloat16")):  # read by numpy, and read here
        exporter = HandMade(np.zeros(3, KINDS[dtype].numpy), code, 16, flags=flags)
        array = from_dlpack(exporter)
        view = array[1:]
        before = exporter.freed  # capsules that were asked for on the way
        del array
        gc.collect()
        assert exporter.freed == before
        del view
        gc.collect()
        assert exporter.freed == before + 1


@pytest.mark.parametrize(
    ("code", "bits", "lanes", "message"),
    [
        (5, 64, 1, "has elements of DLPack type 5 and 64 bits"),
        (2, 128, 1, "has elements of DLPack type 2 and 128 bits"),
        (2, 32, 4, "has elements of DLPack type 2 and 32 bits with 4 lanes"),
        (0, 4, 1, "has elements of DLPack type 0 and 4 bits"),
        (99, 8, 1, "has elements of DLPack type 99 and 8 bits"),
    ],
)
def test_types_no_argument_can_have(code: int, bits: int, lanes: int, message: str) -> None:
    with pytest.raises(Unreadable) as error:
        from_dlpack(HandMade(np.zeros(3, "f4"), code, bits, lanes=lanes))
    assert str(error.value) == message


def test_a_bfloat16_tensor_goes_through_a_call(recorder) -> None:
    from tensorir.codegen.runtime.signature import BufferParam, Signature

    a = np.zeros(3, KINDS["bfloat16"].numpy)
    exporter = HandMade(a, CODES["bfloat"], 16)
    f = recorder(Signature("f", (BufferParam("A", "bfloat16", (3,), written=True),)))
    assert f(exporter) == (a.__array_interface__["data"][0],)
    gc.collect()
    assert exporter.freed == 2  # numpy's attempt and ours
