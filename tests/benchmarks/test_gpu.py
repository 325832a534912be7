"""`benchmarks/gpu.py` without a GPU: kernels are checked by the emulator, and what is wrong is said to be."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from tensorir.codegen.cuda import nvrtc

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(not nvrtc.available(), reason=nvrtc.MISSING)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for folder in (ROOT / "benchmarks", ROOT / "examples" / "schedules"):
        monkeypatch.syspath_prepend(str(folder))
    return importlib.import_module("gpu")


def test_the_dry_run_as_a_user_starts_it() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "gpu.py"), "cuda_row_sums", "--emulate", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (line,) = (x for x in done.stdout.splitlines() if x.startswith("cuda_row_sums"))
    assert "WRONG" not in line
    assert "m=3, n=8192" in line


def test_a_kernel_that_is_wrong_fails(gpu: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    kernel = importlib.import_module("cuda_row_sums")
    fields = {k: getattr(kernel, k) for k in ("SMALL", "SHAPES", "schedule", "arrays", "work")}
    wrong = SimpleNamespace(__name__="cuda_row_sums", reference=lambda a, **shape: a.sum(1) + 1, **fields)
    assert not gpu.line(wrong, "sm_90a", gpu.Emulator(), [], 1)
    assert "WRONG" in capsys.readouterr().out


def test_a_peer_that_is_wrong_is_not_compared_with(gpu: ModuleType) -> None:
    kernel, cells = importlib.import_module("cuda_row_sums"), {}

    def peer(result: np.ndarray) -> SimpleNamespace:
        return SimpleNamespace(name="torch", call=lambda name, arrays: lambda: arrays[0], result=result)

    assert gpu.agrees(peer(lambda a: a.sum(1, dtype="float64")), kernel, 1, cells)
    assert cells == {"torch ms": "right"}
    assert not gpu.agrees(peer(lambda a: a.max(1)), kernel, 1, cells)
    assert cells == {"torch ms": "WRONG"}
