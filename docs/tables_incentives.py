"""Tables of docs/incentives.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from surefoot.ground.intervals import mean_interval
from surefoot.incentives import bars
from surefoot.incentives import both_cells as both
from surefoot.incentives import doubt_cells as doubt
from surefoot.incentives import outcome_cells as outcome
from surefoot.incentives import people_cells as people
from surefoot.incentives.sections import LABELS, TITLES

KEPT = (
    "static", "accuracy", "share", "gain", "real", "auc", "lowest share", "claimed", "perverse",
    "lever wanted", "reach", "price", "cost", "violated", "worst", "pass", "base share", "base auc",
    "best first", "worst last",
)  # fmt: skip
PICTURED = "#where-the-outcome-is-known"  # where the picture of the page begins


def tables(stored: pd.DataFrame) -> dict[str, str]:
    """Return the Markdown of each marked table."""
    return {
        "incentives-outcome": _outcome(stored),
        "incentives-people": _people(stored),
        "incentives-told": _told(stored),
        "incentives-doubt": _doubt(stored),
        "incentives-graphs": _graphs(stored),
        "incentives-pill": _pill(stored),
        "incentives-both": _both(stored),
    }


def _mean(stored: pd.DataFrame, task: str, method: str, metric: str, digits: int = 3) -> str:
    of = (stored["task"] == task) & (stored["method"] == method) & (stored["metric"] == metric)
    values = stored[of].sort_values("seed")["value"]
    if values.empty or values.isna().any():
        return ""
    found = mean_interval(values)
    bounds = f"[{found.low:.{digits}f}, {found.high:.{digits}f}]"
    return f"{found.estimate:.{digits}f} {bounds}".replace("-", "−")


def _row(
    stored: pd.DataFrame, task: str, method: str, metrics: Iterable[tuple[str, int]]
) -> list[str]:
    return [_mean(stored, task, method, metric, digits) for metric, digits in metrics]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _outcome(stored: pd.DataFrame) -> str:
    metrics = (("static", 3), ("accuracy", 3), ("share", 3), ("gain", 4))
    rows = [
        [f"p = {p}", LABELS[method], *_row(stored, task, method, metrics)]
        for p, task in bars.KNOWN.items()
        for method in outcome.METHODS
    ]
    heads = ["costs", "rule", "accuracy before", "after the response", "wanted share"]
    return _table([*heads, "rise of good outcomes"], rows)


def _people(stored: pd.DataFrame) -> str:
    metrics = (("auc", 4), ("share", 3), ("perverse", 1))
    rows = [
        [TITLES[case], LABELS[method], *_row(stored, case, method, metrics)]
        for case in TITLES
        for method in people.METHODS
        if _mean(stored, case, method, "auc")
    ]
    return _table(["people", "rule", "AUC", "wanted share", "paid for the opposite"], rows)


def _told(stored: pd.DataFrame) -> str:
    methods = stored[stored["task"] == bars.TOLD]["method"].unique()
    metrics = (("share", 3), ("cost", 2))
    rows = [[method, *_row(stored, bars.TOLD, method, metrics)] for method in methods]
    return _table(["told the effect of", "wanted share", "mean cost of movers"], rows)


def _doubt(stored: pd.DataFrame) -> str:
    metrics = (("share", 3), ("price", 2))
    rows = [[f"{c:g}", *_row(stored, bars.DOUBT, f"{c:g}", metrics)] for c in doubt.CONFIDENCES]
    return _table(["confidence asked for", "wanted share", "cost of a unit of score"], rows)


def _graphs(stored: pd.DataFrame) -> str:
    metrics = (("violated", 3), ("worst", 3), ("auc", 4))
    rows = [
        [method, *_row(stored, bars.GRAPH, method, metrics)]
        for method in (doubt.NOMINAL, doubt.SCENARIOS)
    ]
    return _table(["designed for", "graphs under which it falls short", "lowest", "AUC"], rows)


def _pill(stored: pd.DataFrame) -> str:
    metrics = (("base share", 3), ("base auc", 4), ("share", 3), ("auc", 4))
    rows = [
        [f"{weight:g}", *_row(stored, bars.PILL, f"{weight:g}", metrics)]
        for weight in doubt.PILL_WEIGHTS
    ]
    heads = ["cost of pressure", "share, plain", "AUC, plain", "share, designed", "AUC, designed"]
    return _table(heads, rows)


def _both(stored: pd.DataFrame) -> str:
    rows = [
        [noise, method, *_row(stored, bars.both_task(noise), method, (("pass", 4), ("cost", 2)))]
        for noise in both.NOISES
        for method in both.METHODS
    ]
    return _table(["edges", "method", "share that passes", "mean cost"], rows)
