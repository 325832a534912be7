"""tensorize: blocks and loops, views of parts of larger buffers, and what differs when it is refused."""

import pytest
from tensorir import Schedule, ScheduleError, T, TensorIntrin, UserError, assert_structural_equal
from tensorir.schedule.trace import Trace

from ..programs_blocks import MMA4, dot4, matmul16, mma4, mma4_impl


@T.prim_func
def batched(A: T.Buffer((3, 8, 8), "float32"), B: T.Buffer((3, 8, 8), "float32"), C: T.Buffer((3, 8, 8), "float32")):
    for b, i, j, k in T.grid(3, 8, 8, 8):
        with T.block("C"):
            vb, vi, vj, vk = T.axis.remap("SSSR", [b, i, j, k])
            with T.init():
                C[vb, vi, vj] = T.float32(0)
            C[vb, vi, vj] = C[vb, vi, vj] + B[vb, vk, vj] * A[vb, vi, vk]


def tiled(program: object, order: str = "ijk") -> tuple[Schedule, list, list]:
    """The matmul in tiles of 4x4x4, the inner loops in the order given; (schedule, outer loops, inner loops)."""
    sch = Schedule(program, seed=0)
    *_, i, j, k = sch.get_loops("C")
    pairs = [sch.split(loop, [None, 4]) for loop in (i, j, k)]
    inner = [pairs["ijk".index(name)][1] for name in order]
    sch.reorder(*(outer for outer, _ in pairs), *inner)
    return sch, [outer for outer, _ in pairs], inner


def checked(sch: Schedule) -> None:
    """References, numbers on the interpreter and on LLVM, text, and the trace."""
    sch.state.check()
    sch.verify(backend="interpreter", sanitize=True)
    sch.verify(backend="llvm")
    again = Schedule(sch.original, seed=1)
    Trace.from_json(sch.trace.dumps()).apply_to(again)
    assert_structural_equal(again.mod, sch.mod)


@pytest.mark.parametrize("program", [matmul16, batched], ids=lambda f: f.name)
def test_a_loop(program: object) -> None:
    sch, _, inner = tiled(program)
    sch.tensorize(inner[0], "test.mma4")
    checked(sch)


@pytest.mark.parametrize("program", [matmul16, batched], ids=lambda f: f.name)
def test_a_block_after_decomposing(program: object) -> None:
    sch, outer, inner = tiled(program)
    block = sch.blockize(inner[0])
    sch.decompose_reduction(block, outer[2])
    sch.tensorize(block, MMA4)
    assert sch.trace.insts[-1].attributes["tensor_intrin"] == "test.mma4"
    checked(sch)


def test_an_intrinsic_that_is_not_registered_stands_in_the_trace() -> None:
    sch, _, inner = tiled(matmul16)
    sch.tensorize(inner[0], TensorIntrin(mma4, mma4_impl))
    checked(sch)


def test_a_scalar_result() -> None:
    @T.prim_func
    def matvec(A: T.Buffer((6, 16), "float32"), B: T.Buffer((16,), "float32"), C: T.Buffer((6,), "float32")):
        for i, k in T.grid(6, 16):
            with T.block("C"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    C[vi] = T.float32(0)
                C[vi] = C[vi] + A[vi, vk] * B[vk]

    sch = Schedule(matvec, seed=0)
    _, k = sch.get_loops("C")
    _, k1 = sch.split(k, [None, 4])
    sch.tensorize(k1, TensorIntrin(dot4, dot4))
    checked(sch)


def test_a_column_is_no_row() -> None:
    sch = Schedule(matmul16, seed=0)
    _, _, k = sch.get_loops("C")
    _, k1 = sch.split(k, [None, 4])
    text = str(reason(sch, k1, TensorIntrin(dot4, dot4)))
    assert "dimension 0 of `B` is at `k_1` in the block, where the intrinsic is at `0`" in text


def test_a_loop_of_one_iteration_does_not_matter() -> None:
    sch, _, inner = tiled(matmul16)
    sch.add_unit_loop(inner[1])
    sch.tensorize(inner[0], "test.mma4")
    checked(sch)


def reason(sch: Schedule, loop: object, intrin: TensorIntrin = MMA4) -> ScheduleError:
    """Why tensorizing is refused; the program must be as it was."""
    before = sch.mod
    with pytest.raises(ScheduleError) as caught:
        sch.tensorize(loop, intrin)
    assert sch.mod is before
    sch.state.check()
    return caught.value


def test_extents() -> None:
    sch = Schedule(matmul16, seed=0)
    error = reason(sch, sch.get_loops("C")[0])
    assert "the loop runs 16 times, the intrinsic's 4 times" in str(error)
    assert error.hint == "split `i` by [None, 4], reorder, and tensorize the inner loops"


def test_order() -> None:
    sch, _, inner = tiled(matmul16, "jik")
    error = reason(sch, inner[0])
    assert "dimension 0 of `C` is at `i_1` in the block, where the intrinsic is at `j_1`" in str(error)
    assert error.hint == "reorder the loops: reorder(i_1, j_1, k_1)"
    sch.reorder(*(inner["jik".index(name)] for name in "ijk"))
    sch.tensorize(inner["jik".index("i")], MMA4)
    checked(sch)


@T.prim_func
def transposed(A: T.Buffer((16, 16), "float32"), B: T.Buffer((16, 16), "float32"), C: T.Buffer((16, 16), "float32")):
    for i, j, k in T.grid(16, 16, 16):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vj, vk]


