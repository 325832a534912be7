"""The emulator where it must do without its own context switch, and where there is no compiler."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tensorir.codegen.cuda.emulator import compile as compiler
from tensorir.tir.errors import BuildError

PROGRAM = """
import numpy as np
from tensorir.codegen.cuda.emulator import EmulatorError, emulate
text = '''
extern "C" __global__ void k(const int* A, int* B) {
  __shared__ int S[96];
  S[threadIdx.x] = A[threadIdx.x];
  __syncthreads();
  B[threadIdx.x] = S[95 - threadIdx.x];
}'''
a, b = np.arange(96, dtype="int32"), np.zeros(96, "int32")
emulate(text).launch("k", (1,), (96,), [a, b])
assert b.tolist() == list(range(95, -1, -1))
try:
    emulate(text.replace("__syncthreads();", "")).launch("k", (1,), (96,), [a, b])
except EmulatorError:
    print("fine")
"""


def test_ucontext_does_the_same(tmp_path: Path) -> None:
    environment = {**os.environ, "TENSORIR_EMULATOR_UCONTEXT": "1", "TENSORIR_CACHE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "fine\n", done.stderr


def test_a_missing_compiler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(BuildError, match="needs a C\\+\\+ compiler, and 'no-such-compiler', which CXX names"):
        compiler.CXX.command()
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BuildError, match="none of c\\+\\+, g\\+\\+, clang\\+\\+ is on the path; install"):
        compiler.CXX.command()
