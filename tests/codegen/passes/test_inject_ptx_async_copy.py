"""Copies that go on beside the program: those under a condition bring zeros where it does not hold."""

import numpy as np
import tensorir
from tensorir.codegen import interpreter
from tensorir.codegen.lower import lower

from ..cuda.stages import GPU

SHIFTED = """
@T.prim_func
def main(A: T.Buffer((8, 128), "float32"), B: T.Buffer((8, 128), "float32")):
    for x in T.thread_binding(32, thread="threadIdx.x"):
        for k in T.serial(
            8,
            annotations={{
                "software_pipeline_stage": [0, 1],
                "software_pipeline_order": [0, 1],
                "software_pipeline_async_stages": [0],
            }},
        ):
            with T.block("step"):
                S = T.alloc_buffer((128,), "float32", scope="shared")
                for v in T.vectorized(4):
                    with T.block("S"):
                        vk = T.axis.spatial(8, k)
                        vx = T.axis.spatial(128, x * 4 + v)
                        S[vx] = T.if_then_else(8 <= vx // 4 * 4, A[vk, vx - 8], T.float32({other}))
                for v in T.vectorized(4):
                    with T.block("B"):
                        vk = T.axis.spatial(8, k)
                        vx = T.axis.spatial(128, x * 4 + v)
                        B[vk, vx] = S[vx]
"""


def test_zeros_where_the_condition_does_not_hold() -> None:
    func = tensorir.parse(SHIFTED.format(other=0))
    lowered = lower(func, GPU)
    assert "T.ptx_cp_async(" in lowered.script()
    a, b = np.arange(1024, dtype="float32").reshape(8, 128), np.ones((8, 128), "float32")
    module = tensorir.build(func, "cuda-emulator")
    assert "? 16 : 0" in module.source("cuda")
    module(a, b)
    want = np.hstack([np.zeros((8, 8)), a[:, :-8]])
    assert np.array_equal(b, want)
    b[...] = 1
    interpreter.run(lowered, a, b)
    assert np.array_equal(b, want)


def test_what_is_not_zero_otherwise_stays_a_store() -> None:
    module = tensorir.build(tensorir.parse(SHIFTED.format(other=1)), "cuda-emulator")
    assert "cp_async<" not in module.source("cuda")
