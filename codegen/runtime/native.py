"""The runtime's own native code: the `.ll` files next to this one, filled in for this process and compiled once."""

from __future__ import annotations

import atexit
import ctypes
import os
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np

from . import host, jit

_FILES = ("pool.ll", "memory.ll", "call.ll")
_PYTHON_API = (
    "PyBuffer_Release",
    "PyErr_Clear",
    "PyErr_ExceptionMatches",
    "PyErr_Occurred",
    "PyEval_RestoreThread",
    "PyEval_SaveThread",
    "PyFloat_AsDouble",
    "PyLong_AsLongLong",
    "PyLong_AsUnsignedLongLong",
    "PyLong_FromLong",
    "PyNumber_Index",
    "PyObject_GetBuffer",
    "PyObject_Vectorcall",
    "PyObject_VectorcallMethod",
    "PyUnicode_FromString",
    "Py_DecRef",
    "Py_IncRef",
)


def library() -> jit.Library:
    """The runtime's native code, compiled and loaded at the first call (some 20 ms)."""
    with jit.lock:  # there must never be two pools
        return _loaded()


@cache
def _loaded() -> jit.Library:
    facts = host.facts()
    texts = [Template((files(__package__) / name).read_text()).substitute(facts) for name in _FILES]
    # Written as it should run: the optimiser would take five times as long and gain nothing measurable.
    loaded = jit.load(jit.compile(texts, jit.Options(opt=0)), _foreign())
    # Forked children have no threads but their own; at exit, threads end before the interpreter takes itself apart.
    os.register_at_fork(after_in_child=ctypes.CFUNCTYPE(None)(loaded["tir_pool_reset"]))
    atexit.register(ctypes.CFUNCTYPE(None)(loaded["tir_pool_stop"]))
    return loaded


def function(name: str, result: type | None, *arguments: type) -> Callable[..., Any]:
    """A runtime function as a ctypes function, which releases the GIL while it runs."""
    return ctypes.CFUNCTYPE(result, *arguments)(library()[name])


@cache
def symbols() -> dict[str, int]:
    """The addresses that kernels and entries link with: `tir_parallel_for`, `tir_alloc`, ..., and Python's C API."""
    return {**{name: library()[name] for name in library()}, **_foreign()}


@cache
def _foreign() -> dict[str, int]:
    """Addresses in the Python process: C-API functions (in a shared or a static libpython) and a few objects."""
    functions = {name: _address(getattr(ctypes.pythonapi, name)) for name in _PYTHON_API}
    objects = {"True": True, "False": False, "None": None, "Exception": Exception, "ndarray": np.ndarray}
    addresses = {f"py_{name}": id(value) for name, value in objects.items()}
    if host.layout() is None:
        addresses["py_ndarray"] = id(object())  # no object's type: every array is then read through its buffer
    return {**functions, **addresses}


def _address(function: object) -> int:
    address = ctypes.cast(function, ctypes.c_void_p).value  # type: ignore[arg-type]
    assert address is not None
    return address
