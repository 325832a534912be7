"""Calls of C functions and LLVM intrinsics that a program names, and the check that they exist."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING

from ...tir.dtype import DType
from ...tir.errors import BuildError, LowerError
from ...tir.expr import Call, Expr, FloatImm, IntImm, StringImm
from ..runtime import jit
from .types import memory_type, register_type, vector

if TYPE_CHECKING:
    from .expr import ExprEmitter
    from .function import FunctionBuilder
    from .module import Emitted


def call_foreign(fb: FunctionBuilder, exprs: ExprEmitter, node: Call) -> str:
    """Call the function that the first argument names with the others; gives its result, "" if it has none."""
    name = _name(node)
    is_intrinsic = node.op.name.startswith("call_llvm")
    if is_intrinsic and not name.startswith("llvm."):
        name = f"llvm.{name}"
    if name.startswith("llvm.") and not is_intrinsic:
        raise LowerError("{0} names an intrinsic of LLVM's", node, hint="call it with T.call_llvm_intrin")
    symbol = _quoted(name)
    args = [_passed(fb, exprs, a) for a in node.args[1:]]
    result = "void" if node.dtype.kind == "void" else foreign_type(node.dtype)
    fb.module.declare(symbol, result, ", ".join(kind for kind, _ in args))
    if "pure" not in node.op.name:
        fb.known.forget()
    elif not is_intrinsic:
        fb.known.settle()
    text = f"call {result} @{symbol}({', '.join(f'{kind} {value}' for kind, value in args)})"
    if is_intrinsic:
        fb.module.probes.setdefault(_probe(symbol, result, args, node), node)
    else:
        fb.module.externs.setdefault(name, node)
    if result == "void":
        fb.emit(text)
        return ""
    value, kind = fb.let(text), memory_type(node.dtype)
    if result == register_type(node.dtype):
        return value
    return exprs.memory.from_memory(
        value if kind == result else fb.let(f"bitcast {result} {value} to {kind}"), node.dtype
    )


def foreign_type(type_: DType) -> str:
    """The LLVM type by which others take and give a value: floats of 16 bits as such, in place of 32-bit registers."""
    element = {"float16": "half", "bfloat16": "bfloat"}.get(str(type_.element))
    return vector(element, type_.lanes) if element else register_type(type_)


def _passed(fb: FunctionBuilder, exprs: ExprEmitter, arg: Expr) -> tuple[str, str]:
    """The type and the operand by which an argument is passed."""
    wanted, kind, value = foreign_type(arg.dtype), memory_type(arg.dtype), exprs(arg)
    if wanted == register_type(arg.dtype):
        return wanted, value
    bits = exprs.memory.to_memory(value, arg.dtype)  # which LLVM sees through where the value was loaded
    return wanted, bits if kind == wanted else fb.let(f"bitcast {kind} {bits} to {wanted}")


def _name(node: Call) -> str:
    first = node.args[0] if node.args else None
    if not isinstance(first, StringImm) or not first.value or "\0" in first.value:
        raise LowerError(f"T.{node.op.name} takes the function's name first", node)
    return first.value


def _quoted(name: str) -> str:
    """A name of another's making, as it is written in LLVM IR."""
    if name.replace("_", "").replace(".", "").isalnum() and name.isascii() and not name[0].isdigit():
        return name
    return '"' + "".join(f"\\{byte:02X}" for byte in name.encode()) + '"'


def _probe(symbol: str, result: str, args: list[tuple[str, str]], node: Call) -> str:
    """A module with a function that makes the call alone; constants stay, since some operands must be."""
    params, operands = [], []
    for k, ((kind, value), arg) in enumerate(zip(args, node.args[1:])):
        if not isinstance(arg, (IntImm, FloatImm)):
            params.append(f"{kind} %a{k}")
            value = f"%a{k}"
        operands.append(f"{kind} {value}")
    call = f"call {result} @{symbol}({', '.join(operands)})"
    body = f"  {call}\n  ret void" if result == "void" else f"  %r = {call}\n  ret {result} %r"
    declare = f"declare {result} @{symbol}({', '.join(kind for kind, _ in args)})"
    return f"{declare}\ndefine {result} @probe({', '.join(params)}) {{\n{body}\n}}\n"


def check_foreign(emitted: Emitted, options: jit.Options, *, runs_here: bool) -> None:
    """Check that LLVM takes every intrinsic called for the target, and, for this process, that it has every function.

    Raises
    ------
    BuildError: naming the first call that cannot be.
    """
    for text, node in emitted.probes.items():
        complaint = _complaint(text, options)
        if complaint:
            target = f" for {options.cpu}" if options.cpu else ""
            raise BuildError(f"LLVM has no code for `{node}`{target}: {complaint}")
    if runs_here:
        process = ctypes.CDLL(None)
        for name, node in emitted.externs.items():
            if not hasattr(process, name):
                raise BuildError(
                    f"`{node}` calls {name!r}, which is not in this process; load the library that has it first, "
                    "as in ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)"
                )


@cache
def _complaint(text: str, options: jit.Options) -> str:
    """What LLVM says against the module `text`, "" if nothing.

    In another process, since LLVM aborts where it meets an intrinsic that the target does not have.
    """
    program = (
        "import sys, llvmlite.binding as b\n"
        "triple, cpu, features, text = sys.argv[1:]\n"
        "b.initialize_all_targets(); b.initialize_all_asmprinters()\n"
        "machine = b.Target.from_triple(triple or b.get_process_triple()).create_target_machine("
        "cpu=cpu or b.get_host_cpu_name(), features=features if cpu else b.get_host_cpu_features().flatten())\n"
        "module = b.parse_assembly(text); module.verify(); machine.emit_object(module)\n"
    )
    command = [sys.executable, "-c", program, options.triple, options.cpu, options.features, text]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode == 0:
        # An unknown name is taken for a function of somebody else's.
        return "" if jit_knows(text) else "there is no such intrinsic"
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return next((x for x in lines if x.startswith(("LLVM ERROR", "RuntimeError"))), lines[-1] if lines else "it fails")


def jit_knows(text: str) -> bool:
    """Whether LLVM knows the intrinsic that the module declares: it then gives it attributes of its own."""
    from llvmlite import binding

    with jit.lock:
        module = binding.parse_assembly(text, binding.create_context())
        return any(f.is_declaration and "#" in str(f) for f in module.functions)
