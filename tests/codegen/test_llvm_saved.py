"""Modules of the LLVM backend as objects and shared libraries: loaded again, linked by C, several in one program."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from tensorir import IRModule, Target, build, load, parse
from tensorir.codegen.c import compiler
from tensorir.tir.errors import RunError, UserError

from .compilers import needs_compiler
from .test_build import MODULE, NESTED
from .workloads import PROGRAMS

pytestmark = needs_compiler


def test_a_saved_library_is_loaded(tmp_path):
    build(parse(MODULE)).save(tmp_path / "kernels.so")
    assert "int32_t tir_twice(float *A, _Float16 h, int32_t s, int32_t n);" in (tmp_path / "kernels.h").read_text()
    loaded = load(tmp_path / "kernels.so")
    a = np.arange(5, dtype=np.float32)
    loaded["twice"](a, 0.5, 3)
    np.testing.assert_array_equal(a, np.arange(5) * 0.5 + 3)
    assert loaded["total"](3, 0.25) == 3.25
    with pytest.raises(RunError, match="division by zero"):
        loaded["twice"](a, 1.0, 0)
    assert sorted(os.listdir(tmp_path)) == ["kernels.h", "kernels.so"]


@pytest.mark.parametrize("name", ("tiled", "padded", "scan", "strided"))
def test_a_saved_library_computes_what_the_module_does(name, tmp_path):
    text, arguments = PROGRAMS[name]
    mod = build(parse(text))
    saved = load(mod.save(tmp_path / f"{name}.so"))
    want, got = arguments(), arguments()
    mod(*want)
    saved(*got)
    for a, b in zip(want, got):
        np.testing.assert_array_equal(a, b)


MAIN = """
#include <stdio.h>
#include "nested.h"
#include "total_of.h"
int main(void) {
    static int64_t a[8][9][10];
    for (int times = 0; times < 100; ++times)
        if (tir_main(&a[0][0][0], 7)) return 1;
    double total;
    if (tir_scale_of(4, &total)) return 2;
    printf("%ld %g\\n", (long)(a[7][8][9] + a[1][2][3]), total);
    return 0;
}
"""
SCALAR = """
@T.prim_func
def scale_of(x: T.int32) -> T.float64:
    T.ret(T.Cast("float64", x) * T.float64(1.5))
"""


def test_c_links_two_objects_with_parallel_loops(tmp_path):
    build(parse(NESTED)).save(tmp_path / "nested.o")
    build(IRModule({"scale_of": parse(SCALAR)})).save(tmp_path / "total_of.o")
    (tmp_path / "main.c").write_text(MAIN)
    objects = [tmp_path / name for name in ("main.c", "nested.o", "total_of.o")]
    program = tmp_path / "program"
    subprocess.run([*compiler.CC.command(), *objects, "-pthread", "-lm", "-o", program], check=True, timeout=60)
    done = subprocess.run([program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, f"{7 * 7 + 72 + 7 + 6} 6\n")


FORKING = """
import os, sys, numpy as np, tensorir
kernel = tensorir.load(sys.argv[1])
a = np.zeros((8, 9, 10), np.int64)
kernel(a, 7)
child = os.fork()
if child == 0:
    a[:] = 0
    for _ in range(50):
        kernel(a, 7)
    os._exit(int(a[7, 8, 9] != 49 + 72))
assert os.waitpid(child, 0)[1] == 0
"""


def test_a_forked_child_runs_what_its_parent_loaded(tmp_path):
    path = build(parse(NESTED)).save(tmp_path / "nested.so")
    subprocess.run([sys.executable, "-c", FORKING, str(path)], check=True, timeout=60)


def test_objects_for_other_machines_are_written(tmp_path):
    mod = build(parse(PROGRAMS["tiled"][0]), Target("llvm", cpu="neoverse-n1", triple="aarch64-unknown-linux-gnu"))
    content = mod.save(tmp_path / "tiled.o").read_bytes()
    assert content[:4] == b"\x7fELF"
    assert int.from_bytes(content[18:20], "little") == 183  # EM_AARCH64
    with pytest.raises(UserError, match=r"saved as \.o"):
        mod.save(tmp_path / "tiled.so")
