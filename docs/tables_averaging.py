"""Tables of docs/averaging.md."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from surefoot.averaging.cells import POLICIES, SHARES, TAILS, WATCHED, tail, window
from surefoot.averaging.selection import DEFAULT, LABELS, RATE, SCHEDULES
from surefoot.ground.intervals import Interval, mean_interval, paired_difference

KEPT = ("test_accuracy", "test_loss", "saved", "share")
PICTURED = "#the-horizon-curve"  # where the picture of the page begins
_TASKS = {f"fashion{DEFAULT}": "test_accuracy", f"characters{DEFAULT}": "test_loss"}
_TUNED = {"fashion": "test_accuracy", "characters": "test_loss"}
_WORDS = {"fashion": "images, accuracy", "characters": "text, loss in nats"}


def tables(stored: pd.DataFrame) -> dict[str, str]:
    """Return the Markdown of each marked table."""
    return {
        "horizons": _at_the_end(stored, _TASKS),
        "tuned": _at_the_end(stored, _TUNED),
        "saved": _saved(stored),
        "rates": _rates(stored),
        "batchnorm": _batchnorm(stored),
    }


def _values(stored: pd.DataFrame, task: str, method: str, metric: str) -> list[float]:
    of = (stored["task"] == task) & (stored["method"] == method) & (stored["metric"] == metric)
    return stored[of].sort_values("seed")["value"].tolist()


def _at_the_end(stored: pd.DataFrame, tasks: dict[str, str]) -> str:
    """Return what is served at the end: the level of the last iterate, then differences to it."""
    heads, columns = [], []
    for task, metric in tasks.items():
        for schedule in SCHEDULES:
            if _values(stored, task, f"{schedule}/raw", metric):
                heads.append(f"{_WORDS[task.removesuffix(DEFAULT)]}: {SCHEDULES[schedule]}")
                columns.append((task, schedule, metric))
    lines = [f"| served at the end | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    names = ["raw", *map(window, SHARES), "searched", "two-tailed", "ema-10", "cosine-20"]
    for name in names:
        cells = []
        for task, schedule, metric in columns:
            own = _values(stored, task, f"{schedule}/{name}", metric)
            raw = _values(stored, task, f"{schedule}/raw", metric)
            digits = 4 if metric == "test_accuracy" else 3
            if name == "raw":
                cells.append(f"{mean_interval(own).estimate:.{digits}f}")
            else:
                cells.append(_signed(paired_difference(own, raw), digits))
        lines.append(f"| {LABELS[name]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _saved(stored: pd.DataFrame) -> str:
    columns = [(t, s) for t in _TASKS for s in SCHEDULES if _values(stored, t, f"{s}/raw", "saved")]
    heads = [f"{_WORDS[t.removesuffix(DEFAULT)].split(',')[0]}: {SCHEDULES[s]}" for t, s in columns]
    lines = [f"| steps saved | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for name in (*map(window, WATCHED), "two-tailed"):
        cells = []
        for task, schedule in columns:
            found = mean_interval(_values(stored, task, f"{schedule}/{name}", "saved"))
            ends = f"[{100 * found.low:.0f}, {100 * found.high:.0f}]"
            cells.append(f"{100 * found.estimate:.0f} % {ends}".replace("-", "−"))
        lines.append(f"| {LABELS[name]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _rates(stored: pd.DataFrame) -> str:
    lines = ["| constant rate, 10 % window | learning rate | steps saved |", "|---|---|---|"]
    for task in sorted(t for t in stored["task"].unique() if RATE in t):
        name, rate = task.split(RATE)
        found = mean_interval(_values(stored, task, f"constant/{window(0.1)}", "saved"))
        ends = f"[{100 * found.low:.0f}, {100 * found.high:.0f}]"
        kind = _WORDS[name].split(",")[0]
        lines.append(f"| {kind} | {rate} | {100 * found.estimate:.0f} % {ends} |")
    return "\n".join(lines)


def _batchnorm(stored: pd.DataFrame) -> str:
    heads = ["last iterate's", "averaged", "re-estimated"]
    lines = [f"| tail | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for share in TAILS:
        cells = [
            _level(_values(stored, "batchnorm", f"constant/{tail(share, p)}", "test_accuracy"))
            for p in POLICIES
        ]
        lines.append(f"| {100 * share:g} % | {' | '.join(cells)} |")
    return "\n".join(lines)


def _level(values: Sequence[float]) -> str:
    found = mean_interval(values)
    return f"{found.estimate:.4f} [{found.low:.4f}, {found.high:.4f}]"


def _signed(found: Interval, digits: int) -> str:
    text = f"{found.estimate:+.{digits}f} [{found.low:+.{digits}f}, {found.high:+.{digits}f}]"
    return text.replace("-", "−")
