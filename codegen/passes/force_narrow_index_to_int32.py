"""Does 64-bit index arithmetic in 32 bits because the user says that it fits."""

from __future__ import annotations

from ...tir.arith import Analyzer
from ...tir.dtype import INT32, INT64
from ...tir.errors import LowerError
from ...tir.expr import Cast, Expr, IntImm, Var
from ...tir.function import PrimFunc
from ...tir.visit import walk
from ..target import Target
from .conditions import extents_known
from .narrow_data_type import Narrow


def force_narrow_index_to_int32(func: PrimFunc, target: Target) -> PrimFunc:
    """Give 32-bit types to loop variables, lets, indices and comparisons of int64, shown to fit or not.

    Parameters of int64 are cast where they are used. A value that does not fit makes the result meaningless.

    Raises
    ------
    LowerError: a constant in an index does not fit 32 bits.
    """
    if not any(isinstance(n, Expr) and n.dtype.element == INT64 for n in walk(func.body)):
        return func
    return _Force(func, extents_known(func))(func)


class _Force(Narrow):
    def __init__(self, func: PrimFunc, analyzer: Analyzer) -> None:
        super().__init__(analyzer)
        self.func = func

    def fits(self, e: Expr) -> bool:
        return True

    def narrow(self, e: Expr) -> Expr | None:
        if isinstance(e, IntImm) and not INT32.min <= e.value <= INT32.max:
            raise LowerError("{0} does not fit 32 bits", e, root=self.func)
        known = super().narrow(e)
        return Cast(INT32, e) if known is None and isinstance(e, Var) else known
