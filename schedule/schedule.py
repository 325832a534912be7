"""`Schedule`: handles on a program's loops and blocks, a method for each primitive, and the trace of what was done."""

from __future__ import annotations

import numbers
import random
from typing import TYPE_CHECKING, Any

from ..tir.errors import ScheduleError, UserError, said
from ..tir.expr import IntImm, Var, as_expr
from ..tir.function import IRModule, PrimFunc, as_module
from ..tir.stmt import Block, For
from .errors import refusal, require
from .methods import PrimitiveMethods
from .primitive import REGISTRY, Primitive, Sampled
from .resolve import RESOLVERS, plain, resolve_value
from .sref import BlockSRef, LoopSRef, Mark, SRef
from .state import Journal, State
from .trace import RV, BlockRV, ExprRV, Instruction, LoopRV, Namer, Trace

if TYPE_CHECKING:
    from ..script.diff import Diff
    from .suggest import Suggestions

_REMOVED: Any = object()
"""What a handle stands for after `remove_rv`."""


class Schedule(PrimitiveMethods):
    """A program being transformed step by step.

    Every primitive is a method; it checks that the step keeps the program's meaning, raises `ScheduleError` and leaves
    everything as it was if not, and records itself in `trace`.

    Parameters
    ----------
    mod: a function or a module. It is not changed; `sch.mod` is the program as it is now.
    seed: of the sampling primitives; None or -1 takes one at random. The same seed gives the same trace.
    check: "full" derives all references anew and verifies the program after each step (slow; for debugging).
    error_render_level: "detail" shows the program with each refusal, "fast" the message alone, as does "none".
    debug_mask: Apache TVM's word for `check`: "all" or a number other than 0 is "full", "none" or 0 is "none".
    enable_check: Apache TVM's switch, for scripts that set it; every step is checked whatever it says.

    Raises
    ------
    VerifyError: the program is ill-formed.
    UserError: `mod` is no program, none of its functions has blocks, or an option has no such value.
    """

    def __init__(
        self,
        mod: PrimFunc | IRModule,
        *,
        seed: int | None = None,
        check: str = "none",
        error_render_level: str = "detail",
        debug_mask: str | int = "none",
        enable_check: bool = True,
    ) -> None:
        if check not in ("none", "full"):
            raise UserError(f"check is 'none' or 'full', got {said(check)}")
        if error_render_level not in ("detail", "fast", "none"):
            raise UserError(f"error_render_level is 'detail', 'fast' or 'none', got {said(error_render_level)}")
        if debug_mask not in ("none", "all") and not isinstance(debug_mask, int):
            raise UserError(f"debug_mask is 'all', 'none' or a number, got {said(debug_mask)}")
        self.original = as_module(mod)
        self.state = State(self.original)
        if not self.state.roots:
            raise UserError(
                "nothing to schedule: no function of the module has blocks (`with T.block(...)`); "
                "a lowered program cannot be scheduled"
            )
        self.trace = Trace()
        self.check = "full" if debug_mask not in ("none", 0) else check
        self.error_render_level = error_render_level
        self._env: dict[Any, Any] = {}
        self._done: list[tuple[Journal, IRModule]] = []
        self._undone: list[tuple[Instruction, Journal, IRModule]] = []
        self.seed(seed)

    @property
    def mod(self) -> IRModule:
        """The module as it is now."""
        return self.state.mod

    @property
    def func(self) -> PrimFunc:
        """The function worked on, as it is now."""
        return self.mod[self.func_working_on]

    @property
    def func_working_on(self) -> str:
        """The name of the function in which blocks are looked up by default; see `State.func_working_on`."""
        return self.state.func_working_on

    def work_on(self, func_name: str) -> None:
        """Choose the function in which blocks are looked up by default.

        Raises
        ------
        ScheduleError: the module has no such function with blocks.
        """
        known = ", ".join(map(repr, self.state.roots))
        func_name = RESOLVERS["str"](self, "func_name", func_name)
        require(func_name in self.state.roots, f"there is no function {func_name!r} with blocks; there are {known}")
        self.state.working_on = func_name

    def seed(self, seed: int | None) -> None:
        """Start the random numbers of the sampling primitives anew; None or -1 starts them anywhere.

        Raises
        ------
        UserError: `seed` is no integer.
        """
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, numbers.Integral)):
            raise UserError(f"a seed is an integer, got {said(seed)}")
        self.state.rng.seed(random.randrange(1 << 30) if seed in (None, -1) else int(seed))

    def fork_seed(self) -> int:
        """A seed for another schedule, drawn from this one's random numbers."""
        return self.state.rng.randrange(1 << 30)

    def copy(self, seed: int | None = None) -> Schedule:
        """An independent schedule in the same state; this one's handles are valid in it."""
        new = Schedule.__new__(Schedule)
        new.original, new.check, new.error_render_level = self.original, self.check, self.error_render_level
        new.state, twins = self.state.copy()
        new.trace = Trace(self.trace.insts)
        gone: dict[SRef, SRef] = {}

        def twin(value: Any) -> Any:
            if not isinstance(value, SRef):
                return value
            if value in twins:
                return twins[value]
            if value not in gone:
                gone[value] = type(value)(value.stmt, None)
                gone[value].removed_at = value.removed_at
            return gone[value]

        new._env = {rv: twin(value) for rv, value in self._env.items()}
        new._done, new._undone = [], []
        new.seed(self.fork_seed() if seed is None else seed)
        return new

    def get_sblock(self, name: str, func_name: str | None = None) -> BlockRV:
        """`get_block`, by the name that newer versions of Apache TVM have for it."""
        return self.get_block(name, func_name)

    def get(self, handle: Any) -> Any:
        """What a handle, or a reference that `get_sref` gave, stands for now: a `Block`, a `For`, or an int.

        Raises
        ------
        ScheduleError: it is gone, or of another schedule.
        """
        value = self.get_sref(handle).stmt if isinstance(handle, (RV, SRef)) else resolve_value(self, "", handle)
        return value.value if isinstance(value, IntImm) else value

    def get_sref(self, handle: RV | SRef | Block | For) -> SRef:
        """The reference that a block's or loop's handle stands for, or that of a statement of the program as it is now.

        Raises
        ------
        ScheduleError: it is gone, or of another schedule.
        """
        if isinstance(handle, (Block, For)):
            require(handle in self.state.srefs, "{0} is not in the program as it is now", handle)
            return self.state.srefs[handle]
        require(isinstance(handle, (RV, SRef)), f"a handle of a block or a loop is expected, got {said(handle)}")
        sref = handle if isinstance(handle, SRef) else self._env.get(handle)
        if not isinstance(sref, SRef) or self.state.srefs.get(sref.stmt) is not sref:
            raise self._stands_for_nothing(handle, sref)
        return sref

    def _stands_for_nothing(self, handle: Any, value: Any) -> ScheduleError:
        """The refusal of a handle, whose value is no reference to a loop or block of the program as it is now."""
        if value is _REMOVED:
            return refusal(f"the handle {handle!r} was forgotten, by remove_rv")
        if isinstance(value, Mark):
            hint = "a location that was sampled is for compute_at"
            return refusal(f"the handle {handle!r} stands for a place, not for a loop", hint=hint)
        if not isinstance(value, SRef):
            return refusal(f"the handle {handle!r} belongs to another schedule")
        if value.removed_at is not None:
            return self._gone(value)
        return refusal(f"{value!r} is a reference of another schedule")

    def remove_rv(self, handle: Any) -> None:
        """Forget a handle.

        Raises
        ------
        ScheduleError: it is none of this schedule's.
        """
        require(isinstance(handle, (RV, Var)), f"a handle is expected, got {said(handle)}")
        require(handle in self._env, f"the handle {handle!r} belongs to another schedule")
        self._env[handle] = _REMOVED

    def enter_postproc(self) -> None:
        """Mark where the decisions of a design space end and the finishing of the program begins."""
        self._apply(REGISTRY["enter_postproc"], (), {})

    def show(self, **options: Any) -> None:
        """Print the program as it is now, and the trace."""
        self.mod.show(**options)
        self.trace.show()

    def undo(self, steps: int = 1) -> None:
        """Take back the last steps.

        Raises
        ------
        ScheduleError: there are fewer.
        """
        steps = RESOLVERS["int"](self, "steps", steps)
        require(0 <= steps <= len(self._done), f"cannot undo {steps} steps: {len(self._done)} were made here")
        for _ in range(steps):
            journal, before = self._done.pop()
            journal.swap()
            self._undone.append((self.trace.insts.pop(), journal, before))

    def redo(self, steps: int = 1) -> None:
        """Make steps taken back by `undo` again.

        Raises
        ------
        ScheduleError: there are fewer, or other steps were made since.
        """
        steps = RESOLVERS["int"](self, "steps", steps)
        require(0 <= steps <= len(self._undone), f"cannot redo {steps} steps: {len(self._undone)} were undone")
        for _ in range(steps):
            inst, journal, before = self._undone.pop()
            journal.swap()
            self.trace.insts.append(inst)
            self._done.append((journal, before))

    def module_at(self, step: int) -> IRModule:
        """The module before `step` was made; `len(trace)` gives it as it is now.

        Raises
        ------
        ScheduleError: there is no such step (a copy starts its own history).
        """
        step = RESOLVERS["int"](self, "step", step)
        first = len(self.trace.insts) - len(self._done)
        last = len(self.trace.insts)
        require(first <= step <= last, f"there is no step {step} to look at; steps {first} to {last} are known here")
        return self.mod if step == last else self._done[step - first][1]

    def diff(self, step: int = -1) -> Diff:
        """What `step` (counted from the end if negative) changed, as a diff of the program's text."""
        from ..script.diff import diff

        step = RESOLVERS["int"](self, "step", step)
        index = step if step >= 0 else len(self.trace.insts) + step
        return diff(self.module_at(index), self.module_at(index + 1))

    def verify(self, **options: Any) -> None:
        """Run the original and the scheduled program on random inputs and compare; see `verify.verify_schedule`."""
        from .verify import verify_schedule

        verify_schedule(self, **options)

    def bind_default(self, *, max_threads: int = 256) -> None:
        """Bind what is bound to no threads of a GPU: the data-parallel loops around each block, fused.

        Each block, or what is computed at its loops, becomes a kernel of as many threads as it has elements,
        `max_threads` of them in a block; reductions are serial, and what has no data-parallel loop runs in one thread.
        It is made of primitives, which the trace records.

        Raises
        ------
        UserError: `max_threads` is no number of threads that a block can have.
        """
        max_threads = RESOLVERS["int"](self, "max_threads", max_threads)
        if not 1 <= max_threads <= 1024:
            raise UserError(f"a block has 1 to 1024 threads, not {max_threads!r}")
        from .bind_default import bind_default

        bind_default(self, max_threads)

    def suggest(self, block_or_loop: Any) -> Suggestions:
        """Which primitives apply to a block or loop as it is now, with arguments, and why the others do not.

        Each is tried on a copy; see `suggest.suggest`.
        """
        from .suggest import suggest

        return suggest(self, block_or_loop)

    def _apply(
        self, primitive: Primitive, inputs: tuple[Any, ...], attributes: dict[str, Any], decision: Any = None
    ) -> Any:
        state = self.state
        before = state.mod
        journal = state.journal = Journal()
        state.step = len(self.trace.insts)
        try:
            inputs, attributes, decision = map(plain, (inputs, attributes, decision))
            resolved: list[Any] = []
            for parameter, value in zip(primitive.inputs, inputs, strict=True):
                resolve = RESOLVERS[parameter.annotation]
                if parameter.variadic:
                    resolved += [resolve(self, parameter.name, v) for v in value]
                else:
                    resolved.append(resolve(self, parameter.name, value))
            given = {p.name: RESOLVERS[p.annotation](self, p.name, attributes[p.name]) for p in primitive.attributes}
            if primitive.samples:
                given["decision"] = resolve_value(self, "decision", decision)
            if primitive.prepare is not None:
                names = [p.name for p in primitive.inputs]
                changed = primitive.prepare(state, {**dict(zip(names, resolved, strict=True)), **given})
                resolved = [changed.get(name, value) for name, value in zip(names, resolved, strict=True)]
                inputs = tuple(changed.get(name, value) for name, value in zip(names, inputs, strict=True))
                given = {k: changed.get(k, v) for k, v in given.items()}
                attributes = {k: changed.get(k, v) for k, v in attributes.items()}
            outputs = primitive.apply(state, *resolved, **given)
            if self.check == "full":
                state.check()
        except BaseException as error:
            journal.swap()
            if isinstance(error, ScheduleError) and not error.primitive:
                error.primitive = primitive.name
                if self.error_render_level == "detail":
                    error.root = before[next(iter(before))] if len(before) == 1 else before
            raise
        if primitive.samples:
            assert isinstance(outputs, Sampled)
            outputs, decision = outputs
        wrapped = self._wrap(outputs)
        single = not isinstance(outputs, list)
        handles = () if wrapped is None else (wrapped,) if single else tuple(wrapped)
        recorded = () if not handles or not isinstance(handles[0], (RV, Var)) else handles
        frozen = tuple(list(v) if isinstance(v, (list, tuple)) else v for v in inputs)
        self.trace.insts.append(Instruction(primitive, frozen, attributes, recorded, single, decision))
        self._done.append((journal, before))
        self._undone.clear()
        return wrapped

    def _wrap(self, output: Any) -> Any:
        if isinstance(output, list):
            return [self._wrap(o) for o in output]
        if output is None or isinstance(output, bool):
            return output
        handle: Any
        if isinstance(output, BlockSRef):
            handle = BlockRV(output.stmt.name_hint)
        elif isinstance(output, LoopSRef):
            handle = LoopRV(output.stmt.loop_var.name)
        elif isinstance(output, Mark):
            handle = LoopRV(output.value)
        else:
            handle, output = ExprRV("v"), as_expr(output)
        self._env[handle] = output
        return handle

    def _gone(self, sref: SRef) -> ScheduleError:
        kind = "loop" if isinstance(sref, LoopSRef) else "block"
        name = sref.stmt.loop_var.name if isinstance(sref.stmt, For) else sref.stmt.name_hint
        step = sref.removed_at
        assert step is not None
        if step >= len(self.trace.insts):
            return refusal(f"the {kind} `{name}` is gone: the step that made it was undone")
        names = Namer()
        lines = [inst.as_python(names) for inst in self.trace.insts[: step + 1]]
        became = [self._describe(out) for out in self.trace.insts[step].outputs if isinstance(out, RV)]
        hint = (
            f"use what that step gave instead: {', '.join(became)}"
            if became
            else f"get it anew, by get_{kind}{'s' * (kind == 'loop')}"
        )
        return refusal(f"the {kind} `{name}` is gone: step {step} removed it, `{lines[-1]}`", hint=hint)

    def _describe(self, handle: RV) -> str:
        sref = self._env.get(handle)
        if not isinstance(sref, SRef):
            return repr(handle)
        name = sref.stmt.loop_var.name if isinstance(sref.stmt, For) else sref.stmt.name_hint
        return f"`{name}`" if sref.removed_at is None else f"`{name}` (gone as well)"

    def _number(self, handle: Var) -> Any:
        number = self._env[handle]
        require(number is not _REMOVED, f"the handle `{handle.name}` was forgotten, by remove_rv")
        return number
