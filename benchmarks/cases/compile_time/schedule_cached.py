"""A fresh schedule and fourteen primitives on a plain matmul: the eleven, and a write cache moved into the tile."""

from _matmul import cached, decorated, tvm_decorated


def with_tensorir():
    """Construction included."""
    import tensorir
    from tensorir import T

    function = decorated(T)

    def run():
        sch = tensorir.Schedule(function)
        cached(sch, sch.get_block)

    return run


def with_tvm():
    """Construction included."""
    from tvm import s_tir
    from tvm.script import tirx as T

    function = tvm_decorated(T)

    def run():
        sch = s_tir.Schedule(function)
        cached(sch, sch.get_sblock)

    return run


PEERS = {"tensorir": with_tensorir, "tvm": with_tvm}
