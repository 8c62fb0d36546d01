from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot import InputError
from surefoot.confidence.losses import LogLoss, Squared
from surefoot.confidence.m_estimates import m_estimate
from surefoot.confidence.populations import NOISES, TablePopulation, model

KINDS = [
    ("linear", {}), ("linear", {"d": 20}), ("linear", {"noise": "t3"}),
    ("linear", {"noise": "skewed"}), ("linear", {"noise": "heteroskedastic"}),
    ("logistic", {"d": 8, "spread": 3.0}), ("median", {}), ("authors", {}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "options"), KINDS, ids=str)
def test_the_truth_is_what_many_rows_say(kind: str, options: dict) -> None:
    population = model(kind, **options)
    X, y = population.draw(60_000, np.random.default_rng(1))
    fitted = m_estimate(X, y, population.loss)
    off = np.abs(fitted.theta - population.truth) / np.sqrt(np.diag(fitted.robust))
    assert off.max() < 4
    # Not so sure that everything would pass.
    assert np.sqrt(np.diag(fitted.robust)).max() < 0.1


def test_spread_is_that_of_the_predictor() -> None:
    hard = model("logistic", d=20, spread=3.0)
    X, _ = hard.draw(40_000, np.random.default_rng(0))
    assert (X @ hard.truth).std() == pytest.approx(3, rel=0.02)


def test_the_known_variance_of_a_median_is_that_of_the_sandwich() -> None:
    median = model("median", d=4)
    X, y = median.draw(80_000, np.random.default_rng(3))
    known = median.variance()
    assert known is not None
    found = 80_000 * np.diag(m_estimate(X, y, median.loss).robust)
    assert found == pytest.approx(np.diag(known), rel=0.1)


def test_noise_grows_with_the_first_feature() -> None:
    uneven = model("linear", noise="heteroskedastic")
    X, y = uneven.draw(40_000, np.random.default_rng(0))
    squares = (y - X @ uneven.truth) ** 2
    near, far = np.abs(X[:, 0]) < 0.5, np.abs(X[:, 0]) > 1.5
    assert squares[far].mean() > 10 * squares[near].mean()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_a_table_gives_its_own_rows(seed: int) -> None:
    rng = np.random.default_rng(5)
    X = np.column_stack([np.ones(50), rng.normal(size=(50, 2))])
    y = np.arange(50.0)
    table = TablePopulation(X, y, Squared(), ("const", "a", "b"))
    drawn, targets = table.draw(30, np.random.default_rng(seed))
    assert (drawn == X[targets.astype(int)]).all()


def test_tables_without_a_truth_are_refused() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=200)
    with pytest.raises(InputError, match="1 collinear columns"):
        TablePopulation(np.column_stack([x, 2 * x]), x, Squared(), ("a", "b"))
    X = np.column_stack([np.ones(200), x])
    with pytest.raises(InputError, match="no finite truth"):
        TablePopulation(X, (x > 0).astype(float), LogLoss(), ("const", "a"))


def test_unknown_models_and_noises_are_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'linear'"):
        model("linaer")
    with pytest.raises(InputError, match="noise"):
        model("linear", noise="pink")
    with pytest.raises(InputError, match="positive number of parameters"):
        model("median", d=0)
    assert set(NOISES) >= {"normal", "skewed"}
