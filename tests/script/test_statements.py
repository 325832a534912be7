"""The language's surface: every construct, read both ways, printed in the one canonical form."""

from textwrap import dedent, indent

import numpy as np
import pytest
import tensorir
from tensorir.codegen.interpreter import run
from tensorir.tir.stmt import BlockRealize, Evaluate, For
from tensorir.tir.visit import walk

from .both_ways import both_ways

SIGNATURE = 'A: T.Buffer((16, 16), "float32"), B: T.Buffer((16,), "int32"), p: T.handle, n: T.int32'


def body(text: str) -> str:
    """The canonical text of a function's body, read both ways."""
    program = f"@T.prim_func\ndef main({SIGNATURE}):\n{indent(dedent(text).strip(), '    ')}\n"
    printed = both_ways(program).script().rstrip("\n")
    lines = printed.split("\n")
    header = next(i for i, line in enumerate(lines) if line.endswith(":") and not line.startswith("        "))
    return dedent("\n".join(lines[header + 1 :])).strip()


def canonical(text: str, expected: str | None = None) -> None:
    assert body(text) == dedent(text if expected is None else expected).strip()


def test_the_helper_shows_what_it_is_given() -> None:
    assert body("B[0] = 1") == "B[0] = 1"


def test_loops() -> None:
    canonical(
        """
        for i, j in T.grid(4, n):
            for k in range(2, n):
                B[i + j + k] = k
        for i in T.serial(8, annotations={"note": [1, "two", {"three": 3.5}]}):
            for j in T.parallel(2, 4):
                for k in T.vectorized(4):
                    for l in T.unroll(4):
                        B[i] = j
        for tx in T.thread_binding(4, thread="threadIdx.x"):
            B[tx] = 0
        """
    )


@pytest.mark.parametrize(
    "written, canonical_form",
    [
        ("range(0, 8)", "range(8)"),
        ("range(8,)", "range(8)"),
        ("range(2, n + 2)", "range(2, n + 2)"),
        ("T.serial(0, 8)", "range(8)"),
        ("T.serial(0, stop=8)", "range(8)"),
        ("T.grid(8)", "range(8)"),
        ("T.grid((2, 8))", "range(2, 10)"),
        ("T.parallel(8, step=1)", "T.parallel(8)"),
        ("T.serial(8, unroll=2)", 'T.serial(8, annotations={"pragma_unroll": 2})'),
        ("T.thread_binding(0, 8, 'threadIdx.y')", 'T.thread_binding(8, thread="threadIdx.y")'),
        ("range(1, T.int64(9))", "range(T.int64(1), T.int64(9))"),
    ],
)
def test_spellings_of_a_loop(written: str, canonical_form: str) -> None:
    canonical(f"for i in {written}:\n    B[0] = 1", f"for i in {canonical_form}:\n    B[0] = 1")


def test_a_loop_with_a_step_runs_over_its_steps() -> None:
    canonical("for i in T.unroll(2, 9, step=3):\n    B[i] = 1", "for i in T.unroll(3):\n    B[2 + i * 3] = 1")
    canonical("for i in range(0, n, 4):\n    B[i] = 1", "for i in range((n + 3) // 4):\n    B[i * 4] = 1")


@pytest.mark.parametrize("step", [1, 2, 3, 7, -1, -2, -5])
def test_what_a_loop_with_a_step_comes_to_is_what_python_does(step: int) -> None:
    header = "@T.prim_func\ndef main(A: T.Buffer((12,), 'int32'), n: T.int32):\n"
    for begin in range(0, 12, 3):
        for end in (0, 5, 11):
            constant = tensorir.parse(f"{header}    for i in range({begin}, {end}, {step}):\n        A[i] = i + 1")
            given = tensorir.parse(f"{header}    for i in range({begin}, n, {step}):\n        A[i] = i + 1")
            expected = np.zeros(12, "int32")
            expected[list(range(begin, end, step))] = [i + 1 for i in range(begin, end, step)]
            for program in (constant, given):
                came = np.zeros(12, "int32")
                run(program, came, end)
                np.testing.assert_array_equal(came, expected)


def test_one_name_for_several_loops_is_a_tuple() -> None:
    canonical(
        "for ij in T.grid(4, 4):\n    A[ij] = 1.0", "for ij_0, ij_1 in T.grid(4, 4):\n    A[ij_0, ij_1] = T.float32(1)"
    )


