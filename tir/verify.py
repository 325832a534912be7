"""Well-formedness: what every program must satisfy, whoever made it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .buffer import Buffer, BufferLoad, BufferRegion
from .errors import VerifyError
from .expr import CommReducer, Expr, Let, Var
from .function import IRModule, PrimFunc
from .node import Node
from .stmt import (
    Allocate,
    Block,
    BlockRealize,
    BufferStore,
    DeclBuffer,
    For,
    ForKind,
    IfThenElse,
    IterType,
    LetStmt,
    Stmt,
    While,
)
from .visit import Visitor


def verify(program: PrimFunc | IRModule) -> None:
    """Check that a program is well formed.

    Variables and buffers are used only where they are defined, and defined once; a block's body speaks of its own
    iterators and not of the loops around it; numbers of indices match; types of conditions and values match.

    Raises
    ------
    VerifyError: naming the first offence, underlined in the program.
    """
    functions = program.functions.values() if isinstance(program, IRModule) else [program]
    for function in functions:
        _Verifier(function).run()


class _Verifier(Visitor):
    def __init__(self, function: PrimFunc) -> None:
        self.function = function
        self.visible: set[Node] = set()
        self.seen: list[Node] = []
        self.hidden: dict[Var, Block] = {}
        self.defined: set[Node] = set()
        self.loop_vars: set[Var] = set()

    def require(self, condition: bool, template: str, *nodes: Any, hint: str = "") -> None:
        if not condition:
            raise VerifyError(template, *nodes, root=self.function, hint=hint)

    def run(self) -> None:
        for param in self.function.params:
            self.define(param)
        for param, buffer in self.function.buffer_map.items():
            self.require(param in self.visible, "{0} belongs to no parameter of the function", buffer)
            for part in buffer.layout():
                if type(part) is Var and part not in self.visible:
                    self.define(part)
        for buffer in self.function.buffers:
            self.define_buffer(buffer, own_data=True)
        self(self.function.body)

    def see(self, node: Var | Buffer) -> None:
        """Make a variable or buffer visible until the scope ends."""
        if node not in self.visible:
            self.visible.add(node)
            self.seen.append(node)

    def forget(self, mark: int) -> None:
        """End a scope: what it made visible is so no longer."""
        while len(self.seen) > mark:
            self.visible.remove(self.seen.pop())

    def define(self, var: Var) -> None:
        self.require(var not in self.defined, "{0} is defined twice; every definition needs a variable of its own", var)
        self.defined.add(var)
        self.see(var)

    def define_buffer(self, buffer: Buffer, *, own_data: bool) -> None:
        self.require(buffer not in self.defined, "{0} is declared twice", buffer)
        if own_data and buffer.data not in self.visible:
            self.define(buffer.data)
        self.defined.add(buffer)
        self.see(buffer)
        self(buffer.data)
        for part in buffer.layout():
            self(part)

    def scoped(self, nodes: Iterable[Node]) -> None:
        """Visit `nodes` with definitions made on the way forgotten afterwards."""
        mark = len(self.seen)
        for node in nodes:
            self(node)
        self.forget(mark)

    def visit_var(self, node: Var) -> None:
        block = self.hidden.get(node)
        if block is not None:
            self.require(
                False,
                "{0} uses {1}, the variable of a loop around it",
                block,
                node,
                hint=f"bind it to an iterator of the block, as in `v = T.axis.spatial(extent, {node.name})`",
            )
        self.require(node in self.visible, "{0} is used where it is not defined", node)

    def visit_buffer(self, node: Buffer) -> None:
        self.require(node in self.visible, "{0} is used where it is not declared", node)

    def check_indices(self, node: Any, buffer: Buffer, indices: tuple[Any, ...]) -> None:
        self.require(
            len(indices) == buffer.ndim,
            f"{{0}} has {buffer.ndim} dimensions but {len(indices)} indices are given in {{1}}",
            buffer,
            node,
        )
        for index in indices:
            dtype = index.dtype if isinstance(index, Expr) else index.min.dtype
            self.require(dtype.is_integral, f"an index of {{0}} is of type {dtype}; indices are integers", buffer)

    def visit_buffer_load(self, node: BufferLoad) -> None:
        self.descend(node)
        self.check_indices(node, node.buffer, node.indices)

    def visit_buffer_region(self, node: BufferRegion) -> None:
        self.descend(node)
        self.check_indices(node, node.buffer, node.region)

    def visit_buffer_store(self, node: BufferStore) -> None:
        self.descend(node)
        self.check_indices(node, node.buffer, node.indices)
        lanes = node.indices[-1].dtype.lanes if node.indices else 1
        expected = node.buffer.dtype.with_lanes(node.buffer.dtype.lanes * lanes)
        self.require(
            node.value.dtype == expected,
            f"{{0}} stores a value of type {node.value.dtype} where {expected} is held",
            node,
            hint=f"cast the value, as in T.cast(value, {str(expected)!r})",
        )

    def visit_comm_reducer(self, node: CommReducer) -> None:
        # Its variables are its own, so one reducer may stand in several places.
        mark = len(self.seen)
        for var in (*node.lhs, *node.rhs):
            self.see(var)
        self.scoped([*node.result, *node.identity_element])
        self.forget(mark)

    def visit_let(self, node: Let) -> None:
        self(node.value)
        self.define(node.var)
        self.scoped([node.body])

    def visit_let_stmt(self, node: LetStmt) -> None:
        self(node.value)
        self.require(
            node.var.dtype == node.value.dtype, f"{{0}} binds a {node.value.dtype} to a {node.var.dtype}", node
        )
        mark = len(self.seen)
        self.define(node.var)
        self(node.body)
        self.forget(mark)

    def visit_for(self, node: For) -> None:
        self(node.min)
        self(node.extent)
        self.require(
            (node.kind is ForKind.THREAD_BINDING) == (node.thread_binding is not None),
            "{0} is bound to a thread axis if and only if its kind is thread_binding",
            node,
        )
        mark = len(self.seen)
        self.define(node.loop_var)
        self.loop_vars.add(node.loop_var)
        self(node.body)
        self.loop_vars.discard(node.loop_var)
        self.forget(mark)

    def visit_if_then_else(self, node: IfThenElse) -> None:
        self.check_condition(node, node.condition)
        self.scoped([node.then_case])
        if node.else_case is not None:
            self.scoped([node.else_case])

    def visit_while(self, node: While) -> None:
        self.check_condition(node, node.condition)
        self.scoped([node.body])

    def check_condition(self, node: Stmt, condition: Expr) -> None:
        self(condition)
        self.require(condition.dtype.is_bool, f"the condition of {{0}} is of type {condition.dtype}, not bool", node)

    def visit_allocate(self, node: Allocate) -> None:
        mark = len(self.seen)
        self.define_buffer(node.buffer, own_data=True)
        self(node.body)
        self.forget(mark)

    def visit_decl_buffer(self, node: DeclBuffer) -> None:
        mark = len(self.seen)
        self.define_buffer(node.buffer, own_data=False)
        self(node.body)
        self.forget(mark)

    def visit_block_realize(self, node: BlockRealize) -> None:
        block = node.block
        self.require(
            len(node.iter_values) == len(block.iter_vars),
            f"{{0}} has {len(block.iter_vars)} iterators but is given {len(node.iter_values)} values",
            block,
        )
        for value in node.iter_values:
            self(value)
        self.check_condition(node, node.predicate)
        self.block(block, isolated=bool(block.iter_vars))

    def block(self, block: Block, *, isolated: bool) -> None:
        mark, hidden_before = len(self.seen), self.hidden
        if isolated:
            self.hidden = {**self.hidden, **dict.fromkeys(self.loop_vars, block)}
        for iter_var in block.iter_vars:
            self(iter_var.dom)
            self.define(iter_var.var)
        for buffer in block.alloc_buffers:
            self.define_buffer(buffer, own_data=True)
        for match in block.match_buffers:
            self(match.source)
            for part in (match.buffer.elem_offset, *match.buffer.strides):
                if type(part) is Var and part not in self.visible:
                    self.define(part)
            self.define_buffer(match.buffer, own_data=True)
        for region in (*block.reads, *block.writes):
            self(region)
        if block.init is not None:
            self.require(
                any(iv.iter_type is IterType.REDUCE for iv in block.iter_vars),
                "{0} has an init but no reduce axis",
                block,
                hint="declare one with T.axis.reduce, or write the initial value in a block of its own",
            )
            self.scoped([block.init])
        outer_loops, self.loop_vars = self.loop_vars, set(self.loop_vars) if not isolated else set()
        self(block.body)
        self.loop_vars = outer_loops
        self.forget(mark)
        self.hidden = hidden_before
