"""The codes a kernel returns, and the exceptions they become."""

from __future__ import annotations

from collections.abc import Sequence

from ...tir.errors import InternalError, RunError

OK = 0
"""The kernel ran to its end."""

OUT_OF_MEMORY = 1
"""`tir_alloc` returned null for one of the kernel's temporaries."""

FIRST_MESSAGE = 16
"""Codes from here on stand for the texts in `Signature.messages`; those between are kept for later."""


ASSUMED = "what T.assume states does not hold"
"""The text for a `T.assume` that is checked and found wrong."""


def message(index: int) -> int:
    """The code by which a kernel says `Signature.messages[index]`, such as the text of an assertion that failed."""
    return FIRST_MESSAGE + index


def exception(code: int, name: str, messages: Sequence[str], refused_bytes: int) -> Exception:
    """What to raise when the kernel `name` returned `code`.

    Parameters
    ----------
    refused_bytes: the size of the last temporary there was no memory for.
    """
    if code == OUT_OF_MEMORY:
        return MemoryError(f"{name}: there is no memory for a temporary of {refused_bytes} bytes")
    if FIRST_MESSAGE <= code < FIRST_MESSAGE + len(messages):
        return RunError(f"{name}: {messages[code - FIRST_MESSAGE]}")
    return InternalError(f"the kernel {name} returned {code}, which means nothing")
