"""Arguments of primitives: each parameter says what it takes, and anything else is refused by a message."""

import random

import numpy as np
import pytest
from tensorir import Schedule, ScheduleError, T, parse
from tensorir.schedule.primitive import REGISTRY
from tensorir.schedule.resolve import RESOLVERS, plain

PROGRAM = parse("""
@T.prim_func
def f(A: T.Buffer((16, 8), "float32"), D: T.Buffer((16, 8), "float32")):
    B = T.alloc_buffer((16, 8), "float32")
    C = T.alloc_buffer((16,), "float32")
    for i, j in T.grid(16, 8):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * T.float32(2)
    for i, j in T.grid(16, 8):
        with T.block("C"):
            vi, vj = T.axis.remap("SR", [i, j])
            with T.init():
                C[vi] = T.float32(0)
            C[vi] += B[vi, vj]
    for i, j in T.grid(16, 8):
        with T.block("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = C[vi] + B[vi, vj]
""")


def values(sch: Schedule) -> list:
    """Whatever somebody might pass, sensible or not."""
    gone, j = sch.get_loops("D")
    sch.split(gone, [4, 4])
    i, k = sch.get_loops("C")
    numbers = [0, 1, -1, 4, 2**40, 2**70, 1.5, float("nan"), np.int64(4), np.float32(2), True]
    texts = ["", "B", "C", "D", "i", "nope", "threadIdx.x", "shared", "float16", "{0} {x} {", b"x"]
    lists = [
        [],
        (),
        {},
        {"a": 1},
        [1],
        [2, 8],
        [None, 4],
        [None, None],
        ["x", None],
        ("read", 0),
        [[0, 1]],
        np.arange(2),
    ]
    handles = [
        i,
        k,
        j,
        gone,
        [i, k],
        [i, i],
        sch.get_block("B"),
        [sch.get_block("C")],
        Schedule(PROGRAM).get_block("B"),
    ]
    functions = [lambda i, j: (j, i), lambda i: i, lambda *a: a, lambda i, j: [i + j], lambda i, j: i // 0, print]
    return [None, *numbers, *texts, *lists, *handles, *functions, PROGRAM, sch, object(), T, T.float32(1), T.int32(1)]


def test_every_parameter_says_what_it_takes() -> None:
    for primitive in REGISTRY.values():
        assert {p.annotation for p in primitive.parameters} <= RESOLVERS.keys(), primitive


@pytest.mark.parametrize("seed", range(250))
def test_senseless_arguments_are_refused(seed: int) -> None:
    rng = random.Random(seed)
    sch = Schedule(PROGRAM, seed=0)
    given = values(sch)
    for name in rng.sample(sorted(REGISTRY), 5):
        primitive, arguments = REGISTRY[name], []
        for p in primitive.parameters:
            likely = ["B", "C", "D"] if "block" in p.name else given[-21:-18] if "loop" in p.name else given
            arguments.append(rng.choice(likely if rng.random() < 0.5 else given))
        before, length = sch.mod, len(sch.trace.insts)
        refused = None
        try:
            getattr(sch, name)(*arguments)
        except ScheduleError as error:
            refused = error
        assert len(sch.trace.insts) == length + (refused is None)
        if refused:
            assert " at 0x" not in str(refused)
            assert len(refused.message) < 1000
            assert sch.mod is before


def test_numbers_of_numpy_are_recorded_as_pythons() -> None:
    sch = Schedule(PROGRAM)
    sch.split(sch.get_loops("B")[0], [np.int64(4), None])
    sch.annotate("C", "key", {"a": [np.float32(0.5), np.bool_(True)]})
    again = Schedule(PROGRAM)
    type(sch.trace).from_json(sch.trace.dumps()).apply_to(again)
    assert again.mod.script() == sch.mod.script()
    assert "np." not in sch.trace.as_python()


def test_plain_keeps_what_is_plain() -> None:
    values = [1, "x", None, (1, [2.5]), {"a": (True,)}]
    assert plain(values) == values
    assert type(plain((1,))) is tuple
