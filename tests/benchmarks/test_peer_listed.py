"""What `peer_diff.py` takes for a listed difference, `docs/tvm-differences.md` lists."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from peer_listed import RULES, listed  # noqa: E402


@pytest.mark.parametrize("title", dict.fromkeys(rule.title for rule in RULES))
def test_every_class_is_on_the_page(title: str) -> None:
    assert title in (ROOT / "docs" / "tvm-differences.md").read_text()


def test_what_is_listed_depends_on_what_is_said() -> None:
    said = "reorder cannot be applied: loop `i` (range(0, 4)) cannot change its place: turns of loop `i` meet"
    assert listed("reorder", "only TVM accepts", said) == "iterations that depend on each other change places"
    assert listed("reorder", "only TVM accepts", "something else") is None
    assert listed("reorder", "we are wrong", said) is None
    assert listed("split", "both wrong", said) is None
