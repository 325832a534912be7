"""`Schedule` itself: handles, copies, undo, history, module-level schedules, traces."""

import pytest
from tensorir import Schedule, T, Trace, UserError, assert_structural_equal
from tensorir.schedule.primitive import REGISTRY
from tensorir.tir.errors import ScheduleError
from tensorir.tir.function import IRModule
from tensorir.tir.stmt import Block, For

from .programs import chain, elementwise, matmul


def test_handles_follow_their_statements() -> None:
    sch = Schedule(matmul)
    block = sch.get_block("C")
    i, j, k = sch.get_loops(block)
    assert isinstance(sch.get(block), Block)
    assert isinstance(sch.get(i), For)
    outer, inner = sch.split(j, [None, 4])
    assert sch.get(i).body is sch.get(outer)
    assert sch.get_loops(block) != [i, outer, inner, k], "each call gives new handles"
    assert [sch.get(loop) for loop in sch.get_loops(block)] == [sch.get(loop) for loop in (i, outer, inner, k)]
    assert repr(outer) == "LoopRV(j_0)"


def test_the_original_is_not_changed() -> None:
    before = matmul.script()
    sch = Schedule(matmul)
    sch.split(sch.get_loops("C")[0], [None, 4])
    assert matmul.script() == before
    assert sch.mod["matmul"] is not matmul


def test_copies_are_independent_and_share_handles() -> None:
    sch = Schedule(matmul, seed=3)
    block = sch.get_block("C")
    i, j, k = sch.get_loops(block)
    sch.split(k, [None, 2])
    twin = sch.copy()
    twin.reorder(j, i)
    assert sch.mod is not twin.mod
    assert sch.get(i).body is sch.get(j)
    assert twin.get(j).body is twin.get(i)
    with pytest.raises(ScheduleError, match="is gone: step"):
        twin.get(k)
    sch.state.check()
    twin.state.check()
    sch.parallel(i)
    assert twin.get(i).kind.value == "serial"


def test_handles_of_another_schedule_are_refused() -> None:
    sch, other = Schedule(matmul), Schedule(matmul)
    with pytest.raises(ScheduleError, match="belongs to another schedule"):
        sch.get(other.get_block("C"))


def test_references_and_statements() -> None:
    sch, other = Schedule(matmul), Schedule(matmul)
    block = sch.get_sblock("C")
    i, *_ = sch.get_loops(block)
    loop = sch.get(i)
    assert sch.get(sch.get_sref(block)) is sch.get(block)
    assert sch.get_sref(sch.get(block)) is sch.get_sref(block)
    assert sch.get_sref(loop) is sch.get_sref(i)
    sch.split(i, [None, 4])
    with pytest.raises(ScheduleError, match=r"loop `i` .* is not in the program as it is now"):
        sch.get_sref(loop)
    with pytest.raises(ScheduleError, match="is a reference of another schedule"):
        sch.get(other.get_sref(other.get_block("C")))


def test_handles_that_were_forgotten() -> None:
    sch = Schedule(matmul, seed=0)
    block = sch.get_block("C")
    i, *_ = sch.get_loops(block)
    outer, inner = sch.sample_perfect_tile(i, 2, decision=[17, 1])
    sch.remove_rv(block)
    sch.remove_rv(outer)
    for use in (lambda: sch.get(block), lambda: sch.split(i, [outer, inner]), lambda: sch.copy().get(block)):
        with pytest.raises(ScheduleError, match="was forgotten, by remove_rv"):
            use()
    with pytest.raises(ScheduleError, match="belongs to another schedule"):
        sch.remove_rv(Schedule(matmul).get_block("C"))


def test_how_much_a_refusal_shows() -> None:
    def said(**options: str) -> str:
        sch = Schedule(matmul, **options).copy()
        with pytest.raises(ScheduleError) as caught:
            sch.vectorize(sch.get_loops("C")[2])
        return str(caught.value)

    assert said().startswith(said(error_render_level="fast"))
    assert "with T.block" in said()
    assert "with T.block" not in said(error_render_level="fast")
    assert said(error_render_level="none") == said(error_render_level="fast")
    with pytest.raises(UserError, match="error_render_level is 'detail', 'fast' or 'none'"):
        said(error_render_level="loud")


