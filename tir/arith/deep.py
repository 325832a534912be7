"""Deep expressions: a second try, on a thread with a stack of its own, for what nests deeper than Python recurses."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from ..errors import UserError

T = TypeVar("T")

LIMIT = 100_000
"""Nested calls allowed in the second try."""

STACK = 512 << 20
"""Bytes of stack for them; only what is used is ever touched."""

_lock = threading.Lock()


def deeply(f: Callable[..., T], *args: Any) -> T:
    """`f(*args)`, tried again with room for deep recursion where it nests too deeply.

    Raises
    ------
    UserError: it is too deep even then.
    """
    try:
        return f(*args)
    except RecursionError:
        if threading.current_thread().name == _NAME:
            raise
    outcome: dict[str, Any] = {}

    def attempt() -> None:
        try:
            outcome["value"] = f(*args)
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
            outcome["error"] = error

    with _lock:
        thread = threading.Thread(target=attempt, name=_NAME, daemon=True)
        limit, size = sys.getrecursionlimit(), threading.stack_size(STACK)
        sys.setrecursionlimit(max(limit, LIMIT))
        try:
            thread.start()
            thread.join()
        finally:
            threading.stack_size(size)
            if not thread.is_alive():
                # Below a thread that is still deep (the wait was interrupted) a lower limit would be fatal.
                sys.setrecursionlimit(limit)
    error = outcome.get("error")
    if isinstance(error, RecursionError):
        raise UserError("the expression nests too deeply to be analysed; name parts of it by T.let") from None
    if error is not None:
        raise error
    return outcome["value"]


_NAME = "tensorir-deep"
