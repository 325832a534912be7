"""Times every case with every peer in one run, in rounds that take turns so that the machine's drift cancels out."""

import argparse
import json
import os
import platform
import select
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
OURS = "tensorir"
# The package a peer's interpreter must have.
PEERS = {"numpy": "numpy", "torch": "torch", "tvm": "tvm", "halide": "halide"}
# Every thread pool any peer brings, ours first.
THREAD_VARIABLES = (
    "TENSORIR_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TVM_NUM_THREADS",
    "HL_NUM_THREADS",
)
# Threads of some peers go on spinning for a fifth of a second after their turn.
SETTLE_SECONDS = 0.25
# Long enough for any case here to be set up; a peer that takes longer is killed.
PATIENCE_SECONDS = 300


@dataclass
class Peer:
    """A contestant: its name, the interpreter that has it, and its version there."""

    name: str
    python: str
    version: str


class Worker:
    """A peer's process, which lives for one case: what a case leaves behind slows no other."""

    def __init__(self, peer: Peer, environment: dict[str, str], program: str = "worker.py") -> None:
        self.peer = peer.name
        self.process = subprocess.Popen(
            [peer.python, str(HERE / program), peer.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """The worker's answer to `request`; a worker that died answers with an error, now and from then on."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            if not select.select([self.process.stdout], [], [], PATIENCE_SECONDS)[0]:
                self.process.kill()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            return {"error": f"{self.peer}'s process ended with status {self.process.wait(PATIENCE_SECONDS)}"}
        reply: dict[str, Any] = json.loads(line)
        return reply

    def stop(self) -> None:
        """End the process."""
        self.process.communicate(timeout=PATIENCE_SECONDS)


@dataclass
class Row:
    """What one case measured: milliseconds of every round, by peer, and what went wrong."""

    name: str
    rounds: dict[str, list[float]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What peers said when they loaded the case."""

    def median(self, peer: str) -> float | None:
        """Median milliseconds over the rounds."""
        return statistics.median(self.rounds[peer]) if self.rounds.get(peer) else None

    def record(self) -> dict[str, Any]:
        """The row as `--json` writes it; a ratio is the peer's time over ours, so above 1 we win."""
        ours = self.median(OURS)
        peers = {peer: self.median(peer) for peer in self.rounds if peer != OURS and self.rounds[peer]}
        ratio = {peer: ms / ours for peer, ms in peers.items() if ms is not None and ours}
        return {"name": self.name, "ours_ms": ours, "peers": peers, "ratio": ratio}


def version_of(python: str, package: str) -> str | None:
    """The version of `package` in the interpreter `python`; None when it is not installed there."""
    program = (
        "import importlib.metadata as m\n"
        "names = {'tvm': 'apache-tvm'}\n"
        f"print(m.version(names.get({package!r}, {package!r})))"
    )
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, cwd="/")
    return done.stdout.strip() if done.returncode == 0 else None


def options(description: str) -> argparse.ArgumentParser:
    """The command line both benchmarks share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("cases", nargs="*", help="run only the cases whose name contains one of these")
    parser.add_argument("--json", metavar="FILE", help="write the results as JSON, too")
    parser.add_argument("--rounds", type=int, default=7, help="how often each peer takes its turn (default 7)")
    parser.add_argument("--seconds", type=float, default=0.3, help="length of one turn (default 0.3)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="threads for everybody")
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="cpu: processor time, for busy machines; wall by default",
    )
    parser.add_argument("--without-ours", action="store_true", help="measure the peers only")
    for peer in PEERS:
        parser.add_argument(f"--{peer}-python", metavar="PATH", help=f"the interpreter that has {peer}")
    return parser


def find_peers(arguments: argparse.Namespace) -> list[Peer]:
    """We and the peers that are installed; an interpreter named in vain ends the run."""
    chosen = {} if arguments.without_ours else {OURS: (sys.executable, OURS)}
    for name, package in PEERS.items():
        chosen[name] = (getattr(arguments, f"{name}_python") or sys.executable, package)
    peers = []
    for name, (python, package) in chosen.items():
        version = version_of(python, package)
        if version is not None:
            peers.append(Peer(name, python, version))
        elif python != sys.executable or name == OURS:
            raise SystemExit(f"{python} has no {package}")
    return peers


def measure_case(path: Path, peers: list[Peer], arguments: argparse.Namespace, name: str = "", **more: Any) -> Row:
    """Load the case everywhere, then let the peers take turns, each round starting with the next one.

    Parameters
    ----------
    name: of the row; the case's by default. more: what else the workers are told when they load it.
    """
    row = Row(name or path.stem)
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(arguments.threads))}
    workers = [Worker(peer, environment) for peer in peers]
    active = []
    for worker in workers:
        reply = worker.ask(load=str(path), **more)
        if "error" in reply:
            row.errors[worker.peer] = reply["error"]
        elif "loaded" in reply:
            active.append(worker)
            row.facts[worker.peer] = reply
    for turn in range(arguments.rounds):
        first = turn % max(1, len(active))
        for worker in active[first:] + active[:first]:
            if worker.peer in row.errors:
                continue
            time.sleep(SETTLE_SECONDS)
            reply = worker.ask(measure=arguments.seconds, clock=arguments.clock)
            if "error" in reply:
                row.errors[worker.peer] = reply["error"]
            else:
                row.rounds.setdefault(worker.peer, []).append(reply["ms"])
    for worker in workers:
        worker.stop()
    return row


def show_time(ms: float | None) -> str:
    """Milliseconds in the unit a person would choose."""
    if ms is None:
        return ""
    for unit, scale in (("s", 1e-3), ("ms", 1.0), ("µs", 1e3)):
        if ms * scale >= 1:
            return f"{ms * scale:.3g} {unit}"
    return f"{ms * 1e6:.0f} ns"


def show_spread(samples: list[float]) -> str:
    """Half the distance between the quartiles, in per cent of the median."""
    if len(samples) < 4:
        return ""
    low, middle, high = statistics.quantiles(samples, n=4)
    return f" ±{50 * (high - low) / middle:.0f}%"


def print_table(rows: list[Row], peers: list[Peer]) -> None:
    """One line for each case: our time, then each peer's time and the ratio to ours."""
    names = [peer.name for peer in peers]
    header = ["case", *(name if name == OURS else f"{name}  (/ours)" for name in names)]
    lines = [header]
    for row in rows:
        cells = [row.name]
        ratio = row.record()["ratio"]
        for name in names:
            ms = row.median(name)
            text = show_time(ms) + show_spread(row.rounds.get(name, []))
            if name in row.errors:
                text = "failed"
            elif name in ratio:
                text += f"  {ratio[name]:.2f}x"
            cells.append(text)
        lines.append(cells)
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for number, line in enumerate(lines):
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))


