"""The names of a printed program's variables and buffers: what the author wrote, unique among all that is visible."""

from __future__ import annotations

import keyword
import re
from functools import lru_cache
from typing import Any

RESERVED = frozenset({*keyword.kwlist, "T", "I", "Module", "range", "float"})
"""Words that mean something in a script and so name no variable."""

_NUMBERED = re.compile(r"(.+?)_(\d+)")


@lru_cache(maxsize=4096)
def identifier(wanted: str) -> str:
    """`wanted` with what cannot stand in a name replaced: "i.outer" becomes "i_outer"."""
    name = re.sub(r"\W", "_", wanted)
    if not name.isidentifier():
        name = f"v{name}" if name else "v"
    return name + "_" if name in RESERVED else name


class Names:
    """Gives names to the things a program defines, scope by scope.

    A name is free again when the scope of its definition ends, so two loops one after the other may both run over
    `i`; inside each other the second becomes `i_1`. Printing a program whose names are all as given changes nothing.

    Attributes
    ----------
    of: the names of what is visible now.
    first: the name each thing had where it was first defined or used.
    """

    def __init__(self) -> None:
        self.of: dict[Any, str] = {}
        self.first: dict[Any, str] = {}
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}
        self._scope: list[tuple[Any, str, str | None]] = []

    def define(self, thing: Any, wanted: str) -> str:
        """A name for `thing` that nothing visible has, as near to `wanted` as can be."""
        name = identifier(wanted)
        if name in self._taken:
            numbered = _NUMBERED.fullmatch(name)
            base = numbered.group(1) if numbered else name
            number = self._next.get(base, 1)
            while f"{base}_{number}" in self._taken:
                number += 1
            self._next[base] = number + 1
            name = f"{base}_{number}"
        self._taken.add(name)
        self._scope.append((thing, name, self.of.get(thing)))
        self.of[thing] = name
        self.first.setdefault(thing, name)
        return name

    def alias(self, thing: Any, text: str) -> None:
        """Let `thing` be spelled `text` in this scope: the pointer of buffer `A` is `A.data`."""
        self._scope.append((thing, "", self.of.get(thing)))
        self.of[thing] = text
        self.first.setdefault(thing, text)

    def free(self, thing: Any, wanted: str) -> str:
        """A name for something the program uses but does not define; it is kept to the end."""
        name = self.define(thing, wanted)
        self._scope.pop()
        return name

    def forget(self, thing: Any) -> None:
        """Take back the name that `free` gave."""
        self._taken.discard(self.of.pop(thing))

    def mark(self) -> int:
        """The present scope, for `leave`."""
        return len(self._scope)

    def leave(self, mark: int) -> None:
        """Forget what was defined since `mark`."""
        scope = self._scope
        while len(scope) > mark:
            thing, name, before = scope.pop()
            if before is None:
                del self.of[thing]
            else:
                self.of[thing] = before
            if name:
                self._taken.discard(name)
                numbered = _NUMBERED.fullmatch(name)
                if numbered and self._next.get(numbered.group(1), 0) > int(numbered.group(2)):
                    self._next[numbered.group(1)] = int(numbered.group(2))
