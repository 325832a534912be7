"""How a loop runs: the last decision holds, and a thread's axis goes with the decision for threads."""

import pytest
from tensorir import Schedule
from tensorir.tir.stmt import ForKind

from ..programs import elementwise

DECISIONS = {
    "parallel": (ForKind.PARALLEL, []),
    "vectorize": (ForKind.VECTORIZED, []),
    "unroll": (ForKind.UNROLLED, []),
    "bind": (ForKind.THREAD_BINDING, ["threadIdx.x"]),
}


@pytest.mark.parametrize("first", DECISIONS)
@pytest.mark.parametrize("last", DECISIONS)
def test_the_last_decision_holds(first: str, last: str) -> None:
    sch = Schedule(elementwise)
    loop, _ = sch.get_loops("B")
    getattr(sch, first)(loop, *DECISIONS[first][1])
    kind, arguments = DECISIONS[last]
    getattr(sch, last)(loop, *arguments)
    assert sch.get(loop).kind is kind
    assert sch.get(loop).thread_binding == (arguments[0] if arguments else None)
    sch.verify(trials=1, backend="interpreter", sanitize=True)
