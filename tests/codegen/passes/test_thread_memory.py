"""Memory that each thread has its own of: refused where the program passes values from thread to thread by it."""

import pytest
import tensorir
from tensorir.codegen import interpreter
from tensorir.codegen.lower import lower
from tensorir.script import workloads
from tensorir.tir.errors import LowerError

from ..cuda.stages import GPU, arguments, close, every_stage


@pytest.mark.parametrize("threads", [None, 4])
def test_threads_do_not_share_what_is_computed_into_memory_of_one_s_own(threads):
    """Each thread of the outer loop has an `exp` of its own, which threads of an inner loop would fill together."""
    func = workloads.softmax(2, 5)
    sch = tensorir.Schedule(func)
    i, j = sch.get_loops("softmax")
    sch.bind(i, "blockIdx.x")
    sch.bind(j, "threadIdx.x")
    for name, scope in (("sum", "local"), ("exp", "local"), ("max", "local")):
        sch.compute_at(name, j)
        sch.set_scope(name, 0, scope)
    if threads is None:
        every_stage(sch.func, func)
        return
    sch.bind(sch.split(sch.get_loops("exp")[2], [None, threads])[1], "threadIdx.x")
    with pytest.raises(LowerError, match="exp_local is in 'local' memory, of which each thread has its own"):
        lower(sch.func, GPU)


def test_threads_of_an_inner_loop_do_not_read_what_those_of_an_outer_one_have():
    func = tensorir.parse("""
@T.prim_func
def main(X: T.Buffer((8,), "float32"), Y: T.Buffer((8, 8), "float32")):
    for t in T.thread_binding(8, thread="threadIdx.x"):
        with T.block("row"):
            vi = T.axis.spatial(8, t)
            L = T.alloc_buffer((1,), "float32", scope="local")
            S = T.alloc_buffer((8,), "float32", scope="shared")
            with T.block("L"):
                L[0] = X[vi]
            for k in T.thread_binding(8, thread="threadIdx.x"):
                with T.block("S"):
                    vk = T.axis.spatial(8, k)
                    S[vk] = L[0]
            for k in range(8):
                with T.block("Y"):
                    vk = T.axis.spatial(8, k)
                    Y[vi, vk] = S[vk]
""")
    with pytest.raises(LowerError, match="L is in 'local' memory, of which each thread has its own"):
        lower(func, GPU)


def test_what_threads_put_into_their_block_s_memory_is_the_same_for_all_of_them():
    """One thread adds up what threads of an inner loop over the same axis have computed together."""
    func = workloads.softmax(2, 5)
    sch = tensorir.Schedule(func)
    i, j = sch.get_loops("softmax")
    sch.bind(i, "blockIdx.x")
    sch.bind(j, "threadIdx.y")
    for name in ("sum", "exp", "max"):
        sch.compute_at(name, j)
        sch.set_scope(name, 0, "shared")
    sch.bind(sch.split(sch.get_loops("exp")[2], [None, 3])[1], "threadIdx.y")
    every_stage(sch.func, func)
    mod = tensorir.build(sch, "cuda-emulator")
    given = arguments(func)
    want = [a.copy() for a in given]
    interpreter.run(func, *want)
    mod(*given)
    close(want, given)


def test_blocks_do_not_read_what_one_of_them_computes_for_all():
    """Without a loop over `blockIdx.y` around it, the first block of that axis computes `C`, for itself."""
    func = workloads.matmul_relu(4, 4, 3)
    sch = tensorir.Schedule(func)
    i, j = sch.get_loops("relu")
    sch.bind(i, "blockIdx.x")
    sch.compute_at("C", i)
    every_stage(sch.func, func)
    sch.bind(j, "blockIdx.y")
    with pytest.raises(LowerError, match=r"bound to blockIdx.y in its kernel, and both touch C; blocks"):
        lower(sch.func, GPU)


def test_a_loop_has_no_more_threads_than_one_around_it():
    """Only the outer loop's threads are there to fill the tile."""
    func = tensorir.parse("""
@T.prim_func
def main(X: T.Buffer((8,), "float32"), Y: T.Buffer((2,), "float32")):
    for i in T.thread_binding(2, thread="threadIdx.x"):
        with T.block("row"):
            vi = T.axis.spatial(2, i)
            S = T.alloc_buffer((8,), "float32", scope="shared")
            for j in T.thread_binding(8, thread="threadIdx.x"):
                with T.block("S"):
                    vj = T.axis.spatial(8, j)
                    S[vj] = X[vj]
            with T.block("Y"):
                Y[vi] = S[vi] + S[7]
""")
    with pytest.raises(LowerError, match=r"loop `j` .* has more threads of threadIdx.x than loop `i`"):
        lower(func, GPU)
