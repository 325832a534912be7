"""Traces: what a schedule did, as data: printed as Python, written as JSON, replayed, changed and simplified."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..tir.errors import UserError
from ..tir.expr import Expr, FloatImm, IntImm, Var
from ..tir.node import Attrs
from ..tir.visit import free_vars
from .primitive import REGISTRY, Primitive

if TYPE_CHECKING:
    from .schedule import Schedule


class RV:
    """A random variable: a handle on a loop or block, given out by a schedule; `name` is what that was called then."""

    __slots__ = ("name",)
    prefix = ""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name})"


class BlockRV(RV):
    """A handle on a block."""

    __slots__ = ()
    prefix = "b"


class LoopRV(RV):
    """A handle on a loop."""

    __slots__ = ()
    prefix = "l"


ExprRV = Var
"""A handle on an integer: a sampled tile size. It is a variable, so that sizes can be computed with."""


class Instruction(NamedTuple):
    """One step: a primitive, its inputs (handles and values) and attributes, the handles it gave out, its decision."""

    primitive: Primitive
    inputs: tuple[Any, ...]
    attributes: dict[str, Any]
    outputs: tuple[Any, ...]
    single: bool
    decision: Any = None

    def as_python(self, names: Namer) -> str:
        """The step as a line of Python."""
        parts = []
        for parameter, value in zip(self.primitive.inputs, self.inputs, strict=True):
            if parameter.variadic:
                parts += [names(v) for v in value]
            else:
                parts.append(f"{parameter.name}={names(value)}")
        parts += [f"{name}={names(value)}" for name, value in self.attributes.items()]
        if self.decision is not None:
            parts.append(f"decision={names(self.decision)}")
        call = f"sch.{self.primitive.name}({', '.join(parts)})"
        if not self.outputs:
            return call
        targets = ", ".join(names(out) for out in self.outputs)
        return f"{targets} = {call}" if self.single or len(self.outputs) > 1 else f"{targets}, = {call}"


class Namer:
    """Names handles `b0`, `l1`, `v2` in order of appearance and writes values as Python."""

    def __init__(self) -> None:
        self.names: dict[Any, str] = {}

    def __call__(self, value: Any) -> str:
        if isinstance(value, (RV, Var)):
            if value not in self.names:
                prefix = value.prefix if isinstance(value, RV) else "v"
                self.names[value] = f"{prefix}{len(self.names)}"
            return self.names[value]
        if isinstance(value, (IntImm, FloatImm)):
            return repr(value.value)
        if isinstance(value, Expr):
            from ..tir.visit import substitute

            return str(substitute(value, {v: Var(self(v), v.dtype) for v in free_vars(value)}))
        if isinstance(value, list):
            return f"[{', '.join(map(self, value))}]"
        if isinstance(value, tuple):
            return f"({', '.join(map(self, value))}{',' * (len(value) == 1)})"
        if isinstance(value, (dict, Attrs)):
            return "{" + ", ".join(f"{k!r}: {self(v)}" for k, v in value.items()) + "}"
        for codec in CODECS.values():
            if isinstance(value, codec.type):
                return codec.python(value)
        return repr(str(value)) if isinstance(value, str) else repr(value)


class Codec(NamedTuple):
    """How values of a type stand in JSON: `encode` to plain data, `decode` back; and, by `python`, in Python text."""

    type: type
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]
    python: Callable[[Any], str] = repr


CODECS: dict[str, Codec] = {}
"""Codecs of attribute values that JSON has no form for, by tag; the family that takes such a value adds its own."""


class Trace:
    """The steps of a schedule, in order."""

    def __init__(self, insts: Sequence[Instruction] = ()) -> None:
        self.insts: list[Instruction] = list(insts)

    def __len__(self) -> int:
        return len(self.insts)

    def __str__(self) -> str:
        return self.as_python()

    def __repr__(self) -> str:
        return self.as_python()

    @property
    def decisions(self) -> dict[int, Any]:
        """The decisions of the sampling steps, by step."""
        return {i: inst.decision for i, inst in enumerate(self.insts) if inst.primitive.samples}

    def lines(self) -> list[str]:
        """Each step as a line of Python."""
        names = Namer()
        return [inst.as_python(names) for inst in self.insts]

    def as_python(self, remove_postproc: bool = False) -> str:
        """The trace as a Python function that applies it to a schedule."""
        body = (self.without_postproc() if remove_postproc else self).lines() or ["pass"]
        if any("T." in line for line in body):
            body.insert(0, "T = tensorir.T")
        return "\n".join(["def apply_trace(sch: tensorir.Schedule) -> None:", *(f"    {line}" for line in body)])

    def show(self) -> None:
        """Print the trace as Python."""
        print(self.as_python())

    def append(self, inst: Instruction, decision: Any = None) -> None:
        """Add a step at the end, with a decision if one is given."""
        self.insts.append(inst if decision is None else inst._replace(decision=decision))

    def pop(self) -> Instruction | None:
        """Take the last step off; None where there is none."""
        return self.insts.pop() if self.insts else None

    def get_decision(self, inst: Instruction) -> Any:
        """The decision of a step of this trace; None if it samples nothing.

        Raises
        ------
        UserError: it is no step of this trace.
        """
        return self.insts[self._place(inst)].decision

    def _place(self, step: int | Instruction) -> int:
        if isinstance(step, int):
            return step
        for i, inst in enumerate(self.insts):
            if inst is step:
                return i
        raise UserError(f"the trace has no such step: {step.as_python(Namer())}")

    def with_decision(self, step: int | Instruction, decision: Any, remove_postproc: bool = False) -> Trace:
        """The trace with another decision at `step`, given by its number or as one of `insts`.

        Raises
        ------
        UserError: that step samples nothing, or is none of this trace's.
        """
        if remove_postproc:
            return self.without_postproc().with_decision(step, decision)
        step = self._place(step)
        if not 0 <= step < len(self.insts) or not self.insts[step].primitive.samples:
            sampling = ", ".join(map(str, self.decisions)) or "none"
            raise UserError(f"step {step} of the trace takes no decision; the sampling steps are: {sampling}")
        insts = list(self.insts)
        insts[step] = insts[step]._replace(decision=decision)
        return Trace(insts)

    def without_postproc(self) -> Trace:
        """The trace up to `enter_postproc`."""
        for i, inst in enumerate(self.insts):
            if inst.primitive.postproc:
                return Trace(self.insts[:i])
        return Trace(self.insts)

    def simplified(self, remove_postproc: bool = False) -> Trace:
        """The trace without pure steps whose outputs nothing uses (and, optionally, without the postprocessing)."""
        source = self.without_postproc() if remove_postproc else self
        used: set[Any] = set()
        kept: list[Instruction] = []
        for inst in reversed(source.insts):
            if inst.primitive.pure and not any(out in used for out in _handles(inst.outputs)):
                continue
            used.update(_handles(inst.inputs))
            used.update(_handles(tuple(inst.attributes.values())))
            kept.append(inst)
        return Trace(kept[::-1])

    def replay(self, sch: Schedule, decide: Callable[[Instruction], Any] | None = None) -> Iterator[Instruction]:
        """Make the steps again on `sch`, giving each after it was made; see `apply_to`."""
        env: dict[Any, Any] = {}
        for inst in self.insts:
            decision = inst.decision if decide is None else decide(inst)
            inputs = _rename(inst.inputs, env)
            outputs = sch._apply(inst.primitive, inputs, _rename(inst.attributes, env), decision)
            env.update(zip(inst.outputs, (outputs,) if inst.single else outputs or (), strict=False))
            yield inst

    def apply_to(
        self, sch: Schedule, *, remove_postproc: bool = False, decide: Callable[[Instruction], Any] | None = None
    ) -> None:
        """Make the steps again on `sch`.

        Parameters
        ----------
        decide: gives the decision of a sampling step; None from it draws a new one. By default the recorded ones hold.

        Raises
        ------
        ScheduleError: a step does not apply there.
        """
        source = self.without_postproc() if remove_postproc else self
        for _ in source.replay(sch, decide):
            pass

    def apply_to_schedule(
        self,
        sch: Schedule,
        remove_postproc: bool,
        decision_provider: Callable[[Instruction, list[Any], list[Any], Any], Any] | None = None,
    ) -> None:
        """`apply_to` as Apache TVM calls it.

        Parameters
        ----------
        decision_provider: gives the decision of each sampling step, from the step, its inputs, its attributes, and
            the decision recorded.
        """
        given = decision_provider

        def decide(inst: Instruction) -> Any:
            assert given is not None
            if not inst.primitive.samples:
                return None
            return given(inst, list(inst.inputs), list(inst.attributes.values()), inst.decision)

        self.apply_to(sch, remove_postproc=remove_postproc, decide=decide if given else None)

    @staticmethod
    def apply_json_to_schedule(json_obj: Any, sch: Schedule) -> None:
        """Make the steps that `as_json` wrote on `sch`; see `from_json` and `apply_to`."""
        Trace.from_json(json_obj).apply_to(sch)

    def as_json(self, remove_postproc: bool = False) -> list[Any]:
        """The trace as plain data for `json`: a list of [name, inputs, attributes, outputs, single, decision]."""
        names = Namer()
        out = []
        for inst in (self.without_postproc() if remove_postproc else self).insts:
            inputs = [_encode(v, names) for v in inst.inputs]
            attributes = {k: _encode(v, names) for k, v in inst.attributes.items()}
            outputs = [names(v) for v in inst.outputs]
            out.append([inst.primitive.name, inputs, attributes, outputs, inst.single, _encode(inst.decision, names)])
        return out

    def dumps(self) -> str:
        """The trace as JSON text."""
        return json.dumps(self.as_json())

    @staticmethod
    def from_json(data: Any) -> Trace:
        """The trace that `as_json` (or `dumps`) wrote.

        Raises
        ------
        UserError: the data is no trace, or speaks of an unknown primitive.
        """
        try:
            items = json.loads(data) if isinstance(data, str) else data
            if not isinstance(items, list):
                raise ValueError("a list of steps is expected")
            env: dict[str, Any] = {}
            insts = []
            for name, inputs, attributes, outputs, single, decision in items:
                primitive = REGISTRY.get(name)
                if primitive is None:
                    raise UserError(f"the trace uses the primitive {name!r}, which this version does not have")
                taken = tuple(_decode(v, env) for v in inputs)
                attrs = {k: _decode(v, env) for k, v in attributes.items()}
                given = tuple(env.setdefault(out, _HANDLES[out[0]]()) for out in outputs)
                insts.append(Instruction(primitive, taken, attrs, given, single, _decode(decision, env)))
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise UserError(f"this is not the JSON of a trace: {error}") from None
        return Trace(insts)


_HANDLES: Mapping[str, Callable[[], Any]] = {"b": BlockRV, "l": LoopRV, "v": lambda: Var("v")}


def _handles(value: Any) -> list[Any]:
    if isinstance(value, (RV, Var)):
        return [value]
    if isinstance(value, Expr):
        return list(free_vars(value))
    if isinstance(value, (list, tuple)):
        return [h for v in value for h in _handles(v)]
    if isinstance(value, dict):
        return [h for v in value.values() for h in _handles(v)]
    return []


def _rename(value: Any, env: Mapping[Any, Any]) -> Any:
    if isinstance(value, (RV, Var)):
        return env.get(value, value)
    if isinstance(value, Expr):
        from ..tir.visit import substitute

        return substitute(value, {v: env[v] for v in free_vars(value) if v in env})
    if isinstance(value, (list, tuple)):
        return type(value)([_rename(v, env) for v in value])
    if isinstance(value, dict) and value:
        return {k: _rename(v, env) for k, v in value.items()}
    return value


def _encode(value: Any, names: Namer) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return {"str": str(value)}
    if isinstance(value, IntImm):
        return value.value
    if isinstance(value, (RV, Var)):
        return names(value)
    if isinstance(value, (list, tuple)):
        return [_encode(v, names) for v in value]
    if isinstance(value, (dict, Attrs)):
        return {"dict": {k: _encode(v, names) for k, v in value.items()}}
    for tag, codec in CODECS.items():
        if isinstance(value, codec.type):
            return {tag: codec.encode(value)}
    if isinstance(value, Expr):
        return {"expr": _encode_expr(value, names)}
    raise UserError(f"a trace with {type(value).__name__} {value!r} among its arguments has no JSON form")


def _encode_expr(value: Expr, names: Namer) -> Any:
    from ..tir.expr import BinaryOp

    if isinstance(value, (IntImm, FloatImm)):
        return value.value
    if isinstance(value, Var):
        return names(value)
    if isinstance(value, BinaryOp):
        return [type(value).__name__, _encode_expr(value.a, names), _encode_expr(value.b, names)]
    raise UserError(f"the size `{value}` is not arithmetic on handles and numbers, so it has no JSON form")


def _decode(value: Any, env: dict[str, Any]) -> Any:
    if isinstance(value, str):
        return env.setdefault(value, _HANDLES[value[0]]())
    if isinstance(value, list):
        return [_decode(v, env) for v in value]
    if isinstance(value, dict):
        ((tag, inner),) = value.items()
        if tag == "str":
            return inner
        if tag == "dict":
            return {k: _decode(v, env) for k, v in inner.items()}
        return _decode_expr(inner, env) if tag == "expr" else CODECS[tag].decode(inner)
    return value


def _decode_expr(value: Any, env: dict[str, Any]) -> Any:
    from ..tir import expr

    if isinstance(value, list):
        cls = getattr(expr, value[0])
        if not (isinstance(cls, type) and issubclass(cls, expr.BinaryOp)):
            raise KeyError(value[0])
        return expr.binary(cls, _decode_expr(value[1], env), _decode_expr(value[2], env))
    return _decode(value, env)
