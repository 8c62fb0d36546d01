"""How tasks ask a surrogate and the simulator behind it, and what every result can do."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.streams import stream

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Output = str | int


class Surrogate(Protocol):
    """What a task needs of a surrogate; `X` is a table of inputs in their own units.

    One that draws whole functions also has ``sample(X, n, seed)``, of shape (n, m) or (n, m, p).
    One that knows where it can be trusted also has ``in_domain(X)``, of shape (m,), and takes
    ``on_extrapolation="ignore"`` in `predict`. One of several outputs has ``output_names_`` if
    they are to be asked for by name.
    """

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Return mean and standard deviation, each of shape (m,) or (m, p)."""


@dataclass(frozen=True)
class Draws:
    """Responses drawn from a surrogate.

    Attributes
    ----------
    values : ndarray of shape (n, m)
    joint : bool
        Whether each draw hangs together over the points, as a function does. Draws that don't
        average the surrogate's errors out, and understate what comes of them.
    """

    values: Floats
    joint: bool


class Result:
    """Base of the results: dataclasses that can be written as JSON."""

    def to_dict(self) -> dict[str, Any]:
        """Return the result in JSON's types; what is not a finite number is None."""
        return {one.name: _plain(getattr(self, one.name)) for one in fields(self)}  # type: ignore[arg-type]


def moments(surrogate: Any, X: pd.DataFrame, output: Output | None = None) -> tuple[Floats, Floats]:
    """Return mean and standard deviation at the rows of `X`: of one output, or of all together."""
    # Asked everywhere in the space on purpose; results say where a surrogate is out of its domain.
    known = {"on_extrapolation": "ignore"} if hasattr(surrogate, "in_domain") else {}
    mean, sd = surrogate.predict(X, return_std=True, **known)
    if output is None:
        return np.asarray(mean, dtype=float), np.asarray(sd, dtype=float)
    return _column(mean, output, surrogate), _column(sd, output, surrogate)


def draws(surrogate: Any, X: pd.DataFrame, n: int, seed: int, output: Output = 0) -> Draws:
    """Return `n` draws at the rows of `X`; independent normal ones if there are no joint draws."""
    if hasattr(surrogate, "sample"):
        values = np.asarray(surrogate.sample(X, n, seed), dtype=float)
        return Draws(_column(values, output, surrogate, axes=3), joint=True)
    mean, sd = moments(surrogate, X, output)
    random = stream(seed, "independent draws")
    return Draws(mean + sd * random.standard_normal((n, len(mean))), joint=False)


def simulate(truth: Any, X: pd.DataFrame, output: Output | None = None) -> Floats:
    """Return what the simulator says at the rows of `X`.

    Parameters
    ----------
    truth : callable or object with ``evaluate``
        Takes the table and returns an array or a table of outputs, one row each.
    X : DataFrame
    output : str or int, optional
        The output wanted; without it all of them.

    Raises
    ------
    InputError
        If the number of rows differs, or an output is not finite.
    """
    values = getattr(truth, "evaluate", truth)(X)
    if hasattr(values, "columns"):
        values = values if output is None else values[_named(values.columns, output)]
        found = np.asarray(values, dtype=float)
    else:
        found = np.asarray(values, dtype=float)
        found = found if output is None else _column(found, output, truth)
    if len(found) != len(X):
        raise InputError("truth", f"{len(found)} rows", f"{len(X)}, one for each row of inputs")
    if not np.isfinite(found).all():
        row = int(np.argmin(np.isfinite(found).reshape(len(found), -1).all(axis=1)))
        raise InputError(f"truth, row {row}", found[row], "finite outputs")
    return found


def _column(values: Any, output: Output, owner: Any, axes: int = 2) -> Floats:
    """Return one output of values whose last axis, if there are `axes`, counts outputs."""
    found = np.asarray(values, dtype=float)
    if found.ndim < axes:
        return found
    if isinstance(output, str):
        names = getattr(owner, "output_names_", None)
        if names is None:
            raise InputError("output", output, "its number: these outputs have no names")
        output = list(names).index(one_of("output", output, names))
    if not 0 <= output < found.shape[-1]:
        raise InputError("output", output, f"0 to {found.shape[-1] - 1}")
    return found[..., output]


def _named(columns: Any, output: Output) -> str:
    names = [str(name) for name in columns]
    return names[output] if isinstance(output, int) else one_of("output", output, names)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(one) for one in value]
    if is_dataclass(value):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
