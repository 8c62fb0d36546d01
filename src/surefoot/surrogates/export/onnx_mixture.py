"""The predictive law as a graph: members, temperatures, warps, mixture, several responses."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from surefoot.ground.errors import InputError
from surefoot.surrogates.candidates.baselines import FittedLinear, FittedMean, FittedNeighbour
from surefoot.surrogates.candidates.boosting import FittedBoosting
from surefoot.surrogates.candidates.fitted_gp import FittedGP
from surefoot.surrogates.candidates.forest import FittedForest
from surefoot.surrogates.candidates.pce import FittedChaos
from surefoot.surrogates.domain import _EDGE, Domain
from surefoot.surrogates.ensemble.mixture import _NODES, _SHARES
from surefoot.surrogates.ensemble.warps import Warp
from surefoot.surrogates.export import onnx_formulas, onnx_trees
from surefoot.surrogates.export.onnx_formulas import Law
from surefoot.surrogates.export.onnx_graph import Graph, Tensor
from surefoot.surrogates.members import FittedMember
from surefoot.surrogates.outputs import Outputs, ReachedOutputs
from surefoot.surrogates.stack import Predictor

_FORMULAS: dict[type, Callable[[Graph, Any, Tensor], Law]] = {
    FittedGP: onnx_formulas.gaussian_process,
    FittedChaos: onnx_formulas.chaos,
    FittedMean: onnx_formulas.mean,
    FittedLinear: onnx_formulas.linear,
    FittedNeighbour: onnx_formulas.neighbour,
    FittedForest: onnx_trees.forest,
    FittedBoosting: onnx_trees.boosting,
}


def moments(graph: Graph, outputs: Outputs, Z: Tensor, blank: Tensor) -> Law:
    """Return means and standard deviations of all p responses, each of shape (m, p).

    Parameters
    ----------
    Z : Tensor of shape (m, d)
    blank : Tensor of shape (m, 1)
        Added to every result; it also gives rows to what is the same in all of them.
    """
    laws = [_mixture(graph, predictor, Z) for predictor in outputs.predictors]
    mean, sd = (
        graph.concatenate([part + blank for part in parts]) for parts in zip(*laws, strict=True)
    )
    if not isinstance(outputs, ReachedOutputs):
        return mean, sd
    to = outputs.directions
    return (
        (mean - to.origin) @ to.map + to.centre,
        (sd**2 @ to.map**2 + to.rest**2).sqrt() * outputs.temperatures,
    )


def inside(domain: Domain, Z: Tensor, blank: Tensor, strayed: Tensor) -> Tensor:
    """Return `SurrogateRegressor.in_domain` of every row, (m, 1); nothing blank is inside."""
    squares = (domain.rows**2).sum(axis=1)
    between = Z.row_sum_of_squares() + squares - 2 * Z @ domain.rows.T
    ways = between.row_min().at_least(0).sqrt() / max(domain.radius, np.finfo(float).tiny)
    found = (ways <= 1 + _EDGE) & blank.equals(0)
    # Logarithms may differ in the last digit; raw values don't.
    found = found & (strayed <= (_EDGE if domain.declared else 0.0))
    if domain.declared:
        found = found & (Z.row_min() >= -_EDGE) & (Z.row_max() <= 1 + _EDGE)
    return found


def _mixture(graph: Graph, predictor: Predictor, Z: Tensor) -> Law:
    """Return mean and deviation of `Predictor.law`."""
    parts = []
    for member, temperature in zip(predictor.members, predictor.temperatures, strict=True):
        mean, sd = _member(graph, member, Z)
        parts.append(_unwarped(graph, member.warp, mean, sd * temperature))
    means, variances = zip(*parts, strict=True)
    shift = _weighted(predictor, [mean - means[0] for mean in means])
    variance = _weighted(
        predictor,
        [
            variance + (mean - means[0] - shift) ** 2
            for mean, variance in zip(means, variances, strict=True)
        ],
    )
    return means[0] + shift, variance.sqrt()


def _weighted(predictor: Predictor, values: list[Tensor]) -> Tensor:
    return reduce(operator.add, map(operator.mul, predictor.weights.tolist(), values))


def _member(graph: Graph, member: FittedMember, Z: Tensor) -> Law:
    formula = _FORMULAS.get(type(member.model))
    if formula is None:
        allowed = "candidates of Surefoot's own: others live in another library's objects"
        raise InputError("member to export", member.member.name, allowed)
    return formula(graph, member.model, Z)


def _unwarped(graph: Graph, warp: Warp, mean: Tensor, sd: Tensor) -> Law:
    """Return mean and variance of the response, see `Component.moments`."""
    offset = _inverse(graph, warp, mean)
    if warp.name == "identity":
        return offset, (warp.scale * warp.spread * sd) ** 2
    y = _inverse(graph, warp, mean + sd * _NODES)
    shares = _SHARES[:, None]
    shift = (y - offset) @ shares
    return offset + shift, (y - offset - shift) ** 2 @ shares


def _inverse(graph: Graph, warp: Warp, t: Tensor) -> Tensor:
    """Return `Warp.inverse` of `t`."""
    if warp.name != "identity":
        reach = warp.high - warp.low
        t = t.at_least(warp.low - reach).at_most(warp.high + reach)
    bent = warp.centre + warp.spread * t
    if warp.name == "log":
        bent = bent.exp()
    elif warp.name == "yeo-johnson":
        size = bent.abs()
        bent = graph.where(bent >= 0, _grown(size, warp.power), -_grown(size, 2 - warp.power))
    return warp.origin + warp.scale * bent


def _grown(t: Tensor, power: float) -> Tensor:
    """Return (1 + power·t)^{1/power} − 1, the inverse of a Box-Cox transform of 1 + u."""
    return (t.exp() if power == 0 else (1 + power * t) ** (1 / power)) - 1
