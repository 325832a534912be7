"""Tensor expressions: programs of blocks from formulas, `C = te.compute((m, n), lambda i, j: ...)`.

>>> A, B = te.placeholder((m, l)), te.placeholder((l, n))
>>> k = te.reduce_axis((0, l), "k")
>>> C = te.compute((m, n), lambda i, j: te.sum(A[i, k] * B[k, j], axis=k), name="C")
>>> te.create_prim_func([A, B, C])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ..tir import op
from ..tir.buffer import Buffer, Range, decl_buffer
from ..tir.dtype import HANDLE, dtype
from ..tir.errors import UserError, said
from ..tir.expr import TRUE, And, Expr, Or, Select, Var, as_expr, cast, const
from ..tir.function import PrimFunc
from ..tir.node import Attrs
from ..tir.stmt import Block, BlockRealize, seq
from ..tir.visit import free_vars, fresh, substitute
from .tensors import (
    Compute,
    Extern,
    Operation,
    ReduceAxis,
    Reducer,
    Reduction,
    Tensor,
    axis_name,
    extents,
    ordered,
    parameter_names,
)

__all__ = [
    "Reduction",
    "Tensor",
    "all",
    "any",
    "comm_reducer",
    "compute",
    "create_prim_func",
    "extern",
    "max",
    "min",
    "placeholder",
    "prod",
    "reduce_axis",
    "select",
    "sum",
    "var",
]


def var(name: str = "n", dtype: Any = "int32") -> Var:
    """A variable: an extent known only when the program runs, or a scalar argument."""
    return Var(name, _dtype(dtype))


size_var = var
_dtype = dtype


def placeholder(shape: Any, dtype: Any = "float32", name: str = "placeholder") -> Tensor:
    """An input tensor."""
    operation = Operation(name)
    tensor = Tensor(operation, extents(shape), dtype, name)
    operation.outputs = (tensor,)
    return tensor


def reduce_axis(dom: Any, name: str = "k") -> Any:
    """An axis to reduce over: from `dom[0]` up to, not including, `dom[1]`; or the integers below `dom`."""
    if isinstance(dom, (tuple, list)) and len(dom) != 2:
        raise UserError(f"a reduction's domain is an extent or a pair (begin, end), got {said(dom)}")
    low, high = dom if isinstance(dom, (tuple, list)) else (0, dom)
    if isinstance(low, int) and isinstance(high, Expr):
        low = const(low, high.dtype)
    domain = dom if isinstance(dom, Range) else Range.of(low, high)
    return ReduceAxis(domain, Var(axis_name(name), domain.extent.dtype))


def compute(
    shape: Any, fcompute: Callable[..., Any], name: str = "compute", attrs: Any = None, axes: Sequence[str] = ()
) -> Any:
    """The tensor whose element at `i, j, ...` is `fcompute(i, j, ...)`; a list of tensors where that is a tuple.

    Parameters
    ----------
    shape: the extents; () for a single element.
    fcompute: takes an index for each dimension (or `*indices`); the axes are named after its parameters.
    attrs: annotations of the block.
    axes: names of the axes, instead of those of the parameters.

    Raises
    ------
    UserError: `fcompute` takes another number of indices or gives no expression.
    """
    sizes = extents(shape)
    if not callable(fcompute):
        raise UserError(f"te.compute `{name}` takes a function of the indices, got {said(fcompute)}")
    names = parameter_names(fcompute, len(sizes), name)
    variables = tuple(Var(axis_name(n), e.dtype) for n, e in zip(axes or names, sizes))
    body = fcompute(*variables)
    if isinstance(body, Reduction):
        several = len(body.sources) > 1
    else:
        several = isinstance(body, (tuple, list))
        body = tuple(map(as_expr, body if several else (body,)))
    outputs = Compute(name, variables, sizes, body, Attrs(attrs or {})).outputs
    return list(outputs) if several else outputs[0]


def extern(
    shape: Any, inputs: Sequence[Tensor], fcompute: Callable[..., Any], name: str = "extern", dtype: Any = None
) -> Any:
    """Tensors computed by a statement or call that `fcompute(input_buffers, output_buffers)` builds.

    Parameters
    ----------
    shape: the extents of the output, or a list of shapes of several.
    dtype: the output's type, or a list of types; by default the inputs' where they have one.

    Raises
    ------
    UserError: the type is not given and the inputs have none in common.
    """
    shapes = (
        shape
        if isinstance(shape, list) or (isinstance(shape, tuple) and shape and isinstance(shape[0], (tuple, list)))
        else [shape]
    )
    if not isinstance(inputs, (list, tuple)) or [t for t in inputs if not isinstance(t, Tensor)]:
        raise UserError(f"te.extern `{name}` takes a list of tensors, got {said(inputs)}")
    if dtype is None:
        types = {t.dtype for t in inputs}
        if len(types) != 1:
            raise UserError(f"te.extern `{name}` needs dtype=..., since its inputs have no type in common")
        dtype = types.pop()
    dtypes = dtype if isinstance(dtype, (tuple, list)) else [dtype] * len(shapes)
    outputs = Extern(name, inputs, [extents(s) for s in shapes], dtypes, fcompute).outputs
    return list(outputs) if len(outputs) > 1 else outputs[0]


def comm_reducer(fcombine: Callable[..., Any], fidentity: Callable[..., Any], name: str = "reduce") -> Reducer:
    """A reducer of one's own: `fcombine(x, y)` is commutative and associative, `fidentity(dtype)` its identity.

    On several values `x` and `y` are tuples, and `fidentity` takes a type for each and gives a tuple.
    """
    return Reducer(fcombine, fidentity, name)


sum = Reducer(lambda x, y: x + y, lambda t: const(0, t), "sum")
prod = Reducer(lambda x, y: x * y, lambda t: const(1, t), "prod")
max = Reducer(op.maximum, op.min_value, "max")
min = Reducer(op.minimum, op.max_value, "min")


def create_prim_func(args: Any, name: str = "main") -> PrimFunc:
    """The program that computes tensors, a block for each.

    Parameters
    ----------
    args: the function's parameters in order: inputs and outputs, and variables that are passed as scalars. Inputs
        that are not listed come first; other tensors on the way are allocated in the function.
    name: the function's name.

    Raises
    ------
    UserError: an argument is neither a tensor nor a variable.
    """
    listed = list(args) if isinstance(args, (tuple, list)) else [args]
    for arg in listed:
        if not isinstance(arg, (Tensor, Var)):
            raise UserError(f"an argument of a function is a tensor or a te.var, got {said(arg)}")
    operations = ordered([a for a in listed if isinstance(a, Tensor)])
    tensors = [t for o in operations for t in o.outputs]
    stmts = [stmt for o in operations if (stmt := o.stmt()) is not None]
    named = set(map(id, listed))
    arguments = [t for t in tensors if not isinstance(t.op, (Compute, Extern)) and id(t) not in named] + listed
    # Every function has variables and buffers of its own, so that two of them may live in one module.
    variables: dict[Var, Expr] = {arg: arg.replace() for arg in arguments if isinstance(arg, Var)}
    for extent in (e for t in tensors for e in t.shape):
        variables.update({v: v.replace() for v in free_vars(extent) if v not in variables})
    buffers = {t.buffer: _copy(t.buffer, variables) for t in tensors}
    variables.update({old.data: new.data for old, new in buffers.items()})
    params: list[Var] = []
    buffer_map: dict[Var, Buffer] = {}
    for arg in arguments:
        if isinstance(arg, Tensor):
            params.append(Var(arg.name, HANDLE))
            buffer_map[params[-1]] = buffers[arg.buffer]
        else:
            params.append(variables[arg])  # type: ignore[arg-type]
    passed = set(map(id, arguments))
    allocated = tuple(buffers[t.buffer] for t in tensors if id(t) not in passed)
    body = fresh(substitute(seq(*stmts), variables, buffers))
    root = Block((), (), (), "root", body, None, allocated)
    attrs = Attrs({"global_symbol": name, "tir.noalias": True})
    return PrimFunc(tuple(params), buffer_map, BlockRealize((), TRUE, root), attrs=attrs)


def _copy(buffer: Buffer, variables: dict[Var, Expr]) -> Buffer:
    shape = tuple(substitute(e, variables) for e in buffer.shape)
    return decl_buffer(shape, buffer.dtype, buffer.name)


def any(*conditions: Any) -> Expr:
    """Whether one of the conditions holds."""
    return _fold(Or, conditions)


def all(*conditions: Any) -> Expr:
    """Whether all conditions hold."""
    return _fold(And, conditions)


def _fold(cls: Any, conditions: Sequence[Any]) -> Expr:
    if not conditions:
        raise UserError(f"te.{'all' if cls is And else 'any'} takes at least one condition")
    result = as_expr(conditions[0])
    for condition in conditions[1:]:
        result = cls(result, as_expr(condition))
    return result


def select(condition: Any, true_value: Any, false_value: Any) -> Expr:
    """`true_value` where `condition` holds, else `false_value`; both are evaluated."""
    a = as_expr(true_value)
    return Select(as_expr(condition), a, cast(as_expr(false_value, a.dtype), a.dtype))


def __getattr__(name: str) -> Any:
    """Intrinsics and arithmetic of scalars: `te.exp(x)`, `te.if_then_else(c, a, b)`, `te.floordiv(a, b)`."""
    if name in ("if_then_else", "floordiv", "floormod", "truncdiv", "truncmod", "ceildiv", "infinity"):
        return getattr(op, name)
    if name in ("min_value", "max_value", "minimum", "maximum"):
        return getattr(op, name)
    if name in op.OPS:
        return partial(op.call, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
