"""PC-Kriging: a Gaussian process around the strongest terms of a sparse polynomial.

Source: Schöbi, Sudret & Wiart, "Polynomial-chaos-based Kriging", Int. J. Uncertain. Quantif. 5
(2015), the sequential form, with fewer terms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.surrogates.candidates.fitted_gp import FittedGP
from surefoot.surrogates.candidates.gp import GaussianProcess
from surefoot.surrogates.candidates.pce import least_squares, select_basis
from surefoot.surrogates.candidates.polynomials import legendre

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

_SHARE = 0.35


@dataclass(frozen=True)
class PCKriging:
    """A Matérn 5/2 Gaussian process whose trend is learned by `PolynomialChaos`.

    The trend has at most 0.35 n terms, the constant one of them: each takes a degree of freedom
    from the process. They are selected again in every fit; only length scales and nugget may start
    from an earlier one.
    """

    @property
    def name(self) -> str:
        """``pc-kriging``."""
        return "pc-kriging"

    @property
    def cost(self) -> int:
        """Six: a Gaussian process on a polynomial."""
        return 6

    def fit(self, Z: Floats, t: Floats, *, seed: int = 0, start: Any = None) -> FittedGP:
        """Return the posterior; see `GaussianProcess.fit`."""
        terms = strongest_terms(Z, t, int(_SHARE * len(t)))
        trend = tuple(tuple(index) for index in terms.tolist())
        return GaussianProcess("matern52", trend).fit(Z, t, seed=seed, start=start)

    def restore(self, state: dict[str, Any]) -> FittedGP:
        """Return the fit whose `FittedGP.state` this is."""
        return FittedGP.from_state(state)


def strongest_terms(Z: Floats, t: Floats, most: int) -> Indices:
    """Return the multi-indices of largest coefficient, the constant first, shape (≤ most, d)."""
    indices = select_basis(Z, t).indices
    coefficients, _ = least_squares(legendre(Z, indices), t)
    order = np.argsort(-np.abs(coefficients[1:]), kind="stable")
    return indices[np.r_[0, 1 + order[: max(most, 1) - 1]]]
