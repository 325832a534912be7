"""The primitives as methods, made from the registry; `methods.pyi` says the same to editors and type checkers."""

from __future__ import annotations

from . import primitives as primitives
from .primitive import REGISTRY


class PrimitiveMethods:
    """What `Schedule` inherits its primitives from."""


for _name, _primitive in REGISTRY.items():
    setattr(PrimitiveMethods, _name, _primitive.method())
