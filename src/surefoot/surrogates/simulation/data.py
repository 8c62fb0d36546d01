"""What a model learns from: inputs and outputs of the runs that succeeded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from surefoot.ground.errors import InputError
from surefoot.surrogates.simulation.simulator import Simulator

if TYPE_CHECKING:
    import pandas as pd


def training_data(simulator: Simulator, table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return inputs and outputs of the successful runs in `table`, rows in the same order.

    A field output becomes a column for each of its values, ``name[0]`` and on. The index of both is
    the name of the run, so that replicates (equal inputs) and their origin can be told.

    Raises
    ------
    InputError
        If a deterministic simulator gave different outputs at the same inputs.
    """
    good = table[table["status"] == "ok"].set_index("run")
    X, y = good[simulator.space.names], _expanded(good, simulator.outputs)
    if not simulator.stochastic:
        _refuse_disagreement(X, y)
    return X, y


def _expanded(good: pd.DataFrame, outputs: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    columns = {}
    for name in outputs:
        values = np.array(good[name].tolist(), np.float64)
        if values.ndim == 1:
            columns[name] = values
        else:
            columns |= {f"{name}[{place}]": column for place, column in enumerate(values.T)}
    return pd.DataFrame(columns, index=good.index)


def _refuse_disagreement(X: pd.DataFrame, y: pd.DataFrame) -> None:
    if not X.duplicated().any():
        return
    first: dict[tuple, int] = {}
    for row, point in enumerate(X.itertuples(index=False, name=None)):
        earlier = first.setdefault(point, row)
        if (y.iloc[row] != y.iloc[earlier]).any():
            found = f"the same inputs in {X.index[earlier]!r} and {X.index[row]!r}, other outputs"
            raise InputError("runs", found, "equal outputs, or a simulator with stochastic=True")
