"""What the cases share in every interpreter: aligned arrays, a thread count, and each peer's target for this host."""

import functools
import os

import numpy as np


def threads():
    """How many threads the harness granted everybody."""
    return int(os.environ["OMP_NUM_THREADS"])


def aligned(array):
    """A copy of `array` that starts on a 64-byte boundary, which some peers rely on."""
    room = np.empty(array.nbytes + 64, np.uint8)
    start = -room.ctypes.data % 64
    copy = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def random(*shapes, seed=0):
    """Aligned float32 arrays of the given shapes, uniform on [0, 1)."""
    generator = np.random.default_rng(seed)
    return [aligned(generator.random(shape, np.float32)) for shape in shapes]


@functools.cache
def tvm_target():
    """TVM's target for this host; without the processor's name it would compile for the oldest x86-64."""
    import tvm

    cpu = tvm.get_global_func("tvm.codegen.llvm.GetHostCPUName")()
    return tvm.target.Target({"kind": "llvm", "mcpu": cpu, "num-cores": threads()})


def tvm_task(module, arrays):
    """Build a TVM module's function for this host and bind it to numpy `arrays`, converted without a copy."""
    import tvm

    function = tvm.compile(module, target=tvm_target())["main"]
    return functools.partial(function, *[tvm.runtime.from_dlpack(array) for array in arrays])


def torch_tensors(arrays):
    """`arrays` as torch tensors that share their memory, after giving torch its threads."""
    import torch

    torch.set_num_threads(threads())
    return [torch.from_numpy(array) for array in arrays]


def halide_input(array, name):
    """A parameter of Halide's that stands for `array` and says how large it is: the autoscheduler ignores constants."""
    import halide as hl

    parameter = hl.ImageParam(hl.Float(32), array.ndim, name)
    parameter.set(hl.Buffer(array))
    parameter.set_estimates([hl.Range(0, extent) for extent in reversed(array.shape)])
    return parameter


def halide_task(func, extents, result):
    """Let Adams2019 schedule `func`, and compute `result` by it; `extents` are (variable, size), innermost first."""
    import halide as hl

    hl.load_plugin(os.path.join(os.path.dirname(hl.__file__), "lib64", "libautoschedule_adams2019.so"))
    for variable, size in extents:
        func.set_estimate(variable, 0, size)
    pipeline = hl.Pipeline(func)
    target = hl.get_host_target()
    pipeline.apply_autoscheduler(target, hl.AutoschedulerParams("Adams2019", {"parallelism": threads()}))
    pipeline.compile_jit(target)
    return functools.partial(pipeline.realize, hl.Buffer(result))
