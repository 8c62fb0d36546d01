"""The curvature of a mean loss: as a matrix, or, for many parameters, through products with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import grad, vjp, vmap

from surefoot.confidence.modules.batches import TorchLoss, keyed, per_row, rows_in
from surefoot.confidence.pilot import Precondition
from surefoot.ground.errors import InputError
from surefoot.ground.streams import stream

Floats = NDArray[np.float64]

# Rounding alone gives flat directions this much curvature, relative to the largest.
_FLAT = {torch.float64: 1e-8, torch.float32: 1e-5}
# How much less curved than the steepest a direction can be, and still be scaled by its curvature.
_SMALLEST = 1e-6
# The same for the mean square of a derivative, next to that of all of them.
_SMALLEST_SQUARE = 1e-4
_PROBES = 32
# Rows times derivatives that are held together.
_AT_ONCE = 2**18


class MeanLoss:
    """The mean loss of the rows of a batch, with a ridge.

    Parameters
    ----------
    loss : callable ``(theta, batch) -> Tensor of shape (b,)``
    batch : Any
    ridge : ndarray of shape (d,)
    """

    def __init__(self, loss: TorchLoss, batch: Any, ridge: Floats) -> None:
        self._loss, self._batch, self._ridge = loss, batch, ridge
        self.n_rows = rows_in(batch)

    def of_rows(self, theta: Tensor) -> Tensor:
        """Return the loss of each row, the same at every call: random numbers in it are keyed."""
        with keyed(theta.device, 0, "pilot"):
            return per_row(self._loss(theta, self._batch), self.n_rows)

    def __call__(self, theta: Tensor) -> Tensor:
        """Return the mean, with the ridge."""
        mean = self.of_rows(theta).mean()
        if not self._ridge.any():
            return mean
        return mean + (torch.as_tensor(self._ridge).to(theta) * theta**2).sum() / 2


class Curvature:
    """The Hessian H of a mean loss at θ.

    Parameters
    ----------
    mean : MeanLoss
    theta : Tensor of shape (d,)
    convex : bool
        Whether the loss is believed to be convex. If it is not, or H is not, the size |H| of the
        curvature counts, and with μ the mean of its diagonal |H| + μ makes the coordinates: steps
        along nearly flat directions would be as large as the curvature there is unsteady.

    Attributes
    ----------
    convex : bool
    rank : int
        In how many directions there is curvature.
    condition : float
        Largest curvature over smallest, each parameter in its own unit.
    matrix : ndarray of shape (d, d)
        H, or |H|; 0 along directions whose curvature may be rounding.
    """

    def __init__(self, mean: MeanLoss, theta: Tensor, *, convex: bool = True) -> None:
        H = _hessian(mean, theta)
        rounding = _FLAT[theta.dtype]
        unit = np.sqrt(_or_one(np.abs(np.diagonal(H))))
        values, vectors = np.linalg.eigh(H / np.outer(unit, unit))
        self.convex = convex and bool(values[0] >= -10 * rounding * values[-1])
        if not self.convex:
            unit = np.full(len(H), np.sqrt(np.abs(np.diagonal(H)).mean()))
            values, vectors = np.linalg.eigh(H / unit[0] ** 2)
        sizes = np.abs(values)
        self._flat = sizes <= rounding * sizes.max()
        self.rank = int(np.count_nonzero(~self._flat))
        self.condition = float(sizes.max() / sizes.min()) if sizes.min() > 0 else np.inf
        sizes = np.where(self._flat, 0, sizes)
        seen = vectors * unit[:, None]
        self.matrix = (seen * sizes) @ seen.T
        self._unit, self._vectors = unit, vectors
        self._sizes = sizes if self.convex else sizes + 1

    def coordinates(self, precondition: Precondition | None) -> Floats:
        """Return L, shape (d, d) or (d,)."""
        if precondition is None:
            return np.ones(len(self._unit))
        if precondition == "diag":
            return 1 / (self._unit * np.sqrt(_or_one(np.square(self._vectors) @ self._sizes)))
        directions = self._vectors / self._unit[:, None]
        # Steps along a nearly flat direction would be as large as they are uncertain.
        roots = np.sqrt(np.maximum(self._sizes, _SMALLEST * self._sizes.max()))
        curved = (directions / roots)[:, ~self._flat]
        return np.hstack([curved, directions[:, self._flat]])

    def trace(self, scale: Floats) -> float:
        """Return the trace of L'HL."""
        return float(np.trace(self._in(scale)))

    def top(self, scale: Floats) -> float:
        """Return the largest eigenvalue of L'HL."""
        return float(np.linalg.eigvalsh(self._in(scale))[-1])

    def _in(self, scale: Floats) -> Floats:
        seen = (self._vectors.T * self._unit) @ (scale if scale.ndim == 2 else np.diag(scale))
        whitened: Floats = (seen.T * self._sizes) @ seen
        return whitened


