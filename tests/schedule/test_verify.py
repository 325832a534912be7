"""`sch.verify()`: what it compares, and whom it blames when a step breaks the program."""

import pytest
from tensorir import Schedule, T
from tensorir.schedule import primitive as primitive_module
from tensorir.schedule.sref import BlockSRef
from tensorir.schedule.state import State
from tensorir.tir.errors import ScheduleError, UserError
from tensorir.tir.expr import FloatImm, const
from tensorir.tir.visit import Rewriter

from .programs import chain, matmul, symbolic


class Tripled(Rewriter):
    """Every float constant 2 becomes 3."""

    def visit_float_imm(self, node: FloatImm) -> object:
        return const(3.0, node.dtype) if node.value == 2 else node


def spoil(s: State, block: BlockSRef) -> None:
    """A primitive that breaks the program."""
    s.replace(block, Tripled()(block.stmt))


spoil.__annotations__ = {"s": "State", "block": "BlockSRef", "return": "None"}


@pytest.mark.parametrize("backend", ["interpreter", "llvm", "c"])
def test_the_first_guilty_step_is_named(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(primitive_module, "REGISTRY", {})
    primitive_module.primitive(spoil)
    broken = primitive_module.REGISTRY["spoil"]
    sch = Schedule(chain)
    sch.fuse(*sch.get_loops("C"))
    sch._apply(broken, (sch.get_block("B"),), {})
    sch.fuse(*sch.get_loops("D"))
    with pytest.raises(ScheduleError) as caught:
        sch.verify(backend=backend)
    text = str(caught.value)
    assert "step 3 made the difference first: sch.spoil(block=b3)" in text.replace("`", "")
    assert "`D[" in text
    assert "elements differ" in text


def test_a_right_schedule_passes() -> None:
    sch = Schedule(matmul)
    i, j, k = sch.get_loops("C")
    sch.split(k, [None, 3])
    sch.verify(trials=1, backend="interpreter", sanitize=True)
    sch.verify(trials=1, backend="llvm")


def test_what_iterations_have_for_themselves_under_a_condition() -> None:
    @T.prim_func
    def own_tails(A: T.Buffer((8,), "float32"), Y: T.Buffer((2, 3), "float32")):
        X = T.alloc_buffer((8,), "float32")
        for i in range(2):
            for j in T.parallel(3):
                for k in range(4 - i):
                    with T.block("X"):
                        v = T.axis.spatial(8, i + k)
                        X[v] = A[v]
                with T.block("Y"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    Y[vi, vj] = X[vi * 2]

    sch = Schedule(own_tails)
    sch.split(sch.get_loops("Y")[0], [2, 4])
    sch.verify(backend="interpreter", sanitize=True)


def test_arrays_have_the_strides_of_their_parameters() -> None:
    @T.prim_func
    def spread(A: T.Buffer((4, 6), "float32", strides=[8, 1]), B: T.Buffer((4, 6), "float32", strides=[1, 4])):
        for i, j in T.grid(4, 6):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj] + T.float32(1)

    sch = Schedule(spread)
    sch.reorder(*reversed(sch.get_loops("B")))
    sch.verify(backend="interpreter", sanitize=True)
    sch.verify(backend="llvm")


def test_symbolic_sizes_can_be_given() -> None:
    sch = Schedule(symbolic)
    sch.split(sch.get_loops("B")[0], [None, 4])
    sch.verify(n=1)
    sch.verify(n=13)


def test_unknown_backends_are_refused() -> None:
    with pytest.raises(ScheduleError, match="backend is 'auto', 'interpreter', 'llvm' or 'c'"):
        Schedule(matmul).verify(backend="cuda")


def test_runs_that_fail_say_so() -> None:
    @T.prim_func
    def outside(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
        for i in range(4):
            with T.block("B"):
                vi = T.axis.spatial(4, i)
                B[vi] = A[vi + 1]

    sch = Schedule(outside)
    sch.split(sch.get_loops("B")[0], [2, 2])
    with pytest.raises(UserError, match=r"`A\[4\]` is read, outside the buffer"):
        sch.verify(backend="interpreter", sanitize=True)
