"""What our tuner, and TVM's MetaSchedule, reach on the kernels of `examples/schedules`, from nothing, in given times.

Each kernel's unscheduled program is tuned by us for `--tune-seconds` and by TVM for `--times` as long, one after the
other. Then both results are checked and take turns, with the other peers where their interpreters are named.

`--goals` tunes what tuning is meant to be good for instead, without TVM, and ends with 1 where a goal of `GOALS` is
missed; it says first how long that takes.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import harness
import prepare


class Goal(NamedTuple):
    """At least `ratio` of a peer's speed after `seconds` of tuning, with `hits` of `seeds` seeds."""

    case: str
    seconds: float
    seeds: int
    hits: int
    peer: str
    ratio: float


GOALS = (
    Goal("gemm 1024x1024x1024", 60, 5, 4, "numpy", 0.95),
    Goal("conv2d 64x56x1", 90, 1, 1, "torch", 0.85),
    Goal("softmax 512x4096", 60, 1, 1, "torch", 1.0),
    Goal("layer_norm 512x4096", 60, 1, 1, "torch", 1.0),
    Goal("gelu 512x4096", 60, 1, 1, "torch", 1.0),
)
AROUND = 15
"""Seconds that a run takes besides tuning: starting everybody, and their turns."""


def main():
    """Tune and compare; ends with 1 when anything failed, or a goal is missed."""
    parser = harness.options(__doc__)
    parser.add_argument("--tune-seconds", type=float, default=20.0, help="for us, each kernel (default 20)")
    parser.add_argument("--times", type=float, default=5.0, help="TVM gets so many times as long (default 5)")
    parser.add_argument("--seed", type=int, default=0, help="of the search, the first one with --goals (default 0)")
    parser.add_argument("--goals", action="store_true", help="tune for the goals, with their own times and seeds")
    arguments = parser.parse_args()
    peers = harness.find_peers(arguments)
    harness.print_conditions(peers, arguments)
    if arguments.goals:
        rows, missed = meet_goals(peers, arguments)
    else:
        rows, missed = [compare(*case, peers, arguments, arguments.tune_seconds) for case in cases(arguments)], False
    harness.print_table(rows, peers)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps([row.record() for row in rows], indent=1) + "\n")
    harness.tell_failures(rows, missed)


def cases(arguments):
    """The files, shapes and names of the kernels that are asked for."""
    for path in sorted((harness.HERE / "cases" / "kernels").glob("[!_]*.py")):
        for shape in prepare.shapes(path.stem):
            name = " ".join([path.stem, "x".join(map(str, shape.values()))])
            if not arguments.cases or any(part in name for part in arguments.cases):
                yield path, shape, name


def meet_goals(peers, arguments):
    """The rows of all goals that are asked for, and whether one is missed."""
    known = {case[2]: case for case in cases(arguments)}
    goals = [goal for goal in GOALS if goal.case in known]
    absent = {goal.peer for goal in goals} - {peer.name for peer in peers}
    if absent:
        raise SystemExit(f"the goals compare us with {', '.join(sorted(absent))}: name the interpreters that have them")
    seconds = sum(goal.seeds * (goal.seconds + AROUND) for goal in goals)
    print(f"{len(goals)} goals, about {seconds / 60:.0f} minutes", flush=True)
    rows, lines = [], []
    for goal in goals:
        rivals = [peer for peer in peers if peer.name in (harness.OURS, goal.peer)]
        tried = []
        for seed in range(arguments.seed, arguments.seed + goal.seeds):
            row = compare(*known[goal.case], rivals, arguments, goal.seconds, seed)
            row.name += f", seed {seed}"
            tried.append(row)
        ratios = [row.record()["ratio"].get(goal.peer, 0.0) for row in tried]
        hits = sum(ratio >= goal.ratio for ratio in ratios)
        rows += tried
        lines.append((goal, ratios, hits >= goal.hits))
    print()
    for goal, ratios, met in lines:
        reached = " ".join(f"{ratio:.2f}" for ratio in ratios)
        wanted = f"at least {goal.ratio:g} of {goal.peer} in {goal.seconds:g} s, {goal.hits} of {goal.seeds}"
        print(f"{'met   ' if met else 'MISSED'}  {goal.case}: {wanted}: {reached}")
    print()
    return rows, not all(met for _, _, met in lines)


def compare(path, shape, name, peers, arguments, seconds, seed=None):
    """The row of one kernel at one shape."""
    from tensorir import tune

    seed = arguments.seed if seed is None else seed
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        function = prepare.kernel_module(path.stem).program(**shape).with_name("main")
        prepare.write(path.stem, shape, folder, function)
        result = tune(function, seconds=seconds, seed=seed, database=folder / "ours.db")
        (folder / "program.py").write_text(result.module["main"].with_attr("tir.noalias", True).script())
        trials = len(result.tasks[0].trials)
        tried = {f"tensorir (seed {seed})": f"{trials} candidates in {result.seconds:.1f} s"}
        for peer in peers:
            if peer.name == "tvm":
                tried["tvm"] = f"{tune_with_tvm(peer.python, folder, arguments.times * seconds, arguments)} candidates"
        row = harness.measure_case(path, peers, arguments, name=name, shape=shape, folder=made)
    each = ", ".join(f"{who} {what}" for who, what in tried.items())
    times = ", ".join(f"{peer.name} {harness.show_time(row.median(peer.name))}" for peer in peers)
    print(f"{name}: {each}; {times}", flush=True)
    return row


def tune_with_tvm(python, folder, seconds, arguments):
    """Let TVM tune for so long; gives how many candidates it measured. Its result is in the folder."""
    environment = {**os.environ, **dict.fromkeys(harness.THREAD_VARIABLES, str(arguments.threads))}
    program = [python, str(harness.HERE / "tvm_tuner.py")]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, "env": environment}
    process = subprocess.Popen([*program, "tune", str(folder)], start_new_session=True, **quiet)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        pass
    finally:
        with suppress(ProcessLookupError):  # it ended by itself
            os.killpg(process.pid, signal.SIGKILL)  # with its builders and runners
        process.wait()
    done = subprocess.run([*program, "best", str(folder)], capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        print(f"TVM's result cannot be read: {done.stderr.strip()[-300:]}", file=sys.stderr)
        return 0
    return int(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
