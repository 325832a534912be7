"""`I`: the words about modules.

>>> from tensorir.script import ir as I, tir as T
>>> @I.ir_module
... class Module:
...     @T.prim_func
...     def main(A: T.Buffer((128,), "float32")):
...         for i in range(128):
...             A[i] = T.float32(0)
"""

from __future__ import annotations

from typing import Any

from .lang.functions import ir_module, module_attrs

__all__ = ["ir_module", "module_attrs"]

TABLE: dict[str, Any] = {"ir_module": ir_module, "module_attrs": module_attrs}
"""The words by name, as text finds them."""
