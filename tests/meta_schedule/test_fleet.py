"""Candidates are measured on a Ray cluster of several nodes, whatever becomes of the nodes meanwhile."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tensorir import Target, UserError, parse, tune
from tensorir.meta_schedule.fleet import FleetError, FleetRunner, cluster, worker
from tensorir.meta_schedule.fleet.doctor import doctor
from tensorir.meta_schedule.measure.limits import Limits
from tensorir.meta_schedule.measure.outcome import Outcome, Status
from tensorir.meta_schedule.measure.runner import Job, LocalRunner

from tests.meta_schedule.test_measure import FAULTS, LIMITS, PARALLEL, PROGRAM

TUNED = """
@T.prim_func
def main(A: T.Buffer((64, 64), "float32"), B: T.Buffer((64, 64), "float32"), C: T.Buffer((64, 64), "float32")):
    for i, j, k in T.grid(64, 64, 64):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] += A[vi, vk] * B[vk, vj]
"""
ray = cluster.ray()


@pytest.fixture(scope="module")
def machines() -> Iterator[Any]:
    """A head that builds, and a node that measures."""
    from ray.cluster_utils import Cluster

    made = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 1,
            "include_dashboard": False,
            "resources": {cluster.BUILDER: 1},
            "_system_config": {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500},
        },
    )
    made.add_node(num_cpus=1, resources={cluster.RUNNER + "here": 1})
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture(scope="module")
def runner(machines: Any) -> Iterator[FleetRunner]:
    with FleetRunner("here", machines.address, LIMITS) as made:
        made.prepare("t", PROGRAM, Target("llvm"), 0)
        yield made


def settled(machines: Any) -> bool:
    """Wait until the cluster has noticed who left."""
    for _ in range(300):
        if sum(node.alive for node in cluster.nodes()) == len(machines.list_all_nodes()):
            return True
        time.sleep(0.1)
    return False


def test_candidates_are_built_on_one_node_and_measured_on_another(runner: FleetRunner) -> None:
    assert runner.ready("t") > 0
    jobs = [Job("a", PROGRAM), Job("b", PARALLEL)]
    built = ray.get(runner._built(runner._works["t"], jobs))
    assert {key: made[:4] for key, made in built.items()} == {"a": b"\x7fELF", "b": b"\x7fELF"}
    found = dict(runner.measure("t", jobs, None))
    assert {o.status for o in found.values()} == {Status.OK}, found
    assert all(o.samples for o in found.values())


def test_each_fault_is_told_by_its_kind(runner: FleetRunner) -> None:
    jobs = [Job(status.name, text) for status, text in FAULTS.items()]
    found = dict(runner.measure("t", [*jobs, Job("good", PROGRAM)], None))
    assert {key: o.status.name for key, o in found.items()} == {**{s.name: s.name for s in FAULTS}, "good": "OK"}


def test_a_race_is_run_on_one_machine(runner: FleetRunner) -> None:
    found = runner.race("t", [Job("a", PROGRAM), Job("b", PARALLEL)], 5)
    assert len(found["a"].samples) == len(found["b"].samples) == 5


def test_a_failing_reference_is_the_users_error(runner: FleetRunner) -> None:
    runner.prepare("bad", FAULTS[Status.CRASH], Target("llvm"), 0)
    with pytest.raises(UserError, match="the unscheduled program fails"):
        runner.ready("bad")


def test_the_target_is_that_of_the_machine_that_measures(runner: FleetRunner) -> None:
    assert runner.target() == Target("llvm")


def test_the_doctor_finds_what_is_wrong(machines: Any, runner: FleetRunner) -> None:
    crowded = machines.add_node(num_cpus=1, resources={cluster.RUNNER + "here": 2})
    whole, *each = doctor(machines.address, "here")
    assert "builders: 1" in str(whole) and not whole.problems
    problems = [problem for finding in each for problem in finding.problems if "load" not in problem]
    assert len(problems) == 1 and "2 candidates at a time" in problems[0], problems
    assert sum("measures" in finding.facts for finding in each) == 2
    assert sum("builds" in finding.facts for finding in each) == 1
    machines.remove_node(crowded, allow_graceful=False)
    assert settled(machines)
    whole, *each = doctor(machines.address, "nowhere")
    assert "no machine of the cluster measures for the kind 'nowhere'" in whole.problems[0]


def test_tunings_share_a_cluster_and_lose_nothing_with_a_node(
    machines: Any, runner: FleetRunner, tmp_path: Path
) -> None:
    doomed = machines.add_node(num_cpus=1, resources={cluster.RUNNER + "here": 1})
    file = tmp_path / "program.py"
    file.write_text(f"from tensorir import T\n\n{TUNED}")
    command = [sys.executable, "-m", "tensorir", "tune", str(file), "--trials", "6", "--fleet", machines.address]
    other = subprocess.Popen([*command, "--kind", "here"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    measured = []

    def watch(tuning: Any) -> None:
        measured.append(sum(len(task.trials) for task in tuning.tasks))
        if measured[-1] >= 4 and doomed in machines.worker_nodes:
            machines.remove_node(doomed, allow_graceful=False)

    assert runner.together == 8
    result = tune(
        parse(TUNED), Target("llvm"), trials=16, database=tmp_path / "t.db", runner=runner, watch=watch, seed=3
    )
    assert doomed not in machines.worker_nodes
    assert measured[-1] == 16
    assert result.ok and not [f for f in result.failures if f.status is Status.CRASH], result.failures
    said, _ = other.communicate(timeout=120)
    assert other.returncode == 0, said
    assert "6 candidates measured" in said


def test_a_candidate_that_takes_machine_after_machine_is_given_up(
    runner: FleetRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tensorir.meta_schedule.fleet import runner as module

    monkeypatch.setattr(worker, "measure", _deadly)
    monkeypatch.setattr(module, "LOSSES", 2)
    found = dict(runner.measure("t", [Job("good", PROGRAM), Job("deadly", PROGRAM)], None))
    assert found["good"].ok
    assert found["deadly"].status is Status.CRASH and "2 machines were lost" in found["deadly"].detail


def _deadly(work: Any, jobs: Any, limits: Any, best_ms: Any, built: Any) -> Any:
    import os

    if any(job.id == "deadly" for job in jobs):
        os._exit(1)
    return {job.id: Outcome(Status.OK, (1.0,)) for job in jobs}


def test_without_a_machine_left_the_search_ends_and_keeps_what_it_has(machines: Any, tmp_path: Path) -> None:
    last = machines.add_node(num_cpus=1, resources={cluster.RUNNER + "alone": 1})
    with FleetRunner("alone", machines.address, LIMITS, patience=1.0) as runner:

        def watch(tuning: Any) -> None:
            if any(task.trials for task in tuning.tasks) and last in machines.worker_nodes:
                machines.remove_node(last, allow_graceful=False)

        result = tune(parse(TUNED), Target("llvm"), trials=40, database=tmp_path / "t.db", runner=runner, watch=watch)
    assert any("no machine of the kind 'alone' is left" in warning for warning in result.warnings)
    assert result.ok and result.best_ms > 0


def test_unknown_kinds_and_clusters_are_refused(machines: Any, runner: FleetRunner) -> None:
    with pytest.raises(FleetError, match="the kinds are: here"):
        FleetRunner("there", machines.address)
    with pytest.raises(FleetError, match="cannot join"):
        FleetRunner("here", "192.0.2.1:1")
    done = subprocess.run(
        [sys.executable, "-m", "tensorir", "fleet", "doctor", "--address", "localhost:1"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and "there is no Ray cluster" in done.stderr


def test_what_was_built_is_measured_as_what_is_built(tmp_path: Path) -> None:
    with LocalRunner(Limits(sample_seconds=0.002)) as local:
        wrong = FAULTS[Status.WRONG]
        jobs = [Job(name, text, str(tmp_path / f"{name}.so")) for name, text in (("a", PARALLEL), ("b", wrong))]
        jobs.append(Job("c", FAULTS[Status.BUILD], str(tmp_path / "c.so")))
        made = local.compile(Target("llvm"), jobs)
        assert [made[key].status for key in "abc"] == [Status.OK, Status.OK, Status.BUILD], made
        local.prepare("t", PROGRAM, Target("llvm"), 0)
        found = dict(local.measure("t", jobs[:2], None))
        assert found["a"].ok and found["b"].status is Status.WRONG
