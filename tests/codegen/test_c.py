"""The C backend on whole programs: what a build computes is what the interpreter does; its text; its sanitized form."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tensorir import Schedule, build, parse
from tensorir.codegen import interpreter
from tensorir.codegen.c import compiler
from tensorir.tir.errors import RunError

from ..schedule.walks import walk
from ..strategies import programs
from .compilers import needs_compiler
from .test_build import ASSERTING
from .workloads import PROGRAMS

pytestmark = needs_compiler
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)


def assert_equal(mod, func, arrays):
    """Run both ways; a bit may differ only in floats, and those by what a sum of lanes rounds."""
    want, got = ([a.copy() if a.flags.c_contiguous else a for a in arrays] for _ in range(2))
    interpreter.run(func, *want)
    build(mod, "c", opt=0)(*got)
    for a, b in zip(want, got):
        if a.dtype.kind in "iub":
            np.testing.assert_array_equal(a, b)
        else:
            np.testing.assert_allclose(b.astype("f8"), a.astype("f8"), rtol=1e-4, atol=1e-5, equal_nan=True)


@pytest.mark.parametrize("name", PROGRAMS)
def test_workloads(name):
    text, arrays = PROGRAMS[name]
    func = parse(text)
    assert_equal(func, func, arrays())


@settings(max_examples=12, deadline=None, phases=PHASES)
@given(program=programs(), seed=st.integers(0, 2**32))
def test_scheduled_random_programs(program, seed):
    sch = Schedule(program, seed=0)
    walk(sch, seed, 5)
    sch.verify(trials=1, seed=seed % 1000, backend="c")


@pytest.mark.fuzz
@settings(max_examples=3000, deadline=None)
@given(program=programs(), seed=st.integers(0, 2**32), steps=st.integers(0, 20))
def test_many_scheduled_random_programs(program, seed, steps):
    sch = Schedule(program, seed=0)
    walk(sch, seed, steps)
    sch.verify(trials=1, seed=seed % 1000, backend="c")


@pytest.mark.parametrize("kind", ("serial", "parallel"))
def test_an_assert_stops_the_program_and_frees_its_memory(kind):
    mod = build(parse(ASSERTING.format(kind=kind)), "c")
    a, b = np.arange(64, dtype=np.int32) % 50, np.zeros(64, np.int32)
    mod(a, b)
    np.testing.assert_array_equal(a, b)
    a[33] = 50
    for _ in range(300):  # 480 MB, if it were not freed
        with pytest.raises(RunError, match="a number is too large"):
            mod(a, b)


def test_sanitized_code_names_the_buffer():
    func = parse("""
@T.prim_func
def main(I: T.Buffer((8,), "int32"), B: T.Buffer((8,), "int32")):
    for i in range(8):
        B[I[i]] = i
""")
    mod = build(func, "c", sanitize=True)
    index, out = np.arange(8, dtype=np.int32), np.zeros(8, np.int32)
    mod(index, out)
    index[3] = 8
    with pytest.raises(RunError, match="an index is outside of buffer B"):
        mod(index, out)


def test_names_and_blocks_are_kept():
    text = build(parse(PROGRAMS["matmul"][0]), "c").source()
    assert "/* block C */" in text
    assert "for (int32_t i" in text


RUN = """
import sys
from pathlib import Path
import numpy as np
from tensorir import load
for library in map(Path, sys.argv[1:]):
    load(library)(*[np.load(f) for f in sorted(library.parent.glob(f"{library.stem}-*.npy"))])
"""


def test_a_program_runs_clean_under_address_and_undefined_behaviour_sanitizers(tmp_path):
    flags = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g")
    runtime = subprocess.run([*compiler.CC.command(), "-print-file-name=libasan.so"], capture_output=True, text=True)
    library = runtime.stdout.strip()
    if not os.path.isabs(library):
        pytest.skip(f"the compiler has no address sanitizer: {library}")
    libraries = []
    for name in ("matmul", "tiled", "tails", "padded", "views", "control", "masks"):
        text, arrays = PROGRAMS[name]
        source = tmp_path / f"{name}.c"
        source.write_text(emitted(text))
        libraries.append(str(source.with_suffix(".so")))
        compiler.invoke(source, source.with_suffix(".so"), [*compiler.FLAGS, *flags])
        for k, a in enumerate(arrays()):
            np.save(tmp_path / f"{name}-{k}.npy", a)
    environment = {**os.environ, "LD_PRELOAD": library, "ASAN_OPTIONS": "detect_leaks=0"}
    command = [sys.executable, "-c", RUN, *libraries]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=100)
    assert done.returncode == 0, done.stderr


def emitted(text):
    """The C text of a program."""
    from tensorir import Target, lower
    from tensorir.codegen.c.module import emit
    from tensorir.tir.function import as_module

    module = as_module(parse(text))
    return emit(lower(module, "c"), Target("c"), module).text
