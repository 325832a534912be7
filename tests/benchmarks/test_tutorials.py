"""The schedules of the usual tutorials apply here, on sizes that their tiles do not divide, and stay correct."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
from tensorir import Schedule

ROOT = Path(__file__).resolve().parents[2]
TUTORIALS = ROOT / "examples" / "tutorials"


@pytest.fixture(scope="module")
def peer_diff() -> ModuleType:
    """The differential harness, with the tutorials, of which some are called as other examples are."""
    added = [str(TUTORIALS), str(ROOT / "benchmarks")]
    known = {file.stem: sys.modules.pop(file.stem) for file in TUTORIALS.glob("*.py") if file.stem in sys.modules}
    sys.path[:0] = added
    try:
        import peer_diff
    finally:
        sys.path[:] = [path for path in sys.path if path not in added]
        sys.modules.update(known)
    return peer_diff


def test_every_tutorial_is_right(peer_diff: ModuleType) -> None:
    for name in peer_diff.TUTORIALS:
        sch = Schedule(peer_diff.tutorial_program(name))
        getattr(peer_diff.tutorials, name)(sch)
        sch.verify(trials=1, backend="interpreter", sanitize=True)


def test_random_steps_are_made_of_plain_data(peer_diff: ModuleType) -> None:
    """What a step does can be told and done again from its record."""
    import json
    import random

    from steps import NoStep, Step, random_step, undrawable
    from tensorir import ScheduleError
    from tensorir.schedule.primitive import REGISTRY

    names = [name for name in REGISTRY if name not in undrawable()]
    made = 0
    for seed in range(60):
        program = peer_diff.WORKLOADS["matmul_relu"]
        first, second = Schedule(program, seed=0), Schedule(program, seed=0)
        try:
            step = random_step(first, random.Random(seed), names)
            step.apply(first)
        except (NoStep, ScheduleError):
            continue
        again = Step(*json.loads(json.dumps([step.name, step.inputs, step.attributes])))
        again.apply(second)
        assert first.mod.script() == second.mod.script()
        made += 1
    assert made > 20
