"""What people make of a rule from the scores of others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from surefoot.ground.errors import InputError, one_of
from surefoot.incentives.beliefs import ClassifierBelief
from surefoot.incentives.tables import columns_of


@dataclass(frozen=True, eq=False)
class PeerBelief(ClassifierBelief):
    """Agents have seen the features and the scores of some peers, and learn the weights from them.

    Directions in which no two peers differ stay as unsure as before. Groups with other peers learn
    other rules, and so exert themselves elsewhere, though the rule is one.

    References
    ----------
    Bechavod, Podimata, Wu and Ziani, "Information discrepancy in strategic learning", ICML 2022.
    """

    def __post_init__(self) -> None:
        self._check()  # the covariance is absolute, but follows from scores of the rule's own scale

    @classmethod
    def from_peers(
        cls,
        X: pd.DataFrame,
        scores: ArrayLike,
        prior_sd: float | Mapping[str, float] = 1.0,
        noise_sd: float = 0.0,
        threshold_sd: float = 0.0,
    ) -> Self:
        """Return the posterior of a Bayesian linear regression of the scores on the features.

        Parameters
        ----------
        X : DataFrame of k peers
            Its columns are the features that are learnt; the weights of others are known.
        scores : array-like of shape (k,)
            ``h.x`` of each peer, as far as those features make it up.
        prior_sd : float or mapping of feature to float
            Standard deviation of each weight beforehand, around 0.
        noise_sd : float
            Standard deviation of what blurs a score. At 0 the mean is, for one `prior_sd` of all,
            the projection of h on the span of the peers' features.
        threshold_sd : float
            As of `ClassifierBelief`.
        """
        if not isinstance(X, pd.DataFrame):
            raise InputError("X", type(X).__name__, "a DataFrame of peers")
        names = [str(name) for name in X.columns]
        table, seen = columns_of(X, list(X.columns)), np.asarray(scores, dtype=float)
        if seen.shape != (len(table),) or not np.isfinite(seen).all():
            raise InputError("scores", seen, f"finite numbers, one for each of {len(table)} peers")
        if isinstance(prior_sd, Mapping):
            for name in prior_sd:
                one_of("prior_sd", name, names)
            given = [prior_sd.get(name, np.nan) for name in names]
        else:
            given = [prior_sd] * len(names)
        prior = np.array(given, dtype=float)
        if not (np.isfinite(prior).all() and np.all(prior > 0)):
            raise InputError("prior_sd", prior_sd, "numbers above 0, of every column of X")
        if not (np.isfinite(noise_sd) and noise_sd >= 0):
            raise InputError("noise_sd", noise_sd, "a number of at least 0")
        # Along each singular direction of the features, in units of the prior, one number is
        # learnt; its share of what there is to learn goes from 0 to 1.
        U, size, directions = np.linalg.svd(table * prior, full_matrices=False)
        seen_at_all = size > np.finfo(float).eps * max(table.shape) * size.max(initial=0.0)
        size, U, directions = size[seen_at_all], U[:, seen_at_all], directions[seen_at_all]
        learnt = size**2 / (size**2 + noise_sd**2)
        mean = prior * (directions.T @ (learnt / size * (U.T @ seen)))
        left = np.eye(len(names)) - directions.T @ directions
        left += (directions.T * (1 - learnt)) @ directions
        cov = pd.DataFrame(left * np.outer(prior, prior), names, names)
        return cls(dict(zip(names, mean.tolist(), strict=True)), cov, threshold_sd=threshold_sd)
