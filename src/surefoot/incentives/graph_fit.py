"""Learning the edges of a given graph from data: one least-squares regression a node.

Each node is regressed on its causes in the graph, next to an intercept and the declared exogenous
covariates. The weight of an edge is a causal effect only if causes and covariates together block
every other path between its two ends; data alone can't tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surefoot.ground.errors import InputError
from surefoot.incentives.tables import columns_of

Floats = NDArray[np.float64]
# Singular values below this part of the largest: a design whose coefficients mean nothing.
_COLLINEAR = 1e-9


@dataclass(frozen=True, eq=False)
class EdgeRegressions:
    """The regressions behind a fitted graph of m nodes, with the rows that a bootstrap resamples.

    Attributes
    ----------
    rows : ndarray of shape (N, 1 + q + m)
        Ones, the q covariates and the nodes, standardised.
    scales : ndarray of shape (m,)
        What a standard deviation of each node is in its present unit.
    edges : ndarray of shape (m, m), bool
        ``edges[i, k]``: i is among the causes on which k is regressed.
    kept : ndarray of shape (m, m), bool
        The edges whose weights are still those of the regression.
    """

    rows: Floats
    scales: Floats
    edges: NDArray[np.bool_]
    kept: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        data: pd.DataFrame,
        nodes: Sequence[str],
        exogenous: Sequence[str],
        edges: NDArray[np.bool_],
    ) -> EdgeRegressions:
        """Prepare the columns of `data`."""
        both = [name for name in exogenous if name in nodes]
        if both:
            raise InputError("exogenous", both, "covariates that are no nodes of the graph")
        names = [*exogenous, *nodes]
        table = columns_of(data, names, "data")
        if not len(table):
            raise InputError("data", "no rows", "rows to learn from")
        constant = [name for name, column in zip(names, table.T, strict=True) if not np.ptp(column)]
        if constant:
            raise InputError("data", constant, "columns that vary")
        spread = table.std(axis=0)
        rows = np.column_stack([np.ones(len(table)), (table - table.mean(axis=0)) / spread])
        regressions = cls(rows, spread[len(exogenous) :], edges, edges)
        for k in regressions._explained:
            design = rows[:, regressions._design(k)]
            if len(design) <= design.shape[1]:
                allowed = f"more than {design.shape[1]} rows to explain {nodes[k]!r}"
                raise InputError("data", f"{len(design)} rows", allowed)
            values = np.linalg.svd(design, compute_uv=False)
            if values[-1] <= _COLLINEAR * values[0]:
                causes = [nodes[i] for i in np.flatnonzero(edges[:, k]).tolist()]
                found = f"{', '.join([*causes, *exogenous])} are linearly dependent"
                raise InputError("data", found, f"causes of {nodes[k]!r} that can be told apart")
        return regressions

    def estimate(self) -> tuple[Floats, Floats]:
        """Return weights (m, m) and, for each node, the covariance of the edges into it (m, m, m).

        Covariances are those of ordinary least squares with N − p degrees of freedom.
        """
        m = len(self.scales)
        weights, covariances = np.zeros((m, m)), np.zeros((m, m, m))
        for k in self._explained:
            design, target = self.rows[:, self._design(k)], self.rows[:, self._first + k]
            causes, unit = np.flatnonzero(self.edges[:, k]), self._units(k)
            inverse = np.linalg.pinv(design)
            coefficients = inverse @ target
            residual = target - design @ coefficients
            variance = residual @ residual / (len(design) - design.shape[1])
            spread = (inverse @ inverse.T * variance)[-len(causes) :, -len(causes) :]
            weights[causes, k] = coefficients[-len(causes) :] * unit
            covariances[k][np.ix_(causes, causes)] = spread * np.outer(unit, unit)
        return weights, covariances

    def bootstrap(self, n: int, generator: np.random.Generator) -> Floats:
        """Return the weights of `n` resamples of the rows, shape (n, m, m)."""
        N, width = self.rows.shape
        grams = np.empty((n, width, width))
        for gram in grams:
            # How often each row is drawn; the regressions need the rows' weighted products only.
            counts = np.bincount(generator.integers(N, size=N), minlength=N)
            np.matmul(self.rows.T, self.rows * counts[:, None], out=gram)
        weights = np.zeros((n, *self.edges.shape))
        for k in self._explained:
            design, causes = self._design(k), np.flatnonzero(self.edges[:, k])
            # A rare covariate may be constant in a resample: then the smallest solution.
            inverse = np.linalg.pinv(
                grams[:, design[:, None], design], rcond=_COLLINEAR, hermitian=True
            )
            coefficients = np.einsum("bij,bj->bi", inverse, grams[:, design, self._first + k])
            weights[:, causes, k] = coefficients[:, -len(causes) :] * self._units(k)
        return weights

    def rescaled(self, scales: Floats) -> EdgeRegressions:
        """Return the regressions of nodes divided by `scales`."""
        return replace(self, scales=self.scales / scales)

    def without(self, i: int, k: int) -> EdgeRegressions:
        """Return the regressions without a say on the edge from i to k."""
        kept = self.kept.copy()
        kept[i, k] = False
        return replace(self, kept=kept)

    @property
    def _explained(self) -> list[int]:
        return np.flatnonzero(self.edges.any(axis=0)).tolist()

    @property
    def _first(self) -> int:
        return self.rows.shape[1] - len(self.scales)

    def _design(self, k: int) -> NDArray[np.intp]:
        return np.r_[np.arange(self._first), self._first + np.flatnonzero(self.edges[:, k])]

    def _units(self, k: int) -> Floats:
        return self.scales[k] / self.scales[self.edges[:, k]]
