"""Passes one at a time, under TVM's names: `tensorir.transform.LowerInitBlock()(mod)`.

Every pass of lowering is here, and some that lowering does not need. The pipeline itself is `tensorir.lower`.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from ..tir.errors import UserError
from ..tir.float_formats import FLOAT8
from ..tir.function import IRModule, PrimFunc
from ..tir.stmt import For, ForKind
from ..tir.visit import walk
from .lower import PASSES
from .passes.canonicalize_loop import canonicalize_loop
from .passes.compute_legalize import compute_legalize
from .passes.convert_ssa import convert_ssa
from .passes.force_narrow_index_to_int32 import force_narrow_index_to_int32
from .passes.hoist_if_then_else import hoist_if_then_else
from .passes.legalize_narrow_floats import legalize
from .passes.remove_assume import remove_assume
from .passes.remove_no_op import remove_no_op
from .passes.remove_store_undef import remove_store_undef
from .passes.renormalize_split_pattern import renormalize_split_pattern
from .passes.simplify import simplify
from .passes.skip_assert import skip_assert
from .target import Target, as_target

P = TypeVar("P", PrimFunc, IRModule)
Step = Callable[..., PrimFunc]

BFLOAT16 = frozenset({"bfloat16"})


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _compute(types: frozenset[str], func: PrimFunc, target: Target, *, promote_dtype: str = "float32") -> PrimFunc:
    return compute_legalize(func, types, promote_dtype)


def _storage(types: frozenset[str], func: PrimFunc, target: Target) -> PrimFunc:
    return legalize(func, types)


_ALONE: tuple[Step, ...] = (
    canonicalize_loop,
    force_narrow_index_to_int32,
    remove_assume,
    remove_no_op,
    remove_store_undef,
    renormalize_split_pattern,
    skip_assert,
)

TRANSFORMS: dict[str, Step] = {
    **{_camel(step.__name__): step for step in (*PASSES, *_ALONE)},
    "BF16ComputeLegalize": partial(_compute, BFLOAT16),
    "BF16StorageLegalize": partial(_storage, BFLOAT16),
    "ConvertSSA": convert_ssa,
    "FP8ComputeLegalize": partial(_compute, frozenset(FLOAT8)),
    "FP8StorageLegalize": partial(_storage, frozenset(FLOAT8)),
    "HoistExpression": hoist_if_then_else,
    "StmtSimplify": simplify,
}
"""The passes by name."""


class Transform:
    """A pass that can be called on a function or a module, and gives a new one.

    Attributes
    ----------
    name: as in `TRANSFORMS`. target: for which it is run; None takes the function's attribute "target", and else a GPU
        for functions that bind threads, this machine for others.
    """

    def __init__(self, name: str, step: Step, target: str | Target | None, options: dict[str, Any]) -> None:
        self.name, self.target, self._step, self._options = name, target, step, options

    def __call__(self, x: P) -> P:
        """The function or module after the pass.

        Raises
        ------
        LowerError: the pass meets a program it cannot lower.
        """
        if isinstance(x, PrimFunc):
            return self._step(x, self._target(x), **self._options)  # type: ignore[return-value]
        for name, func in x.items():
            x = x.with_function(name, self(func))
        return x

    def _target(self, func: PrimFunc) -> Target:
        given = self.target or func.attrs.get("target")
        if given:
            return as_target(given)
        threads = any(isinstance(n, For) and n.kind is ForKind.THREAD_BINDING for n in walk(func.body))
        return as_target("cuda" if threads else "llvm")

    def __repr__(self) -> str:
        options = {**({"target": self.target} if self.target else {}), **self._options}
        return f"transform.{self.name}({', '.join(f'{k}={v!r}' for k, v in options.items())})"


class Sequential:
    """Passes run one after the other."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = tuple(transforms)

    def __call__(self, x: P) -> P:
        """The function or module after all of the passes."""
        for transform in self.transforms:
            x = transform(x)
        return x

    def __repr__(self) -> str:
        return f"transform.Sequential({list(self.transforms)!r})"


def _make(name: str, *values: Any, target: str | Target | None = None, **options: Any) -> Transform:
    step = TRANSFORMS[name]
    legal = [p.name for p in inspect.signature(step).parameters.values() if p.kind is p.KEYWORD_ONLY]
    if len(values) > len(legal):
        takes = f"at most {len(legal)}, {', '.join(legal)}" if legal else "none"
        raise UserError(f"the pass {name} is given {len(values)} options by place; it takes {takes}")
    for option, value in zip(legal, values):
        if option in options:
            raise UserError(f"the pass {name} is given the option {option!r} twice")
        options[option] = value
    for option in options:
        if option not in legal:
            has = f"it has {', '.join(('target', *legal))}"
            raise UserError(f"the pass {name} has no option {option!r}; {has}")
    return Transform(name, step, target, options)


def __getattr__(name: str) -> Callable[..., Transform]:
    if name in TRANSFORMS:
        return partial(_make, name)
    near = difflib.get_close_matches(name, TRANSFORMS, 1)
    hint = f"; did you mean {near[0]!r}?" if near and not name.startswith("_") else ""
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")


def __dir__() -> list[str]:
    return sorted({*globals(), *TRANSFORMS})
