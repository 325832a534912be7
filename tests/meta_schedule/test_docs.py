"""The page on design spaces says what is so: its examples run in order, its table names the rules there are."""

import re
from pathlib import Path

from tensorir.meta_schedule.rules import DEFAULTS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "meta_schedule.md").read_text()


def test_the_examples_run(capsys) -> None:
    scope: dict = {}
    examples = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(examples) >= 6
    for example in examples:
        exec(compile(example, "docs/meta_schedule.md", "exec"), scope)
    assert "sample_perfect_tile" in capsys.readouterr().out


def test_the_table_names_the_rules() -> None:
    named = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert named == {name for names in DEFAULTS.values() for name in names}
