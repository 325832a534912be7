"""Asserts, assumptions and stores of anything go, and nothing else does."""

from tensorir.codegen.passes.remove_assume import remove_assume
from tensorir.codegen.passes.remove_store_undef import remove_store_undef
from tensorir.codegen.passes.skip_assert import skip_assert

from .checks import becomes

TEXT = """
@T.prim_func
def main(A: T.Buffer((8,), "int32"), n: T.int32):
    {}A[0] = n
"""


def test_asserts_go():
    becomes(skip_assert, TEXT.format("assert n > 0, 'positive'\n    "), TEXT.format(""))


def test_assumptions_go():
    becomes(remove_assume, TEXT.format("T.assume(n > 0)\n    "), TEXT.format(""))


def test_stores_of_anything_go():
    becomes(remove_store_undef, TEXT.format("A[1] = T.undef('int32')\n    "), TEXT.format(""))
