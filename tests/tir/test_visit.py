"""Copies with fresh definitions."""

from tensorir import T
from tensorir.tir.buffer import decl_buffer
from tensorir.tir.expr import Var, const
from tensorir.tir.same import assert_structural_equal
from tensorir.tir.stmt import Allocate, BufferStore, loop
from tensorir.tir.visit import fresh


def test_fresh_gives_an_allocation_whose_layout_changes_a_pointer_of_its_own():
    n = Var("n")
    tile = decl_buffer((n,), name="tile")
    stmt = loop(n, 4, Allocate(tile, BufferStore(tile, const(0.0), (const(0),))))
    copy = fresh(stmt)
    assert_structural_equal(stmt, copy)
    assert copy.body.buffer is not tile and copy.body.buffer.data is not tile.data
    assert copy.body.buffer.shape[0] is copy.loop_var


def test_fresh_names_a_block_s_iterators_in_the_shapes_of_its_buffers():
    @T.prim_func
    def rows(A: T.Buffer((8,), "float32")):
        for i in range(8):
            with T.block("A"):
                vi = T.axis.spatial(8, i)
                row = T.alloc_buffer((T.max(vi, 3),), "float32")
                for j in range(T.max(vi, 3)):
                    row[j] = A[vi]
                A[vi] = row[T.max(vi, 3) - 1]

    copy = fresh(rows.body)
    assert_structural_equal(rows.body, copy)
