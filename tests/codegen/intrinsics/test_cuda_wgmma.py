"""Hopper's products and copies: by the interpreter, by the emulator, and what the emulator must report."""

import re

import ml_dtypes
import numpy as np
import pytest
import tensorir
from tensorir import Schedule, Target
from tensorir.codegen import interpreter
from tensorir.codegen.cuda.emulator import EmulatorError, emulate
from tensorir.codegen.cuda.emulator.program import Region
from tensorir.codegen.cuda.source import TensorMap
from tensorir.codegen.cuda.tensor_maps import emulated
from tensorir.tir.dtype import dtype
from tensorir.tir.errors import LowerError

TARGET = Target("cuda-emulator", arch="sm_90a")

PROGRAM = """
@T.prim_func
def main(A: T.Buffer(({m}, {k}), "{t}"), B: T.Buffer(({n}, {k}), "{t}"), C: T.Buffer(({m}, {n}), "float32")):
    for i, j, p in T.grid({m}, {n}, {k}):
        with T.block("C"):
            vi, vj, vp = T.axis.remap("SSR", [i, j, p])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + T.Cast("float32", A[vi, vp]) * T.Cast("float32", B[vj, vp])
"""


def product(m: int, n: int, k: int, columns: int, t: str, stages: int = 2, depth: int = 64) -> Schedule:
    """One group of four warps a block, with 64 by `columns` of the result."""
    short = {"float16": "f16", "bfloat16": "bf16"}[t]
    sch = Schedule(tensorir.parse(PROGRAM.format(m=m, n=n, k=k, t=t)))
    result = sch.cache_write("C", 0, "wgmma.accumulator")
    i, j, p = sch.get_loops("C")
    bi, ii = sch.split(i, [None, 64])
    bj, ji = sch.split(j, [None, columns])
    step, tile, pi = sch.split(p, [None, depth // 16, 16])
    sch.reorder(bi, bj, step, tile, ii, ji, pi)
    sch.bind(bi, "blockIdx.y")
    sch.bind(bj, "blockIdx.x")
    for operand in (0, 1):
        shared = sch.cache_read("C", operand, "shared.dyn")
        sch.compute_at(shared, step)
        sch.annotate(shared, "tma_copy", True)
    sch.annotate(step, "software_pipeline_stage", [0, 0, stages])
    sch.annotate(step, "software_pipeline_order", [0, 1, 2])
    sch.annotate(step, "software_pipeline_async_stages", [0])
    sch.reverse_compute_at(result, bj)
    sch.tensorize(sch.get_loops(result)[-2], f"wgmma_store_64x{columns}_f32_global")
    init = sch.decompose_reduction("C", step)
    sch.tensorize(sch.get_loops(init)[-2], f"wgmma_fill_64x{columns}_f32")
    sch.tensorize(ii, f"wgmma_m64n{columns}k16_{short}{short}f32")
    return sch


def arrays(m: int, n: int, k: int, t: str) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    kind = np.dtype(t if t == "float16" else ml_dtypes.bfloat16)
    return [rng.integers(-3, 4, s).astype("float32").astype(kind) for s in ((m, k), (n, k))] + [
        np.zeros((m, n), "float32")
    ]


@pytest.mark.parametrize("columns, t, k", [(64, "float16", 256), (128, "bfloat16", 192), (256, "bfloat16", 64)])
def test_products(columns: int, t: str, k: int) -> None:
    sch = product(128, 256, k, columns, t)
    given = arrays(128, 256, k, t)
    want = given[0].astype("float32") @ given[1].astype("float32").T
    module = tensorir.build(sch, TARGET)
    module(*given)
    assert np.array_equal(given[2], want)
    given[2][...] = 0
    interpreter.run(module.lowered, *given)
    assert np.array_equal(given[2], want)


def text() -> tuple[str, list[object], np.ndarray, list[Region], int]:
    """A kernel and what to launch it with."""
    given = arrays(64, 64, 320, "bfloat16")
    source = tensorir.build(product(64, 64, 320, 64, "bfloat16"), TARGET).cuda
    (kernel,) = source.kernels.values()
    passed: list[object] = []
    for p in kernel.params:
        array = given["ABC".index(p.name[0])]
        known = TensorMap(64, 320, 64, 64)
        passed.append(emulated(dtype("bfloat16"), array.ctypes.data, known) if p.map else array)
    memory = [Region(name, a.ctypes.data, a.nbytes) for name, a in zip("ABC", given)]
    return source.text, passed, given[2], memory, int(kernel.shared_bytes.value)  # type: ignore[attr-defined]


def launch(source: str, passed: list[object], memory: list[Region], size: int) -> None:
    emulate(source).launch("main_kernel", (1,), (128,), passed, shared_bytes=size, memory=memory)


def test_every_wait_is_needed() -> None:
    source, passed, _, memory, size = text()
    launch(source, passed, memory, size)
    waits = list(re.finditer(r"^ *(tir::barrier_wait\(.*|__syncthreads\(\)|tir::wgmma_wait<\d>\(\));\n", source, re.M))
    assert len({wait[1][:16] for wait in waits}) == 3
    for wait in waits:
        with pytest.raises(EmulatorError):
            launch(source[: wait.start()] + source[wait.end() :], passed, memory, size)


@pytest.mark.parametrize(
    "without, message",
    [
        ("tir::wgmma_wait<0>();", "reads sums of products by wgmma that go on: nobody has waited for them"),
        ("tir::wgmma_wait<1>();", r"writes 16 bytes .* which thread .* reads in line \d+: nothing orders the two"),
        ("tir::wgmma_fence();", "wgmma without a fence since its sums were last touched"),
    ],
)
def test_what_wgmma_must_be_told(without: str, message: str) -> None:
    source, passed, _, memory, size = text()
    with pytest.raises(EmulatorError, match=message):
        launch(source.replace(without, ""), passed, memory, size)


def test_announcing_other_bytes_never_ends() -> None:
    source, passed, _, memory, size = text()
    with pytest.raises(EmulatorError, match="wait"):
        launch(source.replace(", 16384);", ", 16400);"), passed, memory, size)


def test_boxes_that_the_copy_engine_does_not_take() -> None:
    with pytest.raises(LowerError, match="rows of 128 bytes, not 64 of 64"):
        tensorir.lower(product_of_depth_32().mod, TARGET)


def product_of_depth_32() -> Schedule:
    sch = Schedule(tensorir.parse(PROGRAM.format(m=64, n=64, k=128, t="bfloat16")))
    i, j, p = sch.get_loops("C")
    step, _ = sch.split(p, [None, 32])
    sch.reorder(step, i, j)
    sch.bind(sch.add_unit_loop(step), "blockIdx.x")
    shared = sch.cache_read("C", 0, "shared.dyn")
    sch.compute_at(shared, step)
    sch.annotate(shared, "tma_copy", True)
    for name, value in (("stage", [0, 1]), ("order", [0, 1]), ("async_stages", [0])):
        sch.annotate(step, f"software_pipeline_{name}", value)
    return sch
