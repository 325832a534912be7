"""What can be known about integer expressions: bounds, residues, normal forms, proofs, iterator maps, regions."""

from .analyzer import Analyzer, CompareResult
from .bounds import ConstIntBound
from .index_map import IndexMap
from .interval import IntervalSet, eval_set
from .iter_divide import subspace_divide
from .iter_inverse import inverse_affine_iter_map
from .iter_map import (
    IterMapLevel,
    IterMark,
    IterSplitExpr,
    IterSumExpr,
    affine_binding,
    detect_iter_map,
    is_affine_binding,
    iter_map_simplify,
    normalize_iter_map_to_expr,
    normalize_to_iter_sum,
)
from .modular import ModularSet
from .region_bounds import (
    estimate_region_lower_bound,
    estimate_region_strict_bound,
    estimate_region_upper_bound,
)
from .solve import deduce_bound, detect_clip_bound, detect_linear_equation

__all__ = [
    "Analyzer",
    "CompareResult",
    "ConstIntBound",
    "IndexMap",
    "IntervalSet",
    "IterMapLevel",
    "IterMark",
    "IterSplitExpr",
    "IterSumExpr",
    "ModularSet",
    "affine_binding",
    "deduce_bound",
    "detect_clip_bound",
    "detect_iter_map",
    "detect_linear_equation",
    "estimate_region_lower_bound",
    "estimate_region_strict_bound",
    "estimate_region_upper_bound",
    "eval_set",
    "inverse_affine_iter_map",
    "is_affine_binding",
    "iter_map_simplify",
    "normalize_iter_map_to_expr",
    "normalize_to_iter_sum",
    "subspace_divide",
]
