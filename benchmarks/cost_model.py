"""How well cost models rank candidates they have not seen, what transfer saves, and what each part of the search gives.

`python benchmarks/cost_model.py collect FILE` measures random candidates of the operators into a tuning database, by
the processor time of one thread, which does not depend on what else the machine does;
`python benchmarks/cost_model.py evaluate FILE` trains on half of them and judges by the other half:

    pairs   share of pairs of held-out candidates that are put in the right order
    recall  share of the 30 fastest held-out candidates among the 30 with the greatest scores

and `python benchmarks/cost_model.py ablate FILE` tunes each operator with parts of the search left out. Ansor's figures
(Zheng et al., OSDI 2020, section 7.3) are .851 and .624.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from tensorir import Target, tune
from tensorir.meta_schedule.cost_model import LightGBMModel
from tensorir.meta_schedule.database import Database
from tensorir.meta_schedule.keys import target_text
from tensorir.script import workloads

OPERATORS = {
    "matmul": workloads.matmul(512, 512, 512),
    "conv2d": workloads.conv2d_nhwc(1, 56, 56, 64, 64, 3, 1, 1),
    "softmax": workloads.softmax(1024, 1024),
}
MODELS = {
    "rank": ("rank",),
    "regression": ("regression",),
    "both": ("rank", "regression"),
}
TOP = 30
TARGET = Target("llvm", num_threads=1)
ABLATIONS = {
    "everything": {},
    "no model": {"cost_model": "random"},
    "analytical model": {"cost_model": "analytical"},
    "no evolution": {"strategy": "replay-trace"},
    "random": {"strategy": "random"},
}


def collect(path: Path, names: list[str], seconds: float) -> None:
    """Measure random candidates of some operators."""
    for name in names:
        known = {"strategy": "random", "cost_model": "random", "transfer": False, "batch": 32}
        result = tune(OPERATORS[name], TARGET, seconds=seconds, trials=100_000, database=path, **known)
        print(
            f"{name}: {len(result.tasks[0].trials)} candidates in {result.seconds:.0f} s, best {result.best_ms:.3g} ms"
        )


def pairs(score: np.ndarray, ms: np.ndarray) -> float:
    """The share of pairs whose times differ that the scores put in order."""
    i, j = np.triu_indices(len(ms), 1)
    differ = ms[i] != ms[j]
    return float(((score[i] > score[j]) == (ms[i] < ms[j]))[differ].mean())


def recall(score: np.ndarray, ms: np.ndarray, k: int) -> float:
    """The share of the `k` fastest among the `k` with the greatest scores."""
    return len(set(np.argsort(-score)[:k]) & set(np.argsort(ms)[:k])) / k


def evaluate(path: Path) -> None:
    """Print pairs and recall for every operator and model, and what a prior from the others gives."""
    with Database(path) as database:
        known = database.learning(target_text(TARGET))
        names = database.workloads()
    rng = np.random.default_rng(0)
    print(f"{'operator':<10} {'model':<22} {'trained':>7} {'held out':>8} {'pairs':>6} {'recall':>6}")
    for key, (features, ms) in known.items():
        order = rng.permutation(len(ms))
        train, test = order[: len(ms) // 2], order[len(ms) // 2 :]
        test = test[np.isfinite(ms[test])]
        others = {k: data for k, data in known.items() if k != key}
        for label, objectives in MODELS.items():
            for count, prior in ((len(train), False), (32, False), (32, True), (0, True)):
                if label != "both" and (count != len(train) or prior):
                    continue
                model = LightGBMModel(objectives=objectives)
                if prior:
                    model.train_prior(others)
                chosen = train[:count]
                if count:
                    model.update(key, features[chosen], ms[chosen])
                score = model.predict(key, features[test])
                top = min(TOP, len(test) // 4)
                figures = f"{pairs(score, ms[test]):6.3f} {recall(score, ms[test], top):6.3f}"
                title = label + (", others' prior" if prior else "")
                print(f"{names[key]:<10} {title:<22} {count:>7} {len(test):>8} {figures}  (top {top})")


def ablate(path: Path, trials: int, seeds: int) -> None:
    """Print the best milliseconds after the same number of trials, with parts left out; `path` teaches the prior."""
    print(f"best milliseconds after {trials} trials, geometric mean of {seeds} seeds")
    for name, function in OPERATORS.items():
        for label, options in ABLATIONS.items():
            best = []
            begin = time.perf_counter()
            for seed in range(seeds):
                with tempfile.TemporaryDirectory() as folder:
                    result = tune(function, TARGET, trials=trials, seed=seed, database=Path(folder) / "t.db", **options)
                best.append(result.best_ms)
            mean = float(np.exp(np.mean(np.log(best))))
            print(f"{name:<10} {label:<18} {mean:8.4g} ms   {(time.perf_counter() - begin) / seeds:6.1f} s a run")


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("do", choices=("collect", "evaluate", "ablate"))
    parser.add_argument("file", type=Path, help="the tuning database")
    parser.add_argument("--operators", nargs="+", choices=[*OPERATORS], default=[*OPERATORS])
    parser.add_argument("--seconds", type=float, default=60.0, help="collect: for each operator")
    parser.add_argument("--trials", type=int, default=64, help="ablate: for each run")
    parser.add_argument("--seeds", type=int, default=2, help="ablate: runs")
    options = parser.parse_args()
    if options.do == "collect":
        collect(options.file, options.operators, options.seconds)
    elif options.do == "evaluate":
        evaluate(options.file)
    else:
        ablate(options.file, options.trials, options.seeds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
