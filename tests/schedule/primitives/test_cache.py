"""cache_read, cache_write, cache_inplace, cache_index, read_at, write_at: where copies go and what they copy."""

from collections.abc import Callable
from typing import Any

import pytest
from tensorir import Schedule, ScheduleError, T

from ..checks import becomes, checked
from ..programs import blur, chain, elementwise, matmul, row_sum, symbolic, triangle
from ..programs_buffers import (
    cached_inside,
    every_other,
    fan,
    gathered,
    in_loop,
    matmul_relu,
    nested,
    overwritten,
    own_elements,
    own_tiles,
    padded,
    part,
    prefix_sums,
    symbolic_chain,
    tile_left_out,
    tiles,
    twice,
    two_tiles,
    viewed,
)

READ = {"elementwise": ("B", elementwise), "matmul": ("C", matmul), "chain": ("D", chain), "symbolic": ("B", symbolic)}
READ |= {"blur": ("C", blur), "fan": ("D", fan), "in_loop": ("D", in_loop), "nested": ("C", nested)}
READ |= {"inner": ("inner", nested), "padded": ("D", padded), "symbolic_chain": ("D", symbolic_chain)}
READ |= {"viewed": ("D", viewed), "tiles": ("D", tiles), "matmul_relu": ("D", matmul_relu)}


@pytest.mark.parametrize("scope", ["global", "local"])
@pytest.mark.parametrize("name", READ)
def test_read_everything(name: str, scope: str) -> None:
    block, program = READ[name]
    sch = Schedule(program, seed=0)
    for number in range(len(sch.get(sch.get_block(block)).reads)):
        sch.cache_read(block, number, scope)
    checked(sch)


@pytest.mark.parametrize("name", READ)
def test_write(name: str) -> None:
    block, program = READ[name]
    sch = Schedule(program, seed=0)
    copy = sch.cache_write(block, 0, "local")
    assert sch.get(copy).reads[0].buffer.scope == "local"
    checked(sch)


@pytest.mark.parametrize("name", ["elementwise", "matmul", "chain", "symbolic", "blur", "padded"])
def test_loops_that_do_not_divide(name: str) -> None:
    block, program = READ[name]
    sch = Schedule(program, seed=0)
    sch.split(sch.get_loops(block)[0], [None, 5])
    sch.cache_read(block, 0, "local")
    sch.cache_write(block, 0, "local")
    checked(sch)


def test_only_the_consumers_asked_for_read_the_copy() -> None:
    sch = Schedule(fan, seed=0)
    sch.cache_read("C", 0, "local", ["D"])
    assert sch.get(sch.get_block("C")).reads[0].buffer.name == "B"
    assert sch.get(sch.get_block("D")).reads[0].buffer.name == "B_local"
    assert [sch.get(b).name_hint for b in sch.get_child_blocks("root")] == ["B", "X", "C", "B_local", "D"]
    checked(sch)


def test_consumers_of_a_written_cache_come_before_the_copy() -> None:
    sch = Schedule(fan, seed=0)
    sch.cache_write("B", 0, "local", ["C"])
    assert [sch.get(b).name_hint for b in sch.get_child_blocks("root")] == ["B", "X", "C", "B_local", "D"]
    checked(sch)


def test_a_consumer_that_follows_another_reads_the_cache_all_the_same() -> None:
    sch = Schedule(fan, seed=0)
    sch.cache_write("B", 0, "local", ["D"])
    assert [sch.get(b).name_hint for b in sch.get_child_blocks("root")] == ["B", "X", "B_local", "C", "D"]
    checked(sch)


def test_the_copy_of_what_is_overwritten_later_is_made_before() -> None:
    sch = Schedule(overwritten, seed=0)
    sch.cache_read("B", 0, "local", ["B"])
    assert sch.get(sch.get_child_blocks("root")[0]).name_hint == "A_local"
    checked(sch)


def test_a_copy_inside_the_loop_that_producer_and_consumer_share() -> None:
    sch = Schedule(in_loop, seed=0)
    sch.cache_read("D", 0, "local")
    becomes(
        sch,
        """
@T.prim_func
def in_loop(A: T.Buffer((16, 8), "float32"), D: T.Buffer((16, 8), "float32")):
    C = T.alloc_buffer((16, 8), "float32")
    C_local = T.alloc_buffer((16, 8), "float32", scope="local")
    for i in range(16):
        for j in range(8):
            with T.block("C"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = A[vi, vj] * T.float32(2)
        for ax0, ax1 in T.grid(1, 8):
            with T.block("C_local"):
                v0 = T.axis.spatial(16, i + ax0)
                v1 = T.axis.spatial(8, ax1)
                C_local[v0, v1] = C[v0, v1]
        for j in range(8):
            with T.block("D"):
                vi, vj = T.axis.remap("SS", [i, j])
                D[vi, vj] = C_local[vi, vj] + T.float32(1)
""",
    )


