"""Tables of docs/confidence.md."""

from __future__ import annotations

import pandas as pd

from surefoot.confidence.cases import COLD_STEPS, EPOCHS, FULL, GAMMAS, LITERAL_STEPS, STEP_SIZES
from surefoot.confidence.sections import LABELS, MODELS, NAIVE
from surefoot.ground.intervals import mean_interval

KEPT = (
    "coverage", "percentile", "length", "squared_error", "simultaneous", "ellipsoid", "bias_flag",
    "lowest SE ratio", "highest SE ratio", "farthest estimate",
)  # fmt: skip
PICTURED = "#does-it-cover"  # where the picture of the page begins
_LARGE = ("linear-20", "linear-100", "logistic-20", "median-5", "linear-500")


def tables(stored: pd.DataFrame) -> dict[str, str]:
    """Return the Markdown of each marked table."""
    return {
        "coverage": _coverage(stored, MODELS, LABELS),
        "published": _published(stored),
        "rules": _rules(stored),
        "joint": _joint(stored),
        "sizes": _sizes(stored),
        "real": _coverage(stored, ("flights", "adult"), {**LABELS, **NAIVE}),
        "stream": _stream(stored),
        "td": _td(stored),
        "flags": _flags(stored),
    }


def _values(stored: pd.DataFrame, task: str, method: str, metric: str) -> list[float]:
    of = (stored["task"] == task) & (stored["method"] == method) & (stored["metric"] == metric)
    return stored[of].sort_values("seed")["value"].tolist()


def _mean(stored: pd.DataFrame, task: str, method: str, metric: str, digits: int = 3) -> str:
    values = _values(stored, task, method, metric)
    return f"{mean_interval(values).estimate:,.{digits}f}" if values else ""


def _full(stored: pd.DataFrame, task: str, method: str, metric: str) -> str:
    values = _values(stored, task, method, metric)
    if not values:
        return ""
    found = mean_interval(values)
    return f"{found.estimate:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _titled(task: str) -> str:
    case = FULL[task]
    return case.title if case.n == 10_000 else f"{case.title}, {case.n:,} rows"


def _coverage(stored: pd.DataFrame, tasks: tuple[str, ...], labels: dict[str, str]) -> str:
    """Return coverage (length), a row a case and a column a method."""
    shown = [m for m in labels if any(_values(stored, task, m, "coverage") for task in tasks)]
    lines = [f"| | {' | '.join(labels[m] for m in shown)} |", "|---" * (len(shown) + 1) + "|"]
    for task in tasks:
        cells = []
        for method in shown:
            covers = _mean(stored, task, method, "coverage")
            length = _mean(stored, task, method, "length", 2)
            cells.append(f"{covers} ({length})" if covers else "")
        lines.append(f"| {FULL[task].title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _published(stored: pd.DataFrame) -> str:
    tasks = ("linear-5", "linear-20", "logistic-5", "median-5")
    methods = {f"literal c0={c0:g}": f"as published, c0 = {c0:g}" for c0 in LITERAL_STEPS}
    heads = [*methods.values(), "guarded"]
    lines = [f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for task in tasks:
        runs = [(f"{task}, published", method) for method in methods]
        cells = [
            f"{_mean(stored, of, m, 'coverage')} ({_mean(stored, of, m, 'length', 2)})"
            for of, m in [*runs, (task, "ours")]
        ]
        lines.append(f"| {FULL[task].title} | {' | '.join(cells)} |")
    own = [
        f"{_mean(stored, of, m, 'coverage')} ({_mean(stored, of, m, 'length', 2)})"
        for of, m in (("authors, published", "literal"), ("authors", "ours"))
    ]
    lines.append(f"| {FULL['authors'].title}, its own steps | {own[0]} | | | | {own[1]} |")
    return "\n".join(lines)


def _rules(stored: pd.DataFrame) -> str:
    heads = [f"γ = {gamma:g}" for gamma in GAMMAS]
    lines = [f"| coverage (length) | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for c0 in STEP_SIZES:
        cells = []
        for gamma in GAMMAS:
            method = f"ours c0={c0:g} γ={gamma:g}"
            covers = _mean(stored, "any-step", method, "coverage")
            cells.append(f"{covers} ({_mean(stored, 'any-step', method, 'length', 2)})")
        lines.append(f"| c0 = {c0:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _joint(stored: pd.DataFrame) -> str:
    lines = ["| | all intervals at once (max-t) | ellipsoid |", "|---|---|---|"]
    for task in (*MODELS, *(f"{task}, n=100000" for task in _LARGE)):
        together = _full(stored, task, "ours", "simultaneous")
        lines.append(
            f"| {_titled(task)} | {together} | {_full(stored, task, 'ours', 'ellipsoid')} |"
        )
    return "\n".join(lines)


def _sizes(stored: pd.DataFrame) -> str:
    lines = ["| | run | coverage | length | squared error |", "|---|---|---|---|---|"]
    runs = {f"ours, {e} epochs": f"{e} epoch{'s' * (e > 1)}" for e in EPOCHS}
    tasks = ["linear-20, n=1000", "logistic-20, n=1000"]
    tasks += [f"{task}, n=100000" for task in _LARGE]
    for task in tasks:
        for method, label in {"ours": "1 epoch", **runs}.items():
            if not _values(stored, task, method, "coverage"):
                continue
            cells = [_full(stored, task, method, m) for m in ("coverage", "length")]
            cells.append(_mean(stored, task, method, "squared_error", 2))
            lines.append(f"| {_titled(task)} | {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _stream(stored: pd.DataFrame) -> str:
    lines = ["| 3,000,000 flights, 18 coefficients, ten orders | |", "|---|---|"]
    metrics = ("lowest SE ratio", "highest SE ratio", "farthest estimate")
    lines += [f"| {m} | {_full(stored, 'flights stream', 'ours', m)} |" for m in metrics]
    return "\n".join(lines)


def _td(stored: pd.DataFrame) -> str:
    lines = ["| TD(0), Garnet, 50,000 rows | coverage | length | flagged |", "|---|---|---|---|"]
    for method in stored[stored["task"] == "td"]["method"].unique():
        cells = [_full(stored, "td", method, m) for m in ("coverage", "length", "bias_flag")]
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _flags(stored: pd.DataFrame) -> str:
    lines = ["| | coverage | flagged for bias |", "|---|---|---|"]
    for c0 in COLD_STEPS:
        method = f"cold c0={c0:g}"
        cells = [_mean(stored, "cold", method, m) for m in ("coverage", "bias_flag")]
        lines.append(f"| from 0 in the data's units, c0 = {c0:g} | {' | '.join(cells)} |")
    for task in (*MODELS, "flights", "adult"):
        cells = [_mean(stored, task, "ours", m) for m in ("coverage", "bias_flag")]
        lines.append(f"| {FULL[task].title}, defaults | {' | '.join(cells)} |")
    return "\n".join(lines)
