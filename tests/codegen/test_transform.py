"""Passes by TVM's names: on functions and modules, with options and targets, alone and in a row."""

import numpy as np
import pytest
from tensorir import IRModule, Target, lower, parse, transform
from tensorir.codegen.interpreter import run
from tensorir.codegen.lower import PASSES
from tensorir.tir.errors import UserError
from tensorir.tir.same import assert_structural_equal
from tensorir.tir.verify import verify

from .workloads import PROGRAMS


def test_one_pass_on_a_function_and_on_a_module():
    func = parse(PROGRAMS["matmul"][0])
    out = transform.LowerInitBlock()(func)
    assert_structural_equal(out, lower(func, until="lower_init_block"))
    module = transform.LowerInitBlock()(IRModule({"main": func}))
    assert_structural_equal(module["main"], out)


@pytest.mark.parametrize("name", ("matmul", "tiled", "padded", "views"))
def test_the_passes_in_a_row_are_the_pipeline(name):
    func = parse(PROGRAMS[name][0])
    names = ["".join(w.capitalize() for w in step.__name__.split("_")) for step in PASSES]
    steps = [getattr(transform, n)(target="llvm") for n in names]
    assert_structural_equal(transform.Sequential(steps)(func), lower(func))


@pytest.mark.parametrize("name", sorted(transform.TRANSFORMS))
def test_every_pass_keeps_a_program_of_loops(name):
    text, arguments = PROGRAMS["padded"]
    func = lower(parse(text), until="lower_opaque_block")
    out = getattr(transform, name)()(func)
    verify(out)
    assert_structural_equal(parse(out.script()), out)
    want, got = arguments(), arguments()
    run(func, *want)
    run(out, *got)
    for a, b in zip(want, got):
        np.testing.assert_array_equal(a, b)


def test_the_target_is_given_or_found():
    func = parse(PROGRAMS["tiled"][0])
    assert repr(transform.VectorizeLoop(target="c")) == "transform.VectorizeLoop(target='c')"
    narrow = transform.Sequential([transform.LowerIntrin(target=Target("llvm", cpu="x86-64"))])
    assert "LowerIntrin" in repr(narrow)
    by_attribute = transform.UnrollLoop()(func.with_attr("target", "llvm"))
    assert by_attribute.attrs["target"] == "llvm"


def test_what_there_is_not_is_refused():
    with pytest.raises(AttributeError, match="did you mean 'VectorizeLoop'"):
        _ = transform.VectoriseLoop
    with pytest.raises(UserError, match="VectorizeLoop has no option 'lanes'; it has target"):
        transform.VectorizeLoop(lanes=4)
    assert "LowerInitBlock" in dir(transform)
    assert transform.FP8ComputeLegalize(promote_dtype="float16").name == "FP8ComputeLegalize"
