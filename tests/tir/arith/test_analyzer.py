"""The analyzer's interface: bindings, scopes, bounds, residues, proofs, effects."""

from __future__ import annotations

import pytest
from tensorir.tir.arith import Analyzer, ConstIntBound, ModularSet
from tensorir.tir.buffer import Range, decl_buffer
from tensorir.tir.dtype import dtype
from tensorir.tir.errors import UserError
from tensorir.tir.expr import FALSE, TRUE, Add, Call, Expr, FloorDiv, Let, Select, Var, as_expr, const
from tensorir.tir.op import OPS, if_then_else

i, j, n, m = (Var(name) for name in "ijnm")


def over(**extents: object) -> Analyzer:
    named = {v.name: v for v in (i, j, n, m)}
    return Analyzer({named[k]: Range(const(0), as_expr(e)) for k, e in extents.items()})


def test_binding_to_a_value() -> None:
    an = Analyzer({i: Range(const(0), const(8))})
    an.bind(n, as_expr(i * 4))
    assert an.simplify(n // 4) is i
    assert an.const_int_bound(n) == ConstIntBound(0, 28)


def test_binding_twice() -> None:
    an = over(i=8)
    with pytest.raises(UserError, match="variable `i` is bound already; pass allow_override=True to bind it anew"):
        an.bind(i, Range(const(0), const(4)))
    assert an.simplify(i < 8) is TRUE
    an.bind(i, Range(const(0), const(16)), allow_override=True)
    assert an.simplify(i < 8) is not TRUE
    assert an.simplify(i < 16) is TRUE


def test_a_binding_after_the_question() -> None:
    an = Analyzer()
    assert not an.prove(i < 8)
    an.bind(i, Range(const(0), const(8)))
    assert an.prove(i < 8)


def test_constraints_end_with_their_scope() -> None:
    an = over(i=8)
    before = an.simplify(i < 5)
    with an.constraint(i < 4):
        assert an.simplify(i < 5) is TRUE
        with an.constraint(i >= 3):
            assert an.simplify(i) is const(3)
        assert an.const_int_bound(i) == ConstIntBound(0, 3)
    assert an.simplify(i < 5) is before
    assert an.const_int_bound(i) == ConstIntBound(0, 7)


def test_a_scope_ends_on_errors_too() -> None:
    an = over(i=8)
    with pytest.raises(ZeroDivisionError), an.constraint(i < 4):
        raise ZeroDivisionError
    assert not an.prove(i < 4)


def test_constraints_of_every_kind() -> None:
    an = over(i=64, j=64)
    for condition, proved in [
        (i < j, [i <= j, i + 1 <= j, i != j, ~(i == j), i < j + 3]),
        (i * 4 + j < 100, [i * 4 + j < 101, i < 25, i * 8 + j * 2 < 200]),
        ((i == 5) & (j >= 7), [i + 1 == const(6), i < j, j > 6]),
        (~((i < 3) | (j < 3)), [i >= 3, j >= 3]),
        (i == j + 2, [i > j, i - j >= 2, i - j < 3]),
        (i != 0, [i >= 1, i > 0]),
        (i % 8 == 4, [i % 4 == 0, i % 2 == 0, i != 3, i // 4 * 4 == i]),
        ((i + 1) % 4 == 0, [i % 4 == 3]),
    ]:
        with an.constraint(condition):
            for goal in proved:
                assert an.prove(goal), f"{goal} given {condition}"
                assert not an.prove(~as_expr(goal))


def test_a_constraint_that_cannot_hold() -> None:
    an = over(i=8)
    with an.constraint(i > 100):
        an.prove(i < 3)
    with an.constraint(const(False)):
        an.prove(i < 3)
    assert not an.prove(i < 3)


def test_empty_ranges() -> None:
    an = Analyzer({i: Range(const(4), const(0)), j: Range(const(0), const(-3))})
    an.const_int_bound(i * j - i // 3)
    an.simplify(i % 2 + j)
    assert not over(n=8).prove(n > 0)


def test_nothing_follows_from_a_range_that_may_be_empty() -> None:
    an = Analyzer()
    an.bind(i, Range(const(0), n))
    assert an.prove(i < n)
    assert not Analyzer({i: Range(const(0), n)}).prove(n > -5)


def test_bounds() -> None:
    an = over(i=8, j=4)
    for e, low, high in [
        (i * 4 + j, 0, 31),
        (3 - i, -4, 3),
        (i * j, 0, 21),
        (i // 3, 0, 2),
        ((i - 4) // 3, -2, 1),
        (i % 5, 0, 4),
        ((i - 4) % 5, 0, 4),
        (i * i, 0, 49),
        ((i < 3).astype("int32"), 0, 1),
        (Select(i < 3, i, j), 0, 7),
        (i ^ j, 0, 7),
        (i & 3, 0, 3),
        (n, -(2**31), 2**31 - 1),
        (n.astype("int8"), -128, 127),
        (n % 16, 0, 15),
    ]:
        assert an.const_int_bound(e) == ConstIntBound(low, high), str(e)
    assert an.const_int_bound(Var("u", dtype("uint8"))) == ConstIntBound(0, 255)
    assert an.const_int_bound(decl_buffer((4,), "int16")[i]) == ConstIntBound(-(2**15), 2**15 - 1)


def test_residues() -> None:
    an = over(i=8)
    for e, coeff, base in [
        (n * 4 + 2, 4, 2),
        (n * 4 + m * 6, 2, 0),
        (n * 12 // 4, 3, 0),
        (n * 8 % 6, 2, 0),
        (Select(i < 3, n * 4, n * 4 + 2), 2, 0),
        (const(7), 0, 7),
        (n, 1, 0),
        (n * m * 4, 4, 0),
    ]:
        assert an.modular_set(e) == ModularSet(coeff, base), str(e)


def test_equality() -> None:
    an = over(i=8, j=4)
    assert an.equal((i * 4 + j) // 4, i)
    assert an.equal(n * (m + 1), n * m + n)
    assert not an.equal(n, m)


def test_unsigned_numbers_wrap() -> None:
    x, y = Var("x", dtype("uint32")), Var("y", dtype("uint32"))
    an = Analyzer()
    assert not an.prove(x + 1 > x)
    assert not an.prove(x - y <= x)
    assert an.prove(x >= 0)
    an.bind(x, Range(as_expr(0, x.dtype), as_expr(10, x.dtype)))
    assert an.prove(x + 1 > x)
    assert not an.prove(x - 1 < 10)


def test_narrow_numbers_wrap() -> None:
    x = Var("x", dtype("int8"))
    assert not Analyzer().prove(x + 1 > x)
    assert Analyzer().prove(x.astype("int32") + 1 > x.astype("int32"))


def test_division_by_zero_is_kept() -> None:
    for e in (FloorDiv(n, const(0)), FloorDiv(n, n - n)):
        assert isinstance(Analyzer().simplify(e), FloorDiv)


def test_a_select_evaluates_both_sides() -> None:
    # Under `m != 0` the maximum is m itself, but the division would then be done for 0 too.
    an = Analyzer({m: Range(const(0), const(8))})
    divided = n // _max(m, 1)
    assert an.simplify(Select(m >= 1, divided, const(0))) is Select(m_at_least_1(an), divided, const(0))
    assert an.simplify(if_then_else(m >= 1, divided, 0)) is if_then_else(m_at_least_1(an), n // m, 0)


def m_at_least_1(an: Analyzer) -> Expr:
    return an.simplify(m >= 1)


def _max(a: Expr, b: int) -> Expr:
    from tensorir.tir.op import maximum

    return maximum(a, b)


def test_conditions_keep_their_guards() -> None:
    A = decl_buffer((16,), "int32", "A")
    positive = _ge(1, A[i])
    guarded = (i < 16) & positive
    assert Analyzer().simplify(guarded) is guarded
    # A condition that loads may be left out after another that implies it, but not before.
    assert Analyzer().simplify(_ge(4, A[i]) & positive) is _ge(4, A[i])
    assert Analyzer().simplify(positive & _ge(4, A[i])) is (positive & _ge(4, A[i]))


def _ge(low: int, e: Expr) -> Expr:
    from tensorir.tir.expr import LE

    return LE(const(low), e)


def test_effects_stay_as_they_are() -> None:
    call = Call(n.dtype, OPS["call_extern"], (as_expr("next"),))
    an = Analyzer()
    assert an.simplify(call - call) is not const(0)
    assert an.simplify(call // 1 * const(1)) is call
    twice = Add(call, Add(i, Add(j, Call(n.dtype, OPS["call_extern"], (as_expr("x"), i + 0)))))
    assert an.simplify(twice) is twice
    assert not an.prove(call == call)
    assert an.const_int_bound(call) == ConstIntBound(-(2**31), 2**31 - 1)
    assert an.modular_set(call) == ModularSet(1, 0)


def test_lets() -> None:
    an = over(i=8)
    x = Var("x")
    assert an.simplify(Let(x, i, x + x)) is an.simplify(i * 2)
    assert isinstance(an.simplify(Let(x, i * i, x + x)), Let)


def test_questions_of_other_types() -> None:
    x = Var("x", dtype("float32"))
    an = Analyzer()
    assert an.simplify(x < x) is (x < x)
    assert not an.prove(x == x)
    assert an.simplify((x < 1.0) & const(False)) is FALSE


DEEP = 195
"""As deep as a program may nest."""

CHAINS = {
    "and": lambda e, v, k: e & (v < k),
    "or": lambda e, v, k: e | (v < k),
    "not": lambda e, v, k: ~(e & (v < k)),
    "min": lambda e, v, k: _min(e, v),
    "sum": lambda e, v, k: e * 3 + v,
    "product": lambda e, v, k: e * v,
    "products of sums": lambda e, v, k: e * (v + 1),
    "quotient": lambda e, v, k: (e + v) // 3,
    "select": lambda e, v, k: Select(v < k, v, e),
    "if": lambda e, v, k: if_then_else(v < k, e, v),
    "float": lambda e, v, k: e * 2.5 + v.astype("float32"),
}


def _min(a: Expr, b: Expr) -> Expr:
    from tensorir.tir.op import minimum

    return minimum(a, b)


@pytest.mark.parametrize("name", CHAINS)
def test_deep_expressions_take_no_time(name: str) -> None:
    names = [Var(f"x{k}") for k in range(DEEP)]
    start = {"float": names[0].astype("float32")}.get(name, names[0])
    e = as_expr(names[0] < 1) if name in ("and", "or", "not") else start
    for k, v in enumerate(names):
        e = as_expr(CHAINS[name](e, v, k))
    an = Analyzer()
    assert an.simplify(e).dtype == e.dtype
    if e.dtype.is_integral:
        an.const_int_bound(e)
        an.modular_set(e)


SHARED = {
    "sum": lambda e, v, k: e + e + v,
    "product": lambda e, v, k: e * e + v,
    "select": lambda e, v, k: Select(v < k, e + 1, e + 2),
    "if": lambda e, v, k: if_then_else(v < k, e // 2, e // 3),
    "logic": lambda e, v, k: (e & (v < k)) | (e & (v > 2 * k)),
    "min": lambda e, v, k: _min(e + v, e - v),
}


@pytest.mark.parametrize("name", SHARED)
def test_shared_parts_are_seen_once(name: str) -> None:
    # As a tree each of these has more nodes than there are atoms in a brick.
    names = [Var(f"x{k}") for k in range(90)]
    e = as_expr(names[0] < 1) if name == "logic" else as_expr(names[0])
    for k, v in enumerate(names):
        e = as_expr(SHARED[name](e, v, k))
    assert Analyzer().simplify(e).dtype == e.dtype
