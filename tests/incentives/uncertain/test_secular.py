"""One root an agent in a shared basis."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from surefoot import InputError
from surefoot.incentives.uncertain.secular import Backend, Secular

BACKENDS: list[Backend] = ["numpy", "numba"]


def agents(
    rng: np.random.Generator, gain: NDArray, values: NDArray, z: float, n: int
) -> tuple[NDArray, NDArray, NDArray]:
    """Mean, variance and covariance of agents who aren't confident; many at once, then some."""
    c = rng.normal(size=(4 * n, len(gain))) * np.sqrt(values)
    variance = np.sum(c**2 / np.where(values > 0, values, 1.0), axis=1) + rng.random(4 * n)
    mean = rng.normal(size=4 * n) * 2 - 0.5
    unsure = np.flatnonzero(mean < z * np.sqrt(variance))[:n]
    return mean[unsure], variance[unsure], c[unsure]


def h(
    shared: Secular, w: NDArray, mean: NDArray, variance: NDArray, c: NDArray
) -> tuple[NDArray, NDArray]:
    """The margin at the wanted confidence, and the size of its terms."""
    gained = w @ shared.gain
    sd = np.sqrt(np.maximum(variance + np.sum(w * (2 * c + shared.values * w), axis=1), 0))
    return mean + gained - shared.z * sd, np.abs(mean) + np.abs(gained) + shared.z * sd


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("z", [0.05, 1.0, 2.5])
@pytest.mark.parametrize("spread", [1e-9, 1e-3, 0.1, 1.0, 30.0])
def test_efforts_are_stationary_and_just_enough(backend: Backend, z: float, spread: float) -> None:
    rng = np.random.default_rng(0)
    gain, values = rng.normal(size=6), np.sort(rng.random(6)) * spread
    shared = Secular.of(gain, values, z)
    mean, variance, c = agents(rng, gain, values, z, 500)
    w, found = shared.solve(mean, variance, c, backend)
    if shared.pole > 0:
        assert found.all()
    w, mean, variance, c = w[found], mean[found], variance[found], c[found]
    short, size = h(shared, w, mean, variance, c)
    assert np.all(np.abs(short) <= 1e-10 * size)
    # (t + l) w = κ a − c with t > 0 and mean κ z²: these suffice, for the problem is convex.
    kappa = (mean + w @ gain) / z**2
    assert np.all(kappa > 0)
    t = np.sum(w * (kappa[:, None] * gain - c - values * w), axis=1) / np.sum(w**2, axis=1)
    assert np.all(t > 0)
    residual = np.linalg.norm(t[:, None] * w + values * w - kappa[:, None] * gain + c, axis=1)
    assert np.all(residual <= 1e-6 * np.linalg.norm(t[:, None] * w, axis=1))


@pytest.mark.parametrize("backend", BACKENDS)
def test_against_a_general_optimiser(backend: Backend) -> None:
    rng = np.random.default_rng(1)
    gain, values = rng.normal(size=3), np.array([0.1, 0.3, 0.6])
    for z in (0.8, 6.0):  # with and without a pole
        shared = Secular.of(gain, values, z)
        assert (shared.pole > 0) == (z < 6)
        mean, variance, c = agents(rng, gain, values, z, 10)
        w, found = shared.solve(mean, variance, c, backend)
        for i in np.flatnonzero(found)[:6]:
            one = slice(i, i + 1)
            own = shared, mean[one], variance[one], c[one]
            margin = {"type": "ineq", "fun": lambda e, own=own: h(own[0], e[None], *own[1:])[0]}
            best = minimize(lambda e: e @ e, 1.3 * w[i], jac=lambda e: 2 * e, constraints=margin)
            assert w[i] @ w[i] <= best.fun * (1 + 1e-6) + 1e-9


