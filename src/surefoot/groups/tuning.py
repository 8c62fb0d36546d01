"""Choose a configuration by one rule, over several seeds, and refuse to choose a gamble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid, ParameterSampler

from surefoot.ground.errors import InputError, UnmetError
from surefoot.ground.streams import subseed

if TYPE_CHECKING:
    import pandas as pd

MAX_SPREAD = 0.25


@dataclass(frozen=True, eq=False)
class Tuning:
    """Outcome of `tune`.

    Attributes
    ----------
    best_estimator_ : estimator
        Fitted with the first seed.
    best_params_ : dict
        Empty if the estimator's own parameters were kept.
    table : DataFrame
        One row a configuration: parameters, mean score, spread over seeds, `stable`, `chosen`.
    reason : str
        Why this configuration, in a sentence.
    """

    best_estimator_: Any
    best_params_: dict[str, Any]
    table: pd.DataFrame
    reason: str


def tune(
    estimator: Any,
    space: Mapping[str, Any],
    X: Any,
    y: Any,
    *,
    X_val: Any,
    y_val: Any,
    groups: Any = None,
    groups_val: Any = None,
    ids: Any = None,
    n_iter: int | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    max_spread: float = MAX_SPREAD,
    n_jobs: int | None = None,
) -> Tuning:
    """Compare configurations on the validation rows under the estimator's `selection` rule.

    The configuration with the best mean score wins only if it is *stable* (its seeds differ by at
    most `max_spread`) and beats the estimator's own parameters by more than one standard error:
    with few rare-class rows in validation most differences are noise, and a fixed recipe measured
    better than an aggressive search.

    Parameters
    ----------
    estimator : GroupClassifier
        Its parameters are the default configuration, always among the candidates.
    space : mapping of parameter name to list or scipy distribution
        A grid, or what `n_iter` draws from.
    X, y, groups, ids, X_val, y_val, groups_val
        As in ``fit``.
    n_iter : int, optional
        Number of random draws; default: the whole grid.
    seeds : sequence of int
        Values of `random_state`; at least two.
    max_spread : float, default 0.25
        Largest difference between the scores of two seeds of one configuration.
    n_jobs : int, optional
        Of joblib; its backends (Dask, Ray) are chosen with ``joblib.parallel_config``.

    Raises
    ------
    UnmetError
        If no configuration is stable.
    """
    import pandas as pd
    from joblib import Parallel, delayed

    seeds = list(seeds)
    if len(seeds) < 2 or len(set(seeds)) < len(seeds):
        raise InputError("seeds", seeds, "at least two different seeds, to see the spread")
    known = estimator.get_params(deep=True)
    for name in space:
        if name not in known:
            raise InputError("space", name, ", ".join(sorted(known)))
    drawn = (
        ParameterGrid(dict(space))
        if n_iter is None
        else ParameterSampler(dict(space), n_iter, random_state=subseed(seeds[0], "tune") % 2**31)
    )
    configurations: list[dict[str, Any]] = [{}, *drawn]
    data = {"groups": groups, "ids": ids, "X_val": X_val, "y_val": y_val, "groups_val": groups_val}

    def score(configuration: dict[str, Any], seed: int) -> float:
        model = clone(estimator).set_params(**configuration, random_state=seed)
        try:
            return float(model.fit(X, y, **data).validation_score_)
        except UnmetError:  # diverged
            return 0.0

    jobs = [(c, s) for c in configurations for s in seeds]
    flat = Parallel(n_jobs=n_jobs)(delayed(score)(c, s) for c, s in jobs)
    scores = np.array(flat).reshape(len(configurations), len(seeds))

    rarest = int(np.unique(np.asarray(y_val), return_counts=True)[1].min())
    choice = choose(scores, rarest, max_spread)
    table = pd.DataFrame(configurations)
    for column, seed in enumerate(seeds):
        table[f"score_seed_{seed}"] = scores[:, column]
    table = table.assign(
        score=scores.mean(1),
        spread=choice.spread,
        stable=choice.stable,
        chosen=np.arange(len(scores)) == choice.index,
    )
    best = configurations[choice.index]
    model = clone(estimator).set_params(**best, random_state=seeds[0])
    return Tuning(model.fit(X, y, **data), best, table, choice.reason)


@dataclass(frozen=True, eq=False)
class Choice:
    """Which row of a score table wins, and why."""

    index: int
    reason: str
    spread: np.ndarray
    stable: np.ndarray


def choose(scores: np.ndarray, rarest: int, max_spread: float = MAX_SPREAD) -> Choice:
    """Choose a configuration from validation scores.

    Parameters
    ----------
    scores : ndarray of shape (configurations, seeds)
        Row 0 is the default.
    rarest : int
        Validation rows of the rarest class, behind every score.
    max_spread : float
        Largest difference between seeds of a stable configuration.

    Raises
    ------
    UnmetError
        If no configuration is stable.
    """
    mean, spread = scores.mean(1), np.ptp(scores, axis=1)
    stable = spread <= max_spread
    if not stable.any():
        msg = (
            f"no configuration is stable: the seeds of each differ by more than {max_spread:g} "
            f"(best mean {mean.max():.3f}, its seeds {np.round(scores[mean.argmax()], 3).tolist()})"
        )
        raise UnmetError(msg)
    best = int(np.where(stable, mean, -np.inf).argmax())
    error = _standard_error(scores[best], rarest)
    if stable[0] and mean[0] >= mean[best] - error:
        reason = (
            f"the default scores {mean[0]:.3f}, within one standard error ({error:.3f}) "
            f"of the best, {mean[best]:.3f}"
        )
        return Choice(0, reason, spread, stable)
    return Choice(best, f"the best stable mean score, {mean[best]:.3f}", spread, stable)


def _standard_error(scores: np.ndarray, rarest: int) -> float:
    """Of a mean score: seeds vary, and the rarest class has only so many rows."""
    p = scores.mean()
    between = scores.var(ddof=1) / len(scores) if len(scores) > 1 else 0.0
    return float(np.sqrt(between + p * (1 - p) / rarest))
