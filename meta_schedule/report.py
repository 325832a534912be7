"""The account of a tuning as text: winners, ties, failures, and how long everything took."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .result import TaskReport, TuningResult
    from .task import Task

BLOCKS = "▁▂▃▄▅▆▇█"


def duration(ms: float) -> str:
    """Milliseconds in the unit a person would choose."""
    if ms == float("inf"):
        return "-"
    for unit, scale in (("s", 1e-3), ("ms", 1.0), ("µs", 1e3)):
        if ms * scale >= 1 or unit == "µs":
            return f"{ms * scale:.3g} {unit}"
    return ""


def bests(task: Task) -> list[float]:
    """The best milliseconds so far after each trial."""
    return list(accumulate((t.outcome.ms if t.outcome.ok else float("inf") for t in task.trials), min))


def curve(values: Sequence[float], width: int = 24) -> str:
    """The best times so far as a small picture, logarithmic, the present best lowest."""
    from math import log2

    finite = [v for v in values if v < float("inf")]
    if not finite:
        return ""
    picked = [values[min(len(values) - 1, n * len(values) // width)] for n in range(min(width, len(values)))]
    picked[-1] = values[-1]
    low, high = log2(min(finite)), log2(max(finite))
    span = max(high - low, 0.05)
    heights = [len(BLOCKS) - 1 if v == float("inf") else round((log2(v) - low) / span * 7) for v in picked]
    return "".join(BLOCKS[max(0, min(7, h))] for h in heights)


def text(result: TuningResult) -> str:
    """The account; see `TuningResult.report`."""
    trials = sum(len(t.trials) for t in result.tasks)
    known = sum(t.task.known for t in result.tasks)
    per_trial = f", {result.seconds / trials:.2f} s each" if trials else ""
    before = f" ({known} known before)" if known else ""
    ended = ", ended by Ctrl-C" if result.interrupted else ""
    lines = [f"{trials} candidates measured{before} in {result.seconds:.1f} s{per_trial}{ended}; {result.target}"]
    lines += result.warnings
    for report in result.tasks:
        lines += ["", *_task(report)]
    lines += ["", f"kept in {result.database}"]
    return "\n".join(lines)


def _task(report: TaskReport) -> list[str]:
    task = report.task
    title = ", ".join(report.names)
    if not report.finalists:
        lines = [f"{title}: no candidate works; it has the default schedule"]
    else:
        low, high = report.interval
        tied = f", {report.ties} others may be as fast" if report.ties else ""
        gain = f"; unscheduled {duration(task.reference_ms)}" if task.reference_ms else ""
        lines = [f"{title}: {duration(report.best_ms)} ({duration(low)} to {duration(high)}){tied}{gain}"]
        lines.append(f"  {curve(bests(task))}  {len(task.trials)} trials, {len(task.pool.sketches)} sketches")
    for failure in report.failures:
        lines += [f"  {line}" for line in str(failure).splitlines()]
    return lines
