"""Tensor intrinsics of processors, by name: texts from which `TensorIntrin.get` makes them at first use.

A family is a module here with `texts(name)`, giving the description and the implementation of the intrinsic called
so, or None, and `NAMES`, what to suggest to whoever mistypes one.
"""

from __future__ import annotations

from . import arm, cuda_lanes, cuda_tile, cuda_wgmma, x86

FAMILIES = (x86, arm, cuda_tile, cuda_lanes, cuda_wgmma)


def texts(name: str) -> tuple[str, str] | None:
    """Description and implementation of the intrinsic `name` as programs' texts, None where there is none."""
    return next((found for family in FAMILIES if (found := family.texts(name))), None)


def names() -> tuple[str, ...]:
    """The names there are; of those with numbers in them that may be chosen, examples."""
    return tuple(name for family in FAMILIES for name in family.NAMES)
