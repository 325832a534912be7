"""What each rule decides on, what it leaves alone, and rules of a user's own."""

import pytest
import tensorir
from tensorir import T, Target
from tensorir.meta_schedule.replay import replay
from tensorir.meta_schedule.rules import DEFAULTS, default_rules, named_rule, rule
from tensorir.meta_schedule.space import design_space
from tensorir.script import workloads

from ..schedule import programs, programs_blocks, programs_buffers
from .candidates import quantized_matmul

SERVER = Target("llvm", cpu="znver4", num_threads=2)


def texts(program: tensorir.PrimFunc, *names: str, target: Target = SERVER) -> list[str]:
    return [s.mod.script() for s in design_space(program, target, rules=[named_rule(name) for name in names])]


def first(program: tensorir.PrimFunc, target: Target = SERVER) -> str:
    (sketch, *_) = design_space(program, target)
    return replay(program, sketch.trace, target).mod.script()


@T.prim_func
def grey_blur(image: T.Buffer((2, 10, 18), "float32"), blur: T.Buffer((8, 16), "float32")):
    grey = T.alloc_buffer((10, 18), "float32")
    for y, x in T.grid(10, 18):
        with T.block("grey"):
            vy, vx = T.axis.remap("SS", [y, x])
            grey[vy, vx] = image[0, vy, vx] * T.float32(0.3) + image[1, vy, vx] * T.float32(0.7)
    for y, x in T.grid(8, 16):
        with T.block("blur"):
            vy, vx = T.axis.remap("SS", [y, x])
            blur[vy, vx] = grey[vy, vx] + grey[vy + 1, vx + 1] + grey[vy + 2, vx + 2]


def test_cheap_stages_are_inlined() -> None:
    (text,) = texts(workloads.layer_norm(4, 16), "auto_inline")
    assert '"centred"' not in text


@pytest.mark.parametrize("stage", ["exp", "pad", "blur_x", "grey"])
def test_stages_that_would_be_computed_again_are_not_inlined(stage: str) -> None:
    programs = {
        "exp": workloads.softmax(4, 16),
        "pad": workloads.conv2d_nhwc(1, 6, 6, 4, 4, 3, 1, 1),
        "blur_x": workloads.separable_blur(8, 16),
        "grey": grey_blur,
    }
    (text,) = texts(programs[stage], "auto_inline")
    assert f'"{stage}"' in text


def test_packed_operands_keep_the_interface() -> None:
    program = workloads.matmul(64, 128, 32)
    text = first(program)
    assert "B_global = T.alloc_buffer((2, 32, 64)" in text, "panels of 64 columns, row after row"
    for line in program.script().splitlines()[1:2]:
        assert line.split("def ")[-1] in text


def test_a_tile_fills_registers_and_no_more() -> None:
    for cpu, vectors in (("znver4", 32), ("haswell", 16)):
        target = Target("llvm", cpu=cpu, num_threads=2)
        (sketch, *_) = design_space(workloads.matmul(256, 256, 256), target)
        columns, rows = (d for d in sketch.trace.decisions.values() if isinstance(d, list) and len(d) == 4)
        results = rows[-1] * columns[-1] * 32 // target.vector_bits
        assert 8 <= results <= vectors - columns[-1] * 32 // target.vector_bits - 1


def test_weights_of_channels_first_are_packed_along_the_channels() -> None:
    program = workloads.conv2d_nchw(1, 16, 8, 8, 32, 3, 1, 1)
    sketches = design_space(program, SERVER)
    assert any("W_global" in s.mod.script() for s in sketches)
    assert any("W_global" not in s.mod.script() for s in sketches)


def test_the_consumer_takes_the_results_of_a_tile() -> None:
    text = first(workloads.matmul_relu(256, 256, 256))
    assert "C_local" in text
    assert text.count("T.parallel") == 2, "the packing and the product with its relu"


def test_rows_are_fused_and_reduced_by_vectors() -> None:
    text = first(workloads.softmax(256, 1024))
    assert text.count("T.parallel") == 1
    assert "max_rf" in text
    assert "sum_rf" in text


def test_one_long_sum_is_cut_into_parts() -> None:
    text = first(workloads.row_sum(1, 1 << 20))
    assert "T.parallel(16)" in text


