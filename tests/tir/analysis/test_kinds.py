"""Kinds of blocks, and the condition that a block of no kind fails."""

from __future__ import annotations

import pytest
from tensorir.tir.analysis.kinds import (
    BlockKind,
    block_kind,
    complete_failure,
    complete_or_reduction_failure,
    dominant_failure,
    is_trivial,
    reduction_failure,
)

from .programs import MATMUL, TWO_STAGES, named, scope


def test_complete_and_reduction() -> None:
    stages = scope(TWO_STAGES)
    assert [block_kind(stages, child) for child in stages] == [BlockKind.COMPLETE] * 2
    matmul = scope(MATMUL)
    (block,) = matmul
    assert block_kind(matmul, block) is BlockKind.REDUCTION
    assert complete_or_reduction_failure(matmul, block) is None
    assert complete_failure(matmul, block).condition == "spatial"


def test_a_copy_is_trivial() -> None:
    copy = scope(
        """
for i, j in T.grid(16, 16):
    with T.block("C"):
        vi, vj = T.axis.remap("SS", [i, j])
        C[vi, vj] = A[vj, vi]
"""
    )
    assert is_trivial(named(copy, "C").block)
    assert not is_trivial(named(scope(MATMUL), "C").block)


TWO_WRITERS = """
for i in range(16):
    with T.block("first"):
        vi = T.axis.spatial(16, i)
        C[vi, 0] = A[vi, 0]
for i in range(16):
    with T.block("second"):
        vi = T.axis.spatial(16, i)
        C[vi, 1] = A[vi, 1]
"""

# (program, block, condition of its kind that fails, what is said)
FAILURES = [
    (TWO_WRITERS, "first", "dominant", "`first` is not the only block that writes buffer `C`: block `second` does as"),
    (
        """
for i, k in T.grid(16, 16):
    with T.block("sum"):
        vi, vk = T.axis.remap("SR", [i, k])
        C[vi, 0] = C[vi, 0] + A[vi, vk]
""",
        "sum",
        "spatial",
        "variable `vk` of block `sum` is a reduce axis, not a spatial one",
    ),
    (
        """
for i in range(16):
    with T.block("own"):
        vi = T.axis.spatial(16, i)
        C[vi, 0] = C[vi, 0] * T.float32(2)
""",
        "own",
        "reads_own_writes",
        "block `own` reads buffer `C`, which it writes as well",
    ),
    (
        """
for i in range(16):
    with T.block("call"):
        vi = T.axis.spatial(16, i)
        T.reads(A[vi, 0])
        T.writes(C[vi, 0])
        T.evaluate(T.call_extern("work", A.data, C.data, dtype="int32"))
""",
        "call",
        "effects",
        "which has effects",
    ),
    (
        """
for i, k in T.grid(16, 16):
    with T.block("scan"):
        vi = T.axis.spatial(16, i)
        vk = T.axis.scan(16, k)
        rk = T.axis.reduce(16, k)
        with T.init():
            C[vi, 0] = T.float32(0)
        C[vi, 0] = C[vi, 0] + A[vi, vk]
""",
        "scan",
        "reduction_iterators",
        "variable `vk` of block `scan` is a scan axis, neither spatial nor reduce",
    ),
    (
        """
for i, k in T.grid(16, 16):
    with T.block("sum"):
        vi, vk = T.axis.remap("SR", [i, k])
        with T.init():
            C[vi, vk] = T.float32(0)
        C[vi, vk] = C[vi, vk] + A[vi, vk]
""",
        "sum",
        "reduced_index",
        "variable `vk`, a reduce axis of block `sum`, is in an index of the store",
    ),
    (
        """
for i, k in T.grid(16, 16):
    with T.block("sum"):
        vi, vk = T.axis.remap("SR", [i, k])
        with T.init():
            B[vi, 0] = T.float32(0)
        C[vi, 0] = C[vi, 0] + A[vi, vk]
""",
        "sum",
        "init_matches",
        "the init of block `sum` does not write buffer `C`, which its body updates",
    ),
]  # fmt: skip


@pytest.mark.parametrize("text,name,condition,message", FAILURES, ids=[f[2] for f in FAILURES])
def test_failures(text: str, name: str, condition: str, message: str) -> None:
    found = scope(text)
    child = named(found, name)
    failure = complete_or_reduction_failure(found, child)
    assert failure is not None
    assert failure.condition == condition
    assert message in str(failure)
    assert failure.nodes[0] is child.block or child.block in failure.nodes
    assert block_kind(found, child) is BlockKind.OPAQUE


def test_failures_are_named_apart() -> None:
    found = scope(TWO_WRITERS)
    assert dominant_failure(found, named(found, "second")).nodes[2] is named(found, "first").block
    assert reduction_failure(found, named(found, "second")).condition == "init"
