"""What every surrogate has to beat: the mean, a plane, the nearest run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

Floats = NDArray[np.float64]

_PENALTIES = np.geomspace(1e-8, 1e2, 21)
_NEGLIGIBLE = 1e-10
_LEAST_SD = 1e-12


@dataclass(frozen=True, eq=False)
class FittedMean:
    """One normal law everywhere: the mean of the rows, and the deviation of a new response."""

    mean: float
    sd: float

    @property
    def start(self) -> None:
        """None."""
        return None

    def predict(self, Z: Floats) -> tuple[Floats, Floats]:
        """Return mean and standard deviation at every row."""
        return np.full(len(Z), self.mean), np.full(len(Z), self.sd)

    def describe(self) -> dict[str, Any]:
        """Return mean and deviation."""
        return dict(vars(self))

    def state(self) -> dict[str, Any]:
        """Return every field."""
        return dict(vars(self))


@dataclass(frozen=True)
class Mean:
    """The mean of the responses."""

    name: str = "mean"
    cost: int = 0

    def fit(self, Z: Floats, t: Floats, *, seed: int = 0, start: Any = None) -> FittedMean:
        """Return the mean."""
        n = len(t)
        variance = float(t.var()) * n / max(n - 1, 1) * (1 + 1 / n)
        return FittedMean(float(t.mean()), max(np.sqrt(variance), _LEAST_SD))

    def restore(self, state: dict[str, Any]) -> FittedMean:
        """Return the fit whose state this is."""
        return FittedMean(**state)


@dataclass(frozen=True, eq=False)
class FittedLinear:
    """A plane through the rows.

    Attributes
    ----------
    centre : ndarray of shape (d,)
    mean : float
        The plane's value there.
    slopes : ndarray of shape (d,)
    root : ndarray of shape (d, r)
        Such that ‖(z − centre)ᵀ root‖² + 1/n is the leverage.
    n : int
    variance : float
        s², such that s²(1 + leverage) is on average the squared leave-one-out error.
    penalty : float
        λ over the largest eigenvalue of ZᵀZ.
    """

    centre: Floats
    mean: float
    slopes: Floats
    root: Floats
    n: int
    variance: float
    penalty: float

    @property
    def start(self) -> None:
        """None."""
        return None

    def predict(self, Z: Floats) -> tuple[Floats, Floats]:
        """Return mean and standard deviation, not knowing the plane being part of it."""
        D = Z - self.centre
        leverage = ((D @ self.root) ** 2).sum(axis=1) + 1 / self.n
        sd = np.sqrt(self.variance * (1 + leverage))
        return self.mean + D @ self.slopes, np.maximum(sd, _LEAST_SD)

    def describe(self) -> dict[str, Any]:
        """Return slopes and penalty."""
        return {"slopes": self.slopes.tolist(), "penalty": self.penalty}

    def state(self) -> dict[str, Any]:
        """Return every field."""
        return dict(vars(self))


@dataclass(frozen=True)
class Linear:
    """Least squares with a ridge penalty, the one of least leave-one-out error.

    The smallest penalty is negligible (1e-8), so with more rows than inputs this is ordinary least
    squares unless that over-fits; with fewer rows it is still determined. What lies outside the
    span of the rows has no leverage: there the leave-one-out error has met its like.
    """

    name: str = "linear"
    cost: int = 1

    def fit(self, Z: Floats, t: Floats, *, seed: int = 0, start: Any = None) -> FittedLinear:
        """Return the plane."""
        n = len(t)
        centre, mean = Z.mean(axis=0), float(t.mean())
        U, S, Vt = np.linalg.svd(Z - centre, full_matrices=False)
        longest = float(S.max(initial=0))
        spanned = np.greater(S, _NEGLIGIBLE * max(longest, _NEGLIGIBLE))
        U, S, Vt = U[:, spanned], S[spanned], Vt[spanned]
        coordinates = U.T @ (t - mean)
        best = (np.inf, 0.0, S, 0.0)
        for penalty in _PENALTIES:
            damped = S**2 + penalty * longest**2
            kept = S**2 / damped
            leverage = 1 / n + (U**2) @ kept
            errors = (t - mean - U @ (kept * coordinates)) / np.maximum(1 - leverage, 1e-6)
            error = float(np.mean(errors**2))
            if error < best[0]:
                best = (error, float(penalty), damped, error / (1 + float(leverage.mean())))
        _, penalty, damped, variance = best
        slopes = Vt.T @ (S / damped * coordinates)
        root = Vt.T / np.sqrt(damped)
        return FittedLinear(centre, mean, slopes, root, n, variance, penalty)

    def restore(self, state: dict[str, Any]) -> FittedLinear:
        """Return the fit whose state this is."""
        return FittedLinear(**state)


@dataclass(frozen=True, eq=False)
class FittedNeighbour:
    """The response of the nearest row; the deviation is the same everywhere.

    Attributes
    ----------
    Z : ndarray of shape (n, d)
    t : ndarray of shape (n,)
    sd : float
        Root mean square of the differences between the rows and their neighbours.
    """

    Z: Floats
    t: Floats
    sd: float

    @property
    def start(self) -> None:
        """None."""
        return None

    def predict(self, Z: Floats) -> tuple[Floats, Floats]:
        """Return the nearest response and the deviation."""
        nearest = KDTree(self.Z).query(Z)[1]
        return self.t[nearest], np.full(len(Z), self.sd)

    def describe(self) -> dict[str, Any]:
        """Return the deviation."""
        return {"sd": self.sd}

    def state(self) -> dict[str, Any]:
        """Return every field."""
        return dict(vars(self))


@dataclass(frozen=True)
class NearestNeighbour:
    """The response of the nearest run."""

    name: str = "nearest"
    cost: int = 2

    def fit(self, Z: Floats, t: Floats, *, seed: int = 0, start: Any = None) -> FittedNeighbour:
        """Return the rows and what their neighbours' responses differ by."""
        neighbours = KDTree(Z).query(Z, k=2)[1] if len(Z) > 1 else np.zeros((1, 2), int)
        # Of two equal rows either may come first: the neighbour is the one that is not the row.
        own = neighbours[:, 0] == np.arange(len(Z))
        other = np.where(own, neighbours[:, 1], neighbours[:, 0])
        sd = np.sqrt(np.mean((t - t[other]) ** 2))
        return FittedNeighbour(Z, t, max(float(sd), _LEAST_SD))

    def restore(self, state: dict[str, Any]) -> FittedNeighbour:
        """Return the fit whose state this is."""
        return FittedNeighbour(**state)
