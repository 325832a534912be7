"""Intrinsics of processors: what is written computes what is described, everywhere, and by the instruction meant."""

import numpy as np
import pytest
from tensorir import Schedule, T, Target, TensorIntrin, UserError, build, parse
from tensorir.codegen import interpreter, intrinsics
from tensorir.codegen.intrinsics.instructions import INSTRUCTIONS
from tensorir.tir.errors import LowerError

from ..compilers import needs_compiler
from ..programs import sample

X86, ARM = intrinsics.x86.NAMES, intrinsics.arm.NAMES
HOST = Target("llvm")
PLAIN = Target("llvm", features="-avx512vnni,-avx512bf16")


def arrays(name: str, seed: int = 0) -> list[np.ndarray]:
    """Arguments; floats of one size, so that sums do not cancel to nothing."""
    rng, made = np.random.default_rng(seed), []
    for buffer in TensorIntrin.get(name).desc.buffers:
        shape, type_ = [int(e.value) for e in buffer.shape], buffer.dtype
        n = int(np.prod(shape))
        x = rng.uniform(0.5, 1, n).astype(type_.numpy) if type_.is_float else sample(str(type_), max(n, 16), seed)[:n]
        made.append(x.reshape(shape))
    return made


def run(func, target, name):
    """What a function leaves in C, on the interpreter where the target is None."""
    given = arrays(name)
    if target is None:
        interpreter.run(func, *given, sanitize=True)
    else:
        build(func, target)(*given)
    return given[-1]


def close(name, a, b):
    """Equal where the elements are integers; floats by the rounding of a sum of positive numbers."""
    if a.dtype.kind in "iu":
        np.testing.assert_array_equal(a, b)
    else:
        np.testing.assert_allclose(a, b, rtol=64 * np.finfo(a.dtype).eps)


@pytest.mark.parametrize("name", [n for n in (*X86, *ARM) if "64" not in n] + ["gemm_4x32x3_f32_avx512"])
def test_the_implementation_computes_what_the_description_says(name):
    intrin = TensorIntrin.get(name)
    want = run(intrin.desc, None, name)
    once = run(intrin.impl, None, name)
    close(name, once, want)
    for target in (HOST, PLAIN):
        np.testing.assert_array_equal(run(intrin.impl, target, name), once, err_msg=str(target))


@needs_compiler
@pytest.mark.parametrize("name", ("dot_16x4_vnni", "dot_8x2_bf16", "gemm_2x8x3_f64_avx2"))
def test_c_computes_the_same(name):
    intrin = TensorIntrin.get(name)
    np.testing.assert_array_equal(run(intrin.impl, "c", name), run(intrin.impl, None, name))


@pytest.mark.skipif(not HOST.has_any(["avx512bf16"]), reason="this CPU has no bfloat16 dot products")
def test_bfloat16_is_what_the_processor_computes_bit_by_bit():
    intrin = TensorIntrin.get("dot_16x2_bf16")
    mod, rng = build(intrin.impl), np.random.default_rng(0)
    for scale in (1, 1e-18, 1e-19, 1e-20, 1e-30, 1e18):
        a, b, c = ((rng.standard_normal(x.shape) * scale).astype(x.dtype) for x in arrays("dot_16x2_bf16"))
        want, got = c.copy(), c.copy()
        interpreter.run(intrin.impl, a, b, want)
        mod(a, b, got)
        np.testing.assert_array_equal(got.view(np.int32), want.view(np.int32))


def instruction_text(name: str, target: Target) -> str:
    return build(TensorIntrin.get(name).impl, target).source("asm")


X86_TEXT = {
    "dot_16x4_vnni": "vpdpbusd",
    "dot_8x4_vnni": "vpdpbusd",
    "dot_16x2_bf16": "vdpbf16ps",
    "dot_8x2_bf16": "vdpbf16ps",
    "gemm_8x32x64_f32_avx512": "vfmadd231ps",
    "gemm_6x8x64_f64_avx2": "vfmadd231pd",
}
ARM_TEXT = {
    "dot_4x4_i8i8s32_sdot": "sdot",
    "dot_4x4_u8u8u32_udot": "udot",
    "dot_4x4_u8i8s32_usdot": "usdot",
    "gemm_8x12x64_f32_neon": "fmla",
}


@pytest.mark.parametrize("name", X86_TEXT)
def test_x86_uses_the_instruction(name):
    cpu = "haswell" if "avx2" in name else "znver4"
    text = instruction_text(name, Target("llvm", cpu=cpu, triple="x86_64-linux-gnu"))
    assert X86_TEXT[name] in text
    if name.startswith("gemm"):
        assert "(%rsp)" not in text, "the tile is spilled"


@pytest.mark.parametrize("name", ARM_TEXT)
def test_aarch64_uses_the_instruction(name):
    text = instruction_text(name, Target("llvm", cpu="neoverse-v1", triple="aarch64-linux-gnu"))
    assert f"\t{ARM_TEXT[name]}\t" in text


@pytest.mark.parametrize("name", ("dot_4x4_i8i8s32_sdot", "dot_4x4_u8i8s32_usdot"))
def test_a_processor_without_it_computes_it_otherwise(name):
    text = instruction_text(name, Target("llvm", cpu="cortex-a53", triple="aarch64-linux-gnu"))
    assert f"\t{ARM_TEXT[name]}\t" not in text