def test_the_older_thread_launch() -> None:
    canonical(
        'with T.launch_thread("blockIdx.x", 4) as bx:\n    B[bx] = 1',
        'for bx in T.thread_binding(4, thread="blockIdx.x"):\n    B[bx] = 1',
    )


def test_control_flow() -> None:
    canonical(
        """
        if n > 3:
            B[0] = 1
        elif n > 2:
            B[0] = 2
        elif n > 1:
            B[0] = 3
        else:
            B[0] = 4
        while B[0] < 10:
            B[0] = B[0] + 1
            if B[0] == 5:
                T.continue_loop()
            T.break_loop()
        assert n > 0, "n is positive"
        T.ret(n)
        """
    )


def test_break_continue_return_and_pass_are_pythons_own_words() -> None:
    canonical(
        """
        for i in range(4):
            if n > i:
                break
            else:
                continue
            pass
        T.Assert(n > 0, "positive")
        assert n > 1
        return n
        """,
        """
        for i in range(4):
            if n > i:
                T.break_loop()
            else:
                T.continue_loop()
        assert n > 0, "positive"
        assert n > 1, "assertion failed"
        T.ret(n)
        """,
    )


def test_an_empty_function_does_nothing() -> None:
    canonical("pass", "T.evaluate(0)")
    canonical('"""Only words."""\n...', "T.evaluate(0)")


def test_lets() -> None:
    canonical(
        """
        x: T.int32 = n + 1
        y: T.float32 = A[0, 0]
        z: T.int64 = T.int64(3)
        B[x] = T.Cast("int32", y + T.Cast("float32", z))
        """
    )
    canonical(
        """
        x = n + 1
        y = T.let(n)
        z: T.let[T.int32] = n
        v = T.bind(x)
        with T.LetStmt(n * 2) as w:
            B[0] = w
        u = T.int32()
        with T.let(u, n - 1):
            B[u] = x + y + z + v
        """,
        """
        x: T.int32 = n + 1
        y: T.int32 = n
        z: T.int32 = n
        v: T.int32 = x
        with T.LetStmt(n * 2) as w:
            B[0] = w
        u: T.int32 = n - 1
        B[u] = x + y + z + v
        """,
    )


def test_a_plain_number_is_a_constant_and_a_typed_one_a_variable() -> None:
    canonical("x = 3\nB[x] = x * 2 + n", "B[3] = 6 + n")
    canonical("x: T.int32 = 3\nB[x] = x * 2 + n")
    canonical("x = T.meta_var(n + 1)\nB[x] = x", "B[n + 1] = n + 1")


def test_augmented_assignments() -> None:
    canonical(
        "B[0] += 1\nB[1] -= n\nB[2] *= 3\nB[3] //= 2\nB[4] %= 2\nA[0, 0] /= 2\nB[5] <<= 1\nB[6] |= n",
        """
        B[0] = B[0] + 1
        B[1] = B[1] - n
        B[2] = B[2] * 3
        B[3] = B[3] // 2
        B[4] = B[4] % 2
        A[0, 0] = A[0, 0] / T.float32(2)
        B[5] = B[5] << 1
        B[6] = B[6] | n
        """,
    )


def test_several_targets() -> None:
    canonical("x, y = n, n + 1\nB[x] = y", "x: T.int32 = n\ny: T.int32 = n + 1\nB[x] = y")
    canonical("B[0] = B[1] = n", "B[0] = n\nB[1] = n")


def test_values_take_the_type_of_what_they_are_stored_to() -> None:
    canonical("A[0, 0] = 1\nB[0] = True", "A[0, 0] = T.float32(1)\nB[0] = 1")


def test_vectors() -> None:
    canonical(
        """
        A[0, 0:4] = A[1, 4:8] + T.Broadcast(T.float32(1), 4)
        A[1, T.Ramp(0, 2, 4)] = A[n, n : n + 4]
        B[0:4] = T.Shuffle([B[0:4], B[4:8]], [0, 2, 4, 6])
        A.vstore([0, T.Ramp(0, 1, 4)], A[0, 0:4], predicate=B[0:4] < T.Broadcast(3, 4))
        A[0, 0:4] = A.vload([n, T.Ramp(0, 1, 4)], predicate=B[0:4] < T.Broadcast(3, 4))
        """,
    )
    canonical(
        "A[0, 0:8:2] = 1.0\nA[0, T.ramp(0, 1, 4)] = A[0, 0]\nB[0:4] = B[0:4] + 1",
        """
        A[0, T.Ramp(0, 2, 4)] = T.Broadcast(T.float32(1), 4)
        A[0, 0:4] = T.Broadcast(A[0, 0], 4)
        B[0:4] = B[0:4] + T.Broadcast(1, 4)
        """,
    )


