"""A plain matmul from decorated Python function to PrimFunc."""

import functools

from _matmul import decorated, tvm_decorated


def with_tensorir():
    """Defines and decorates the function anew each time, as a fresh cell of a notebook does."""
    from tensorir import T

    return functools.partial(decorated, T)


def with_tvm():
    """The same."""
    from tvm.script import tirx as T

    return functools.partial(tvm_decorated, T)


PEERS = {"tensorir": with_tensorir, "tvm": with_tvm}
