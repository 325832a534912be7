"""Programs to be scheduled, and candidates of them: what every rule, mutator and postproc is tested on."""

from collections.abc import Callable, Iterator
from random import Random

import tensorir
from tensorir.meta_schedule.mutators import mutate
from tensorir.meta_schedule.replay import Replayer
from tensorir.meta_schedule.space import design_space
from tensorir.script import te, workloads


def quantized_matmul(m: int, n: int, k: int, a: str = "uint8", b: str = "int8", c: str = "int32") -> tensorir.PrimFunc:
    """A matrix product of narrow types, as instructions for dot products take them."""
    x, y, r = te.placeholder((m, k), a, "A"), te.placeholder((k, n), b, "B"), te.reduce_axis((0, k), "k")
    z = te.compute((m, n), lambda i, j: te.sum(x[i, r].astype(c) * y[r, j].astype(c), axis=r), "C")
    return te.create_prim_func([x, y, z], "matmul")


PROGRAMS: dict[str, Callable[[], tensorir.PrimFunc]] = {
    "matmul": lambda: workloads.matmul(16, 32, 24),
    "matmul_odd": lambda: workloads.matmul(7, 13, 11),
    "matmul_padded": lambda: workloads.matmul(3, 67, 5),
    "matmul_int8": lambda: workloads.matmul(8, 16, 12, "int8", "int32"),
    "matmul_dot": lambda: quantized_matmul(8, 32, 12),
    "matmul_half": lambda: workloads.matmul(8, 16, 8, "float16", "float32"),
    "matmul_symbolic": lambda: workloads.matmul(te.var("m"), te.var("n"), 16),
    "matmul_one_row": lambda: workloads.matmul(1, 32, 64),
    "matmul_relu": lambda: workloads.matmul_relu(12, 16, 8),
    "batch_matmul": lambda: workloads.batch_matmul(2, 6, 8, 5),
    "dense": lambda: workloads.dense(4, 8, 16),
    "conv1d": lambda: workloads.conv1d_nlc(1, 9, 4, 8, 3, 2, 1),
    "conv2d_nhwc": lambda: workloads.conv2d_nhwc(1, 6, 7, 3, 8, 3, 1, 1),
    "conv2d_nchw": lambda: workloads.conv2d_nchw(1, 3, 6, 7, 8, 3, 1, 1),
    "conv2d_grouped": lambda: workloads.group_conv2d_nhwc(1, 5, 5, 4, 8, 3, 2, 1, 1),
    "conv2d_depthwise": lambda: workloads.depthwise_conv2d_nhwc(1, 6, 6, 8, 3, 1, 1),
    "conv2d_im2col": lambda: workloads.conv2d_im2col(1, 5, 5, 3, 4, 3, 1, 1),
    "conv2d_winograd": lambda: workloads.conv2d_winograd_nhwc(1, 6, 6, 2, 4),
    "conv3d": lambda: workloads.conv3d_ndhwc(1, 4, 4, 4, 2, 4, 2),
    "max_pool": lambda: workloads.max_pool2d_nchw(1, 2, 7, 9, 3, 2, 1),
    "avg_pool": lambda: workloads.avg_pool2d_nchw(1, 2, 8, 8, 2, 2),
    "softmax": lambda: workloads.softmax(6, 48),
    "softmax_odd": lambda: workloads.softmax(3, 13),
    "softmax_symbolic": lambda: workloads.softmax(te.var("m"), te.var("n")),
    "attention": lambda: workloads.attention(1, 2, 6, 4),
    "layer_norm": lambda: workloads.layer_norm(4, 64),
    "rms_norm": lambda: workloads.rms_norm(4, 32),
    "gelu": lambda: workloads.gelu(5, 37),
    "gelu_symbolic": lambda: workloads.gelu(te.var("m"), 24),
    "row_sum": lambda: workloads.row_sum(3, 128),
    "long_sum": lambda: workloads.row_sum(1, 1 << 15),
    "argmax": lambda: workloads.argmax(4, 64),
    "transpose": lambda: workloads.transpose(18, 33),
    "blur": lambda: workloads.separable_blur(12, 20),
}
"""A program of each operator, small, with extents that divide well, and some that do not."""

SYMBOLS = {"m": 7, "n": 19}


def symbols_of(program: tensorir.PrimFunc) -> dict[str, int]:
    """Values for the sizes that a program leaves open."""
    text = program.script()
    return {name: value for name, value in SYMBOLS.items() if f"{name} = T.int32" in text}


def candidates(
    program: tensorir.PrimFunc, target: str | tensorir.Target, *, seeds: int, mutations: int = 0
) -> Iterator[tensorir.Schedule]:
    """Of each sketch: the one it comes with, random ones, and mutations of these that are not rejected."""
    make = Replayer(program, target)
    for number, sketch in enumerate(design_space(program, target)):
        rng = Random(number)
        yield make(sketch.trace)
        for _ in range(seeds):
            try:
                found = make(sketch.trace, rng=rng)
            except tensorir.ScheduleError:
                continue
            yield found
            trace = found.trace.without_postproc()
            for _ in range(mutations):
                changed = mutate(trace, rng)
                if changed is None:
                    break
                try:
                    found = make(changed)
                except tensorir.ScheduleError:
                    continue
                trace = changed
                yield found
