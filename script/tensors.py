"""What tensor expressions are made of: tensors, the operations that make them, and reductions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakValueDictionary

from ..tir import op
from ..tir.analysis.access import block_access_regions
from ..tir.buffer import Buffer, BufferLoad, Range, decl_buffer
from ..tir.dtype import DType
from ..tir.errors import UserError, said
from ..tir.expr import TRUE, Expr, IntImm, Var, as_expr, cast, const
from ..tir.node import Attrs
from ..tir.stmt import Block, BlockRealize, BufferStore, Evaluate, IterType, IterVar, LetStmt, Stmt, loop, seq
from ..tir.visit import walk


class Tensor:
    """A value for each index of `shape`: an input, or what an operation computes. `A[i, j]` is one of them.

    Attributes
    ----------
    op: what makes it.
    buffer: what stands for it in expressions.
    """

    def __init__(self, op: Operation, shape: Sequence[Any], dtype: Any, name: str) -> None:
        self.op = op
        self.buffer = decl_buffer(tuple(shape), dtype, name)
        _tensors[self.buffer] = self

    @property
    def shape(self) -> tuple[Expr, ...]:
        """The extents."""
        return self.buffer.shape

    @property
    def dtype(self) -> DType:
        """The type of an element."""
        return self.buffer.dtype

    @property
    def name(self) -> str:
        """The name its buffer has in programs."""
        return self.buffer.name

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return self.buffer.ndim

    def __getitem__(self, indices: Any) -> Expr:
        items = indices if isinstance(indices, tuple) else (indices,)
        return self.buffer[tuple(as_expr(i) for i in items)]

    def __call__(self, *indices: Any) -> Expr:
        return self[indices]

    def __iter__(self) -> Any:
        raise TypeError("a tensor is not iterable")

    def __repr__(self) -> str:
        return f"Tensor(shape=({', '.join(map(str, self.shape))}), dtype={str(self.dtype)!r}, name={self.name!r})"


_tensors: WeakValueDictionary[Buffer, Tensor] = WeakValueDictionary()


class Operation:
    """What makes tensors: a name, the tensors it reads, and how it is written as statements."""

    def __init__(self, name: str, inputs: Sequence[Tensor] = ()) -> None:
        self.name, self.inputs = name, tuple(inputs)
        self.outputs: tuple[Tensor, ...] = ()

    def stmt(self) -> Stmt | None:
        """The statement that computes the outputs; None where they are given."""
        return None


class ReduceAxis:
    """What a reduction runs over; an expression wherever one may stand."""

    def __init__(self, dom: Range, var: Var) -> None:
        self.dom, self.var = dom, var

    def to_expr(self) -> Var:
        """The variable."""
        return self.var

    def __repr__(self) -> str:
        return f"reduce_axis(({self.dom.min}, {self.dom.end}), {self.var.name!r})"


def _delegate(name: str) -> Callable[..., Any]:
    def method(self: ReduceAxis, *operands: Any) -> Any:
        return getattr(self.var, name)(*operands)

    return method


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "and", "or", "xor", "lshift", "rshift"):
    setattr(ReduceAxis, f"__{_name}__", _delegate(f"__{_name}__"))
    setattr(ReduceAxis, f"__r{_name}__", _delegate(f"__r{_name}__"))
for _name in ("lt", "le", "gt", "ge", "neg"):
    setattr(ReduceAxis, f"__{_name}__", _delegate(f"__{_name}__"))
ReduceAxis.astype = _delegate("astype")  # type: ignore[attr-defined]
ReduceAxis.equal = lambda self, other: self.var == other  # type: ignore[attr-defined]


class Reducer:
    """How values are combined: `combine(x, y)` and its `identity`, on a value or on tuples of them."""

    def __init__(self, combine: Callable[..., Any], identity: Callable[..., Any], name: str) -> None:
        self.combine, self.identity, self.name = combine, identity, name

    def __call__(self, expr: Any, axis: Any, where: Any = None, init: Any = None) -> Reduction:
        """The reduction of `expr`, or of a tuple of expressions, over one axis or several.

        Parameters
        ----------
        where: only where this condition holds; elsewhere the identity stands.
        init: what to begin with instead of the identity, one value for each expression.
        """
        axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
        for a in axes:
            if not isinstance(a, ReduceAxis):
                raise UserError(f"te.{self.name} reduces over te.reduce_axis(...), got {said(a)}")
        if not axes:
            raise UserError(f"te.{self.name} needs an axis to reduce over")
        sources = tuple(map(as_expr, expr if isinstance(expr, (tuple, list)) else (expr,)))
        inits = None if init is None else init if isinstance(init, (tuple, list)) else (init,)
        return Reduction(self, sources, axes, None if where is None else as_expr(where), inits)

    def identities(self, types: Sequence[DType]) -> tuple[Expr, ...]:
        """The identity for values of `types`."""
        return self._exprs(self.identity(*map(str, types)), types)

    def combined(self, x: Sequence[Expr], y: Sequence[Expr]) -> tuple[Expr, ...]:
        """What `x` and `y` combine to."""
        types = [e.dtype for e in x]
        return self._exprs(self.combine(x[0], y[0]) if len(x) == 1 else self.combine(tuple(x), tuple(y)), types)

    def _exprs(self, values: Any, types: Sequence[DType]) -> tuple[Expr, ...]:
        items = tuple(values) if isinstance(values, (tuple, list)) else (values,)
        if len(items) != len(types):
            raise UserError(f"te.{self.name} of {len(types)} values combines them to {len(items)}")
        return tuple(cast(as_expr(v, t), t) for v, t in zip(items, types, strict=True))


class Reduction:
    """A reduction, as the whole of what a `te.compute` computes."""

    def __init__(
        self,
        reducer: Reducer,
        sources: tuple[Expr, ...],
        axes: tuple[ReduceAxis, ...],
        where: Expr | None,
        init: Sequence[Any] | None,
    ) -> None:
        self.reducer, self.sources, self.axes, self.where = reducer, sources, axes, where
        types = [e.dtype for e in sources]
        self.identities = reducer.identities(types)
        if init is not None and len(init) != len(sources):
            raise UserError(f"te.{reducer.name} of {len(sources)} values got {len(init)} initial ones")
        self.init = self.identities if init is None else tuple(map(cast, init, types))

    def _refuse(self, *_: Any) -> Any:
        raise UserError(
            f"te.{self.reducer.name} is the whole of what a te.compute computes; "
            "compute it as a tensor of its own, and use that tensor in the expression"
        )

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __neg__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    to_expr = astype = _refuse


class Compute(Operation):
    """Computes each element of its outputs by a formula over the axes."""

    def __init__(self, name: str, axes: Sequence[Var], shape: Sequence[Expr], body: Any, attrs: Attrs) -> None:
        parts: tuple[Expr, ...] = body.sources if isinstance(body, Reduction) else body
        known = list(parts)
        if isinstance(body, Reduction):
            known += [*body.init, *([body.where] if body.where is not None else [])]
        super().__init__(name, _inputs(known))
        self.axes, self.shape, self.body, self.attrs = tuple(axes), tuple(shape), body, attrs
        single = len(parts) == 1
        self.outputs = tuple(
            Tensor(self, shape, e.dtype, name if single else f"{name}_v{i}") for i, e in enumerate(parts)
        )

    def stmt(self) -> Stmt:
        body = self.body
        iter_vars = [IterVar(Range(const(0, e.dtype), e), v, IterType.SPATIAL) for v, e in zip(self.axes, self.shape)]
        init: Stmt | None = None
        if isinstance(body, Reduction):
            iter_vars += [IterVar(a.dom, a.var, IterType.REDUCE) for a in body.axes]
            init = seq(*(BufferStore(t.buffer, e, self.axes) for t, e in zip(self.outputs, body.init)))
            update = self.update(body)
        else:
            update = seq(*(BufferStore(t.buffer, e, self.axes) for t, e in zip(self.outputs, body)))
        if not iter_vars:
            # A block without iterators would be opaque.
            iter_vars = [IterVar(Range(const(0), const(1)), Var("vi"), IterType.SPATIAL)]
            return BlockRealize((const(0),), TRUE, _block(self.name, iter_vars, update, None, self.attrs))
        block = _block(self.name, iter_vars, update, init, self.attrs)
        loops = [(Var(_loop_name(iv.var), iv.var.dtype), iv.dom) for iv in iter_vars]
        result: Stmt = BlockRealize(tuple(v + dom.min for v, dom in loops), TRUE, block)
        for v, dom in reversed(loops):
            result = loop(v, dom.extent, result)
        return result

    def update(self, body: Reduction) -> Stmt:
        """The step of a reduction; several values are all computed before any is stored."""
        sources = body.sources
        if body.where is not None:
            pairs = zip(sources, body.identities)
            sources = tuple(op.if_then_else(body.where, source, identity) for source, identity in pairs)
        loads = [BufferLoad(t.buffer, self.axes) for t in self.outputs]
        values = body.reducer.combined(loads, sources)
        if len(values) == 1:
            return BufferStore(self.outputs[0].buffer, values[0], self.axes)
        held = [Var(f"v_{t.name}", e.dtype) for t, e in zip(self.outputs, values)]
        result = seq(*(BufferStore(t.buffer, v, self.axes) for t, v in zip(self.outputs, held)))
        for v, e in zip(reversed(held), reversed(values)):
            result = LetStmt(v, e, result)
        return result


class Extern(Operation):
    """Computes its outputs by a statement that the user writes."""

    def __init__(self, name: str, inputs: Sequence[Tensor], shapes: Any, dtypes: Any, fcompute: Any) -> None:
        super().__init__(name, inputs)
        single = len(shapes) == 1
        pairs = zip(shapes, dtypes, strict=True)
        self.outputs = tuple(Tensor(self, s, t, name if single else f"{name}_v{i}") for i, (s, t) in enumerate(pairs))
        body = fcompute([t.buffer for t in inputs], [t.buffer for t in self.outputs])
        self.body: Stmt = body if isinstance(body, Stmt) else Evaluate(as_expr(body))

    def stmt(self) -> Stmt:
        reads = tuple(t.buffer.full_region() for t in self.inputs)
        writes = tuple(t.buffer.full_region() for t in self.outputs)
        return BlockRealize((), TRUE, Block((), reads, writes, self.name, self.body))


def _block(name: str, iter_vars: Sequence[IterVar], body: Stmt, init: Stmt | None, attrs: Attrs) -> Block:
    block = Block(tuple(iter_vars), (), (), name, body, init, annotations=attrs)
    reads, writes = block_access_regions(block)
    return block.replace(reads=reads, writes=writes)


def _loop_name(var: Var) -> str:
    """The loop that `vi` or `v_row` follows is called `i` or `row`."""
    return var.name.removeprefix("v").removeprefix("_") or "i"


def axis_name(name: str) -> str:
    return f"v{name}" if len(name) == 1 else f"v_{name}"


def _inputs(exprs: Sequence[Expr]) -> list[Tensor]:
    """The tensors that expressions read, in order of occurrence."""
    found: dict[Tensor, None] = {}
    for expr in exprs:
        for node in walk(expr):
            if isinstance(node, BufferLoad):
                tensor = _tensors.get(node.buffer)
                if tensor is None:
                    raise UserError(f"a tensor expression reads buffer `{node.buffer.name}`, which is not a tensor")
                found[tensor] = None
    return list(found)


def extents(shape: Any) -> tuple[Expr, ...]:
    items = shape if isinstance(shape, (tuple, list)) else (shape,)
    out = tuple(map(as_expr, items))
    for extent in out:
        if not extent.dtype.is_integral:
            raise UserError(f"an extent is an integer, got `{extent}` of type {extent.dtype}")
        if isinstance(extent, IntImm) and extent.value < 0:
            raise UserError(f"an extent is at least 0, got {extent}")
    return out


def parameter_names(fcompute: Callable[..., Any], ndim: int, name: str) -> list[str]:
    parameters = list(inspect.signature(fcompute).parameters.values())
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        named = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        return named + [f"i{i}" for i in range(len(named), ndim)]
    names = [p.name for p in parameters if p.default is p.empty]
    if len(names) != ndim:
        raise UserError(f"te.compute of `{name}` has {ndim} dimensions, but its function takes {len(names)} indices")
    return names


def ordered(wanted: Sequence[Tensor]) -> list[Operation]:
    """The operations that make `wanted`, each after those it reads."""
    done: dict[Operation, None] = {}
    stack = [(t.op, False) for t in reversed(wanted)]
    while stack:
        operation, ready = stack.pop()
        if operation in done:
            continue
        if ready:
            done[operation] = None
        else:
            stack.append((operation, True))
            stack += [(t.op, False) for t in reversed(operation.inputs)]
    return list(done)
