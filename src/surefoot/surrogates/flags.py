"""What makes a table or a fit doubtful without making it wrong: told, and left to the reader."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from surefoot.surrogates.candidates.fitted_gp import FittedGP
from surefoot.surrogates.stack import Comparison

Floats = NDArray[np.float64]

_DECADES = 6
# Of a normal law 0, of Student's t with five degrees of freedom 6.
_HEAVY = 6.0
# By which factor closed-form leave-one-out may be the smaller one; a fold leaves out more rows.
_FLATTERED = 4.0


def of_response(name: str, y: Floats) -> Iterator[str]:
    """Tell of responses that are hard to learn, whatever learns them.

    Parameters
    ----------
    name : str
    y : ndarray of shape (n,)
    """
    if y.min() > 0 and np.log10(y.max() / y.min()) > _DECADES:
        decades = np.log10(y.max() / y.min())
        yield f"{name} spans {decades:.0f} decades: scores are those of its largest values"
    sd = y.std()
    if sd > 0 and (((y - y.mean()) / sd) ** 4).mean() - 3 > _HEAVY:
        yield f"{name} has heavy tails: a few runs decide its scores"


def of_fit(name: str, comparison: Comparison) -> Iterator[str]:
    """Tell of the members in the mixture what was out of line in their fits."""
    for k in np.flatnonzero(comparison.weights).tolist():
        trial = comparison.trials[k]
        member, model = trial.full.member.name, trial.full.model
        told = model.describe()
        if bound := told.get("length_scales_at_bound"):
            yield f"{name}, {member}: length scales at their bound, of encoded inputs {bound}"
        if "nugget_raised_from" in told:
            raised = f"the nugget was raised to {told['nugget']:.1g}"
            yield f"{name}, {member}: near duplicates; {raised}"
        if isinstance(model, FittedGP) and model.single:
            left_out, _ = model.loo()
            alone = np.sqrt(np.mean((left_out - model.T[:, 0]) ** 2))
            folds = np.sqrt(np.mean((trial.mean - trial.warped) ** 2))
            if alone * _FLATTERED < folds:
                ratio = folds / max(alone, np.finfo(float).tiny)
                yield (
                    f"{name}, {member}: the folds' error is {ratio:.1f} times that of closed-form "
                    "leave-one-out; the folds are right"
                )
