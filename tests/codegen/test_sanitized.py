"""C code compiled with the address and undefined-behaviour sanitizers runs without a report, LLVM's under valgrind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tensorir.codegen.c import compiler

from .compilers import needs_compiler

TESTS = Path(__file__).parents[1]
SCRIPT = Path(__file__).with_name("sanitized.py")


def runtime(name: str) -> str:
    """The path of a sanitizer's runtime library; "" where the compiler has none."""
    found = subprocess.run(
        [*compiler.CC.command(), f"-print-file-name={name}"], capture_output=True, text=True
    ).stdout.strip()
    return found if os.path.isabs(found) else ""


def run(which: str, cache: Path) -> subprocess.CompletedProcess[str]:
    """The script under the address sanitizer, which must be there before anything allocates."""
    libraries = [runtime("libasan.so"), runtime("libubsan.so")]
    if not all(libraries):
        pytest.skip("the C compiler has no sanitizers' runtime libraries")
    env = {
        **os.environ,
        "LD_PRELOAD": ":".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0",
        "TENSORIR_CACHE": str(cache),
    }
    command = [sys.executable, str(SCRIPT), str(TESTS), which, "c"]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=500)


@needs_compiler
@pytest.mark.parametrize(
    "which", ["workloads", *(pytest.param(which, marks=pytest.mark.fuzz) for which in ("schedules", "examples"))]
)
def test_c_code_runs_without_a_report(which, tmp_path):
    done = run(which, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout) > 5
    assert "runtime error" not in done.stderr


OVERRUN = """
import numpy as np, tensorir
from tensorir.codegen.c import compiler
text = "int overrun(float *a) { a[8] = 1; return 0; }"
path = compiler.compiled(text, ("-fsanitize=address", "-fPIC"))
import ctypes
ctypes.CDLL(str(path)).overrun(np.zeros(8, np.float32).ctypes.data_as(ctypes.c_void_p))
"""


@needs_compiler
def test_a_report_is_seen(tmp_path):
    if not runtime("libasan.so"):
        pytest.skip("the C compiler has no sanitizers' runtime libraries")
    env = {**os.environ, "LD_PRELOAD": runtime("libasan.so"), "ASAN_OPTIONS": "detect_leaks=0"}
    env["TENSORIR_CACHE"] = str(tmp_path)
    done = subprocess.run([sys.executable, "-c", OVERRUN], env=env, capture_output=True, text=True, timeout=100)
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr


LOADER = """
{
   glibc's loader compares short strings by whole words
   Memcheck:Addr8
   fun:strncmp
   fun:is_dst
   ...
}
"""


@pytest.mark.fuzz
@pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind is not installed")
@pytest.mark.parametrize("which", ["workloads", "examples"])
def test_llvm_code_runs_under_valgrind(which, tmp_path):
    suppressions = tmp_path / "loader.supp"
    suppressions.write_text(LOADER)
    command = ["valgrind", "-q", "--error-exitcode=9", "--undef-value-errors=no", f"--suppressions={suppressions}"]
    command += [sys.executable, str(SCRIPT), str(TESTS), which, "llvm"]
    env = {**os.environ, "PYTHONMALLOC": "malloc"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=3000)
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout) > 5
