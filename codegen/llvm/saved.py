"""Modules as object files that need no Python: kernels under C names, the runtime they call, and a header."""

from __future__ import annotations

import re
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from ...tir.function import IRModule, PrimFunc
from .. import runtime
from ..c.module import header as c_header
from ..c.module import symbol as c_symbol
from ..c.names import Names
from ..c.types import memory_type, value_type
from ..runtime import host, jit, stored
from ..signatures import RESULT, kernel_params, written_pointers
from ..target import host as this_machine
from .module import quoted, symbol

if TYPE_CHECKING:
    from ..build import Module

_RUNTIME = ("pool.ll", "memory.ll", "standalone.ll")
_NARROW = {"float16": "_Float16", "bfloat16": "__bf16"}


def object_file(module: Module) -> bytes:
    """The relocatable object file of a module: `int32_t tir_<name>(...)` for each function, and its record.

    The runtime is in it as weak symbols, so that several such files link into one program.
    """
    text = module.source("llvm")
    for name in module.lowered:
        text = text.replace(quoted(symbol(name)), f"@{c_symbol(name)}")
    return jit.compile([text, *_runtime(module), _record(module)], module.options).object


def _runtime(module: Module) -> list[str]:
    target = module.target
    threads = 0 if target.num_threads == this_machine()["num_threads"] else target.num_threads
    facts = {**host.facts("aarch64" if target.is_arm else ""), "given_threads": threads}
    texts = [Template((files(runtime.__name__) / name).read_text()).substitute(facts) for name in _RUNTIME]
    return [re.sub(r"^define (.*@tir_(\w+))", _weakly, text, flags=re.MULTILINE) for text in texts]


def _weakly(found: re.Match[str]) -> str:
    """A function of the runtime for this file's use; one that the Python side asks for is seen from outside."""
    return f"define weak {'' if found[2] == 'refused_bytes' else 'hidden '}{found[1]}"


def _record(module: Module) -> str:
    symbols = {name: c_symbol(name) for name in module.lowered}
    returns = {name: str(f.ret_type) for name, f in module.lowered.items()}
    data = stored.dump(module.signatures, symbols, returns).encode() + b"\0"
    content = "".join(chr(b) if 32 <= b < 127 and chr(b) not in '"\\' else f"\\{b:02X}" for b in data)
    return f'@{stored.SYMBOL} = weak constant [{len(data)} x i8] c"{content}"\n'


def header(module: Module) -> str:
    """The header of what `object_file` makes."""
    program = module.lowered
    return c_header(program, [_prototype(program, f) for f in program.functions.values()], module.messages)


def _prototype(program: IRModule, func: PrimFunc) -> str:
    names, written, params = Names(frozenset(map(c_symbol, program))), written_pointers(func), []
    for i, var in enumerate([*kernel_params(func), None]):
        if i == len(func.params) and func.ret_type.kind != "void":
            params.append(f"{memory_type(func.ret_type)} *{RESULT}")
        if var is None:
            break
        buffer = func.buffer_map.get(var)
        if buffer is not None:
            const = "" if buffer.data in written else "const "
            params.append(f"{const}{memory_type(buffer.dtype)} *{names.fresh(buffer.name)}")
        else:
            kind = _NARROW.get(str(var.dtype)) or ("uint8_t" if str(var.dtype).startswith("float8") else "")
            params.append(f"{kind or value_type(var.dtype)} {names.fresh(var.name)}".replace("* ", "*"))
    return f"int32_t {c_symbol(func.name)}({', '.join(params) or 'void'})"
