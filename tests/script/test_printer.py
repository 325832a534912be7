"""The printer's text: one golden program for each construct, names, long lines, depth, determinism."""

import math
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from tensorir.script import script
from tensorir.tir import op
from tensorir.tir.buffer import Buffer, BufferLoad, BufferRegion, MatchBufferRegion, Range, decl_buffer
from tensorir.tir.dtype import BOOL, FLOAT32, HANDLE, INT32, VOID, dtype
from tensorir.tir.errors import UserError
from tensorir.tir.expr import (
    EQ,
    LT,
    TRUE,
    Add,
    And,
    Broadcast,
    Call,
    Cast,
    CommReducer,
    Div,
    Expr,
    FloorMod,
    GlobalVar,
    Let,
    Mul,
    Not,
    Or,
    Ramp,
    Select,
    Shuffle,
    StringImm,
    Sub,
    Var,
    const,
)
from tensorir.tir.function import IRModule, PrimFunc
from tensorir.tir.node import Attrs
from tensorir.tir.stmt import (
    Allocate,
    AssertStmt,
    AttrStmt,
    Block,
    BlockRealize,
    BufferStore,
    DeclBuffer,
    Evaluate,
    For,
    ForKind,
    IfThenElse,
    IterType,
    IterVar,
    LetStmt,
    Stmt,
    While,
    loop,
    seq,
)

from ..strategies import functions

X, Y, N = Var("x"), Var("y"), Var("n")
B, F = Var("b", BOOL), Var("f", FLOAT32)
A = decl_buffer((16, 16), "float32", "A")
NOP = Evaluate(const(0))


def text(stmt: Any) -> str:
    return f"\n{script(stmt)}\n"


def golden(expected: str) -> str:
    return dedent(expected).rstrip(" ")


