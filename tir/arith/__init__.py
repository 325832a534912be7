"""What can be known about integer expressions: bounds, residues, normal forms, proofs, iterator maps, regions."""

from .analyzer import Analyzer
from .bounds import ConstIntBound
from .modular import ModularSet

__all__ = ["Analyzer", "ConstIntBound", "ModularSet"]
