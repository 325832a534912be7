"""`@primitive` declares a schedule primitive once; its method, trace line, JSON and replay follow from that."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from ..tir.errors import InternalError

V = TypeVar("V")

REGISTRY: dict[str, Primitive] = {}
"""Every primitive by name."""

OUTPUT_TYPES = frozenset(
    {
        "None",
        "LoopSRef",
        "BlockSRef",
        "list[LoopSRef]",
        "list[BlockSRef]",
        "Sampled[int]",
        "Sampled[list[int]]",
        "Sampled[LoopSRef | Mark]",
        "bool",
        "int",
    }
)
"""Annotations a result may have."""


class Sampled(NamedTuple, Generic[V]):
    """What a sampling primitive returns: the values drawn and the decision that would draw them again."""

    values: V
    decision: Any


class Parameter(NamedTuple):
    """A parameter of a primitive: its name, annotation, default, and whether it takes all further arguments."""

    name: str
    annotation: str
    default: Any
    variadic: bool


Prepare = Callable[[Any, dict[str, Any]], dict[str, Any]]
"""Given the state and all arguments by name, handles resolved, the arguments that are to stand otherwise."""


class Primitive:
    """A declared primitive.

    Attributes
    ----------
    name: of the `Schedule` method.
    apply: the function `(state, *inputs, **attributes) -> outputs` that changes the state.
    inputs: positional parameters: random variables and values, resolved before the call.
    attributes: keyword-only parameters.
    samples: whether it takes a `decision`.
    pure: whether it leaves the program as it is; such steps of a trace may be dropped when nothing uses their outputs.
    prepare: turns arguments as a user may give them into what is applied and recorded; None if there is nothing to do.
    """

    def __init__(self, apply: Callable[..., Any], *, pure: bool, postproc: bool, prepare: Prepare | None) -> None:
        self.apply = apply
        self.prepare = prepare
        self.name = apply.__name__
        self.doc = inspect.getdoc(apply) or ""
        self.pure = pure
        self.postproc = postproc
        signature = inspect.signature(apply)
        self.returns = str(signature.return_annotation)
        self.inputs: list[Parameter] = []
        self.attributes: list[Parameter] = []
        for p in list(signature.parameters.values())[1:]:
            parameter = Parameter(p.name, str(p.annotation), p.default, p.kind is p.VAR_POSITIONAL)
            (self.attributes if p.kind is p.KEYWORD_ONLY else self.inputs).append(parameter)
        self.samples = any(p.name == "decision" for p in self.attributes)
        self.attributes = [p for p in self.attributes if p.name != "decision"]
        self._check()

    def _check(self) -> None:
        if not self.doc:
            raise InternalError(f"primitive {self.name} has no docstring")
        if self.name in REGISTRY:
            raise InternalError(f"primitive {self.name} is declared twice")
        if self.returns not in OUTPUT_TYPES:
            raise InternalError(f"primitive {self.name} has the unknown result {self.returns!r}")

    @property
    def parameters(self) -> list[Parameter]:
        """Inputs and attributes, in the order of the method's parameters."""
        return [*self.inputs, *self.attributes]

    def method(self) -> Callable[..., Any]:
        """The `Schedule` method: all parameters positional or by keyword, in order."""
        names, defaults = [], {}
        for p in self.parameters:
            if p.variadic:
                names.append(f"*{p.name}")
            elif p.default is inspect.Parameter.empty:
                names.append(p.name)
            else:
                defaults[f"_default_{p.name}"] = p.default
                names.append(f"{p.name}=_default_{p.name}")
        if self.samples:
            names.append("decision=None")
        inputs = ", ".join(f"{p.name}" for p in self.inputs)
        attributes = ", ".join(f"{p.name!r}: {p.name}" for p in self.attributes)
        call = f"self._apply(_primitive, ({inputs}{',' if self.inputs else ''}), {{{attributes}}}"
        source = f"def {self.name}({', '.join(['self', *names])}):\n    return {call}{', decision' * self.samples})"
        scope: dict[str, Any] = {"_primitive": self, **defaults}
        exec(source, scope)
        function: Callable[..., Any] = scope[self.name]
        function.__doc__ = self.doc
        function.__qualname__ = f"Schedule.{self.name}"
        function.__module__ = self.apply.__module__
        return function

    def __repr__(self) -> str:
        return f"Primitive({self.name})"


def primitive(apply: Any = None, *, pure: bool = False, postproc: bool = False, prepare: Prepare | None = None) -> Any:
    """Declare the decorated function a schedule primitive.

    Its first parameter is the `State`. Positional parameters are inputs, keyword-only ones attributes, `decision` is
    a sampling primitive's decision, the return annotation says what its outputs are. It changes the program only by
    `State.replace`, and states every precondition by `require`; when it raises, all its changes are undone.

    Parameters
    ----------
    prepare: puts arguments that come in several forms (a buffer by name or number, a Python function as an index map)
        into the one that is recorded, which it must leave as it is when the trace is replayed.
    """

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        REGISTRY[function.__name__] = Primitive(function, pure=pure, postproc=postproc, prepare=prepare)
        return function

    return declare if apply is None else declare(apply)
