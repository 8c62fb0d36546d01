"""A look at a table before anything is compared: is it noisy, and is it smooth?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.streams import stream
from surefoot.surrogates.candidates.gp import GaussianProcess
from surefoot.surrogates.ensemble.warps import fit_warp

Floats = NDArray[np.float64]

# A process is fitted to so many rows at most: the question is coarse, and the cost cubic.
_MOST_ROWS = 400
# Of the variance of the response, in independent noise. Well below, the tiny nugget can take it.
_NOISY = 1e-2
# Nats by which the rough kernel must explain the rows better than the smooth one.
_ROUGH = 3.0


@dataclass(frozen=True)
class Screen:
    """What a table looks like.

    Attributes
    ----------
    noise_share : float
        Of the variance of the response, what a process with a free nugget takes for noise.
    roughness : float
        Nats by which a kernel without derivatives explains the rows better than a smooth one.
    """

    noise_share: float
    roughness: float

    @property
    def noisy(self) -> bool:
        """Whether repeated runs would differ, as far as can be seen."""
        return self.noise_share > _NOISY

    @property
    def smooth(self) -> bool:
        """Whether nothing speaks for jumps or kinks."""
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
    rough = GaussianProcess("matern12", nugget="free").fit(Z, t, seed=seed)
    share = noisy.nugget * float(noisy.variance[0])
    return Screen(min(share, 1.0), _log_score(t, rough.loo()) - _log_score(t, noisy.loo()))


def _log_score(t: Floats, law: tuple[Floats, Floats]) -> float:
    mean, sd = law
    return float(-(0.5 * ((t - mean) / sd) ** 2 + np.log(sd)).sum())
