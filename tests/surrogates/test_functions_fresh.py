"""Formulas of the fresh problems against published values, and against other ways to write them.

Nothing may be fitted here.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from surefoot.surrogates.functions import problem
from surefoot.surrogates.problems import fresh


def test_franke_has_its_published_integral():
    u, w = np.polynomial.legendre.leggauss(60)
    a, b = np.meshgrid((u + 1) / 2, (u + 1) / 2)
    assert w / 2 @ fresh.franke(a, b) @ w / 2 == pytest.approx(0.4069695894915573, abs=1e-12)


def test_currin_has_its_published_maximum():
    x1, x2 = np.meshgrid(np.linspace(0, 1, 1201), np.linspace(0, 1, 101))
    y = fresh.currin(x1, x2)
    assert y.max() == pytest.approx(13.7987, abs=1e-4)
    assert x1.ravel()[y.argmax()] == pytest.approx(0.216667, abs=1e-3)
    assert fresh.currin(0.3, 0.0) == pytest.approx(fresh.currin(0.3, 1e-3))


def test_dette_functions_vanish_where_they_should():
    assert fresh.dette_curved(0.0, 0.5, 0.5) == pytest.approx(1)
    assert fresh.dette_curved(0.0, 0.75, 0.5) == pytest.approx(4 * 0.5**2)
    assert fresh.dette_curved(0.0, 0.5, 1.0) == pytest.approx(1 + 16 * np.sqrt(2))
    assert fresh.dette_eight(0, 0.5, 0.5, 0, 0, 0, 0, 0) == pytest.approx(1 + 30 * np.log(1.5))
    ones = fresh.dette_eight(0, 0.5, 1, 1, 1, 1, 1, 1) - fresh.dette_curved(0, 0.5, 1)
    assert ones == pytest.approx(sum(i * np.log(i - 1) for i in range(4, 9)))


def test_spills_spread_like_normal_laws():
    M, D, L, tau = problem("environmental").sample(20).to_numpy().T
    first = norm.pdf(1.5, 0, np.sqrt(2 * D * 40))
    second = norm.pdf(1.5, L, np.sqrt(2 * D * (40 - tau)))
    expected = np.sqrt(4 * np.pi) * M * (first + second)
    np.testing.assert_allclose(fresh.environmental(M, D, L, tau), expected)


def test_gramacy_and_lee():
    assert fresh.gramacy_lee(0.52, 0.5, 0.5, 0.1, 0.7, 0.9) == pytest.approx(
        np.exp(np.sin(0.9**10)) + 0.35
    )


def test_loeppky_at_the_ends():
    assert fresh.loeppky(*np.zeros(7)) == 0
    assert fresh.loeppky(*np.ones(7)) == pytest.approx(17.3 + 6.6)


def test_welch_has_the_published_slopes_and_curvatures():
    slopes = [
        0, 0.05, 0.08, 0, 1, -0.03, 0.03, 0, -0.09, -0.01,
        -0.07, 5, 0, -0.04, 0.06, 0, -0.01, -0.03, -5, 0,
    ]  # fmt: skip
    steps = 1e-6 * np.eye(20)
    found = (fresh.welch(*steps.T) - fresh.welch(*-steps.T)) / 2e-6
    np.testing.assert_allclose(found, slopes, atol=1e-8)
    at = dict.fromkeys(problem("welch").space.names, 0.0)
    assert fresh.welch(**at | {"x4": 0.5, "x20": -0.5}) == pytest.approx(5)
    assert fresh.welch(**at | {"x13": 0.5}) == pytest.approx(0.0625)
    assert fresh.welch(**at | {"x19": 0.5}) == pytest.approx(2.5)
    assert fresh.welch(**at | {"x1": 0.5, "x12": 0.3}) == pytest.approx(1)


def test_a_steel_column_without_bow_is_compressed_alone():
    means = {"Fs": 400, "P1": 5e5, "P2": 6e5, "P3": 6e5, "B": 300, "D": 20, "H": 300, "E": 2.1e5}
    assert fresh.steel_column(**means, F0=0) == pytest.approx(400 - 1.7e6 / 12_000)
    # Euler's load 9.948 MN magnifies the bow of 30 mm by 1.206.
    bending = 1.7e6 * 30 * 1.2061 / (6_000 * 300)
    assert fresh.steel_column(**means, F0=30) == pytest.approx(400 - 1.7e6 / 12_000 - bending, 1e-5)
