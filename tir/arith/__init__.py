"""What can be known about integer expressions: bounds, residues, normal forms, proofs, iterator maps, regions."""

from .analyzer import Analyzer
from .bounds import ConstIntBound
from .index_map import IndexMap
from .interval import IntervalSet, eval_set
from .iter_divide import subspace_divide
from .iter_inverse import inverse_affine_iter_map
from .iter_map import IterMapLevel, affine_binding, detect_iter_map, is_affine_binding, iter_map_simplify
from .modular import ModularSet

__all__ = [
    "Analyzer",
    "ConstIntBound",
    "IndexMap",
    "IntervalSet",
    "IterMapLevel",
    "ModularSet",
    "affine_binding",
    "detect_iter_map",
    "eval_set",
    "inverse_affine_iter_map",
    "is_affine_binding",
    "iter_map_simplify",
    "subspace_divide",
]
