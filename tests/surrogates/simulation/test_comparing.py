"""A study from its runs to a surrogate, more runs, and what more would bring."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from surefoot.ground.errors import InputError, UnmetError
from surefoot.surrogates.functions import problem
from surefoot.surrogates.regressor import SurrogateRegressor
from surefoot.surrogates.simulation.cost_curve import CostCurve, CurvePoint, cost_curves
from surefoot.surrogates.simulation.design import Design
from surefoot.surrogates.simulation.simulator import Simulator
from surefoot.surrogates.simulation.space import Real, Space
from surefoot.surrogates.simulation.study import Study
from surefoot.surrogates.tasks.exceedance import Exceedance
from surefoot.surrogates.tasks.optimum import Optimum

FEW: dict[str, Any] = {"candidates": ["gp-se", "gp-matern52"], "cv": 4}
BRANIN = problem("branin")


def branin(folder: Path, tasks: tuple[Any, ...] = ()) -> Study:
    simulator = Simulator.from_callable(BRANIN.function, BRANIN.space, ["y"])
    return Study(simulator, folder, tasks)


def fields(x: float, k: float) -> dict[str, Any]:
    grid = np.linspace(0, 1, 30)
    return {"u": np.sin(3 * grid * x) + k * grid, "top": x * k}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    made = branin(tmp_path_factory.mktemp("study"), (Optimum("y"), Exceedance("y", 100.0)))
    made.run(Design("lhs", 24, seed=1), "serial", progress=False)
    return made


@pytest.fixture(scope="module")
def model(study: Study) -> SurrogateRegressor:
    return study.compare(**FEW)


def test_compare_fits_the_runs_in_their_space(study: Study, model: SurrogateRegressor) -> None:
    assert model.output_names_ == ["y"]
    X = BRANIN.sample(200, seed=5)
    predicted = model.predict(X, on_extrapolation="ignore")[:, 0]
    assert np.corrcoef(predicted, BRANIN(X))[0, 1] > 0.95
    assert model.in_domain(X.assign(x1=99.0)).sum() == 0


def test_tasks_are_scored_with_runs_that_are_kept_apart(
    study: Study, model: SurrogateRegressor
) -> None:
    optimum, exceedance = study.score_tasks(model)
    assert optimum.simulated == pytest.approx(float(study.checked(_frame(optimum.at))["y"].iloc[0]))
    assert 0.1 < exceedance.probability.value < 0.3
    assert len(study.data()[0]) == 24
    assert (study.folder / "checks" / "ledger.sqlite").is_file()


def _frame(at: dict[str, Any]) -> Any:
    import pandas as pd

    return pd.DataFrame([at])


def test_a_field_is_compared_by_itself(tmp_path: Path) -> None:
    space = Space(x=Real(0, 1), k=Real(0, 1))
    made = Study(Simulator.from_callable(fields, space, ["u", "top"]), tmp_path)
    made.run(Design("lhs", 12, seed=2), "serial", progress=False)
    with pytest.raises(InputError, match="the field 'u' among 2 outputs"):
        made.compare(**FEW)
    model = made.compare(["u"], **FEW)
    frame = space.from_unit(np.array([[0.4, 0.7]]))
    truth = fields(0.4, 0.7)["u"]
    predicted = model.predict(frame, on_extrapolation="ignore")[0]
    assert np.abs(predicted - truth).max() < 0.05
    assert made.compare(["top"], **FEW).output_names_ == ["top"]


def test_extending_again_changes_nothing(tmp_path: Path) -> None:
    made = branin(tmp_path)
    made.run(Design("lhs", 12, seed=1), "serial", progress=False)
    told = made.extend(17, batch=3, executor="serial", progress=False)
    assert [step.runs for step in told.steps] == [15, 17]
    assert all(0 < s.variance_left < 1 and s.variance_left_space_filling > 0 for s in told.steps)
    before = made.runs()
    again = made.extend(17, batch=3, executor="serial", progress=False)
    assert again.steps == ()
    assert "nothing to do" in str(again)
    assert made.runs().equals(before)
    kinds = [design.kind for design, _ in made.designs()]
    assert kinds == ["lhs", "adaptive-alc", "adaptive-alc"]


def test_an_extension_ends_when_little_is_promised(tmp_path: Path) -> None:
    made = branin(tmp_path)
    made.run(Design("lhs", 12, seed=1), "serial", progress=False)
    told = made.extend(30, tolerance=0.999, executor="serial", progress=False)
    assert told.stopped_early
    assert len(made.data()[0]) == 12
    with pytest.raises(InputError, match="tolerance: found nan"):
        made.extend(30, tolerance=np.nan, executor="serial", progress=False)


def test_an_extension_avoids_where_runs_fail(tmp_path: Path) -> None:
    failing = problem("failing")
    made = Study(Simulator.from_callable(failing.function, failing.space, ["y"]), tmp_path)
    made.run(Design("lhs", 40, seed=1), "serial", progress=False)
    failed = (made.runs()["status"] != "ok").mean()
    made.extend(52, batch=6, executor="serial", progress=False)
    new = made.runs().iloc[40:]
    assert failed > 0.1
    assert (new["status"] != "ok").mean() <= failed


def test_a_study_without_runs_can_not_be_extended(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="without a design"):
        branin(tmp_path).extend(5)


def test_the_curve_falls_and_names_its_price(study: Study, model: SurrogateRegressor) -> None:
    (curve,) = study.cost_curve(model)
    assert [point.n for point in curve.points] == [12, 24]
    assert curve.points[1].nrmse < curve.points[0].nrmse
    assert curve.points[1].nrmse == model.scores_[0]["nrmse"]
    assert curve.runs_for(curve.points[1].nrmse / 2) > 24
    assert "runs to halve it" in str(curve)


def test_a_power_law_is_found_again() -> None:
    curve = CostCurve("y", (CurvePoint(10, 1, 1, 1),), scale=20.0, decay=1.5)
    assert curve.runs_for(20.0 * 64**-1.5) == 64
    flat = CostCurve("y", curve.points, scale=1.0, decay=0.01)
    assert flat.runs_for(0.1) is None
    assert "does not fall" in str(flat)
    with pytest.raises(InputError, match="above 0"):
        flat.runs_for(0.0)


def test_parts_with_too_few_rows_are_left_out() -> None:
    X = BRANIN.sample(9, seed=3)
    model = SurrogateRegressor(["gp-se"], space=BRANIN.space)
    Y = X.assign(y=BRANIN(X))[["y"]]
    model.fit(X, Y)
    (curve,) = cost_curves(model, X, Y, BRANIN.space.to_unit(X))
    assert [point.n for point in curve.points] == [9]
    assert curve.decay == 0


def test_a_check_that_fails_says_so(tmp_path: Path) -> None:
    failing = problem("failing")
    made = Study(Simulator.from_callable(failing.function, failing.space, ["y"]), tmp_path)
    with pytest.raises(UnmetError, match="a check could not be run"):
        made.checked(failing.space.from_unit(np.array([[1.0] * len(failing.space)])))
