"""The messages of wrong scripts, whole: each file beside this one holds programs, each with what is said of it.

`python tests/errors/script/test_messages.py` writes the messages anew, to be read before they are kept.
"""

import linecache
import re
from pathlib import Path
from typing import Any

import pytest
import tensorir
from tensorir.script import ir as I
from tensorir.script import tir as T
from tensorir.tir.errors import UserError

FOLDER = Path(__file__).parent
CASE = re.compile(
    r"^=+ (?P<name>\w+) =+\n(?P<program>.*?)^-+\n(?P<message>.*?)(?=^=+ \w+ =+$|\Z)", re.MULTILINE | re.DOTALL
)
TOPICS = sorted(path.stem for path in FOLDER.glob("*.txt"))


def cases(topic: str) -> dict[str, tuple[str, str]]:
    """Programs and messages by name."""
    text = (FOLDER / f"{topic}.txt").read_text(encoding="utf-8")
    return {m["name"]: (m["program"], m["message"].rstrip("\n")) for m in CASE.finditer(text)}


def run(program: str) -> None:
    """Give a program to Python, as the file program.py."""
    linecache.cache["program.py"] = (len(program), None, program.splitlines(keepends=True), "program.py")
    scope: dict[str, Any] = {"T": T, "I": I, "__name__": "program"}
    exec(compile(program, "program.py", "exec"), scope)


def message(topic: str, program: str) -> str:
    """What is said of a program: decorated functions by Python, all other topics as text."""
    keep = linecache.checkcache
    linecache.checkcache = lambda filename=None: None
    try:
        with pytest.raises(UserError) as e:
            (run if topic == "python" else tensorir.parse)(program)
    finally:
        linecache.checkcache = keep
    return str(e.value)


@pytest.mark.parametrize("topic, name", [(topic, name) for topic in TOPICS for name in cases(topic)])
def test_message(topic: str, name: str) -> None:
    program, expected = cases(topic)[name]
    assert message(topic, program) == expected


def test_there_are_many() -> None:
    assert sum(len(cases(topic)) for topic in TOPICS) >= 150
    assert TOPICS == ["assignments", "blocks", "buffers", "names", "python", "syntax", "text", "types"]


def write() -> None:
    """Write every message as it is now."""
    for topic in TOPICS:
        parts = []
        for name, (program, _) in cases(topic).items():
            parts.append(f"{f' {name} ':=^80}\n{program}{'-' * 80}\n{message(topic, program)}\n\n")
        (FOLDER / f"{topic}.txt").write_text("".join(parts).rstrip("\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
