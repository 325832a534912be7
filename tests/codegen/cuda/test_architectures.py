"""What an architecture lacks: types that it computes in wider ones, instructions that are refused."""

from __future__ import annotations

import numpy as np
import pytest
import tensorir
from tensorir.codegen import interpreter
from tensorir.codegen.cuda import nvrtc
from tensorir.script import workloads
from tensorir.tir.errors import BuildError, LowerError

from . import kernels
from .gpu import tile_gemm
from .stages import arguments, close

TYPES = ("float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float64", "int8")


@pytest.mark.parametrize("arch", ["sm_70", "sm_80", "sm_90a"])
@pytest.mark.parametrize("type_", TYPES)
def test_every_type_is_computed_on_every_architecture(type_: str, arch: str) -> None:
    func = workloads.relu(8, 8, type_)
    sch = tensorir.Schedule(func)
    sch.bind_default()
    got = arguments(func)
    want = [a.copy() for a in got]
    interpreter.run(func, *want)
    module = tensorir.build(sch, tensorir.Target("cuda-emulator", arch=arch))
    module(*got)
    close(want, got)
    first = {"bfloat16": "sm_80", "float8_e4m3fn": "sm_89", "float8_e5m2": "sm_89"}.get(type_, "sm_70")
    note = f"// {type_} is kept as its bits and computed in float: {arch} has no instructions for it."
    assert (note in module.source()) == (arch < first)
    if nvrtc.available():
        assert tensorir.build(sch, tensorir.Target("cuda", arch=arch)).resources()


@pytest.mark.parametrize(
    "family, type_, arch, first",
    [
        ("mma", "float16", "sm_75", 80),
        ("mma", "float8_e4m3fn", "sm_80", 89),
        ("wmma", "bfloat16", "sm_75", 80),
        ("wmma", "int8", "sm_70", 75),
    ],
)
def test_types_that_tensor_cores_do_not_multiply(family: str, type_: str, arch: str, first: int) -> None:
    sch = tile_gemm(64, 64, 128, family, type_, transposed=type_[-1] in "8n")
    message = (
        rf"block `.*` needs {family} with {type_}, which tensor cores multiply from 'sm_{first}' on; the target is "
    )
    with pytest.raises(LowerError, match=message) as error:
        tensorir.build(sch, tensorir.Target("cuda", arch=arch))
    assert f"tensor cores of '{arch}' multiply float16" in str(error.value)


@pytest.mark.parametrize("arch", ["sm_80", "sm_90", "sm_100a"])
def test_wgmma_is_refused_where_there_is_none(arch: str) -> None:
    kernel = kernels.kernel("cuda_gemm_wgmma")
    with pytest.raises(LowerError, match=f"needs wgmma, which only Hopper has, 'sm_90a'; the target is '{arch}'"):
        tensorir.build(kernel.schedule(**kernel.SMALL).mod, tensorir.Target("cuda", arch=arch))


def test_asynchronous_copies_by_name_are_refused_where_there_are_none() -> None:
    func = tensorir.parse("""
@T.prim_func
def main(A: T.Buffer((32,), "float32"), B: T.Buffer((32,), "float32")):
    for t in T.thread_binding(32, thread="threadIdx.x"):
        T.ptx_commit_group()
        T.ptx_wait_group(0)
        B[t] = A[t]
""")
    with pytest.raises(LowerError, match="ptx_commit_group, which GPUs have from 'sm_80' on; the target is 'sm_75'"):
        tensorir.build(func, tensorir.Target("cuda", arch="sm_75"))


def test_a_pipeline_copies_by_itself_where_nothing_copies_beside_it() -> None:
    kernel = kernels.kernel("cuda_gemm")
    given = kernel.arrays(**kernel.SMALL)
    module = tensorir.build(kernel.schedule(**kernel.SMALL).mod, tensorir.Target("cuda-emulator", arch="sm_70"))
    assert "cp_async" not in module.source()
    module(*given)
    np.testing.assert_allclose(given[-1], kernel.reference(*given[:-1], **kernel.SMALL), 1e-3, 1e-3)


@pytest.mark.skipif(not nvrtc.available(), reason=nvrtc.MISSING)
def test_assembly(monkeypatch: pytest.MonkeyPatch) -> None:
    sch = tensorir.Schedule(workloads.relu(8, 8))
    sch.bind_default()
    module = tensorir.build(sch, tensorir.Target("cuda", arch="sm_80"))
    if nvrtc.tool("nvdisasm") is not None:
        assert "FMNMX" in module.source("sass")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(nvrtc, "tool", lambda name: None)
    with pytest.raises(BuildError, match="assembly needs nvdisasm, which `pip install tensorir"):
        module.source("sass")
