"""Lowering and building the scheduled matmul for the host, up to a function that can be called."""

import peers
from _matmul import decorated, primitives, tvm_decorated


def with_tensorir():
    """From scheduled module to callable."""
    import tensorir
    from tensorir import T

    sch = tensorir.Schedule(decorated(T))
    primitives(sch, sch.get_block)
    module = sch.mod

    def run():
        tensorir.build(module, target="llvm")

    return run


def with_tvm():
    """TVM generates machine code when the function is first asked for."""
    import tvm
    from tvm import s_tir
    from tvm.script import tirx as T

    sch = s_tir.Schedule(tvm_decorated(T))
    primitives(sch, sch.get_sblock)
    module = sch.mod
    target = peers.tvm_target()

    def run():
        tvm.compile(module, target=target)["main"]

    return run


PEERS = {"tensorir": with_tensorir, "tvm": with_tvm}