def test_vload_of_a_vector_type_takes_the_elements_that_follow() -> None:
    canonical("A[0, 0:4] = A.vload([n, 4], 'float32x4')", "A[0, 0:4] = A[n, 4:8]")
    canonical("B[0] = B.vload([n], dtype='int32')", "B[0] = B[n]")
    canonical(
        "T.evaluate(A.vload([n, 0], 'float32x32'))",
        """
        T.evaluate(
            A[
                T.Broadcast(n, 32) + T.Ramp(0, 1, 32) // T.Broadcast(16, 32),
                T.Ramp(0, 1, 32) % T.Broadcast(16, 32),
            ]
        )
        """,
    )


BLOCK = """
for i, j in T.grid(16, 16):
    with T.block("C"):
        vi, vj = T.axis.remap("SS", [i, j])
        T.reads(A[vi, vj])
        T.writes(A[vi, vj])
        A[vi, vj] = A[vi, vj] + T.float32(1)
"""


def test_a_block() -> None:
    canonical(BLOCK)


@pytest.mark.parametrize(
    "axes",
    [
        "vi = T.axis.spatial(16, i)\n        vj = T.axis.spatial(16, j)",
        "vi = T.axis.S(16, i)\n        vj = T.axis.S((0, 16), j)",
        "vi, vj = T.axis.spatial(16, i), T.axis.spatial(16, j)",
        'vi = T.axis.remap("S", [i])\n        vj = T.axis.spatial(T.int32(16), j)',
    ],
)
def test_spellings_of_axes(axes: str) -> None:
    canonical(BLOCK.replace('vi, vj = T.axis.remap("SS", [i, j])', axes), BLOCK)


def test_reads_and_writes_are_found_where_they_are_not_written() -> None:
    without = "\n".join(line for line in BLOCK.splitlines() if "T.reads" not in line and "T.writes" not in line)
    canonical(without, BLOCK)
    canonical(BLOCK.replace("        T.reads(A[vi, vj])\n", ""), BLOCK)


def test_names_of_newer_tvm() -> None:
    newer = BLOCK.replace("T.block(", "T.sblock(")
    canonical(newer, BLOCK)


def test_everything_in_a_block() -> None:
    canonical(
        """
        D = T.alloc_buffer((4, n), "float16", scope="shared")
        for i, j, k, l in T.grid(4, 4, 4, 4):
            with T.block("all"):
                vi = T.axis.spatial(16, i * 4 + j)
                vk = T.axis.reduce((1, 5), k + 1)
                vl = T.axis.scan(4, l)
                vo = T.axis.opaque(n, l)
                T.where(i * 4 + j < 15 and k < n)
                T.reads(A[vi, vk : vk + 4], B[0:n], D[0:4, vl])
                T.writes(A[vi, 0:16])
                T.block_attr({"double": True, "list": [1, 2, 3], "text": "\\"quoted\\""})
                E = T.alloc_buffer((4,), "int8")
                F = T.match_buffer(A[vi, 0:4], (4,), "float32")
                with T.init():
                    A[vi, vo] = T.float32(0)
                    A[vi, vl] = T.float32(0)
                F[0] = A[vi, vk] * T.Cast("float32", E[0])
        """
    )


def test_views_of_regions() -> None:
    canonical(
        """
        with T.block("opaque"):
            T.reads(A[0:4, 0:4])
            T.writes()
            V = T.match_buffer(A[0:4, 0:4], (4, 4), strides=[s0, s1], offset_factor=1)
            T.evaluate(T.call_extern("int32", "f", V.data, V.elem_offset, V.strides[0], s1))
        """,
        """
        with T.block("opaque"):
            T.reads(A[0:4, 0:4])
            T.writes()
            s0 = T.int32()
            s1 = T.int32()
            V_elem_offset = T.int32()
            V = T.match_buffer(
                A[0:4, 0:4],
                (4, 4),
                "float32",
                strides=[s0, s1],
                elem_offset=V_elem_offset,
                offset_factor=1,
            )
            T.call_extern("int32", "f", V.data, V_elem_offset, s0, s1)
        """,
    )


