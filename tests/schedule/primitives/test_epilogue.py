"""fuse_reduction_epilogue and reorder_block_iter_var: biases, relus and clips, applied once however it is scheduled."""

import pytest
from tensorir import Schedule, ScheduleError, assert_structural_equal, parse
from tensorir.schedule.trace import Trace

from ..programs import matmul, row_sum, symbolic
from ..programs_blocks import bias_relu

PROGRAM = """
@T.prim_func
def main(A: T.Buffer((9, 7), "float32"), B: T.Buffer((7, 5), "float32"),
         b: T.Buffer((5,), "float32"), D: T.Buffer((9, 5), "float32")):
    C = T.alloc_buffer((9, 5), "float32")
    for i, j, k in T.grid(9, 5, 7):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32({init})
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
    for i, j in T.grid(9, 5):
        with T.block("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = {epilogue}
"""


def checked(sch: Schedule) -> None:
    """References, numbers on the interpreter and on LLVM, and the trace."""
    sch.state.check()
    sch.verify(backend="interpreter", sanitize=True)
    sch.verify(backend="llvm")
    again = Schedule(sch.original, seed=1)
    Trace.from_json(sch.trace.dumps()).apply_to(again)
    assert_structural_equal(again.mod, sch.mod)


@pytest.mark.parametrize("init", [0, 2])
@pytest.mark.parametrize(
    "epilogue",
    [
        "C[vi, vj] + b[vj]",
        "b[vj] + C[vi, vj]",
        "T.max(C[vi, vj] + b[vj], T.float32(0))",
        "T.min(T.max(C[vi, vj], T.float32(-1)), T.float32(1))",
        "C[vi, vj] * C[vi, vj] + b[vj]",
        "C[vi, vj] + C[vi, vj]",
        "T.exp(C[vi, vj])",
    ],
)
def test_epilogues(init: int, epilogue: str) -> None:
    sch = Schedule(parse(PROGRAM.format(init=init, epilogue=epilogue)), seed=0)
    sch.fuse_reduction_epilogue("C", "D")
    assert len(sch.get_child_blocks("root")) == 1
    checked(sch)


def test_a_bias_is_where_the_sum_starts() -> None:
    sch = Schedule(parse(PROGRAM.format(init=0, epilogue="C[vi, vj] + b[vj]")), seed=0)
    sch.fuse_reduction_epilogue("C", "D")
    block = sch.get(sch.get_block("C"))
    assert str(block.init).strip() == "D[vi, vj] = b[vj]"
    assert [r.buffer.name for r in block.reads] == ["b", "A", "B"]


def test_it_is_applied_once_after_the_loops_are_reordered() -> None:
    sch = Schedule(bias_relu, seed=0)
    sch.fuse_reduction_epilogue("C", "D")
    i, j, k = sch.get_loops("C")
    k0, k1 = sch.split(k, [None, 3])
    with pytest.raises(ScheduleError, match="depends on the order"):
        sch.reorder(k1, k0, j, i)
    sch.reorder(j, k0, k1, i)
    sch.parallel(j)
    checked(sch)
    sch.decompose_reduction("C", k0)
    checked(sch)


def test_scheduled_before() -> None:
    sch = Schedule(bias_relu, seed=0)
    i, j, k = sch.get_loops("C")
    sch.split(k, [None, 2])
    sch.split(i, [None, 4])
    sch.fuse_reduction_epilogue("C", "D")
    checked(sch)


def test_rows() -> None:
    sch = Schedule(row_sum, seed=0)
    sch.fuse_reduction_epilogue("S", "B")
    checked(sch)


@pytest.mark.parametrize("program", [matmul, symbolic], ids=lambda f: f.name)
def test_the_order_of_iterators_is_but_how_a_block_is_written(program: object) -> None:
    sch = Schedule(program, seed=0)
    (block,) = sch.get_child_blocks("root")
    names = [iv.var.name for iv in sch.get(block).iter_vars]
    sch.reorder_block_iter_var(block, list(range(len(names)))[::-1])
    assert [iv.var.name for iv in sch.get(block).iter_vars] == names[::-1]
    checked(sch)
