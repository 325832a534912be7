"""set_scope, storage_align, unsafe_set_dtype, annotate_buffer_access, unsafe_hide_buffer_access."""

from typing import Any

import pytest
from tensorir import Schedule

from ..checks import checked
from ..programs import blur, chain, matmul
from ..programs_buffers import fan, symbolic_chain, tiles


@pytest.mark.parametrize("program, block", [(chain, "B"), (blur, "B"), (fan, "B"), (symbolic_chain, "C"), (tiles, "C")])
def test_scopes(program: Any, block: str) -> None:
    sch = Schedule(program, seed=0)
    sch.set_scope(block, 0, "local")
    written = sch.get(sch.get_block(block)).writes[0].buffer
    assert (written.scope, written.data.scope, written.name) == ("local", "local", f"{block}_local")
    checked(sch)


def test_the_same_scope_changes_nothing() -> None:
    sch = Schedule(chain, seed=0)
    before = sch.mod
    sch.set_scope("B", 0, "global")
    assert sch.mod is before


@pytest.mark.parametrize("axis", [0, 1, -1, -2])
def test_alignments(axis: int) -> None:
    sch = Schedule(chain, seed=0)
    sch.storage_align("B", 0, axis, 8, 1)
    assert sch.get(sch.get_block("B")).annotations["buffer_dim_align"] == ((0, axis % 2, 8, 1),)
    checked(sch)


def test_a_second_alignment_of_an_axis_replaces_the_first() -> None:
    sch = Schedule(chain, seed=0)
    sch.storage_align("B", 0, 0, 8, 1)
    sch.storage_align("B", 0, 1, 4, 0)
    sch.storage_align("B", "B", -2, 16, 2)
    assert sch.get(sch.get_block("B")).annotations["buffer_dim_align"] == ((0, 1, 4, 0), (0, 0, 16, 2))
    checked(sch)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_wider_elements(dtype: str) -> None:
    sch = Schedule(matmul, seed=0)
    sch.cache_write("C", 0, "local")
    sch.unsafe_set_dtype("C", 0, dtype)
    assert sch.get(sch.get_block("C")).writes[0].buffer.dtype == dtype
    checked(sch)


def test_declared_regions() -> None:
    sch = Schedule(chain, seed=0)
    sch.annotate_buffer_access("D", 1, "read", lambda i, j: (i, (0, 12)))
    sch.annotate_buffer_access("D", "C", "read", lambda *v: ((v[0], v[0] + 1), v[1]))
    sch.annotate_buffer_access("D", 0, "write", lambda i, j: (i, j))
    block = sch.get(sch.get_block("D"))
    assert str(block.reads[1]) == "B[vi, 0:12]"
    assert dict(block.annotations) == {"explicit_read_region": (1, 0), "explicit_write_region": (0,)}
    checked(sch)


def test_hidden_accesses_are_not_declared() -> None:
    sch = Schedule(chain, seed=0)
    sch.unsafe_hide_buffer_access("D", "read", [1])
    assert [r.buffer.name for r in sch.get(sch.get_block("D")).reads] == ["C"]
    sch.verify(backend="interpreter")
