"""Temporaries of kernels, and aligned arrays."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorir.codegen.runtime import arrays, native
from tensorir.tir.errors import UserError

MEBIBYTE = 1 << 20


class Memory:
    """The runtime's allocator."""

    def __init__(self) -> None:
        self.alloc = native.function("tir_alloc", ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
        self.free = native.function("tir_free", None, ctypes.c_void_p)
        self.refused = native.function("tir_refused_bytes", ctypes.c_int64)


@pytest.fixture
def memory() -> Iterator[Memory]:
    arrays.trim()
    yield Memory()
    arrays.trim()


@settings(max_examples=60, deadline=None)
@given(
    requests=st.lists(
        st.tuples(
            st.one_of(st.integers(0, 10_000), st.integers(MEBIBYTE - 2, 4 * MEBIBYTE)),
            st.sampled_from([1, 8, 64, 256, 4096]),
            st.booleans(),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_blocks_are_aligned_apart_and_keep_their_contents(requests: list[tuple[int, int, bool]]) -> None:
    memory = Memory()
    live: list[tuple[int, int, int]] = []
    for number, (size, align, free_oldest) in enumerate(requests):
        p = memory.alloc(size, align)
        assert p % align == 0
        assert all(p + size <= q or q + other <= p for q, other, _ in live)
        ctypes.memset(p, number, size)
        live.append((p, size, number))
        if free_oldest:
            memory.free(live.pop(0)[0])
        for q, other, mark in live:
            assert ctypes.string_at(q, other) == bytes([mark]) * other
    for p, _, _ in live:
        memory.free(p)


def test_large_blocks_wait_for_the_next_call(memory: Memory) -> None:
    p = memory.alloc(8 * MEBIBYTE, 64)
    memory.free(p)
    assert memory.alloc(5 * MEBIBYTE, 64) == p  # large enough, and not more than twice as large
    q = memory.alloc(8 * MEBIBYTE, 64)
    assert q != p
    memory.free(p)
    memory.free(q)
    small = memory.alloc(2 * MEBIBYTE, 64)
    assert small not in (p, q)
    memory.free(small)


def test_a_kept_block_of_weaker_alignment_is_not_reused(memory: Memory) -> None:
    blocks = [memory.alloc(2 * MEBIBYTE, 64) for _ in range(4)]
    for p in blocks:
        memory.free(p)
    p = memory.alloc(2 * MEBIBYTE, 4096)
    assert p % 4096 == 0
    memory.free(p)


def test_more_blocks_than_are_kept(memory: Memory) -> None:
    blocks = [memory.alloc(2 * MEBIBYTE, 64) for _ in range(10)]
    assert len(set(blocks)) == 10
    for p in blocks:
        memory.free(p)


@pytest.mark.parametrize("size", [-1, -(1 << 62), 1 << 60, (1 << 63) - 1])
def test_impossible_sizes_are_refused(memory: Memory, size: int) -> None:
    assert memory.alloc(size, 64) is None
    assert memory.refused() == size


def test_freeing_null_does_nothing(memory: Memory) -> None:
    memory.free(None)


def test_many_threads_allocate_at_once(memory: Memory) -> None:
    failures: list[int] = []

    def work(mark: int) -> None:
        for turn in range(300):
            size = MEBIBYTE + turn
            p = memory.alloc(size, 64)
            ctypes.memset(p, mark, 64)
            ctypes.memset(p + size - 64, mark, 64)
            if ctypes.string_at(p, 64) + ctypes.string_at(p + size - 64, 64) != bytes([mark]) * 128:
                failures.append(turn)
            memory.free(p)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize("align", [1, 2, 16, 64, 4096])
@pytest.mark.parametrize("shape", [(), 5, (0,), (3, 5), (2, 0, 3)])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "bool", "int4", np.float64])
def test_empty(align: int, shape: int | tuple[int, ...], dtype: object) -> None:
    a = arrays.empty(shape, dtype, align)
    assert a.__array_interface__["data"][0] % align == 0
    assert a.shape == ((shape,) if isinstance(shape, int) else shape)
    assert a.dtype == np.dtype({"int4": "int8"}.get(str(dtype), a.dtype))
    assert a.flags.c_contiguous
    assert a.flags.writeable
    a[...] = 1


@pytest.mark.parametrize("align", [0, 3, -64, 8192, 2.0])
def test_an_impossible_alignment_is_refused(align: object) -> None:
    with pytest.raises(UserError) as error:
        arrays.empty(3, "float32", align)  # type: ignore[arg-type]
    assert str(error.value) == f"align must be a power of two from 1 to 4096, not {align!r}"
