"""`T`: the words of the script language.

>>> from tensorir.script import tir as T
>>> @T.prim_func
... def scale(A: T.Buffer((128,), "float32"), B: T.Buffer((128,), "float32")):
...     for i in range(128):
...         with T.block("B"):
...             vi = T.axis.spatial(128, i)
...             B[vi] = A[vi] * T.float32(2)
"""

from __future__ import annotations

from typing import Any

from .lang.blocks import axis as axis
from .lang.blocks import bind as bind
from .lang.blocks import block as block
from .lang.blocks import block_attr as block_attr
from .lang.blocks import init as init
from .lang.blocks import reads as reads
from .lang.blocks import reduce_axis as reduce_axis
from .lang.blocks import scan_axis as scan_axis
from .lang.blocks import where as where
from .lang.blocks import writes as writes
from .lang.buffers import Buffer as Buffer
from .lang.buffers import alloc_buffer as alloc_buffer
from .lang.buffers import alloc_local as alloc_local
from .lang.buffers import alloc_shared as alloc_shared
from .lang.buffers import allocate as allocate
from .lang.buffers import decl_buffer as decl_buffer
from .lang.buffers import match_buffer as match_buffer
from .lang.construct import CONSTRUCTS
from .lang.functions import macro as macro
from .lang.functions import prim_func as prim_func
from .lang.intrinsics import INTRINSICS
from .lang.intrinsics import call_function as call_function
from .lang.intrinsics import call_intrin as call_intrin
from .lang.loops import grid as grid
from .lang.loops import launch_thread as launch_thread
from .lang.loops import parallel as parallel
from .lang.loops import serial as serial
from .lang.loops import thread_binding as thread_binding
from .lang.loops import unroll as unroll
from .lang.loops import vectorized as vectorized
from .lang.statements import Assert as Assert
from .lang.statements import LetStmt as LetStmt
from .lang.statements import attr as attr
from .lang.statements import evaluate as evaluate
from .lang.statements import func_attr as func_attr
from .lang.statements import let as let
from .lang.statements import meta_var as meta_var
from .lang.types import SHORT, TYPES, type_name
from .lang.types import Ptr as Ptr
from .lang.types import handle as handle
from .lang.types import var as var
from .lang.types import void as void
from .lang.values import BINARY
from .lang.values import Broadcast as Broadcast
from .lang.values import Cast as Cast
from .lang.values import FloatImm as FloatImm
from .lang.values import IntImm as IntImm
from .lang.values import Let as Let
from .lang.values import Not as Not
from .lang.values import Ramp as Ramp
from .lang.values import Select as Select
from .lang.values import Shuffle as Shuffle
from .lang.values import StringImm as StringImm
from .lang.values import cast as cast
from .lang.values import ceildiv as ceildiv
from .lang.values import comm_reducer as comm_reducer
from .lang.values import if_then_else as if_then_else
from .lang.values import infinity as infinity
from .lang.values import max_value as max_value
from .lang.values import min_value as min_value
from .lang.values import vectorcombine as vectorcombine
from .lang.values import vectorhigh as vectorhigh
from .lang.values import vectorlow as vectorlow

sblock, sblock_attr, sblock_alloc_buffer = block, block_attr, alloc_buffer
ramp, broadcast = Ramp, Broadcast

fabs = INTRINSICS["abs"]

_own = {name: word for name, word in globals().items() if word is axis or (callable(word) and word in CONSTRUCTS)}

TABLE: dict[str, Any] = {**INTRINSICS, **BINARY, **TYPES, **SHORT, **_own}
"""The words by name, as text finds them."""

globals().update(TABLE)
__all__ = [*sorted(TABLE)]


def __getattr__(name: str) -> Any:
    """Vector types: `T.float32x4`."""
    found = type_name(name)
    if found is None:
        raise AttributeError(f"T has no word {name!r}")
    return found
