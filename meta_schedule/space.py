"""Design spaces: the sketches that rules make of a program, or that a function with sampling calls describes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ..codegen.target import Target, as_target
from ..schedule.schedule import Schedule
from ..schedule.sref import BlockSRef
from ..schedule.trace import BlockRV
from ..tir.errors import UserError
from ..tir.function import IRModule, PrimFunc
from .rules import Context, Rule, default_rules

Space = Callable[[Schedule], Any]


def design_space(
    mod: PrimFunc | IRModule,
    target: str | Target,
    *,
    rules: Sequence[Rule] | Space | None = None,
    seed: int = 0,
) -> list[Schedule]:
    """The sketches of a program: schedules whose traces hold sampling steps, with decisions.

    Every rule in turn looks at every block, the last one first, in each of the schedules made so far.

    Parameters
    ----------
    rules: what makes the sketches; by default `default_rules(target)`. Or one function `space(sch)` with sampling
        calls, which works on the schedule it is given and returns None, or the schedules to take.
    seed: of the decisions the sketches come with.

    Raises
    ------
    UserError: there is nothing to schedule. ScheduleError: a user's function asks for a step that is not legal.
    """
    where = as_target(target)
    sch = Schedule(mod, seed=seed)
    if rules is None:
        rules = default_rules(where)
    if isinstance(rules, Rule):
        rules = [rules]
    if callable(rules):
        made = rules(sch)
        return [_finished(s) for s in ([sch] if made is None else [made] if isinstance(made, Schedule) else made)]
    sketches = [sch]
    for each in rules:
        if not isinstance(each, Rule):
            raise UserError(f"a rule is a function under @rule, got {each!r}")
        if not each.kinds or where.kind in each.kinds:
            sketches = [after for before in sketches for after in _applied(each, before, Context(where))]
    return [_finished(s) for s in sketches]


def _applied(rule: Rule, sch: Schedule, ctx: Context) -> list[Schedule]:
    """What a rule makes of a schedule, looking at the blocks from the last to the first."""
    done: list[Schedule] = []
    pending = [(sch, roots_of(sch) if rule.roots else blocks_of(sch))]
    while pending:
        now, blocks = pending.pop()
        while blocks and now._env[blocks[-1]].removed_at is not None:
            blocks = blocks[:-1]
        if blocks:
            pending += [(after, blocks[:-1]) for after in reversed(rule(now, blocks[-1], ctx))]
        else:
            done.append(now)
    return done


def roots_of(sch: Schedule) -> list[BlockRV]:
    """Handles on the functions' root blocks."""
    return [sch.get_block(root.stmt.name_hint, name) for name, root in sch.state.roots.items()]


def blocks_of(sch: Schedule) -> list[BlockRV]:
    """Handles on all blocks of a schedule but for the root blocks, in program order, inner blocks after outer ones."""
    found: list[BlockRV] = []

    names = Counter((sch.state.function_name(ref), ref.stmt.name_hint) for ref in _blocks(sch))

    def enter(function: str, ref: BlockSRef, handle: BlockRV) -> None:
        below = sch.state.child_blocks(ref)
        unnamed = any(names[function, child.stmt.name_hint] > 1 for child in below)
        children = (
            sch.get_child_blocks(handle) if unnamed else [sch.get_block(c.stmt.name_hint, function) for c in below]
        )
        for child, inner in zip(below, children):
            found.append(inner)
            enter(function, child, inner)

    for name, root in sch.state.roots.items():
        if names[name, root.stmt.name_hint] == 1:
            enter(name, root, sch.get_block(root.stmt.name_hint, name))
    return found


def _blocks(sch: Schedule) -> list[BlockSRef]:
    return [ref for ref in sch.state.srefs.values() if isinstance(ref, BlockSRef)]


def _finished(sch: Schedule) -> Schedule:
    """A copy without history, whose trace leaves out what nothing uses."""
    out = sch.copy()
    out.trace = sch.trace.simplified()
    return out
