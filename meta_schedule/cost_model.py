"""Cost models: which of many candidates are worth measuring. Scores are comparable within a task; greater is faster."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from ..tir.errors import UserError
from .features import FEATURE_SET, NAMES

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

WORST = 8.0
"""Slower than the best by 2 to this power, and failing, are the same to a model."""

FAILED = 0.3
"""How much a failure counts beside a time: it says little of how fast those are that look like it."""

ESTIMATE = NAMES.index("sum_cycles")
"""The feature that trees start from: log2 of the cycles that a program is thought to take before any is measured."""

TRUST = 4.0
"""How firmly what was known before is believed to tell times to scale: like measurements of so much variance in all."""


class Scored(Protocol):
    """What a model needs of a candidate."""

    @property
    def predicted_ms(self) -> float: ...
    @property
    def features(self) -> Array: ...


class CostModel(Protocol):
    """A cost model."""

    name: str

    def update(self, task: str, features: Array, ms: Array) -> None:
        """Learn from all measurements of a task: features (candidates, features) and milliseconds, inf for failures."""

    def score(self, task: str, candidates: Sequence[Scored]) -> Array:
        """A number for each candidate, greater for those expected to be faster."""


class RandomModel:
    """Scores drawn from a hat: the baseline."""

    name = "random"

    def __init__(self, seed: int = 0) -> None:
        self.rng = Random(seed)

    def update(self, task: str, features: Array, ms: Array) -> None:
        """Nothing is learnt."""

    def score(self, task: str, candidates: Sequence[Scored]) -> Array:
        """A random number for each."""
        return np.array([self.rng.random() for _ in candidates])


class AnalyticalModel:
    """The roofline of `analytical.predict_ms`."""

    name = "analytical"

    def update(self, task: str, features: Array, ms: Array) -> None:
        """Nothing is learnt."""

    def score(self, task: str, candidates: Sequence[Scored]) -> Array:
        """-log2 of the predicted milliseconds."""
        return np.array([-np.log2(max(c.predicted_ms, 1e-9)) for c in candidates])


def asks_roofline(model: CostModel, task: str) -> bool:
    """Whether a model will ask for what the analytical one predicts."""
    if isinstance(model, LightGBMModel):
        return not model.knows(task)
    return isinstance(model, AnalyticalModel)


def lightgbm() -> Any:
    """The LightGBM package.

    Raises
    ------
    UserError: it cannot be loaded; the message says what is missing and how to get it.
    """
    try:
        import lightgbm
    except OSError as error:
        raise UserError(
            f"LightGBM cannot be loaded ({error}); it needs the system's OpenMP library, which "
            "`apt-get install libgomp1` (Debian, Ubuntu) or `dnf install libgomp` (Fedora) brings"
        ) from None
    except ImportError as error:
        raise UserError(f"LightGBM is not installed ({error}); `pip install lightgbm` brings it") from None
    return lightgbm


def default_model(seed: int = 0, warn: Callable[[str], None] | None = None) -> CostModel:
    """LightGBM where it can be loaded; otherwise the analytical model, after one line through `warn` that says why."""
    try:
        return LightGBMModel(seed=seed, fallback=AnalyticalModel())
    except UserError as error:
        if warn is not None:
            warn(f"{error}. The analytical model serves.")
        return AnalyticalModel()


def relative(ms: Array) -> Array:
    """log2 of the best over each, 0 for the best, at least -WORST; -WORST - 1 for failures."""
    works = np.isfinite(ms)
    if not works.any():
        return np.full(len(ms), -WORST - 1)
    with np.errstate(divide="ignore"):
        return np.where(works, np.maximum(np.log2(ms[works].min() / ms), -WORST), -WORST - 1)


class Line(NamedTuple):
    """How `relative` rises with what is known of programs before they are measured."""

    slope: float
    offset: float

    @staticmethod
    def through(known: Array, y: Array) -> Line:
        """The line nearest to measurements, those that failed left out; of slope 1 where they say little about it."""
        works = y >= -WORST
        x, y = known[works], y[works]
        slope = (float(((x - x.mean()) * (y - y.mean())).sum()) + TRUST) / (float(((x - x.mean()) ** 2).sum()) + TRUST)
        slope = max(slope, 0.0)
        return Line(slope, float(y.mean() - slope * x.mean()))

    def __call__(self, known: Array) -> Array:
        """Its value for each program."""
        return self.offset + self.slope * known


def estimated(features: Array) -> Array:
    """What is known of any program: -log2 of its cycles."""
    return -features[:, ESTIMATE].astype(np.float64)


OBJECTIVES: Mapping[str, Mapping[str, Any]] = {
    "regression": {"objective": "huber", "alpha": 0.3, "metric": "none"},
    "rank": {
        "objective": "lambdarank",
        "metric": "none",
        "label_gain": list(range(64)),
        "lambdarank_truncation_level": 64,
    },
}
"""What LightGBM is asked to minimise: the error of `relative`, squared where it is small, or wrongly ordered pairs."""

_SHARED = {
    "verbosity": -1,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 0.1,
    "max_bin": 255,
}


class LightGBMModel:
    """Gradient-boosted trees on the features of scheduled programs.

    What is known before comes first: a line through the task's measurements over their `ESTIMATE`. A *prior* learnt
    from other workloads, where there is one, tells how programs differ from their line; what is learnt from the task
    itself is the residual. Until a task has `least` measurements and there is no prior, `fallback` serves.

    Parameters
    ----------
    objectives: of `OBJECTIVES`; the scores of several are averaged after standardising them.
    fallback: for tasks of which nothing is known.

    Raises
    ------
    UserError: LightGBM cannot be loaded.
    """

    name = "lightgbm"

    def __init__(
        self,
        *,
        objectives: Sequence[str] = ("regression",),
        seed: int = 0,
        rounds: int = 200,
        least: int = 8,
        fallback: CostModel | None = None,
    ) -> None:
        unknown = [name for name in objectives if name not in OBJECTIVES]
        if unknown or not objectives:
            raise UserError(f"objectives are some of {', '.join(OBJECTIVES)}, got {list(objectives)!r}")
        self.lgb = lightgbm()
        self.objectives, self.seed, self.rounds, self.least = tuple(objectives), seed, rounds, least
        self.fallback = fallback
        self.prior: dict[str, Any] = {}
        self.local: dict[str, dict[str, Any]] = {}
        self.lines: dict[str, dict[str, Line]] = {}
        self.usual = Line(1.0, 0.0)

    def update(self, task: str, features: Array, ms: Array) -> None:
        """Train a task's own trees anew on all that was measured of it."""
        if len(ms) < self.least or not np.isfinite(ms).any():
            return
        y = relative(ms)
        self.lines[task] = {name: Line.through(self._known(name, features), y) for name in self.objectives}
        self.local[task] = {
            name: self._train(name, features, y, [len(y)], self._before(task, name, features))
            for name in self.objectives
        }

    def train_prior(self, tasks: Mapping[str, tuple[Array, Array]]) -> bool:
        """Learn from other workloads, each (features, milliseconds); whether there was enough to learn from."""
        usable = [(x, relative(ms)) for x, ms in tasks.values() if len(ms) >= self.least and np.isfinite(ms).any()]
        if not usable:
            return False
        groups = [len(y) for _, y in usable]
        lines = [Line.through(estimated(x), y) for x, y in usable]
        self.usual = Line(float(np.mean([line.slope for line in lines])), 0.0)
        base = np.concatenate([line(estimated(x)) for line, (x, _) in zip(lines, usable)])
        x, y = np.concatenate([x for x, _ in usable]), np.concatenate([y for _, y in usable])
        self.prior = {name: self._train(name, x, y, groups, base) for name in self.objectives}
        return True

    def knows(self, task: str) -> bool:
        """Whether trees score candidates of a task, rather than the fallback."""
        return bool(self.prior) or task in self.local

    def score(self, task: str, candidates: Sequence[Scored]) -> Array:
        """See `CostModel.score`."""
        if not candidates:
            return np.zeros(0)
        if not self.knows(task):
            if self.fallback is None:
                return np.zeros(len(candidates))
            return self.fallback.score(task, candidates)
        return self.predict(task, np.stack([c.features for c in candidates]))

    def predict(self, task: str, features: Array) -> Array:
        """Scores from features (candidates, features)."""
        local = self.local.get(task, {})
        total = np.zeros(len(features))
        for name in self.objectives:
            own = self._before(task, name, features)
            if name in local:
                own = own + local[name].predict(features, raw_score=True)
            spread = float(own.std())
            total += (own - own.mean()) / spread if len(self.objectives) > 1 and spread > 0 else own
        return total

    def _known(self, objective: str, features: Array) -> Array:
        """What is known of programs of any task: the usual line, and what the prior tells."""
        out = self.usual(estimated(features))
        if objective in self.prior:
            out = out + self.prior[objective].predict(features, raw_score=True)
        return out

    def _before(self, task: str, objective: str, features: Array) -> Array:
        """What is known of programs of a task without its own trees."""
        known = self._known(objective, features)
        lines = self.lines.get(task, {})
        return lines[objective](known) if objective in lines else known

    def _train(self, objective: str, x: Array, y: Array, groups: list[int], base: Array) -> Any:
        few = len(y) < 64
        params = {
            **_SHARED,
            **OBJECTIVES[objective],
            "seed": self.seed,
            "num_leaves": 8,
            "min_data_in_leaf": 3,
            "learning_rate": 0.05,
        }
        label = y
        group = None
        if objective == "rank":
            label = np.round((y + WORST + 1) * 63 / (WORST + 1)).astype(int)
            group = groups
        weight = np.where(y < -WORST, FAILED, 1.0)
        data = self.lgb.Dataset(x, label, weight=weight, group=group, init_score=base, free_raw_data=True)
        return self.lgb.train(params, data, self.rounds // 2 if few else self.rounds)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the trees as JSON; each task's own trees are kept under its name."""
        data = {
            "features": FEATURE_SET,
            "objectives": list(self.objectives),
            "usual": self.usual,
            "lines": self.lines,
            "prior": {name: booster.model_to_string() for name, booster in self.prior.items()},
            "local": {
                task: {name: booster.model_to_string() for name, booster in boosters.items()}
                for task, boosters in self.local.items()
            },
        }
        fresh = Path(path).with_name(f".{Path(path).name}.{os.getpid()}")
        fresh.write_text(json.dumps(data))
        os.replace(fresh, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], **options: Any) -> LightGBMModel:
        """The model that `save` wrote.

        Raises
        ------
        UserError: the file is none, or was trained on other features than this version has.
        """
        try:
            data = json.loads(Path(path).read_text())
            if data["features"] != FEATURE_SET:
                raise UserError(
                    f"the model {path} was trained on other features than this version computes ({len(NAMES)}); "
                    "train it again"
                )
            self = cls(objectives=data["objectives"], **options)
            self.usual = Line(*data["usual"])
            self.lines = {
                task: {name: Line(*line) for name, line in lines.items()} for task, lines in data["lines"].items()
            }
            booster = self.lgb.Booster
            self.prior = {name: booster(model_str=text) for name, text in data["prior"].items()}
            self.local = {
                task: {name: booster(model_str=text) for name, text in boosters.items()}
                for task, boosters in data["local"].items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path} is no saved cost model: {error}") from None
        return self
