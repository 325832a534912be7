"""What does nothing goes; what may stop the program or calls something stays."""

import numpy as np
import pytest
from tensorir.codegen.passes.remove_no_op import remove_no_op

from .checks import becomes

HEAD = """
@T.prim_func
def main(A: T.Buffer((8,), "int32"), n: T.int32):
"""

GONE = {
    "T.evaluate(n + A[0])": "pass",
    "A[0] = A[0]": "pass",
    "for i in range(8):\n        T.evaluate(i)": "pass",
    "for i in range(0):\n        A[i] = 1": "pass",
    "if n > 1:\n        pass\n    else:\n        A[1] = 2": "if n > 1:\n        pass\n    else:\n        A[1] = 2",
    "if n > 1:\n        A[1] = 2\n    else:\n        pass": "if n > 1:\n        A[1] = 2",
    "if n > 1:\n        A[2] = A[2]": "pass",
    "x: T.int32 = n + 1\n    A[0] = 3": "A[0] = 3",
    "x: T.int32 = n + 1\n    A[0] = x": "x: T.int32 = n + 1\n    A[0] = x",
    "assert True, 'never'\n    A[0] = 1": "A[0] = 1",
    "A[1] = 1\n    T.evaluate(A[1])\n    A[2] = 2": "A[1] = 1\n    A[2] = 2",
}

STAYS = (
    "T.evaluate(8 // n)",
    "A[8 // n] = A[8 // n]",
    "x: T.int32 = 8 % n\n    A[0] = 3",
    "T.evaluate(T.call_extern('int32', 'abs', n))",
    "assert n > 0, 'n is positive'",
)


@pytest.mark.parametrize("text", GONE)
def test_what_does_nothing_goes(text):
    becomes(remove_no_op, HEAD + "    " + text, HEAD + "    " + GONE[text], [np.arange(8, dtype="i4"), 2])


@pytest.mark.parametrize("text", STAYS)
def test_what_may_stop_the_program_stays(text):
    becomes(remove_no_op, HEAD + "    " + text, HEAD + "    " + text)


def test_an_empty_loop_leaves_what_its_extent_does():
    becomes(remove_no_op, HEAD + "    for i in range(8 // n):\n        pass", HEAD + "    T.evaluate(8 // n)")


def test_memory_nobody_uses_goes():
    before = "    t = T.allocate((8,), 'int32')\n    t[0] = t[0]"
    becomes(remove_no_op, HEAD + before, HEAD + "    pass")
