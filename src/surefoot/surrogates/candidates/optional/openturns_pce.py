"""OpenTURNS' functional chaos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import need
from surefoot.surrogates.candidates.adapter import (
    FittedElsewhere,
    Mean,
    refuse_to_store,
    with_residual_sd,
)

Floats = NDArray[np.float64]

_HIGHEST_DEGREE = 12


@dataclass(frozen=True)
class OpenTurnsPCE:
    """``FunctionalChaosAlgorithm`` with its own least angle regression and corrected leave-one-out.

    Legendre terms with ‖α‖_0.75 up to the largest degree, 12 at most, that has no more than 6n of
    them. Its default, as many terms as rows by least squares, interpolates and is of no use here.
    It has no deviation of its own: the one here is its error in five folds.
    """

    name: str = "openturns-pce"
    cost: int = 3

    def fit(self, Z: Floats, t: Floats, *, seed: int = 0, start: Any = None) -> FittedElsewhere:
        """Return the fit."""
        mean = _fit_mean(Z, t)
        return FittedElsewhere(self.name, with_residual_sd(mean, _fit_mean, Z, t, seed))

    def restore(self, state: dict[str, Any]) -> NoReturn:
        """Refuse: see `FittedElsewhere`."""
        refuse_to_store(self.name)


def _fit_mean(Z: Floats, t: Floats) -> Mean:
    ot = need("openturns", "peers")
    n, d = Z.shape
    order = ot.HyperbolicAnisotropicEnumerateFunction(d, 0.75)
    degree = 1
    while degree < _HIGHEST_DEGREE and order.getBasisSizeFromTotalDegree(degree + 1) <= 6 * n:
        degree += 1
    basis = ot.OrthogonalProductPolynomialFactory([ot.LegendreFactory()] * d, order)
    algorithm = ot.FunctionalChaosAlgorithm(
        ot.Sample(Z),
        ot.Sample(t[:, None]),
        ot.JointDistribution([ot.Uniform(0, 1)] * d),
        ot.FixedStrategy(basis, order.getBasisSizeFromTotalDegree(degree)),
        ot.LeastSquaresStrategy(
            ot.LeastSquaresMetaModelSelectionFactory(ot.LARS(), ot.CorrectedLeaveOneOut())
        ),
    )
    algorithm.run()
    surrogate = algorithm.getResult().getMetaModel()
    return lambda Z: np.array(surrogate(ot.Sample(Z)))[:, 0]