def test_seeds() -> None:
    with pytest.raises(UserError, match=r"a seed is an integer, got float 1\.5"):
        Schedule(matmul, seed=1.5)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="a seed is an integer, got str 'x'"):
        Schedule(matmul).copy(seed="x")  # type: ignore[arg-type]
    drawn = {Schedule(matmul, seed=seed).fork_seed() for seed in (-1, -1, None, None)}
    assert len(drawn) > 1
    assert Schedule(matmul, seed=7).fork_seed() == Schedule(matmul, seed=7).fork_seed()


def test_options_by_the_names_of_apache_tvm() -> None:
    assert [Schedule(matmul, debug_mask=mask).check for mask in ("all", "none", 3, 0)] == ["full", "none"] * 2
    with pytest.raises(UserError, match="debug_mask is 'all', 'none' or a number, got str 'some'"):
        Schedule(matmul, debug_mask="some")
    unchecked = Schedule(matmul, enable_check=False)
    with pytest.raises(ScheduleError, match="it drives the reduce axis"):
        unchecked.parallel(unchecked.get_loops("C")[2])


def test_undo_revives_handles() -> None:
    sch = Schedule(matmul)
    i, *_ = sch.get_loops("C")
    a, b = sch.split(i, [None, 4])
    sch.undo()
    assert sch.get(i).loop_var.name == "i"
    with pytest.raises(ScheduleError, match="the step that made it was undone"):
        sch.get(a)
    sch.redo()
    assert sch.get(b).loop_var.name == "i_1"
    sch.undo()
    sch.parallel(i)
    with pytest.raises(ScheduleError, match="cannot redo 1 steps: 0 were undone"):
        sch.redo()


def test_history() -> None:
    sch = Schedule(elementwise)
    i, j = sch.get_loops("B")
    sch.fuse(i, j)
    assert sch.module_at(0) is sch.module_at(1) is sch.original
    assert sch.module_at(2) is sch.mod
    text = str(sch.diff())
    assert "-        for i, j in T.grid(16, 12):" in text
    assert "+        for i_j_fused in range(192):" in text


def test_modules_of_several_functions() -> None:
    sch = Schedule(IRModule({"a": elementwise.with_name("a"), "b": chain.with_name("b")}))
    with pytest.raises(ScheduleError, match="several functions"):
        sch.get_block("B")
    assert sch.get(sch.get_block("B", func_name="a")) is not sch.get(sch.get_block("B", func_name="b"))
    sch.work_on("b")
    assert sch.get(sch.get_block("D")).name_hint == "D"
    sch.compute_inline("B")
    assert sch.mod["a"] is sch.original["a"]
    sch.verify()


def test_producers_consumers_outputs() -> None:
    sch = Schedule(chain)
    names = lambda blocks: [sch.get(b).name_hint for b in blocks]  # noqa: E731
    assert names(sch.get_producers("D")) == ["B", "C"]
    assert names(sch.get_consumers("B")) == ["C", "D"]
    assert names(sch.get_output_blocks("root")) == ["D"]
    assert names(sch.get_child_blocks("root")) == ["B", "C", "D"]
    assert names(sch.get_child_blocks(sch.get_loops("C")[0])) == ["C"]


def test_nothing_to_schedule() -> None:
    @T.prim_func
    def lowered(A: T.Buffer((4,), "float32")):
        for i in range(4):
            A[i] = T.float32(0)

    with pytest.raises(UserError, match="nothing to schedule"):
        Schedule(lowered)
    with pytest.raises(UserError, match="expected a function"):
        Schedule(3)
    with pytest.raises(UserError, match="check is 'none' or 'full'"):
        Schedule(matmul, check="some")


def test_traces_simplify() -> None:
    sch = Schedule(matmul)
    sch.get_block("C")
    block = sch.get_block("C")
    i, *_ = sch.get_loops(block)
    sch.get_loops(block)
    sch.parallel(i)
    sch.enter_postproc()
    sch.annotate(block, "note", [1, {"a": "b"}])
    assert [inst.primitive.name for inst in sch.trace.simplified(remove_postproc=True).insts] == [
        "get_block", "get_loops", "parallel",
    ]  # fmt: skip
    again = Schedule(matmul)
    sch.trace.simplified().apply_to(again)
    assert_structural_equal(again.mod, sch.mod)
    loaded = Trace.from_json(sch.trace.dumps())
    assert loaded.as_python() == sch.trace.as_python()


