"""A saved surrogate and a table of inputs in, predictions out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.files import replacing
from surefoot.ground.project_files import within
from surefoot.surrogates.regressor import SurrogateRegressor
from surefoot.surrogates.simulation.tables import read_table


def predict_table(model: Path, table: Path, out: Path, level: float = 0.95) -> pd.DataFrame:
    """Predict the rows of a table, and write the table with what was predicted.

    Parameters
    ----------
    model : Path
        As `SurrogateRegressor.save` writes it.
    table : Path
        CSV or Parquet, with a column for each input; others are kept and not used.
    out : Path
        CSV or Parquet.
    level : float
        Of the intervals, in (0, 1).

    Returns
    -------
    DataFrame
        The table, for each output ``…_mean``, ``…_sd``, ``…_low`` and ``…_high``, and
        ``in_domain``.

    Raises
    ------
    InputError
        If a file can't be read, lacks an input, or holds a value that the inputs can't take; the
        message names row and column.
    """
    suffix = one_of(f"suffix of {out}", out.suffix, (".csv", ".parquet"))
    if not 0 < level < 1:
        raise InputError("level", level, "a number in (0, 1), such as 0.95")
    surrogate, frame = SurrogateRegressor.load(model), read_table(table)
    names = getattr(surrogate, "feature_names_in_", None)
    for name in () if names is None else names:
        one_of(f"{table.name}, inputs", name, frame.columns)
    X = frame.to_numpy() if names is None else frame[list(names)]
    with within(f"{table.name},"):
        mean, sd = surrogate.predict(X, return_std=True, on_extrapolation="ignore")
        low, high = surrogate.predict_interval(X, level)
        inside = surrogate.in_domain(X)
    outputs = surrogate.output_names_
    shape = (len(frame), len(outputs))
    found = {
        f"{name}_{what}": np.reshape(values, shape)[:, place]
        for place, name in enumerate(outputs)
        for what, values in (("mean", mean), ("sd", sd), ("low", low), ("high", high))
    }
    predicted = pd.DataFrame({**found, "in_domain": inside}, index=frame.index)
    # Of a table that was predicted before, the old columns give way.
    frame = pd.concat([frame.drop(columns=list(predicted), errors="ignore"), predicted], axis=1)
    with replacing(out) as part:
        if suffix == ".csv":
            frame.to_csv(part, index=False)
        else:
            frame.to_parquet(part, index=False)
    return frame
