"""Cost models learn an order from features, keep it in a file, and start from what other workloads taught."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tensorir import Schedule, Target, UserError
from tensorir.meta_schedule import cost_model
from tensorir.meta_schedule.analytical import predict_ms
from tensorir.meta_schedule.cost_model import AnalyticalModel, LightGBMModel, Line, RandomModel, default_model, relative
from tensorir.meta_schedule.features import NAMES, program_features
from tensorir.script import workloads

RNG = np.random.default_rng(0)
X = RNG.random((300, len(NAMES)), dtype=np.float32) * 10
MS = 2.0 ** (X[:, 3] - 0.5 * X[:, 40] + 0.3 * X[:, 7] * (X[:, 9] > 5)) / 100


def pairs(score: np.ndarray, ms: np.ndarray) -> float:
    """The share of pairs in the right order."""
    i, j = np.triu_indices(len(ms), 1)
    return float(((score[i] > score[j]) == (ms[i] < ms[j])).mean())


@pytest.mark.parametrize("objectives", [("rank",), ("regression",), ("rank", "regression")])
def test_an_order_is_learnt(objectives: tuple[str, ...]) -> None:
    model = LightGBMModel(objectives=objectives, seed=1)
    assert pairs(model.predict("t", X[200:]), MS[200:]) < 0.6
    model.update("t", X[:200], MS[:200])
    assert pairs(model.predict("t", X[200:]), MS[200:]) > 0.75


def test_failures_come_last() -> None:
    ms = MS.copy()
    ms[X[:, 5] > 7] = np.inf
    model = LightGBMModel()
    model.update("t", X[:200], ms[:200])
    scores = model.predict("t", X[200:])
    assert np.median(scores[np.isinf(ms[200:])]) < np.quantile(scores[np.isfinite(ms[200:])], 0.1)


def test_relative_times() -> None:
    assert relative(np.array([1.0, 2.0, np.inf, 1e9])).tolist() == [0.0, -1.0, -9.0, -8.0]
    assert relative(np.array([np.inf])).tolist() == [-9.0]


def test_the_same_data_give_the_same_scores() -> None:
    first, second = LightGBMModel(seed=3), LightGBMModel(seed=3)
    for model in (first, second):
        model.update("t", X[:100], MS[:100])
    assert np.array_equal(first.predict("t", X), second.predict("t", X))


def test_a_saved_model_scores_alike(tmp_path: Path) -> None:
    model = LightGBMModel()
    model.train_prior({"other": (X[:100], MS[:100])})
    model.update("t", X[100:200], MS[100:200])
    model.save(tmp_path / "m.json")
    loaded = LightGBMModel.load(tmp_path / "m.json")
    assert np.allclose(loaded.predict("t", X), model.predict("t", X))
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(UserError, match="no saved cost model"):
        LightGBMModel.load(tmp_path / "bad.json")
    text = (tmp_path / "m.json").read_text()
    (tmp_path / "old.json").write_text(text.replace('"features": "', '"features": "old'))
    with pytest.raises(UserError, match="trained on other features"):
        LightGBMModel.load(tmp_path / "old.json")


def test_a_prior_helps_before_anything_is_measured() -> None:
    model = LightGBMModel()
    assert not model.knows("t")
    assert model.train_prior({"a": (X[:150], 3 * MS[:150]), "small": (X[:2], MS[:2])})
    assert model.knows("t")
    assert pairs(model.predict("t", X[150:]), MS[150:]) > 0.8
    few = LightGBMModel()
    few.update("t", X[150:160], MS[150:160])
    model.update("t", X[150:160], MS[150:160])
    assert pairs(model.predict("t", X[160:]), MS[160:]) > pairs(few.predict("t", X[160:]), MS[160:])


def candidate(mod: object) -> SimpleNamespace:
    return SimpleNamespace(predicted_ms=predict_ms(mod, "llvm"), features=program_features(mod, Target("llvm")))


def test_the_analytical_model_prefers_vectors_and_serves_until_something_is_known() -> None:
    plain = Schedule(workloads.relu(64, 64))
    vector = plain.copy()
    vector.vectorize(vector.get_loops(vector.get_block(plain.func.root.body.body.body.block.name_hint))[-1])
    found = [candidate(plain.mod), candidate(vector.mod)]
    analytical = AnalyticalModel()
    slow, fast = analytical.score("t", found)
    assert fast > slow
    assert LightGBMModel(fallback=analytical).score("t", found).tolist() == [slow, fast]
    assert len(RandomModel(0).score("t", found)) == 2


def test_without_the_openmp_library_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    real = builtins.__import__

    def fails(name: str, *args: object, **kwargs: object) -> object:
        if name == "lightgbm":
            raise OSError("libgomp.so.1: cannot open shared object file: No such file or directory")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", fails)
    said: list[str] = []
    model = default_model(0, said.append)
    assert isinstance(model, AnalyticalModel)
    (line,) = said
    assert "libgomp" in line and "apt-get install libgomp1" in line and "\n" not in line
    with pytest.raises(UserError, match="OpenMP"):
        cost_model.lightgbm()


def test_what_is_known_is_scaled_by_measurements_that_differ() -> None:
    wide, near = np.linspace(-8, 0, 32), np.linspace(-0.1, 0, 32)
    assert abs(Line.through(wide, 0.5 * wide).slope - 0.5) < 0.02
    assert Line.through(near, -3 * near).slope > 0.9, "differences between candidates that are alike mean little"
    assert Line.through(wide, -wide).slope == 0, "what is known is never turned around"
    failed = np.where(np.arange(32) % 3, 0.5 * wide, -cost_model.WORST - 1)
    assert np.allclose(Line.through(wide, failed), Line.through(wide[failed > -9], failed[failed > -9]))


def test_failures_among_the_fastest_leave_these_in_order() -> None:
    ms = MS.copy()
    fast = np.median(MS) > MS
    ms[fast & (np.arange(len(MS)) % 2 == 0)] = np.inf
    model = LightGBMModel()
    model.update("t", X[:200], ms[:200])
    works = np.isfinite(ms[200:])
    assert pairs(model.predict("t", X[200:])[works], ms[200:][works]) > 0.73
