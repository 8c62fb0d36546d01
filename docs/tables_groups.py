"""Tables of docs/groups.md."""

from __future__ import annotations

import pandas as pd

from surefoot.ground.intervals import mean_interval, paired_difference
from surefoot.groups.methods import METHODS
from surefoot.groups.tasks import TITLES

KEPT = ("worst_group", "worst_group_threshold", "memory_kept", "train_memory_own",
        "train_memory_dropped", "validation_accuracy", "rarest_group_score_auc")  # fmt: skip
PICTURED = "body"  # where the picture of the page begins


def tables(stored: pd.DataFrame) -> dict[str, str]:
    """Return the Markdown of each marked table."""
    return {"worst-group": _worst_group(stored), "differences": _differences(stored)}


def _values(stored: pd.DataFrame, task: str, method: str, metric: str) -> list[float]:
    of = (stored["task"] == task) & (stored["method"] == method) & (stored["metric"] == metric)
    return stored[of].sort_values("seed")["value"].tolist()


def _worst_group(stored: pd.DataFrame) -> str:
    tasks = [task for task in TITLES if (stored["task"] == task).any()]
    lines = ["| method | " + " | ".join(TITLES[t] for t in tasks) + " |"]
    lines.append("|---" * (len(tasks) + 1) + "|")
    for name, method in METHODS.items():
        cells = []
        for task in tasks:
            argmax = mean_interval(_values(stored, task, name, "worst_group"))
            threshold = mean_interval(_values(stored, task, name, "worst_group_threshold"))
            cells.append(f"{argmax.estimate:.3f} / {threshold.estimate:.3f}")
        told = " (told the groups)" if method.kind == "uses group labels" else ""
        lines.append(f"| {method.label}{told} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _differences(stored: pd.DataFrame) -> str:
    pairs = {
        "FairDropout − ERM, argmax": ("worst_group", "fairdropout", "erm"),
        "FairDropout − ERM, thresholds": ("worst_group_threshold", "fairdropout", "erm"),
        "tied − re-drawn masks, thresholds": ("worst_group_threshold", "fairdropout", "redrawn"),
        "FairDropout − class-balanced, thresholds": (
            "worst_group_threshold", "fairdropout", "class-balanced",
        ),
        "FairDropout − JTT, thresholds": ("worst_group_threshold", "fairdropout", "jtt"),
    }  # fmt: skip
    tasks = [task for task in TITLES if (stored["task"] == task).any()]
    lines = ["| difference | " + " | ".join(TITLES[t] for t in tasks) + " |"]
    lines.append("|---" * (len(tasks) + 1) + "|")
    for label, (metric, a, b) in pairs.items():
        cells = []
        for task in tasks:
            found = paired_difference(
                _values(stored, task, a, metric), _values(stored, task, b, metric)
            )
            text = f"{found.estimate:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"
            cells.append(text.replace("-", "−"))
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
