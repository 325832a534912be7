"""tensorir: TensorIR for Python programmers. This module is the facade: it re-exports, lazily, what users name."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import script as script  # tells nodes how they are printed
from .tir.provided import SOURCES

SOURCES.append(lambda: import_module(".codegen.intrinsics", __name__))

if TYPE_CHECKING:
    from .codegen import transform as transform
    from .codegen.build import build as build
    from .codegen.lower import lower as lower
    from .codegen.runtime.arrays import empty as empty
    from .codegen.runtime.pool import num_threads as num_threads
    from .codegen.runtime.pool import set_num_threads as set_num_threads
    from .codegen.saved import load as load
    from .codegen.target import Target as Target
    from .meta_schedule.database import apply_tuned as apply_tuned
    from .meta_schedule.default import default_schedule as default_schedule
    from .meta_schedule.tune import tune as tune
    from .schedule.schedule import Schedule as Schedule
    from .schedule.trace import Trace as Trace
    from .script import ir as I
    from .script import tir as T
    from .script.diff import diff as diff
    from .script.parser import parse as parse
    from .tir.arith.index_map import IndexMap as IndexMap
    from .tir.errors import BuildError as BuildError
    from .tir.errors import CallError as CallError
    from .tir.errors import InternalError as InternalError
    from .tir.errors import RunError as RunError
    from .tir.errors import ScheduleError as ScheduleError
    from .tir.errors import ScriptError as ScriptError
    from .tir.errors import UserError as UserError
    from .tir.function import IRModule as IRModule
    from .tir.function import PrimFunc as PrimFunc
    from .tir.same import assert_structural_equal as assert_structural_equal
    from .tir.same import structural_equal as structural_equal
    from .tir.same import structural_hash as structural_hash
    from .tir.tensor_intrin import TensorIntrin as TensorIntrin

__version__ = "0.1.0"

# Where each name comes from; "module:" alone means the module itself.
_EXPORTS = {
    "BuildError": "tir.errors",
    "CallError": "tir.errors",
    "I": "script.ir:",
    "IRModule": "tir.function",
    "IndexMap": "tir.arith.index_map",
    "InternalError": "tir.errors",
    "PrimFunc": "tir.function",
    "RunError": "tir.errors",
    "Schedule": "schedule.schedule",
    "ScheduleError": "tir.errors",
    "ScriptError": "tir.errors",
    "T": "script.tir:",
    "Target": "codegen.target",
    "TensorIntrin": "tir.tensor_intrin",
    "Trace": "schedule.trace",
    "UserError": "tir.errors",
    "apply_tuned": "meta_schedule.database",
    "assert_structural_equal": "tir.same",
    "build": "codegen.build",
    "default_schedule": "meta_schedule.default",
    "diff": "script.diff",
    "empty": "codegen.runtime.arrays",
    "load": "codegen.saved",
    "lower": "codegen.lower",
    "num_threads": "codegen.runtime.pool",
    "parse": "script.parser",
    "set_num_threads": "codegen.runtime.pool",
    "structural_equal": "tir.same",
    "structural_hash": "tir.same",
    "transform": "codegen.transform:",
    "tune": "meta_schedule.tune",
}

__all__ = sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
    source = _EXPORTS.get(name)
    if source is None:
        raise AttributeError(f"module 'tensorir' has no attribute {name!r}")
    module = import_module(f".{source.rstrip(':')}", __name__)
    value = module if source.endswith(":") else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_EXPORTS})
