"""CV+: order statistics, coverage whatever the noise, and too few rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from surefoot.ground.errors import InputError
from surefoot.surrogates.ensemble import conformal
from surefoot.surrogates.ensemble.conformal import cv_plus
from surefoot.surrogates.ensemble.folds import assign_folds


def ridge_coverage(seed, n=50, m=300, d=5, level=0.95):
    """Coverage at new points of a ridge model's interval, under noise without a variance."""
    rng = np.random.default_rng([17, seed])
    X = rng.normal(size=(n + m, d))
    y = X.sum(axis=1) + rng.standard_t(2, size=n + m)
    folds = assign_folds(n, 10, seed)
    scores, mean, sd = np.empty(n), np.empty((10, m)), np.empty((10, m))
    for fold in range(10):
        rest = np.flatnonzero(folds != fold)
        model = Ridge().fit(X[rest], y[rest])
        sd[fold] = np.std(y[rest] - model.predict(X[rest]))
        mean[fold] = model.predict(X[n:])
        out = np.flatnonzero(folds == fold)
        scores[out] = np.abs(y[out] - model.predict(X[out])) / sd[fold, 0]
    low, high = cv_plus(scores, folds, mean, sd, level)
    return np.mean((low <= y[n:]) & (y[n:] <= high))


def test_coverage_under_heavy_tails():
    coverage = [ridge_coverage(seed) for seed in range(60)]
    assert 0.93 <= np.mean(coverage) <= 0.98
    assert np.mean([ridge_coverage(seed, level=0.8) for seed in range(30)]) == pytest.approx(
        0.8, abs=0.05
    )


def test_order_statistics_by_definition():
    """19 rows at 90 %: the 2nd smallest below and the 18th smallest above."""
    rng = np.random.default_rng(0)
    scores, folds = rng.exponential(size=19), assign_folds(19, 4)
    mean, sd = rng.normal(size=(4, 7)), rng.exponential(size=(4, 7))
    low, high = cv_plus(scores, folds, mean, sd, 0.9)
    for j in range(7):
        reach = scores * sd[folds, j]
        assert low[j] == np.sort(mean[folds, j] - reach)[1]
        assert high[j] == np.sort(mean[folds, j] + reach)[17]


@pytest.mark.parametrize(("n", "level", "bounded"), [
    (19, 0.95, True), (18, 0.95, False), (9, 0.9, True), (8, 0.9, False), (99, 0.99, True),
    (98, 0.99, False), (0, 0.5, False),
])  # fmt: skip
def test_too_few_rows_say_nothing(n, level, bounded):
    low, high = cv_plus(
        np.ones(n), np.zeros(n, dtype=int), np.zeros((1, 2)), np.ones((1, 2)), level
    )
    assert np.isfinite([low, high]).all() == bounded
    assert (low == -high).all()
    assert (low < high).all()


def test_points_in_batches(monkeypatch):
    rng = np.random.default_rng(0)
    arguments = rng.exponential(size=30), assign_folds(30, 3), rng.normal(size=(3, 11))
    sd = rng.exponential(size=(3, 11))
    whole = cv_plus(*arguments, sd, 0.9)
    monkeypatch.setattr(conformal, "_BATCH_VALUES", 60)
    assert np.array_equal(cv_plus(*arguments, sd, 0.9), whole)


def test_no_new_points():
    low, high = cv_plus(np.ones(20), assign_folds(20, 2), np.ones((2, 0)), np.ones((2, 0)), 0.9)
    assert low.shape == high.shape == (0,)


@pytest.mark.parametrize(("scores", "level", "message"), [
    (np.array([1.0, np.nan]), 0.5, "one finite residual per row"),
    (np.ones(3), 0.5, "one finite residual per row"),
    (np.ones(2), 1.0, "confidence_level"),
])  # fmt: skip
def test_bad_input(scores, level, message):
    with pytest.raises(InputError, match=message):
        cv_plus(scores, np.array([0, 1]), np.ones((2, 1)), np.ones((2, 1)), level)
