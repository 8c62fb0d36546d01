"""From a table of mixed columns to network inputs, by rules that fit into JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

MAX_CATEGORIES = 64
MISSING = "(missing)"
RARE = "(rare)"


@dataclass
class TableEncoder:
    """Numbers stay numbers (median where missing, and a column that says so), text becomes one-hot.

    Unlike a scikit-learn ColumnTransformer it is stored as JSON, without pickle.

    Attributes
    ----------
    numeric : dict of column to median
    indicators : list of str
        Numeric columns with missing values in training; they get a 0/1 column.
    categories : dict of column to list of str
        At most 64 each, the most frequent; the rest, and values never seen, are "(rare)".
    """

    numeric: dict[str, float] = field(default_factory=dict)
    indicators: list[str] = field(default_factory=list)
    categories: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def learn(cls, frame: pd.DataFrame, columns: Sequence[str]) -> TableEncoder:
        """Learn medians and categories from training rows."""
        import pandas as pd

        encoder = cls()
        for name in columns:
            values = frame[name]
            if pd.api.types.is_bool_dtype(values) or pd.api.types.is_numeric_dtype(values):
                numbers = _numbers(values, name)
                median = np.nanmedian(numbers) if np.isfinite(numbers).any() else 0.0
                encoder.numeric[name] = float(median)
                if np.isnan(numbers).any():
                    encoder.indicators.append(name)
            elif pd.api.types.is_datetime64_any_dtype(values):
                allowed = "numbers, text or true/false; turn dates into numbers first, or drop it"
                raise InputError(f"column {name!r}", "dates", allowed)
            else:
                counts = _texts(values).value_counts()
                # Ties in frequency are broken by name, so that the order of rows does not matter.
                order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
                kept = [text for text, _ in order[:MAX_CATEGORIES]]
                encoder.categories[name] = sorted({*kept, RARE})
        if not encoder.numeric and not encoder.categories:
            raise InputError("features", "no column", "at least one besides target and groups")
        return encoder

    @property
    def columns(self) -> list[str]:
        """Columns that a table must have."""
        return [*self.numeric, *self.categories]

    @property
    def feature_names(self) -> list[str]:
        """Names of the columns of the encoded matrix."""
        one_hot = [f"{c}={v}" for c, values in self.categories.items() for v in values]
        return [*self.numeric, *(f"{c} is missing" for c in self.indicators), *one_hot]

    def encode(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        """Return inputs of shape (n, len(feature_names))."""
        missing = [name for name in self.columns if name not in frame]
        if missing:
            raise InputError("table", f"no column {missing[0]!r}", f"columns {self.columns}")
        parts: list[NDArray] = []
        numbers = {name: _numbers(frame[name], name) for name in self.numeric}
        for name, median in self.numeric.items():
            parts.append(np.where(np.isnan(numbers[name]), median, numbers[name])[:, None])
        parts += [np.isnan(numbers[name])[:, None] for name in self.indicators]
        for name, values in self.categories.items():
            texts = _texts(frame[name])
            known = texts.where(texts.isin(values), RARE).to_numpy(dtype=object)
            parts.append(known[:, None] == np.array(values, dtype=object)[None, :])
        return np.concatenate(parts, axis=1).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Return the rules in JSON's types."""
        return asdict(self)


def _numbers(values: pd.Series, name: str) -> NDArray[np.float64]:
    numbers = values.astype("float64").to_numpy()
    if np.isinf(numbers).any():
        row = int(np.flatnonzero(np.isinf(numbers))[0])
        raise InputError(
            f"column {name!r}", f"an infinite value in row {row + 1}", "finite numbers"
        )
    return numbers


def _texts(values: pd.Series) -> pd.Series:
    return values.astype("object").where(values.notna(), MISSING).astype(str)
