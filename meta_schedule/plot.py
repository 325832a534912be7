"""Small plots as SVG text: a staircase of bests over trials, and predictions against measurements."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT, MARGIN = 460, 260, 46


class Scale:
    """Maps values to places, linearly or by their logarithm."""

    def __init__(self, low: float, high: float, begin: float, end: float, log: bool) -> None:
        self.log = log
        self.low, self.high = (log10(low), log10(high)) if log else (low, high)
        if self.high - self.low < 1e-9:
            self.low, self.high = self.low - 0.5, self.high + 0.5
        self.begin, self.end = begin, end

    def __call__(self, value: float) -> float:
        """The place of a value."""
        v = log10(value) if self.log else value
        return self.begin + (v - self.low) / (self.high - self.low) * (self.end - self.begin)

    def ticks(self) -> list[float]:
        """Some round values in the range."""
        if self.log:
            exponents = range(floor(self.low), ceil(self.high) + 1)
            values = [m * 10.0**e for e in exponents for m in (1, 2, 5)]
            inside = [v for v in values if self.low - 1e-9 <= log10(v) <= self.high + 1e-9]
            return inside or [10**self.low, 10**self.high]
        step = 10 ** floor(log10(max(self.high - self.low, 1e-9) / 2))
        first = ceil(self.low / step)
        return [n * step for n in range(first, floor(self.high / step) + 1)][:12]


def staircase(points: Sequence[tuple[float, float]], all_points: Sequence[tuple[float, float]], label: str) -> str:
    """Best values so far as steps over every value as a dot; values on a logarithmic axis."""
    if not all_points:
        return ""
    xs = [x for x, _ in all_points]
    ys = [y for _, y in all_points]
    x = Scale(0, max(xs), MARGIN, WIDTH - 10, False)
    y = Scale(min(ys), max(ys), HEIGHT - MARGIN, 10, True)
    dots = "".join(f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="2" class="dot"/>' for a, b in all_points)
    path = "".join(
        f"{'M' if n == 0 else 'H'}{x(a):.1f}{f',{y(b):.1f}' if n == 0 else f'V{y(b):.1f}'}"
        for n, (a, b) in enumerate(points)
    )
    return _frame(x, y, "seconds", label, f'{dots}<path d="{path}H{x(max(xs)):.1f}" class="best"/>')


def scatter(points: Sequence[tuple[float, float]], across: str, up: str) -> str:
    """Dots; the values going up on a logarithmic axis."""
    if not points:
        return ""
    x = Scale(min(a for a, _ in points), max(a for a, _ in points), MARGIN, WIDTH - 10, False)
    y = Scale(min(b for _, b in points), max(b for _, b in points), HEIGHT - MARGIN, 10, True)
    dots = "".join(f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="2.5" class="dot"/>' for a, b in points)
    return _frame(x, y, across, up, dots)


def bars(rows: Sequence[tuple[str, int]]) -> str:
    """Horizontal bars with their labels and numbers."""
    if not rows:
        return ""
    most = max(count for _, count in rows)
    out = []
    for n, (label, count) in enumerate(rows):
        top = 8 + 26 * n
        width = 260 * count / most
        out.append(
            f'<text x="120" y="{top + 14}" class="right">{escape(label)}</text>'
            f'<rect x="128" y="{top}" width="{width:.1f}" height="18" class="bar"/>'
            f'<text x="{134 + width:.1f}" y="{top + 14}">{count}</text>'
        )
    return f'<svg viewBox="0 0 {WIDTH} {26 * len(rows) + 12}" width="{WIDTH}">{"".join(out)}</svg>'


def _frame(x: Scale, y: Scale, across: str, up: str, inside: str) -> str:
    marks = [
        f'<line x1="{x(t):.1f}" x2="{x(t):.1f}" y1="10" y2="{HEIGHT - MARGIN}" class="grid"/>'
        f'<text x="{x(t):.1f}" y="{HEIGHT - MARGIN + 16}" class="middle">{t:g}</text>'
        for t in x.ticks()
    ]
    marks += [
        f'<line x1="{MARGIN}" x2="{WIDTH - 10}" y1="{y(t):.1f}" y2="{y(t):.1f}" class="grid"/>'
        f'<text x="{MARGIN - 6}" y="{y(t) + 4:.1f}" class="right">{t:g}</text>'
        for t in y.ticks()
    ]
    middle = HEIGHT / 2 - 20
    names = (
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 10}" class="middle">{escape(across)}</text>'
        f'<text x="12" y="{middle}" transform="rotate(-90 12 {middle})" class="middle">{escape(up)}</text>'
    )
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}">{"".join(marks)}{inside}{names}</svg>'
