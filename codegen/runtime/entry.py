"""The Python callable of a compiled kernel: a built-in function, and its Python side for the rare cases.

signature = Signature("scale", (BufferParam("A", "float32", ("n",), written=True),), symbols=(("n", "int64"),))
library = jit.load(jit.compile(kernel_text), native.symbols())
scale = bind(signature, library)
scale(array)
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from ...tir.errors import InternalError
from . import codes, jit, native
from .arguments import adapted, bound
from .emit import ENTRY, KERNEL, emit
from .explain import check
from .shared import SharedLibrary
from .signature import Signature

_FLAGS = 0x0080 | 0x0002  # METH_FASTCALL | METH_KEYWORDS


class _MethodDef(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


_new_function = ctypes.pythonapi.PyCFunction_NewEx
_new_function.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
_new_function.restype = ctypes.py_object


@lru_cache(maxsize=256)
def _compiled(text: str) -> jit.Code:
    """An entry's code, kept for the next kernel that takes the same: a schedule changes the kernel alone.

    It is straight-line code that calls functions: optimised, a call gains 5 ns and building loses 10 ms.
    """
    return jit.compile(text, jit.Options(opt=0))


def bind(signature: Signature, library: jit.Library | SharedLibrary, kernel: str | None = None) -> Callable[..., None]:
    """The Python callable that checks its arguments by `signature` and calls a kernel in `library`.

    It is a built-in function, so a call goes straight to native code; its `__self__` is the `Entry`. It keeps the
    library loaded, may be called from several threads at once, and takes its arguments by position or by keyword.

    Parameters
    ----------
    kernel: the kernel's symbol; the signature's name where left out.

    Calling it raises
    -----------------
    CallError: an argument is not what the signature says.
    RunError: an assertion of the program failed, or another of `Signature.messages` came back.
    MemoryError: there is no memory for one of the kernel's temporaries.
    """
    return Entry(signature, library, library[kernel or signature.name]).function()


class Entry:
    """Python's side of a native entry: called with whatever the native side does not take at once."""

    __slots__ = ("_code", "_definition", "library", "signature")

    def __init__(self, signature: Signature, library: jit.Library | SharedLibrary, kernel: int) -> None:
        self.signature = signature
        self.library = library
        self._code = jit.load(_compiled(emit(signature)), {**native.symbols(), KERNEL: kernel})
        names = ", ".join(param.name for param in signature.params)
        doc = f"{signature.name}($self, {names})\n--\n\n{signature}"
        self._definition = _MethodDef(signature.name.encode(), self._code[ENTRY], _FLAGS, doc.encode())

    def function(self) -> Callable[..., None]:
        """A built-in function that runs the native code, with this entry as its `__self__`."""
        return _new_function(ctypes.addressof(self._definition), self, None)

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        """Call the kernel with arguments that are legal in another form; raise a `CallError` for all others."""
        given = adapted(self.signature, bound(self.signature, args, kwargs))
        if kwargs or any(after is not before for after, before in zip(given, args, strict=True)):
            return self.function()(*given)
        check(self.signature, given)
        raise InternalError(f"{self.signature.name}: the native entry refused arguments in which nothing is wrong")

    def fail(self, code: int) -> None:
        """Raise what the kernel's return code stands for."""
        if isinstance(self.library, SharedLibrary):
            refused = self.library.refused_bytes()
        else:
            refused = native.function("tir_refused_bytes", ctypes.c_int64)()
        raise codes.exception(code, self.signature.name, self.signature.messages, refused)

    def __repr__(self) -> str:
        return f"<compiled {self.signature}>"
