"""What a Ray cluster offers to tuning: nodes with slots that measure for a kind of device, and slots that build.

A node says what it offers by Ray's custom resources when it joins:

    ray start --address=HEAD:6379 --resources='{"tensorir_runner_zen4": 1}'     # measures, one candidate at a time
    ray start --address=HEAD:6379 --resources='{"tensorir_builder": 8}'         # builds, eight at a time

A kind is whatever the cluster's owner calls machines on which times may be compared.
"""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from ..measure.runner import RunnerError

BUILDER = "tensorir_builder"
RUNNER = "tensorir_runner_"


class FleetError(RunnerError):
    """The fleet cannot do what was asked: no Ray, no cluster, or no machine of the kind."""


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the cluster: its id and address, whether it lives, and its slots: by kind, and for building."""

    id: str
    address: str
    alive: bool
    runners: dict[str, int]
    builders: int
    gpus: int

    def __str__(self) -> str:
        return f"{self.address} ({self.id[:8]})"


def ray() -> ModuleType:
    """The module `ray`.

    Raises
    ------
    FleetError: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray as module
    except ImportError as error:
        raise FleetError(f"a fleet needs Ray ({error}); pip install 'tensorir[fleet]'") from None
    found: ModuleType = module
    return found


def connect(address: str) -> bool:
    """Join a cluster, unless this process has; whether it had not.

    Parameters
    ----------
    address: of the cluster's head ("host:6379"); "auto" finds the one that this machine is part of.

    Raises
    ------
    FleetError: there is no cluster there, or this process is in another one.
    """
    module = ray()
    if module.is_initialized():
        joined = module.get_runtime_context().gcs_address
        if address not in ("auto", joined):
            raise FleetError(f"this process is part of the cluster at {joined}; it cannot join {address} as well")
        return False
    try:
        _reached(address)
        module.init(address=address, log_to_driver=False, logging_level="ERROR", configure_logging=False)
    except (OSError, ValueError, RuntimeError) as error:
        where = "that this machine is part of" if address == "auto" else f"at {address}"
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise FleetError(
            f"there is no Ray cluster {where} ({reason}); start one by `ray start --head`, "
            f"and let machines join it: ray start --address=HEAD:6379 --resources='{{\"{RUNNER}KIND\": 1}}'"
        ) from None
    return True


def _reached(address: str) -> None:
    """Try whether anybody listens, which takes Ray a minute to find out."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdecimal() and "/" not in host:
        socket.create_connection((host, int(port)), timeout=10.0).close()


def nodes() -> list[Node]:
    """The nodes of the cluster that this process is part of, dead ones included."""
    return [_node(data) for data in ray().nodes()]


def _node(data: dict[str, Any]) -> Node:
    slots = {name: int(count) for name, count in data["Resources"].items()}
    return Node(
        data["NodeID"],
        data["NodeManagerAddress"],
        bool(data["Alive"]),
        {name.removeprefix(RUNNER): count for name, count in slots.items() if name.startswith(RUNNER)},
        slots.get(BUILDER, 0),
        slots.get("GPU", 0),
    )


def slots(kind: str) -> int:
    """How many candidates the living nodes of a kind measure at a time."""
    return sum(node.runners.get(kind, 0) for node in nodes() if node.alive)


def builders() -> int:
    """How many candidates the living nodes build at a time."""
    return sum(node.builders for node in nodes() if node.alive)


def kinds() -> list[str]:
    """The kinds of device that living nodes measure for."""
    return sorted({kind for node in nodes() if node.alive for kind in node.runners})


def check_kind(kind: str) -> None:
    """Refuse what cannot be a kind's name, or is that of none here.

    Raises
    ------
    FleetError: as said.
    """
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", kind):
        raise FleetError(f"a kind of device is named by letters, digits, '_', '-' and '.', not {kind!r}")
    if kind not in kinds():
        has = ", ".join(kinds()) or "none"
        raise FleetError(
            f"no machine of the cluster measures for the kind {kind!r}; the kinds are: {has}. "
            f"A machine joins by ray start --address=HEAD:6379 --resources='{{\"{RUNNER}{kind}\": 1}}'"
        )
