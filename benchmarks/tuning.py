"""What tuning reaches in a given time, beside numpy and PyTorch, and what trials cost.

Each operator is tuned from an empty database, with several seeds; then its winner takes turns with the peers, as in
kernels.py. `--torch-python` names an interpreter that has PyTorch. Halide's and TVM's own kernels of the same
operators are measured by kernels.py; `--trials-of-tvm` is not offered here, since TVM's tuner has its own time.
"""

import argparse
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from tensorir import build, tune
from tensorir.script import workloads

TURNS = 9


def matmul_peer(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """numpy's product."""
    return a @ b


TORCH = {
    "matmul": "lambda a, b, c: torch.mm(a, b, out=c)",
    "conv2d": "lambda x, w, y: torch.nn.functional.conv2d(x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1), padding=1)",
    "softmax": "lambda x, y: torch.softmax(x, 1, out=y)",
    "layer_norm": "lambda x, g, b, y: torch.nn.functional.layer_norm(x, (x.shape[1],), g, b)",
    "gelu": "lambda x, y: torch.nn.functional.gelu(x)",
}
OPERATORS = {
    "matmul": (workloads.matmul(1024, 1024, 1024), 60.0),
    "conv2d": (workloads.conv2d_nhwc(1, 56, 56, 64, 64, 3, 1, 1), 90.0),
    "softmax": (workloads.softmax(1024, 1024), 60.0),
    "layer_norm": (workloads.layer_norm(1024, 1024), 60.0),
    "gelu": (workloads.gelu(1024, 1024), 60.0),
}

SERVER = """
import statistics, sys, time
import torch
torch.set_num_threads(int(sys.argv[1]))
shapes = eval(sys.argv[2])
tensors = [torch.rand(s) for s in shapes]
f = eval(sys.argv[3])
with torch.inference_mode():
    f(*tensors)
    print("ready", flush=True)
    for line in sys.stdin:
        end = time.perf_counter() + float(line)
        samples = []
        while time.perf_counter() < end or len(samples) < 3:
            begin = time.perf_counter()
            f(*tensors)
            samples.append((time.perf_counter() - begin) * 1e3)
        print(statistics.median(samples), flush=True)
"""


class Torch:
    """PyTorch in its own interpreter, doing one operator."""

    def __init__(self, python: str, shapes: list[tuple[int, ...]], code: str, threads: int) -> None:
        self.process = subprocess.Popen(
            [python, "-c", SERVER, str(threads), repr(shapes), code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self.process.stdout.readline().strip() != "ready":
            raise SystemExit(f"{python} cannot run PyTorch")

    def __call__(self, seconds: float) -> float:
        """Median milliseconds over some seconds."""
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def local(function: object, arrays: list[np.ndarray]):
    """A function of seconds that gives the median milliseconds of `function(*arrays)`."""

    def measure(seconds: float) -> float:
        end = time.perf_counter() + seconds
        samples = []
        while time.perf_counter() < end or len(samples) < 3:
            begin = time.perf_counter()
            function(*arrays)
            samples.append((time.perf_counter() - begin) * 1e3)
        return statistics.median(samples)

    return measure


def main() -> None:
    """Tune, then compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("operators", nargs="*", choices=[*OPERATORS, []], default=[])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--seconds", type=float, help="instead of the operator's own time")
    parser.add_argument("--torch-python", metavar="PATH")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    print(f"{'operator':<11} {'seed':>4} {'trials':>6} {'s each':>6} {'ours':>9} {'peer':>9}  ratio (above 1 we win)")
    for name in options.operators or OPERATORS:
        function, seconds = OPERATORS[name]
        rng = np.random.default_rng(0)
        shapes = [tuple(int(e.value) for e in b.shape) for b in function.buffers]
        arrays = [rng.random(shape, dtype=np.float32) for shape in shapes]
        for seed in options.seeds:
            with tempfile.TemporaryDirectory() as folder:
                result = tune(function, seconds=options.seconds or seconds, seed=seed, database=Path(folder) / "t.db")
            contestants = {"tensorir": local(build(result.module), arrays)}
            if name == "matmul":
                contestants["numpy"] = local(lambda a, b, c: np.matmul(a, b, out=c), arrays)
            if options.torch_python:
                contestants["torch"] = Torch(options.torch_python, shapes, TORCH[name], options.threads)
            turns = {who: [] for who in contestants}
            for _ in range(TURNS):
                for who, measure in contestants.items():
                    turns[who].append(measure(0.15))
            medians = {who: statistics.median(found) for who, found in turns.items()}
            ours = medians.pop("tensorir")
            trials = len(result.tasks[0].trials)
            shown = "  ".join(f"{who} {ms:.4g} ms {ms / ours:.2f}x" for who, ms in medians.items())
            each = result.seconds / max(trials, 1)
            print(f"{name:<11} {seed:>4} {trials:>6} {each:6.2f} {ours:6.4g} ms  {shown}", flush=True)


if __name__ == "__main__":
    main()
