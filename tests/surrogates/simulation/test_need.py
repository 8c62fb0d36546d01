from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from tests.surrogates.simulation import simulators
from tests.surrogates.simulation.simulators import SQUARE

from surefoot.ground.errors import InputError
from surefoot.surrogates.simulation.design import Design
from surefoot.surrogates.simulation.need import ALTERNATIVES, Need
from surefoot.surrogates.simulation.simulator import Simulator
from surefoot.surrogates.simulation.space import Real, Space
from surefoot.surrogates.simulation.study import Study

HERE = simulators.__name__
QUIET: dict[str, Any] = {"executor": "serial", "progress": False}

NEED = Need(
    run_s=2.0,
    run_p95_s=3.0,
    measured_runs=20,
    inputs=2,
    task_runs=1e4,
    training_runs=20,
    fit_s=10.0,
    predict_s=0.001,
    learnable={"flow": 0.9},
    noise={"flow": 0.0},
    alternatives=dict.fromkeys(ALTERNATIVES),
)


def study(folder: Path, name: str, **options: Any) -> Study:
    return Study(Simulator.from_callable(f"{HERE}:{name}", SQUARE, ["flow"], **options), folder)


def test_the_break_even_is_that_of_the_formula() -> None:
    assert NEED.break_even_runs == (20 * 2.0 + 10) / (2.0 - 0.001)
    N = NEED.break_even_runs
    even = replace(NEED, task_runs=N)
    assert even.gain == pytest.approx(1.0, rel=1e-12)
    assert NEED.gain == pytest.approx(2e4 / (40 + 10 + 10))


@pytest.mark.parametrize(
    ("change", "verdict", "reason"),
    [
        ({}, "warranted", "it pays from 25 runs on, and 10000 are needed: 333 times faster"),
        ({"task_runs": 20.0}, "not warranted", "it pays from 25 runs on, and 20 are needed: 0.8"),
        ({"task_runs": 100.0}, "undecided", "3.99 times faster"),
        ({"predict_s": 2.0}, "not warranted", "it never pays: a prediction takes longer"),
        ({"run_s": None}, "undecided", "no run has been timed"),
        ({"learnable": {"flow": 0.3}}, "undecided", "flow: simple models predict 30% of its"),
        ({"learnable": {"flow": -0.3}}, "not warranted", "predict 0% of its variance from 20 runs"),
        (
            {"learnable": {"flow": -0.3}, "measured_runs": 9},
            "undecided",
            "from 9 runs, which are few",
        ),
        (
            {"learnable": {"flow": -0.3}, "noise": {"flow": 0.8}},
            "undecided",
            "flow: 80% of its variance is noise",
        ),
        ({"learnable": {"flow": None}, "noise": {"flow": None}}, "warranted", "it pays"),
    ],
)
def test_verdicts(change: dict[str, Any], verdict: str, reason: str) -> None:
    need = replace(NEED, **change)
    assert need.verdict == verdict
    assert reason in " ".join(need.reasons)
    assert f"a surrogate is {verdict}\n" in str(need)


def test_a_cheap_smooth_function_needs_none(tmp_path: Path) -> None:
    need = study(tmp_path, "flow").need(**QUIET)
    assert need.verdict == "not warranted"
    assert need.run_s < 1e-3, "the time of the function, not that of the worker"
    assert need.learnable["flow"] == pytest.approx(1.0)
    assert need.measured_runs == 8


def test_a_slow_one_pays_from_where_it_is_said_to(tmp_path: Path) -> None:
    slow = study(tmp_path, "slow")
    slow.run(Design("lhs", 20), **QUIET)
    X, y = slow.data()

    def seconds(work: Callable[[], Any], times: int = 1) -> float:
        began = time.perf_counter()
        for _ in range(times):
            work()
        return time.perf_counter() - began

    model = GaussianProcessRegressor(RBF([1.0, 1.0]), normalize_y=True)
    fit_s = seconds(lambda: (model.fit(X, y["flow"]), time.sleep(0.3)))  # real ones take a while
    many = pd.concat([X] * 50)
    predict_s = seconds(lambda: model.predict(many)) / len(many)

    need = slow.need(1e5, training_runs=20, fit_s=fit_s, predict_s=predict_s, **QUIET)
    assert need.verdict == "warranted"
    calls = round(need.break_even_runs)
    assert 30 < calls < 100
    training = seconds(lambda: simulators.slow(0.5, 0.5), 20)
    surrogate = training + fit_s + seconds(lambda: model.predict(many.iloc[:calls]))
    assert surrogate == pytest.approx(seconds(lambda: simulators.slow(0.5, 0.5), calls), rel=0.2)


def test_enough_runs_need_no_pilot(tmp_path: Path) -> None:
    known = study(tmp_path, "flow")
    known.run(Design("lhs", 12), **QUIET)
    assert known.need(**QUIET).measured_runs == 12
    assert known.need(pilot=14, **QUIET).measured_runs == 26
    [_, (pilot, _)] = known.designs()
    assert (pilot.kind, pilot.n) == ("lhs-maximin", 14)
    assert pilot.reason.startswith("pilot runs")


def test_noise_of_replicates_counts(tmp_path: Path) -> None:
    noisy = study(tmp_path, "noisy", stochastic=True)
    noisy.run(Design("lhs", 10, replicates=4), **QUIET)
    assert 0.01 < noisy.need(**QUIET).noise["flow"] < 0.2


def test_a_field_is_screened_by_its_mean(tmp_path: Path) -> None:
    space = Space(x0=Real(0, 0.8), x1=Real(0, 1))
    fields = Study(Simulator.from_callable(f"{HERE}:profile", space, ["shape"]), tmp_path)
    assert fields.need(**QUIET).learnable["shape"] == pytest.approx(1.0)


def test_a_table_has_no_cost(tmp_path: Path) -> None:
    x = np.linspace(0, 1, 20)
    table = Simulator.from_table(pd.DataFrame({"x": x, "y": x**2}), ["y"])
    need = Study(table, tmp_path).need()
    assert need.verdict == "undecided"
    assert need.reasons == ["no run has been timed, so what the simulator costs is not known"]
    assert need.learnable["y"] == pytest.approx(1.0)
    assert need.break_even_runs is need.gain is need.run_s is None


def test_alternatives_not_weighed_are_named(tmp_path: Path) -> None:
    need = study(tmp_path, "flow").need(alternatives={"parallel runs": "64 cores: 3 days"}, **QUIET)
    assert need.alternatives["parallel runs"] == "64 cores: 3 days"
    last = str(need).splitlines()[-1]
    assert last == f"not weighed: {', '.join(a for a in ALTERNATIVES if a != 'parallel runs')}"
    known = json.loads(json.dumps(need.to_dict()))
    assert known["verdict"] == "not warranted"
    assert known["alternatives"]["just-in-time compilation"] is None


@pytest.mark.parametrize("options", [{"task_runs": 0}, {"fit_s": -1}, {"predict_s": math.inf}])
def test_impossible_costs(tmp_path: Path, options: dict[str, float]) -> None:
    name = next(iter(options))
    with pytest.raises(InputError, match=f"{name}: found .*; allowed: a number above 0"):
        study(tmp_path, "flow").need(**options)
