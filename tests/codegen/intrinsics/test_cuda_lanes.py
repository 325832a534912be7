"""Matrices that lanes hold: what is written computes what is described, in registers of one warp and of several."""

import ml_dtypes
import numpy as np
import pytest
import tensorir
from tensorir import TensorIntrin
from tensorir.codegen import interpreter
from tensorir.codegen.cuda import nvrtc
from tensorir.codegen.fragments import lane_and_register
from tensorir.codegen.intrinsics import cuda_lanes
from tensorir.tir.errors import LowerError

from ..cuda.stages import every_stage
from .test_cuda_tile import numbers


@pytest.mark.parametrize("name", cuda_lanes.NAMES)
def test_the_implementation_computes_what_the_description_says(name: str) -> None:
    intrin = TensorIntrin.get(name)
    given = [numbers(tuple(int(e.value) for e in b.shape), b.dtype.numpy, k) for k, b in enumerate(intrin.desc.buffers)]
    want = [a.copy() for a in given]
    interpreter.run(intrin.desc, *want)
    interpreter.run(intrin.impl, *given)
    for a, b in zip(given, want):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("per, columns", [(1, 8), (2, 16), (4, 32)])
@pytest.mark.parametrize("rows_first", [True, False])
def test_every_lane_holds_as_many_elements_each_once(per: int, columns: int, rows_first: bool) -> None:
    places = {lane_and_register(i, j, per, rows_first=rows_first) for i in range(16) for j in range(columns)}
    assert places == {(lane, register) for lane in range(32) for register in range(16 * columns // 32)}


def held(i, j):
    return i // 16, j // 16, i % 8, j % 8 // 2, j % 16 // 8, i % 16 // 8, j % 2


def by_lanes(sch, name, rows=8, columns=4):
    i, j = sch.get_loops(name)[-2:]
    i0, i1, row = sch.split(i, [None, 16 // rows, rows])
    j0, j1, column, pair = sch.split(j, [None, 2, columns, 8 // columns])
    sch.reorder(row, column, i0, j0, j1, i1, pair)
    sch.bind(row, "threadIdx.y")
    sch.bind(column, "threadIdx.x")


def product(m=32, n=32, k=32, dtype="float16", *, right=held, trans=True, **lanes):
    """Relative sums of rows of A @ B.T: tensor cores, arithmetic on what they leave, a reduction along rows."""

    shape, element = ((n, k), "B[vj, vp]") if trans else ((k, n), "B[vp, vj]")
    original = tensorir.parse(f"""
@T.prim_func
def main(
    A: T.Buffer(({m}, {k}), "{dtype}"), B: T.Buffer({shape}, "{dtype}"), D: T.Buffer(({m}, {n}), "float32")
):
    C = T.alloc_buffer(({m}, {n}), "float32", scope="local")
    total = T.alloc_buffer(({m},), "float32", scope="local")
    for i, j, p in T.grid({m}, {n}, {k}):
        with T.block("C"):
            vi, vj, vp = T.axis.remap("SSR", [i, j, p])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + T.Cast("float32", A[vi, vp]) * T.Cast("float32", {element})
    for i, j in T.grid({m}, {n}):
        with T.block("total"):
            vi, vj = T.axis.remap("SR", [i, j])
            with T.init():
                total[vi] = T.float32(0)
            total[vi] = total[vi] + C[vi, vj]
    for i, j in T.grid({m}, {n}):
        with T.block("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = C[vi, vj] - total[vi]
""")
    sch = tensorir.Schedule(original)
    t = {"float16": "f16", "bfloat16": "bf16"}[dtype]
    i, j, p = sch.get_loops("C")
    warp, i0, i1 = sch.split(i, [m // 16, 1, 16])
    j0, j1 = sch.split(j, [None, 16])
    p0, p1 = sch.split(p, [None, 16])
    sch.reorder(warp, p0, i0, j0, i1, j1, p1)
    sch.bind(warp, "threadIdx.z")
    sch.transform_layout("C", ("write", 0), held)
    for operand, layout in ((0, held), (1, right)):
        shared = sch.cache_read("C", operand, "shared")
        own = sch.cache_read("C", operand, "local")
        sch.compute_at(own, p0)
        _, *threads, lanes4 = sch.split(sch.fuse(*sch.get_loops(shared)), [None, m // 16, 8, 4, 4])
        for loop, axis in zip(threads, "zyx"):
            sch.bind(loop, f"threadIdx.{axis}")
        sch.vectorize(lanes4)
        sch.transform_layout(own, ("write", 0), layout)
        rows, cols = sch.get_loops(own)[-2:]
        (r0, r1), (c0, c1) = sch.split(rows, [None, 16]), sch.split(cols, [None, 16])
        sch.reorder(r0, c0, r1, c1)
        sch.tensorize(r1, f"lanes_load_16x16x16_{t}_{'a' if operand == 0 else 'b_trans' if trans else 'b'}_shared")
    init = sch.decompose_reduction("C", p0)
    sch.tensorize(i1, f"lanes_sync_16x16x16_{t}{t}f32")
    by_lanes(sch, init, **lanes)
    sch.reverse_compute_at("total", warp)
    i, j = sch.get_loops("total")[-2:]
    half, row = sch.split(i, [None, 8])
    j0, column, pair = sch.split(j, [None, 4, 2])
    sch.reorder(row, half, column, j0, pair)
    sch.bind(row, "threadIdx.y")
    sch.bind(column, "threadIdx.x")
    sch.reverse_compute_at("D", warp)
    by_lanes(sch, "D", **lanes)
    return original, sch


def by_columns(k, n):
    return k // 16, n // 16, n % 8, k % 8 // 2, n % 16 // 8, k % 16 // 8, k % 2


CASES = [("float16", True), ("bfloat16", True), ("float16", False)]


def by_columns_of_rows(n, k):
    return by_columns(k, n)


@pytest.mark.parametrize("dtype, trans", CASES)
def test_arithmetic_on_what_tensor_cores_leave(dtype: str, trans: bool) -> None:
    original, sch = product(dtype=dtype, trans=trans, right=by_columns_of_rows if trans else by_columns)
    arrays = [numbers((32, 32), np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype), k) for k in (1, 2)]
    want = np.zeros((32, 32), "float32")
    interpreter.run(original, *arrays, want)
    got = np.zeros_like(want)
    tensorir.build(sch, "cuda-emulator")(*arrays, got)
    assert np.array_equal(got, want)
    again = np.zeros_like(want)
    interpreter.run(sch.mod["main"], *arrays, again)
    assert np.array_equal(again, want)


def test_after_every_pass() -> None:
    original, sch = product(right=by_columns_of_rows)
    every_stage(sch.mod["main"], original)


def test_registers_are_a_few_and_compile() -> None:
    _, sch = product(right=by_columns_of_rows)
    mod = tensorir.build(sch, tensorir.Target("cuda", arch="sm_80"))
    assert "float C[16]" in mod.source("cuda")
    if nvrtc.available():
        assert all(row.spills == 0 and row.stack_bytes == 0 for row in mod.resources().values())


def test_lanes_that_use_other_elements_are_refused() -> None:
    _, sch = product(right=by_columns_of_rows, rows=16, columns=2)
    with pytest.raises(LowerError, match="each thread has its own"):
        tensorir.build(sch, "cuda-emulator")
