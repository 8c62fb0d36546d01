"""A look at a table before anything is compared: is it noisy, and is it smooth?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor

from surefoot.ground.streams import stream, subseed
from surefoot.surrogates.candidates.gp import GaussianProcess
from surefoot.surrogates.ensemble.warps import fit_warp

Floats = NDArray[np.float64]

# A process is fitted to so many rows at most: the question is coarse, and the cost cubic.
_MOST_ROWS = 400
# Of the variance of the response, in independent noise. Well below, the tiny nugget can take it.
_NOISY = 1e-2
# A forest hardly ever comes near a process on a smooth response, and passes it on one with jumps.
_ROUGH = 0.8
_FEWEST_FOR_A_FOREST = 50
_TREES = 100


@dataclass(frozen=True)
class Screen:
    """What a table looks like.

    Attributes
    ----------
    noise_share : float
        Of the variance of the response, what a process with a free nugget takes for noise.
    roughness : float
        Error of a process at rows left out, over that of a forest, which knows no smoothness.
    """

    noise_share: float
    roughness: float

    @property
    def noisy(self) -> bool:
        """Whether repeated runs would differ, as far as can be seen."""
        return self.noise_share > _NOISY

    @property
    def smooth(self) -> bool:
        """Whether nothing speaks for jumps."""
        return self.roughness <= _ROUGH


def screen(Z: Floats, y: Floats, *, seed: int) -> Screen:
    """Look at a table.

    It decides only which candidates are tried; what they are worth is decided out of fold.

    Parameters
    ----------
    Z : ndarray of shape (n, d)
        In the unit cube.
    y : ndarray of shape (n,)
    seed : int
    """
    if len(y) > _MOST_ROWS:
        rows = np.sort(stream(seed, "screen").choice(len(y), _MOST_ROWS, replace=False))
        Z, y = Z[rows], y[rows]
    t = fit_warp("identity", y).forward(y)
    noisy = GaussianProcess("matern52", nugget="free").fit(Z, t, seed=seed)
    share = min(noisy.nugget * float(noisy.variance[0]), 1.0)
    return Screen(share, _roughness(Z, t, noisy.loo()[0], seed))


def _roughness(Z: Floats, t: Floats, left_out: Floats, seed: int) -> float:
    if len(t) < _FEWEST_FOR_A_FOREST:
        return 0.0
    key = subseed(seed, "forest") % 2**32
    forest = RandomForestRegressor(_TREES, oob_score=True, random_state=key).fit(Z, t)
    errors = np.std(left_out - t), np.std(forest.oob_prediction_ - t)
    return float(errors[0] / max(errors[1], np.finfo(float).tiny))
