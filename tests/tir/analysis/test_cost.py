"""Cost facts against counting by hand and by enumeration."""

from __future__ import annotations

import itertools

import pytest
from tensorir.tir.analysis.access import stmt_access_regions
from tensorir.tir.analysis.cost import (
    Access,
    allocated_bytes,
    bytes_moved,
    count_ops,
    flops,
    footprint,
    statement_costs,
    store_costs,
)
from tensorir.tir.buffer import decl_buffer
from tensorir.tir.errors import UserError
from tensorir.tir.expr import Var, const
from tensorir.tir.op import call
from tensorir.tir.stmt import BufferStore, LetStmt, loop, seq

from .programs import MATMUL, TWO_STAGES, program


def test_flops() -> None:
    assert flops(program(MATMUL)) == 2 * 16**3
    assert flops(program(TWO_STAGES)) == 2 * 16**2
    vector = """
for i in range(4):
    with T.block("v"):
        vi = T.axis.spatial(4, i)
        C[0, vi * 4:vi * 4 + 4] = T.exp(A[0, vi * 4:vi * 4 + 4]) * B[0, vi * 4:vi * 4 + 4]
"""
    assert flops(program(vector)) == 4 * 2 * 4


def test_ops_of_values() -> None:
    x = Var("x")
    assert count_ops(call("fma", const(1.0), const(2.0), x.astype("float32"))) == 2
    assert count_ops(call("if_then_else", x > 0, x + 1, x)) == 2


def test_levels_of_a_matmul() -> None:
    update = store_costs(program(MATMUL))[-1]
    assert update.runs == 16**3
    by_name = {access.buffer.name: access for access in update.accesses}
    assert by_name["A"].elements == (256, 16, 16, 1)
    assert by_name["B"].elements == (256, 256, 16, 1)
    assert by_name["C"].elements == (256, 16, 1, 1)
    assert by_name["C"].access is Access.READ_WRITE
    assert by_name["A"].access is Access.READ
    assert {name: access.stride for name, access in by_name.items()} == {"A": 1, "B": 16, "C": 0}
    # C is used again in the next turn of k, A in the next turn of j, B in the next turn of i.
    assert {n: (a.reuse_loop, a.reuse_count) for n, a in by_name.items()} == {"A": (1, 16), "B": (0, 16), "C": (2, 16)}
    assert by_name["A"].reuse_distance == 4 * (16 + 16 + 1)
    assert by_name["B"].reuse_distance == 4 * (16 + 256 + 16)
    assert update.footprint(1) == 4 * (16 + 256 + 16)


def test_an_init_runs_without_the_reduction() -> None:
    init, update = store_costs(program(MATMUL))
    assert (init.runs, update.runs) == (256, 4096)
    assert [loop.loop_var.name for loop in init.loops] == ["i", "j"]


def test_bytes() -> None:
    assert footprint(program(MATMUL)) == {"global": 3 * 4 * 256}
    assert bytes_moved(program(MATMUL)) == 4 * (256 + 4 * 4096)


BODIES = [
    "C[vi, vj] = A[vi, vj]",
    "C[vi, vj] = A[vj, vi]",
    "C[vi, 0] = A[vi * 2, vj]",
    "C[vi, vj] = A[vi + vj, 3]",
    "C[vi, vj] = A[(vi * 4 + vj) // 8, (vi * 4 + vj) % 8]",
    "C[vi, vj] = A[vi // 2, vj % 2]",
    "C[vi, vj] = A[vi * 3 + vj, vj // 2]",
    "C[vi, vj] = A[0, 0]",
]


