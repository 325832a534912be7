"""What primitives say when they refuse: whole messages, and one for every precondition in the source."""

import ast
import re
from pathlib import Path

import pytest
from tensorir import Schedule, T
from tensorir.schedule import primitives
from tensorir.tir.errors import ScheduleError, UserError

from ..errors.golden import UPDATE, Case, cases, update
from . import programs, programs_blocks, programs_buffers, programs_padding, programs_values

ALL = programs.ALL | programs_blocks.ALL | programs_padding.ALL | programs_buffers.ALL | programs_values.ALL
FOLDER = Path(__file__).parents[1] / "errors" / "schedule"
CASES = cases(FOLDER)
SHARED = (
    "arguments",
    "concurrency",
    "conditions",
    "footprint",
    "index_maps",
    "presence",
    "redirect",
    "region_maps",
    "relaid",
    "resolve",
    "scopes",
    "solve",
    "stages",
)
"""Modules in which primitives state conditions together."""


def refusal(case: Case) -> UserError:
    """The error that the case's step gives; the program must be as it was."""
    sch = Schedule(ALL[case.program], seed=0)
    lines = ast.parse(case.step).body
    setup, last = ast.Module(lines[:-1], []), ast.Module(lines[-1:], [])
    scope = {"sch": sch, "T": T, "Schedule": Schedule}
    exec(compile(setup, case.name, "exec"), scope)
    before = sch.mod
    with pytest.raises(UserError) as caught:
        exec(compile(last, case.name, "exec"), scope)
    assert sch.mod is before
    sch.state.check()
    return caught.value


@pytest.mark.parametrize("case", CASES, ids=[f"{c.file.stem}-{c.name.replace(' ', '-')}" for c in CASES])
def test_message(case: Case) -> None:
    text = str(refusal(case))
    if UPDATE:
        update(case, text)
    else:
        assert text == case.message


def preconditions() -> dict[str, str]:
    """The constant parts of every template given to `require` or `refusal` in a primitive's source, as patterns."""
    out = {}
    folder = Path(primitives.__file__).parent
    shared = [folder.parent / f"{name}.py" for name in SHARED]
    for file in [*sorted(folder.glob("*.py")), *shared]:
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id not in ("require", "refusal"):
                continue
            template = node.args[1 if node.func.id == "require" else 0]
            parts = template.values if isinstance(template, ast.JoinedStr) else [template]
            pattern = "".join(
                re.sub(r"\\\{+\d\\\}+", ".*", re.escape(str(p.value))) if isinstance(p, ast.Constant) else ".*"
                for p in parts
            )
            out[f"{file.stem}:{node.lineno}"] = pattern
    return out


def test_every_precondition_has_a_case() -> None:
    templates = []
    for case in CASES:
        error = refusal(case)
        templates.append(error.template if isinstance(error, ScheduleError) else str(error))
    missing = {
        place: pattern
        for place, pattern in preconditions().items()
        if not any(re.fullmatch(pattern, template, re.S) for template in templates)
    }
    assert not missing, "preconditions without a case in tests/errors/schedule:\n" + "\n".join(
        map(str, missing.items())
    )
