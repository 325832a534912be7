"""Region cover, affine bindings and stage pipelines."""

from __future__ import annotations

import pytest
from tensorir.tir.analysis.cover import affine_failure, cover_failure, scope_facts, stage_pipeline_failure

from .programs import MATMUL, TWO_STAGES, named, scope


@pytest.mark.parametrize("text", [MATMUL, TWO_STAGES], ids=["matmul", "two stages"])
def test_pipelines(text: str) -> None:
    found = scope(text)
    facts = scope_facts(found)
    assert (facts.affine, facts.kind, facts.cover, facts.order) == (None, None, None, None)
    assert stage_pipeline_failure(found) is None


def stages(write: str, read: str, loops: tuple[str, str] = ("16, 16", "16, 16"), where: str = "") -> str:
    guard = f"        T.where({where})\n" if where else ""
    return f"""
D = T.alloc_buffer((16, 16))
for i, j in T.grid({loops[0]}):
    with T.block("D"):
{guard}        {write}
for i, j in T.grid({loops[1]}):
    with T.block("C"):
        vi, vj = T.axis.remap("SS", [i, j])
        C[vi, vj] = {read}
"""


PLAIN = 'vi, vj = T.axis.remap("SS", [i, j]); D[vi, vj] = A[vi, vj]'.replace("; ", "\n        ")
FLAT = """vi = T.axis.spatial(16, (i * 20 + j) // 16)
        vj = T.axis.spatial(16, (i * 20 + j) % 16)
        D[vi, vj] = A[vi, vj]"""
COVERED = [
    stages(PLAIN, "D[vi, vj]"),
    stages(PLAIN, "D[vj, vi] + D[15 - vi, 0]"),
    stages(PLAIN, "T.if_then_else(vi >= 1, D[vi - 1, vj], T.float32(0))"),
    stages(PLAIN, "D[vi, vj]", ("16, 16", "8, 4")),
    stages(FLAT, "D[vi, vj]", ("13, 20", "16, 16"), "i * 20 + j < 256"),
    stages(PLAIN.replace("[vi, vj]", "[vi // 4 * 4 + vi % 4, vj]"), "D[vi, vj]"),
]
UNCOVERED = [
    stages(PLAIN, "D[vi, vj]", ("15, 16", "16, 16")),
    stages(PLAIN.replace("D[vi", "D[vi // 2"), "D[vi, vj]"),
    stages(PLAIN.replace("D[vi, vj]", "D[vi * 2, vj]"), "D[vi, vj]", ("8, 16", "15, 16")),
    stages(PLAIN, "D[vi, vj]", ("16, 16", "16, 16"), "i + j < 20"),
    stages(PLAIN.replace("D[vi, vj]", "D[vi, vi]"), "D[vi, vj]"),
]


@pytest.mark.parametrize("text", COVERED)
def test_covered(text: str) -> None:
    found = scope(text)
    assert cover_failure(found, named(found, "C")) is None


@pytest.mark.parametrize("text", UNCOVERED)
def test_uncovered(text: str) -> None:
    found = scope(text)
    failure = cover_failure(found, named(found, "C"))
    assert failure is not None
    assert failure.condition == "region_cover"
    assert str(failure).startswith("block `C` reads ")
    assert "of which block `D` is not known to have written all before" in str(failure)


def test_two_writers_cover_together() -> None:
    text = """
D = T.alloc_buffer((16, 16))
for i, j in T.grid(6, 16):
    with T.block("low"):
        vi, vj = T.axis.remap("SS", [i, j])
        D[vi, vj] = A[vi, vj]
for i, j in T.grid(10, 16):
    with T.block("high"):
        vi, vj = T.axis.remap("SS", [i, j])
        D[vi + FIRST, vj] = B[vi, vj]
for i, j in T.grid(16, 16):
    with T.block("C"):
        vi, vj = T.axis.remap("SS", [i, j])
        C[vi, vj] = D[vi, vj]
"""
    whole, gap = (scope(text.replace("FIRST", first)) for first in ("6", "5"))
    assert cover_failure(whole, named(whole, "C")) is None
    assert cover_failure(gap, named(gap, "C")) is not None


def test_cover_is_asked_in_the_shared_loop() -> None:
    text = """
D = T.alloc_buffer((16, 16))
for i in range(4):
    for j, k in T.grid(6, 16):
        with T.block("D"):
            T.where(i * 4 + j < 16)
            vi = T.axis.spatial(16, i * 4 + j)
            vj = T.axis.spatial(16, k)
            D[vi, vj] = A[vi, vj]
    for j, k in T.grid(4, 16):
        with T.block("C"):
            vi = T.axis.spatial(16, i * 4 + j)
            vj = T.axis.spatial(16, k)
            C[vi, vj] = READ
"""
    inside = scope(text.replace("READ", "D[vi, vj]"))
    assert cover_failure(inside, named(inside, "C")) is None
    outside = scope(text.replace("READ", "D[15 - vi, vj]"))
    assert cover_failure(outside, named(outside, "C")) is not None


@pytest.mark.parametrize("read,covered", [("vj", True), ("0", True), ("15 - vj", False)])
def test_each_writer_is_asked_in_the_loop_that_it_shares(read: str, covered: bool) -> None:
    text = """
D = T.alloc_buffer((16, 16))
for i in range(16):
    with T.block("first"):
        vi = T.axis.spatial(16, i)
        D[vi, 0] = A[vi, 0]
    for j in range(16):
        with T.block("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = A[vi, vj]
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = D[vi, READ]
"""
    found = scope(text.replace("READ", read))
    assert (cover_failure(found, named(found, "C")) is None) == covered


def test_nothing_written_before() -> None:
    text = """
D = T.alloc_buffer((16, 16))
for i, j in T.grid(16, 16):
    with T.block("C"):
        vi, vj = T.axis.remap("SS", [i, j])
        C[vi, vj] = D[vi, vj]
"""
    found = scope(text)
    assert str(cover_failure(found, named(found, "C"))) == "block `C` reads buffer `D` before anything writes it"


def test_bindings_that_are_not_affine() -> None:
    text = """
for i, j in T.grid(16, 16):
    with T.block("C"):
        vi = T.axis.spatial(16, i)
        vj = T.axis.spatial(31, i + j)
        C[vi, 0] = A[vi, vj % 16]
"""
    found = scope(text)
    failure = affine_failure(found, named(found, "C"))
    assert failure.condition == "affine"
    assert str(failure).startswith("the iterators of block `C` are not bound affinely: `i + j` has gaps or overlaps")


def test_writing_what_was_read_is_no_pipeline() -> None:
    text = """
for i, j in T.grid(16, 16):
    with T.block("C"):
        vi, vj = T.axis.remap("SS", [i, j])
        C[vi, vj] = A[vi, vj]
for i, j in T.grid(16, 16):
    with T.block("A"):
        vi, vj = T.axis.remap("SS", [i, j])
        A[vi, vj] = B[vi, vj]
"""
    failure = stage_pipeline_failure(scope(text))
    assert failure.condition == "write_after_read"
    assert str(failure) == "block `A` writes buffer `A`, which block `C` reads before"