def matmul(m: int, n: int, k: int, a: str, b: str, c: str):
    return parse(f"""
@T.prim_func
def main(A: T.Buffer(({m}, {k}), "{a}"), B: T.Buffer(({k}, {n}), "{b}"), C: T.Buffer(({m}, {n}), "{c}")):
    for i, j, k in T.grid({m}, {n}, {k}):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.{c}(0)
            C[vi, vj] = C[vi, vj] + T.Cast("{c}", A[vi, vk]) * T.Cast("{c}", B[vk, vj])
""")


@pytest.mark.parametrize(
    ("name", "types", "lanes", "group"),
    [
        ("dot_16x4_vnni", ("uint8", "int8", "int32"), 16, 4),
        ("dot_16x2_bf16", ("bfloat16", "bfloat16", "float32"), 16, 2),
        ("dot_4x4_u8u8u32_udot", ("uint8", "uint8", "uint32"), 4, 4),
    ],
)
def test_tensorize_a_matmul_over_packed_rows(name, types, lanes, group):
    sch = Schedule(matmul(6, 32, 16, *types), seed=0)
    packed = sch.reindex_cache_read("C", 1, "global", lambda i, j, k: (j // lanes, k // group, j % lanes, k % group))
    i, j, k = sch.get_loops("C")
    (j0, j1), (k0, k1) = sch.split(j, [None, lanes]), sch.split(k, [None, group])
    sch.reorder(i, j0, k0, j1, k1)
    sch.decompose_reduction("C", k0)
    sch.tensorize(j1, name)
    assert packed is not None
    sch.verify(backend="interpreter", sanitize=True)
    sch.verify(backend="llvm")


def test_tensorize_a_matmul_in_tiles():
    sch = Schedule(
        parse("""
@T.prim_func
def main(A: T.Buffer((16, 24), "float32"), B: T.Buffer((24, 64), "float32"), C: T.Buffer((16, 64), "float32")):
    for i, j, k in T.grid(16, 64, 24):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
""")
    )
    loops = [sch.split(loop, [None, f]) for loop, f in zip(sch.get_loops("C"), (8, 32, 12))]
    sch.reorder(*(outer for outer, _ in loops), *(inner for _, inner in loops))
    sch.decompose_reduction("C", loops[2][0])
    sch.tensorize(loops[0][1], "gemm_8x32x12_f32_avx512")
    sch.verify(backend="interpreter", sanitize=True)
    sch.verify(backend="llvm")


def test_names():
    assert {*X86, *ARM} <= {*TensorIntrin.names()}
    assert TensorIntrin.get("dot_16x4_vnni") is TensorIntrin.get("dot_16x4_vnni")
    for wrong in ("dot_16x4_vni", "gemm_8x30x4_f32_avx512", "gemm_8x0x4_f32_neon"):
        with pytest.raises(UserError, match=f"no intrinsic '{wrong}'; did you mean"):
            TensorIntrin.get(wrong)


def test_an_instruction_refuses_other_operands():
    @T.prim_func
    def main(A: T.Buffer((16,), "int32")):
        A[0:16] = T.call_llvm_pure_intrin("int32x16", "llvm.x86.avx512.vpdpbusd.512", A[0:16], A[0:8])

    with pytest.raises(LowerError, match="three operands"):
        build(main, PLAIN)


OPERANDS = {
    "dpbusd": ("uint8", "int8", "int32", 4),
    "dpwssd": ("int16", "int16", "int32", 2),
    "dpbf16": ("bfloat16", "bfloat16", "float32", 2),
}


@pytest.mark.parametrize("name", [n for n in INSTRUCTIONS if n.startswith("llvm.x86")])
def test_instructions_compute_their_meaning(name):
    lanes = int(name.rsplit(".", 1)[1]) // 32
    a, b, c, group = next(row for part, row in OPERANDS.items() if part in name)
    n = lanes * group
    func = parse(f"""
@T.prim_func
def main(A: T.Buffer(({n},), "{a}"), B: T.Buffer(({n},), "{b}"), C: T.Buffer(({lanes},), "{c}")):
    C[0:{lanes}] = T.call_llvm_pure_intrin("{c}x{lanes}", "{name}", C[0:{lanes}], A[0:{n}], B[0:{n}])
""")
    given = [sample(t, size, 3) for t, size in ((a, n + 16), (b, n + 16), (c, lanes + 16))]
    given = [np.nan_to_num(x[: len(x) - 16].astype("f8"), posinf=1, neginf=1).astype(x.dtype) for x in given]
    results = []
    for target in (None, HOST, PLAIN):
        x, y, z = (g.copy() for g in given)
        interpreter.run(func, x, y, z) if target is None else build(func, target)(x, y, z)
        results.append(z.view(np.int32))
    np.testing.assert_array_equal(results[1], results[0])
    np.testing.assert_array_equal(results[2], results[0])


def test_what_a_processor_has():
    assert Target("llvm", cpu="cascadelake").has_any(["avx512vnni", "avxvnni"])
    assert not Target("llvm", cpu="cascadelake", features="-avx512vnni").has_any(["avx512vnni"])
    assert Target("llvm", cpu="haswell", features="+avxvnni").has_any(["avxvnni"])
    assert not Target("llvm", cpu="haswell").has_any(["avx512f"])
    assert not Target("c").has_any(["avx512vnni"])