EXPRESSIONS: list[tuple[Expr, str]] = [
    (X + Y * 2 - (X - Y) - 1, "x + y * 2 - (x - y) - 1"),
    (Mul(X, Mul(Y, X)), "x * (y * x)"),
    (Add(const(1), const(2)), "T.Add(1, 2)"),
    (Add(const(1), X), "1 + x"),
    (Sub(X, const(-5)), "x - -5"),
    (And(B, Or(B, Not(EQ(X, Y)))), "b and (b or not x == y)"),
    (And(TRUE, TRUE), "T.And(True, True)"),
    (Not(TRUE), "T.Not(True)"),
    (EQ(LT(X, Y), B), "(x < y) == b"),
    (EQ(Not(B), B), "(not b) == b"),
    (op.truncdiv(X, Y), "T.truncdiv(x, y)"),
    (op.truncmod(X, Y), "T.truncmod(x, y)"),
    (X // Y % 3, "x // y % 3"),
    (FloorMod(X, Mul(Y, const(3))), "x % (y * 3)"),
    (Div(F, const(2.0)), "f / T.float32(2)"),
    (op.minimum(X, Y), "T.min(x, y)"),
    ((X & (Y + 1)) + 1, "(x & y + 1) + 1"),
    (op.call("shift_left", X, const(2)) * 3, "(x << 2) * 3"),
    (op.call("bitwise_not", X + 1), "~(x + 1)"),
    (Call(INT32, op.OPS["bitwise_and"], (const(1), const(2))), "T.bitwise_and(1, 2)"),
    (Cast(FLOAT32, X), 'T.Cast("float32", x)'),
    (Select(B, X, Y), "T.Select(b, x, y)"),
    (Ramp(X, const(1), 4), "T.Ramp(x, 1, 4)"),
    (Broadcast(const(1.0), 4), "T.Broadcast(T.float32(1), 4)"),
    (Shuffle((Broadcast(X, 2), Broadcast(Y, 2)), (const(0), const(3))),
     "T.Shuffle([T.Broadcast(x, 2), T.Broadcast(y, 2)], [0, 3])"),
    (Let(X, const(1), X + Y), "T.Let(x + y, where={x: 1})"),
    (op.call("exp", F), "T.exp(f)"),
    (op.if_then_else(B, X, Y), "T.if_then_else(b, x, y)"),
    (op.call("call_extern", "foo", X, 'hi\n"', dtype_="int32"), r'T.call_extern("int32", "foo", x, "hi\n\"")'),
    (op.call("reinterpret", X, dtype_="float32"), 'T.reinterpret("float32", x)'),
    (Call(dtype("float16"), op.OPS["exp"], (F,)), 'T.call_intrin("float16", "exp", f)'),
    (Call(VOID, GlobalVar("add"), (X,)), "Module.add(x)"),
    (Call(INT32, GlobalVar("add"), (X,)), 'T.call_function("int32", "add", x)'),
    (Call(VOID, GlobalVar("odd-name"), ()), 'T.call_function("void", "odd-name")'),
    (BufferLoad(A, (X, Ramp(Y * 4, const(1), 4))), "A[x, y * 4 : y * 4 + 4]"),
    (BufferLoad(A, (X, Ramp(const(0), const(1), 4))), "A[x, 0:4]"),
    (BufferLoad(A, (X, Ramp(Y, const(2), 4))), "A[x, T.Ramp(y, 2, 4)]"),
    (BufferLoad(A, (X, Ramp(Y, const(1), 4)), Broadcast(TRUE, 4)),
     "A.vload([x, T.Ramp(y, 1, 4)], predicate=T.Broadcast(True, 4))"),
    (BufferLoad(decl_buffer((), name="S"), ()), "S[()]"),
    (op.call("address_of", A[X, 0]), "T.address_of(A[x, 0])"),
]  # fmt: skip


@pytest.mark.parametrize("expr, expected", EXPRESSIONS, ids=[expected for _, expected in EXPRESSIONS])
def test_expression(expr: Expr, expected: str) -> None:
    assert script(expr) == expected


@pytest.mark.parametrize(
    "value, type_, expected",
    [
        (5, "int32", "5"),
        (-5, "int32", "-5"),
        (5, "int64", "T.int64(5)"),
        (255, "uint8", "T.uint8(255)"),
        (True, "bool", "True"),
        (0.1, "float32", "T.float32(0.1)"),
        (1.0, "float32", "T.float32(1)"),
        (-0.0, "float32", "T.float32(-0.0)"),
        (1e20, "float32", "T.float32(1e+20)"),
        (1 / 3, "float32", "T.float32(0.33333334)"),
        (1 / 3, "float64", "T.float64(0.3333333333333333)"),
        (1 / 3, "float16", "T.float16(0.3333)"),
        (1 / 3, "bfloat16", "T.bfloat16(0.334)"),
        (448, "float8_e4m3fn", "T.float8_e4m3fn(448)"),
        (5e-324, "float64", "T.float64(5e-324)"),
        (float("nan"), "float32", 'T.float32("nan")'),
        (float("-inf"), "float32", 'T.float32("-inf")'),
        (0, "handle", 'T.IntImm("handle", 0)'),
        (1.5, "float32x4", "T.Broadcast(T.float32(1.5), 4)"),
    ],
)
def test_constant(value: Any, type_: str, expected: str) -> None:
    assert script(const(value, type_)) == expected


@pytest.mark.parametrize("type_", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_small_floats_are_given_back_by_their_text(type_: str) -> None:
    target = dtype(type_)
    patterns = np.arange(1 << target.bits, dtype=f"uint{target.bits}").view(target.numpy)
    for value in map(float, patterns[:: 1 if target.bits == 8 else 17]):
        if math.isfinite(value):
            inside = script(const(value, target)).split("(")[1].rstrip(")")
            assert float(target.numpy.type(float(inside))) == value


def test_strings_are_escaped_as_python_does() -> None:
    for value in ("", "a", 'q"', "q'", "back\\slash", "\n\t\0", "ünï", "日本", "\ud800", "\x7f"):
        assert eval(script(StringImm(value))) == value


def test_reducer() -> None:
    x0, x1, y0, y1 = Var("x0"), Var("x1", FLOAT32), Var("y0"), Var("y1", FLOAT32)
    single = CommReducer((x1,), (y1,), (x1 + y1,), (const(0.0),))
    assert script(single) == "T.comm_reducer(lambda x1, y1: x1 + y1, [T.float32(0)])"
    pair = CommReducer((x0, x1), (y0, y1), (x0 + y0, x1 * y1), (const(0), const(1.0)))
    assert script(pair) == "T.comm_reducer(lambda x0, x1, y0, y1: (x0 + y0, x1 * y1), [0, T.float32(1)])"


def block(name: str, body: Stmt, *axes: IterVar, **fields: Any) -> Block:
    return Block(tuple(axes), (), (), name, body, **fields)


def axis(var: Var, extent: int, kind: IterType = IterType.SPATIAL, begin: int = 0) -> IterVar:
    return IterVar(Range(const(begin), const(extent)), var, kind)


def store(*indices: Expr) -> Stmt:
    return BufferStore(A, const(1.0), indices)


def test_loops() -> None:
    i, j, k, m = Var("i"), Var("j"), Var("k"), Var("m")
    assert text(loop(i, 16, loop(j, 8, loop(k, j, NOP)))) == golden(
        """
        for i, j in T.grid(16, 8):
            for k in range(j):
                T.evaluate(0)
        """
    )
    nested: Stmt = For(m, const(2), const(4), ForKind.THREAD_BINDING, NOP, "threadIdx.x")
    nested = For(k, N, const(4), ForKind.UNROLLED, nested)
    nested = For(j, const(0), N, ForKind.VECTORIZED, nested, None, Attrs({"k": [1, {"a": "b"}], "c": const(1)}))
    nested = For(i, const(0), N, ForKind.SERIAL, For(X, const(0), N, ForKind.PARALLEL, nested), None, Attrs({"p": 1}))
    assert text(nested) == golden(
        """
        for i in T.serial(n, annotations={"p": 1}):
            for x in T.parallel(n):
                for j in T.vectorized(n, annotations={"k": [1, {"a": "b"}], "c": T.int32(1)}):
                    for k in T.unroll(n, n + 4):
                        for m in T.thread_binding(2, 6, thread="threadIdx.x"):
                            T.evaluate(0)
        """
    )


def test_branches_and_other_statements() -> None:
    p = Var("p", HANDLE, FLOAT32, "global")
    branch = IfThenElse(X < 3, NOP, IfThenElse(X < 5, Evaluate(X), seq(While(TRUE, NOP), AssertStmt(B, "oops"))))
    stmt = seq(
        branch,
        store(X, Y),
        IfThenElse(TRUE, Evaluate(op.call("call_extern", "f", p, A.data, dtype_="int32"))),
        AttrStmt(A, "key", const(1), AttrStmt(X, "other", X, AttrStmt(None, "k", StringImm("v"), NOP))),
        BufferStore(A, Broadcast(F, 4), (X, Ramp(Y, const(1), 4))),
        BufferStore(A, Broadcast(F, 4), (X, Ramp(Y, const(1), 4)), Broadcast(B, 4)),
        Evaluate(Call(VOID, op.OPS["ret"], ())),
    )
    assert text(stmt) == golden(
        """
        if x < 3:
            T.evaluate(0)
        elif x < 5:
            T.evaluate(x)
        else:
            while T.bool(True):
                T.evaluate(0)
            assert b, "oops"
        A[x, y] = T.float32(1)
        if T.bool(True):
            T.call_extern("int32", "f", p, A.data)
        with T.attr(A, "key", 1):
            with T.attr(x, "other", x):
                with T.attr(None, "k", "v"):
                    T.evaluate(0)
        A[x, y : y + 4] = T.Broadcast(f, 4)
        A.vstore([x, T.Ramp(y, 1, 4)], T.Broadcast(f, 4), predicate=T.Broadcast(b, 4))
        T.ret()
        """
    )


def test_lets_and_allocations_scope_over_the_rest_or_have_a_suite() -> None:
    v, w = Var("v", FLOAT32), Var("w", FLOAT32)
    q = Var("q", HANDLE, FLOAT32, "local")
    p = decl_buffer((8,), "float32", "P", scope="local")
    view = decl_buffer((2, 4), "float32", "V", data=p.data, strides=(4, 1), elem_offset=X, offset_factor=4)
    last: Stmt = LetStmt(v, A[X, 0], Allocate(p, DeclBuffer(view, BufferStore(view, v, (X, Y))), Attrs({"k": 1})))
    stmt = seq(
        LetStmt(w, F + F, store(X, Y)),
        LetStmt(q, p.data, NOP),
        Allocate(decl_buffer((4,), "int8", "Q"), NOP),
        last,
    )
    assert text(stmt) == golden(
        """
        with T.LetStmt(f + f) as w:
            A[x, y] = T.float32(1)
        with T.LetStmt(P, T.handle("float32", "local")) as q:
            T.evaluate(0)
        with T.allocate((4,), "int8") as Q:
            T.evaluate(0)
        v: T.float32 = A[x, 0]
        P_1 = T.allocate((8,), "float32", scope="local", annotations={"k": 1})
        V = T.decl_buffer(
            (2, 4), "float32", data=P, strides=[4, 1], elem_offset=x, scope="local", offset_factor=4
        )
        V[x, y] = v
        """
    )


def test_block_with_everything() -> None:
    i, j = Var("i"), Var("j")
    vi, vj, vk, vo = Var("vi"), Var("vj"), Var("vk"), Var("vo")
    offset, stride = Var("off"), Var("s")
    view = decl_buffer((4,), "float32", "V", strides=(stride,), elem_offset=offset)
    inner = block(
        "C",
        store(vi, vj),
        axis(vi, 16),
        axis(vj, 8, IterType.REDUCE),
        axis(vk, 4, IterType.SCAN, 2),
        axis(vo, 4, IterType.OPAQUE),
        init=store(vi, vi),
        alloc_buffers=(decl_buffer((4,), "int8", "T", scope="shared", data_alignment=64),),
        match_buffers=(MatchBufferRegion(view, BufferRegion(A, (Range.point(vi), Range(vj, const(4))))),),
        annotations=Attrs({"k": 1, "list": [1, (2.5, None)]}),
    )
    inner = inner.replace(
        reads=(BufferRegion(A, (Range(const(0), const(16)), Range(vj * 2, const(2)))),),
        writes=(BufferRegion(A, (Range.point(vi), Range.point(vj))),),
    )
    realize = BlockRealize((i, j, i + 2, j * 2), i * 4 + j < 100, inner)
    assert text(loop(i, 16, loop(j, 8, realize))) == golden(
        """
        for i, j in T.grid(16, 8):
            with T.block("C"):
                vi, vj = T.axis.remap("SR", [i, j])
                vk = T.axis.scan((2, 6), i + 2)
                vo = T.axis.opaque(4, j * 2)
                T.where(i * 4 + j < 100)
                T.reads(A[0:16, vj * 2 : vj * 2 + 2])
                T.writes(A[vi, vj])
                T.block_attr({"k": 1, "list": [1, [2.5, None]]})
                T_ = T.alloc_buffer((4,), "int8", scope="shared", align=64)
                s = T.int32()
                off = T.int32()
                V = T.match_buffer(A[vi, vj : vj + 4], (4,), "float32", strides=[s], elem_offset=off)
                with T.init():
                    A[vi, vi] = T.float32(1)
                A[vi, vj] = T.float32(1)
        """
    )


def test_a_loop_over_part_of_an_axis_is_no_remap() -> None:
    i, vi = Var("i"), Var("vi")
    realize = BlockRealize((i,), TRUE, block("C", store(vi, vi), axis(vi, 16)))
    assert "vi = T.axis.spatial(16, i)" in script(loop(i, 8, realize))


def function(body: Stmt, *params: Any, attrs: dict[str, Any] | None = None, **fields: Any) -> PrimFunc:
    """A function of the buffers and variables `params`, called main."""
    variables = [p if isinstance(p, Var) else Var(p.name.lower(), HANDLE) for p in params]
    buffers = {v: p for v, p in zip(variables, params) if isinstance(p, Buffer)}
    return PrimFunc(tuple(variables), buffers, body, attrs=Attrs({"global_symbol": "main", **(attrs or {})}), **fields)


def test_parameters() -> None:
    p = Var("p", HANDLE, FLOAT32, "global")
    func = function(NOP, A, N, p, Var("q", HANDLE), F, attrs={"tir.noalias": True}, ret_type=INT32)
    assert text(func) == golden(
        """
        @T.prim_func
        def main(
            A: T.Buffer((16, 16), "float32"),
            n: T.int32,
            p: T.handle("float32", "global"),
            q: T.handle,
            f: T.float32,
        ) -> T.int32:
            T.func_attr({"tir.noalias": True})
            T.evaluate(0)
        """
    )


def test_symbolic_shapes_are_matched_in_the_body() -> None:
    m = Var("m")
    s = decl_buffer((N, m), "float32", "S", strides=(Var("s"), const(1)))
    t = decl_buffer((N * 2,), "float32", "T0")
    assert text(function(NOP, s, t, m)) == golden(
        """
        @T.prim_func
        def main(s: T.handle, t0: T.handle, m: T.int32):
            n = T.int32()
            s_1 = T.int32()
            S = T.match_buffer(s, (n, m), "float32", strides=[s_1, 1])
            T0 = T.match_buffer(t0, (n * 2,), "float32")
            T.evaluate(0)
        """
    )
    after = decl_buffer((m,), "float32", "S")
    assert 'def main(m: T.int32, S: T.Buffer((m,), "float32")):' in script(function(NOP, m, after))


def test_a_parameter_that_the_body_uses_is_a_handle() -> None:
    handle = Var("A", HANDLE)
    func = PrimFunc((handle,), {handle: A}, Evaluate(op.call("call_extern", "f", handle, A.data, dtype_="int32")))
    assert text(func) == golden(
        """
        @T.prim_func(private=True)
        def main(A_handle: T.handle):
            A = T.match_buffer(A_handle, (16, 16), "float32")
            T.call_extern("int32", "f", A_handle, A.data)
        """
    )


def test_root_block_is_implicit_unless_it_says_something() -> None:
    i, vi = Var("i"), Var("vi")
    body = loop(i, 16, BlockRealize((i,), TRUE, block("C", store(vi, vi), axis(vi, 16))))

    def rooted(**fields: Any) -> str:
        return script(function(BlockRealize((), TRUE, block("root", fields.pop("body", body), **fields)), A))

    assert "root" not in rooted()
    allocated = rooted(alloc_buffers=(decl_buffer((4,), name="Q"),))
    assert "root" not in allocated
    assert '\n    Q = T.alloc_buffer((4,), "float32")\n' in allocated
    assert '\n    with T.block("root"):\n        T.reads()\n' in rooted(annotations=Attrs({"k": 1}))
    assert 'with T.block("root"):' in rooted(body=NOP)
    assert 'with T.block("root"):' not in rooted(body=BlockRealize((), TRUE, block("opaque", NOP)))
    assert rooted(body=BlockRealize((), TRUE, block("root", NOP))).count('with T.block("root"):') == 2


def test_module() -> None:
    mod = IRModule(
        {
            "main": function(Evaluate(Call(VOID, GlobalVar("helper"), (N,))), N),
            "helper": PrimFunc((X,), {}, NOP),
            "other": function(NOP),
        },
        Attrs({"k": "v"}),
    )
    assert text(mod) == golden(
        """
        @I.ir_module
        class Module:
            I.module_attrs({"k": "v"})
            @T.prim_func
            def main(n: T.int32):
                Module.helper(n)

            @T.prim_func(private=True)
            def helper(x: T.int32):
                T.evaluate(0)

            @T.prim_func
            def other():
                T.func_attr({"global_symbol": "main"})
                T.evaluate(0)
        """
    )
    assert script(IRModule({})) == "@I.ir_module\nclass Module:\n    pass"


def test_functions_as_values_are_defined_before_the_statement() -> None:
    i, inner = Var("i"), PrimFunc((X,), {}, Evaluate(X), attrs=Attrs({"global_symbol": "inner"}))
    stmt = For(i, const(0), N, ForKind.SERIAL, NOP, None, Attrs({"f": [inner, inner.replace()]}))
    assert text(stmt) == golden(
        """
        @T.prim_func
        def inner(x: T.int32):
            T.evaluate(x)
        @T.prim_func
        def inner_1(x: T.int32):
            T.func_attr({"global_symbol": "inner"})
            T.evaluate(x)
        for i in T.serial(n, annotations={"f": [inner, inner_1]}):
            T.evaluate(0)
        """
    )


def test_names_are_kept_and_made_unique_where_they_meet() -> None:
    i, k, again, odd = Var("i"), Var("i"), Var("i"), Var("i.outer")
    stmt = seq(loop(i, 4, loop(k, i, Evaluate(i + k))), loop(again, 4, Evaluate(again)), loop(odd, 4, Evaluate(odd)))
    assert text(stmt) == golden(
        """
        for i in range(4):
            for i_1 in range(i):
                T.evaluate(i + i_1)
        for i in range(4):
            T.evaluate(i)
        for i_outer in range(4):
            T.evaluate(i_outer)
        """
    )


@pytest.mark.parametrize(
    "wanted, printed",
    [("if", "if_"), ("T", "T_"), ("I", "I_"), ("2x", "v2x"), ("", "v"), ("a-b", "a_b"), ("é", "é"), ("x_3", "x_3")],
)
def test_what_cannot_be_a_name_is_changed(wanted: str, printed: str) -> None:
    assert script(Var(wanted)) == printed


def test_numbered_names_count_on() -> None:
    v, w, u = Var("x_1"), Var("x_1"), Var("x")
    stmt = loop(v, 4, loop(w, v, loop(u, w, Evaluate(v + w + u))))
    assert "T.evaluate(x_1 + x_2 + x)" in script(stmt)


def test_long_lines_are_broken_at_the_loosest_operator() -> None:
    value: Expr = A[X, Y] * A[X, Y]
    for k in range(3):
        value = value + A[X * 2 + k, Y // 2] * op.call("exp", A[X, Y % 7])
    assert text(BufferStore(A, value, (X, const(1)))) == golden(
        """
        A[x, 1] = (
            A[x, y] * A[x, y]
            + A[x * 2, y // 2] * T.exp(A[x, y % 7])
            + A[x * 2 + 1, y // 2] * T.exp(A[x, y % 7])
            + A[x * 2 + 2, y // 2] * T.exp(A[x, y % 7])
        )
        """
    )


def test_long_calls_are_broken_between_arguments() -> None:
    names = [Var(f"a_rather_long_name_{i}") for i in range(4)]
    inner = op.if_then_else(B, op.maximum(names[0] + names[1], names[2] * names[3]), names[0])
    assert text(Evaluate(Select(LT(X, Y), inner, names[1]))) == golden(
        """
        T.evaluate(
            T.Select(
                x < y,
                T.if_then_else(
                    b,
                    T.max(
                        a_rather_long_name_0 + a_rather_long_name_1,
                        a_rather_long_name_2 * a_rather_long_name_3,
                    ),
                    a_rather_long_name_0,
                ),
                a_rather_long_name_1,
            )
        )
        """
    )


def test_width_is_an_option() -> None:
    stmt = BufferStore(A, A[X, Y] + A[Y, X], (X, Y))
    assert script(stmt, width=30) == "A[x, y] = A[x, y] + A[y, x]"
    assert script(stmt, width=26) == "A[x, y] = (\n    A[x, y] + A[y, x]\n)"
    assert script(stmt, width=13) == "A[x, y] = (\n    A[x, y]\n    + A[y, x]\n)"


@given(functions())
def test_breaking_lines_changes_only_blanks_commas_and_parentheses(func: PrimFunc) -> None:
    def squashed(width: int) -> str:
        return "".join(c for c in script(func, width=width) if c not in " \n,()")

    assert squashed(40) == squashed(1 << 30)


def test_deep_expressions_need_no_stack() -> None:
    left: Expr = X
    right: Expr = X
    negated: Expr = B
    for i in range(20_000):
        left, right, negated = Add(left, const(i % 7)), Sub(Y, right), Not(negated)
    assert script(left).count(" + ") == 20_000
    assert script(right).count("(") == 19_999
    assert script(negated) == "not " * 20_000 + "b"
    assert len(script(BufferStore(A, left, (X, Y))).splitlines()) == 20_003


def test_long_chains_of_scopes_need_no_stack() -> None:
    stmt: Stmt = NOP
    for i in range(3_000):
        stmt = LetStmt(Var("v"), const(i), stmt)
    lines = script(stmt).splitlines()
    assert lines[0] == "v: T.int32 = 2999"
    assert lines[2_999] == "v_2999: T.int32 = 0"
    for _ in range(3_000):
        stmt = IfThenElse(B, NOP, stmt)
    assert script(stmt).count("\nelif b:\n") == 2_999


@given(functions())
def test_printing_is_deterministic(func: PrimFunc) -> None:
    assert script(func) == script(func)


def test_dialect_and_header() -> None:
    i, vi = Var("i"), Var("vi")
    inner = block("C", store(vi, vi), axis(vi, 16), annotations=Attrs({"k": 1}))
    root = block("root", loop(i, 16, BlockRealize((i,), TRUE, inner)), alloc_buffers=(decl_buffer((4,), name="Q"),))
    func = function(BlockRealize((), TRUE, root), A)
    assert f"\n{script(func, dialect='tvm', header=True)}" == golden(
        """
        from tvm.script import ir as I
        from tvm.script import tirx as T


        @T.prim_func(s_tir=True)
        def main(A: T.Buffer((16, 16), "float32")):
            Q = T.sblock_alloc_buffer((4,), "float32")
            for i in range(16):
                with T.sblock("C"):
                    vi = T.axis.spatial(16, i)
                    T.reads()
                    T.writes()
                    T.sblock_attr({"k": 1})
                    A[vi, vi] = T.float32(1.0)
        """
    )
    assert script(func, header=True).startswith("from tensorir.script import ir as I, tir as T\n\n\n@T.prim_func")
    with pytest.raises(UserError, match="unknown dialect 'halide'; the dialects are 'tensorir', 'tvm'"):
        script(func, dialect="halide")


def test_buffers_and_regions() -> None:
    assert script(A) == 'A: T.Buffer((16, 16), "float32")'
    assert script(BufferRegion(A, (Range(X, const(4)), Range.point(Y)))) == "A[x : x + 4, y]"
    assert script(Range(const(0), N)) == "0:n"
