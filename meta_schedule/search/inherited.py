"""Candidates from the fastest traces of other workloads: the same steps, their decisions fitted to other extents."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from ...schedule.tiling import divisors
from ...schedule.trace import Instruction
from .candidate import Pool, Wish

MOST = 48
"""Candidates that are made of what other workloads have: the search is to begin soon, however many these are."""


def inherited(pool: Pool, traces: Sequence[str]) -> list[Wish]:
    """What the first traces of other workloads (JSON) come to in this one, but for those whose steps no sketch has.

    A workload of another shape has the same sketches, and what is good for it is mostly good here: the tile that fits
    the registers, where stages are computed, how far loops are unrolled.
    """
    out: list[Wish] = []
    for text in traces:
        if len(out) == MOST:
            break
        read = pool.read(text)
        if read is None or read[1] < 0:
            continue
        trace, sketch = read
        own = pool.sketches[sketch].insts
        decisions = [_fitted(mine, step.decision) for mine, step in zip(own, trace.insts) if mine.primitive.samples]
        out.append(Wish(pool.with_decisions(sketch, decisions), sketch))
    return out


def _fitted(own: Instruction, decision: Any) -> Any:
    """A decision of another workload's step for the step of this one: tiles of other loops change, numbers stay.

    Parameters
    ----------
    own: the sketch's step, whose own decision says how long the loop is.
    """
    if not isinstance(own.decision, (list, tuple)) or not isinstance(decision, (list, tuple)):
        return decision
    return fitted_tile([int(f) for f in decision], prod(map(int, own.decision)))


def fitted_tile(factors: Sequence[int], extent: int) -> list[int]:
    """Factors of an extent, the inner ones no greater than those given and as near as they can be."""
    out: list[int] = []
    for wanted in reversed(factors[1:]):
        out.append(max(d for d in divisors(extent) if d <= wanted))
        extent //= out[-1]
    return [extent, *reversed(out)]
