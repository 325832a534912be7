"""Every primitive of the registry: its docstring's programs are executed, its trace is replayed, its meaning kept."""

import inspect

import pytest
import tensorir
from tensorir import Schedule, T, assert_structural_equal, parse
from tensorir.schedule.primitive import REGISTRY, Primitive
from tensorir.schedule.trace import Trace

from .examples import example

CHANGING = sorted(name for name, p in REGISTRY.items() if not p.pure and not p.postproc)


def applied(primitive: Primitive) -> Schedule:
    """The schedule after the step of the primitive's example."""
    found = example(primitive)
    assert found is not None
    sch = Schedule(parse(found.before), seed=0, check="full")
    exec(found.step, {"sch": sch, "T": T, "tensorir": tensorir})
    return sch


@pytest.mark.parametrize("name", CHANGING)
def test_the_docstring_tells_the_truth(name: str) -> None:
    found = example(REGISTRY[name])
    assert found is not None, f"the docstring of {name} has no before/step/after"
    assert_structural_equal(applied(REGISTRY[name]).func, parse(found.after))


@pytest.mark.parametrize("name", CHANGING)
def test_the_result_is_the_same_program(name: str) -> None:
    applied(REGISTRY[name]).verify(backend="interpreter", sanitize=True)


@pytest.mark.parametrize("name", CHANGING)
def test_print_and_parse(name: str) -> None:
    mod = applied(REGISTRY[name]).mod
    assert_structural_equal(parse(mod.script()), mod)


@pytest.mark.parametrize("name", CHANGING)
def test_the_trace_replays(name: str) -> None:
    sch = applied(REGISTRY[name])
    again = Schedule(sch.original, seed=1)
    sch.trace.apply_to(again)
    assert_structural_equal(again.mod, sch.mod)
    from_json = Schedule(sch.original, seed=2)
    Trace.from_json(sch.trace.dumps()).apply_to(from_json)
    assert_structural_equal(from_json.mod, sch.mod)
    from_python = Schedule(sch.original, seed=3)
    scope: dict = {"tensorir": __import__("tensorir")}
    exec(sch.trace.as_python(), scope)
    scope["apply_trace"](from_python)
    assert_structural_equal(from_python.mod, sch.mod)
    assert from_python.trace.as_python() == sch.trace.as_python()


@pytest.mark.parametrize("name", CHANGING)
def test_undo_and_redo(name: str) -> None:
    sch = applied(REGISTRY[name])
    after, steps = sch.mod, len(sch.trace)
    sch.undo(steps)
    assert sch.mod is sch.original
    sch.state.check()
    sch.redo(steps)
    assert sch.mod is after
    sch.state.check()


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_the_method_is_documented(name: str) -> None:
    method = getattr(Schedule, name)
    assert inspect.getdoc(method)
    wanted = [p.name for p in REGISTRY[name].parameters]
    given = [p for p in inspect.signature(method).parameters if p not in ("self", "decision")]
    assert given == wanted
