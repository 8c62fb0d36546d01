"""Runs of a smooth function of a few inputs, and how far a surrogate is from it."""

from __future__ import annotations

import numpy as np
from scipy.stats import qmc


def smooth(Z):
    """Interactions, curvature and, from the third input on, slopes."""
    first, second = Z[:, 0], Z[:, 1 % Z.shape[1]]
    weights = 1 / (1 + np.arange(Z.shape[1]))
    return np.sin(3 * first * second) + 2 * (second - 0.4) ** 2 + Z @ weights


def runs(n=30, d=3, *, seed=0, function=smooth):
    """Return Z (n, d) of a Latin hypercube and the standardised responses t (n,)."""
    Z = qmc.LatinHypercube(d, rng=np.random.default_rng(seed)).random(n)
    y = function(Z)
    return Z, (y - y.mean()) / y.std()


def new_rows(m=40, d=3, seed=99):
    return np.random.default_rng(seed).random((m, d))


def error(candidate, function, n, d, seed=0):
    """Return the root mean square error at 500 new rows over the function's deviation there."""
    Z, Z_new = runs(n, d, seed=seed)[0], new_rows(500, d)
    y, truth = function(Z), function(Z_new)
    mean, _ = candidate.fit(Z, (y - y.mean()) / y.std()).predict(Z_new)
    return np.sqrt(np.mean((mean * y.std() + y.mean() - truth) ** 2)) / truth.std()


def branin(Z):
    x, y = 15 * Z[:, 0] - 5, 15 * Z[:, 1]
    valley = y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6
    return valley**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10


def friedman(Z):
    return (
        10 * np.sin(np.pi * Z[:, 0] * Z[:, 1])
        + 20 * (Z[:, 2] - 0.5) ** 2
        + 10 * Z[:, 3]
        + 5 * Z[:, 4]
    )


def ishigami(Z):
    a, b, c = (2 * np.pi * Z - np.pi).T
    return np.sin(a) + 7 * np.sin(b) ** 2 + 0.1 * c**4 * np.sin(a)