@T.prim_func
def gemv(A: T.Buffer((256, 512), "float32"), X: T.Buffer((512,), "float32"), Y: T.Buffer((256,), "float32")):
    for i, k in T.grid(256, 512):
        with T.block("Y"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                Y[vi] = T.float32(0)
            Y[vi] = Y[vi] + A[vi, vk] * X[vk]


@T.prim_func
def gemv_by_columns(A: T.Buffer((512, 256), "float32"), X: T.Buffer((512,), "float32"), Y: T.Buffer((256,), "float32")):
    for i, k in T.grid(256, 512):
        with T.block("Y"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                Y[vi] = T.float32(0)
            Y[vi] = Y[vi] + A[vk, vi] * X[vk]


@pytest.mark.parametrize("program, made", [(gemv, "rfactor"), (gemv_by_columns, "cache_write")])
def test_a_matrix_that_is_read_once_is_not_tiled(program: tensorir.PrimFunc, made: str) -> None:
    (sketch,) = design_space(program, SERVER)
    assert made in {inst.primitive.name for inst in sketch.trace.insts}
    text = replay(program, sketch.trace, SERVER).mod.script()
    assert "T.vectorized" in text and "A_pack" not in text


def test_odd_products_are_padded() -> None:
    program = workloads.matmul(67, 97, 33)
    padded, plain = texts(program, "pad_odd")
    assert "T.grid(72, 128, 33)" in padded
    assert "_pad" not in plain
    (sketch, *_) = design_space(program, SERVER)
    candidate = replay(program, sketch.trace, "llvm")
    assert "B_pad = T.alloc_buffer((2, 33, 64)" in candidate.mod.script(), "the padded copy is the packed one"
    candidate.verify(trials=1, backend="llvm")


def test_a_transposition_is_tiled() -> None:
    text = first(workloads.transpose(512, 512))
    assert "T.vectorized(8)" in text


def test_a_stencil_is_computed_in_strips() -> None:
    (sketch,) = design_space(workloads.separable_blur(64, 128), SERVER)
    names = [inst.primitive.name for inst in sketch.trace.insts]
    assert "sample_perfect_tile" in names
    assert "compute_at" in names


@pytest.mark.parametrize(
    ("cpu", "types", "intrinsic"),
    [
        ("znver4", ("uint8", "int8", "int32"), "vpdpbusd.512"),
        ("znver4", ("bfloat16", "bfloat16", "float32"), "dpbf16ps.512"),
        ("skylake-avx512", ("uint8", "int8", "int32"), None),
        ("znver4", ("int8", "int8", "int32"), None),
        ("neoverse-v1", ("int8", "int8", "int32"), "neon.sdot"),
    ],
)
def test_dot_products_of_the_processor(cpu: str, types: tuple[str, str, str], intrinsic: str | None) -> None:
    text = first(quantized_matmul(32, 64, 32, *types), Target("llvm", cpu=cpu, num_threads=2))
    assert ("call_llvm_pure_intrin" in text) == (intrinsic is not None)
    assert intrinsic is None or intrinsic in text


def test_rules_of_ones_own() -> None:
    seen = []

    @rule(kinds=("llvm",))
    def watch(sch, block, ctx):
        seen.append(sch.get(block).name_hint)
        return [sch]

    @rule(kinds=("cuda",))
    def other(sch, block, ctx):
        raise AssertionError("not for this target")

    sketches = design_space(workloads.softmax(4, 16), SERVER, rules=[watch, other])
    assert seen == ["softmax", "sum", "exp", "max"]
    assert len(sketches) == 1


def test_a_function_with_sampling_calls_is_a_space() -> None:
    def space(sch: tensorir.Schedule) -> list[tensorir.Schedule]:
        loop = sch.get_loops("Y")[0]
        sch.split(loop, sch.sample_perfect_tile(loop, 2))
        return [sch, sch.copy()]

    program = workloads.relu(8, 8)
    assert len(design_space(program, SERVER, rules=space)) == 2


def test_what_is_no_rule_is_refused() -> None:
    with pytest.raises(tensorir.UserError, match="a rule is a function under @rule"):
        design_space(workloads.relu(8, 8), SERVER, rules=[lambda sch, block, ctx: [sch]])
    with pytest.raises(tensorir.UserError, match="there is no rule 'auto_outline'; there are add_rfactor"):
        named_rule("auto_outline")


@pytest.mark.parametrize("kind", DEFAULTS)
def test_every_rule_named_is_there(kind: str) -> None:
    assert [r.name for r in default_rules(kind)] == list(DEFAULTS[kind])


@pytest.mark.parametrize("target", ["llvm", "cuda"])
@pytest.mark.parametrize("name", ["overwritten", "loop_carried", "reduced_index", "shifted_sum", "growing_sum"])
def test_unusual_programs_stay_what_they_are(name: str, target: str) -> None:
    program = next(p for m in (programs, programs_blocks, programs_buffers) if (p := getattr(m, name, None)))
    tensorir.default_schedule(program, target, seconds=0.05).verify(trials=1, backend="interpreter")
