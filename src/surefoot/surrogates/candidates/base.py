"""What every candidate is: a description that can be fitted, and what the fit can tell."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Fitted(Protocol):
    """A fitted candidate: a normal law at every point.

    Attributes
    ----------
    start : object
        Hyperparameters a refit on nearly the same rows may start from; None if it has none.
    """

    @property
    def start(self) -> Any:
        """Where a refit may start."""

    def predict(self, Z: Floats) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of the response at the rows of `Z`.

        Parameters
        ----------
        Z : ndarray of shape (m, d)
            Inputs scaled as in `Candidate.fit`; m may be 0.

        Returns
        -------
        mean, sd : ndarray of shape (m,)
            ``sd`` is above zero and holds everything that a new response may differ by: what is
            not known of the function and, where the candidate has it, noise.
        """

    def describe(self) -> dict[str, Any]:
        """Return what was learned, in JSON's types, for a card: kernel, length scales, degree …"""

    def state(self) -> dict[str, Any]:
        """Return all that `Candidate.restore` needs: JSON values and float arrays, flat by name."""


class Candidate(Protocol):
    """A family of regressors with its settings; an immutable description.

    Attributes
    ----------
    name : str
        Short and unique, such as ``"gp-matern52"``.
    cost : int
        Rank by what it takes to compute and to explain; of candidates that can't be told apart the
        cheapest is preferred. 0 for a constant, 1 linear, 2 neighbours, 3 polynomials, 4 trees,
        5 Gaussian processes, 6 their combinations.
    """

    @property
    def name(self) -> str:
        """Short and unique."""

    @property
    def cost(self) -> int:
        """Rank of its expense."""

    def fit(self, Z: Floats, t: Floats, *, seed: int = 0, start: Any = None) -> Fitted:
        """Learn everything there is to learn from these rows alone.

        Parameters
        ----------
        Z : ndarray of shape (n, d)
            Inputs, the declared ranges scaled to [0, 1]; no column is constant in the whole table,
            though one may be in a fold.
        t : ndarray of shape (n,)
            Response, of mean 0 and standard deviation 1 in these rows (all zeros if constant).
        seed : int
            Key of everything random in the fit.
        start : object, optional
            `Fitted.start` of a fit on nearly the same rows, used as a first guess only.
        """

    def restore(self, state: dict[str, Any]) -> Fitted:
        """Return the fit whose `Fitted.state` this is."""
