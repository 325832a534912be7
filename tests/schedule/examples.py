"""The before/step/after programs that primitives' docstrings carry."""

import textwrap
from typing import NamedTuple

from tensorir.schedule.primitive import Primitive


class Example(NamedTuple):
    """A program, a step on it, and the program after."""

    before: str
    step: str
    after: str


def example(primitive: Primitive) -> Example | None:
    """The example in a primitive's docstring; None if it has none."""
    sections: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in primitive.doc.splitlines():
        if line.strip() in ("before:", "step:", "after:") and not line.startswith(" "):
            current = sections.setdefault(line.strip()[:-1], [])
        elif current is not None:
            current.append(line)
    if not sections:
        return None
    return Example(*(textwrap.dedent("\n".join(sections[name])).strip() + "\n" for name in Example._fields))
