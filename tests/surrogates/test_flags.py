"""Doubtful tables and fits are told, ordinary ones are not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from surefoot.surrogates.candidates.gp import GaussianProcess
from surefoot.surrogates.flags import of_fit, of_response
from surefoot.surrogates.regressor import SurrogateRegressor

RNG = np.random.default_rng(0)
X = RNG.random((40, 2))
Y = np.sin(4 * X[:, 0]) / (0.4 + X[:, 1])


def compared(model: Any, error: float = 1.0, weight: float = 1.0) -> Any:
    """One trial whose folds missed every row by `error`."""
    full = SimpleNamespace(member=SimpleNamespace(name="gp"), model=model)
    trial = SimpleNamespace(full=full, mean=np.zeros(5), warped=np.full(5, error))
    return SimpleNamespace(weights=np.array([weight]), trials=[trial])


def test_an_ordinary_table_has_nothing_to_be_told() -> None:
    model = SurrogateRegressor(["gp-matern52"], cv=10, warps="identity").fit(X, Y)
    assert model.remarks_ == []


def test_responses_over_many_decades() -> None:
    told, *_ = of_response("flow", 10.0 ** np.linspace(-5, 2.1, 60)[:-1])
    assert told.startswith("flow spans 7 decades")
    assert list(of_response("flow", 10.0 ** np.linspace(0, 1, 60))) == []


def test_heavy_tails() -> None:
    (told,) = of_response("y", np.append(RNG.normal(size=200), [30.0, -30.0]))
    assert "heavy tails" in told
    assert list(of_response("y", RNG.normal(size=200))) == []
    assert list(of_response("y", np.full(9, 2.0))) == []


@pytest.mark.parametrize(
    ("described", "told"),
    [
        ({"length_scales_at_bound": [1]}, "length scales at their bound, of encoded inputs [1]"),
        (
            {"nugget_raised_from": 1e-10, "nugget": 1e-6},
            "near duplicates; the nugget was raised to 1e-06",
        ),
        ({}, None),
    ],
)
def test_what_was_out_of_line_in_a_fit(described: dict[str, Any], told: str | None) -> None:
    model = SimpleNamespace(describe=lambda: described)
    assert list(of_fit("y", compared(model))) == ([] if told is None else [f"y, gp: {told}"])
    assert list(of_fit("y", compared(model, weight=0.0))) == []


def test_a_fit_that_closed_form_leave_one_out_flatters() -> None:
    fitted = GaussianProcess("matern52").fit(X, (Y - Y.mean()) / Y.std())
    error = float(np.sqrt(np.mean((fitted.loo()[0] - fitted.T[:, 0]) ** 2)))
    assert list(of_fit("y", compared(fitted, 3 * error))) == []
    (told,) = of_fit("y", compared(fitted, 8 * error))
    assert "the folds' error is 8.0 times" in told
