"""`python -m tensorir fleet doctor`: whether a cluster can tune, and what is wrong where it cannot."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from typing import Any

from ...codegen.target import Target
from ...tir.errors import TensorIRError, UserError
from ..keys import MAIN, code_version, target_of, target_text
from ..measure.runner import Job, LocalRunner
from . import cluster
from .cluster import BUILDER, RUNNER, FleetError, Node, connect, kinds, nodes, ray

PROBE_SECONDS = 60.0
"""How long a node may take to answer; a busy one measures somebody's candidates."""
BUSY = 0.5
"""A load average above this share of a node's processors, with nothing of ours running, disturbs measurements."""

_PROGRAM = """
@T.prim_func
def main(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
    for i in range(64):
        with T.block("B"):
            v = T.axis.spatial(64, i)
            B[v] = A[v] + T.float32(1)
"""


@dataclass
class Finding:
    """What is known of a node, or of the cluster where `node` is None: facts, and what is wrong."""

    node: Node | None
    facts: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        title = "the cluster" if self.node is None else f"node {self.node}"
        lines = [f"{'PROBLEM' if self.problems else 'ok':8}{title}: {'; '.join(self.facts)}"]
        return "\n".join([*lines, *(f"          - {problem}" for problem in self.problems)])


def doctor(address: str = "auto", kind: str | None = None, seconds: float = PROBE_SECONDS) -> list[Finding]:
    """Look at a cluster and try every node that measures or builds.

    Parameters
    ----------
    address: of the cluster's head. kind: of device that is asked for; None asks for any.
    seconds: how long a node may take to answer.

    Raises
    ------
    FleetError: Ray is not installed, or there is no cluster.
    """
    joined = connect(address)
    try:
        known = nodes()
        whole = Finding(None, [f"{sum(n.alive for n in known)} nodes alive, {sum(not n.alive for n in known)} dead"])
        whole.facts.append(f"kinds: {', '.join(kinds()) or 'none'}; builders: {cluster.builders()}")
        whole.facts.append(f"Ray {ray().__version__}, tensorir {code_version()}, Python {platform.python_version()}")
        try:
            cluster.check_kind(kind if kind is not None else next(iter(kinds()), "KIND"))
        except FleetError as error:
            whole.problems.append(str(error))
        living = [node for node in known if node.alive]
        pending = [(node, [(role, _probing(node, role)) for role in _roles(node)]) for node in living]
        reports: dict[str, dict[str, str]] = {}
        found = [_examined(node, probes, seconds, reports) for node, probes in pending]
        whole.problems += _mixed(reports)
        return [whole, *found]
    finally:
        if joined:
            ray().shutdown()


def _roles(node: Node) -> list[str]:
    return [RUNNER + kind for kind in node.runners] + ([BUILDER] if node.builders else [])


def _probing(node: Node, role: str) -> Any:
    """A probe under way on a node, in one of the slots that it has for a role."""
    strategy = ray().util.scheduling_strategies.NodeAffinitySchedulingStrategy(node.id, soft=False)
    remote = ray().remote(num_cpus=0, resources={role: 1}, max_retries=0, scheduling_strategy=strategy)(probe)
    return remote.remote(role == BUILDER)


def _examined(node: Node, probes: list[tuple[str, Any]], seconds: float, reports: dict[str, dict[str, str]]) -> Finding:
    """What a node's probes say. Targets are noted in `reports`, by kind and node."""
    finding = Finding(node)
    if not probes:
        finding.facts.append("neither measures nor builds")
    for role, reference in probes:
        kind = role.removeprefix(RUNNER)
        count = node.builders if role == BUILDER else node.runners[kind]
        finding.facts.append(f"{count} x {'builder' if role == BUILDER else f'runner for {kind!r}'}")
        if role != BUILDER and count > max(1, node.gpus):
            finding.problems.append(
                f"measures {count} candidates at a time, which disturb each other: "
                f"give it --resources='{{\"{role}\": {max(1, node.gpus)}}}'"
            )
        try:
            report = ray().get(reference, timeout=seconds)
        except ray().exceptions.GetTimeoutError:
            ray().cancel(reference)
            finding.problems.append(f"no answer of {role} in {seconds:.0f} s: it is busy, or its workers do not start")
        except ray().exceptions.RayError as error:
            cause = getattr(error, "cause", None) or error
            finding.problems.append(f"{role}: {type(cause).__name__}: {str(cause).strip().splitlines()[-1][:300]}")
        else:
            finding.problems += report["problems"] + _differences(report)
            finding.facts += [fact for fact in report["facts"] if fact not in finding.facts]
            if role != BUILDER:
                reports.setdefault(kind, {})[str(node)] = report["target"]
    return finding


def _differences(report: dict[str, Any]) -> list[str]:
    mine = {"tensorir": code_version(), "Python": platform.python_version()}
    return [
        f"has {name} {report['versions'][name]}, here it is {version}: what they send each other may not fit"
        for name, version in mine.items()
        if report["versions"][name] != version
    ]


def _mixed(reports: dict[str, dict[str, str]]) -> list[str]:
    """Kinds whose machines are not alike."""
    problems = []
    for kind, targets in reports.items():
        if len(set(targets.values())) > 1:
            each = "; ".join(f"{node}: {target_of(text)!r}" for node, text in targets.items())
            problems.append(f"the machines of the kind {kind!r} differ, so their times cannot be compared: {each}")
    return problems


def probe(builds: bool) -> dict[str, Any]:
    """Run on a node: try what it is for, and tell what it is."""
    target = Target("llvm")
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    facts = [f"{cores} processors, load {load:.2f}", repr(target)]
    problems = []
    if not builds and load > BUSY * cores:
        problems.append(f"other work runs on it (load {load:.2f} on {cores} processors), which disturbs measurements")
    try:
        facts.append(_built(target) if builds else _measured(target))
    except (TensorIRError, OSError) as error:
        problems.append(f"{type(error).__name__}: {error}")
    versions = {"tensorir": code_version(), "Python": platform.python_version()}
    return {"facts": facts, "problems": problems, "target": target_text(target), "versions": versions}


def _built(target: Target) -> str:
    from .worker import libraries

    made = libraries(target_text(target), [Job("probe", _PROGRAM)], None)["probe"]
    if not isinstance(made, bytes):
        raise UserError(f"cannot build a small program: {made.detail}")
    return "builds"


def _measured(target: Target) -> str:
    with LocalRunner() as runner:
        runner.prepare(MAIN, _PROGRAM, target, 0)
        ((_, outcome),) = runner.measure(MAIN, [Job("probe", _PROGRAM)], None)
    if not outcome.ok:
        raise UserError(f"cannot measure a small program: {outcome.status}: {outcome.detail}")
    return "measures"
