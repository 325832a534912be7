"""Tensor core intrinsics: what is written computes what is described, and kernels made of them what numpy says."""

import numpy as np
import pytest
import tensorir
from tensorir import Schedule, TensorIntrin
from tensorir.codegen import interpreter
from tensorir.codegen.intrinsics import cuda_tile

from ..cuda.gpu import tile_gemm


def numbers(shape: tuple[int, ...], t: np.dtype, seed: int) -> np.ndarray:
    """Small integers, which every type holds exactly."""
    rng = np.random.default_rng(seed)
    return rng.integers(0 if t.kind == "u" else -3, 4, shape).astype("float32").astype(t)


@pytest.mark.parametrize("name", cuda_tile.NAMES)
def test_the_implementation_computes_what_the_description_says(name: str) -> None:
    intrin = TensorIntrin.get(name)
    given = [numbers(tuple(int(e.value) for e in b.shape), b.dtype.numpy, k) for k, b in enumerate(intrin.desc.buffers)]
    want = [a.copy() for a in given]
    interpreter.run(intrin.desc, *want)
    interpreter.run(intrin.impl, *given)
    for a, b in zip(given, want):
        assert np.array_equal(a, b)


@pytest.mark.parametrize(
    "name",
    [
        "wmma_sync_16x16x8_f16f16f32",
        "mma_sync_16x16x16_f16f16f16",
        "mma_load_16x16x16_f16_a_global",
        "mma_sync_16x16x16_f16bf16f32",
    ],
)
def test_what_no_processor_has_has_no_name(name: str) -> None:
    with pytest.raises(tensorir.UserError, match="there is no intrinsic"):
        TensorIntrin.get(name)


CASES = [
    ("mma", "float16", False),
    ("mma", "bfloat16", True),
    ("mma", "int8", True),
    ("mma", "float8_e4m3fn", True),
    ("wmma", "float16", True),
    ("wmma", "int8", False),
]


@pytest.mark.parametrize("family, dtype, transposed", CASES, ids=["-".join(map(str, c)) for c in CASES])
def test_products(family: str, dtype: str, transposed: bool) -> None:
    sch = tile_gemm(64, 64, 64, family, dtype, transposed=transposed)
    assert isinstance(sch, Schedule)
    mod = tensorir.build(sch, tensorir.Target("cuda-emulator", arch="sm_90a"))
    a, b, c = (b.dtype.numpy for b in sch.mod["main"].buffers)
    x, y = numbers((64, 64), a, 1), numbers((64, 64), b, 2)
    out = np.zeros((64, 64), c)
    mod(x, y, out)
    right = y.astype("float64").T if transposed else y.astype("float64")
    assert np.array_equal(out.astype("float64"), x.astype("float64") @ right)
    again = np.zeros_like(out)
    interpreter.run(mod.lowered, x, y, again)
    assert np.array_equal(again, out)
