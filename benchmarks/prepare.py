"""Writes down what all peers of a kernel need: its arguments, the expected result, and its scheduled program as text.

`python prepare.py KERNEL SHAPE FOLDER` reads `examples/schedules/KERNEL.py` and the shape as JSON, and leaves in FOLDER

    arrays.npz      the arguments, `0`, `1`, ..., the result last, and `expected`
    program.py      the scheduled program
    program_tvm.py  the same as Apache TVM reads it
    work.json       {"operations": arithmetic operations, "bytes": what has to be read or written}

Arrays are copied by the peers, so nobody sees another's results.
"""

import json
import sys
from pathlib import Path

import numpy as np

SCHEDULES = Path(__file__).resolve().parents[1] / "examples" / "schedules"


def shapes(kernel):
    """The shapes for which `kernel` is measured."""
    return kernel_module(kernel).SHAPES


def kernel_module(kernel):
    """The example's module."""
    sys.path.insert(0, str(SCHEDULES))
    return __import__(kernel)


def write(name, shape, folder, function):
    """Write the files for a kernel at a shape, with `function` for its program."""
    kernel = kernel_module(name)
    arrays = kernel.arrays(**shape)
    expected = np.asarray(kernel.reference(*arrays[:-1], **shape), arrays[-1].dtype)
    np.savez(folder / "arrays.npz", **{str(i): array for i, array in enumerate(arrays)}, expected=expected)
    function = function.with_attr("tir.noalias", True)
    (folder / "program.py").write_text(function.script())
    (folder / "program_tvm.py").write_text(function.script(dialect="tvm"))
    operations, size = kernel.work(**shape)
    (folder / "work.json").write_text(json.dumps({"operations": operations, "bytes": size}))


def main():
    """Write the files with the hand schedule."""
    name, shape, folder = sys.argv[1], json.loads(sys.argv[2]), Path(sys.argv[3])
    write(name, shape, folder, kernel_module(name).schedule(**shape).mod["main"])


if __name__ == "__main__":
    main()
