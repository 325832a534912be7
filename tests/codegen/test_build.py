"""Building and calling: modules, arguments, errors of running programs, parallel loops, sources, timing."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from tensorir import Target, build, parse
from tensorir.tir.errors import BuildError, CallError, LowerError, RunError, UserError

from .compilers import needs_compiler
from .workloads import PROGRAMS

MODULE = """
@I.ir_module
class Module:
    @T.prim_func
    def scale(a: T.handle, f: T.float32):
        n = T.int32()
        A = T.match_buffer(a, (n,), "float32")
        for i in range(n):
            with T.block("A"):
                vi = T.axis.spatial(n, i)
                A[vi] = A[vi] * f

    @T.prim_func
    def twice(a: T.handle, h: T.float16, s: T.int32):
        n = T.int32()
        A = T.match_buffer(a, (n,), "float32")
        Module.scale(A.data, T.Cast("float32", h))
        for i in range(n):
            A[i] = A[i] + T.Cast("float32", 10 // s)

    @T.prim_func
    def total(x: T.int32, y: T.bfloat16) -> T.float64:
        T.ret(T.Cast("float64", x) + T.Cast("float64", y))

    @T.prim_func
    def total_of(x: T.int32) -> T.float64:
        T.ret(T.call_function("float64", "total", x, T.bfloat16(0.5)))
"""


def test_functions_of_a_module_call_each_other():
    mod = build(parse(MODULE))
    assert list(mod) == ["scale", "twice", "total", "total_of"]
    a = np.arange(5, dtype=np.float32)
    mod["scale"](a, 2.0)
    np.testing.assert_array_equal(a, [0, 2, 4, 6, 8])
    mod["twice"](a, 0.5, 3)
    np.testing.assert_array_equal(a, [3, 4, 5, 6, 7])
    assert mod["total"](3, 0.25) == 3.25
    assert mod["total_of"](4) == 4.5


def test_a_module_without_main_has_no_default_function():
    mod = build(parse(MODULE))
    with pytest.raises(UserError, match="none of them 'main': scale, twice, total"):
        mod(1)
    with pytest.raises(UserError, match="no function 'scal'; it has 'scale', 'twice'"):
        mod["scal"]


def test_an_error_in_a_called_function_reaches_the_caller():
    mod = build(parse(MODULE))
    with pytest.raises(RunError, match="twice: division by zero"):
        mod["twice"](np.zeros(3, np.float32), 1.0, 0)


ASSERTING = """
@T.prim_func
def main(A: T.Buffer((64,), "int32"), B: T.Buffer((64,), "int32")):
    for i in T.{kind}(64):
        with T.block("B"):
            vi = T.axis.spatial(64, i)
            t = T.alloc_buffer((400000,), "int32")
            t[A[vi]] = A[vi]
            T.Assert(A[vi] < 50, "a number is too large")
            B[vi] = t[A[vi]]
"""


@pytest.mark.parametrize("kind", ("serial", "parallel"))
def test_an_assert_stops_the_program_and_frees_its_memory(kind):
    mod = build(parse(ASSERTING.format(kind=kind)))
    a, b = np.arange(64, dtype=np.int32) % 50, np.zeros(64, np.int32)
    mod(a, b)
    np.testing.assert_array_equal(a, b)
    a[33] = 50
    for _ in range(300):  # 480 MB, if it were not freed
        with pytest.raises(RunError, match="a number is too large"):
            mod(a, b)


def test_a_temporary_there_is_no_memory_for_is_an_error():
    mod = build(
        parse("""
@T.prim_func
def main(n: T.int64, B: T.Buffer((1,), "float32")):
    t = T.alloc_buffer((n,), "float32")
    for i in range(2):
        t[T.Cast("int64", i) * (n - T.int64(1))] = T.float32(1)
    B[0] = t[T.int64(0)] + t[n - T.int64(1)]
""")
    )
    out = np.zeros(1, np.float32)
    mod(10, out)
    assert out[0] == 2
    with pytest.raises(MemoryError):
        mod(1 << 55, out)


def test_programs_run_in_several_python_threads_at_once():
    text, arguments = PROGRAMS["tiled"]
    mod = build(parse(text))
    want = arguments()
    mod(*want)
    results = [arguments() for _ in range(8)]

    def work(arrays):
        for _ in range(50):
            mod(*arrays)

    threads = [threading.Thread(target=work, args=(r,)) for r in results]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((r[2] == want[2]).all() for r in results)


NESTED = """
@T.prim_func
def main(A: T.Buffer((8, 9, 10), "int64"), n: T.int32):
    for i in T.parallel(8):
        x: T.int64 = T.Cast("int64", i * n)
        for j in T.parallel(9):
            for k in T.vectorized(10):
                with T.block("A"):
                    vi, vj, vk = T.axis.remap("SSS", [i, j, k])
                    A[vi, vj, vk] = x + T.Cast("int64", vj * vk)
"""


def test_parallel_loops_nest_and_capture_what_they_use():
    a = np.zeros((8, 9, 10), np.int64)
    build(parse(NESTED))(a, 7)
    i, j, k = np.indices(a.shape)
    np.testing.assert_array_equal(a, 7 * i + j * k)


SCATTER = """
@T.prim_func
def main(A: T.Buffer((16,), "int32"), B: T.Buffer((16,), "int32")):
    for i in T.{kind}(16):
        B[A[i]] = i
        B[i] = B[i] + A[i]
"""


@pytest.mark.parametrize("kind", ("serial", "vectorized", "unroll", "parallel"))
def test_sanitized_programs_stop_at_accesses_outside_of_a_buffer(kind):
    mod = build(parse(SCATTER.format(kind=kind)), sanitize=True)
    a, b = np.arange(16, dtype=np.int32), np.zeros(16, np.int32)
    mod(a, b)
    for outside in (-1, 16, 1 << 30):
        a[3] = outside
        with pytest.raises(RunError, match="an index is outside of buffer B"):
            mod(a, b)


def test_masked_lanes_may_be_outside_of_a_sanitized_buffer():
    text, arguments = PROGRAMS["padded"]
    want, got = arguments(), arguments()
    build(parse(text))(*want)
    build(parse(text), sanitize=True)(*got)
    np.testing.assert_array_equal(want[2], got[2])


def test_arguments_are_checked():
    text, arguments = PROGRAMS["matmul"]
    mod = build(parse(text))
    a, b, c = arguments()
    for wrong, message in (
        ((a, b), "3 arguments"),
        ((a, b.astype(np.float64), c), "`B`"),
        ((a, b, c[:, :31]), "shape"),
        ((a, b, "c"), "`C`"),
    ):
        with pytest.raises(CallError, match=message):
            mod(*wrong)
    c.flags.writeable = False
    with pytest.raises(CallError, match=r"`C`.*read-only"):
        mod(a, b, c)


def test_an_array_may_not_be_input_and_output_at_once():
    text, _ = PROGRAMS["tails"]
    a = np.zeros((5, 37), np.float32)
    with pytest.raises(CallError, match="share"):
        build(parse(text))(a, a)


def test_sources():
    mod = build(parse(PROGRAMS["tiled"][0]))
    assert "T.allocate" in mod.source("tir")
    assert "define i32" in mod.source() and "tir_parallel_for" in mod.source("llvm")
    assert "vfmadd" in Built.asm(Target("llvm", cpu="skylake-avx512"))
    with pytest.raises(UserError, match="no source in the form 'ptx'"):
        mod.source("ptx")


class Built:
    """Assembly for machines other than this one."""

    @staticmethod
    def asm(target):
        return build(parse(PROGRAMS["tiled"][0]), target).source("asm")


def test_code_for_another_machine_can_be_read_but_not_run():
    target = Target("llvm", cpu="neoverse-n1", triple="aarch64-unknown-linux-gnu")
    mod = build(parse(PROGRAMS["tiled"][0]), target)
    assert "fmla" in mod.source("asm")
    with pytest.raises(CallError, match="cannot run here"):
        mod(*PROGRAMS["tiled"][1]())


def test_a_program_bound_to_no_threads_is_refused_for_a_gpu():
    with pytest.raises(LowerError, match="bound to no threads"):
        build(parse(PROGRAMS["matmul"][0]), "cuda")


def test_a_called_function_that_is_not_there():
    with pytest.raises(LowerError, match="'total' is called, but the module has only 'total_of'"):
        build(parse(MODULE)["total_of"])


def test_time():
    text, arguments = PROGRAMS["matmul"]
    timing = build(parse(text)).time(*arguments(), repeats=7)
    assert len(timing.results) == 7
    assert 0 < timing.min <= timing.median
    assert "median of 7" in repr(timing)


FOREIGN = """
@T.prim_func
def main(A: T.Buffer((4,), "int32")):
    for i in range(4):
        A[i] = T.{call}
"""


@pytest.mark.parametrize(
    ("call", "value"),
    (
        ('call_extern("int32", "abs", A[i] - 5)', 4),
        ('call_llvm_intrin("int32", "llvm.ctlz.i32", A[i], False)', 31),
        ('call_llvm_pure_intrin("int32", "ctpop.i32", A[i] + 6)', 3),
    ),
)
def test_foreign_functions(call, value):
    a = np.ones(4, np.int32)
    build(parse(FOREIGN.format(call=call)))(a)
    np.testing.assert_array_equal(a, value)


@pytest.mark.parametrize(
    ("call", "message"),
    (
        ('call_extern("int32", "no such function", A[i])', "calls 'no such function', which is not in this process"),
        ('call_extern("int32", "llvm.trap")', "names an intrinsic of LLVM's"),
        ('call_llvm_intrin("int32", "llvm.nothing.i32", A[i])', "there is no such intrinsic"),
        ('call_llvm_intrin("int32", "llvm.ctpop.i32", A[i], A[i])', "incorrect"),
        ('call_llvm_intrin("int32", "llvm.ctlz.i32", A[i], A[i] > 0)', "immarg"),
        # LLVM aborts the process that meets this one.
        ('call_llvm_intrin("int32", "llvm.nvvm.read.ptx.sreg.tid.x")', "Cannot select"),
    ),
)
def test_foreign_functions_that_are_not_there(call, message):
    with pytest.raises(BuildError, match=message):
        build(parse(FOREIGN.format(call=call)))


@pytest.mark.parametrize("call", ("T.ret(0)", "T.break_loop()", "T.continue_loop()"))
def test_a_parallel_loop_cannot_be_left(call):
    func = parse(f"""
@T.prim_func
def main(A: T.Buffer((8,), "int32")):
    for i in T.parallel(8):
        if A[i] > 3:
            {call}
        A[i] = 1
""")
    with pytest.raises(LowerError, match="cannot leave the parallel loop"):
        build(func)


def test_a_wrong_array_beside_a_python_float_is_refused():
    mod = build(parse(MODULE))
    with pytest.raises(CallError, match="A"):
        mod["scale"](np.zeros(5), 1.0)


@pytest.mark.parametrize("target", ("llvm", pytest.param("c", marks=needs_compiler)))
def test_a_result_and_a_symbolic_extent_go_together(target):
    text = """
@T.prim_func
def total(a: T.handle) -> T.float32:
    n = T.int32()
    A = T.match_buffer(a, (n,), "float32")
    s = T.alloc_buffer((1,), "float32")
    s[0] = T.float32(0)
    for i in range(n):
        s[0] = s[0] + A[i]
    T.ret(s[0])
"""
    assert build(parse(text), target)(np.ones(10, np.float32)) == 10


@pytest.mark.parametrize(("level", "said"), [(4, "int 4"), (None, "None"), ("fast", "str 'fast'")])
@pytest.mark.parametrize("target", ["llvm", "c"])
def test_an_unknown_level_is_refused(target, level, said):
    program = parse(next(iter(PROGRAMS.values()))[0])
    with pytest.raises(UserError, match=f"^the optimisation level is 0, 1, 2 or 3, got {said}$"):
        build(program, target, opt=level)
