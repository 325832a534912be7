"""Decorated functions: the values of Python they capture, and what may be done with them."""

from __future__ import annotations

import functools
import linecache
import sys
import types
from typing import Any

import numpy as np
import pytest
import tensorir
from tensorir.script import ir as I
from tensorir.script import tir as T
from tensorir.tir.buffer import decl_buffer
from tensorir.tir.errors import ScriptError
from tensorir.tir.function import PrimFunc
from tensorir.tir.same import assert_structural_equal

from .both_ways import decorated

SIZE = 16
DTYPE = "float16"


def says(program: Any, *lines: str) -> None:
    """Check that the program's text has these lines, in this order."""
    printed = [line.strip() for line in program.script().splitlines()]
    rest = iter(printed)
    for line in lines:
        assert line in rest, f"{line!r} is not in\n{program.script()}"


def test_globals_and_closures() -> None:
    rows, dtype, shape = 4, "int8", (2, SIZE)

    @T.prim_func
    def f(A: T.Buffer((rows, SIZE), dtype), B: T.Buffer(shape, DTYPE)):
        for i in range(rows * 2):
            A[i % rows, 0] = shape[0]
            B[0, i] = T.Cast(DTYPE, rows)

    says(
        f,
        'def f(A: T.Buffer((4, 16), "int8"), B: T.Buffer((2, 16), "float16")):',
        "for i in range(8):",
        "A[i % 4, 0] = T.int8(2)",
        'B[0, i] = T.Cast("float16", 4)',
    )


def test_nonlocal_and_late_assignment() -> None:
    def outer() -> tuple[PrimFunc, int]:
        n = 3

        def bump() -> None:
            nonlocal n
            n += 1

        bump()

        @T.prim_func
        def f(A: T.Buffer((8,))):
            nonlocal n
            A[n] = 1.0

        return f, n

    made, n = outer()
    says(made, f"A[{n}] = T.float32(1)")


def test_a_name_captured_in_an_annotation_only() -> None:
    only_here = 5

    @T.prim_func
    def f(A: T.Buffer((only_here,), "float32")):
        A[0] = 1.0

    assert f.buffers[0].shape[0].value == only_here


def test_a_closure_without_a_value_yet() -> None:
    with pytest.raises(ScriptError, match="`later` has no value yet"):

        @T.prim_func
        def f(A: T.Buffer((8,))):
            A[later] = 1.0

    later = 3
    assert later == 3


