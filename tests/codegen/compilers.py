"""Whether this machine can compile C, for tests that must."""

from __future__ import annotations

import pytest
from tensorir.codegen.c import compiler
from tensorir.tir.errors import BuildError


def _missing() -> str:
    try:
        compiler.CC.command()
    except BuildError as error:
        return str(error)
    return ""


needs_compiler = pytest.mark.skipif(bool(_missing()), reason=_missing() or "there is a C compiler")
"""Skips, with the reason, where there is no C compiler."""
