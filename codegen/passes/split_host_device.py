"""Splits a function into the kernels that the GPU runs and what the host does: launch them, in order."""

from __future__ import annotations

from ...tir.buffer import Buffer, BufferLoad
from ...tir.dtype import HANDLE, VOID
from ...tir.errors import LowerError
from ...tir.expr import Call, Expr, GlobalVar, Var
from ...tir.function import IRModule, PrimFunc
from ...tir.node import Attrs
from ...tir.stmt import Allocate, DeclBuffer, Evaluate, For, LetStmt, Stmt
from ...tir.visit import Rewriter, Substitute, buffers_in, walk, walk_unique
from ..target import Target
from .kernels import is_bound, is_kernel

KERNEL = "tir.is_kernel"
"""The attribute of a function that is a kernel."""


def split_host_device(x: IRModule | PrimFunc, target: Target) -> IRModule:
    """Make each kernel a function of its own, called where it stood: `main` becomes `main` and `main_kernel`.

    A kernel takes pointers to what it touches of the host's buffers, then the numbers it uses. The module still is a
    program: the interpreter runs it.

    Raises
    ------
    LowerError: the number of threads depends on what a buffer holds.
    """
    module = IRModule({x.name: x}) if isinstance(x, PrimFunc) else x
    out: dict[str, PrimFunc] = {}
    for name, func in module.items():
        if func.attrs.get(KERNEL):
            out[name] = func
            continue
        splitter = _Split(func, name, {*module, *out})
        host = splitter(func)
        out[name] = host
        out.update(splitter.kernels)
    return IRModule(out, module.attrs)


class _Split(Rewriter):
    def __init__(self, func: PrimFunc, name: str, taken: set[str]) -> None:
        self.func, self.name, self.taken = func, name, taken
        self.kernels: dict[str, PrimFunc] = {}
        self.buffers = {n.buffer.data: n.buffer for n in walk_unique(func.body) if isinstance(n, Allocate)}
        self.buffers |= {buffer.data: buffer for buffer in func.buffers}

    def visit_for(self, node: For) -> Stmt:
        return self.launch(node) if is_kernel(node) else node.map_children(self)

    def visit_allocate(self, node: Allocate) -> Stmt:
        return self.launch(node) if is_kernel(node) else node.map_children(self)

    def launch(self, node: Stmt) -> Stmt:
        """Make a kernel of `node`; the call that stands in its place."""
        for loop in walk(node):
            if is_bound(loop) and isinstance(loop, For):
                if any(isinstance(n, BufferLoad) for n in walk(loop.extent)):
                    raise LowerError(
                        f"the number of threads of {{0}}, `{loop.extent}`, depends on what a buffer holds",
                        loop,
                        root=self.func,
                        hint="pass it as a parameter, or bind as many threads as there may be and let some do nothing",
                    )
        name = self.fresh()
        buffers, scalars = _free(node, self.buffers)
        order = {buffer.data: k for k, buffer in enumerate(self.func.buffers)}
        buffers.sort(key=lambda group: order.get(group[0].data, len(order)))
        params = [Var(group[0].data.name, HANDLE, group[0].data.pointee, group[0].data.scope) for group in buffers]
        pointers = {group[0].data: group[0].data.replace() for group in buffers}
        inner = Substitute(dict(pointers), {b: b.replace(data=pointers[b.data]) for group in buffers for b in group})
        body = inner(node)
        for group in buffers:
            for view in group[1:]:
                body = DeclBuffer(inner.buffers[view], body)
        self.kernels[name] = PrimFunc(
            (*params, *scalars),
            {param: inner.buffers[group[0]] for param, group in zip(params, buffers)},
            body,
            VOID,
            Attrs({"global_symbol": name, KERNEL: 1, **self.inherited()}),
        )
        handles = {self.func.buffer_map[p].data: p for p in self.func.params if p in self.func.buffer_map}
        arguments: list[Expr] = [handles.get(group[0].data, group[0].data) for group in buffers]
        return Evaluate(Call(VOID, GlobalVar(name), (*arguments, *scalars)))

    def fresh(self) -> str:
        base = f"{self.name}_kernel"
        name, k = base, 0
        while name in self.taken:
            k += 1
            name = f"{base}_{k}"
        self.taken.add(name)
        return name

    def inherited(self) -> dict[str, object]:
        """The attributes that kernels have of their function."""
        return {k: v for k, v in self.func.attrs.items() if k == "tir.noalias"}


def _free(node: Stmt, known: dict[Var, Buffer]) -> tuple[list[list[Buffer]], list[Var]]:
    """What a kernel uses from outside: buffers, those of one memory together, and scalar variables.

    `known` has the buffers of the function, of which a kernel may use the pointer alone.
    """
    defined: set[Var] = set()
    for n in walk_unique(node):
        if isinstance(n, For):
            defined.add(n.loop_var)
        elif isinstance(n, LetStmt):
            defined.add(n.var)
        elif isinstance(n, Allocate):
            defined.add(n.buffer.data)
        elif hasattr(n, "var") and type(getattr(n, "var", None)) is Var:
            defined.add(n.var)
        elif hasattr(n, "lhs") and hasattr(n, "rhs"):
            defined |= {*n.lhs, *n.rhs}
    groups: dict[Var, list[Buffer]] = {}
    scalars: dict[Var, None] = {}
    declared = {n.buffer for n in walk_unique(node) if isinstance(n, DeclBuffer)}
    pointers = dict.fromkeys(known[n] for n in walk_unique(node) if type(n) is Var and n in known)
    for buffer in dict.fromkeys([*buffers_in(node), *pointers]):
        if buffer.data not in defined:
            groups.setdefault(buffer.data, [])
            if buffer not in declared:
                groups[buffer.data].append(buffer)
        for part in buffer.layout():
            scalars |= {v: None for v in walk(part) if type(v) is Var and v not in defined}
    for n in walk_unique(node):
        if type(n) is Var and n not in defined and n not in groups:
            if n.dtype.is_handle:
                raise LowerError(f"the pointer {n.name!r} has no buffer, so a kernel cannot be passed it", node)
            scalars[n] = None
    return [group for group in groups.values() if group], list(scalars)
