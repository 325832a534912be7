"""What a tuning result is filed under: the workload's hash, the target and the version, each as plain text."""

from __future__ import annotations

import json
from functools import cache
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ..codegen.target import Target
from ..schedule.trace import Trace
from ..tir.errors import UserError
from ..tir.function import IRModule, PrimFunc, as_module
from ..tir.same import structural_hash

MAIN = "main"
"""The name a workload's function has while it is tuned, whatever it is called where it comes from."""


def workload(function: PrimFunc) -> IRModule:
    """A function as a module of its own under the name `MAIN`."""
    return as_module(function.with_name(MAIN))


def workload_hash(function: PrimFunc) -> str:
    """16 hexadecimal digits, equal for programs that differ in names only."""
    return f"{structural_hash(function.with_name(MAIN)):016x}"


def target_text(target: Target) -> str:
    """A target as JSON, all its attributes spelled out: what holds on one machine is not filed under another."""
    attributes = {name: getattr(target, name) for name in sorted(Target.__slots__)}
    return json.dumps({name: value for name, value in attributes.items() if value}, sort_keys=True)


def target_of(text: str) -> Target:
    """The target that `target_text` wrote.

    Raises
    ------
    UserError: the text describes no target.
    """
    try:
        attributes: dict[str, Any] = json.loads(text)
        kind = attributes.pop("kind")
    except (ValueError, KeyError, AttributeError, TypeError):
        raise UserError(f"this describes no target: {text[:80]!r}") from None
    return Target(str(kind), **attributes)


def trace_key(trace: Trace) -> str:
    """A short hash of the steps and decisions of a trace, those of postprocessing left out."""
    return blake2b(trace.without_postproc().dumps().encode(), digest_size=12).hexdigest()


@cache
def code_version() -> str:
    """The version of this package, whose changes make former measurements incomparable."""
    try:
        return version("tensorir")
    except PackageNotFoundError:
        return "unknown"
