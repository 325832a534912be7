"""Inlining across blocks within blocks: regions follow, and no reader is forgotten."""

import pytest
from tensorir import Schedule, ScheduleError, T, parse
from tensorir.tir.verify import verify

from .. import programs_buffers


@T.prim_func
def tiles(A: T.Buffer((8,), "float32"), C: T.Buffer((8,), "float32"), D: T.Buffer((8,), "float32")):
    B = T.alloc_buffer((8,), "float32")
    for i in range(4):
        with T.block("tile"):
            vi = T.axis.spatial(4, i)
            T.reads(A[vi * 2 : vi * 2 + 2], B[vi * 2 : vi * 2 + 2])
            T.writes(B[vi * 2 : vi * 2 + 2], C[vi * 2 : vi * 2 + 2])
            for j in range(2):
                with T.block("B"):
                    vj = T.axis.spatial(8, vi * 2 + j)
                    B[vj] = A[vj] + T.float32(1)
            for j in range(2):
                with T.block("C"):
                    vj = T.axis.spatial(8, vi * 2 + j)
                    C[vj] = B[vj] * T.float32(2)
    for i in range(8):
        with T.block("D"):
            vi = T.axis.spatial(8, i)
            D[vi] = A[vi]


@pytest.mark.parametrize("primitive, block", [("compute_inline", "B"), ("reverse_compute_inline", "C")])
def test_the_block_around_forgets_the_buffer(primitive: str, block: str) -> None:
    sch = Schedule(tiles)
    getattr(sch, primitive)(block)
    tile = sch.get(sch.get_block("tile"))
    assert [r.buffer.name for r in tile.reads] == ["A"]
    assert [r.buffer.name for r in tile.writes] == ["C"]
    verify(sch.mod)
    sch.verify(trials=1, backend="interpreter", sanitize=True)


def test_a_block_that_only_declares_to_read_forgets_the_buffer() -> None:
    text = (
        tiles.script()
        .replace("T.reads(A[vi])", "T.reads(A[vi], B[vi])")
        .replace("D[vi] = A[vi]", "D[vi] = T.float32(0)")
    )
    sch = Schedule(parse(text))
    sch.compute_inline("B")
    verify(sch.mod)
    assert "B[" not in sch.mod.script()


def test_a_reader_in_another_scope_counts() -> None:
    text = tiles.script().replace("D[vi] = A[vi]", "D[vi] = B[vi]").replace("T.reads(A[vi])", "T.reads(B[vi])")
    sch = Schedule(parse(text))
    with pytest.raises(ScheduleError, match="also reads"):
        sch.reverse_compute_inline("C")


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (programs_buffers.overwritten, "block `A` writes buffer `A`, from which block `B` computes its value"),
        (programs_buffers.loop_carried, "block `C` reads buffer `B` before block `B` writes it"),
    ],
)
def test_what_is_another_value_later_is_not_inlined(program, message: str) -> None:
    sch = Schedule(program)
    with pytest.raises(ScheduleError, match=message):
        sch.compute_inline("B")


def read_further_out(A: T.Buffer((8,), "float32"), D: T.Buffer((2, 4), "float32")) -> None:
    X = T.alloc_buffer((2,), "float32")
    C = T.alloc_buffer((2, 4), "float32", scope="shared")
    for i in range(2):
        for j in T.thread_binding(4, thread="blockIdx.x"):
            with T.block("X"):
                vi = T.axis.spatial(2, i)
                X[vi] = A[vi * 2]
            with T.block("C"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = X[vi]
    for i, j in T.grid(2, 4):
        with T.block("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = C[vi, vj]


def test_what_each_iteration_has_for_itself_is_not_read_after_the_loop() -> None:
    sch = Schedule(T.prim_func(read_further_out), seed=0)
    with pytest.raises(ScheduleError, match="could no longer run at once"):
        sch.compute_inline("C")


DIVIDED = """
@T.prim_func
def main(A: T.Buffer((7, 8), "float32"), D: T.Buffer((7, 8), "float32")):
    B = T.alloc_buffer({shape}, "float32")
    for {loops} in T.grid({extents}):
        with T.block("B"):
            {iters} = T.axis.remap("{kinds}", [{loops}])
            B[{stored}] = A[{from_}] * T.float32(2)
    for i, j in T.grid(7, 8):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = B[vi, vj // 2, vj % 2] + T.float32(1)
"""


@pytest.mark.parametrize(
    "shape, loops, extents, stored, from_, want",
    [
        ((7, 4, 2), "i, j", "7, 8", "vi, vj // 2, vj % 2", "vi, vj", "D[vi, vj] = A[vi, vj]"),
        ((7, 4, 2), "i, j, k", "7, 4, 2", "vi, vj, vk", "vi, vj * 2 + vk", "D[vi, vj * 2 + vk] = A[vi, vj * 2 + vk]"),
    ],
)
def test_iterators_are_found_from_their_quotients_and_remainders(shape, loops, extents, stored, from_, want) -> None:
    names = loops.split(", ")
    iters, kinds = ", ".join(f"v{name}" for name in names), "S" * len(names)
    text = DIVIDED.format(
        shape=shape, loops=loops, extents=extents, iters=iters, kinds=kinds, stored=stored, from_=from_
    )
    sch = Schedule(parse(text))
    sch.reverse_compute_inline("C")
    assert want in sch.mod.script()
    sch.verify(trials=1, backend="interpreter", sanitize=True)


def test_what_a_quotient_and_a_remainder_leave_out_is_not_inlined() -> None:
    text = DIVIDED.format(
        shape=(7, 4, 3), loops="i, j, k", extents="7, 4, 3", iters="vi, vj, vk", kinds="SSS", stored="vi, vj, vk",
        from_="vi, vj + vk",
    )  # fmt: skip
    with pytest.raises(ScheduleError, match="only some of what"):
        Schedule(parse(text)).reverse_compute_inline("C")


COMPUTED = """
@T.prim_func
def main(A: T.Buffer((7, 8), "float32"), C: T.Buffer((7, 8), "float32")):
    B = T.alloc_buffer({shape}, "float32")
    for i, j in T.grid(7, 8):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[{stored}] = A[vi, vj] * T.float32(2)
    for i, j in T.grid(7, 8):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[{loaded}] + T.float32(1)
"""


@pytest.mark.parametrize(
    "shape, stored, loaded, want",
    [
        ((7, 4, 2), "vi, vj // 2, vj % 2", "vi, vj // 2, vj % 2", "A[vi, vj]"),
        ((7, 9), "vi, vj + 1", "vi, 8 - vj", "A[vi, 7 - vj]"),
        ((1, 56), "0, vi * 8 + vj", "0, vj * 7 + vi", "A[(vj * 7 + vi) // 8, (vj * 7 + vi) % 8]"),
    ],
)
def test_a_store_at_computed_indices_is_inverted(shape, stored, loaded, want) -> None:
    sch = Schedule(parse(COMPUTED.format(shape=shape, stored=stored, loaded=loaded)))
    sch.compute_inline("B")
    assert f"C[vi, vj] = {want} * T.float32(2)" in sch.mod.script()
    sch.verify(trials=1, backend="interpreter", sanitize=True)
