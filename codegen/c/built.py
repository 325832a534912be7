"""Modules of the C backend: text, compiled by the system's compiler, loaded and called as any module is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...tir.function import IRModule
from ..build import Module, bound
from ..runtime.shared import SharedLibrary
from ..target import Target
from . import compiler
from .module import emit


class CModule(Module):
    """Functions compiled from C text.

    Raises
    ------
    BuildError: there is no C compiler, it refuses the text, or the target is another machine.
    """

    def __init__(
        self,
        program: IRModule,
        lowered: IRModule,
        target: Target,
        opt: int,
        flags: Sequence[str],
        *,
        sanitize: bool = False,
    ) -> None:
        self.program, self.lowered, self.target = program, lowered, target
        self.emitted = emit(lowered, target, program, sanitize=sanitize)
        self.messages = self.emitted.messages
        self.flags = compiler.flags(target, opt, flags)
        self._signatures = dict(self.emitted.signatures)
        self.library = SharedLibrary(compiler.compiled(self.emitted.text, self.flags))
        self._functions = {
            name: bound(signature, self.library, self.emitted.symbols[name], lowered[name].ret_type)
            for name, signature in self._signatures.items()
            if signature is not None
        }

    def _forms(self) -> dict[str, Any]:
        return {
            "tir": lambda: self.lowered.script(),
            "c": lambda: self.emitted.text,
            "h": lambda: self.emitted.header,
            "asm": lambda: compiler.compiled(self.emitted.text, (*self.flags, "-S"), ".s").read_text(),
        }
