"""Mean and deviation of every family that is made of arrays, as graphs.

Each formula is the ``predict`` of the fit it takes, sign by sign; the notation is that of its
class. What is the same in all rows is of shape (1, 1).
"""

from __future__ import annotations

import math

import numpy as np

from surefoot.surrogates.candidates.baselines import FittedLinear, FittedMean, FittedNeighbour
from surefoot.surrogates.candidates.fitted_gp import FittedGP
from surefoot.surrogates.candidates.pce import FittedChaos
from surefoot.surrogates.export.onnx_graph import Floats, Graph, Tensor

Law = tuple[Tensor, Tensor]

_LEAST_SD = 1e-12


def gaussian_process(graph: Graph, fit: FittedGP, Z: Tensor) -> Law:
    """Return the law of `FittedGP.predict`."""
    trend = legendre(graph, Z, fit.indices)
    cross = _correlation(fit.kernel, squared_distances(Z / fit.lengths, fit.Z / fit.lengths))
    white = cross @ fit.whitener.T
    rest = (trend - white @ fit.white_trend) @ fit.unwhiten_trend
    unexplained = (1 - white.row_sum_of_squares()).at_least(0) + rest.row_sum_of_squares()
    mean = fit.offset + trend @ fit.beta + cross @ fit.alpha
    return mean, ((unexplained + fit.nugget) * fit.variance).sqrt()


def chaos(graph: Graph, fit: FittedChaos, Z: Tensor) -> Law:
    """Return the law of `FittedChaos.predict`."""
    Psi = legendre(graph, Z, fit.indices)
    leverage = (Psi @ fit.unwhiten).row_sum_of_squares()
    return Psi @ fit.coefficients[:, None], floored((fit.variance * (1 + leverage)).sqrt())


def mean(graph: Graph, fit: FittedMean, Z: Tensor) -> Law:
    """Return the law of `FittedMean.predict`."""
    return graph.tensor(np.array([[fit.mean]])), graph.tensor(np.array([[fit.sd]]))


def linear(graph: Graph, fit: FittedLinear, Z: Tensor) -> Law:
    """Return the law of `FittedLinear.predict`."""
    D = Z - fit.centre
    leverage = (D @ fit.root).row_sum_of_squares() + 1 / fit.n
    return fit.mean + D @ fit.slopes[:, None], floored((fit.variance * (1 + leverage)).sqrt())


def neighbour(graph: Graph, fit: FittedNeighbour, Z: Tensor) -> Law:
    """Return the law of `FittedNeighbour.predict`; of rows equally near the first counts."""
    nearest = squared_distances(Z, fit.Z).row_argmin()
    return graph.node("Gather", fit.t, nearest), graph.tensor(np.array([[fit.sd]]))


def squared_distances(A: Tensor, B: Floats) -> Tensor:
    """Return s between the rows of `A` (m, d) and `B` (n, d), shape (m, n).

    By differences, one input after the other: as exact as in `kernels`, and nothing is larger
    than m·n.
    """
    s = (A.columns([0]) - B[:, 0]) ** 2
    for j in range(1, B.shape[1]):
        s = s + (A.columns([j]) - B[:, j]) ** 2
    return s


def legendre(graph: Graph, Z: Tensor, indices: np.ndarray) -> Tensor:
    """Return Ψ as in `polynomials.legendre`, shape (m, q), or (1, q) if all terms are constant."""
    Psi = graph.tensor(np.ones((1, len(indices))))
    for j in np.flatnonzero(indices.any(axis=0)):
        degrees = indices[:, j]
        Psi = Psi * _univariate(graph, Z.columns([j]), int(degrees.max())).columns(degrees)
    return Psi


def _univariate(graph: Graph, z: Tensor, degree: int) -> Tensor:
    x = 2 * z - 1
    P = [x * 0 + 1, x]
    for k in range(1, degree):
        P.append(((2 * k + 1) * x * P[k] - k * P[k - 1]) / (k + 1))
    return graph.concatenate(P) * np.sqrt(2 * np.arange(degree + 1) + 1)


def _correlation(kernel: str, s: Tensor) -> Tensor:
    """Return R(s), see `kernels`."""
    if kernel == "squared-exponential":
        return (-0.5 * s).exp()
    if kernel == "matern52":
        u = math.sqrt(5) * s.sqrt()
        return (5 / 3 * s + u + 1) * (-u).exp()
    return (-s.sqrt()).exp()


def floored(sd: Tensor) -> Tensor:
    """Return deviations above zero, as every candidate's are."""
    return sd.at_least(_LEAST_SD)
