"""From a fresh interpreter to the result of a first scheduled matmul: what somebody at a prompt waits for."""

import functools
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def starting(program):
    """A task that runs `program`, which times itself without the interpreter's own start."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}

    def run():
        done = subprocess.run(
            [sys.executable, str(HERE / program)], capture_output=True, text=True, check=True, env=environment
        )
        return float(done.stdout)

    return run


PEERS = {
    "tensorir": functools.partial(starting, "_cold_tensorir.py"),
    "tvm": functools.partial(starting, "_cold_tvm.py"),
}
