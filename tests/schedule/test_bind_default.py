"""`bind_default`: everything is bound, the meaning is kept, the trace replays; what is bound already stays."""

from __future__ import annotations

import pytest
import tensorir
from tensorir.script import workloads
from tensorir.tir.errors import UserError
from tensorir.tir.same import assert_structural_equal
from tensorir.tir.stmt import For, ForKind
from tensorir.tir.visit import walk


def axes(sch):
    loops = [n for n in walk(sch.func.body) if isinstance(n, For) and n.kind is ForKind.THREAD_BINDING]
    return [(n.thread_binding, n.extent.value) for n in loops]


def test_blocks_of_threads():
    sch = tensorir.Schedule(workloads.relu(100, 7))
    sch.bind_default(max_threads=64)
    assert axes(sch) == [("blockIdx.x", 11), ("threadIdx.x", 64)]
    sch.verify()
    replayed = tensorir.Schedule(sch.original)
    sch.trace.apply_to(replayed)
    assert_structural_equal(replayed.func, sch.func)


def test_few_elements_are_one_block():
    sch = tensorir.Schedule(workloads.row_sum(10, 100))
    sch.bind_default()
    assert axes(sch) == [("threadIdx.x", 10)]


def test_a_reduction_to_one_element_runs_in_one_thread():
    sch = tensorir.Schedule(
        tensorir.parse(
            """
@T.prim_func
def main(A: T.Buffer((8,), "float32"), B: T.Buffer((1,), "float32")):
    for k in range(8):
        with T.block("B"):
            vk = T.axis.reduce(8, k)
            with T.init():
                B[0] = T.float32(0)
            B[0] = B[0] + A[vk]
"""
        )
    )
    sch.bind_default()
    assert axes(sch) == [("threadIdx.x", 1)]
    sch.verify()


def test_what_is_bound_stays():
    sch = tensorir.Schedule(workloads.softmax(4, 8))
    block = sch.get_child_blocks(sch.get_block("root"))[0]
    sch.bind(sch.get_loops(block)[0], "blockIdx.x")
    before = len(axes(sch))
    sch.bind_default()
    assert axes(sch)[0] == ("blockIdx.x", 4)
    assert len(axes(sch)) > before
    sch.verify()


def test_a_number_of_threads_that_no_block_has():
    with pytest.raises(UserError, match="1 to 1024"):
        tensorir.Schedule(workloads.relu(4, 4)).bind_default(max_threads=2000)