def processor() -> str:
    """The processor's name."""
    if shutil.which("lscpu"):
        for line in subprocess.run(["lscpu"], capture_output=True, text=True).stdout.splitlines():
            if line.startswith("Model name:"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def print_conditions(peers: list[Peer], arguments: argparse.Namespace) -> None:
    """Say what a reader needs to believe the figures."""
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    print(f"{processor()}, {cores} cores, load average {load:.1f}; {arguments.rounds} rounds, medians")
    if load > 0.3 * cores and arguments.clock == "wall":
        print("the machine is busy: whatever takes longer than a time slice is measured too long (--clock cpu?)")
    print(", ".join(f"{peer.name} {peer.version}" for peer in peers))
    print(" ".join(f"{variable}={arguments.threads}" for variable in THREAD_VARIABLES))
    print(f"{arguments.clock} time; ratio: the peer's time over ours, above 1 we win\n", flush=True)


def main(description: str, folder: str) -> None:
    """Run the cases in `cases/<folder>`, print the table, write the JSON; exit with 1 when anything failed."""
    arguments = options(description).parse_args()
    paths = sorted((HERE / "cases" / folder).glob("[!_]*.py"))
    if arguments.cases:
        paths = [path for path in paths if any(part in path.stem for part in arguments.cases)]
    peers = find_peers(arguments)
    print_conditions(peers, arguments)
    rows = [measure_case(path, peers, arguments) for path in paths]
    print_table(rows, peers)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps([row.record() for row in rows], indent=1) + "\n")
    tell_failures(rows)


def tell_failures(rows: list[Row], missed: bool = False) -> None:
    """Write what went wrong to standard error, and end with 1 where something did or a goal was missed, else with 0."""
    failures = [(row.name, peer, text) for row in rows for peer, text in row.errors.items()]
    for name, peer, text in failures:
        print(f"\n{name}: {peer} failed\n{text}", file=sys.stderr)
    sys.exit(1 if failures or missed else 0)
