"""Candidates that need an extra; each is skipped where the library is not installed."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from tests.surrogates.candidates.runs import new_rows, runs, smooth

from surefoot.ground.errors import InputError, MissingExtraError
from surefoot.surrogates.candidates.optional.botorch_gp import BotorchGP
from surefoot.surrogates.candidates.optional.sklearn_gp import SklearnGP
from surefoot.surrogates.candidates.optional.smt_kriging import SmtKriging
from surefoot.surrogates.candidates.optional.sparse_gp import SparseGP
from surefoot.surrogates.candidates.optional.tuned import Tuned
from surefoot.surrogates.candidates.registry import by_name

MODULES = {
    "lightgbm": "lightgbm",
    "smt-kriging": "smt",
    "botorch-gp": "botorch",
    "openturns-pce": "openturns",
    "sklearn-gp": "sklearn",
}
optional = pytest.mark.parametrize("name", list(MODULES))


def skip_without(module):
    """Skip if `module` is not installed; importing it here would warn."""
    if find_spec(module) is None:
        pytest.skip(f"{module} is not installed")


@pytest.fixture(autouse=True)
def _installed(request):
    name = getattr(request.node, "callspec", None) and request.node.callspec.params.get("name")
    if name in MODULES:
        skip_without(MODULES[name])


@optional
def test_they_are_candidates_like_others(name):
    Z, t = runs(200 if name == "lightgbm" else 25, 2)
    candidate = by_name(name)
    assert candidate.name == name
    mean, sd = candidate.fit(Z, t, seed=1).predict(new_rows(200, 2))
    y = smooth(Z)
    truth = (smooth(new_rows(200, 2)) - y.mean()) / y.std()
    assert np.sqrt(np.mean((mean - truth) ** 2)) < 0.3
    assert mean.dtype == sd.dtype == np.float64
    assert (sd > 0).all()
    again = candidate.fit(Z, t, seed=1).predict(new_rows(200, 2))
    np.testing.assert_array_equal(again, (mean, sd))


@optional
def test_a_constant_response_and_no_rows_are_in_order(name):
    Z = runs(20, 2)[0]
    fit = by_name(name).fit(Z, np.zeros(20))
    np.testing.assert_allclose(fit.predict(new_rows(5, 2))[0], 0, atol=1e-6)
    assert fit.predict(np.empty((0, 2)))[0].shape == (0,)


@optional
def test_they_are_not_stored(name):
    with pytest.raises(InputError, match=f"candidate to store: found '{name}'"):
        by_name(name).restore({})


def test_a_missing_library_names_its_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "smt", None)
    monkeypatch.delitem(sys.modules, "smt.surrogate_models", raising=False)
    with pytest.raises(MissingExtraError, match=r"pip install 'surefoot\[peers\]'"):
        SmtKriging().fit(*runs(20, 2))


def test_the_deterministic_botorch_process_learns_no_noise():
    skip_without("botorch")
    Z, t = runs(25, 2)
    noisy, exact = BotorchGP().fit(Z, t), BotorchGP(deterministic=True).fit(Z, t)
    assert exact.describe()["noise"] < 1e-5 < noisy.describe()["noise"]
    assert exact.predict(Z)[1].max() < noisy.predict(Z)[1].max()


def test_restarts_leave_torch_as_it_was():
    torch = pytest.importorskip("torch")
    skip_without("botorch")
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    BotorchGP(restarts=1).fit(*runs(20, 2))
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_the_sparse_process_is_near_the_exact_one():
    skip_without("gpytorch")
    Z, t = runs(200, 2)
    candidate = SparseGP(inducing=30, steps=80, batch=50)
    fit = candidate.fit(Z, t, seed=0)
    mean, sd = fit.predict(new_rows(200, 2))
    y = smooth(Z)
    truth = (smooth(new_rows(200, 2)) - y.mean()) / y.std()
    assert np.sqrt(np.mean((mean - truth) ** 2)) < 0.25
    assert np.mean(np.abs(mean - truth) < 3 * sd) > 0.9
    np.testing.assert_array_equal(candidate.fit(Z, t, seed=0).predict(Z), fit.predict(Z))


def test_tuning_takes_the_option_that_predicts_best():
    # A plane with kinks: the roughest kernel on offer is the better one.
    Z = runs(60, 2)[0]
    t = np.abs(Z[:, 0] - 0.5) + np.abs(Z[:, 1] - 0.3)
    tuned = Tuned((SklearnGP("rbf", 0), SklearnGP("matern32", 0)), 1)
    assert tuned.name == "sklearn-gp-tuned"
    fit = tuned.fit(Z, (t - t.mean()) / t.std())
    told = fit.describe()
    scores = list(told["log_scores"].values())
    assert scores[1] > scores[0]
    assert "nu=1.5" in told["kernel"]
    with pytest.raises(InputError, match="found 'sklearn-gp-tuned'"):
        fit.state()
