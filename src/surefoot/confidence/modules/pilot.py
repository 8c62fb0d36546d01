"""The pilot of a loss written in torch: a warm start, and coordinates for one step size.

Curvature comes from automatic differentiation, so nothing about the loss has to be known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from torch import Tensor
from torch.func import grad_and_value

from surefoot.confidence.modules.batches import TorchLoss
from surefoot.confidence.modules.curvature import Curvature, MeanLoss, SketchedCurvature
from surefoot.confidence.pilot import Pilot, Precondition, pilot_size
from surefoot.ground.errors import InputError, one_of

Floats = NDArray[np.float64]

# Beyond, the Hessian of the pilot costs more than the chains.
MOST_WHITENED = 1000
_ITERATIONS = 200
# In rows. Four of curvature at 0 are one of ‖x‖² for a logistic model, as in `fit_pilot`.
_PRIOR = 4
# A loss that has lost this factor of its curvature needs the prior; from others it is taken back.
_SATURATED = 2


@dataclass(frozen=True, eq=False)
class TorchPilot(Pilot):
    """What the first rows say about a loss written in torch.

    Attributes
    ----------
    convex : bool
        Whether the loss was believed to be convex and its curvature agreed.
    """

    convex: bool = True

    def __post_init__(self) -> None:
        # Products of matrices round by their layout, which no file keeps.
        for name in ("theta", "curvature", "scale"):
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name)))


def fit_torch_pilot(
    loss: TorchLoss,
    start: Tensor,
    batch: Any,
    *,
    precondition: Precondition | None = "whiten",
    ridge: ArrayLike = 0.0,
    convex: bool = True,
) -> TorchPilot:
    """Fit the pilot rows.

    Parameters
    ----------
    loss : callable ``(theta, batch) -> Tensor of shape (b,)``
    start : Tensor of shape (d,)
        Where to begin. A parameter about which the rows say nothing stays there.
    batch : Any
        The rows, as the loss takes them. See `pilot_size`.
    precondition : {"whiten", "diag", None}
        "whiten" is for up to `MOST_WHITENED` parameters. Beyond, curvature is only sketched: the
        pilot then has its diagonal, shape (d,).
    ridge : float or array-like of shape (d,)
        α of the penalty ½ Σ α_j θ_j².
    convex : bool
        Whether the loss is believed to be convex in θ. If not, or if its curvature says otherwise,
        the coordinates are damped, see `Curvature`.

    Raises
    ------
    InputError
        If the loss is not one number a row, is not finite at the start, has no curvature, or there
        are fewer than d + 1 rows to whiten with.

    Notes
    -----
    L-BFGS in the coordinates that the curvature at the start gives, with a prior of a few rows'
    weight around the start, so that separated classes have a fit. The curvature where it ends gives
    the coordinates of the chains. Where it has not fallen much, a Newton step takes the prior back.

    R² of the step size is the geometric mean of the curvature at the start and at the end: for a
    logistic model started at 0 the same as in `fit_pilot`.
    """
    if precondition is not None:
        one_of("precondition", precondition, get_args(Precondition))
    d, start = len(start), start.detach()
    penalty = np.broadcast_to(np.asarray(ridge, dtype=np.float64), (d,)).copy()
    mean = MeanLoss(loss, batch, penalty)
    _check(mean, d, precondition)
    kind = Curvature if d <= MOST_WHITENED else SketchedCurvature
    with torch.no_grad():
        if not math.isfinite(value := mean(start).item()):
            raise InputError("loss", f"{value} on the pilot rows", "a finite loss at the start")
        before = kind(mean, start, convex=convex)
        theta = _minimum(mean, start, before.coordinates(precondition))
        after = kind(mean, theta, convex=before.convex)
        scale = after.coordinates(precondition)
        trace, earlier = after.trace(scale), before.trace(scale)
        if isinstance(after, Curvature) and earlier <= _SATURATED * trace:
            theta = _without_prior(mean, theta, after)
    return _pilot(
        theta,
        curvature=after.matrix,
        scale=scale,
        row_curvature=math.sqrt(trace * earlier),
        top_curvature=after.top(scale),
        rank=after.rank,
        condition=after.condition,
        n_rows=mean.n_rows,
        convex=after.convex,
    )


def cold_torch_pilot(start: Tensor, row_curvature: float) -> TorchPilot:
    """Return what stands in for a pilot where there is none, see `no_pilot`.

    Parameters
    ----------
    start : Tensor of shape (d,)
    row_curvature : float
        A guess of the trace of the second derivative of a row's loss.
    """
    plain = np.ones(len(start))
    return _pilot(
        start,
        curvature=plain,
        scale=plain,
        row_curvature=row_curvature,
        top_curvature=row_curvature,
        rank=len(start),
        condition=np.nan,
        n_rows=0,
    )


def _pilot(theta: Tensor, **found: Any) -> TorchPilot:
    """Return a pilot of a loss that has no rows x: what is said of them says nothing."""
    return TorchPilot(
        theta=theta.double().cpu().numpy(),
        farthest=np.inf,
        constant=np.array([], dtype=np.int64),
        separated=False,
        **found,
    )


def _check(mean: MeanLoss, d: int, precondition: Precondition | None) -> None:
    if precondition != "whiten":
        return
    if d > MOST_WHITENED:
        allowed = f"'diag' or None for more than {MOST_WHITENED} parameters"
        raise InputError("precondition", precondition, allowed)
    if mean.n_rows <= d:
        allowed = f"at least {d + 1} rows, {pilot_size(d)} are better; or precondition='diag'"
        raise InputError("pilot", f"{mean.n_rows} rows", allowed)


def _minimum(mean: MeanLoss, start: Tensor, scale: Floats) -> Tensor:
    """Return where L-BFGS over u, with θ = start + L u, ends."""
    L, prior = torch.as_tensor(scale).to(start), _PRIOR / mean.n_rows
    gradient_and_value = grad_and_value(mean)

    def place(u: Floats) -> Tensor:
        v = torch.as_tensor(u).to(start)
        return start + (L @ v if L.ndim == 2 else L * v)

    def penalised(u: Floats) -> tuple[float, Floats]:
        gradient, value = gradient_and_value(place(u))
        slope = (gradient @ L if L.ndim == 2 else gradient * L).double().cpu().numpy()
        return value.item() + prior / 2 * (u @ u), slope + prior * u

    limits = {"maxiter": _ITERATIONS, "ftol": 1e-12, "gtol": 1e-8}
    found = minimize(penalised, np.zeros(len(start)), jac=True, method="L-BFGS-B", options=limits)
    return place(found.x) if np.isfinite(found.fun) else start


def _without_prior(mean: MeanLoss, theta: Tensor, curvature: Curvature) -> Tensor:
    """Return where a Newton step leads, if down: it takes back what the prior has shrunk."""
    L = torch.as_tensor(curvature.coordinates("whiten")).to(theta)
    gradient, value = grad_and_value(mean)(theta)
    further = theta - L @ (L.T @ gradient)
    return further if mean(further) < value else theta