@pytest.mark.parametrize("backend", BACKENDS)
def test_without_a_pole_only_some_can_be_sure(backend: Backend) -> None:
    # Effort moves nothing but the spread: it hedges what the agent does not know.
    values, z = np.array([0.04, 0.09]), 2.0
    shared = Secular.of(np.zeros(2), values, z)
    assert shared.pole == 0
    c = np.array([[0.03, -0.05]] * 3)
    least = float(0.2 - np.sum(c[0] ** 2 / values))  # the variance that no effort takes away
    variance = np.full(3, 0.2)
    mean = np.array([2.01 * np.sqrt(least), 1.99 * np.sqrt(least), -1.0])
    w, found = shared.solve(mean, variance, c, backend)
    assert found.tolist() == [True, False, False]
    assert abs(h(shared, w, mean, variance, c)[0][0]) < 1e-10
    assert not w[1:].any()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("nudge", [0.0, 1e-17, -1e-17, 1e-9, -1e-9])
def test_the_hard_case(backend: Backend, nudge: float) -> None:
    # N is 0 at the pole: κ there is free, and nothing may be lost to cancellation.
    gain, values, z = np.array([1.0, 0.5]), np.array([0.2, 0.5]), 1.2
    shared = Secular.of(gain, values, z)
    c = np.array([[0.1, -0.3]])
    mean = np.sum(gain * c * shared.at_pole, axis=1) + nudge
    variance = np.array([1.0])
    w, found = shared.solve(mean, variance, c, backend)
    assert found.all()
    short, size = h(shared, w, mean, variance, c)
    assert abs(short[0]) < 1e-12 * size[0]
    near, _ = shared.solve(mean + 1e-6, variance, c, backend)
    np.testing.assert_allclose(w, near, rtol=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_effort_that_takes_away_all_doubt(backend: Backend) -> None:
    # The cheapest confident effort ends where mean and spread are both 0: at the cone's tip.
    gain, values, z = np.array([1.0, 0.0]), np.array([0.0, 1.0]), 100.0
    shared = Secular.of(gain, values, z)
    mean, variance, c = np.array([-1.0]), np.array([4.0]), np.array([[0.0, -2.0]])
    w, found = shared.solve(mean, variance, c, backend)
    assert found.all()
    np.testing.assert_allclose(w, [[1.0, 2.0]], atol=1e-3)
    # Only the threshold is unknown: effort has no spread of its own.
    flat = Secular.of(np.array([0.6, 0.8]), np.zeros(2), 2.0)
    w, found = flat.solve(np.array([-1.0]), np.array([0.25]), np.zeros((1, 2)), backend)
    assert found.all()
    np.testing.assert_allclose(w, [[1.2, 1.6]], rtol=1e-12)
    # And what this agent does not know it does not have: nothing is uncertain at all.
    w, found = flat.solve(np.array([-1.0]), np.zeros(1), np.zeros((1, 2)), backend)
    assert found.all()
    np.testing.assert_allclose(w, [[0.6, 0.8]], rtol=1e-9)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("below", [1e-3, 1e-6, 1e-9])
def test_just_below_the_ceiling(backend: Backend, below: float) -> None:
    rng = np.random.default_rng(3)
    gain, values = rng.normal(size=4), np.array([0.1, 0.2, 0.4, 0.8])
    z = float(np.sqrt(np.sum(gain**2 / values))) * (1 - below)
    shared = Secular.of(gain, values, z)
    mean, variance, c = agents(rng, gain, values, z, 100)
    w, found = shared.solve(mean, variance, c, backend)
    assert found.all()
    short, size = h(shared, w, mean, variance, c)
    assert np.all(np.abs(short) <= 1e-9 * size)


def test_few_evaluations(monkeypatch: pytest.MonkeyPatch) -> None:
    from surefoot.incentives.uncertain import secular

    rng, count, evaluate = np.random.default_rng(2), 0, secular._Agents.evaluate

    def counting(self, d, who):  # type: ignore[no-untyped-def]
        nonlocal count
        count += len(who)
        return evaluate(self, d, who)

    monkeypatch.setattr(secular._Agents, "evaluate", counting)
    gain, values = rng.normal(size=8), rng.random(8) * 0.1
    mean, variance, c = agents(rng, gain, values, 1.6, 2_000)
    Secular.of(gain, values, 1.6).solve(mean, variance, c, "numpy")
    assert count / len(mean) < 8


def test_unknown_backend() -> None:
    shared = Secular.of(np.ones(1), np.ones(1), 0.5)
    with pytest.raises(InputError, match="did you mean 'numba'"):
        shared.solve(np.zeros(1), np.ones(1), np.zeros((1, 1)), "numbaa")  # type: ignore[arg-type]
