"""How well cost models rank candidates they have not seen, what transfer saves, and what each part of the search gives.

    python benchmarks/cost_model.py collect FILE     measures random candidates of the operators into a tuning database
    python benchmarks/cost_model.py evaluate FILE    trains on half of them and judges by the other half, ten times
    python benchmarks/cost_model.py teach FILE       tunes other shapes of the operators into a database
    python benchmarks/cost_model.py speed            computes features
    python benchmarks/cost_model.py ablate           tunes each operator with parts of the search left out
    python benchmarks/cost_model.py transfer FILE    tunes each operator with what `teach` left, and from nothing

`collect` and `ablate` take `--seconds` in all, `teach` and `transfer` `--trials` for each. Times are the processor time
of one thread, which depends little on what else the machine does. Of the held-out candidates,

    pairs   is the share of pairs that are put in the right order
    recall  is the share of the 30 fastest among the 30 with the greatest scores

Ansor's figures (Zheng et al., OSDI 2020, section 7.3) are .851 and .624.
"""

import argparse
import math
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from tensorir import PrimFunc, Schedule, Target, tune
from tensorir.meta_schedule.cost_model import LightGBMModel, estimated
from tensorir.meta_schedule.database import Database
from tensorir.meta_schedule.features import program_features
from tensorir.meta_schedule.replay import Replayer
from tensorir.meta_schedule.rules import Context, default_rules, rule
from tensorir.meta_schedule.rules.multi_level_tiling import PACK
from tensorir.meta_schedule.space import design_space
from tensorir.schedule.sref import BlockSRef
from tensorir.schedule.trace import BlockRV
from tensorir.script import workloads

OPERATORS = {
    "matmul": workloads.matmul(512, 512, 512),
    "conv2d": workloads.conv2d_nhwc(1, 56, 56, 64, 64, 3, 1, 1),
    "softmax": workloads.softmax(1024, 1024),
}
OTHERS = {
    "matmul": [workloads.matmul(256, 1024, 384), workloads.matmul(1024, 192, 768)],
    "conv2d": [workloads.conv2d_nhwc(1, 28, 28, 128, 96, 3, 1, 1), workloads.conv2d_nhwc(1, 56, 56, 64, 128, 3, 2, 1)],
    "softmax": [workloads.softmax(512, 4096), workloads.layer_norm(1024, 1024)],
}
"""Workloads of other shapes, which a prior is learnt from."""
MODELS = {
    "rank": ("rank",),
    "regression": ("regression",),
    "both": ("rank", "regression"),
}
TOP = 30
SPLITS = 10
"""Ways to divide the candidates into those to learn from and those held out."""
TARGET = Target("llvm", num_threads=1)
CANDIDATES = 60
"""Candidates of each operator by which the speed of the features is measured."""
SAME = 1.05
"""Times as many as another are the same speed."""


def collect(path: Path, names: list[str], seconds: float) -> None:
    """Measure random candidates of some operators."""
    for name in names:
        with Database(path) as database:
            seed = len(database)  # others than those that are known already
        known = {"strategy": "random", "cost_model": "random", "transfer": False, "batch": 32, "seed": seed}
        result = tune(OPERATORS[name], TARGET, seconds=seconds, trials=100_000, database=path, **known)
        print(
            f"{name}: {len(result.tasks[0].trials)} candidates in {result.seconds:.0f} s, best {result.best_ms:.3g} ms"
        )


def teach(path: Path, names: list[str], trials: int) -> None:
    """Tune other workloads than the operators, as an earlier user of the database did."""
    for name in names:
        for function in OTHERS[name]:
            result = tune(function, TARGET, trials=trials, database=path, transfer=False)
            found = len(result.tasks[0].trials)
            print(f"{function.name}: {found} candidates in {result.seconds:.0f} s, best {result.best_ms:.3g} ms")


def pairs(score: np.ndarray, ms: np.ndarray) -> float:
    """The share of pairs whose times differ that the scores put in order."""
    i, j = np.triu_indices(len(ms), 1)
    differ = ms[i] != ms[j]
    return float(((score[i] > score[j]) == (ms[i] < ms[j]))[differ].mean())


