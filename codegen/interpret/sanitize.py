"""The sanitizer's part of the generated code: what is asked before memory is touched."""

from __future__ import annotations

from .statement import Statements


class Sanitized(Statements):
    """Statements that check every access."""
