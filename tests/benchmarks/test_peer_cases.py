"""The schedules that are compared with Apache TVM's: those that are usual are taken, the others refused as errors."""

import sys
from collections import Counter
from pathlib import Path

from tensorir import Schedule, T, TensorIntrin, UserError, parse

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import peer_cases
from peer_programs import DECORATED, INTRINSICS, PROGRAMS

REFUSED = 61
"""How many are refused: 59 that TVM refuses as well, and two for reasons that docs/tvm-differences.md gives."""


def test_usual_schedules_are_taken() -> None:
    for name, texts in INTRINSICS.items():
        TensorIntrin.register(name, *(parse(DECORATED.format(text)) for text in texts), override=True)
    said: Counter[str] = Counter()
    for program, code in peer_cases.cases():
        sch = Schedule(parse(DECORATED.format(PROGRAMS[program])), seed=0)
        try:
            peer_cases.make(sch, T, code, sch.get_block)
        except UserError:
            said["refused"] += 1
        else:
            said["taken"] += 1
    assert said == {"taken": len(peer_cases.cases()) - REFUSED, "refused": REFUSED}
