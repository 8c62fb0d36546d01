"""Refresh what the guides show: tables from stored results, pictures of pages.

``python docs/refresh.py``            rewrite the tables between the markers of docs/*.md
``python docs/refresh.py STUDY_DIR``  first store the results of a full study (out/study) and take
                                      a picture of its page
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pandas as pd

from surefoot.ground.intervals import mean_interval, paired_difference
from surefoot.groups.methods import METHODS
from surefoot.groups.tasks import TITLES

DOCS = Path(__file__).parent
STORED = DOCS / "results" / "groups.csv"
KEPT = ("worst_group", "worst_group_threshold", "memory_kept", "train_memory_own",
        "train_memory_dropped", "validation_accuracy", "rarest_group_score_auc")  # fmt: skip


def tables() -> dict[str, str]:
    """Return the Markdown of every marked table."""
    stored = pd.read_csv(STORED)
    return {"worst-group": _worst_group(stored), "differences": _differences(stored)}


def rewritten(text: str) -> str:
    """Return a guide with its marked tables up to date."""
    for name, table in tables().items():
        pattern = rf"(<!-- table: {name} -->\n).*?(<!-- end -->)"
        text = re.sub(pattern, lambda m, t=table: f"{m[1]}{t}\n{m[2]}", text, flags=re.S)
    return text


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


def store(study: Path) -> None:
    """Keep the selected figures of a study, and a picture of its page."""
    table = pd.read_parquet(study / "groups" / "results.parquet")
    table = table[table["metric"].isin(KEPT)]
    STORED.parent.mkdir(exist_ok=True)
    table.drop(columns="variant").to_csv(STORED, index=False, float_format="%.6g")
    sys.path.insert(0, str(DOCS.parent))
    from tests.browser import open_page

    with open_page(study / "groups" / "index.html", width=1100) as page:
        page.set_viewport_size({"width": 1100, "height": 1500})
        page.screenshot(path=DOCS / "pictures" / "groups.png")


def main() -> None:
    if len(sys.argv) > 1:
        store(Path(sys.argv[1]))
    for guide in DOCS.glob("*.md"):
        guide.write_text(rewritten(guide.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
