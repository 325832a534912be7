"""What came of measuring a candidate: its times, or the kind of its failure and what is known of it."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """How a measurement ended. All but OK and SLOW are failures."""

    OK = "ok"
    SLOW = "slow"
    SCHEDULE = "schedule"
    BUILD = "build"
    WRONG = "wrong result"
    CRASH = "crash"
    TIMEOUT = "timeout"
    MEMORY = "memory"


MEANING: dict[Status, str] = {
    Status.OK: "measured",
    Status.SLOW: "given up: far slower than the best",
    Status.SCHEDULE: "a step of the schedule or of its finishing was refused",
    Status.BUILD: "could not be lowered or compiled",
    Status.WRONG: "gave other results than the reference",
    Status.CRASH: "ended its process",
    Status.TIMEOUT: "ran out of time",
    Status.MEMORY: "wanted more memory than it may have",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One measurement.

    Attributes
    ----------
    samples: milliseconds per call, one for each repeat; empty for failures. For SLOW, one lower bound.
    detail: for failures, what happened, in words.
    build_ms, total_ms: how long building took, and everything from fork to end.
    """

    status: Status
    samples: tuple[float, ...] = ()
    detail: str = ""
    build_ms: float = 0.0
    total_ms: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the candidate works, be it slowly."""
        return self.status is Status.OK

    @property
    def failed(self) -> bool:
        """Whether the candidate does not work."""
        return self.status not in (Status.OK, Status.SLOW)

    @property
    def ms(self) -> float:
        """The median of the samples; infinite for failures."""
        return statistics.median(self.samples) if self.samples else float("inf")

    @property
    def interval(self) -> tuple[float, float]:
        """A 95 % confidence interval of the median (order statistics of the samples)."""
        return median_interval(self.samples)

    def as_json(self) -> dict[str, Any]:
        """The outcome as plain data."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Outcome:
        """The outcome that `as_json` wrote."""
        return Outcome(**{**data, "status": Status(data["status"]), "samples": tuple(data["samples"])})


def median_interval(samples: tuple[float, ...] | list[float]) -> tuple[float, float]:
    """A 95 % confidence interval of the median, from order statistics; the range where there are few samples."""
    if not samples:
        return float("inf"), float("inf")
    ranked = sorted(samples)
    n = len(ranked)
    reach = 0.98 * n**0.5  # 1.96 standard deviations of a binomial count with probability 1/2
    low, high = max(0, int(n / 2 - reach)), min(n - 1, int(n / 2 + reach))
    return ranked[low], ranked[high]
