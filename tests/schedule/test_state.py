"""The state of a schedule: references survive the replacement of what they refer to."""

from tensorir import Schedule, assert_structural_equal, parse

BEFORE = """
@T.prim_func
def main(A: T.Buffer((16,), "float32"), C: T.Buffer((16,), "float32")):
    B = T.alloc_buffer((16,), "float32")
    for i in range(16):
        with T.block("B"):
            vi = T.axis.spatial(16, i)
            B[vi] = A[vi] * T.float32(2)
    for i in range(16):
        with T.block("C"):
            vi = T.axis.spatial(16, i)
            C[vi] = B[vi] + T.float32(1)
"""
AFTER = """
@T.prim_func
def main(A: T.Buffer((16,), "float32"), C: T.Buffer((16,), "float32")):
    for i_0, i_1 in T.grid(4, 4):
        with T.block("C"):
            vi = T.axis.spatial(16, i_0 * 4 + i_1)
            C[vi] = A[vi] * T.float32(2) + T.float32(1)
"""


def test_the_root_block_keeps_its_reference_when_it_is_replaced() -> None:
    sch = Schedule(parse(BEFORE))
    root = sch.state.roots["main"]
    sch.compute_inline("B")
    assert root.removed_at is None
    assert sch.state.srefs[root.stmt] is root
    (loop,) = sch.get_loops("C")
    sch.split(loop, [4, 4])
    assert_structural_equal(sch.func, parse(AFTER))
