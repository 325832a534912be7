"""Stores past the caches: which are made so, that memory holds the same, and that threads see it."""

from __future__ import annotations

import numpy as np
import pytest
from tensorir import Schedule, Target, build, lower, parse
from tensorir.codegen.interpreter import run

from .compilers import needs_compiler

N = 4 * 1024

TEXT = """
@T.prim_func
def main(A: T.Buffer(({size},), "{dtype}"), B: T.Buffer(({size},), "{dtype}")):
    for i in range({size}):
        with T.block("B"):
            vi = T.axis.spatial({size}, i)
            B[vi] = A[vi]
"""


def scheduled(size=N, dtype="float32", lanes=16, *, on="block"):
    sch = Schedule(parse(TEXT.format(size=size, dtype=dtype)))
    block = sch.get_block("B")
    outer, middle, lane = sch.split(sch.get_loops(block)[0], [None, 4, lanes])
    sch.parallel(outer)
    sch.vectorize(lane)
    sch.annotate({"block": block, "loop": middle, "lane": lane}[on], "pragma_nontemporal", 1)
    return sch.mod


def placed(array, offset):
    """A copy of the array that begins `offset` bytes behind a multiple of 64."""
    memory = np.zeros(array.nbytes + 192, np.uint8)
    begin = -memory.ctypes.data % 64 + offset
    out = memory[begin : begin + array.nbytes].view(array.dtype)
    out[...] = array
    return out


@pytest.mark.parametrize("target", ("llvm", "c"))
@pytest.mark.parametrize("dtype", ("float32", "float64", "int8", "float16"))
def test_copies(target, dtype):
    f = build(scheduled(dtype=dtype, lanes=64 // np.dtype(dtype).itemsize), target=target)
    a = (np.arange(N) % 100).astype(dtype)
    for offset in (0, np.dtype(dtype).itemsize, 32):
        b = placed(np.zeros(N, dtype), offset)
        f(a, b)
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("on", ("block", "loop", "lane"))
def test_wherever_it_is_asked_for(on):
    module = scheduled(on=on)
    assert module["main"] is not None and "pragma_nontemporal" in lower(module).script()
    text = build(module).source()
    assert text.count("!nontemporal") == 1 and "align 64, !nontemporal" in text
    # A path for addresses that are no multiples of a vector; both wait for their stores at the end.
    assert text.count("store <16 x float>") == 2 and "sfence" in text
    assert "vmovnt" in build(module, target=Target("llvm", cpu="znver4")).source("asm")


def test_the_choice_is_made_outside_of_the_loops():
    text = build(scheduled()).source()
    assert text.index("and i64") < text.index("call i32 @tir_parallel_for") and text.count("and i64") == 1


def test_not_asked_for():
    for module in (scheduled(), Schedule(parse(TEXT.format(size=N, dtype="float32"))).mod):
        off = parse(
            module.script()
            .replace('"pragma_nontemporal": 1', '"pragma_nontemporal": 0')
            .replace('"pragma_nontemporal", 1', '"pragma_nontemporal", 0')
        )
        text = build(off).source()
        assert "nontemporal" not in text and "sfence" not in text


@pytest.mark.parametrize(
    "store",
    (
        pytest.param("B[i * 17 + j] = A[j]", id="rows that begin anywhere"),
        pytest.param("B[j * 16 + i] = A[j]", id="elements apart"),
        pytest.param("B[15 - j] = A[j]", id="backwards"),
    ),
)
def test_what_cannot(store):
    text = f"""
@T.prim_func
def main(A: T.Buffer((16,), "float32"), B: T.Buffer((272,), "float32")):
    for i in T.serial(16, annotations={{"pragma_nontemporal": 1}}):
        for j in T.vectorized(16):
            {store}
"""
    program = parse(text)
    assert "!nontemporal" not in build(program).source()
    a = np.random.default_rng(0).random(16, np.float32)
    got, want = np.zeros(272, np.float32), np.zeros(272, np.float32)
    build(program)(a, got)
    run(program, a, want)
    np.testing.assert_array_equal(got, want)


def test_a_known_alignment_needs_no_choice():
    text = TEXT.format(size=N, dtype="float32").replace('"float32"))', '"float32", align=64))')
    sch = Schedule(parse(text))
    block = sch.get_block("B")
    _, lane = sch.split(sch.get_loops(block)[0], [None, 16])
    sch.vectorize(lane)
    sch.annotate(block, "pragma_nontemporal", 1)
    text = build(sch.mod).source()
    assert "!nontemporal" in text and text.count("store <16 x float>") == 1


def test_temporaries_of_the_stack_stay_in_the_cache():
    program = parse("""
@T.prim_func
def main(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
    C = T.alloc_buffer((64,), "float32")
    for i in T.vectorized(64, annotations={"pragma_nontemporal": 1}):
        C[i] = A[i] + T.float32(1)
    for i in range(64):
        B[i] = C[63 - i]
""")
    assert "!nontemporal" not in build(program).source()


@pytest.mark.parametrize("target", ("llvm", "c"))
def test_other_threads_see_what_was_stored(target):
    """One parallel loop writes, the next one, cut differently, reads."""
    program = parse(f"""
@T.prim_func
def main(A: T.Buffer(({N},), "float32"), B: T.Buffer(({N},), "float32")):
    C = T.alloc_buffer(({64 * N},), "float32")
    for i in T.parallel(64, annotations={{"pragma_nontemporal": 1}}):
        for j in range({N // 16}):
            for k in T.vectorized(16):
                C[i * {N} + j * 16 + k] = A[j * 16 + k] + T.float32(1)
    for j in T.parallel({N}):
        B[j] = T.float32(0)
        for i in range(64):
            B[j] = B[j] + C[i * {N} + j]
""")
    f = build(program, target=target)
    assert ("!nontemporal" if target == "llvm" else "tir_stream") in f.source()
    a = np.arange(N, dtype=np.float32)
    for _ in range(20):
        b = np.zeros(N, np.float32)
        f(a, b)
        np.testing.assert_array_equal(b, 64 * (a + 1))


def test_arm_text_has_pairs_and_no_fence():
    asm = build(scheduled(), target=Target("llvm", triple="aarch64-linux-gnu", cpu="neoverse-n1")).source("asm")
    assert "stnp" in asm and "sfence" not in asm


@needs_compiler
def test_c_without_wide_registers():
    text = build(scheduled(), target=Target("c", cpu="x86-64", vector_bits=128)).source()
    assert "16)" in next(line for line in text.splitlines() if "tir_stream(" in line and "static" not in line)
