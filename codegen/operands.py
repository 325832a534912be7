"""What the operands of calls must be, for every back end."""

from __future__ import annotations

from ..tir.buffer import BufferLoad
from ..tir.errors import LowerError
from ..tir.expr import Call


def element_of(node: Call) -> BufferLoad:
    """The load that names the element a call works on, its first operand.

    Raises
    ------
    LowerError: the operand is no load.
    """
    load = node.args[0]
    if not isinstance(load, BufferLoad):
        raise LowerError(f"T.{node.op.name} takes an element of a buffer", node)
    return load
