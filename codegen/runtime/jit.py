"""Compile LLVM IR text to machine code, load it into this process and give addresses: a thin wrapper over llvmlite.

    code = compile([text, ...])             # parse, verify, link, optimise, emit; plain data, fit for a cache or a pipe
    library = load(code, {"helper": 0x7f...})   # map it into the process; it lives as long as `library` does
    address = library["kernel"]

Every function here may be called from any Python thread; LLVM itself runs one call at a time.
"""

from __future__ import annotations

import ctypes
import os
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import count
from typing import Any

import llvmlite.binding as llvm
from llvmlite.binding.newpassmanagers import NewPassManager

from ...tir.errors import InternalError

lock = threading.RLock()
"""Held while LLVM works. A fork waits for it, so that no child inherits LLVM in the middle of something."""

os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
_names = count()


@dataclass(frozen=True, slots=True)
class Options:
    """How LLVM compiles.

    Attributes
    ----------
    triple, cpu, features: the machine, in LLVM's spelling; an empty triple means this machine, and then an empty cpu
        means this machine's cpu with all its features.
    opt: optimisation level, 0 to 3.
    loop_vectorize, slp_vectorize, interleave, unroll: switches of the optimiser's pipeline.
    """

    triple: str = ""
    cpu: str = ""
    features: str = ""
    opt: int = 3
    loop_vectorize: bool = True
    slp_vectorize: bool = True
    interleave: bool = True
    unroll: bool = True


@dataclass(frozen=True, slots=True)
class Code:
    """Machine code not yet loaded: a relocatable object file, the symbols it defines and those it needs."""

    object: bytes
    exports: tuple[str, ...]
    imports: tuple[str, ...]


class Library:
    """Machine code loaded into this process.

    It stays mapped as long as this object lives: whoever calls an address taken from it must keep it alive.
    """

    __slots__ = ("__weakref__", "_addresses", "code")

    def __init__(self, code: Code, tracker: Any) -> None:
        self.code = code
        self._addresses: dict[str, int] = {name: tracker[name] for name in code.exports}
        weakref.finalize(self, _unload, tracker).atexit = False  # until the process ends, code may run

    def __getitem__(self, symbol: str) -> int:
        """The address of a function or global the code defines."""
        try:
            return self._addresses[symbol]
        except KeyError:
            defined = ", ".join(self._addresses) or "nothing"
            raise InternalError(f"compiled code defines no symbol {symbol!r}; it defines {defined}") from None

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._addresses

    def __iter__(self) -> Iterator[str]:
        return iter(self._addresses)


def compile(texts: str | Sequence[str], options: Options = Options()) -> Code:
    """Compile LLVM IR to an object file.

    Parameters
    ----------
    texts: one or more modules in LLVM's textual form. They are linked into one before optimisation, so a function that
        one declares and another defines is the same function, and may be inlined. Names meet only through external
        linkage; data layout and triple may be left out.

    Raises
    ------
    InternalError: a text does not parse or verify; the message shows the offending line. (Text comes from our own
        backend, so this is our bug.)
    """
    with _optimized(texts, options) as module:
        exports, imports = _symbols(module)
        return Code(_machine(options).emit_object(module), exports, imports)


def load(code: Code, symbols: Mapping[str, int] | None = None) -> Library:
    """Map machine code into this process.

    Parameters
    ----------
    symbols: addresses for symbols the code needs; the others are looked up in the process (libc, libm).

    Raises
    ------
    InternalError: a symbol is found nowhere, or the code is for another machine.
    """
    given = symbols or {}
    with lock:
        process = ctypes.CDLL(None)
        missing = [name for name in code.imports if name not in given and not hasattr(process, name)]
        if missing:
            raise InternalError(f"compiled code needs symbols that are defined nowhere: {', '.join(missing)}")
        builder = llvm.JITLibraryBuilder().add_object_img(code.object).add_current_process()
        for name in code.imports:
            if name in given:
                builder.import_symbol(name, given[name])
        for name in code.exports:
            builder.export_symbol(name)
        try:
            return Library(code, builder.link(_linker(), f"tensorir.{next(_names)}"))
        except RuntimeError as error:
            raise InternalError(f"compiled code cannot be loaded: {error}") from None


def _unload(tracker: Any) -> None:
    with lock:
        tracker.close()


