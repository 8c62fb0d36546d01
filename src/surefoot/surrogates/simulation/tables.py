"""Tables of finished runs, from files and from memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from surefoot.ground.content import Table
from surefoot.ground.errors import InputError, one_of
from surefoot.surrogates.simulation.space import Space

if TYPE_CHECKING:
    import pandas as pd


def split_table(
    table: str | Path | pd.DataFrame, space: Space | None, outputs: Sequence[str]
) -> tuple[str, str, Space, tuple[pd.DataFrame, pd.DataFrame]]:
    """Return name, fingerprint, space, and inputs and outputs of a table of finished runs.

    Outputs are floats, NaN where there is none.
    """
    import pandas as pd

    if isinstance(table, str | Path):
        name, frame = Path(table).name, read_table(Path(table))
    else:
        name, frame = "table", table.reset_index(drop=True)
    if frame.empty:
        raise InputError(name, "no rows", "one row a run")
    if isinstance(outputs, str):
        raise InputError("outputs", outputs, "a list of columns")
    for output in outputs:
        one_of(f"{name}, outputs", output, frame.columns)
    if space is None:
        # The index that pandas writes has no name, and the number of a row is no input.
        if nameless := [c for c in frame.columns if str(c).startswith("Unnamed: ")]:
            found = f"no name above column {frame.columns.get_loc(nameless[0]) + 1}"
            raise InputError(name, found, "a name for every column; leave an index of rows out")
        space = Space.from_table(frame.drop(columns=list(outputs)))
    for column in space.names:
        one_of(f"{name}, inputs", column, frame.columns)
    X = space.check(frame[space.names])
    y = pd.DataFrame({output: _numbers(frame[output], f"{name}, {output}") for output in outputs})
    return name, Table(name, pd.concat([X, y], axis=1), "", "").fingerprint, space, (X, y)


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV or Parquet file; refuse a CSV whose first row is a row of numbers."""
    import pandas as pd

    kind = one_of(f"{path.name}, file type", path.suffix.lower(), [".csv", ".parquet"])
    try:
        frame = pd.read_csv(path) if kind == ".csv" else pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's and pandas' own errors are ValueErrors
        raise InputError(str(path), str(error), "a readable CSV or Parquet file") from error
    # pandas makes repeated names different: 1.0 and 1.0.1.
    if kind == ".csv" and all(_is_number(str(name)) for name in frame.columns):
        found = f"a first row of numbers: {', '.join(map(str, frame.columns[:5]))}"
        raise InputError(path.name, found, "a header; is the first row a run? Add names above it")
    if kind == ".csv":
        header = pd.read_csv(path, header=None, nrows=1, dtype=str).iloc[0].dropna()
        if (twice := header[header.duplicated()]).size:
            raise InputError(
                path.name, f"two columns {twice.iloc[0]!r}", "a name of its own for each"
            )
    return frame


def _is_number(text: str) -> bool:
    try:
        float(text if text.count(".") < 2 else text.rpartition(".")[0])
    except ValueError:
        return False
    return True


def _numbers(column: pd.Series, where: str) -> pd.Series:
    import pandas as pd

    if column.dtype.kind not in "biufO":
        raise InputError(where, str(column.dtype), "numbers")
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = numbers.isna() & column.notna()
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise InputError(f"{where}, row {row}", column.iloc[row], "a number, or nothing")
    return numbers.astype("float64")
