"""The account of a tuning as one page of HTML that needs nothing else: plots, failures, the best trace and program."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from .plot import bars, scatter, staircase
from .report import bests, duration

if TYPE_CHECKING:
    from .result import TaskReport, TuningResult

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 1000px; padding: 0 1em; color: #222; }
h1 { font-size: 1.4em; } h2 { font-size: 1.15em; margin-top: 2em; border-top: 1px solid #ccc; padding-top: 1em; }
figure { display: inline-block; margin: 0 1em 1em 0; vertical-align: top; } figcaption { color: #555; }
svg { font: 11px system-ui, sans-serif; fill: #333; } .grid { stroke: #e4e4e4; } .dot { fill: #7a9cc6; opacity: .7; }
.best { fill: none; stroke: #c2410c; stroke-width: 2; } .bar { fill: #c2410c; opacity: .7; }
.middle { text-anchor: middle; } .right { text-anchor: end; }
table { border-collapse: collapse; } td, th { padding: .2em .8em .2em 0; text-align: left; }
pre { background: #f6f6f4; padding: .8em; overflow: auto; font-size: 12.5px; } code { font-size: 12.5px; }
@media (prefers-color-scheme: dark) {
  body { background: #1b1b1d; color: #ddd; } svg { fill: #ccc; } .grid { stroke: #333; } pre { background: #262629; }
  figcaption { color: #aaa; } h2 { border-color: #444; }
}
"""


def page(result: TuningResult) -> str:
    """The account; see `TuningResult.html`."""
    names = ", ".join(name for task in result.tasks for name in task.names)
    first = escape(result.report.splitlines()[0])
    body = "".join(_task(task) for task in result.tasks)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8"><title>Tuning {escape(names)}</title>\n'
        f"<style>{_STYLE}</style>\n<h1>Tuning {escape(names)}</h1>\n<p>{first}</p>\n"
        + "".join(f"<p>{escape(warning)}</p>" for warning in result.warnings)
        + f"{body}\n<p>Kept in <code>{escape(result.database)}</code>.</p></html>\n"
    )


def _task(report: TaskReport) -> str:
    low, high = report.interval
    tied = f", {report.ties} others may be as fast" if report.ties else ""
    best = (
        f"{duration(report.best_ms)} ({duration(low)} to {duration(high)}){tied}" if report.finalists else "none works"
    )
    task = report.task
    rows = [
        ("best", best),
        ("unscheduled", duration(task.reference_ms) if task.reference_ms else "not run"),
        ("candidates", f"{len(task.trials)} measured, {task.known} known before, {len(task.pool.sketches)} sketches"),
    ]
    working = [(t.seconds, t.outcome.ms) for t in task.trials if t.outcome.ok]
    steps = [(t.seconds, b) for t, b in zip(task.trials, bests(task)) if b < float("inf")]
    judged = [
        (t.predicted, t.outcome.ms)
        for t in task.trials
        if t.outcome.ok and t.predicted is not None and t.model == "lightgbm" and t.round > 1
    ]
    figures = [
        (staircase(steps, working, "milliseconds"), "candidates over time, and the best so far"),
        (
            scatter(judged, "the model's score before", "milliseconds"),
            "predicted and measured, from the second round on",
        ),
        (bars([(f.status.value, f.count) for f in report.failures]), "failures"),
    ]
    shown = "".join(
        f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>" for svg, caption in figures if svg
    )
    failures = "".join(
        f"<tr><td>{escape(f.status.value)}<td>{f.count}<td>{escape(f.detail)}<td><code>{escape(f.command)}</code></tr>"
        for f in report.failures
    )
    listing = ""
    if report.finalists:
        winner = report.finalists[0].candidate
        trace, program = winner.trace.as_python(), winner.program
        listing = f"<h3>Trace</h3><pre>{escape(trace)}</pre><h3>Program</h3><pre>{escape(program)}</pre>"
    return (
        f"\n<h2>{escape(', '.join(report.names))}</h2>\n<table>"
        + "".join(f"<tr><th>{escape(name)}<td>{escape(value)}</tr>" for name, value in rows)
        + f"</table>\n{shown}\n"
        + (f"<table><tr><th>failed<th><th>first<th>again</tr>{failures}</table>" if failures else "")
        + listing
    )