def test_a_part_that_is_written_gets_a_buffer_of_its_size() -> None:
    sch = Schedule(part, seed=0)
    sch.cache_write("B", 0, "local")
    copy = sch.get(sch.get_block("B_local"))
    assert [e.value for e in copy.reads[0].buffer.shape] == [8]
    checked(sch)


def test_inside_a_block_the_part_it_declares_is_copied() -> None:
    sch = Schedule(nested, seed=0)
    sch.cache_read("inner", 0, "local")
    copy = sch.get(sch.get_block("A_local"))
    assert [e.value for e in copy.writes[0].buffer.shape] == [4, 4]
    checked(sch)


def test_views_move_to_the_memory_of_the_cache() -> None:
    sch = Schedule(viewed, seed=0)
    sch.cache_read("D", 0, "local")
    (match,) = sch.get(sch.get_block("D")).match_buffers
    assert match.buffer.scope == match.source.buffer.scope == "local"
    checked(sch)


def test_what_iterations_inside_have_for_themselves_is_not_copied_out_of_them() -> None:
    @T.prim_func
    def own_rows(A: T.Buffer((4, 3), "float32"), Y: T.Buffer((4, 5, 3), "float32")):
        X = T.alloc_buffer((3,), "float32")
        for i in range(4):
            with T.block("outer"):
                vi = T.axis.spatial(4, i)
                T.reads(A[vi, 0:3])
                T.writes(X[0:3], Y[vi, 0:5, 0:3])
                for j in T.parallel(5):
                    for k in range(3):
                        with T.block("X"):
                            vk = T.axis.spatial(3, k)
                            X[vk] = A[vi, vk]
                    for k in range(3):
                        with T.block("Y"):
                            vj, vk = T.axis.remap("SS", [j, k])
                            Y[vi, vj, vk] = X[vk] + T.float32(1)

    sch = Schedule(own_rows, seed=0)
    with pytest.raises(ScheduleError, match=r"iterations of parallel loop `j` .* could no longer run at once"):
        sch.cache_write("outer", "X", "global")
    sch.cache_write("outer", "Y", "global")
    checked(sch)


def test_caches_of_caches_and_tiles() -> None:
    sch = Schedule(matmul, seed=0)
    shared = sch.cache_read("C", 0, "shared")
    local = sch.cache_read("C", 0, "local")
    out = sch.cache_write("C", 0, "local")
    i, j, k = sch.get_loops("C")
    i0, i1 = sch.split(i, [None, 4])
    j0, j1 = sch.split(j, [None, 4])
    k0, k1 = sch.split(k, [None, 3])
    sch.reorder(i0, j0, k0, i1, j1, k1)
    sch.compute_at(local, k0)
    sch.compute_at(shared, k0)
    sch.reverse_compute_at(out, j0)
    checked(sch)


@pytest.mark.parametrize("program", [twice, in_loop], ids=["twice", "in_loop"])
def test_in_place(program: object) -> None:
    sch = Schedule(program, seed=0)
    if program is in_loop:
        sch.cache_write("D", 0, "global")
        return
    (loop,) = sch.get_loops("A")
    sch.split(loop, [None, 5])
    before, after = sch.cache_inplace("A", 0, "local")
    assert sch.get(before).reads[0].buffer is sch.get(after).writes[0].buffer
    checked(sch)


def test_indices_are_computed_once() -> None:
    sch = Schedule(gathered, seed=0)
    assert sch.cache_index("B", "global") == []
    sch = Schedule(digits_read, seed=0)
    assert len(sch.cache_index("B", "global")) == 3
    checked(sch)


def test_common_parts_of_indices() -> None:
    sch = Schedule(digits_read, seed=0)
    (block,) = sch.cache_index("B", "local", cse_thresh=2)
    assert str(sch.get(block).body.value) == "v0 // 2"
    checked(sch)


@T.prim_func
def digits_read(A: T.Buffer((17, 17), "float32"), B: T.Buffer((32, 32), "float32")):
    for i, j in T.grid(32, 32):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi // 2, vj // 2] + A[vi // 2 + 1, 0]


