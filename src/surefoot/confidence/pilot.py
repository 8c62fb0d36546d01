"""The pilot fit: a warm start and the coordinates in which one step size suits every direction.

Started cold and in the user's coordinates, the chains either explode (steps too large for the
largest weight) or never forget where they started (steps too small), and the intervals are a
thousand times too long or miss the truth. The first few hundred rows are enough to do better: fit
them, measure the curvature H, and run SGD on φ with θ = Lφ and L'HL = I. Averaged SGD has the same
limit law in any coordinates, so this changes nothing but the transient.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from surefoot.confidence.losses import Huber, Loss
from surefoot.ground.errors import InputError, one_of

Floats = NDArray[np.float64]
Precondition = Literal["whiten", "diag"]

_DEFICIENT = 1e-8
_FAR = 100.0
_OFF_SPAN = 1e-4
_ITERATIONS = 50
_FEWEST_CURVED = 0.05


@dataclass(frozen=True, eq=False)
class Pilot:
    """What the first rows say.

    Attributes
    ----------
    theta : ndarray of shape (d,)
        Warm start, in the user's coordinates.
    curvature : ndarray of shape (d, d)
        Mean curvature · x x' at the warm start, with the ridge.
    scale : ndarray of shape (d, d) or (d,)
        L, or its diagonal: θ = Lφ. Of a full L the last `d − rank` columns are directions in which
        the pilot rows don't vary.
    row_curvature, top_curvature : float
        For the step size: mean curvature · ‖x̃‖² of a row, largest eigenvalue of L'HL.
    rank : int
        Of the pilot rows; less than d if their scaled Gram matrix has a condition beyond 10⁸.
    condition : float
        Of that matrix.
    farthest : float
        Largest ‖x̃‖² in the pilot.
    constant : ndarray of int
        Columns that don't vary in the pilot: an intercept, or a level not seen yet.
    separated : bool
        Whether the pilot rows of a classification can be told apart without error.
    n_rows : int
    """

    theta: Floats
    curvature: Floats
    scale: Floats
    row_curvature: float
    top_curvature: float
    rank: int
    condition: float
    farthest: float
    constant: NDArray[np.int64]
    separated: bool
    n_rows: int

    @property
    def deficient_directions(self) -> Floats:
        """Directions of θ about which the pilot says nothing, shape (d, d − rank)."""
        return self.scale[:, self.rank :] if self.scale.ndim == 2 else np.empty((self.d, 0))

    @property
    def d(self) -> int:
        """How many parameters."""
        return len(self.theta)

    def to_user(self, phi: NDArray[Any]) -> Floats:
        """Return θ = Lφ for φ of shape (d,) or (d, k)."""
        theta: Floats = self.scale @ phi if self.scale.ndim == 2 else (self.scale * phi.T).T
        return theta

    def to_whitened(self, theta: Floats) -> Floats:
        """Return φ with θ = Lφ."""
        if self.scale.ndim == 1:
            return (theta.T / self.scale).T
        return np.asarray(np.linalg.solve(self.scale, theta))

    def covariance_to_user(self, covariance: Floats) -> Floats:
        """Return L C L'."""
        return self.to_user(self.to_user(covariance).T)

    def quadratic_to_whitened(self, matrix: Floats) -> Floats:
        """Return L' Q L for the quadratic form Q of θ, given as a matrix or its diagonal."""
        scale = self.scale if self.scale.ndim == 2 else np.diag(self.scale)
        return scale.T @ (matrix @ scale if matrix.ndim == 2 else matrix[:, None] * scale)

    def whiten(self, rows: Floats, out: NDArray[Any]) -> None:
        """Write x̃ = L'x for each row of `rows` into `out`."""
        if self.scale.ndim == 2:
            np.matmul(rows, self.scale, out=out)
        else:
            np.multiply(rows, self.scale, out=out)

    def outside(self, whitened: NDArray[Any]) -> int:
        """Return how many rows are unlike any in the pilot.

        A row counts if it varies in a direction in which the pilot didn't (a level of a category
        that had not appeared yet), or is ten times as far out as the farthest.
        """
        limit = _FAR * self.farthest
        deficient = self.rank < self.d and self.scale.ndim == 2
        # All rows together are hardly ever as far out as one row may be.
        if not deficient and np.vdot(whitened, whitened) <= limit:
            return 0
        far = np.einsum("ij,ij->i", whitened, whitened) > limit
        if deficient:
            off = whitened[:, self.rank :]
            far |= np.einsum("ij,ij->i", off, off) > _OFF_SPAN
        return int(np.count_nonzero(far))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the fields as arrays, for `from_arrays`."""
        return {f.name: np.asarray(getattr(self, f.name)) for f in dataclasses.fields(self)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Pilot:
        """Return the pilot written by `to_arrays`."""
        fields: dict[str, Any] = {name: a if a.ndim else a.item() for name, a in arrays.items()}
        return cls(**fields)


def pilot_size(d: int) -> int:
    """Return how many rows a pilot needs: 20 a parameter, and 200."""
    return max(20 * d, 200)


def fit_pilot(
    X: Floats,
    y: Floats,
    loss: Loss,
    *,
    precondition: Precondition | None = "whiten",
    ridge: float | Floats = 0.0,
    sample_weight: Floats | None = None,
) -> Pilot:
    """Fit the pilot rows.

    Parameters
    ----------
    X : ndarray of shape (n0, d)
        With a column of ones if there is to be an intercept. See `pilot_size`.
    y : ndarray of shape (n0,)
    loss : Loss
    precondition : {"whiten", "diag", None}
        "diag" scales each parameter alone, for d beyond 2,000 or so; None leaves the coordinates.
    ridge : float or ndarray of shape (d,)
        α of the penalty ½ Σ α_j θ_j².
    sample_weight : ndarray of shape (n0,), optional

    Returns
    -------
    Pilot

    Raises
    ------
    InputError
        If there are fewer than d + 1 rows to whiten with.

    Notes
    -----
    Newton or reweighted least squares in coordinates in which the Gram matrix of the pilot is the
    identity. The fit is therefore the same whatever the units of the features, and directions
    without rows are left where they are, at 0. The check loss has no curvature: the density of the
    residuals at 0 stands in for it.
    """
    n, d = X.shape
    if precondition is not None:
        one_of("precondition", precondition, get_args(Precondition))
    if precondition == "whiten" and n <= d:
        allowed = f"at least {d + 1} rows, {pilot_size(d)} are better; or precondition='diag'"
        raise InputError("pilot", f"{n} rows", allowed)
    weight = np.ones(n) if sample_weight is None else sample_weight
    penalty = np.broadcast_to(np.asarray(ridge, dtype=np.float64), (d,))

    basis, idle, condition = gram_basis(X, weight)
    # One row's worth of prior: without it separated classes have no fit at all.
    prior = 1 / n if loss.name == "log_loss" else 0.0
    quadratic = (basis.T * penalty) @ basis + prior * np.eye(basis.shape[1])
    fit = _Fit(X @ basis, y, loss, weight, quadratic)
    u = fit.solve()
    theta = basis @ u
    h, bound = fit.curvatures(u)
    H = (X.T * (h * weight / n)) @ X + np.diag(penalty)
    scale: Floats = np.ones(d)
    if precondition == "diag":
        scale = 1 / np.sqrt(_or_one(np.diagonal(H)))
    elif precondition == "whiten":
        typical = np.sqrt(_or_one(np.average(h, weights=weight)))
        scale = np.hstack([basis @ _inverse_root(fit.hessian(u, h)), idle / typical])
    seen = X @ scale if scale.ndim == 2 else X * scale
    top = 1.0
    if precondition != "whiten":
        top = float(np.linalg.eigvalsh((H * scale).T * scale)[-1])
    size = np.einsum("ij,ij->i", seen, seen)
    # At the optimum the curvature found counts, on the way there it may be as large as its bound.
    # The bound alone makes steps so short that a logistic fit remembers its start.
    found = np.mean(h * weight * size)
    most = np.mean(weight * size) * bound
    return Pilot(
        theta=theta,
        curvature=H,
        scale=scale,
        row_curvature=float(np.sqrt(found * most)),
        top_curvature=top,
        rank=basis.shape[1],
        condition=condition,
        farthest=float(size.max()),
        constant=np.flatnonzero(np.ptp(X, axis=0) == 0),
        separated=loss.name == "log_loss" and fit.separates(),
        n_rows=n,
    )


def no_pilot(d: int, *, row_curvature: float, theta: Floats | None = None) -> Pilot:
    """Return what stands in for a pilot where there is none: a cold start in plain coordinates.

    Parameters
    ----------
    d : int
    row_curvature : float
        A guess of the mean of curvature bound · ‖x‖², for the step size.
    theta : ndarray of shape (d,), optional
        Where to start; default: 0.
    """
    start = np.zeros(d) if theta is None else np.asarray(theta, dtype=np.float64)
    return Pilot(
        start, np.eye(d), np.ones(d), row_curvature, row_curvature, d, 1.0, np.inf,
        np.array([], dtype=np.int64), separated=False, n_rows=0,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Fit:
    """A penalised fit on rows Z whose Gram matrix is the identity."""

    Z: Floats
    y: Floats
    loss: Loss
    weight: Floats
    penalty: Floats

    def separates(self) -> bool:
        """Return whether a fit with hardly any prior tells all rows apart."""
        weak = dataclasses.replace(self, penalty=np.eye(len(self.penalty)) * 1e-4 / len(self.Z))
        return bool(((2 * self.y - 1) * (self.Z @ weak.solve()) > 0).all())

    def solve(self) -> Floats:
        u = np.zeros(self.Z.shape[1])
        value = self._objective(u)
        for iteration in range(_ITERATIONS):
            z = self.Z @ u
            first = iteration == 0
            weights = np.ones(len(z)) if first else self.loss.working_weights(z, self.y)
            score = self.loss.score(z, self.y) * self.weight
            gradient = self.Z.T @ score / len(z) + self.penalty @ u
            step = np.linalg.lstsq(self.hessian(u, weights), gradient, rcond=1e-12)[0]
            for _ in range(_ITERATIONS):
                if self._objective(u - step) < value:
                    break
                step /= 2
            else:
                if first and value > 0:
                    continue
                break
            u = u - step
            last, value = value, self._objective(u)
            # Weights of 1 are far off if the target is in a small unit: a first step tells nothing.
            if not first and last - value <= 1e-10 * abs(last):
                break
        return u

    def hessian(self, u: Floats, h: Floats) -> Floats:
        return (self.Z.T * (h * self.weight / len(h))) @ self.Z + self.penalty

    def curvatures(self, u: Floats) -> tuple[Floats, float]:
        """Return the curvature of each row, and how large it may be on the way to u."""
        z, bound = self.Z @ u, self.loss.curvature_bound
        if bound is not None:
            h = self.loss.curvature(z, self.y)
            if not isinstance(self.loss, Huber) or h.mean() >= _FEWEST_CURVED:
                return h, bound
        # Far narrower than the residuals a Huber loss is the check loss of the median in another
        # unit: too few rows have curvature to count them.
        unit = 2 * self.loss.epsilon if isinstance(self.loss, Huber) else 1.0
        mean = unit * density_at_zero(self.y - z)
        return np.full(len(z), mean), mean

    def _objective(self, u: Floats) -> float:
        losses = self.weight * self.loss.value(self.Z @ u, self.y)
        return float(losses.mean() + 0.5 * u @ self.penalty @ u)


def density_at_zero(residuals: Floats) -> float:
    """Return a Gaussian kernel estimate of the density of residuals at 0 (Silverman's width)."""
    quarter, three = np.quantile(residuals, [0.25, 0.75])
    spread = min(residuals.std(), (three - quarter) / 1.34) or residuals.std() or 1.0
    width = 1.06 * spread * len(residuals) ** -0.2
    return float(np.mean(np.exp(-0.5 * (residuals / width) ** 2)) / (width * np.sqrt(2 * np.pi)))


def gram_basis(X: Floats, weight: Floats) -> tuple[Floats, Floats, float]:
    """Return T with T'GT = I over the directions the rows span, the others, and the condition."""
    G = (X.T * (weight / len(X))) @ X
    size = np.sqrt(_or_one(np.diagonal(G)))
    values, vectors = np.linalg.eigh(G / np.outer(size, size))
    spanned = values > _DEFICIENT * values[-1]
    directions = vectors / size[:, None]
    condition = float(values[-1] / values[0]) if values[0] > 0 else np.inf
    return directions[:, spanned] / np.sqrt(values[spanned]), directions[:, ~spanned], condition


def _inverse_root(H: Floats) -> Floats:
    values, vectors = np.linalg.eigh(H)
    # Steps along a nearly flat direction would be as large as they are uncertain.
    root: Floats = vectors / np.sqrt(np.maximum(values, 1e-6 * values[-1]))
    return root


def _or_one(values: Any) -> Any:
    return np.where(np.asarray(values) > 0, values, 1.0)
