"""Bindings after loops were divided and fused: as their iterator maps write them, though only some are read anew."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tensorir import Schedule, T
from tensorir.schedule.rewrite import loops_around
from tensorir.tir.arith.iter_form import iter_map_form

SIZES = (4, 1, 6, 8)


@T.prim_func
def copied(A: T.Buffer(SIZES), B: T.Buffer(SIZES)):
    for i, j, k, l in T.grid(4, 1, 6, 8):
        with T.block("B"):
            vi, vj, vk, vl = T.axis.remap("SSSS", [i, j, k, l])
            B[vi, vj, vk, vl] = A[vi, vj, vk, vl]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_bindings_read_anew_are_as_they_stand(data: st.DataObject) -> None:
    sch = Schedule(copied)
    for _ in range(data.draw(st.integers(1, 6))):
        loops = sch.get_loops("B")
        at = data.draw(st.integers(0, len(loops) - 1))
        step = data.draw(st.sampled_from(("split", "fuse", "swap")))
        if step == "split":
            extent = sch.get(loops[at]).extent.value
            inner = data.draw(st.sampled_from([n for n in range(1, extent + 1) if extent % n == 0]))
            more = data.draw(st.sampled_from(([], [1])))
            sch.split(loops[at], [None, *more, inner])
        elif step == "fuse":
            sch.fuse(*loops[at : at + data.draw(st.integers(1, 3))])
        elif at:
            sch.reorder(loops[at], loops[at - 1])
        block = sch.get_sref(sch.get_block("B"))
        realize, around = sch.state.realize(block), loops_around(block)
        anew = iter_map_form(realize.iter_values, around, around, realize.predicate)
        assert [str(e) for e in anew] == [str(e) for e in realize.iter_values]
    sch.verify(trials=1, backend="interpreter")