@pytest.mark.parametrize("body", BODIES)
def test_elements_are_no_fewer_than_touched(body: str) -> None:
    text = f"""
for i, j in T.grid(4, 4):
    with T.block("x"):
        vi, vj = T.axis.remap("SS", [i, j])
        {body}
"""
    (cost,) = store_costs(program(text))
    read = next(access for access in cost.accesses if access.buffer.name == "A")
    index = body.split("A", 1)[1][1:-1]
    points = [eval(f"({index})", {"vi": i, "vj": j}) for i, j in itertools.product(range(4), repeat=2)]
    assert len(set(points)) <= read.elements[0] <= 16
    assert len(set(points[:4])) <= read.elements[1] <= 4
    assert read.elements[2] == 1


def test_allocations_live_as_long_as_their_block() -> None:
    text = """
D = T.alloc_buffer((16, 16))
for i in range(4):
    with T.block("first"):
        vi = T.axis.spatial(4, i)
        T.reads(A[vi, 0])
        T.writes(D[vi, 0])
        S = T.alloc_buffer((32,), scope="shared")
        S[0] = A[vi, 0]
        D[vi, 0] = S[0]
for i in range(4):
    with T.block("second"):
        vi = T.axis.spatial(4, i)
        T.reads(D[vi, 0])
        T.writes(C[vi, 0])
        S = T.alloc_buffer((8,), "float16", scope="shared")
        L = T.alloc_buffer((2,), scope="local")
        S[0] = T.float16(1)
        L[0] = D[vi, 0]
        C[vi, 0] = L[0]
"""
    assert allocated_bytes(program(text)) == {"global": 1024, "shared": 128, "local": 8}


def test_memory_of_unknown_size() -> None:
    text = """
n = T.int32()
X = T.match_buffer(x, (n,))
D = T.alloc_buffer((n,))
for i in range(n):
    with T.block("d"):
        vi = T.axis.spatial(n, i)
        D[vi] = X[vi]
"""
    with pytest.raises(UserError, match="the size of buffer `D` is not constant: `n`"):
        allocated_bytes(program(text, "x: T.handle"))


def test_calls_evaluated_for_their_effect_count() -> None:
    text = """
for i in range(16):
    with T.block("x"):
        vi = T.axis.spatial(16, i)
        T.reads(A[vi, 0], C[vi, 0])
        T.writes(C[vi, 0])
        T.evaluate(T.atomic_add(C[vi, 0], A[vi, 0] * A[vi, 1]))
"""
    (cost,) = statement_costs(program(text))
    assert (cost.runs, cost.flops) == (16, 2)
    assert {access.buffer.name: access.access for access in cost.accesses} == {
        "A": Access.READ,
        "C": Access.READ_WRITE,
    }
    assert flops(program(text)) == 32
    assert store_costs(program(text)) == ()
    assert bytes_moved(program(text)) == 16 * 4 * (1 + 1 + 2)


def test_one_variable_bound_twice() -> None:
    x, i = Var("x"), Var("i")
    A = decl_buffer((64,), "float32", "A")
    inner = LetStmt(x, i * 2, BufferStore(A, const(1.0), (x,)))
    both = LetStmt(x, i * 4, seq(inner, BufferStore(A, const(1.0), (x,))))
    nest = loop(i, 8, both)
    assert [cost.accesses[0].stride for cost in store_costs(nest)] == [2, 4]
    _, writes = stmt_access_regions(nest)
    assert [(str(r.min), str(r.extent)) for r in writes[0].region] == [("0", "29")]


def test_symbolic_sizes() -> None:
    text = """
n = T.int32()
X = T.match_buffer(x, (n,))
D = T.alloc_buffer((n,))
for i in range(n):
    with T.block("d"):
        vi = T.axis.spatial(n, i)
        D[vi] = X[vi] * T.float32(2)
"""
    found = program(text, "x: T.handle")
    (n,) = found.buffers[0].shape
    sizes = {n: 100}
    assert flops(found, sizes) == 100
    assert footprint(found, sizes) == {"global": 800}
    assert bytes_moved(found, sizes) == 800
    assert allocated_bytes(found, sizes) == {"global": 400}
    assert store_costs(found, sizes)[0].accesses[0].elements == (100, 1)