@pytest.mark.parametrize("factor", [4, 5])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_tiles_at_a_loop(at: int, factor: int) -> None:
    sch = Schedule(blur, seed=0)
    sch.split(sch.get_loops("C")[0], [None, factor])
    loop = sch.get_loops("C")[at]
    block = sch.get_block("C")
    sch.read_at(loop, block, 0, "shared")
    sch.write_at(loop, block, 0, "local")
    checked(sch)


def test_tiles_of_a_reduction() -> None:
    sch = Schedule(matmul, seed=0)
    i, j, k = sch.get_loops("C")
    k0, k1 = sch.split(k, [None, 4])
    sch.reorder(i, k0, j, k1)
    block = sch.get_block("C")
    sch.read_at(k0, block, 0, "shared")
    sch.read_at(k0, block, 1, "shared")
    sch.write_at(i, block, 0, "local")
    checked(sch)


@pytest.mark.parametrize("step", ["cache_read", "cache_write"])
def test_a_box_that_speaks_of_loops_around_the_block(step: str) -> None:
    """The cache has the buffer's shape: its copies' bodies do not see the loops outside."""
    sch = Schedule(cached_inside, seed=0, check="full")
    copy = getattr(sch, step)("B", 0, "local")
    moved = sch.get(copy).writes if step == "cache_read" else sch.get(copy).reads
    assert [e.value for e in moved[0].buffer.shape] == [8, 8]
    checked(sch)


def test_what_is_written_under_the_same_condition_can_be_copied() -> None:
    sch = Schedule(own_tiles, seed=0)
    sch.blockize(sch.get_loops("D")[3])
    sch.cache_read("D", 0, "local")
    checked(sch)


def test_read_at_copies_no_gaps() -> None:
    sch = Schedule(every_other, seed=0)
    before = sch.mod
    with pytest.raises(ScheduleError, match="not known to have been written"):
        sch.read_at(sch.get_loops("outer")[0], "outer", 0, "local")
    assert sch.mod is before


def test_write_at_of_a_reduction_begun_by_another_block() -> None:
    sch = Schedule(row_sum, seed=0)
    sch.loop_partition(sch.fuse(*sch.get_loops("S")), [1])
    before = sch.mod
    with pytest.raises(ScheduleError, match="not known to write every element"):
        sch.write_at(sch.get_loops("S_i_k_fused1")[0], "S_i_k_fused1", 0, "local")
    assert sch.mod is before


@pytest.mark.parametrize("steps", ["fuse", "split", "reorder"])
def test_write_of_a_reduction_that_is_begun_here(steps: str) -> None:
    sch = Schedule(row_sum, seed=0)
    i, k = sch.get_loops("S")
    if steps == "fuse":
        sch.fuse(i, k)
    elif steps == "split":
        sch.split(k, [None, 3])
    else:
        sch.reorder(k, i)
    sch.cache_write("S", 0, "local")
    checked(sch)


def test_a_block_reads_a_copy_of_what_it_overwrites() -> None:
    @T.prim_func
    def in_place(A: T.Buffer((8, 9), "float32"), B: T.Buffer((8, 9), "float32")):
        for i, j in T.grid(8, 9):
            with T.block("A"):
                vi, vj = T.axis.remap("SS", [i, j])
                A[vi, vj] = A[vi, vj] * T.float32(2)
        for i, j in T.grid(8, 9):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj] + T.float32(1)

    sch = Schedule(in_place, seed=0)
    copy = sch.cache_read("A", 0, "local")
    assert [sch.get(b).name_hint for b in sch.get_consumers(copy)] == ["A"]
    checked(sch)


@pytest.mark.parametrize("offset", [0, 1])
def test_a_copy_of_what_other_instances_overwrite(offset: int) -> None:
    @T.prim_func
    def running(A: T.Buffer((8, 9), "float32"), C: T.Buffer((8, 8), "float32")):
        for i, j in T.grid(8, 8):
            with T.block("A"):
                vi = T.axis.spatial(8, i)
                vj = T.axis.reduce(8, j)
                A[vi, vj * offset + offset] = A[vi, vj * offset] + C[vi, vj]

    with pytest.raises(ScheduleError, match="also writes buffer `A`, so it cannot read a copy"):
        Schedule(running, seed=0).cache_read("A", 0, "local")


@pytest.mark.parametrize("step", ["cache_write", "cache_read", "write_at"])
def test_only_what_a_condition_lets_be_written_is_copied(step: str) -> None:
    """The third turn writes nothing, but the part of its tile that lies in the buffer would be copied."""
    sch = Schedule(two_tiles, seed=0, check="full")
    if step == "write_at":
        sch.write_at(sch.get_loops("B")[0], "B", 0, "local")
    else:
        getattr(sch, step)("B" if step == "cache_write" else "C", 0, "local")
    assert sch.mod.script().count("T.where(j < 2)") == 3
    checked(sch)


