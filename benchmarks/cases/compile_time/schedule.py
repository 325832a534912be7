"""A fresh schedule and eleven primitives on a plain matmul."""

from _matmul import decorated, primitives, tvm_decorated


def with_tensorir():
    """Construction included."""
    import tensorir
    from tensorir import T

    function = decorated(T)

    def run():
        sch = tensorir.Schedule(function)
        primitives(sch, sch.get_block)

    return run


def with_tvm():
    """Construction included."""
    from tvm import s_tir
    from tvm.script import tirx as T

    function = tvm_decorated(T)

    def run():
        sch = s_tir.Schedule(function)
        primitives(sch, sch.get_sblock)

    return run


PEERS = {"tensorir": with_tensorir, "tvm": with_tvm}
