"""Programs as text, for the tests of analyses."""

from __future__ import annotations

from tensorir.script import parse
from tensorir.tir.analysis.scope import Child, Scope, root_scope
from tensorir.tir.function import PrimFunc
from tensorir.tir.stmt import For


def program(body: str, header: str = "A: T.Buffer((16, 16)), B: T.Buffer((16, 16)), C: T.Buffer((16, 16))") -> PrimFunc:
    """A function with the parameters `header` and a body of lines."""
    lines = "\n".join("    " + line for line in body.strip("\n").splitlines())
    return parse(f"@T.prim_func\ndef main({header}):\n{lines}\n")


def scope(body: str, *header: str) -> Scope:
    """The root scope of a program."""
    found = root_scope(program(body, *header))
    assert found is not None
    return found


def named(scope: Scope, name: str) -> Child:
    """The block called `name`."""
    return next(child for child in scope if child.block.name_hint == name)


def loop(scope: Scope, block: str, var: str) -> For:
    """The loop over `var` around a block."""
    return next(each for each in named(scope, block).loops if each.loop_var.name == var)


MATMUL = """
for i, j, k in T.grid(16, 16, 16):
    with T.block("C"):
        vi, vj, vk = T.axis.remap("SSR", [i, j, k])
        with T.init():
            C[vi, vj] = T.float32(0)
        C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
"""

TWO_STAGES = """
D = T.alloc_buffer((16, 16))
for i, j in T.grid(16, 16):
    with T.block("D"):
        vi, vj = T.axis.remap("SS", [i, j])
        D[vi, vj] = A[vi, vj] * T.float32(2)
for i, j in T.grid(16, 16):
    with T.block("C"):
        vi, vj = T.axis.remap("SS", [i, j])
        C[vi, vj] = D[vi, vj] + T.float32(1)
"""