def test_a_tile_that_is_left_out_but_lies_partly_inside_is_a_gap() -> None:
    sch = Schedule(tile_left_out, seed=0)
    before = sch.mod
    with pytest.raises(ScheduleError, match="not known to write every element"):
        sch.cache_write("B", 0, "local")
    assert sch.mod is before


def test_a_reduction_inside_of_a_block_copies_what_this_block_starts() -> None:
    @T.prim_func
    def wrapped(A: T.Buffer((8, 9), "float32"), B: T.Buffer((8,), "float32")):
        for i in T.parallel(8):
            for k in range(9):
                with T.block("B_o"):
                    vi, vk = T.axis.remap("SR", [i, k])
                    with T.init(), T.block("B_init"):
                        B[vi] = T.float32(0)
                    with T.block("B"):
                        B[vi] = B[vi] + A[vi, vk]

    sch = Schedule(wrapped, seed=0)
    copy = sch.cache_read("B", 0, "local")
    (region,) = sch.get(copy).writes
    assert region.buffer.shape == (1,)
    checked(sch)


def test_a_tile_under_a_loop_whose_range_speaks_of_another() -> None:
    @T.prim_func
    def triangle(A: T.Buffer((8, 9), "float32"), B: T.Buffer((8, 8), "float32")):
        for i in range(8):
            for j in range(i + 1):
                with T.block("B"):
                    vi = T.axis.spatial(8, i)
                    vj = T.axis.spatial(8, j)
                    B[vi, vj] = A[vi, vj] + A[vi, vj + 1]

    sch = Schedule(triangle, seed=0)
    copy = sch.read_at(sch.get_loops("B")[1], "B", 0, "local")
    assert [iv.dom.extent for iv in sch.get(copy).iter_vars] == [8, 8]
    checked(sch)


OWN: dict[str, Callable[[Schedule, str], Any]] = {
    "read_at": lambda sch, scope: sch.read_at(sch.get_loops("B")[0], "B", 0, scope),
    "write_at": lambda sch, scope: sch.write_at(sch.get_loops("X")[0], "X", 0, scope),
    "cache_read": lambda sch, scope: sch.cache_read("B", 0, scope),
    "cache_write": lambda sch, scope: sch.cache_write("X", 0, scope),
}


@pytest.mark.parametrize("scope", ["local", "shared", "global"])
@pytest.mark.parametrize("step", OWN)
def test_a_thread_copies_what_it_wrote_of_shared_memory(step: str, scope: str) -> None:
    sch = Schedule(own_elements, seed=0)
    OWN[step](sch, scope)
    checked(sch, threads=True)


@pytest.mark.parametrize(
    "step", [lambda sch: sch.cache_write("B", 0, "global"), lambda sch: sch.reindex("B", ("write", 0))]
)
@pytest.mark.parametrize("tiles", [[], [3, 2, 2]])
def test_rows_that_end_elsewhere_fill_no_box(step: Callable[[Schedule], Any], tiles: list[int]) -> None:
    sch = Schedule(triangle, seed=0)
    if tiles:
        sch.split(sch.get_loops("B")[0], tiles)
    with pytest.raises(ScheduleError, match="not known to write every element"):
        step(sch)


def test_rows_that_may_be_empty_fill_no_box() -> None:
    sch = Schedule(prefix_sums, seed=0)
    with pytest.raises(ScheduleError, match="not known to write every element"):
        sch.cache_write("S", 0, "global")


def test_what_a_condition_leaves_to_others_is_not_read_from_the_copy() -> None:
    @T.prim_func
    def rows(A: T.Buffer((3, 4), "float32"), Y: T.Buffer((8, 4), "float32")):
        B = T.alloc_buffer((8, 4), "float32")
        for i, j in T.grid(8, 4):
            with T.block("pad"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = T.float32(0)
        for i, j in T.grid(8, 4):
            with T.block("B"):
                vi = T.axis.spatial(3, i - 1)
                vj = T.axis.spatial(4, j)
                T.where(i >= 1 and i < 4)
                B[vi + 1, vj] = A[vi, vj]
            with T.block("Y"):
                vi, vj = T.axis.remap("SS", [i, j])
                Y[vi, vj] = B[vi, vj]

    sch = Schedule(rows)
    i, j = sch.get_loops("B")
    for loop in (i, j):
        with pytest.raises(ScheduleError, match=r"reads more of|not known to write"):
            sch.write_at(loop, "B", 0, "shared")
