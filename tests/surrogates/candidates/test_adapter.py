from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import BayesianRidge, LinearRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tests.surrogates.candidates.runs import new_rows, runs

from surefoot.ground.errors import InputError
from surefoot.surrogates.candidates.adapter import SklearnCandidate


@pytest.mark.parametrize(
    "estimator", [BayesianRidge(), make_pipeline(StandardScaler(), BayesianRidge())]
)
def test_a_deviation_of_its_own_is_used(estimator):
    Z, t = runs(40, 3)
    mean, sd = SklearnCandidate(estimator, "ridge").fit(Z, t).predict(new_rows())
    expected = estimator.fit(Z, t).predict(new_rows(), return_std=True)
    np.testing.assert_allclose(mean, expected[0])
    np.testing.assert_allclose(sd, expected[1])


def test_without_one_the_deviation_is_the_error_out_of_fold():
    rng = np.random.default_rng(0)
    Z = rng.random((200, 3))
    t = rng.normal(size=200)
    # One neighbour fits its own rows without error; on noise it errs by √2.
    fit = SklearnCandidate(KNeighborsRegressor(1), "one neighbour").fit(Z, t)
    mean, sd = fit.predict(Z)
    np.testing.assert_array_equal(mean, t)
    np.testing.assert_allclose(sd, np.sqrt(2), rtol=0.15)


def test_the_estimator_given_is_left_alone():
    estimator = LinearRegression()
    SklearnCandidate(estimator, "plain").fit(*runs(20, 2))
    assert not hasattr(estimator, "coef_")


def test_an_open_random_state_is_keyed_by_the_seed():
    Z, t = runs(40, 3)
    candidate = SklearnCandidate(ExtraTreesRegressor(5), "extra")
    first, same, other = (candidate.fit(Z, t, seed=s).predict(new_rows())[0] for s in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 0


def test_no_rows_and_certain_predictions_are_in_order():
    Z, t = runs(20, 2)
    fit = SklearnCandidate(GaussianProcessRegressor(optimizer=None, alpha=1e-6), "gp").fit(Z, t)
    assert fit.predict(np.empty((0, 2)))[1].shape == (0,)
    assert (fit.predict(Z)[1] > 0).all()
    assert "GaussianProcessRegressor" in fit.describe()["estimator"]


def test_storing_is_refused():
    candidate = SklearnCandidate(LinearRegression(), "plain")
    for refused in (candidate.fit(*runs(20, 2)).state, lambda: candidate.restore({})):
        with pytest.raises(InputError, match=r"candidate to store: found 'plain'; .*pickle"):
            refused()
