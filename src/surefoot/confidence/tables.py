"""Tables as populations: named ones, and a user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from surefoot.confidence.designs import DESIGNS
from surefoot.confidence.losses import Huber, LogLoss, Loss, Quantile, Squared
from surefoot.confidence.populations import TablePopulation
from surefoot.confidence.streams.row_stream import RowStream
from surefoot.ground.datasets import load
from surefoot.ground.errors import InputError, one_of
from surefoot.ground.files import file_fingerprint


def loss_named(name: str, *, quantile: float | None = None, epsilon: float | None = None) -> Loss:
    """Return a loss by the name it has in the estimators; "logistic" is "log_loss".

    A quantile or an epsilon for a loss that has none is refused: the mean is no quantile.
    """
    names = ("squared", "huber", "quantile", "log_loss", "logistic")
    one_of("loss", name, names)
    for option, value, owner in (("quantile", quantile, "quantile"), ("epsilon", epsilon, "huber")):
        if value is not None and name != owner:
            raise InputError(option, f"{value} with the {name} loss", f"it with loss {owner!r}")
    if name in ("log_loss", "logistic"):
        return LogLoss()
    if name == "quantile":
        return Quantile() if quantile is None else Quantile(quantile)
    if name == "huber":
        return Huber() if epsilon is None else Huber(epsilon)
    return Squared()


def described_table(
    path: str | Path,
    target: str,
    loss: str,
    *,
    quantile: float | None,
    epsilon: float | None,
    features: Sequence[str] | None,
    drop: Sequence[str],
    categorical: Sequence[str],
) -> tuple[dict[str, Any], str]:
    """Return what `table_population` takes, and the fingerprint of the table."""
    kind = loss_named(loss, quantile=quantile, epsilon=epsilon)
    parts = {
        "quantile": quantile, "epsilon": epsilon,
        "features": features, "drop": list(drop), "categorical": list(categorical),
    }  # fmt: skip
    described = {
        "table": str(Path(path).resolve()),
        "target": target,
        "loss": kind.name,
        **{name: value for name, value in parts.items() if value},
    }
    return described, file_fingerprint(path)


def table_population(described: Mapping[str, Any]) -> TablePopulation:
    """Return the population that a case describes.

    Parameters
    ----------
    described : mapping
        "table": one of `surefoot.confidence.designs.DESIGNS`, or a path; with a path "target" and
        "loss", and maybe "quantile", "epsilon", "features", "drop", "categorical".
    """
    name = described["table"]
    if name in DESIGNS:
        design = DESIGNS[name](load(name).frame)
        return TablePopulation(design.X, design.y, design.loss, design.names)
    loss = loss_named(
        described["loss"], quantile=described.get("quantile"), epsilon=described.get("epsilon")
    )
    columns = {
        key: described[key] for key in ("features", "drop", "categorical") if described.get(key)
    }
    rows = RowStream.from_table(name, described["target"], **columns)
    batches = list(rows)
    X = np.concatenate([batch.X for batch in batches])
    y = np.concatenate([batch.y for batch in batches])
    if isinstance(loss, LogLoss):
        y = _as_zero_one(y, described["target"])
    X = np.column_stack([np.ones(len(X)), X])
    return TablePopulation(X, y.astype(np.float64), loss, ("const", *rows.names))


def _as_zero_one(y: Any, target: str) -> Any:
    labels = np.unique(y)
    if len(labels) != 2:
        raise InputError(f"target {target!r}", f"{len(labels)} labels", "two")
    return (y == labels[1]).astype(np.float64)
