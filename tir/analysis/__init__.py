"""What can be known about a program: what its blocks access, of what kind they are, what depends on what, its cost."""

from .access import block_access_regions, stmt_access_regions
from .cost import allocated_bytes, bytes_moved, flops, footprint, store_costs
from .cover import scope_facts, stage_pipeline_failure
from .dependence import carried_dependence, dependences
from .kinds import BlockKind, block_kind
from .lca import buffer_lca
from .scope import root_scope, scope_of

__all__ = [
    "BlockKind",
    "allocated_bytes",
    "block_access_regions",
    "block_kind",
    "buffer_lca",
    "bytes_moved",
    "carried_dependence",
    "dependences",
    "flops",
    "footprint",
    "root_scope",
    "scope_facts",
    "scope_of",
    "stage_pipeline_failure",
    "stmt_access_regions",
    "store_costs",
]
