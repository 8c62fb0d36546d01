"""A user's table: read it, check which column plays which part, split its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError, one_of
from surefoot.groups import preparation

if TYPE_CHECKING:
    import pandas as pd

TEST_FRACTION, VALIDATION_FRACTION = 0.2, 0.25


def read_table(path: str) -> pd.DataFrame:
    """Read CSV (also .gz) or Parquet, by the ending of the name."""
    import pandas as pd

    file = Path(path)
    if not file.is_file():
        raise InputError("table", str(path), "an existing CSV or Parquet file")
    endings = "".join(file.suffixes[-2:]).lower()
    try:
        if file.suffix.lower() in (".parquet", ".pq"):
            frame = pd.read_parquet(file)
        elif endings.endswith((".csv", ".csv.gz", ".tsv", ".tsv.gz")):
            separator = "\t" if ".tsv" in endings else ","
            frame = pd.read_csv(file, sep=separator, skipinitialspace=True)
        else:
            raise InputError("table", file.name, "a name ending in .csv, .csv.gz, .tsv or .parquet")
    except InputError:
        raise
    except (ValueError, OSError) as error:  # pandas and pyarrow: empty, ragged or broken files
        raise InputError("table", f"{file.name}: {error}", "a readable table") from error
    if frame.empty:
        raise InputError("table", f"{file.name} has no rows", "at least one row")
    repeated = frame.columns[frame.columns.duplicated()]
    if len(repeated):
        raise InputError("table", f"two columns named {repeated[0]!r}", "distinct column names")
    return frame


def column(frame: pd.DataFrame, name: str, where: str) -> pd.Series:
    """Return a column that has no missing value, or say which row lacks one."""
    one_of(where, name, [str(c) for c in frame.columns])
    values = frame[name]
    if values.isna().any():
        row = int(np.flatnonzero(values.isna())[0])
        raise InputError(f"{where} {name!r}", f"a missing value in row {row + 1}", "none missing")
    return values


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of the three parts of a table, shares of the groups kept."""

    train: NDArray
    validation: NDArray
    test: NDArray


@dataclass(frozen=True, eq=False)
class Columns:
    """Which columns play which part."""

    target: str
    groups: list[str]
    features: list[str]

    @classmethod
    def of(
        cls, frame: pd.DataFrame, target: str, groups: Sequence[str], drop: Sequence[str]
    ) -> Columns:
        """Check the names and take every other column as a feature."""
        column(frame, target, "target")
        if not groups:
            raise InputError("group", "none", "at least one column")
        for name in groups:
            column(frame, name, "group")
            if name == target:
                raise InputError("group", name, "a column other than the target")
        for name in drop:
            one_of("drop", name, [str(c) for c in frame.columns])
        left_out = {target, *groups, *drop}
        return cls(target, list(groups), [str(c) for c in frame.columns if c not in left_out])


def split_rows(y: NDArray, attributes: pd.DataFrame, seed: int) -> Split:
    """Split the rows of a table for `seed`."""
    labels = np.unique(y, return_inverse=True)[1]
    groups = np.unique(preparation.cross_groups(y, attributes), return_inverse=True)[1]
    rows = np.arange(len(y))
    everything = preparation.Part(rows, labels, groups, rows, None)
    rest, test = preparation.split(everything, TEST_FRACTION, seed)
    train, validation = preparation.split(rest, VALIDATION_FRACTION, seed + 1)
    if len(np.unique(train.y)) < 2:
        raise InputError("target", "one class", "at least two classes")
    return Split(train.ids, validation.ids, test.ids)