def test_a_view_of_a_region_has_its_shape_and_scope() -> None:
    canonical(
        """
        S = T.alloc_buffer((16,), "int8", scope="shared")
        with T.block("b"):
            T.reads()
            T.writes(S[0:4])
            V = T.match_buffer(S[0:4])
            V[0] = 1
        """,
        """
        S = T.alloc_buffer((16,), "int8", scope="shared")
        with T.block("b"):
            T.reads()
            T.writes(S[0:4])
            V = T.match_buffer(S[0:4], (4,), "int8", scope="shared")
            V[0] = T.int8(1)
        """,
    )


def test_allocations_and_declarations_after_lowering() -> None:
    canonical(
        """
        P = T.allocate((4, 4), "int32", scope="local", annotations={"k": 1})
        Q = T.decl_buffer((16,), "int32", data=P.data, scope="local")
        Q[0] = 1
        with T.attr(Q, "key", n):
            with T.attr(None, "other", 2):
                P[0, 0] = Q[0]
        """
    )
    canonical(
        """
        with T.allocate((4,)) as P:
            V = P.view(2, 2)
            V[0, 0] = 1
        T.attr({"key": 1})
        W = T.alloc_local((4,), "int8")
        W[0] = 0
        """,
        """
        with T.allocate((4,), "float32") as P:
            V = T.decl_buffer((2, 2), "float32", data=P.data)
            V[0, 0] = T.float32(1)
        with T.attr(None, "key", 1):
            W = T.allocate((4,), "int8", scope="local")
            W[0] = T.int8(0)
        """,
    )


def test_symbolic_shapes() -> None:
    program = both_ways(
        """
@T.prim_func
def f(a: T.handle, b: T.handle, k: T.int64):
    m = T.int32()
    A = T.match_buffer(a, (m, "n"), "float32", strides=("s", 1))
    B = T.match_buffer(b, (n, new, k), "float32", offset_factor=4)
    for i in range(m):
        A[i, 0] = B[0, 0, 0]
"""
    )
    a, b = program.buffers
    assert [str(e) for e in (*a.shape, *b.shape)] == ["m", "n", "n", "new", "k"]
    assert a.shape[1] is b.shape[0]
    assert b.shape[2] is program.params[2]
    assert b.elem_offset.name == "B_elem_offset"


def test_signatures() -> None:
    program = both_ways(
        """
@T.prim_func(private=True)
def f(A: T.Buffer(("n", 4), "float16", strides=["s", 1], scope="shared", align=64), n: T.int32, x: T.bfloat16,
      p: T.handle("float32", "local"), q: "T.handle", B: T.Buffer[(4,), "int8"], c: T.bool) -> T.float32:
    T.func_attr({"tir.noalias": True, "list": [1, 2]})
    T.ret(T.float32(x))
"""
    )
    assert [p.dtype for p in program.params] == ["handle", "int32", "bfloat16", "handle", "handle", "handle", "bool"]
    assert program.params[3].pointee == "float32"
    assert program.params[3].scope == "local"
    assert program.ret_type == "float32"
    assert "global_symbol" not in program.attrs
    assert program.attrs["list"] == (1, 2)
    assert program.buffers[0].shape[0] is program.params[1]


def test_modules_and_calls_between_functions() -> None:
    module = both_ways(
        """
@I.ir_module
class Math:
    I.module_attrs({"version": 3})

    @T.prim_func
    def main(A: T.Buffer((8,), "float32")):
        Math.scale(A.data, 2)
        self.scale(A.data, cls.count(1))
        A[0] = T.Cast("float32", Math.count(3) + T.call_function("int32", "count", 4))

    @T.prim_func
    def scale(a: T.handle, n: T.int32):
        A = T.match_buffer(a, (8,))
        A[0] = A[0] * n

    @T.prim_func(private=True)
    def count(n: T.int32) -> T.int32:
        T.ret(n)
"""
    )
    calls = [n.value for n in walk(module["main"]) if isinstance(n, Evaluate)]
    assert [c.dtype for c in calls] == ["void", "void"]
    assert calls[1].args[1].dtype == "int32"
    assert module.attrs["version"] == 3


def test_reducers() -> None:
    canonical(
        """
        for i in T.serial(4, annotations={"sum": T.comm_reducer(lambda x, y: x + y, [T.float32(0)])}):
            B[0] = 1
        """
    )
    canonical(
        """
        with T.attr(None, "k", 1):
            B[0] = 1
        argmax = T.comm_reducer(lambda i0, v0, i1, v1: (T.Select(v0 >= v1, i0, i1), T.max(v0, v1)), (0, T.float32(0)))
        T.block_attr({"argmax": argmax})
        """,
        """
        with T.block("root"):
            T.reads()
            T.writes()
            T.block_attr(
                {
                    "argmax": T.comm_reducer(
                        lambda i0, v0, i1, v1: (T.Select(v0 >= v1, i0, i1), T.max(v0, v1)),
                        [0, T.float32(0)],
                    )
                }
            )
            with T.attr(None, "k", 1):
                B[0] = 1
        """,
    )