class SketchedCurvature:
    """What a few dozen gradients and products with the Hessian say, for many parameters.

    The unit of a parameter is one over the root mean square of its derivative in a row. For a
    log-likelihood that is the curvature (the information identity), for other losses in proportion.

    Parameters
    ----------
    mean, theta, convex
        As of `Curvature`.

    Attributes
    ----------
    convex : bool
        As believed: not looked at.
    rank : int
    condition : float
        Not known: d and NaN.
    matrix : ndarray of shape (d,)
        The diagonal, as far as it is known.
    """

    condition = np.nan

    def __init__(self, mean: MeanLoss, theta: Tensor, *, convex: bool = True) -> None:
        self._theta, self._random = theta, stream(0, "pilot probes")
        self._product = vjp(grad(mean), theta)[1]
        self.convex, self.rank = convex, len(theta)
        squares = np.zeros(len(theta))
        for _ in range(_PROBES):
            # The mean square of a randomly signed sum is the sum of squares.
            signs = self._signs(mean.n_rows)
            signed = grad(lambda at, signs=signs: signs @ mean.of_rows(at))(theta)
            squares += signed.double().cpu().numpy() ** 2
        _refuse_flat(squares)
        least = squares.mean() if not convex else _SMALLEST_SQUARE * squares.mean()
        plain = 1 / np.sqrt(squares + least)
        # For a mean curvature of 1.
        self._scale = plain * np.sqrt(len(theta) / self.trace(plain))
        self.matrix = self._scale**-2.0

    def coordinates(self, precondition: Precondition | None) -> Floats:
        """Return L, shape (d,)."""
        return np.ones(self.rank) if precondition is None else self._scale

    def trace(self, scale: Floats) -> float:
        """Return an estimate of the trace of L'HL, by Hutchinson's random signs."""
        L, forms = torch.as_tensor(scale).to(self._theta), []
        for _ in range(_PROBES):
            v = self._signs(len(scale))
            forms.append(abs(float(v @ self._through(L, v))))
        return float(np.mean(forms))

    def top(self, scale: Floats) -> float:
        """Return an estimate of the largest eigenvalue of L'HL, by the power method."""
        L, v, size = torch.as_tensor(scale).to(self._theta), self._signs(len(scale)), 0.0
        for _ in range(_PROBES):
            v = self._through(L, v / v.norm())
            size = float(v.norm())
        return size

    def _through(self, L: Tensor, v: Tensor) -> Tensor:
        return L * self._product(L * v)[0]

    def _signs(self, count: int) -> Tensor:
        signs = self._random.choice([-1.0, 1.0], count)
        return torch.as_tensor(signs).to(self._theta)


def _hessian(mean: MeanLoss, theta: Tensor) -> Floats:
    product = vjp(grad(mean), theta)[1]
    at_once = max(16, _AT_ONCE // mean.n_rows)
    columns = vmap(lambda v: product(v)[0], chunk_size=at_once, randomness="same")
    H: Floats = columns(torch.eye(len(theta)).to(theta)).double().cpu().numpy()
    _refuse_flat(H)
    return (H + H.T) / 2


def _refuse_flat(derivatives: Floats) -> None:
    if np.isfinite(derivatives).all() and derivatives.any():
        return
    found = "not finite" if derivatives.any() else "0 throughout"
    allowed = "a curved loss there: smooth it, start elsewhere, or start cold"
    raise InputError("loss", f"a second derivative that is {found} at the pilot", allowed)


def _or_one(values: Floats) -> Floats:
    return np.where(values > 0, values, 1.0)
