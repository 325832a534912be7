"""Saving built modules as files, and loading shared libraries that were saved, without compiling them again."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..tir.dtype import dtype
from ..tir.errors import UserError
from .runtime import stored
from .runtime.shared import SharedLibrary

if TYPE_CHECKING:
    from .build import Module
    from .c.built import CModule

_TEXTS = {"c": {".c": "c", ".h": "h", ".s": "asm"}, "llvm": {".ll": "llvm", ".s": "asm", ".h": "h"}}
"""The forms of source that are files by themselves, by the target's kind and the file's suffix."""


def save(module: Module, path: str | os.PathLike[str]) -> Path:
    """Write `module` to a file of the kind its suffix names; see `Module.save`."""
    target = Path(path)
    kind = module.target.kind
    texts, compiled = _TEXTS[kind], _COMPILED[kind]
    if target.suffix in texts:
        target.write_text(module.source(texts[target.suffix]))
    elif target.suffix in compiled:
        compiled[target.suffix](module, target)
    else:
        legal = ", ".join((*texts, *compiled))
        hint = "; build for 'c' to save that" if target.suffix == ".c" else ""
        given = repr(target.suffix or "no suffix")
        raise UserError(f"a module for {kind!r} is saved as one of {legal}, not as {given}{hint}")
    if target.suffix in (".c", ".so", ".o"):
        target.with_suffix(".h").write_text(module.source("h"))
    return target


def _shared(module: CModule, path: Path) -> None:
    _place(Path(module.library.path), path)


def _object(module: CModule, path: Path) -> None:
    from .c import compiler

    _place(compiler.compiled(module.emitted.text, (*module.flags, "-c"), ".o"), path)


def _llvm_object(module: Module, path: Path) -> None:
    from .llvm.saved import object_file

    fresh = _beside(path)
    fresh.write_bytes(object_file(module))
    os.replace(fresh, path)


def _llvm_shared(module: Module, path: Path) -> None:
    from .c import compiler

    if module.target.triple:
        raise UserError(f"a module for {module.target.triple} is saved as .o, and linked by its own system's compiler")
    fresh = _beside(path).with_suffix(".so")
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "module.o"
        _llvm_object(module, made)
        compiler.invoke(made, fresh, ("-pthread",))
    os.replace(fresh, path)


_COMPILED: dict[str, dict[str, Callable[[Any, Path], None]]] = {
    "c": {".so": _shared, ".o": _object},
    "llvm": {".so": _llvm_shared, ".o": _llvm_object},
}
"""What writes the files that are not text."""


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")


def _place(made: Path, path: Path) -> None:
    """Copy a file into place in one step: the old one may be loaded somewhere."""
    fresh = _beside(path)
    shutil.copyfile(made, fresh)
    os.replace(fresh, path)


def load(path: str | os.PathLike[str]) -> Saved:
    """The functions of a shared library that `Module.save` wrote. It stays loaded for the life of the process.

    Loading runs what the file holds, as importing a Python module does: load files of people you trust.

    Raises
    ------
    UserError: there is no such file, the system cannot load it, or it was not saved by this version of tensorir.
    """
    return Saved(SharedLibrary(path))


class Saved:
    """Functions of a saved library: `saved["name"](...)`, or `saved(...)` where there is one or one called "main"."""

    def __init__(self, library: SharedLibrary) -> None:
        from .build import bound

        self.library = library
        self._functions: dict[str, Callable[..., Any]] = {}
        self._signatures: list[str] = []
        for signature, symbol, returns in stored.read(library.record(), library.path):
            self._functions[signature.name] = bound(signature, library, symbol, dtype(returns))
            self._signatures.append(str(signature))

    def __getitem__(self, name: str) -> Callable[..., Any]:
        try:
            return self._functions[name]
        except KeyError:
            has = ", ".join(map(repr, self._functions))
            raise UserError(f"{self.library.path} has no function {name!r}; it has {has}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._functions)

    def __contains__(self, name: object) -> bool:
        return name in self._functions

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call "main", or the only function; arrays are written in place."""
        name = "main" if "main" in self._functions or len(self._functions) != 1 else next(iter(self._functions))
        return self[name](*args, **kwargs)

    def __repr__(self) -> str:
        return f"<saved module {self.library.path}: {', '.join(self._signatures)}>"