def test_the_form_of_the_first_tensorir_tutorials() -> None:
    older = both_ways(
        """
@tir.prim_func
def mm(a: tir.handle, b: tir.handle, c: tir.handle) -> None:
    A = tir.match_buffer(a, [64, 32])
    B = tir.match_buffer(b, [32, 16])
    Y = tir.match_buffer(c, [64, 16])
    reducer = tir.comm_reducer(lambda x, y: x + y, tir.float32(0))
    for i, j, k in tir.grid(64, 16, 32):
        with tir.block([64, 16, tir.reduce_axis(0, 32)], "Y") as [vi, vj, vk]:
            tir.bind(vi, i)
            tir.bind(vj, j)
            tir.bind(vk, k)
            reducer.step(Y[vi, vj], A[vi, vk] * B[vk, vj])
"""
    )
    newer = both_ways(
        """
@T.prim_func
def mm(a: T.Buffer((64, 32)), b: T.Buffer((32, 16)), c: T.Buffer((64, 16))):
    for i, j, k in T.grid(64, 16, 32):
        with T.block("Y"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                c[vi, vj] = T.float32(0)
            c[vi, vj] = c[vi, vj] + a[vi, vk] * b[vk, vj]
"""
    )
    tensorir.assert_structural_equal(older, newer)


def test_the_root_block_is_made_where_there_are_blocks() -> None:
    assert body(BLOCK).startswith("for i, j")
    flat = both_ways("@T.prim_func\ndef f(A: T.Buffer((4,))):\n    A[0] = 1.0")
    assert flat.root is None
    blocks = both_ways("@T.prim_func\ndef f(A: T.Buffer((4,))):\n    with T.block('b'):\n        A[0] = 1.0\n")
    assert blocks.root.name_hint == "root"
    assert blocks.root.body.block.name_hint == "b"
    assert not blocks.root.reads
    assert not blocks.root.writes
    explicit = both_ways(
        """
@T.prim_func
def f(A: T.Buffer((4,))):
    with T.block("root"):
        T.reads()
        T.writes()
        T.block_attr({"k": 1})
        for i in range(4):
            with T.block("b"):
                vi = T.axis.spatial(4, i)
                A[vi] = 1.0
"""
    )
    assert isinstance(explicit.body, BlockRealize)
    assert isinstance(explicit.root.body, For)
    assert explicit.root.annotations["k"] == 1


def test_nested_functions_are_values_of_annotations() -> None:
    canonical(
        """
        @T.prim_func
        def inner(x: T.int32):
            T.evaluate(x)
        with T.block("b"):
            T.reads()
            T.writes(B[0])
            T.block_attr({"how": inner})
            B[0] = 1
        """,
        """
        with T.block("b"):
            T.reads()
            T.writes(B[0])
            @T.prim_func
            def inner(x: T.int32):
                T.evaluate(x)
            T.block_attr({"how": inner})
            B[0] = 1
        """,
    )


def test_headers_of_files_are_understood() -> None:
    program = tensorir.parse(
        """
        # A comment.
        """.strip()
        + '''
"""A docstring."""
import numpy as np
from tvm.script import ir as Mod, tirx as X
from tensorir.script import tir as Y
from somewhere import something

SIZE = 4 * 4
SHAPE = (SIZE, SIZE)

@Mod.ir_module
class Module:
    OTHER = SIZE // 2

    @X.prim_func(s_tir=True)
    def main(A: X.Buffer(SHAPE, "float32")):
        for i in range(OTHER):
            A[i, 0] = Y.float32(0)
'''
    )
    assert [e.value for e in program["main"].buffers[0].shape] == [16, 16]
    assert program["main"].body.extent.value == 8


def test_extra_names() -> None:
    text = "@T.prim_func\ndef f(A: T.Buffer((N, N), dtype)):\n    A[0, 0] = T.Cast(dtype, shape[1] + N)"
    program = tensorir.parse(text, extra_vars={"N": 8, "dtype": "float16", "shape": (1, 2)})
    assert program.script() == (
        '@T.prim_func\ndef f(A: T.Buffer((8, 8), "float16")):\n    A[0, 0] = T.Cast("float16", 10)'
    )
