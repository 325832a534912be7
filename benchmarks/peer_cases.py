"""Short schedules of typical programs, written once for us and for Apache TVM: what `peer_diff.py` compares.

They stand in cases/schedules, a file for each kind of primitive, as `program: schedule`, or with the schedule indented
below. A schedule is Python that is run with `sch`, a schedule of a program of its own, `T`, and `get`, which gets a
block. Both sides read this file, so it needs nothing but Python.
"""

from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "cases" / "schedules"


def cases():
    """The (program, schedule) pairs of all files."""
    found = []
    for path in sorted(FOLDER.glob("*.txt")):
        for line in path.read_text().splitlines():
            if line.startswith(" "):
                found[-1][1].append(line.strip())
            else:
                program, _, code = line.partition(":")
                found.append((program, [code.strip()]))
    return [(program, "\n".join(lines).strip()) for program, lines in found]


def make(sch, T, code, get_block):
    """Run a schedule's text on `sch`, with `get` to get its blocks."""
    exec(code, {"sch": sch, "T": T, "get": get_block})
