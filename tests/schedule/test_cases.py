"""Every primitive on extents that factors divide and do not, on a symbolic one, and where there are more consumers.

Numbers by the interpreter, with its sanitizer, and by LLVM; the trace as Python and as JSON.
"""

import pytest
import tensorir
from tensorir import Schedule, ScheduleError, T, TensorIntrin
from tensorir.schedule.primitive import REGISTRY

from .case_programs import IN_PLACE, KINDS, PADDED, STAGES
from .checks import checked

CHANGING = sorted(name for name, p in REGISTRY.items() if not p.pure and not p.postproc)

STEPS = {
    "add_unit_loop": 'sch.add_unit_loop(sch.get_loops("R")[1])',
    "annotate": 'sch.annotate("R", "note", [1, "a"])',
    "annotate_buffer_access": 'sch.annotate_buffer_access("P", 0, "read", lambda i, k: ((i, i + 1), (k, k + 1)))',
    "bind": 'sch.bind(sch.get_loops("P")[0], "threadIdx.x")',
    "blockize": 'sch.blockize(sch.split(sch.get_loops("P")[1], [None, 4])[1])',
    "cache_index": 'sch.cache_index("E", "global")',
    "cache_inplace": 'sch.cache_inplace("U", 0, "local")',
    "cache_read": 'sch.cache_read("R", 0, "local")',
    "cache_write": 'sch.cache_write("P", 0, "local")',
    "compute_at": 'sch.compute_at("P", sch.get_loops("R")[0])',
    "compute_inline": 'sch.compute_inline("P")',
    "decompose_padding": 'sch.decompose_padding("pad", sch.get_loops("pad")[0])',
    "decompose_reduction": 'sch.decompose_reduction("R", sch.get_loops("R")[1])',
    "fuse": 'sch.fuse(*sch.get_loops("R"))',
    "fuse_reduction_epilogue": 'sch.fuse_reduction_epilogue("R", "E")',
    "loop_partition": 'sch.loop_partition(sch.get_loops("R")[1], [3, None])',
    "merge": 'sch.merge(sch.get_loops("P")[0], sch.get_loops("R")[0])',
    "pad_einsum": 'sch.pad_einsum("R", [1, 5])',
    "parallel": 'sch.parallel(sch.get_loops("R")[0])',
    "read_at": 'sch.read_at(sch.get_loops("R")[0], "R", 0, "local")',
    "reindex": 'sch.reindex("R", ("read", 0))',
    "reindex_cache_read": 'sch.reindex_cache_read("R", 0, "local", lambda i, k: (k, i))',
    "reindex_cache_write": 'sch.reindex_cache_write("P", 0, "local", lambda i, k: (k, i))',
    "reorder": 'i, k = sch.get_loops("R"); sch.reorder(k, i)',
    "reorder_block_iter_var": 'sch.reorder_block_iter_var("R", [1, 0])',
    "reverse_compute_at": 'sch.reverse_compute_at("E", sch.get_loops("R")[0])',
    "reverse_compute_inline": 'sch.reverse_compute_inline(sch.cache_write("P", 0, "global"))',
    "rfactor": 'sch.rfactor(sch.get_loops("R")[1], 0)',
    "rolling_buffer": 'sch.compute_at("pad", sch.get_loops("C")[1]); sch.rolling_buffer("pad", 0)',
    "set_scope": 'sch.set_scope("P", 0, "shared")',
    "split": 'sch.split(sch.get_loops("R")[0], [None, 4])',
    "storage_align": 'sch.storage_align("P", 0, 0, 8, 1)',
    "tensorize": 'sch.tensorize(sch.split(sch.get_loops("P")[1], [None, 4])[1], "case_double4")',
    "transform_block_layout": 'sch.transform_block_layout("P", lambda i, k: (k, i))',
    "transform_layout": 'sch.transform_layout("P", ("write", 0), lambda i, k: (k, i))',
    "unannotate": 'sch.annotate("R", "note", 1); sch.unannotate("R", "note")',
    "unroll": 'sch.unroll(sch.get_loops("R")[1])',
    "unsafe_hide_buffer_access": 'sch.unsafe_hide_buffer_access("E", "read", [1])',
    "unsafe_set_dtype": 'sch.unsafe_set_dtype("P", 0, "float64")',
    "vectorize": 'sch.vectorize(sch.get_loops("P")[1])',
    "write_at": 'sch.write_at(sch.get_loops("P")[0], "P", 0, "local")',
}
"""A step of each primitive, after those that prepare it, on the program in any of its shapes."""

PROGRAMS = {"cache_inplace": IN_PLACE, "decompose_padding": PADDED, "rolling_buffer": PADDED}
"""The program of a primitive, where it is not that of stages."""

OTHERWISE = {
    ("blockize", "imperfect"): 'sch.blockize(sch.get_loops("P")[1])',
    ("compute_at", "consumers"): 'sch.compute_at("R", sch.merge(sch.get_loops("E")[0], sch.get_loops("E2")[0]))',
}
"""Steps for a shape where those of the others do not serve."""

REFUSED = {
    ("fuse_reduction_epilogue", "consumers"): "block `E2` uses buffer `C` as well",
    ("rolling_buffer", "consumers"): "block `pad` writes what block `E2` reads",
    ("tensorize", "imperfect"): "the predicate",
}
"""What is refused there, with what the message says: the intrinsic wants four, the others the only consumer."""

THREADS = {"bind"}
"""Primitives after which a CPU backend cannot run the program."""


@pytest.fixture(scope="module", autouse=True)
def intrinsic() -> None:
    @T.prim_func
    def described(A: T.Buffer((4,), "float32", offset_factor=1), B: T.Buffer((4,), "float32", offset_factor=1)):
        with T.block("root"):
            T.reads(A[0:4])
            T.writes(B[0:4])
            for i in range(4):
                with T.block("B"):
                    vi = T.axis.spatial(4, i)
                    B[vi] = A[vi] * T.float32(2)

    TensorIntrin.register("case_double4", described, described, override=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CHANGING)
def test_case(name: str, kind: str) -> None:
    steps = OTHERWISE.get((name, kind)) or STEPS.get(name)
    assert steps, f"{name} has no step here"
    sch = Schedule(PROGRAMS.get(name, STAGES)[kind], seed=0, check="full")
    scope = {"sch": sch, "T": T, "tensorir": tensorir}
    if (name, kind) in REFUSED:
        with pytest.raises(ScheduleError, match=REFUSED[name, kind]):
            exec(steps, scope)
        return
    exec(steps, scope)
    assert name in [inst.primitive.name for inst in sch.trace.insts]
    checked(sch, threads=name in THREADS)
