"""The differences from Apache TVM that `docs/tvm-differences.md` lists, as rules by which `peer_diff.py` knows them.

The title of a class is what the page calls it, so that a reader of either finds the other.
"""

from __future__ import annotations

import re
from typing import NamedTuple

TAKES = ("only TVM accepts", "only TVM accepts, wrong")
WE_TAKE = ("only we accept",)
WRONG = ("TVM is wrong", "TVM unreadable")


class Listed(NamedTuple):
    """A class of steps: the outcomes it can have, the primitives, and what is said about the step, as patterns."""

    title: str
    outcomes: tuple[str, ...]
    primitives: str = ".*"
    said: str = ""


RULES = (
    # What TVM takes and we refuse; what is said is our refusal, or how TVM's program goes wrong.
    Listed("a loop that is no longer plain is reshaped", TAKES, said="is no longer serial|has annotations, which"),
    Listed("an init no longer comes first", TAKES, "reorder", "whose init would no longer come before all updates"),
    Listed(
        "iterations that depend on each other change places",
        TAKES,
        "reorder|transform_block_layout",
        "cannot change its place|the loops of its reduce axes must keep|whose order must be kept",
    ),
    Listed(
        "iterations that write one element run at once",
        TAKES,
        "parallel|vectorize|bind",
        "cannot (run in parallel|be vector lanes|be bound to)",
    ),
    Listed("a symbolic number of vector lanes", TAKES, "vectorize", "is not a constant number of lanes"),
    Listed("an annotation is given another value", TAKES, "annotate", "already has the annotation"),
    Listed(
        "a parameter is given another scope or type",
        TAKES,
        "set_scope|unsafe_set_dtype|storage_align",
        "is not allocated by a block",
    ),
    Listed("a consumer that does not read the buffer", TAKES, "cache_.*", "is given as a consumer but does not read"),
    Listed("a consumer inside another block", TAKES, "cache_.*", "is not in the same block as"),
    Listed(
        "a buffer of which only a part is written goes through a cache",
        TAKES,
        "cache_.*|write_at|read_at|reindex.*",
        "not known to (write|have written|have been written)|which its reduction moves|only under a condition"
        "|goes on with a reduction begun elsewhere"
        "|reads more of .* than|stores? to the same element|is not known to be written inside",
    ),
    Listed("a block reads a copy of what it writes", TAKES, "cache_read|reindex.*|read_at", "so it cannot read a copy"),
    Listed(
        "a cache is read before it holds what is read",
        TAKES,
        "cache_.*|write_at|reindex.*|read_at",
        "does not hold (it )?yet|before .* writes it|as an earlier iteration wrote it",
    ),
    Listed(
        "a block without consumers or producers is moved",
        TAKES,
        "(reverse_)?compute_at",
        "no block reads what|reads nothing that another block writes",
    ),
    Listed("nothing to factor", TAKES, "rfactor", "has nothing to factor"),
    Listed("partial results that were never started", TAKES, "rfactor", "these would have no result"),
    Listed("ties are left to the order", TAKES, "rfactor", "ties|in the order"),
    Listed("a buffer that several blocks write", TAKES, "reindex.*|cache_.*", "is written by several blocks"),
    Listed(
        "indices that depend on loops inside the block",
        (*TAKES, *WRONG),
        "reindex.*",
        "which is not one of its iterators|is used where it is not defined",
    ),
    Listed("blocks of different blocks are blockized", TAKES, "blockize", "are not inside the same block"),
    Listed(
        "iterators that are not divided by the loop",
        TAKES,
        "blockize",
        "driven by the same loop in different ways|are not bound affinely|cannot be divided|goes on over loops outside"
        "|not a reduction block|neither a complete nor",
    ),
    Listed(
        "padding in loops that are not the block's iterators",
        TAKES,
        "pad_einsum",
        "the loops around .* are not its iterators|neither a complete nor a reduction block"
        "|not at the same plain iterators everywhere",
    ),
    Listed(
        "a reduction is moved to where its values come in parts",
        TAKES,
        "(reverse_)?compute_at",
        "only some of the values to reduce",
    ),
    Listed("a consumer of one element is inlined into all", TAKES, "reverse_compute_inline", "only some of what block"),
    Listed(
        "moves after which iterations could no longer run at once",
        TAKES,
        said="could no longer run at once|iterations of the .* race for",
    ),
    Listed("a copy with loops inside is inlined", TAKES, "reverse_compute_inline", "is not one store"),
    Listed("indices that are loaded", TAKES, "reindex.*", "at indices that it loads"),
    Listed(
        "iterators that cannot be found from what the block touches",
        TAKES,
        "(reverse_)?compute_at",
        "cannot be found from what it touches",
    ),
    Listed("a rolling buffer whose indices are computed", TAKES, "rolling_buffer", "which is no plain iterator"),
    Listed("a rolling buffer of which an iteration writes less than is read", TAKES, "rolling_buffer", "reads more of"),
    Listed("a block of assumptions is moved", TAKES, "(reverse_)?compute_at", "calls `T.assume"),
    Listed(
        "a reduction that is computed again is decomposed", TAKES, "decompose_reduction", "all of the reduction again"
    ),
    Listed(
        "an init is taken from what threads reduce together",
        TAKES,
        "decompose_reduction|blockize|tensorize",
        "reduce together only as long as",
    ),
    Listed("threads store values of their own at one place", TAKES, said="a value of its own at the same"),
    Listed(
        "a consumer is moved to where only a part of what it reads is made",
        (*TAKES, *WRONG),
        "reverse_compute_at",
        "not known to (run for all values|write every element)|would not run for all values"
        "|may leave something unwritten|nothing has been written there",
    ),
    Listed(
        "a condition that says more than that iterators are in their domains",
        TAKES,
        "(reverse_)?compute_at",
        "says more than that its iterators are in their domains",
    ),
    Listed("an epilogue of some results only", TAKES, "fuse_reduction_epilogue", "run for all values of its axes"),
    Listed("a loop beside other blocks is factored", TAKES, "rfactor", "holds more than"),
    Listed("an init below a loop of its reduction", TAKES, "decompose_reduction", "would run again and again"),
    Listed("a scan is divided", TAKES, "loop_partition|blockize", "drives the scan axis|neither spatial nor reduce"),
    Listed("blocks with others between are blockized", TAKES, "blockize", "lies between the blocks given"),
    Listed("a buffer is accessed at several places", TAKES, "reindex.*", "at [0-9]+ different places"),
    Listed("loops that are not the block's iterators", TAKES, "transform_block_layout", "are not its loops"),
    Listed("bindings that are not affine", TAKES, said="are not bound affinely"),
    # What we take and TVM refuses; what is said is TVM's refusal. Our program is run each time.
    Listed("TVM refuses: no compact dataflow", WE_TAKE, said="does not have compact dataflow"),
    Listed("TVM refuses: no stage pipeline", WE_TAKE, said="is not a stage pipeline"),
    Listed("TVM refuses: no affine binding", WE_TAKE, said="is required to have an affine binding"),
    Listed("TVM refuses: other axes than spatial and reduce", WE_TAKE, "reorder", "have block it"),
    Listed("TVM refuses: loops that do not start at 0", WE_TAKE, said="only supports loop starting with 0"),
    Listed("TVM refuses: several blocks below the loop", WE_TAKE, "blockize", "only one child block"),
    Listed("TVM refuses: bindings that it cannot divide", WE_TAKE, "blockize", "can not be blockized"),
    Listed("TVM refuses: an integer as padding of floats", WE_TAKE, "transform_layout", "Type mismatch"),
    Listed("TVM refuses: blocks with blocks inside", WE_TAKE, "reindex.*", "not a leaf block"),
    Listed("TVM refuses: regions of several elements", WE_TAKE, "reindex.*", "is not a single|region accessed"),
    Listed("TVM refuses: an init", WE_TAKE, "tensorize", "."),
    Listed("TVM refuses: padding that changes nothing", WE_TAKE, "pad_einsum", "not a computation of Einsum"),
    Listed("TVM refuses: epilogues of other forms", WE_TAKE, "fuse_reduction_epilogue", "body pattern does not meet"),
    Listed(
        "TVM refuses: loops of one iteration", WE_TAKE, "transform_block_layout", "are not variables of outer loops"
    ),
    Listed("TVM refuses: loops that are not serial", WE_TAKE, "rfactor", "is required to be `kSerial`"),
    Listed("TVM refuses: lanes of one iteration", WE_TAKE, "vectorize|parallel|bind", "cannot be fulfilled"),
    Listed("TVM refuses: dimensions of one element", WE_TAKE, "transform_layout", "would introduce padding"),
    Listed("TVM refuses: reductions that it does not know", WE_TAKE, "rfactor", "No matched reducer"),
    Listed("TVM refuses: maps that it cannot invert", WE_TAKE, "transform_block_layout", "not bijective affine"),
    Listed(
        "TVM refuses: blocks that it does not take for reductions",
        WE_TAKE,
        "decompose_.*|rfactor|compute_at",
        "Not a (complete or )?reduction block",
    ),
    Listed("TVM refuses: blocks inside a block that writes what leaves it", WE_TAKE, "compute_inline", "output block"),
    Listed("TVM refuses: blocks that are not complete", WE_TAKE, said="is not a complete block"),
    Listed("TVM refuses: reads that nothing is shown to cover", WE_TAKE, said="region cover is not complete"),
    Listed("TVM refuses: padding of other forms", WE_TAKE, "decompose_padding", "match padding pattern"),
    Listed(
        "TVM fails inside",
        WE_TAKE,
        said=r"^(\w*\.)*(InternalError|KeyError|TypeError|ValueError|IndexError|AttributeError)\b",
    ),
    # Where TVM itself gives up.
    Listed("TVM's process ends", ("TVM error",), said="process ended"),
    Listed("TVM fails inside", ("TVM lost",), said="InternalError"),
    # Programs of TVM's that the sanitizer finds wrong where ours is right.
    Listed("blocks are put in the order of the list", WRONG, "blockize"),
    Listed("an index buffer is not compact, or made too late", WRONG, "cache_index"),
    Listed("the epilogue is applied to partial results", WRONG, "fuse_reduction_epilogue"),
    Listed("every part starts the reduction anew", WRONG, "loop_partition"),
    Listed("a tile reaches beyond the buffer", WRONG, "read_at|write_at"),
    Listed("a dimension that several iterators write is narrowed too far", WRONG, "compute_at"),
    Listed("blocks beside the padding are dropped", WRONG, "decompose_padding"),
    Listed("an index is divided by a negative number", WRONG, "transform_layout"),
    Listed("a copy comes after its readers", WRONG, "cache_read", "nothing has been written there"),
    Listed("a copy does not ask what the block's predicate asks", WRONG, "reindex.*|cache_read|cache_write"),
    Listed("partial results are added up without the predicate", WRONG, "rfactor"),
    Listed("variables that nothing binds", ("TVM unreadable",)),
    # Other answers, and what cannot be run here.
    Listed("get_output_blocks: blocks around and inside others", ("other answers",), "get_output_blocks"),
    Listed("can_decompose_padding: what can be decomposed", ("other answers",), "can_decompose_padding"),
    Listed("calls of functions that the interpreter does not have", ("not judged",), said="no implementation of"),
)


def listed(primitive: str, outcome: str, said: str) -> str | None:
    """The title of the class that a step belongs to; None if the page does not list it."""
    for rule in RULES:
        if outcome in rule.outcomes and re.fullmatch(rule.primitives, primitive) and re.search(rule.said, said, re.S):
            return rule.title
    return None
