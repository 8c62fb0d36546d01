from __future__ import annotations

import numpy as np
import pytest

from surefoot import InputError
from surefoot.confidence.m_estimates import m_estimate
from surefoot.confidence.populations import Population, TablePopulation, model
from surefoot.confidence.procedures import Setting, outcomes


def setting(population: Population, n: int = 3000, seed: int = 0, level: float = 0.95) -> Setting:
    X, y = population.draw(n, np.random.default_rng(seed))
    return Setting(X, y, population, seed, level, m_estimate(X, y, population.loss))


def run(given: Setting, **params: object) -> dict:
    return {outcome.method: outcome for outcome in outcomes(given, "it", params)}


def test_refits_are_the_textbook_intervals() -> None:
    given = setting(model("linear", noise="heteroskedastic"))
    found = run(given, procedure="refit")
    assert set(found) == {"it/sandwich", "it/laplace"}
    robust = np.sqrt(np.diag(given.fit.robust))
    assert found["it/sandwich"].reach == pytest.approx(1.959964 * robust)
    # The noise is large where x1 is: a model with even noise is too sure of that coefficient.
    assert found["it/laplace"].reach[0] < 0.8 * found["it/sandwich"].reach[0]


def test_ours_is_what_the_estimator_says() -> None:
    from surefoot.confidence import SGDInferenceRegressor

    given = setting(model("linear"), seed=4)
    found = run(given, procedure="ours", n_chains=60, companions=["plugin"])
    assert set(found) == {"it", "it/plugin"}
    fitted = SGDInferenceRegressor(
        n_chains=60, fit_intercept=False, random_state=4, companions=("plugin",)
    ).fit(given.X, given.y)
    frame = fitted.conf_int()
    assert found["it"].center - found["it"].reach == pytest.approx(frame["lower"].to_numpy())
    assert found["it/plugin"].reach == pytest.approx(1.959964 * fitted.result_.companions["plugin"])
    assert found["it"].joint["diverged"] == 0


def test_the_level_reaches_every_method() -> None:
    population = model("linear")
    wide = run(setting(population, level=0.99), procedure="ours", companions=["random_scaling"])
    narrow = run(setting(population, level=0.8), procedure="ours", companions=["random_scaling"])
    for method in wide:
        assert (wide[method].reach > 1.5 * narrow[method].reach).all()


def test_a_constant_in_front_is_the_intercept() -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(2000), rng.normal(size=(2000, 2))])
    y = X @ [3.0, 1, 0] + rng.normal(size=2000)
    table = TablePopulation(X, y, model("linear").loss, ("const", "a", "b"))
    found = run(setting(table), procedure="ours", n_chains=50)["it"]
    assert found.center == pytest.approx([3, 1, 0], abs=0.15)
    naive = run(setting(table), procedure="literal", c0=0.5, standardise=True, n_chains=30)["it"]
    assert naive.center == pytest.approx([3, 1, 0], abs=0.3)


def test_one_direction_is_looked_at_where_the_paper_did() -> None:
    given = setting(model("authors"))
    found = run(given, procedure="ours", n_chains=50)["it"]
    assert found.center.shape == found.reach.shape == (1,)
    assert "ellipsoid" not in found.joint


def test_what_explodes_has_endless_intervals_and_no_estimate() -> None:
    given = setting(model("linear", d=20), n=1000)
    found = run(given, procedure="literal", c0=30.0, n_chains=20)["it"]
    assert found.joint["diverged"] == 1
    assert np.isinf(found.reach).all()


def test_a_cold_start_with_small_steps_is_flagged() -> None:
    given = setting(model("linear"))
    assert run(given, procedure="cold", c0=0.01)["it"].joint["bias_flag"] == 1
    assert run(given, procedure="ours")["it"].joint["bias_flag"] == 0


def test_unknown_procedures_are_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'literal'"):
        run(setting(model("linear"), n=300), procedure="litreal")
