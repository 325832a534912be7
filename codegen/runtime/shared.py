"""Shared libraries of kernels, loaded into this process."""

from __future__ import annotations

import ctypes
import os

from ...tir.errors import UserError
from . import stored


class SharedLibrary:
    """A shared library with exported kernels; it stays loaded for the life of the process.

    Raises
    ------
    UserError: there is no such file, or the system cannot load it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.abspath(path)
        if not os.path.isfile(self.path):
            raise UserError(f"there is no file {self.path}")
        try:
            self._library = ctypes.CDLL(self.path)
        except OSError as error:
            raise UserError(f"{self.path} cannot be loaded: {error}") from None

    def __getitem__(self, symbol: str) -> int:
        """The address of an exported function.

        Raises
        ------
        UserError: the library exports no such function.
        """
        try:
            address = ctypes.cast(getattr(self._library, symbol), ctypes.c_void_p).value
        except AttributeError:
            address = None
        if address is None:
            raise UserError(f"{self.path} exports no function {symbol!r}")
        return address

    def record(self) -> str:
        """The text by which a library saved here says what its functions take.

        Raises
        ------
        UserError: the library has none.
        """
        try:
            address = ctypes.addressof(ctypes.c_char.in_dll(self._library, stored.SYMBOL))
        except ValueError:
            raise UserError(f"{self.path} was not saved by tensorir: it exports no `{stored.SYMBOL}`") from None
        return ctypes.string_at(address).decode()

    def refused_bytes(self) -> int:
        """The size of the last temporary that the library found no memory for; 0 if it does not say."""
        try:
            function = self._library.tir_refused_bytes
        except AttributeError:
            return 0
        function.restype = ctypes.c_int64
        return int(function())
