"""Saving modules, loading them, the C program that uses one, the cache of compiled files, and what is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorir
from tensorir.codegen.c import compiler
from tensorir.codegen.compiler import Compiler, _sweep
from tensorir.tir.errors import BuildError, CallError, RunError, UserError

from .compilers import needs_compiler
from .test_build import MODULE

pytestmark = needs_compiler
EXAMPLE = Path(__file__).parents[2] / "examples" / "c_program"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TENSORIR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_saved_library_is_loaded_without_compiling(tmp_path, monkeypatch):
    tensorir.build(tensorir.parse(MODULE), "c").save(tmp_path / "kernels.so")
    assert "tir_scale(" in (tmp_path / "kernels.h").read_text()
    monkeypatch.setattr(Compiler, "command", lambda self: pytest.fail("the compiler was called"))
    loaded = tensorir.load(tmp_path / "kernels.so")
    a = np.arange(5, dtype=np.float32)
    loaded["twice"](a, 0.5, 3)
    np.testing.assert_array_equal(a, np.arange(5) * 0.5 + 3)
    assert loaded["total"](3, 0.25) == 3.25
    with pytest.raises(RunError, match="division by zero"):
        loaded["twice"](a, 1.0, 0)
    with pytest.raises(CallError, match="A"):
        loaded["scale"](a.astype("f8"), 1.0)
    with pytest.raises(UserError, match="has no function 'main'; it has 'scale'"):
        loaded(a)


def test_a_c_program_uses_a_saved_kernel(tmp_path):
    script = [sys.executable, str(EXAMPLE / "kernel.py"), str(tmp_path)]
    subprocess.run(script, check=True, capture_output=True, timeout=100)
    command = [*compiler.CC.command(), "-O1", "-fopenmp", f"-I{tmp_path}", EXAMPLE / "main.c", tmp_path / "matmul.c"]
    subprocess.run([*command, "-lm", "-o", tmp_path / "matmul"], check=True, timeout=100)
    done = subprocess.run([tmp_path / "matmul"], capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout) == (0, "largest difference: 0\n"), done.stderr


def test_two_objects_link_into_one_program(tmp_path):
    mod = tensorir.parse(MODULE)
    for name in ("total", "scale"):
        single = tensorir.IRModule({name: mod[name]})
        tensorir.build(single, "c").save(tmp_path / f"{name}.o")
    main = tmp_path / "main.c"
    main.write_text(
        '#include "total.h"\n#include "scale.h"\n'
        "int main(void) { float a[2] = {1, 2}; double t; return tir_scale(a, 3, 2) || tir_total(4, 0.5, &t)"
        " || a[1] != 6 || t != 4.5; }\n"
    )
    objects = [tmp_path / "total.o", tmp_path / "scale.o"]
    subprocess.run([*compiler.CC.command(), main, *objects, "-fopenmp", "-lm", "-o", tmp_path / "run"], check=True)
    assert subprocess.run([tmp_path / "run"]).returncode == 0


def test_what_is_no_saved_module_is_refused(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        tensorir.load(tmp_path / "nothing.so")
    (tmp_path / "text.so").write_text("not a library")
    with pytest.raises(UserError, match="cannot be loaded"):
        tensorir.load(tmp_path / "text.so")
    (tmp_path / "other.c").write_text("int f(void) { return 0; }")
    compiler.invoke(tmp_path / "other.c", tmp_path / "other.so", ["-fPIC"])
    with pytest.raises(UserError, match="not saved by tensorir"):
        tensorir.load(tmp_path / "other.so")
    with pytest.raises(UserError, match=r"saved as one of \.ll, \.s, \.h, \.so, \.o, not as '\.c'; build for 'c'"):
        tensorir.build(tensorir.parse(MODULE)).save(tmp_path / "x.c")


def test_equal_text_is_compiled_once_even_by_many_at_once(cache):
    text, options = "int forty_two(void) { return 42; }", compiler.flags(tensorir.Target("c"), 0)
    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(lambda _: compiler.compiled(text, options), range(4)))
    assert [p for p in cache.rglob("*") if p.is_file()] == list(made)
    stamp = next(iter(made)).stat().st_mtime_ns
    assert compiler.compiled(text, options).stat().st_mtime_ns == stamp
    assert compiler.compiled(text, (*options, "-O1")) not in made


def test_what_nobody_asks_for_is_removed_in_the_end(cache):
    def compiled(value):
        return compiler.compiled(f"int f(void) {{ return {value}; }}", ("-fPIC",))

    asked, forgotten = compiled(1), compiled(2)
    for file in (asked, forgotten):
        os.utime(file.parent, (0, 0))
    compiled(1)
    _sweep.cache_clear()  # as in another process
    compiled(3)
    assert asked.exists()
    assert not forgotten.exists()


def test_a_missing_compiler_is_named(monkeypatch, cache):
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(BuildError, match="'no-such-compiler', which CC names, is not on the path; install gcc"):
        tensorir.build(tensorir.parse(MODULE), "c")


def test_flags_reach_the_compiler(cache):
    with pytest.raises(BuildError, match=r"the C compiler refuses the code: .*no-such-flag"):
        tensorir.build(tensorir.parse(MODULE), "c", flags=("--no-such-flag",))
    with pytest.raises(BuildError, match="takes none"):
        tensorir.build(tensorir.parse(MODULE), flags=("-O1",))
    assert shutil.which(compiler.CC.command()[0])
