"""Compiling, loading, reading back and freeing LLVM IR."""

import ctypes
import gc
import os
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest
import tensorir
from tensorir import T
from tensorir.codegen.runtime import jit

CALLER = """
declare i32 @helper(i32)
define i32 @caller(i32 %x) {
  %y = call i32 @helper(i32 %x)
  %z = add i32 %y, 1
  ret i32 %z
}
"""
HELPER = "define i32 @helper(i32 %x) { %y = mul i32 %x, 10 ret i32 %y }"
INT_TO_INT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)


def test_texts_are_linked_and_inlined() -> None:
    code = jit.compile([CALLER, HELPER])
    assert set(code.exports) == {"caller", "helper"}
    assert code.imports == ()
    library = jit.load(code)
    assert INT_TO_INT(library["caller"])(4) == 41
    assert "call i32" not in jit.optimized([CALLER, HELPER])


def test_symbols_link_to_given_addresses_and_to_the_process() -> None:
    helper = jit.load(jit.compile(HELPER))
    caller = jit.load(jit.compile(CALLER), {"helper": helper["helper"]})
    assert INT_TO_INT(caller["caller"])(5) == 51
    libc = jit.load(jit.compile("declare i32 @abs(i32)\n" + CALLER.replace("helper", "abs").split("\n", 2)[2]))
    assert INT_TO_INT(libc["caller"])(-5) == 6


def test_code_is_plain_data_that_loads_more_than_once() -> None:
    code = jit.compile(HELPER)
    again = jit.Code(bytes(code.object), code.exports, code.imports)
    libraries = [jit.load(c) for c in (code, code, again)]
    assert [INT_TO_INT(library["helper"])(3) for library in libraries] == [30, 30, 30]


def test_globals_and_constant_data() -> None:
    text = """
@table = constant [3 x double] [double 1.5, double 2.5, double 3.5]
define double @pick(i64 %i) { %p = getelementptr double, ptr @table, i64 %i %v = load double, ptr %p ret double %v }
"""
    library = jit.load(jit.compile(text))
    assert ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int64)(library["pick"])(2) == 3.5
    assert list((ctypes.c_double * 3).from_address(library["table"])) == [1.5, 2.5, 3.5]


def test_inline_assembly_compiles() -> None:
    jit.compile('define void @f() { call void asm sideeffect "nop", ""() ret void }')


@pytest.mark.parametrize("switch", ["loop_vectorize", "slp_vectorize", "unroll", "interleave"])
def test_switches_reach_the_optimiser(switch: str) -> None:
    lanes = "\n".join(
        f"  %p{i} = getelementptr float, ptr %a, i64 {i}\n  %v{i} = load float, ptr %p{i}\n"
        f"  %w{i} = fmul float %v{i}, %v{i}\n  store float %w{i}, ptr %p{i}"
        for i in range(8)
    )
    text = f"""
define void @straight(ptr %a) {{
{lanes}
  ret void
}}
define void @loop(ptr %a, i64 %n) {{
entry:
  br label %body
body:
  %i = phi i64 [ 0, %entry ], [ %j, %body ]
  %p = getelementptr float, ptr %a, i64 %i
  %v = load float, ptr %p
  %w = fmul float %v, %v
  store float %w, ptr %p
  %j = add i64 %i, 1
  %more = icmp ult i64 %j, %n
  br i1 %more, label %body, label %out
out:
  ret void
}}
define i64 @serial(i64 %x) {{
entry:
  br label %body
body:
  %i = phi i64 [ 0, %entry ], [ %j, %body ]
  %v = phi i64 [ %x, %entry ], [ %w, %body ]
  %s = lshr i64 %v, 7
  %t = mul i64 %s, %v
  %w = xor i64 %t, %i
  %j = add i64 %i, 1
  %more = icmp ult i64 %j, 64
  br i1 %more, label %body, label %out
out:
  ret i64 %w
}}
"""
    on = jit.optimized(text)
    off = jit.optimized(text, jit.Options(**{switch: False}))
    assert on != off


def test_optimisation_level_0_leaves_the_text_alone() -> None:
    assert "call i32 @helper" in jit.optimized([CALLER, HELPER], jit.Options(opt=0))


def test_assembly_for_other_machines() -> None:
    text = jit.assembly(HELPER, jit.Options(triple="aarch64-unknown-linux-gnu", cpu="neoverse-n1"))
    assert "w0" in text
    assert "ret" in text
    assert "helper:" in jit.assembly(HELPER)


def test_a_library_lives_as_long_as_it_is_held() -> None:
    library = jit.load(jit.compile(HELPER))
    gone = weakref.ref(library)
    del library
    gc.collect()
    assert gone() is None


def test_many_threads_compile_at_once() -> None:
    results: list[int] = []

    def work(number: int) -> None:
        for _ in range(3):
            library = jit.load(jit.compile(HELPER.replace("10", str(number))))
            results.append(INT_TO_INT(library["helper"])(1) - number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [0] * 24


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's account of memory")
def test_compiling_and_loading_give_back_their_memory():
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    for count in (30, 100):
        before = resident()
        for _ in range(count):
            jit.load(jit.compile(HELPER))
    assert resident() - before < 100 * 30_000


@T.prim_func
def each_21_times(A: T.Buffer((4, 4), "int8"), Y: T.Buffer((4, 4), "int8")):
    X = T.alloc_buffer((4, 4), "int8")
    for j, i_1, i_0, k in T.grid(4, 3, 2, 21):
        with T.block("X"):
            vi = T.axis.spatial(4, i_0 * 3 + i_1)
            vj = T.axis.spatial(4, j)
            vk = T.axis.reduce(21, k)
            T.where(i_0 * 3 + i_1 < 4)
            with T.init():
                X[vi, vj] = T.int8(0)
            X[vi, vj] = X[vi, vj] + A[vi, vj]
    for j, i in T.grid(4, 4):
        with T.block("Y"):
            vi, vj = T.axis.remap("SS", [i, j])
            Y[vi, vj] = X[vi, vj]


@pytest.mark.parametrize("cpu", ["znver4", "skylake-avx512"])
def test_what_the_optimiser_breaks_is_optimised_less(cpu: str) -> None:
    # LLVM 22 vectorises straight-line code here so that values are used before they are computed.
    assert "each_21_times:" in tensorir.build(each_21_times, f"llvm -mcpu={cpu}").source("asm")


def test_what_the_optimiser_breaks_computes_the_same() -> None:
    a = np.arange(-100, 100, 13, dtype=np.int8).reshape(4, 4)
    y = np.empty_like(a)
    tensorir.build(each_21_times)(a, y)
    np.testing.assert_array_equal(y, (a.astype(int) * 21).astype(np.int8))
