"""Every ready workload against numpy, through the interpreter, on small odd shapes."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tensorir import UserError
from tensorir.codegen.interpreter import run
from tensorir.script import te, workloads
from tensorir.tir.verify import verify

from ..ready_workloads import CASES, REGISTRY, Case, arrays

W = workloads


@pytest.mark.parametrize("name", REGISTRY)
def test_each_workload_is_tested_on_several_shapes(name: str) -> None:
    assert sum(case.name == name for case in CASES) >= 2


@pytest.mark.parametrize("case", CASES, ids=str)
def test_workload_computes_what_numpy_does(case: Case) -> None:
    func = case.func()
    verify(func)
    given = arrays(func)
    count = len(given) - (2 if func.name == "argmax" else 1)
    results = case.results(*given[:count])
    run(func, *given, sanitize=True, outputs=[b.name for b in func.buffers[count:]])
    for actual, wanted in zip(given[count:], results, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-4, atol=1e-4)


def test_argmax_gives_the_first_of_equals() -> None:
    x = np.array([[1, 3, 3], [2, 2, 2]], "float32")
    index, value = np.zeros(2, "int32"), np.zeros(2, "float32")
    run(workloads.argmax(2, 3), x, index, value)
    assert index.tolist() == [1, 0]


def test_extents_may_be_variables() -> None:
    n = te.var("n")
    func = workloads.matmul(n, 4, n)
    a, b = np.random.default_rng(0).random((2, 3, 3), "float32")
    b = np.ascontiguousarray(np.pad(b, ((0, 0), (0, 1))))
    c = np.zeros((3, 4), "float32")
    run(func, a, b, c)
    np.testing.assert_allclose(c, a @ b, rtol=1e-5)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: W.conv2d_nhwc(1, 5, 5, 3, 4, 3, groups=2), "do not divide into 2 groups"),
        (lambda: W.conv2d_nhwc(1, 5, 5, 3, 4, (3, 3, 3)), "kernel_size is a number from 1 on or 2 of them"),
        (lambda: W.conv2d_winograd_nhwc(1, 5, 5, 3, 4, tile=3), "tiles of 2 or 4"),
        (lambda: W.gelu(2, 2, approximate="erf"), 'approximate is "none" or "tanh"'),
    ],
)
def test_wrong_arguments_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"stride": 0}, "stride is a number from 1 on or 2 of them, got int 0"),
        ({"padding": -1}, "padding is a number from 0 on or 2 of them, got int -1"),
        ({"dilation": (1, 0)}, "dilation is a number from 1 on or 2 of them, got tuple (1, 0)"),
        ({"kernel_size": None}, "kernel_size is a number from 1 on or 2 of them, got None"),
        ({"h": 2}, "a window over 3 elements has no place in 2 and a padding of 0"),
        ({"groups": 0}, "groups is a number from 1 on, got int 0"),
        ({"groups": 3}, "4 channels in and 4 out do not divide into 3 groups"),
        ({"n": -1}, "an extent is at least 0, got -1"),
    ],
)
def test_a_senseless_convolution_is_refused(arguments, message):
    sensible = {"n": 1, "h": 8, "w": 8, "ci": 4, "co": 4, "kernel_size": 3, "groups": 1}
    with pytest.raises(UserError, match=re.escape(message)):
        W.group_conv2d_nhwc(**sensible | arguments)