def test_a_transposed_operand() -> None:
    sch, _, inner = tiled(transposed)
    error = reason(sch, inner[0])
    assert "dimension 0 of `B` is at `j_1` in the block, where the intrinsic is at `k_1`" in str(error)
    assert error.hint.endswith("cache it and transform_layout the cache by lambda i0, i1: (i1, i0)")
    sch = Schedule(transposed, seed=0)
    sch.cache_read("C", 1, "global")
    sch.transform_layout("C", "B_global", lambda i0, i1: (i1, i0))
    loops = [sch.split(loop, [None, 4]) for loop in sch.get_loops("C")]
    sch.reorder(*(outer for outer, _ in loops), *(inner for _, inner in loops))
    sch.tensorize(loops[0][1], MMA4)
    checked(sch)


def test_an_intrinsic_that_starts_its_reduction() -> None:
    @T.prim_func
    def dot(a: T.handle, b: T.handle, c: T.handle):
        A = T.match_buffer(a, (4,), "float32")
        B = T.match_buffer(b, (4,), "float32")
        C = T.match_buffer(c, (1,), "float32")
        with T.block("root"):
            T.reads(A[0:4], B[0:4])
            T.writes(C[0])
            for k in range(4):
                with T.block("update"):
                    vk = T.axis.reduce(4, k)
                    with T.init():
                        C[0] = T.float32(0)
                    C[0] = C[0] + A[vk] * B[vk]

    sch, _, inner = tiled(transposed)
    error = reason(sch, inner[2], TensorIntrin(dot, dot))
    assert "the block does not start its reduction, as the intrinsic does" in str(error)
    assert "use an intrinsic without T.init()" in error.hint


def test_other_computations() -> None:
    @T.prim_func
    def differs(A: T.Buffer((4, 4), "float32"), B: T.Buffer((4, 4), "float32"), C: T.Buffer((4, 4), "float32")):
        for i, j, k in T.grid(4, 4, 4):
            with T.block("C"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                C[vi, vj] = C[vi, vj] + (A[vi, vk] - B[vk, vj])

    sch = Schedule(differs, seed=0)
    text = str(reason(sch, sch.get_loops("C")[0]))
    assert "where the intrinsic computes `A[vi, vk] * B[vk, vj]`" in text
    assert "the program" in text
    assert "| the intrinsic" in text


def test_scopes_and_types() -> None:
    @T.prim_func
    def shared(a: T.handle, b: T.handle):
        A = T.match_buffer(a, (4,), "float32", scope="shared")
        B = T.match_buffer(b, (4,), "float32")
        with T.block("root"):
            T.reads(A[0:4])
            T.writes(B[0:4])
            for i in range(4):
                with T.block("copy"):
                    vi = T.axis.spatial(4, i)
                    B[vi] = A[vi]

    @T.prim_func
    def copy(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
        for i in range(4):
            with T.block("B"):
                vi = T.axis.spatial(4, i)
                B[vi] = A[vi]

    @T.prim_func
    def copy_half(A: T.Buffer((4,), "float16"), B: T.Buffer((4,), "float16")):
        for i in range(4):
            with T.block("B"):
                vi = T.axis.spatial(4, i)
                B[vi] = A[vi]

    sch = Schedule(copy, seed=0)
    error = reason(sch, sch.get_loops("B")[0], TensorIntrin(shared, shared))
    assert "`A` lies in 'global', `A` in 'shared'" in str(error)
    assert "cache_read" in error.hint
    sch = Schedule(copy_half, seed=0)
    error = reason(sch, sch.get_loops("B")[0], TensorIntrin(shared, shared))
    assert "holds float16" in str(error)
    assert "use an intrinsic for float16" in error.hint


def test_the_registry() -> None:
    assert TensorIntrin.get("test.mma4") is MMA4
    with pytest.raises(UserError, match="already"):
        TensorIntrin.register("test.mma4", mma4, mma4_impl)
    with pytest.raises(UserError, match=r"did you mean 'test\.mma4'"):
        TensorIntrin.get("test.mma")
    with pytest.raises(UserError, match="differ"):
        TensorIntrin(mma4, dot4)
    with pytest.raises(UserError, match="one block that declares"):
        TensorIntrin(matmul16, matmul16)
    with pytest.raises(UserError, match="take the same buffers"):
        TensorIntrin(mma4, T.prim_func(_two))


def _two(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
    with T.block("root"):
        T.reads(A[0:4])
        T.writes(B[0:4])
        B[0] = A[0]
