"""A fresh schedule of a convolution and its tuned trace of 60 instructions replayed, construction included."""

import functools

from _conv2d import TEXT, TVM_TEXT, tune

INSTRUCTIONS = 60


def with_tensorir():
    """Ours, by `Trace.apply_to`."""
    import tensorir
    from tensorir.script import parse

    return _task(tensorir.Schedule, parse(TEXT), "get_block", lambda trace, sch: trace.apply_to(sch))


def with_tvm():
    """TVM's, by `Trace.apply_to_schedule`."""
    import tvm
    from tvm import s_tir

    replay = functools.partial(s_tir.schedule.Trace.apply_to_schedule, remove_postproc=False)
    return _task(s_tir.Schedule, tvm.script.from_source(TVM_TEXT), "get_sblock", replay)


def _task(schedule, module, get_block, replay):
    sch = schedule(module)
    tune(sch, getattr(sch, get_block))
    trace = sch.trace
    assert len(trace.insts) == INSTRUCTIONS, len(trace.insts)

    def run():
        replay(trace, schedule(module))

    return run


PEERS = {"tensorir": with_tensorir, "tvm": with_tvm}