def optimized(texts: str | Sequence[str], options: Options = Options()) -> str:
    """The LLVM IR text that the optimiser makes of `texts`; raises as `compile` does."""
    with _optimized(texts, options) as module:
        return str(module)


def assembly(texts: str | Sequence[str], options: Options = Options()) -> str:
    """The assembly text of `texts`; raises as `compile` does."""
    with _optimized(texts, options) as module:
        return str(_machine(options).emit_assembly(module))


@contextmanager
def _optimized(texts: str | Sequence[str], options: Options) -> Iterator[Any]:
    """One optimised module made of `texts`, in an LLVM context of its own that dies with it.

    LLVM's optimiser is not without bugs, and its code generator ends the process where it meets what they leave. So
    what it made is verified, and made again with less of it where it is wrong.
    """
    with lock:
        less = replace(options, slp_vectorize=False)
        for attempt in (options, less, replace(less, loop_vectorize=False), replace(options, opt=0)):
            with _linked(texts, options) as module:
                _optimize(module, _machine(options), attempt)
                try:
                    module.verify()
                except RuntimeError as error:
                    complaint = error
                    continue
                yield module
                return
        raise InternalError(f"LLVM makes invalid code of the generated code: {complaint}")


@contextmanager
def _linked(texts: str | Sequence[str], options: Options) -> Iterator[Any]:
    """One verified module made of `texts`."""
    with ExitStack() as stack:  # it closes every module before their context, whatever fails
        machine = _machine(options)
        header = f'target datalayout = "{machine.target_data}" target triple = "{machine.triple}" '
        context = stack.enter_context(llvm.create_context())
        modules = []
        for text in [texts] if isinstance(texts, str) else texts:
            parse = partial(llvm.parse_assembly, header + text, context)
            modules.append(stack.enter_context(_checked("parse", parse)))
            _checked("verify", modules[-1].verify)
        module = modules[0]
        for other in modules[1:]:
            _checked("link", partial(module.link_in, other))
        yield module


def _optimize(module: Any, machine: Any, options: Options) -> None:
    tuning = llvm.create_pipeline_tuning_options(speed_level=options.opt)
    tuning.loop_vectorization = options.loop_vectorize
    tuning.slp_vectorization = options.slp_vectorize
    tuning.loop_interleaving = options.interleave
    tuning.loop_unrolling = options.unroll
    with tuning, llvm.create_pass_builder(machine, tuning) as builder:
        passes = builder.getModulePassManager()
        try:
            passes.run(module, builder)
        finally:
            # Its own close() finds the `_dispose` of the wrong base class, which frees nothing.
            NewPassManager._dispose(passes)
            passes.detach()


def _checked(doing: str, step: Callable[[], Any]) -> Any:
    try:
        return step()
    except RuntimeError as error:
        raise InternalError(f"LLVM cannot {doing} the generated code: {error}") from None


def _symbols(module: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The symbols a module offers to others and those it needs from them."""
    values = [v for v in (*module.functions, *module.global_variables) if not v.name.startswith("llvm.")]
    hidden = (llvm.Linkage.internal, llvm.Linkage.private)
    exports = tuple(v.name for v in values if not v.is_declaration and v.linkage not in hidden)
    return exports, tuple(v.name for v in values if v.is_declaration)


@cache
def _machine(options: Options) -> Any:
    """LLVM's target machine for `options`, position independent: one object serves the JIT and a shared file."""
    if not 0 <= options.opt <= 3:
        raise InternalError(f"optimisation level {options.opt} is not one of 0, 1, 2, 3")
    if options.triple:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
    else:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        llvm.initialize_native_asmparser()  # inline assembly aborts the process without it
    host = not (options.triple or options.cpu)
    try:
        return llvm.Target.from_triple(options.triple or llvm.get_process_triple()).create_target_machine(
            cpu=llvm.get_host_cpu_name() if host else options.cpu,
            features=llvm.get_host_cpu_features().flatten() if host else options.features,
            opt=options.opt,
            reloc="pic",
            codemodel="small",
        )
    except RuntimeError as error:
        raise InternalError(f"LLVM has no target {options.triple!r}: {error}") from None


@cache
def _linker() -> Any:
    """The process's one linking loader; never disposed, since code may run until the process ends."""
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(reloc="pic", codemodel="small")
    # JITLink puts all sections of an object next to each other, as the small code model needs.
    return llvm.create_lljit_compiler(machine, use_jit_link=True, suppress_errors=True)
