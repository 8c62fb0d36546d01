"""What every candidate of Surefoot's own keeps, whatever it is."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from tests.surrogates.candidates.runs import new_rows, runs

from surefoot.surrogates.candidates.registry import by_name

ALL = [
    "mean", "linear", "nearest", "pce", "gp-se", "gp-matern52", "gp-matern52-linear",
    "gp-matern12", "gp-noise", "gp-subset", "pc-kriging", "boosted-trees", "random-forest",
]  # fmt: skip
SMOOTH = ["pce", "gp-se", "gp-matern52", "gp-matern52-linear", "gp-noise", "pc-kriging"]
own = pytest.mark.parametrize("name", ALL)


def stored(state):
    """Return the state after it was JSON and npz, the arrays in another memory order."""
    arrays = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
    rest = {name: value for name, value in state.items() if name not in arrays}
    file = io.BytesIO()
    np.savez(file, **{name: np.asfortranarray(value) for name, value in arrays.items()})
    file.seek(0)
    with np.load(file, allow_pickle=False) as read:
        return json.loads(json.dumps(rest, allow_nan=False)) | dict(read)


@own
def test_a_stored_fit_predicts_the_same_bits(name):
    Z, t = runs(25, 3)
    candidate = by_name(name)
    fit = candidate.fit(Z, t)
    state = fit.state()
    assert all(
        value.dtype == np.float64 for value in state.values() if isinstance(value, np.ndarray)
    )
    restored = candidate.restore(stored(state))
    for a, b in zip(fit.predict(new_rows()), restored.predict(new_rows()), strict=True):
        np.testing.assert_array_equal(a, b)
    assert restored.describe() == fit.describe()


@own
def test_the_same_rows_and_seed_give_the_same_bits(name):
    Z, t = runs(25, 3)
    first, second = (by_name(name).fit(Z, t, seed=3).predict(new_rows()) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@own
def test_deviations_are_above_zero_and_descriptions_are_json(name):
    Z, t = runs(25, 3)
    fit = by_name(name).fit(Z, t)
    mean, sd = fit.predict(np.vstack([Z, new_rows()]))
    assert mean.shape == sd.shape == (65,)
    assert (sd > 0).all()
    assert np.isfinite(mean).all()
    json.dumps(fit.describe(), allow_nan=False)


@own
def test_nothing_is_predicted_of_no_rows(name):
    Z, t = runs(10, 3)
    mean, sd = by_name(name).fit(Z, t).predict(np.empty((0, 3)))
    assert mean.shape == sd.shape == (0,)


@own
@pytest.mark.parametrize(("n", "d"), [(20, 1), (6, 3), (10, 20)])
def test_few_rows_and_one_or_many_inputs_are_fitted(name, n, d):
    Z, t = runs(n, d)
    mean, sd = by_name(name).fit(Z, t).predict(new_rows(50, d))
    assert np.isfinite(mean).all()
    assert np.isfinite(sd).all()
    assert np.abs(mean).max() < 20


@own
def test_a_constant_response_is_known_for_sure(name):
    Z = runs(15, 3)[0]
    mean, sd = by_name(name).fit(Z, np.zeros(15)).predict(new_rows())
    np.testing.assert_allclose(mean, 0, atol=1e-9)
    assert (sd > 0).all()
    assert (sd < 1e-6).all()


@own
def test_an_input_that_is_constant_in_a_fold_does_no_harm(name):
    Z, t = runs(40, 3)
    full = by_name(name).fit(Z, t)
    fold = Z.copy()
    fold[:, 1] = 0.3
    fit = by_name(name).fit(fold[8:], t[8:], start=full.start)
    mean, sd = fit.predict(Z[:8])
    assert np.abs(mean).max() < 20
    assert np.isfinite(sd).all()


@pytest.mark.parametrize("name", SMOOTH)
def test_rows_and_columns_may_come_in_any_order(name):
    Z, t = runs(40, 3)
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(40), np.array([2, 0, 1])
    mean, sd = by_name(name).fit(Z, t).predict(new_rows())
    other = by_name(name).fit(Z[rows][:, columns], t[rows])
    other_mean, other_sd = other.predict(new_rows()[:, columns])
    np.testing.assert_allclose(other_mean, mean, atol=1e-3)
    np.testing.assert_allclose(np.log(other_sd), np.log(sd), atol=0.1)


@pytest.mark.parametrize("name", [*SMOOTH, "mean", "linear"])
def test_a_large_offset_and_a_small_range_cost_no_digits(name):
    Z, t = runs(40, 3)
    mean, sd = by_name(name).fit(Z, t).predict(new_rows())
    # As far as the sum can hold them: 1e9 + 1e-3·t has seven decimals.
    y = 1e9 + 1e-3 * np.round(t, 4)
    shifted, scale = by_name(name).fit(Z, y).predict(new_rows())
    np.testing.assert_allclose((shifted - 1e9) / 1e-3, mean, atol=0.02)
    assert np.median(scale / 1e-3) < 10 * np.median(sd) + 1e-3


@pytest.mark.parametrize("name", ["gp-se", "gp-matern52", "pc-kriging"])
def test_a_refit_in_a_fold_is_nearly_the_full_search(name):
    Z, t = runs(40, 3)
    start = by_name(name).fit(Z, t).start
    warm = by_name(name).fit(Z[4:], t[4:], start=start).predict(Z[:4])
    cold = by_name(name).fit(Z[4:], t[4:]).predict(Z[:4])
    np.testing.assert_allclose(warm[0], cold[0], atol=0.02)
