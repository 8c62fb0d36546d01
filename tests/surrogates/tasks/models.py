"""Surrogates to test tasks with: the exact function, a wrong one, and scikit-learn's."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler


class Fake:
    """A function and a constant standard deviation."""

    def __init__(self, function, sd=1e-3):
        self.function, self.sd = function, sd

    def predict(self, X, return_std=False):
        mean = np.asarray(self.function(X), dtype=float)
        return (mean, np.broadcast_to(self.sd, mean.shape)) if return_std else mean


class Shifting(Fake):
    """A function that is off by the same amount everywhere; joint draws say so."""

    def sample(self, X, n, seed):
        offsets = np.random.default_rng(seed).standard_normal((n, 1))
        return self.predict(X) + self.sd * offsets


class Careful(Fake):
    """A surrogate that knows its domain, and must not be asked beyond it unawares."""

    def in_domain(self, X):
        return np.asarray(X)[:, 0] < 0.5

    def predict(self, X, return_std=False, *, on_extrapolation="warn"):
        assert on_extrapolation == "ignore"
        return super().predict(X, return_std)


def fit_gp(X, y):
    kernel = ConstantKernel() * RBF(np.full(np.shape(X)[1], 0.5), (0.05, 10))
    gp = GaussianProcessRegressor(
        kernel, alpha=1e-8, normalize_y=True, n_restarts_optimizer=1, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near enough for a test
        return make_pipeline(MinMaxScaler(), gp).fit(np.asarray(X, dtype=float), y)


class Gp:
    """scikit-learn's Gaussian process on tables, with joint draws."""

    def __init__(self, X, y):
        self.model = fit_gp(X, y)

    def predict(self, X, return_std=False):
        return self.model.predict(np.asarray(X, dtype=float), return_std=return_std)

    def sample(self, X, n, seed):
        scaler, gp = self.model
        return gp.sample_y(scaler.transform(np.asarray(X, dtype=float)), n, seed).T
