"""Which indices data decide, so that nothing but a check at run time keeps them inside their buffers."""

from __future__ import annotations

from ..tir.buffer import BufferLoad
from ..tir.expr import Call, Expr, GlobalVar, Let, Var
from ..tir.function import PrimFunc
from ..tir.op import Effect, Intrinsic
from ..tir.stmt import For, LetStmt
from ..tir.visit import Visitor, walk


class _DataVariables(Visitor):
    """Collects variables in program order, so that a definition is seen before its uses."""

    def __init__(self, variables: set[Var]) -> None:
        self.variables = variables

    def define(self, var: Var, *values: Expr) -> None:
        if any(decided_by_data(value, self.variables) for value in values):
            self.variables.add(var)

    def visit_for(self, node: For) -> None:
        self.define(node.loop_var, node.min, node.extent)
        self.descend(node)

    def visit_let_stmt(self, node: LetStmt) -> None:
        self.define(node.var, node.value)
        self.descend(node)

    def visit_let(self, node: Let) -> None:
        self.define(node.var, node.value)
        self.descend(node)


def data_variables(func: PrimFunc) -> frozenset[Var]:
    """The variables of a function whose values its arguments' contents decide.

    These are scalar parameters that are no array's extent, and loop and let variables whose ranges and values
    depend on such a variable or on what is loaded or called.
    """
    extents = {part for buffer in func.buffers for part in buffer.layout()}
    scalars = {p for p in func.params if p not in func.buffer_map and p not in extents}
    found = _DataVariables(scalars)
    found(func.body)
    return frozenset(found.variables)


def decided_by_data(index: Expr, variables: frozenset[Var] | set[Var]) -> bool:
    """Whether data decide the value of `index`, given the variables of which that is so."""
    return any(
        isinstance(n, BufferLoad)
        or (type(n) is Var and n in variables)
        or (isinstance(n, Call) and (isinstance(n.op, GlobalVar) or _effectful(n)))
        for n in walk(index)
    )


def _effectful(call: Call) -> bool:
    return not isinstance(call.op, Intrinsic) or call.op.effect is not Effect.PURE or "extern" in call.op.name
