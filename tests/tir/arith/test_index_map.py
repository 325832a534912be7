"""Index maps against numpy and enumeration: mapping, inverting, composing, padding."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorir.tir.arith.index_map import IndexMap
from tensorir.tir.dtype import dtype
from tensorir.tir.errors import UserError
from tensorir.tir.expr import Var, const

from .brute import value

# (name, map, shape of the old layout, numpy's way to the new layout)
BIJECTIONS = [
    ("transpose", lambda i, j: (j, i), (3, 5), lambda a: a.T),
    (
        "tile",
        lambda i, j: (i // 4, j // 2, i % 4, j % 2),
        (8, 6),
        lambda a: a.reshape(2, 4, 3, 2).transpose(0, 2, 1, 3),
    ),
    ("NCHW to NHWC", lambda n, c, h, w: (n, h, w, c), (2, 3, 4, 5), lambda a: a.transpose(0, 2, 3, 1)),
    (
        "NCHW to NCHW4c",
        lambda n, c, h, w: (n, c // 4, h, w, c % 4),
        (2, 8, 3, 3),
        lambda a: a.reshape(2, 2, 4, 3, 3).transpose(0, 1, 3, 4, 2),
    ),
    ("NCHW4c to NCHW", lambda n, c, h, w, x: (n, c * 4 + x, h, w), (2, 2, 3, 3, 4), None),
    ("flatten", lambda i, j, k: (i * 15 + j * 5 + k,), (2, 3, 5), lambda a: a.reshape(-1)),
    ("unflatten", lambda i: (i // 15, i // 5 % 3, i % 5), (30,), lambda a: a.reshape(2, 3, 5)),
    ("fuse then split", lambda i, j: ((i * 6 + j) // 9, (i * 6 + j) % 9), (6, 6), lambda a: a.reshape(4, 9)),
    ("fragment", lambda i, j: (i % 8 * 4 + j % 8 // 2, i // 8 * 4 + j // 8 * 2 + j % 2), (16, 16), None),
    ("swizzle", lambda i, j: (i, j ^ (i % 8)), (16, 8), None),
    ("swizzle of a fused loop", lambda f: (f // 8, (f % 8) ^ (f // 8 % 8)), (128,), None),
    ("swizzle within a row", lambda i, j, k: (i, (j ^ (i // 2)) * 4 + k), (16, 8, 4), None),
    ("identity", lambda i, j: (i, j), (1, 7), lambda a: a),
    ("scalar axis", lambda i: (0, i), (5,), lambda a: a[None]),
]


@pytest.mark.parametrize("name,func,shape,way", BIJECTIONS, ids=[b[0] for b in BIJECTIONS])
def test_bijections(name, func, shape, way) -> None:
    layout = IndexMap.from_func(func)
    array = np.arange(np.prod(shape)).reshape(shape)
    moved = layout.map_ndarray(array)
    if way is not None:
        np.testing.assert_array_equal(moved, way(array))
    assert tuple(int(e.value) for e in layout.map_shape(shape)) == moved.shape
    back = layout.inverse(shape)
    np.testing.assert_array_equal(back.map_ndarray(moved), array)
    for point in itertools.product(*map(range, shape)):
        assert tuple(int(e.value) for e in back.map_indices(layout.map_indices(point))) == point
    assert back.inverse(moved.shape).is_equivalent_to(layout)


# (map, shape, the elements of padding in the new layout)
PADDED = [
    (lambda i: (i // 4, i % 4), (10,), 2),
    (lambda i: ((i + 2) // 4, (i + 2) % 4), (9,), 3),
    (lambda i, j: (i // 4, j // 8, i % 4, j % 8), (6, 9), 8 * 16 - 54),
    (lambda i, j: (i, (i * 0 + j) // 3, j % 3), (2, 7), 4),
    (lambda i: (i // 16, i % 16 // 4, i % 4), (50,), 14),
    (lambda i, j: ((i * 7 + j) // 4, (i * 7 + j) % 4), (3, 7), 3),
    (lambda i, j: (i * 4, j), (3, 2), 12),
    (lambda i, j: (j, i * 32 + j), (4, 1), 93),
]


@pytest.mark.parametrize("func,shape,count", PADDED)
def test_padding(func, shape, count) -> None:
    layout = IndexMap.from_func(func)
    with pytest.raises(UserError, match="is not bijective over"):
        layout.inverse(shape)
    back, padding = layout.non_surjective_inverse(shape)
    new_shape = [int(e.value) for e in layout.map_shape(shape)]
    real = {layout.map_indices(p): p for p in itertools.product(*map(range, shape))}
    real = {tuple(e.value for e in key): point for key, point in real.items()}
    padded = 0
    for point in itertools.product(*map(range, new_shape)):
        env = dict(zip(back.initial_indices, point, strict=True))
        outside = bool(value(padding, env))
        padded += outside
        assert outside == (point not in real)
        if not outside:
            assert tuple(value(e, env) for e in back.final_indices) == real[point]
    assert padded == count
    array = np.arange(1, 1 + np.prod(shape)).reshape(shape)
    moved = layout.map_ndarray(array)
    assert (moved == 0).sum() == count


@given(st.lists(st.integers(1, 6), min_size=1, max_size=3), st.integers(1, 7), st.integers(0, 3))
@settings(max_examples=100, deadline=None)
def test_random_tilings(shape, factor, shift) -> None:
    layout = IndexMap.from_func(lambda *x: (*x[1:], (x[0] + shift) // factor, (x[0] + shift) % factor), len(shape))
    back, padding = layout.non_surjective_inverse(shape)
    for point in itertools.product(*map(range, shape)):
        new = layout.map_indices(point)
        env = {v: e.value for v, e in zip(back.initial_indices, new, strict=True)}
        assert not value(padding, env)
        assert tuple(value(e, env) for e in back.final_indices) == point


def test_symbolic_shapes() -> None:
    n = Var("n")
    layout = IndexMap.from_func(lambda i, j: (j, i))
    assert layout.map_shape((n, 4))[1] is n
    assert layout.inverse((n, 4)).is_equivalent_to(layout)
    flat = IndexMap.from_func(lambda i, j: (i * n + j,))
    back = flat.inverse((8, n))
    (k,) = back.initial_indices
    assert back.is_equivalent_to(IndexMap((k,), (k // n, k % n)))


def test_indices_keep_their_type() -> None:
    i = Var("i", dtype("int64"))
    out = IndexMap.from_func(lambda a: (a // 4, a % 4)).map_indices([i])
    assert [e.dtype for e in out] == ["int64", "int64"]


def test_composition() -> None:
    split = IndexMap.from_func(lambda i: (i // 4, i % 4))
    swap = IndexMap.from_func(lambda a, b: (b, a))
    both = swap.compose(split)
    assert [e.value for e in both.map_indices([const(7)])] == [3, 1]
    assert swap.compose(swap).is_equivalent_to(IndexMap.from_func(lambda a, b: (a, b)))
    assert not swap.is_equivalent_to(IndexMap.from_func(lambda a, b: (a, b)))


def test_separators() -> None:
    layout, separators = IndexMap.from_func_with_separators(lambda i, j: (i, IndexMap.AXIS_SEPARATOR, j))
    assert separators == (1,)
    assert len(layout.final_indices) == 2


def test_a_given_inverse_is_used() -> None:
    given_inverse = IndexMap.from_func(lambda i: (i ^ 1,))
    layout = IndexMap.from_func(lambda i: (i ^ 1,), inverse_index_map=given_inverse)
    assert layout.inverse((8,)) is given_inverse
    np.testing.assert_array_equal(layout.map_ndarray(np.arange(4)), [1, 0, 3, 2])


@pytest.mark.parametrize(
    "make,message",
    [
        (lambda: IndexMap.from_func(lambda *x: x), r"the map takes `\*x`; say how many dimensions there are by ndim="),
        (lambda: IndexMap.from_func(lambda i: (i,), 2), "the map takes 1 indices, but there are 2 dimensions"),
        (lambda: IndexMap.from_func(lambda i: ("x",)), "an index map gives a tuple of indices, got str 'x' in it"),
        (lambda: IndexMap.from_func(lambda i: (i, IndexMap.AXIS_SEPARATOR)), "from_func_with_separators"),
        (lambda: IndexMap.from_func(lambda i: (i,)).map_indices([0, 1]), "takes 1 indices, got 2"),
        (lambda: IndexMap.from_func(lambda i, j: (i,)).non_surjective_inverse((4, 4)), "iterator .* is not used"),
        (lambda: IndexMap.from_func(lambda i: (i * 2,)).map_ndarray(np.zeros((2, 2))), "takes 1 dimensions, got 2"),
        (lambda: IndexMap.from_func(lambda i: (i - 1,)).map_ndarray(np.zeros(2)), "negative indices"),
    ],
)
def test_errors(make, message) -> None:
    with pytest.raises(UserError, match=message):
        make()
