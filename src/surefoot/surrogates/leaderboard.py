"""Who did how well out of fold, and what the stack's own score is worth after the choosing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from surefoot.ground.intervals import Interval
from surefoot.surrogates.ensemble.scores import Scores, score_law
from surefoot.surrogates.ensemble.stacking import stack
from surefoot.surrogates.ensemble.winner import indistinguishable, out_of_bag, resample
from surefoot.surrogates.stack import Comparison

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

STACK = "stack"
SHOWN = ("nrmse", "r2", "nlpd", "crps", "coverage_95", "width_95")
_REPLICATES = 200


def leaderboard(comparison: Comparison) -> pd.DataFrame:
    """Return the out-of-fold scores of the stack and of every member, best log score first.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    DataFrame
        By name: the scores of `surefoot.surrogates.ensemble.scores` (nrmse, r2, nlpd, crps,
        coverage_95, width_95), weight and temperature in the stack, whether the log score can't
        be told from the best member's (``as_good_as_best``), CPU seconds. The stack's own row was
        scored on the rows its weights were chosen on: `corrected` says what it is worth.
    """
    import pandas as pd

    rows = [_shown(scores_of(comparison))]
    rows += [_shown(scores_of(comparison, k)) for k in range(len(comparison.trials))]
    frame = pd.DataFrame(rows, index=[STACK, *comparison.names])
    frame["weight"] = [np.nan, *comparison.weights]
    frame["temperature"] = [np.nan, *comparison.temperatures]
    frame["as_good_as_best"] = [False, *as_good_as_best(comparison)]
    frame["cpu_s"] = [np.nan, *(trial.cpu_s for trial in comparison.trials)]
    members = frame.iloc[1:].sort_values("nlpd", kind="stable")
    return pd.concat([frame.iloc[:1], members]).rename_axis("candidate")


def of_all(comparisons: Sequence[Comparison], names: Sequence[str]) -> pd.DataFrame:
    """Return the leaderboard; of several responses one below the other, named in ``output``."""
    import pandas as pd

    frames = [leaderboard(comparison) for comparison in comparisons]
    if len(frames) == 1:
        return frames[0]
    return pd.concat(dict(zip(names, frames, strict=True)), names=["output", "candidate"])


def scores_of(comparison: Comparison, member: int | None = None) -> Scores:
    """Return the out-of-fold scores of the stack, or of one member."""
    law = comparison.law if member is None else comparison.member_law(member)
    return score_law(comparison.y, law, comparison.groups)


def as_good_as_best(comparison: Comparison) -> list[bool]:
    """Say of every member whether its log score can't be told from the best one's."""
    costs = [trial.full.member.candidate.cost for trial in comparison.trials]
    # A response that a member held for impossible is as bad as the temperature's floor says.
    loss = -np.maximum(comparison.log_density, comparison.log_density.max(axis=1)[:, None] - 30)
    found = indistinguishable(loss, costs, comparison.fold)
    return [k in found for k in range(len(costs))]


def corrected(comparison: Comparison, seed: int = 0) -> dict[str, Interval]:
    """Return the stack's nrmse and nlpd, corrected for the choice of its weights.

    The weights are chosen again on bootstrap samples of the rows, and scored on the rows that a
    sample left out. Costs no fit. Temperatures stay as all rows chose them, one number a member.
    """
    counts = resample(comparison.groups, _REPLICATES, seed)
    weights = stack(comparison.log_density, counts)
    y = comparison.y
    sd = float(y.std()) or 1.0
    squared = ((weights @ _means(comparison).T - y) / sd) ** 2
    with np.errstate(divide="ignore"):
        logs = np.log(weights)[:, None, :] + comparison.log_density
    log_loss = -logsumexp(logs, axis=2) - np.log(sd)
    return {
        "nrmse": out_of_bag(squared, counts, root=True),
        "nlpd": out_of_bag(log_loss, counts),
    }


def _means(comparison: Comparison) -> Floats:
    count = len(comparison.trials)
    return np.stack([comparison.member_law(k).mean() for k in range(count)], axis=1)


def _shown(scores: Scores) -> dict[str, float]:
    return {name: scores[name] for name in SHOWN}
