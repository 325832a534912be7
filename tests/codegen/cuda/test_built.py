"""Modules for CUDA: source in every form, resources, what a call says without a GPU, and arguments of the device's."""

from __future__ import annotations

import ctypes
import ctypes.util

import numpy as np
import pytest
import tensorir
from tensorir.codegen.cuda import arrays, driver, nvrtc
from tensorir.script import workloads
from tensorir.tir.errors import BuildError, CallError, LowerError

from .gpu import blocked_matmul

needs_nvrtc = pytest.mark.skipif(not nvrtc.available(), reason="NVRTC is not installed")


def built(func, **options):
    sch = tensorir.Schedule(func)
    sch.bind_default(**options)
    return tensorir.build(sch, tensorir.Target("cuda", arch="sm_90a"))


@needs_nvrtc
def test_source_and_resources():
    module = tensorir.build(blocked_matmul(), tensorir.Target("cuda", arch="sm_90a"))
    assert "__global__" in module.source() == module.source("cuda")
    assert ".target sm_90a" in module.source("ptx")
    assert "T.tvm_storage_sync" in module.source("tir")
    (used,) = module.resources().values()
    assert used.spills == 0
    assert 16 <= used.registers <= 255
    assert used.shared_bytes == 1024


@needs_nvrtc
def test_text_that_does_not_compile_says_where():
    with pytest.raises(BuildError, match=r'kernels.cu\(1\).*identifier "nothing" is undefined'):
        nvrtc.ptx('extern "C" __global__ void f(float* x) { x[0] = nothing; }\n', "sm_80")


def test_resources_as_ptxas_prints_them():
    log = """ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'k' for 'sm_90a'
ptxas info    : Function properties for k
    16 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 168 registers, used 1 barriers, 4096 bytes smem, 376 bytes cmem[0]
"""
    assert nvrtc.resources(log) == {"k": nvrtc.Resources(168, 4096, 8, 12, 16)}


@pytest.mark.skipif(any(ctypes.util.find_library(n) for n in ("cuda",)), reason="there is a CUDA driver here")
def test_a_launch_without_a_gpu_says_what_is_missing():
    module = built(workloads.relu(4, 4))
    with pytest.raises(CallError, match="no CUDA driver"):
        module(np.zeros((4, 4), "float32"), np.zeros((4, 4), "float32"))


def test_what_is_bound_to_no_threads():
    with pytest.raises(LowerError, match="did you forget to bind") as caught:
        tensorir.build(workloads.matmul(4, 4, 4), "cuda")
    text = str(caught.value)
    assert "`i`, `j`, `k`" in text
    assert "sch.bind_default()" in text


def test_too_many_threads():
    sch = tensorir.Schedule(workloads.relu(64, 64))
    i, j = sch.get_loops(sch.get_child_blocks(sch.get_block("root"))[0])
    sch.bind(i, "threadIdx.y")
    sch.bind(j, "threadIdx.x")
    with pytest.raises(LowerError, match=r"4096 threads in a block \(64 \* 64\); sm_80 allows 1024"):
        tensorir.build(sch, "cuda")


def test_too_much_shared_memory():
    sch = tensorir.Schedule(workloads.transpose(512, 512))
    (block,) = sch.get_child_blocks(sch.get_block("root"))
    i, j = sch.get_loops(block)
    sch.bind(j, "threadIdx.x")
    sch.cache_read(block, 0, "shared")
    with pytest.raises(LowerError, match=r"bytes of shared memory.*sm_80 has 166912|bound to no threads"):
        tensorir.build(sch, "cuda")
    func = tensorir.parse(
        """
@T.prim_func
def main(A: T.Buffer((60000,), "float32")):
    for tx in T.thread_binding(32, thread="threadIdx.x"):
        S = T.allocate((60000,), "float32", scope="shared")
        S[tx] = A[tx]
        A[tx] = S[tx]
"""
    )
    with pytest.raises(LowerError, match=r"240000 bytes of shared memory.*buf_dyn_shmem: 240000.*sm_80 has 166912"):
        tensorir.build(func, "cuda")


class OfTheDevice:
    """What cupy's arrays say of themselves."""

    def __init__(self, shape, typestr, pointer, strides=None):
        self.__cuda_array_interface__ = {
            "shape": shape, "typestr": typestr, "data": (pointer, False), "strides": strides, "version": 3,
        }  # fmt: skip


def test_arrays_of_the_device_are_taken_by_their_addresses():
    array = arrays.on_device(OfTheDevice((4, 6), "<f4", 0x7F0000000100), "A")
    assert array.ctypes.data == 0x7F0000000100
    assert array.shape == (4, 6)
    assert array.strides == (24, 4)
    assert arrays.on_device(np.zeros(3), "A") is None


class Recorder:
    """A driver that runs nothing and notes everything."""

    arch = "sm_90"

    def __init__(self):
        self.log, self.next = [], 0x1000

    def current(self):
        pass

    def load(self, code):
        self.log.append(("load", code[:4]))
        return "module"

    def function(self, module, name):
        return name

    def launch(self, function, grid, block, shared, stream, arguments):
        given = [a.value if isinstance(a, ctypes.c_void_p) else bytes(a) for a in arguments]
        self.log.append(("launch", function, grid, block, shared, stream, given))

    def allocate(self, size):
        self.next += 0x1000
        self.log.append(("allocate", size))
        return self.next

    def to_device(self, pointer, address, size):
        self.log.append(("to_device", pointer, size))

    def to_host(self, address, pointer, size):
        self.log.append(("to_host", pointer, size))

    def free(self, pointer):
        self.log.append(("free", pointer))


@needs_nvrtc
def test_a_call_copies_the_host_s_arrays_and_passes_the_device_s(monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr("tensorir.codegen.cuda.built.driver", lambda: recorder)
    module = built(workloads.relu(300, 5), max_threads=128)
    given = OfTheDevice((300, 5), "<f4", 0x70000)
    module(given, np.zeros((300, 5), "float32"), stream=7)
    (name,) = module.cuda.kernels
    assert recorder.log == [
        ("allocate", 6000),
        ("to_device", 0x2000, 6000),
        ("load", b"\x7fELF"),
        ("launch", name, (12, 1, 1), (128, 1, 1), 0, 7, [0x70000, 0x2000]),
        ("to_host", 0x2000, 6000),
        ("free", 0x2000),
    ]
    with pytest.raises(CallError, match="shape"):
        module(OfTheDevice((300, 6), "<f4", 0x70000), np.zeros((300, 5), "float32"))
    with pytest.raises(CallError, match="must hold float32"):
        module(OfTheDevice((300, 5), "<f8", 0x70000), np.zeros((300, 5), "float32"))


def test_there_is_a_reason_why_no_driver_was_found(monkeypatch):
    monkeypatch.setattr(driver, "LIBRARIES", ("libno_such_driver.so",))
    with pytest.raises(CallError, match=r"libcuda.so.1.*cuda-emulator"):
        driver.Driver()


def test_two_loops_bound_to_one_axis():
    sch = tensorir.Schedule(workloads.relu(4, 4))
    for loop in sch.get_loops(sch.get_child_blocks(sch.get_block("root"))[0]):
        sch.bind(loop, "threadIdx.x")
    with pytest.raises(LowerError, match="both bound to threadIdx"):
        tensorir.build(sch, "cuda")
