"""Golden error messages: text files of cases, each a step that must fail and the whole message it must give.

A file holds cases of the form

    === name of the case
    program: matmul                      (a name from tests/schedule/programs.py)
    sch.split(sch.get_loops("C")[0], [2, 3])
    ---
    the message, to the letter

`UPDATE_GOLDEN=1 pytest tests/errors` writes the messages anew; read the difference before committing it.
"""

import os
import re
from pathlib import Path
from typing import NamedTuple

UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"


class Case(NamedTuple):
    """A failing step: `file` and `name` say where it stands, `program` what it is tried on."""

    file: Path
    name: str
    program: str
    step: str
    message: str


def cases(folder: Path) -> list[Case]:
    """Every case of the folder's text files."""
    out = []
    for file in sorted(folder.glob("*.txt")):
        for section in re.split(r"^=== ", file.read_text(), flags=re.M)[1:]:
            name, rest = section.split("\n", 1)
            program, rest = rest.removeprefix("program:").split("\n", 1)
            step, _, message = rest.partition("\n---\n")
            out.append(Case(file, name.strip(), program.strip(), step, message.rstrip("\n")))
    return out


def update(case: Case, message: str) -> None:
    """Write `message` into the case's file."""
    old = f"=== {case.name}\nprogram: {case.program}\n{case.step}\n---\n{case.message}\n"
    text = case.file.read_text()
    head, _, tail = text.partition(f"=== {case.name}\n")
    _, _, later = tail.partition("\n=== ")
    section = old.partition("\n---\n")[0] + f"\n---\n{message}\n"
    case.file.write_text(head + section + ("\n=== " + later if later else ""))
