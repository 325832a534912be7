"""The live table of a tuning in a terminal: best so far, rate, failures and time left of each task, nothing else."""

from __future__ import annotations

import sys
import time
from typing import Any

from .report import bests, curve, duration
from .tune import Tuning


class LiveTable:
    """Shows a tuning: pass an object of this class as `watch`, inside a `with` of it.

    In a terminal the table is drawn in place; elsewhere a line is written now and then.

    Parameters
    ----------
    file: where to write; standard error by default, so that standard output has the result alone.
    """

    def __init__(self, file: Any = None) -> None:
        from rich.console import Console
        from rich.live import Live

        self.console = Console(file=file or sys.stderr)
        self.live = Live(console=self.console, auto_refresh=False, transient=True)
        self._shown = 0.0

    def __enter__(self) -> LiveTable:
        if self.console.is_terminal:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.console.is_terminal:
            self.live.stop()

    def __call__(self, tuning: Tuning) -> None:
        """Show the present state; at most some times a second, since drawing takes time from the search."""
        now = time.perf_counter()
        if now - self._shown < (0.25 if self.console.is_terminal else 10.0):
            return
        self._shown = now
        if self.console.is_terminal:
            self.live.update(table(tuning), refresh=True)
        else:
            self.console.print(line(tuning), highlight=False)


def line(tuning: Tuning) -> str:
    """The state in a line."""
    parts = []
    for task in tuning.tasks:
        best = task.best
        parts.append(f"{task.name}: {duration(best.ms) if best else '-'} after {len(task.trials)}")
    return f"{tuning.elapsed:.0f} s, {tuning.doing}; {'; '.join(parts)}"


def table(tuning: Tuning) -> Any:
    """The state as a table of rich."""
    from rich.table import Table

    left = "" if tuning.seconds is None else f", {max(tuning.seconds - tuning.elapsed, 0):.0f} s left"
    out = Table(caption=f"{tuning.doing}{left}; Ctrl-C ends and keeps everything", box=None, caption_justify="left")
    for name in ("task", "best", "unscheduled", "trials", "per second", "failed", ""):
        out.add_column(name, justify="left" if name in ("task", "") else "right")
    for task in tuning.tasks:
        best = task.best
        failed = sum(t.outcome.failed for t in task.trials)
        seconds = task.trials[-1].seconds if task.trials else 0.0
        goal = "" if tuning.trials is None else f"/{tuning.trials}"
        out.add_row(
            task.name,
            duration(best.ms) if best else "-",
            duration(task.reference_ms) if task.reference_ms else "",
            f"{task.tried}{goal}",
            f"{len(task.trials) / seconds:.1f}" if seconds else "",
            str(failed),
            curve(bests(task)),
        )
    return out
