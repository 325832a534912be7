"""What the runtime's native code needs to know of this machine and this process."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import sys
import time
from functools import cache

import numpy as np

from ...tir.errors import InternalError, UserError
from .dtypes import CLASSES, KINDS

MAX_THREADS = 1024
"""The most threads the pool can have."""

SPIN_MICROSECONDS = 1000
"""How long an idle thread watches for the next loop before it sleeps; waking it costs some microseconds then, and on a
virtual machine, whose processor has to be woken, too, a fifth of a millisecond."""

_SPIN_HINTS = {
    "x86_64": "call void @llvm.x86.sse2.pause()",
    "aarch64": "call void @llvm.aarch64.hint(i32 1)",
}
_ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}


def default_num_threads() -> int:
    """What TENSORIR_NUM_THREADS says, or else the number of processors this process may run on.

    Raises
    ------
    UserError: the variable does not hold an integer from 1 to `MAX_THREADS`.
    """
    setting = os.environ.get("TENSORIR_NUM_THREADS", "").strip()
    if setting:
        return checked_threads(int(setting) if setting.isdecimal() else setting, "TENSORIR_NUM_THREADS")
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(available, MAX_THREADS)


def checked_threads(count: object, what: str) -> int:
    """`count` if it is a possible number of threads; a `UserError` about `what` otherwise."""
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_THREADS:
        raise UserError(f"{what} must be an integer from 1 to {MAX_THREADS}, not {count!r}")
    return count


def facts(machine: str = "") -> dict[str, str | int]:
    """The values of the names in the `.ll` templates, for a kind of processor, this one's where left out."""
    machine = machine or platform.machine().lower()
    machine = _ARCHITECTURES.get(machine, machine)
    if machine not in _SPIN_HINTS:
        raise InternalError(f"the runtime knows no {machine} processors, only {', '.join(_SPIN_HINTS)}")
    head, ob_type = layout() or (object.__basicsize__, 0)
    little = sys.byteorder == "little"
    own = [kind for kind in KINDS.values() if kind.name == kind.stored]
    codes = [0] * (max(kind.numpy.num for kind in own) + 1)
    for kind in own:
        codes[kind.numpy.num] = kind.code
    for alias in "bhilqBHILQ":  # several of C's integer types have the same size
        dtype = np.dtype(alias)
        codes[dtype.num] = KINDS[dtype.name].code
    return {
        "pause": _SPIN_HINTS[machine],
        "threads": default_num_threads(),
        "max_threads": MAX_THREADS,
        "spin": SPIN_MICROSECONDS * 1000,
        "monotonic": time.CLOCK_MONOTONIC,
        "sig_setmask": int(signal.SIG_SETMASK),
        "head": head,
        "ob_type": ob_type,
        "swapped": ord(">" if little else "<"),
        "unswapped": ord("<" if little else ">"),
        "numpy_types": len(codes),
        "numpy_codes": "".join(f"\\{code:02x}" for code in codes),
        **{f"class_{name}": bits for name, bits in CLASSES.items()},
    }


@cache
def layout() -> tuple[int, int] | None:
    """Where numpy's fields begin in an array, and where an object's type is; None unless live arrays agree.

    The order of the fields is that of `PyArrayObject_fields` and `_PyArray_Descr` in numpy's public headers, which
    compiled extensions rely on; the size of what precedes them is the interpreter's business.
    """
    head = object.__basicsize__
    probe = np.empty((3, 5), np.float32)
    words = (ctypes.c_size_t * (head // 8)).from_address(id(probe))
    if id(np.ndarray) not in list(words):
        return None
    frozen = np.zeros((2, 3, 4), np.int16)[:, ::2]
    frozen.flags.writeable = False
    arrays = (probe, frozen, np.zeros((), ">f8"), np.zeros(2, KINDS["bfloat16"].numpy))
    return (head, 8 * list(words).index(id(np.ndarray))) if all(_as_promised(a, head) for a in arrays) else None


class _Array(ctypes.Structure):
    """The fields of a numpy array behind the object's head."""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("nd", ctypes.c_int),
        ("dimensions", ctypes.POINTER(ctypes.c_ssize_t)),
        ("strides", ctypes.POINTER(ctypes.c_ssize_t)),
        ("base", ctypes.c_void_p),
        ("descr", ctypes.c_void_p),
        ("flags", ctypes.c_int),
    ]


class _Descr(ctypes.Structure):
    """The first fields of a numpy dtype behind the object's head."""

    _fields_ = [
        ("typeobj", ctypes.c_void_p),
        ("kind", ctypes.c_char),
        ("type", ctypes.c_char),
        ("byteorder", ctypes.c_char),
        ("former_flags", ctypes.c_char),
        ("type_num", ctypes.c_int),
    ]


def _as_promised(array: np.ndarray, head: int) -> bool:
    """Whether reading `array` at the promised offsets gives what numpy says of it."""
    fields = _Array.from_address(id(array) + head)
    described = _Descr.from_address(id(array.dtype) + head)
    return (
        (fields.data, fields.nd, fields.descr) == (array.ctypes.data, array.ndim, id(array.dtype))
        and tuple(fields.dimensions[: array.ndim]) == array.shape
        and tuple(fields.strides[: array.ndim]) == array.strides
        and bool(fields.flags & 0x400) == array.flags.writeable
        and described.byteorder.decode() == array.dtype.byteorder
        and described.type_num == array.dtype.num
    )
