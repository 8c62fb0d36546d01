"""The inputs of a simulator: named dimensions, and the ways between their values and numbers."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError, one_of
from surefoot.surrogates.simulation import dimensions as kinds
from surefoot.surrogates.simulation.dimensions import Categorical, Dimension, Integer, Real

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Categorical", "Integer", "Real", "Space"]

Floats = NDArray[np.float64]


class Space:
    """Named dimensions in order; immutable by convention.

    Parameters
    ----------
    **dimensions : Real, Integer or Categorical
        At least one.

    Examples
    --------
    >>> space = Space(r=Real(100, 5e4, scale="log", unit="m"), mesh=Categorical(["a", "b"]))
    >>> space.encoded_names
    ['r', 'mesh=a', 'mesh=b']
    >>> space.encode({"mesh": ["b"], "r": [100]}).tolist()
    [[0.0, 0.0, 1.0]]
    """

    def __init__(self, /, **dimensions: Dimension) -> None:
        if not dimensions:
            raise InputError("space", "no dimensions", "one or more, such as x=Real(0, 1)")
        for name, dimension in dimensions.items():
            if not isinstance(dimension, Real | Integer | Categorical):
                raise InputError(f"space, {name}", dimension, "a Real, Integer or Categorical")
        self.dimensions: Mapping[str, Dimension] = dimensions

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Space:
        """Return the space that `to_dict` described, or a person in a TOML or JSON file.

        A dimension without a ``kind`` is a ``"real"``.
        """
        return cls(**{name: kinds.from_dict(name, value) for name, value in values.items()})

    @classmethod
    def from_table(cls, frame: pd.DataFrame) -> Space:
        """Return the box around the rows of `frame`: text columns as categories.

        Columns of integers and of truth values become an `Integer`, other numbers a `Real`. A
        column with a single value spans no range: it is left out, with a warning.

        Raises
        ------
        InputError
            If a value is missing or not finite, or a column holds neither numbers nor text.
        """
        found: dict[str, Dimension] = {}
        for name in map(str, frame.columns):
            values = frame[name].to_numpy()
            text = values.dtype.kind == "O" and all(isinstance(value, str) for value in values)
            levels: Any = sorted(set(values)) if text else np.unique(kinds.as_numbers(values, name))
            if len(levels) < 2:
                message = f"column {name!r} has a single value and is left out of the space"
                warnings.warn(message, stacklevel=2)
            elif text:
                found[name] = Categorical(levels)
            elif values.dtype.kind in "biu":
                found[name] = Integer(int(levels[0]), int(levels[-1]))
            else:
                found[name] = Real(levels[0], levels[-1])
        return cls(**found)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return the dimensions in JSON's types."""
        return {name: kinds.to_dict(one) for name, one in self.dimensions.items()}

    def __repr__(self) -> str:
        return f"Space({', '.join(f'{name}={one!r}' for name, one in self.dimensions.items())})"

    def __eq__(self, other: object) -> bool:
        # The order counts: it is that of the columns.
        return isinstance(other, Space) and list(self.dimensions.items()) == list(
            other.dimensions.items()
        )

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return len(self.dimensions)

    @property
    def names(self) -> list[str]:
        """The inputs, in order."""
        return list(self.dimensions)

    @property
    def encoded_names(self) -> list[str]:
        """The columns of `encode`, in order."""
        return [n for name, one in self.dimensions.items() for n in one.encoded_names(name)]

    def check(self, frame: pd.DataFrame | Mapping[str, Iterable[Any]]) -> pd.DataFrame:
        """Return `frame` with its columns in order and of their own types, rows numbered from 0.

        Values outside the bounds are let through, see `contains`.

        Parameters
        ----------
        frame : DataFrame or mapping of name to values

        Raises
        ------
        InputError
            If a column is unknown or missing, or a value is missing, not finite, not of its
            dimension's type, not positive on a log scale, or an unknown level. The message names
            row (counted from 0) and column.
        """
        import pandas as pd

        if isinstance(frame, Mapping):
            frame = pd.DataFrame(dict(frame))
        if not isinstance(frame, pd.DataFrame):
            raise InputError("inputs", type(frame).__name__, f"a table with columns {self.names}")
        for column in frame.columns:
            one_of("columns", column, self.names)
        if missing := [name for name in self.names if name not in frame.columns]:
            raise InputError("columns", f"no {missing[0]!r}", f"all of {self.names}")
        if len(frame.columns) > len(self):
            raise InputError("columns", list(frame.columns), "each column once")
        return pd.DataFrame(
            {
                name: one.native(frame[name].to_numpy(), name)
                for name, one in self.dimensions.items()
            }
        )

    def contains(self, frame: pd.DataFrame | Mapping[str, Iterable[Any]]) -> NDArray[np.bool_]:
        """Tell for each row whether it is within all bounds."""
        checked = self.check(frame)
        return np.logical_and.reduce(
            [one.contains(checked[name].to_numpy()) for name, one in self.dimensions.items()]
        )

    def to_unit(self, frame: pd.DataFrame | Mapping[str, Iterable[Any]]) -> Floats:
        """Return each row as a point of the unit cube, shape (n, d); outside if it is outside."""
        checked = self.check(frame)
        return np.column_stack(
            [one.to_unit(checked[name].to_numpy()) for name, one in self.dimensions.items()]
        )

    def from_unit(self, U: Floats) -> pd.DataFrame:
        """Return the values at points `U` of the unit cube, shape (n, d), as a table."""
        import pandas as pd

        U = np.asarray(U, np.float64)
        if U.ndim != 2 or U.shape[1] != len(self):
            raise InputError("U", f"shape {U.shape}", f"shape (n, {len(self)})")
        columns = zip(self.dimensions.items(), U.T, strict=True)
        return pd.DataFrame({name: one.from_unit(u) for (name, one), u in columns})

    def encode(self, frame: pd.DataFrame | Mapping[str, Iterable[Any]]) -> Floats:
        """Return the rows as numbers for a model, shape (n, len(encoded_names)).

        Numbers are scaled to [0, 1], on their log scale where they have one; a category is one
        column a level.
        """
        checked = self.check(frame)
        return np.hstack(
            [one.encode(checked[name].to_numpy()) for name, one in self.dimensions.items()]
        )

    def records(self, frame: pd.DataFrame | Mapping[str, Iterable[Any]]) -> list[dict[str, Any]]:
        """Return each row as a dict of plain numbers and text, the same for equal values."""
        return self.check(frame).to_dict("records")