@pytest.mark.parametrize(
    "text", ["", "{}", "3", "[[1]]", '[["no_such", [], {}, [], true, null]]', '[["split", "x", {}, [], 1]]']
)
def test_what_is_no_trace(text: str) -> None:
    with pytest.raises(UserError):
        Trace.from_json(text)


def test_a_trace_of_another_program_is_refused_where_it_does_not_fit() -> None:
    sch = Schedule(matmul)
    sch.split(sch.get_loops("C")[0], [None, 4])
    with pytest.raises(ScheduleError, match="has no block `C`"):
        sch.trace.apply_to(Schedule(elementwise))


def test_decisions_belong_to_sampling_steps() -> None:
    sch = Schedule(matmul)
    sch.get_block("C")
    with pytest.raises(UserError, match="takes no decision"):
        sch.trace.with_decision(0, 1)


def test_traces_as_tvm_handles_them() -> None:
    sch = Schedule(matmul, seed=0)
    i, j, _ = sch.get_loops("C")
    sch.split(i, sch.sample_perfect_tile(i, 2, decision=[17, 1]))
    sch.enter_postproc()
    sch.parallel(j)
    trace = sch.trace
    sampling = trace.insts[1]
    assert trace.get_decision(sampling) == [17, 1]
    assert "parallel" in trace.as_python()
    assert "parallel" not in trace.as_python(remove_postproc=True)

    changed = trace.with_decision(sampling, [1, 17], remove_postproc=True)
    assert changed.decisions == {1: [1, 17]}
    by_json, by_provider = Schedule(matmul), Schedule(matmul)
    Trace.apply_json_to_schedule(changed.as_json(), by_json)
    asked = []

    def provide(inst: object, inputs: list, attributes: list, decision: object) -> list[int]:
        asked.append((inst, inputs[0], attributes, decision))
        return [1, 17]

    trace.apply_to_schedule(by_provider, True, provide)
    assert asked == [(sampling, i, [2, 16], [17, 1])]
    assert by_provider.trace.as_json() == by_json.trace.as_json() == changed.as_json()
    with pytest.raises(UserError, match=r"the trace has no such step: .*sample_perfect_tile"):
        trace.get_decision(by_json.trace.insts[1])

    copied = Trace()
    assert copied.pop() is None
    for inst in trace.insts:
        copied.append(inst, [1, 17] if inst is sampling else None)
    assert copied.pop().primitive.name == "parallel"
    assert copied.simplified(remove_postproc=True).as_json() == changed.as_json()


def test_every_primitive_is_a_method() -> None:
    assert all(callable(getattr(Schedule, name)) for name in REGISTRY)


def test_writing_on_is_consuming() -> None:
    @T.prim_func
    def halves(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32")):
        for i in range(4):
            with T.block("low"):
                vi = T.axis.spatial(4, i)
                B[vi] = A[vi]
        for i in range(4):
            with T.block("high"):
                vi = T.axis.spatial(4, i)
                B[vi + 4] = A[vi + 4]

    sch = Schedule(halves)
    assert [sch.get(b).name_hint for b in sch.get_producers("high")] == ["low"]
    assert [sch.get(b).name_hint for b in sch.get_consumers("low")] == ["high"]


def test_the_same_annotation_again() -> None:
    sch = Schedule(elementwise)
    sch.annotate("B", "note", [1, "a"])
    before = sch.mod
    sch.annotate("B", "note", [1, "a"])
    assert sch.mod is before


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (lambda sch: sch.undo("all"), "`steps` is to be of type int, got str 'all'"),
        (lambda sch: sch.redo(None), "`steps` is to be of type int, got None"),
        (lambda sch: sch.module_at(1.5), "`step` is to be of type int, got float 1.5"),
        (lambda sch: sch.diff([1]), "`step` is to be of type int, got list [1]"),
        (lambda sch: sch.work_on([]), "`func_name` is to be of type str, got list []"),
        (lambda sch: sch.get_sref([]), "a handle of a block or a loop is expected, got list []"),
        (lambda sch: sch.remove_rv({}), "a handle is expected, got dict {}"),
        (lambda sch: sch.bind_default(max_threads="many"), "`max_threads` is to be of type int, got str 'many'"),
    ],
)
def test_what_is_no_argument_is_said(step, message) -> None:
    with pytest.raises(ScheduleError) as caught:
        step(Schedule(elementwise))
    assert caught.value.message == message
