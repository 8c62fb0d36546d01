"""What each share of wanted effort costs in accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from surefoot.ground.errors import InputError, UnmetError
from surefoot.incentives.designing.demand import Demand
from surefoot.incentives.designing.design import Design, design_for
from surefoot.incentives.designing.losses import DataLoss, Loss
from surefoot.incentives.scales import warn_of_scales

BETAS = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True, eq=False)
class Frontier:
    """Designs for a row of targets.

    Attributes
    ----------
    table : DataFrame
        A row a target: ``beta``, ``loss``, ``price`` (rise over the base rule's loss, relative),
        ``share``, ``status`` ("global", "gap", or "unmet": no rule gets there), ``gap``.
    designs : tuple of Design
        Those of targets that can be met, by rising beta.
    """

    table: pd.DataFrame
    designs: tuple[Design, ...]


def frontier(
    X: pd.DataFrame,
    y: ArrayLike,
    *,
    betas: Sequence[float] = BETAS,
    loss: Loss = "logistic",
    penalty: float = 1e-6,
    accept: Any = 1,
    sample_weight: ArrayLike | None = None,
    **demand: Any,
) -> Frontier:
    """Return the best rule for each of many targets, each search begun at the last one's rule.

    Parameters
    ----------
    X, y, loss, penalty, accept, sample_weight
        As in `surefoot.incentives.designing.design.design`.
    betas : sequence of float
        Targets, 0 to 1.
    **demand
        All other arguments of `design`.
    """
    if len(betas) == 0:
        raise InputError("betas", "nothing", "at least one share from 0 to 1")
    objective = DataLoss.of(
        X, y, loss=loss, penalty=penalty, accept=accept, sample_weight=sample_weight
    )
    asked = [Demand(**demand, beta=float(beta), agents=X) for beta in sorted(betas)]
    warn_of_scales(asked[0].effects, asked[0].costs.values(), X)
    rows: list[dict[str, Any]] = []
    designs: list[Design] = []
    for one in asked:
        start = designs[-1].rule if designs else None
        try:
            found = design_for(objective, one, start)
        except UnmetError:
            nothing = dict.fromkeys(("loss", "price", "share", "gap"), np.nan)
            rows.append({"beta": one.beta, **nothing, "status": "unmet"})
            continue
        proof = found.certificate
        designs.append(found)
        rows.append({
            "beta": one.beta, "loss": found.loss, "price": found.price, "share": found.share,
            "status": proof.status, "gap": proof.gap,
        })  # fmt: skip
    columns = ["beta", "loss", "price", "share", "status", "gap"]
    return Frontier(pd.DataFrame(rows, columns=columns), tuple(designs))
