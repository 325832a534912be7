"""Caches and moves around blocks whose loops run past their domains: a predicate on a reduction leaves no gap."""

import pytest
from tensorir import Schedule
from tensorir.script import workloads

from .programs import matmul


def test_a_cache_of_a_reduction_split_unevenly() -> None:
    sch = Schedule(matmul)
    i, _, k = sch.get_loops("C")
    i_0, i_1 = sch.split(i, [None, 4])
    k_0, _ = sch.split(k, [None, 4])
    sch.reorder(i_0, k_0, i_1)
    cache = sch.cache_write("C", 0, "local")
    sch.reverse_compute_at(cache, i_0)
    sch.verify(trials=1, backend="interpreter", sanitize=True)


def test_cooperative_fetching_in_vectors() -> None:
    sch = Schedule(matmul)
    i, j, k = sch.get_loops("C")
    k_0, k_1 = sch.split(k, [None, 4])
    sch.reorder(k_0, i, j, k_1)
    shared = sch.cache_read("C", 0, "shared")
    sch.compute_at(shared, k_0, preserve_unit_loops=True)
    _, _, lanes = sch.split(sch.fuse(*sch.get_loops(shared)[-2:]), [2, 2, None])
    sch.vectorize(lanes)
    sch.verify(trials=1, backend="interpreter", sanitize=True)


@pytest.mark.parametrize(("m", "n", "threads"), [(18, 33, 256), (7, 13, 12), (5, 3, 4)])
def test_threads_share_fused_loops_unevenly(m: int, n: int, threads: int) -> None:
    sch = Schedule(workloads.transpose(m, n))
    outer, inner = sch.split(sch.fuse(*sch.get_loops("Y")), [None, threads])
    sch.bind(outer, "blockIdx.x")
    sch.bind(inner, "threadIdx.x")
    sch.verify(backend="interpreter", sanitize=True)
