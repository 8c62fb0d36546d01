"""A case: people, who of them deserves to pass, and what is assumed of cause and effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from surefoot.ground.content import Table
from surefoot.ground.errors import InputError


@dataclass(frozen=True, eq=False)
class IncentiveCase:
    """People about whom a score decides, and the causal graph through which they could respond.

    Attributes
    ----------
    name, title : str
    good : str
        What the label 1 stands for: who deserves to pass.
    X : DataFrame of shape (N, n)
        Features without gaps: the efforts, then the exogenous ones. In their own units, or in
        standard deviations after `standardised`.
    y : ndarray of int, shape (N,)
        1 or 0.
    efforts : tuple of str
        Nodes of the graph; people can work on each.
    edges : tuple of (cause, effect)
        Direct effects among them, to be estimated by regressions that adjust for `exogenous`.
    exogenous : tuple of str
        What no effort changes.
    desirable : mapping of node to direction
        What the principal wants: +1 more, −1 less.
    assumptions : tuple of str
        What was decided by judgement, in sentences.
    fingerprint : str
        Of the table that the case was made from.
    """

    name: str
    title: str
    good: str
    X: pd.DataFrame = field(repr=False)
    y: NDArray[np.int64] = field(repr=False)
    efforts: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    exogenous: tuple[str, ...]
    desirable: Mapping[str, int]
    assumptions: tuple[str, ...]
    fingerprint: str

    @classmethod
    def from_rows(
        cls,
        table: Table,
        X: pd.DataFrame,
        failed: pd.Series,
        *,
        title: str,
        good: str,
        edges: tuple[tuple[str, str], ...],
        exogenous: tuple[str, ...],
        desirable: Mapping[str, int],
        assumptions: tuple[str, ...],
    ) -> IncentiveCase:
        """Make a case of rows of `table`, labelled 1 where `failed` is 0.

        Efforts are the columns of `X` that are not exogenous.
        """
        efforts = tuple(name for name in X.columns if name not in exogenous)
        return cls(
            name=table.name,
            title=title,
            good=good,
            X=X[[*efforts, *exogenous]].astype(float).reset_index(drop=True),
            y=1 - failed.to_numpy().astype(np.int64),
            efforts=efforts,
            edges=edges,
            exogenous=exogenous,
            desirable=desirable,
            assumptions=assumptions,
            fingerprint=table.fingerprint,
        )

    def units(self, train: ArrayLike | None = None) -> pd.Series:
        """Return the standard deviation of every feature, over the rows `train` or over all.

        It is 1 for a feature that does not vary there, such as a rare disease in few rows.
        """
        deviations = self._rows(train).std(ddof=0)
        return deviations.where(deviations > 0, 1.0)

    def standardised(self, train: ArrayLike | None = None) -> IncentiveCase:
        """Return the case with features of mean 0 and standard deviation 1 over the rows `train`.

        A unit of effort is then one standard deviation, and unit costs compare such units.

        Parameters
        ----------
        train : array-like of int, optional
            Positions of the rows from which means and deviations are taken; all by default.
        """
        X = (self.X - self._rows(train).mean()) / self.units(train)
        return replace(self, X=X)

    def _rows(self, train: ArrayLike | None) -> pd.DataFrame:
        if train is None:
            return self.X
        rows = np.asarray(train)
        if rows.ndim != 1 or len(rows) == 0 or rows.dtype.kind not in "iu":
            raise InputError("train", train, "positions of rows, at least one")
        return self.X.iloc[rows]
