"""What our tuner and TVM's MetaSchedule reach on the kernels of `examples/schedules`, from nothing, in given times.

Each kernel's unscheduled program is tuned by us for `--tune-seconds` and by TVM for `--times` as long, one after the
other. Then both results are checked and take turns, with the other peers where their interpreters are named.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import harness
import prepare


def main():
    """Tune and compare; ends with 1 when anything failed."""
    parser = harness.options(__doc__)
    parser.add_argument("--tune-seconds", type=float, default=20.0, help="for us, each kernel (default 20)")
    parser.add_argument("--times", type=float, default=5.0, help="TVM gets so many times as long (default 5)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    peers = harness.find_peers(arguments)
    harness.print_conditions(peers, arguments)
    rows = []
    for path in sorted((harness.HERE / "cases" / "kernels").glob("[!_]*.py")):
        for shape in prepare.shapes(path.stem):
            name = " ".join([path.stem, "x".join(map(str, shape.values()))])
            if not arguments.cases or any(part in name for part in arguments.cases):
                rows.append(compare(path, shape, name, peers, arguments))
    harness.print_table(rows, peers)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps([row.record() for row in rows], indent=1) + "\n")
    harness.tell_failures(rows)


def compare(path, shape, name, peers, arguments):
    """The row of one kernel at one shape."""
    from tensorir import tune

    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        function = prepare.kernel_module(path.stem).program(**shape).with_name("main")
        prepare.write(path.stem, shape, folder, function)
        result = tune(function, seconds=arguments.tune_seconds, seed=arguments.seed, database=folder / "ours.db")
        (folder / "program.py").write_text(result.module["main"].with_attr("tir.noalias", True).script())
        tried = {"tensorir": len(result.tasks[0].trials)}
        for peer in peers:
            if peer.name == "tvm":
                tried["tvm"] = tune_with_tvm(peer.python, folder, arguments)
        row = harness.measure_case(path, peers, arguments, name=name, shape=shape, folder=made)
    each = ", ".join(f"{who} {count} candidates" for who, count in tried.items())
    times = ", ".join(f"{peer.name} {harness.show_time(row.median(peer.name))}" for peer in peers)
    print(f"{name}: {each}; {times}", flush=True)
    return row


def tune_with_tvm(python, folder, arguments):
    """Let TVM tune for its time; gives how many candidates it measured. Its result is in the folder."""
    environment = {**os.environ, **dict.fromkeys(harness.THREAD_VARIABLES, str(arguments.threads))}
    program = [python, str(harness.HERE / "tvm_tuner.py")]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, "env": environment}
    process = subprocess.Popen([*program, "tune", str(folder)], start_new_session=True, **quiet)
    try:
        process.wait(arguments.times * arguments.tune_seconds)
    except subprocess.TimeoutExpired:
        pass
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # with its builders and runners
        process.wait()
    done = subprocess.run([*program, "best", str(folder)], capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        sys.exit(f"TVM's result cannot be read: {done.stderr}")
    return int(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
