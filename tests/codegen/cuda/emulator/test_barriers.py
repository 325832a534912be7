"""Every barrier and every wait of generated kernels is needed: without it the emulator reports what goes wrong."""

import re

import numpy as np
import pytest
import tensorir
from tensorir.codegen.cuda.emulator import EmulatorError, emulate
from tensorir.codegen.cuda.emulator.built import EmulatedModule

from ..gpu import blocked_matmul, tile_gemm

WAIT = re.compile(r"^ *(__syncthreads\(\)|__syncwarp\(\)|tir::cp_async_wait<\d+>\(\));\n", re.MULTILINE)


def pipelined(stages, *, permuted):
    """`tile_gemm` with its copies `stages` steps ahead of the products."""
    sch = tile_gemm(64, 64, 256, "mma", "float16", scope="shared.dyn", permuted=permuted)
    step = sch.get_loops("C_update_o")[4]
    for name, value in (("stage", [0, 0, stages]), ("order", [0, 1, 2]), ("async_stages", [0])):
        sch.annotate(step, f"software_pipeline_{name}", value)
    return sch


def repeated():
    """A pipeline that is run several times on the same memory."""
    return tensorir.Schedule(
        tensorir.parse("""
@T.prim_func
def main(A: T.Buffer((4, 5, 64), "float32"), B: T.Buffer((4, 5, 64), "float32")):
    for b in T.thread_binding(1, thread="blockIdx.x"):
        for i in range(4):
            for j in T.serial(5, annotations={
                "software_pipeline_stage": [0, 1],
                "software_pipeline_order": [0, 1],
                "software_pipeline_async_stages": [0],
            }):
                with T.block("both"):
                    T.reads(A[i, j, 0:64])
                    T.writes(B[i, j, 0:64])
                    S = T.alloc_buffer((64,), "float32", scope="shared")
                    for t in T.thread_binding(64, thread="threadIdx.x"):
                        with T.block("S"):
                            T.reads(A[i, j, t])
                            T.writes(S[t])
                            S[t] = A[i, j, t]
                    for t in T.thread_binding(64, thread="threadIdx.x"):
                        with T.block("B"):
                            T.reads(S[63 - t])
                            T.writes(B[i, j, t])
                            B[i, j, t] = S[63 - t]
""")
    )


KERNELS = {
    "blocked matmul": lambda: blocked_matmul(32, 32, 32),
    "fragments": lambda: tile_gemm(64, 64, 128, "mma", "float16"),
    "pipeline of 1": lambda: pipelined(1, permuted=False),
    "pipeline of 3, permuted": lambda: pipelined(3, permuted=True),
    "repeated pipeline": repeated,
}


@pytest.mark.parametrize("name", KERNELS)
def test_every_barrier_is_needed_and_they_are_enough(name: str) -> None:
    sch = KERNELS[name]()
    module = tensorir.build(sch, "cuda-emulator")
    assert isinstance(module, EmulatedModule)
    rng = np.random.default_rng(0)
    shapes = [tuple(int(e.value) for e in b.shape) for b in module.program[module.entry_name].buffers]
    types = [b.dtype.numpy for b in module.program[module.entry_name].buffers]
    given = [rng.integers(-3, 4, s).astype(t) for s, t in zip(shapes, types)]
    module(*given)
    text = module.source()
    found = list(WAIT.finditer(text))
    assert found
    for wait in found:
        module._emulated = emulate(text[: wait.start()] + text[wait.end() :], kernels=module.cuda.kernels)
        with pytest.raises(EmulatorError):
            module(*given)
