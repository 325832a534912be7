"""What GPUs have instructions for: refuses kernels that name others than the target's, and says what there is."""

from __future__ import annotations

from collections.abc import Iterator

from ...tir.errors import LowerError
from ...tir.expr import Call, Var
from ...tir.function import IRModule, PrimFunc
from ...tir.node import Node
from ...tir.stmt import Block
from ..fragments import LANE_OPERATIONS, WARP_OPERATIONS, WGMMA, WGMMA_GROUPS
from ..target import Target

OPERANDS: dict[str, dict[str, int]] = {
    "wmma": {"float16": 70, "int8": 75, "uint8": 75, "bfloat16": 80, "float32": 80},
    "mma": {
        "float16": 80, "bfloat16": 80, "int8": 80, "uint8": 80, "float32": 80, "float8_e4m3fn": 89, "float8_e5m2": 89,
    },
}  # fmt: skip
"""The compute capability, times ten, with which tensor cores began to multiply a type, by family; float32 as TF32."""

CALLS: dict[str, int] = {
    **dict.fromkeys(("ptx_cp_async", "ptx_commit_group", "ptx_wait_group"), 80),
    **dict.fromkeys(("ptx_init_barrier_thread_count", "ptx_arrive_barrier_expect_tx", "ptx_wait_barrier"), 90),
    "ptx_cp_async_bulk_tensor": 90,
}
"""The same of other instructions, by the intrinsics for them."""

HOPPER = "sm_90a"
"""What has wgmma: not "sm_90", nor what came after."""


def capability(target: Target) -> int:
    """The compute capability of a GPU, times ten."""
    return int("".join(filter(str.isdigit, target.arch)) or 0)


def require_instructions(module: IRModule, target: Target) -> None:
    """Refuse programs that ask for instructions which the target does not have.

    Raises
    ------
    LowerError: one does; the message names the GPUs that have them, the hint what tensor cores of the target multiply.
    """
    for func in module.functions.values():
        _walk(func, func.body, func.body, target)


def _walk(func: PrimFunc, node: Node, around: Node, target: Target) -> None:
    around = node if isinstance(node, Block) and node is not func.root and node.name_hint else around
    if isinstance(node, Call):
        missing = lacking(node, target)
        if missing:
            there = " and ".join(multiplied(target))
            raise LowerError(
                f"{{0}} needs {missing}; the target is {target.arch!r}",
                around,
                root=func,
                hint=f"tensor cores of {target.arch!r} multiply {there}; or build for another GPU",
            )
    for child in node.children():
        _walk(func, child, around, target)


def lacking(call: Call, target: Target) -> str:
    """The instruction that an intrinsic needs and the target lacks, in words; "" where it has all."""
    here, name = capability(target), call.op.name
    if name in {WGMMA, *WGMMA_GROUPS} and target.arch != HOPPER:
        return f"wgmma, which only Hopper has, {HOPPER!r}"
    if CALLS.get(name, 0) > here:
        return f"{name}, which GPUs have from 'sm_{CALLS[name]}' on"
    for family, operand in operands(call):
        first = OPERANDS[family].get(operand, 0)
        if first > here:
            return f"{family} with {operand}, which tensor cores multiply from 'sm_{first}' on"
    return ""


def multiplied(target: Target) -> list[str]:
    """What tensor cores of the target multiply, by family."""
    here = capability(target)
    held = {family: [t for t, first in table.items() if first <= here] for family, table in OPERANDS.items()}
    return [f"{', '.join(names)} by {family}" for family, names in held.items() if names]


def operands(call: Call) -> Iterator[tuple[str, str]]:
    """The family and element type of each matrix that a warp's operation multiplies or loads to multiply."""
    if call.op.name not in WARP_OPERATIONS:
        return
    for arg in call.args:
        if isinstance(arg, Var) and arg.pointee is not None:
            family, _, use = arg.scope.partition(".")
            if family in OPERANDS and use.startswith("matrix"):
                yield family, str(arg.pointee.element)
            elif call.op.name in LANE_OPERATIONS and arg.scope == "local" and arg is not call.args[0]:
                yield "mma", str(arg.pointee.element)
