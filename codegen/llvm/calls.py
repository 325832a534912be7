"""Calls between the functions of a module: arguments, symbolic extents, results and error codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...tir.errors import LowerError
from ...tir.expr import Call, Expr, GlobalVar, Var, cast
from ...tir.function import PrimFunc
from ..passes.flatten_buffer import strides_of
from ..signatures import kernel_params
from .function import FunctionBuilder
from .module import quoted, symbol
from .types import memory_type, register_type

if TYPE_CHECKING:
    from .expr import ExprEmitter


def call_in_module(fb: FunctionBuilder, exprs: ExprEmitter, node: Call) -> str:
    """Call a function of the module; an error it returns is returned at once. Gives its result, "" if it has none."""
    assert isinstance(node.op, GlobalVar)
    module = fb.module.module
    if node.op.name not in module:
        raise LowerError(
            f"the function {node.op.name!r} is called, but the module has only {', '.join(map(repr, module))}", node
        )
    callee = module[node.op]
    if len(node.args) != len(callee.params):
        raise LowerError(f"{callee.name!r} takes {len(callee.params)} arguments, got {len(node.args)}", node)
    given = dict(zip(callee.params, node.args))
    operands = []
    for param in kernel_params(callee):
        arg = given[param] if param in given else _extent(fb, callee, given, param, node)
        if arg.dtype != param.dtype:
            raise LowerError(f"{callee.name!r} takes a {param.dtype} as {param.name!r}, got a {arg.dtype}", node)
        operands.append(f"{passed_type(param)} {_passed(fb, exprs, arg)}")
    result = None
    if callee.ret_type.kind != "void":
        result = fb.alloca(memory_type(callee.ret_type), 16, "result")
        operands.insert(len(callee.params), f"ptr {result}")
    fb.known.forget()
    code = fb.let(f"call i32 {quoted(symbol(node.op.name))}({', '.join(operands)})", "code")
    good, bad = fb.new_label("ok"), fb.new_label("failed")
    fb.branch_if(fb.let(f"icmp eq i32 {code}, 0"), good, bad, weights=(1 << 20, 1))
    fb.start(bad)
    fb.leave(code)
    fb.start(good)
    if result is None:
        return ""
    loaded = fb.let(f"load {memory_type(callee.ret_type)}, ptr {result}")
    return exprs.memory.from_memory(loaded, callee.ret_type)


def passed_type(var: Var) -> str:
    """The LLVM type by which an argument is passed."""
    return {"bool": "i1", "float16": "half", "bfloat16": "bfloat"}.get(str(var.dtype)) or (
        "i8" if var.dtype.kind.startswith("float8") else register_type(var.dtype)
    )


def _passed(fb: FunctionBuilder, exprs: ExprEmitter, arg: Expr) -> str:
    """The operand that passes `arg`."""
    value: str = exprs(arg)
    kind = passed_type(Var("", arg.dtype))
    if kind in ("half", "bfloat"):
        return fb.let(f"fptrunc float {value} to {kind}")
    return exprs.memory.to_memory(value, arg.dtype) if arg.dtype.kind.startswith("float8") else value


def _extent(fb: FunctionBuilder, callee: PrimFunc, given: Mapping[Var, Expr], symbol: Var, node: Call) -> Expr:
    """What a symbol of the callee's buffers is, from the caller's buffer that is passed."""
    for param, arg in given.items():
        wanted = callee.buffer_map.get(param)
        have = fb.declared.get(arg) if isinstance(arg, Var) else None
        if wanted is None or have is None or have.ndim != wanted.ndim:
            continue
        strides = strides_of(have) if wanted.strides else ()
        for part, value in zip(wanted.layout(), (*have.shape, *strides, have.elem_offset)):
            if part is symbol:
                return cast(value, symbol.dtype)
    raise LowerError(
        f"{callee.name!r} takes its extent {symbol.name!r} from the shape of an array, which this call does not tell",
        node,
        hint="pass a parameter of the calling function, or make the extent a parameter",
    )