def test_unannotated_parameters_with_a_default_are_constants() -> None:
    @T.prim_func
    def f(A: T.Buffer((8,)), n=SIZE // 4):
        A[n] = 1.0

    assert len(f.params) == 1
    says(f, "A[4] = T.float32(1)")


class Config:
    size = 4
    name = "config"

    def scaled(self, factor: int, *, offset: int = 0) -> int:
        return self.size * factor + offset


def test_attributes_calls_and_subscripts_of_python_values() -> None:
    config, table = Config(), {"row": [1, 2, 3]}

    @T.prim_func
    def f(A: T.Buffer((64,))):
        A[config.size] = 1.0
        A[config.scaled(2, offset=table["row"][-1])] = 2.0
        A[len(table["row"]) + max(1, 2) + sum([1, 2]) + int(np.prod((2, 3)))] = 3.0

    says(f, "A[4] = T.float32(1)", "A[11] = T.float32(2)", "A[14] = T.float32(3)")


def test_numpy_scalars_are_constants_of_their_type() -> None:
    weight, index = np.float16(0.5), np.int64(3)

    @T.prim_func
    def f(A: T.Buffer((8,), "float16")):
        A[index] = A[0] * weight

    says(f, "A[T.int64(3)] = A[0] * T.float16(0.5)")


def test_comprehensions_f_strings_and_python_control_flow() -> None:
    dims = [2, 3]
    use_bias = None

    @T.prim_func
    def f(A: T.Buffer([d * 2 for d in dims]), B: T.Buffer((8,))):
        for i, j in T.grid(*[d for d in dims if d > 1]):
            with T.block(f"{Config.name}_{dims[0]:02d}{'!r'!r}"):
                vi, vj = T.axis.remap("SS", [i, j])
                A[vi, vj] = T.float32(sum(x for x in dims))
        for k in dims:
            B[k] = k
        for k, v in {"a": 1, "b": 2}.items():
            B[v] = len(k)
        if use_bias is not None and use_bias[0] > 0:
            B[0] = 1.0
        elif len(dims) == 2:
            B[1] = 3 if use_bias is None else 4
        [B[0] for _ in range(3)]

    says(
        f,
        'def f(A: T.Buffer((4, 6), "float32"), B: T.Buffer((8,), "float32")):',
        "for i, j in T.grid(2, 3):",
        "with T.block(\"config_02'!r'\"):",
        "A[vi, vj] = T.float32(5)",
        "B[2] = T.float32(2)",
        "B[3] = T.float32(3)",
        "B[1] = T.float32(1)",
        "B[2] = T.float32(1)",
        "B[1] = T.float32(3)",
    )


def test_python_functions_that_make_pieces_of_program() -> None:
    def index(i: Any, j: Any) -> Any:
        return i * SIZE + j

    def clear(buffer: Any, at: Any) -> Any:
        return T.evaluate(T.call_extern("int32", "clear", buffer.data, at))

    @T.prim_func
    def f(A: T.Buffer((SIZE * SIZE,))):
        for i, j in T.grid(SIZE, SIZE):
            A[index(i, j)] = T.exp(A[index(j, i)])
        clear(A, 3)

    says(f, "A[i * 16 + j] = T.exp(A[j * 16 + i])", 'T.call_extern("int32", "clear", A.data, 3)')


def test_buffers_and_functions_from_outside() -> None:
    outside = decl_buffer((4, 8), "int8", "outside")

    @T.prim_func
    def f(a: T.handle):
        A = T.match_buffer(a, outside.shape, outside.dtype)
        A[0, 0] = T.Cast(A.dtype, A.shape[1] + outside.ndim)

    says(f, 'def f(A: T.Buffer((4, 8), "int8")):', 'A[0, 0] = T.Cast("int8", T.Add(8, 2))')


def test_macros() -> None:
    scale = 2

    @T.macro
    def store(dst, index, *values, extra=1):
        for value in values:
            dst[index] = value * scale + extra

    @T.macro(hygienic=False)
    def into_a(value):
        A[where] = value

    @T.macro
    def square(x):
        return x * x

    def call() -> PrimFunc:
        scale = 100
        where = 7

        @T.prim_func
        def f(A: T.Buffer((8,), "int32"), n: T.int32):
            for i in range(8):
                store(A, i, n, A[0], extra=scale)
                into_a(square(n + 1))

        assert where == 7
        return f

    says(call(), "A[i] = n * 2 + 100", "A[i] = A[0] * 2 + 100", "A[7] = (n + 1) * (n + 1)")


def test_a_macro_keeps_its_own_names() -> None:
    @T.macro
    def twice(x):
        y = x + 1
        A = T.alloc_buffer((4,), "int32")
        A[0] = y

    @T.prim_func
    def f(A: T.Buffer((8,), "int32"), n: T.int32):
        y = n * 2
        twice(y)
        A[y] = y

    says(f, 'A_1 = T.alloc_buffer((4,), "int32")', "y_1: T.int32 = y + 1", "A_1[0] = y_1", "A[y] = y")


def test_modules_in_a_function() -> None:
    n = 4

    @I.ir_module
    class Module:
        HALF = n // 2

        @T.macro
        def fill(A, value):
            for i in range(n):
                A[i] = value

        @T.prim_func
        def main(A: T.Buffer((n,), "float32")):
            Module.fill(A, 1.0) if False else None
            fill(A, 1.0)
            Module.other(A.data, HALF)

        @T.prim_func(private=True)
        def other(p: T.handle, k: T.int32):
            A = T.match_buffer(p, (n,), "float32")
            A[k] = n

    assert isinstance(Module, tensorir.IRModule)
    says(Module, "A[i] = T.float32(1)", "Module.other(A.data, 2)", "A[k] = T.float32(4)")
    assert list(Module) == ["main", "other"]


def test_a_module_of_finished_functions() -> None:
    @T.prim_func
    def f(A: T.Buffer((4,))):
        A[0] = 1.0

    made = I.ir_module(type("Made", (), {"f": f}))
    assert made["f"] is f


def test_prim_funcs_in_an_ordinary_class() -> None:
    class Kernels:
        N = 8

        @T.prim_func
        def f(A: T.Buffer((N,))):
            A[0] = 1.0

    assert isinstance(Kernels.f, PrimFunc)
    assert Kernels.f.buffers[0].shape[0].value == 8


def test_other_decorators() -> None:
    def announce(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any) -> Any:
            return function(*args)

        return wrapper

    @T.prim_func
    @announce
    def below(A: T.Buffer((SIZE,))):
        A[0] = 1.0

    seen = []

    @seen.append
    @T.prim_func(private=True)
    def above(A: T.Buffer((SIZE,))):
        A[0] = 1.0

    assert below.name == "below"
    assert isinstance(seen[0], PrimFunc)
    assert "global_symbol" not in seen[0].attrs


def test_other_decorators_in_a_module() -> None:
    seen = []

    def announce(function: Any) -> Any:
        seen.append(function)
        return function

    @I.ir_module
    class Module:
        sizes: tuple[int, ...] = tuple(d for d in (2, 4) if d)

        @T.prim_func(private=True)
        @announce
        def f(A: T.Buffer(sizes)):
            A[0, 0] = 1.0

    assert len(seen) == 1
    assert [e.value for e in Module["f"].buffers[0].shape] == [2, 4]


def test_a_macro_sees_its_closure_as_it_is_when_called() -> None:
    @T.macro
    def store(dst):
        dst[0] = later

    later = 7

    @T.prim_func
    def f(A: T.Buffer((4,), "int32")):
        store(A)

    says(f, "A[0] = 7")
    assert later == 7


def test_a_property_that_raises() -> None:
    class Broken:
        @property
        def size(self) -> int:
            raise KeyError("gone")

    broken = Broken()
    with pytest.raises(ScriptError, match="Python fails here: KeyError: 'gone'"):

        @T.prim_func
        def f(A: T.Buffer((4,))):
            A[broken.size] = 1.0


def test_aliases_of_the_namespaces() -> None:
    script_words = T

    @tensorir.T.prim_func
    def f(A: tensorir.T.Buffer((SIZE,))):
        with script_words.block("b"):
            tensorir.script.tir.reads()
            A[0] = tensorir.T.float32(1)

    says(f, 'with T.block("b"):', "T.reads()", "T.writes(A[0])")


def test_exec_without_a_source() -> None:
    program = "@T.prim_func\ndef f(A: T.Buffer((4,))):\n    A[0] = 1.0\n"
    with pytest.raises(ScriptError, match=r"source of function `f` cannot be read.*tensorir\.parse"):
        exec(compile(program, "<string>", "exec"), {"T": T})


def test_exec_with_a_known_source() -> None:
    text = "N = 4\n\n@T.prim_func\ndef f(A: T.Buffer((N,))):\n    A[0] = 1.0\n"
    says(decorated(text), 'def f(A: T.Buffer((4,), "float32")):')


def test_a_module_whose_loader_has_the_source() -> None:
    text = "@T.prim_func\ndef f(A: T.Buffer((4,))):\n    A[0] = 1.0\n"

    class Loader:
        def get_source(self, name: str) -> str:
            return text

    module = types.ModuleType("zipped")
    module.__loader__ = Loader()
    module.T = T
    exec(compile(text, "/nowhere/zipped.py", "exec"), module.__dict__)
    linecache.cache.pop("/nowhere/zipped.py", None)
    says(module.f, "A[0] = T.float32(1)")


def test_several_definitions_on_one_line_of_code() -> None:
    first, second = (
        decorated(f"@T.prim_func\ndef f(A: T.Buffer((4,))):\n    A[0] = {value}\n") for value in (1.0, 2.0)
    )
    says(first, "A[0] = T.float32(1)")
    says(second, "A[0] = T.float32(2)")


def test_decorator_spread_over_lines() -> None:
    @T.prim_func(
        private=True,
    )
    def f(
        A: T.Buffer(
            (SIZE,),
        ),
    ):
        # A comment at an odd place.
        # and another
        A[0] = 1.0

    says(f, "A[0] = T.float32(1)")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters are of Python 3.12")
def test_future_annotations_are_text_here() -> None:
    assert isinstance(test_macros.__annotations__["return"], str)


def test_errors_of_python_code_are_the_programs_errors() -> None:
    def broken(x: int) -> int:
        raise ValueError("no good")

    with pytest.raises(ScriptError) as e:

        @T.prim_func
        def f(A: T.Buffer((8,))):
            A[broken(3)] = 1.0

    assert "Python fails here: ValueError: no good" in str(e.value)
    assert isinstance(e.value.__cause__, ValueError)
    assert e.value.filename == __file__


def test_the_value_of_an_expression_is_not_pythons_to_branch_on() -> None:
    def clamp(x: Any) -> Any:
        return x if x > 0 else -x

    with pytest.raises(ScriptError, match="known only when the program runs"):

        @T.prim_func
        def f(A: T.Buffer((8,), "int32")):
            A[0] = clamp(A[1])


def test_a_decorated_function_equals_its_text() -> None:
    @T.prim_func
    def f(A: T.Buffer((SIZE, SIZE))):
        for i, j in T.grid(SIZE, SIZE):
            with T.block("b"):
                vi, vj = T.axis.remap("SS", [i, j])
                A[vi, vj] = A[vi, vj] + 1.0

    assert_structural_equal(tensorir.parse(f.script()), f)


def test_the_words_for_types_name_them_in_the_types_of_buffers() -> None:
    assert T.Buffer((4,), T.f16).element == T.Buffer((4,), T.float16).element == "float16"
