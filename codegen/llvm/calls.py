"""Calls between the functions of a module: arguments, symbolic extents, results and error codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...tir.errors import LowerError
from ...tir.expr import Call, GlobalVar, Var
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
        arg = given.get(param)
        if arg is None:
            raise LowerError(
                f"{callee.name!r} takes its extent {param.name!r} from an array's shape, which a call by pointer lacks",
                node,
                hint="pass the extent as a parameter of the function",
            )
        kind = "ptr" if param.dtype.is_handle else _scalar(param)
        operands.append(f"{kind} {exprs(arg)}")
    result = None
    if callee.ret_type.kind != "void":
        result = fb.alloca(memory_type(callee.ret_type), 16, "result")
        operands.append(f"ptr {result}")
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


def _scalar(param: Var) -> str:
    return register_type(param.dtype)
