"""The benchmark harness: what it records, and that one peer's failure is told and stays that peer's."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

CASE = """
import os
import time

import numpy as np


def inputs():
    return [np.zeros(3)]


def check(array):
    assert array[0] == 1, "wrong result"


def with_time(milliseconds):
    def maker(array):
        def run():
            array[0] = 1
            return milliseconds

        return run

    return maker


PEERS = {
    "tensorir": with_time(2.0),
    "numpy": with_time(3.0),
    "torch": lambda array: lambda: None,
    "halide": lambda array: os._exit(7),
}
"""


@pytest.fixture(scope="module")
def harness() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_harness", BENCHMARKS / "harness.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def start(harness: ModuleType) -> Iterator[Callable]:
    workers = []

    def start_worker(peer: str):
        workers.append(harness.Worker(harness.Peer(peer, sys.executable, "0"), dict(os.environ)))
        return workers[-1]

    yield start_worker
    for worker in workers:
        worker.stop()


def test_rounds_errors_and_absence(harness: ModuleType, tmp_path: Path) -> None:
    case = tmp_path / "some_case.py"
    case.write_text(CASE)
    names = ("tensorir", "numpy", "torch", "tvm", "halide")
    peers = [harness.Peer(name, sys.executable, "0") for name in names]
    row = harness.measure_case(case, peers, harness.options("").parse_args(["--rounds=3", "--seconds=0.001"]))
    assert row.record() == {
        "name": "some_case",
        "ours_ms": 2.0,
        "peers": {"numpy": 3.0},
        "ratio": {"numpy": 1.5},
    }
    assert len(row.rounds["tensorir"]) == 3
    assert set(row.errors) == {"torch", "halide"}  # and tvm is merely absent
    assert "wrong result" in row.errors["torch"]
    assert row.errors["halide"] == "halide's process ended with status 7"


def test_a_dead_worker_says_so_each_time(start: Callable, tmp_path: Path) -> None:
    case = tmp_path / "deadly.py"
    case.write_text(CASE)
    worker = start("halide")
    for request in ({"load": str(case)}, {"measure": 0.001, "clock": "wall"}, {"measure": 0.001, "clock": "wall"}):
        assert worker.ask(**request) == {"error": "halide's process ended with status 7"}


def test_a_run_is_timed(start: Callable, tmp_path: Path) -> None:
    case = tmp_path / "sleeping.py"
    case.write_text("import time\nPEERS = {'numpy': lambda: lambda: time.sleep(0.005)}\n")
    worker = start("numpy")
    assert worker.ask(load=str(case)) == {"loaded": True}
    reply = worker.ask(measure=0.02, clock="wall")
    assert reply["ms"] >= 5
    assert reply["runs"] >= 1
    assert worker.ask(measure=0.02, clock="cpu")["ms"] < 5  # it sleeps


def test_a_peer_that_hangs_is_killed(
    harness: ModuleType, start: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness, "PATIENCE_SECONDS", 1)
    case = tmp_path / "hanging.py"
    case.write_text("import time\nPEERS = {'numpy': lambda: lambda: time.sleep(1000)}\n")
    assert start("numpy").ask(load=str(case)) == {"error": "numpy's process ended with status -9"}


def test_times_are_shown_in_their_unit(harness: ModuleType) -> None:
    shown = [harness.show_time(ms) for ms in (None, 1234.5, 12.34, 0.01234, 0.000253)]
    assert shown == ["", "1.23 s", "12.3 ms", "12.3 µs", "253 ns"]


def test_a_kernel_is_prepared_and_run_by_us_and_numpy(harness: ModuleType, tmp_path: Path) -> None:
    shape, path = {"m": 3, "k": 20}, BENCHMARKS / "cases" / "kernels" / "gemv.py"
    command = [sys.executable, str(BENCHMARKS / "prepare.py"), path.stem, json.dumps(shape), str(tmp_path)]
    subprocess.run(command, check=True)
    assert json.loads((tmp_path / "work.json").read_text()) == {"operations": 120, "bytes": 332}
    peers = [harness.Peer(name, sys.executable, "0") for name in ("tensorir", "numpy", "peak")]
    arguments = harness.options("").parse_args(["--rounds=1", "--seconds=0.001"])
    row = harness.measure_case(path, peers, arguments, name="small", shape=shape, folder=str(tmp_path))
    assert row.errors == {}
    assert row.name == "small" and set(row.rounds) == {"tensorir", "numpy", "peak"}
    assert row.facts["tensorir"]["build_ms"] > 0


@pytest.mark.parametrize("path", sorted(BENCHMARKS.glob("cases/*/[!_]*.py")), ids=lambda path: path.stem)
def test_every_case_has_our_side(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.syspath_prepend(str(path.parent))
    spec = importlib.util.spec_from_file_location(f"case_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if path.parent.name == "kernels":
        assert (BENCHMARKS.parent / "examples" / "schedules" / path.name).exists()
    else:
        assert "tensorir" in module.PEERS
    assert set(module.PEERS) <= {"tensorir", "numpy", "torch", "tvm", "halide"}
