"""Functions for given sizes compute what the function does when it is called with those sizes."""

import numpy as np
import pytest
from tensorir import Schedule, T, parse
from tensorir.codegen.interpreter import run
from tensorir.tir.errors import UserError, VerifyError
from tensorir.tir.expr import Var
from tensorir.tir.verify import verify


@T.prim_func
def scale(a: T.handle, b: T.handle, m: T.int32, by: T.float32):
    n = T.int32()
    A = T.match_buffer(a, (n, m * 2), "float32")
    B = T.match_buffer(b, (n, m * 2), "float32", strides=[m * 4, 1])
    for i, j in T.grid(n, m * 2):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * by


SIZES = [{"m": 3}, {"n": 5}, {"m": 3, "n": 5}, {"by": 0.5}, {"n": 5, "m": 3, "by": 0.5}, {}]


@pytest.mark.parametrize("values", SIZES, ids=str)
def test_it_computes_what_the_function_does(values: dict[str, float]) -> None:
    special = scale.specialize(values)
    verify(special)
    left = {name: value for name, value in (("m", 3), ("by", 0.5)) if name not in values}
    assert [p.name for p in special.params] == ["a", "b", *left]
    a = np.random.default_rng(0).random((5, 6), np.float32)
    rows = np.zeros((5, 12), np.float32)
    run(special, a, rows[:, :6], *left.values())
    np.testing.assert_array_equal(rows[:, :6], a * np.float32(0.5))
    sch = Schedule(special)
    sch.parallel(sch.get_loops("B")[0])
    sch.verify(n=5)


def test_by_variables_and_shapes() -> None:
    text = scale.specialize({"n": 5, "m": 3}).script()
    assert "(5, 6)" in text
    assert "strides=[12, 1]" in text
    a, _, m, by = scale.params
    assert scale.specialize({m: 3}).script() == scale.specialize({"m": 3}).script()
    assert scale.specialize({a: (5, 6), m: 3}).script() == text
    assert scale.specialize({"B": scale.specialize({"n": 5, "m": 3}).buffers[1], "m": 3}).script() == text
    assert '* T.Cast("float32", m)' in scale.specialize({"n": 5, by: m.astype("float32")}).script()
    assert scale.specialize({"n": m}).buffers[0].shape[0] is m


@pytest.mark.parametrize(
    "values, message",
    [
        ({"k": 3}, "cannot be specialized for str 'k'; what it can be for: `a`, `b`, `A`, `B`, `m`, `by`, `n`"),
        ({Var("m", "int32"): 3}, "cannot be specialized for"),
        ({3: 3}, "cannot be specialized for"),
        ({"m": 1.5}, "a value of type int32 is asked for, got float 1.5"),
        ({"m": "three"}, "a value of type int32 is asked for, got str 'three'"),
        ({"m": scale.params[3]}, "a value of type int32 is asked for, and by is of type float32"),
        ({"A": (5,)}, "a buffer or a shape of 2 extents"),
        ({"A": 5}, "a buffer or a shape of 2 extents"),
        ({"A": (5, 6)}, r"m \* 2 for `A` is to be 6, and is m \* 2; give the values of `m` too"),
        ({"A": (5, 6), "m": 2}, r"m \* 2 for `A` is to be 6, and is 4"),
        ({"n": 4, "A": (5, 6), "m": 3}, "n for `A` is to be 5, and is 4"),
        ({"A": scale.specialize({"m": 2, "n": 3}).buffers[1]}, "has no strides, and the buffer given for it has some"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_does_not_fit_is_refused(values: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        scale.specialize(values)


def test_values_stand_by_their_names() -> None:
    with pytest.raises(UserError, match=r"specialize takes values by parameters, .* got int 3"):
        scale.specialize(3)  # type: ignore[arg-type]


def test_values_are_of_the_functions_own_variables() -> None:
    with pytest.raises(VerifyError, match="other"):
        scale.specialize({"m": Var("other", "int32")})


def test_a_buffer_that_does_not_fit() -> None:
    fixed = parse('@T.prim_func\ndef f(A: T.Buffer((4, "n"), "float32")):\n    A[0, 0] = 1.0')
    assert fixed.specialize({"A": (4, 7)}).buffers[0].shape[1].value == 7
    with pytest.raises(UserError, match="4 for `A` is to be 5, and is 4"):
        fixed.specialize({"A": (5, 7)})
    other = parse('@T.prim_func\ndef f(A: T.Buffer((4, 7), "int8")):\n    A[0, 0] = T.int8(1)').buffers[0]
    with pytest.raises(UserError, match="holds float32, and the buffer given for it int8"):
        fixed.specialize({"A": other})


def test_attributes() -> None:
    marked = scale.with_attrs({"x": 1, "y": "two"})
    assert (marked.attrs["x"], marked.attrs["y"], marked.name) == (1, "two", "scale")
    assert "x" not in marked.without_attr("x").attrs
    assert marked.without_attr("z").attrs == marked.attrs