def recall(score: np.ndarray, ms: np.ndarray, k: int) -> float:
    """The share of the `k` fastest among the `k` with the greatest scores."""
    return len(set(np.argsort(-score)[:k]) & set(np.argsort(ms)[:k])) / k


def learnt(path: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Features, computed anew from the traces, and milliseconds of all candidates of each workload in a database."""
    found: dict[str, tuple[list[np.ndarray], list[float]]] = {}
    with Database(path) as database:
        for record in database.records():
            sch = Schedule(database.program(record.task.workload), seed=0)
            record.schedule_trace().apply_to(sch)
            features, ms = found.setdefault(record.task.workload, ([], []))
            features.append(program_features(sch.mod, TARGET))
            ms.append(record.outcome.ms)
    return {key: (np.stack(features), np.array(ms)) for key, (features, ms) in found.items()}


def evaluate(path: Path) -> None:
    """Print pairs and recall for every operator and model, and what others teach: means of `SPLITS`."""
    known = learnt(path)
    with Database(path) as database:
        names = database.workloads()
    print(f"{'operator':<12} {'model':<28} {'trained':>7} {'held out':>8} {'pairs':>6} {'recall':>6}")
    for key, (features, ms) in known.items():
        others = {k: data for k, data in known.items() if k != key}
        half = len(ms) // 2
        works = np.isfinite(ms)
        alone = pairs(estimated(features[works]), ms[works]), recall(estimated(features[works]), ms[works], TOP)
        print(f"{names[key]:<12} {'the estimate alone':<28} {0:>7} {works.sum():>8} {alone[0]:6.3f} {alone[1]:6.3f}")
        for label, count, prior in [
            *((label, half, False) for label in MODELS),
            ("regression", 32, False),
            ("regression", 32, True),
            ("regression", 0, True),
        ]:
            found = []
            for split in range(SPLITS):
                order = np.random.default_rng(split).permutation(len(ms))
                train, test = order[: min(count, half)], order[half:]
                test = test[np.isfinite(ms[test])]
                top = min(TOP, len(test) // 4)
                model = LightGBMModel(objectives=MODELS[label])
                if prior:
                    model.train_prior(others)
                if count:
                    model.update(key, features[train], ms[train])
                score = model.predict(key, features[test])
                found.append((pairs(score, ms[test]), recall(score, ms[test], top)))
            figures = " ".join(f"{figure:6.3f}" for figure in np.mean(found, axis=0))
            title = label + (", others' prior" if prior else "")
            print(f"{names[key]:<12} {title:<28} {min(count, half):>7} {len(test):>8} {figures}  (top {top})")


def speed() -> None:
    """Print how many candidates a second the features are computed of, on one core, each made by itself."""
    for name, function in OPERATORS.items():
        rng, make = Random(0), Replayer(function, TARGET, capacity=1)
        sketches = design_space(function, TARGET)
        spent, count = 0.0, 0
        while count < CANDIDATES:
            mod = make(rng.choice(sketches).trace, rng=rng).mod
            begin = time.process_time()
            program_features(mod, TARGET)
            spent, count = spent + time.process_time() - begin, count + 1
        print(f"{name:<10} features of {count / spent:6.0f} candidates a second")


@rule(roots=True)
def without_packing(sch: Schedule, block: BlockRV, ctx: Context) -> list[Schedule]:
    """Drop the sketches in which an operand is packed."""
    packed = any(PACK in ref.stmt.annotations for ref in sch.state.srefs.values() if isinstance(ref, BlockSRef))
    return [] if packed else [sch]


ABLATIONS: dict[str, dict[str, Any]] = {
    "everything": {},
    "no packing rule": {"space": [*default_rules(TARGET), without_packing]},
    "no model": {"cost_model": "random"},
    "analytical model": {"cost_model": "analytical"},
    "no evolution": {"strategy": "replay-trace"},
    "random": {"strategy": "random", "cost_model": "random"},
}


def ablate(names: list[str], seconds: float, seeds: int) -> None:
    """Print what is reached in the same time with parts left out, always from nothing."""
    each = seconds / (len(names) * len(ABLATIONS) * seeds)
    print(f"best milliseconds after {each:.0f} s, geometric means of {seeds} seeds; {seconds / 60:.0f} minutes in all")
    print(f"{'operator':<10} {'left out':<18} {'best':>9} {'slower by':>9} {'trials':>6}")
    for name in names:
        whole = None
        for label, options in ABLATIONS.items():
            runs = [run(OPERATORS[name], seed, seconds=each, **options) for seed in range(seeds)]
            best = mean([best for _, best in runs])
            whole = whole or best
            trials = statistics.mean(len(ms) for ms, _ in runs)
            print(f"{name:<10} {label:<18} {best:6.4g} ms {best / whole:8.2f}x {trials:6.0f}", flush=True)


def transfer(path: Path, names: list[str], trials: int, seeds: int) -> None:
    """Print how many trials it takes, with and without what `teach` left at `path`, to come within `SAME` of a run of
    so many without it."""
    print(f"runs of {trials} trials with {seeds} seeds")
    print(f"{'operator':<10} {'seed':>4} {'speed reached':>13} {'alone':>5} {'taught':>6} {'ratio':>6}  best, taught")
    ratios = []
    for name in names:
        for seed in range(seeds):
            alone, best = run(OPERATORS[name], seed, trials=trials)
            taught, best_taught = run(OPERATORS[name], seed, known=path, trials=trials)
            goal = SAME * best
            without, with_others = trials_until(alone, goal), trials_until(taught, goal)
            ratios.append(with_others / without)
            shown = f"{with_others:6}" if min(taught) <= goal else f">{len(taught):5}"
            print(
                f"{name:<10} {seed:>4} {goal:10.4g} ms {without:>5} {shown} {ratios[-1]:6.2f}  {best_taught:6.4g} ms",
                flush=True,
            )
    print(f"geometric mean of the ratios: {mean(ratios):.2f}")


def run(function: PrimFunc, seed: int, known: Path | None = None, **options: Any) -> tuple[list[float], float]:
    """Milliseconds of the candidates of a tuning, in order, and of the best as it was raced in the end.

    The default schedule is not among them, which would be found without a search.

    Parameters
    ----------
    known: a database of other workloads to start from; None to start from nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "t.db"
        if known is not None:
            shutil.copyfile(known, database)
        result = tune(function, TARGET, seed=seed, database=database, default_first=False, **options)
    ms = [trial.outcome.ms if trial.outcome.ok else math.inf for trial in result.tasks[0].trials]
    return ms, result.best_ms


def trials_until(ms: list[float], goal: float) -> int:
    """How many candidates were measured until one was as fast as `goal`, all and one more where none was."""
    return next((n for n, each in enumerate(ms, 1) if each <= goal), len(ms) + 1)


def mean(values: list[float]) -> float:
    """The geometric mean."""
    return float(np.exp(np.mean(np.log(values))))


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("do", choices=("collect", "evaluate", "teach", "speed", "ablate", "transfer"))
    parser.add_argument("file", type=Path, nargs="?", help="the tuning database (collect, evaluate, transfer)")
    parser.add_argument("--operators", nargs="+", choices=[*OPERATORS], default=[*OPERATORS])
    parser.add_argument("--seconds", type=float, default=360.0, help="how long to take in all (default 360)")
    parser.add_argument("--seeds", type=int, default=1, help="ablate, transfer: runs of each (default 1)")
    parser.add_argument("--trials", type=int, default=64, help="teach, transfer: candidates of each (default 64)")
    options = parser.parse_args()
    if options.do in ("teach", "collect", "evaluate", "transfer") and options.file is None:
        parser.error(f"{options.do} takes a file")
    if options.do == "collect":
        collect(options.file, options.operators, options.seconds / len(options.operators))
    elif options.do == "teach":
        teach(options.file, options.operators, options.trials)
    elif options.do == "evaluate":
        evaluate(options.file)
    elif options.do == "speed":
        speed()
    elif options.do == "ablate":
        ablate(options.operators, options.seconds, options.seeds)
    else:
        transfer(options.file, options.operators, options.trials, options.seeds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
