"""`import` of the package in a fresh interpreter whose bytecode is cached."""

import functools
import subprocess
import sys

PROGRAM = "import time; start = time.perf_counter(); import {0}; print(1e3 * (time.perf_counter() - start))"


def importing(package):
    """A task that times itself in the fresh interpreter, which leaves out the interpreter's own start."""

    def run():
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(package)], capture_output=True, text=True, check=True, cwd="/"
        )
        return float(done.stdout)

    return run


PEERS = {name: functools.partial(importing, name) for name in ("tensorir", "numpy", "torch", "tvm", "halide")}
