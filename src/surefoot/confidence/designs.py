"""Designs of the named tables that the study uses: which columns, in which form."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from surefoot.confidence.losses import LogLoss, Loss, Squared
from surefoot.ground.streams import stream

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

_MONTHS = {2: "Feb", 3: "Mar", 4: "Apr", 5: "May", 6: "Jun"}
_WEEKDAYS = ("Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_FLIGHTS_DRAWN = 300_000


class Design(NamedTuple):
    """A table as numbers: X has a constant in front."""

    X: Floats
    y: Floats
    names: tuple[str, ...]
    loss: Loss


def flights(frame: pd.DataFrame) -> Design:
    """Return delays in minutes and what is known beforehand: 18 columns.

    Distance and its square in 1,000 miles, two harmonics of the hour, months and weekdays against
    January and Monday.
    """
    date = frame["date"].dt
    far = frame["distance"].to_numpy() / 1000.0
    hour = 2 * np.pi * (date.hour + date.minute / 60).to_numpy() / 24
    columns = {
        "const": np.ones(len(frame)),
        "distance": far,
        "distance²": far**2,
        **{
            f"{f.__name__}({k}·hour)": f(k * hour)
            for k in (1, 2)
            for f in (np.sin, np.cos)
        },
    }  # fmt: skip
    # The last minute of June is dated the first of July.
    month = np.minimum(date.month.to_numpy(), 6)
    columns |= {name: (month == number) * 1.0 for number, name in _MONTHS.items()}
    weekday = date.day_of_week.to_numpy()
    columns |= {name: (weekday == d) * 1.0 for d, name in enumerate(_WEEKDAYS, 1)}
    X = np.column_stack(list(columns.values()))
    return Design(X, frame["delay"].to_numpy(np.float64), tuple(columns), Squared())


def flights_drawn(frame: pd.DataFrame) -> Design:
    """Return a keyed tenth of the flights, as a population to draw from."""
    rows = stream(0, "flights drawn").choice(len(frame), _FLIGHTS_DRAWN, replace=False)
    return flights(frame.iloc[np.sort(rows)])


def adult(frame: pd.DataFrame) -> Design:
    """Return whether someone earns more than 50,000 dollars a year, and eight columns."""
    columns = {
        "const": np.ones(len(frame)),
        "age": frame["age"] / 10,
        "age²": (frame["age"] / 10) ** 2,
        "education": frame["education-num"],
        "hours": frame["hours-per-week"] / 10,
        "male": frame["sex"] == "Male",
        "married": frame["marital-status"].str.startswith("Married-civ"),
        "private": frame["workclass"] == "Private",
    }
    X = np.column_stack([np.asarray(column, dtype=np.float64) for column in columns.values()])
    y = (frame["income"] == ">50K").to_numpy(np.float64)
    return Design(X, y, tuple(columns), LogLoss())


DESIGNS = {"flights": flights_drawn, "adult": adult}
