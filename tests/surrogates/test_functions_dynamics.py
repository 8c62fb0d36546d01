from __future__ import annotations

import numpy as np
import pytest
from scipy.special import lambertw

from surefoot.surrogates.functions import problem
from surefoot.surrogates.problems.dynamics import (
    TIMES,
    lotka_volterra,
    seir,
    seir_curve,
    seir_peak,
    sir_by_leaps,
)

RATES = {"beta": 0.8, "sigma": 0.3, "gamma": 0.2, "i0": 1e-3}


def test_nobody_is_lost_in_an_epidemic():
    shares = seir(**RATES)
    assert shares.shape == (4, len(TIMES))
    np.testing.assert_allclose(shares.sum(0), 1, atol=1e-12)
    assert shares.min() >= 0


def test_an_epidemic_ends_at_its_final_size():
    # ln(S∞/S₀) = −(β/γ)(1 − S∞), whatever happens in between.
    susceptible = seir(**RATES, times=np.array([0.0, 2_000.0]))[0, -1]
    left = np.log(susceptible / (1 - RATES["i0"]))
    assert left == pytest.approx(-0.8 / 0.2 * (1 - susceptible), rel=1e-6)


def test_the_peak_is_the_top_of_the_curve():
    times = np.linspace(0, 160, 20_001)
    assert seir_peak(**RATES) == pytest.approx(seir(**RATES, times=times)[2].max(), abs=1e-8)
    X = problem("seir-peak").sample(10)
    assert (seir_peak(**X) >= seir_curve(**X).max(-1)).all()
    assert (seir_peak(**X) > 3 * X["i0"]).all()  # every epidemic of the space grows


def test_curves_add_one_axis_to_the_inputs():
    curves = seir_curve(np.full((2, 1), 0.5), 0.3, np.array([0.1, 0.15, 0.2]), 1e-3)
    assert curves.shape == (2, 3, len(TIMES))
    np.testing.assert_allclose(curves[1, 2], seir(0.5, 0.3, 0.2, 1e-3)[2])


def test_most_prey_lie_on_the_orbit():
    # δx − γ ln x + βy − α ln y stays what it was at (1, ½); prey are most where y = α/β.
    X = problem("lotka-volterra").sample(20)
    alpha, beta, gamma, delta = X.to_numpy().T
    level = delta + beta / 2 - alpha * np.log(0.5) - alpha + alpha * np.log(alpha / beta)
    most = -gamma / delta * lambertw(-delta / gamma * np.exp(-level / gamma), -1).real
    np.testing.assert_allclose(lotka_volterra(**X), np.log(most), atol=1e-7)


def test_leaps_are_a_replicate_per_seed():
    seeds = np.arange(60)
    shares = sir_by_leaps(0.5, 0.2, 0.02, seeds)
    np.testing.assert_array_equal(shares, sir_by_leaps(0.5, 0.2, 0.02, seeds))
    assert len(set(shares)) > 20
    assert sir_by_leaps(0.5, 0.2, 0.02) == shares[0]
    # Twenty people at the start hardly ever die out: the mean is the deterministic final size.
    sizes = np.linspace(0.5, 1, 100_001)
    final = sizes[np.argmin(abs(np.log((1 - sizes + 1e-15) / 0.98) + 2.5 * sizes))]
    assert shares.mean() == pytest.approx(final, abs=0.015)
    assert 0.005 < shares.std() < 0.05


def test_without_transmission_no_one_else_falls_ill():
    assert sir_by_leaps(0.0, 0.2, 0.03, 5) == pytest.approx(0.03)
