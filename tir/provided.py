"""The seam between tensor intrinsics and the layer that knows processors: sources that make intrinsics when asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol


class Source(Protocol):
    """Makes intrinsics by name."""

    def texts(self, name: str) -> tuple[str, str] | None:
        """Description and implementation of the intrinsic `name` as programs' texts, None where there is none."""

    def names(self) -> Iterable[str]:
        """The names there are; of those with sizes in them, examples."""


SOURCES: list[Callable[[], Source]] = []
"""The sources, each imported when an intrinsic is first asked for, so that importing the package stays cheap."""
