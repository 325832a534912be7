"""Candidates from traces: a trace's steps are made again, postprocs finish the program, and prefixes are shared."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from random import Random
from typing import Any

from ..codegen.target import Target, as_target
from ..schedule.schedule import Schedule
from ..schedule.trace import Instruction, Trace, _rename
from ..tir.function import IRModule, PrimFunc
from .postprocs import apply_postprocs

Key = tuple[Any, ...]


class Replayer:
    """Makes candidates of one program: schedules from traces, remembering the states that traces have in common.

    Two traces share what they do up to the first decision in which they differ, as a trace and its mutations do. A
    state is kept before each sampling step, for the `capacity` places used last.

    Parameters
    ----------
    mod: the program. target: what the candidates are for.
    """

    def __init__(self, mod: PrimFunc | IRModule, target: str | Target, *, capacity: int = 256) -> None:
        self.start = Schedule(mod, seed=0)
        self.target = as_target(target)
        self.capacity = capacity
        self._kept: OrderedDict[Key, tuple[Schedule, dict[Any, Any], list[Instruction]]] = OrderedDict()

    def __call__(
        self,
        trace: Trace,
        *,
        rng: Random | None = None,
        decisions: Mapping[int, Any] | None = None,
        postprocs: bool = True,
    ) -> Schedule:
        """The candidate that a trace makes; see `replay`.

        Raises
        ------
        ScheduleError: a step does not apply, or a postproc rejects the program.
        """
        steps = trace.without_postproc().insts
        given = dict(decisions or {})
        chosen = [None if rng is not None and i not in given else given.get(i, s.decision) for i, s in enumerate(steps)]
        keys = _keys(steps, chosen)
        at = next((i for i in reversed(range(len(keys))) if keys[i] in self._kept), None)
        if at is None:
            first, sch, env = 0, self.start.copy(seed=0), {}
        else:
            first, (kept, held, _) = len(keys[at]), self._kept[keys[at]]
            self._kept.move_to_end(keys[at])
            sch, env = kept.copy(seed=0), dict(held)
        sch.seed(rng.randrange(1 << 30) if rng is not None else 0)
        places = {len(key): key for key in keys}
        for i in range(first, len(steps)):
            if i in places and i > first:
                self._keep(places[i], sch, env, steps[:i])
            _make(sch, steps[i], chosen[i], env)
        if postprocs:
            apply_postprocs(sch, self.target)
        return sch

    def _keep(self, key: Key, sch: Schedule, env: dict[Any, Any], steps: list[Instruction]) -> None:
        # A seed of its own, or what is drawn would depend on what was kept before.
        self._kept[key] = (sch.copy(seed=0), dict(env), steps)
        if len(self._kept) > self.capacity:
            self._kept.popitem(last=False)


def _keys(steps: list[Instruction], chosen: list[Any]) -> list[Key]:
    """A key for the state before each sampling step whose earlier decisions are all given.

    Steps are the same when they are the same but for the decision; since mutation replaces decisions alone, their
    arguments are then the same objects.
    """
    keys: list[Key] = []
    key: list[tuple[int, int, str]] = []
    for step, decision in zip(steps, chosen):
        if step.primitive.samples:
            if key:
                keys.append(tuple(key))
            if decision is None:
                return keys
        key.append((id(step.inputs), id(step.attributes), str(decision) if step.primitive.samples else ""))
    keys.append(tuple(key))
    return keys


def _make(sch: Schedule, step: Instruction, decision: Any, env: dict[Any, Any]) -> None:
    inputs = tuple(_rename(v, env) for v in step.inputs)
    outputs = sch._apply(step.primitive, inputs, _rename(step.attributes, env), decision)
    env.update(zip(step.outputs, (outputs,) if step.single else outputs or (), strict=False))


def replay(
    mod: PrimFunc | IRModule,
    trace: Trace,
    target: str | Target,
    *,
    rng: Random | None = None,
    decisions: Mapping[int, Any] | None = None,
) -> Schedule:
    """The candidate that a trace makes of a program: its steps up to the postprocessing, then the postprocs.

    Parameters
    ----------
    rng: draws new decisions; without it those of the trace hold.
    decisions: by step, before either.

    Raises
    ------
    ScheduleError: a step does not apply, or a postproc rejects the program.
    """
    return Replayer(mod, target)(trace, rng=rng, decisions=decisions)
