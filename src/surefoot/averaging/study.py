"""The room's study: does averaging get there sooner, with which horizon, and when does it not?"""

from __future__ import annotations

from collections.abc import Sequence

from surefoot.averaging.cells import build_cells
from surefoot.averaging.sections import sections
from surefoot.averaging.selection import select_rates
from surefoot.ground.intervals import mean_interval
from surefoot.ground.study import Results, Scale, Study
from surefoot.ground.verdicts import Check
from surefoot.ground.work import Cell

_QUICK = ["batchnorm-small", "fashion-small"]
_FULL = ["batchnorm", "fashion", "characters"]


def cells(scale: Scale, seeds: Sequence[int]) -> list[Cell]:
    """Return the trainings of one scale; at full scale learning rates are tuned."""
    tasks = _FULL if scale == "full" else _QUICK
    return build_cells(tasks, seeds, tuned=scale == "full")


def checks(scale: Scale) -> list[Check]:
    """Return the bars of the room; the paper states none on this data, so they are ours."""
    if scale == "quick":
        return _on_images("fashion-small", gain=0.0, saved=0.0) + _on_batchnorm(
            "batchnorm-small", 0.0
        )
    tuned, characters = "fashion", "characters@default"
    return [
        *_on_images("fashion@default", gain=0.013, saved=0.4),
        Check(
            "No need to plan the end",
            "At a constant rate, the searched horizon comes within 0.2 points of the last "
            "iterate of a cosine to zero at the same rate.",
            "fashion@default", "test_accuracy", "constant/searched", -0.002, "cosine/raw",
        ),
        Check(
            "Against a tuned cosine",
            "The same when each picks its own learning rate on validation data.",
            tuned, "test_accuracy", "constant/searched", -0.002, "cosine/raw",
        ),
        Check(
            "Against a tuned last iterate",
            "At a constant rate with tuned learning rates it is still a point ahead.",
            tuned, "test_accuracy", "constant/searched", 0.01, "constant/raw",
        ),
        Check(
            "The 1 % rule is for decaying rates",
            "At a constant rate the searched horizon beats a fixed 1 % by 0.4 points or more.",
            "fashion@default", "test_accuracy", "constant/searched", 0.004, "constant/window-1",
        ),
        Check(
            "Near the oracle",
            "It is within 0.15 points of the window that is best on the test rows.",
            "fashion@default", "test_accuracy", "constant/searched", -0.0015, "constant/oracle",
        ),
        Check(
            "Text, in every seed",
            "A window of 10 % lowers the test loss of a character model at a constant rate by "
            "0.03 nats or more, in the worst seed too.",
            characters, "test_loss", "constant/raw", 0.03, "constant/window-10",
            statistic="lowest",
        ),
        Check(
            "Text, no harm after a cosine",
            "After a cosine to zero the searched horizon costs at most 0.005 nats in any seed.",
            characters, "test_loss", "cosine/raw", -0.005, "cosine/searched", statistic="lowest",
        ),
        *_on_batchnorm("batchnorm", 0.03),
    ]  # fmt: skip


def _on_images(task: str, *, gain: float, saved: float) -> list[Check]:
    """Return the bars on images: points of accuracy gained, and share of the steps saved."""
    return [
        Check(
            "Better at a constant rate",
            "The searched horizon beats the last iterate of the same training"
            + (f" by {100 * gain:g} points or more." if gain else "."),
            task, "test_accuracy", "constant/searched", gain, "constant/raw",
        ),
        Check(
            "Sooner at a constant rate",
            "A window of 10 % reaches the raw iterate's best validation loss (within 0.5 %) "
            + (f"in {100 * (1 - saved):g} % of its steps or fewer." if saved else "sooner."),
            task, "saved", "constant/window-10", saved,
        ),
        Check(
            "No harm after a cosine",
            "After a cosine to zero the searched horizon costs at most 0.1 points in any seed.",
            task, "test_accuracy", "cosine/searched", -0.001, "cosine/raw", statistic="lowest",
        ),
    ]  # fmt: skip


def _on_batchnorm(task: str, bar: float) -> list[Check]:
    words = f" {100 * bar:g} points or more" if bar else ""
    return [
        Check(
            "Averaged statistics",
            f"With a tail of 90 %, averaging BatchNorm's statistics like weights is{words} ahead "
            "of keeping those of the last iterate.",
            task, "test_accuracy", "constant/tail-90-average", bar, "constant/tail-90-copy",
        ),
        Check(
            "Re-estimated statistics",
            f"Re-estimating them from 2,560 images is{words} ahead too.",
            task, "test_accuracy", "constant/tail-90-recalibrate", bar, "constant/tail-90-copy",
        ),
    ]  # fmt: skip


def lead(results: Results) -> str:
    """Answer the question from the measured table."""
    tasks = set(results.table["task"])
    task = next((t for t in ("fashion@default", "fashion-small") if t in tasks), "")
    saved = results.values(task, "constant/window-10", "saved")
    gain = results.difference(task, "test_accuracy", "constant/searched", "constant/raw")
    after = results.difference(task, "test_accuracy", "cosine/searched", "cosine/raw")
    if not saved or gain is None or after is None:
        return "Not enough cells have finished to answer."
    sooner = mean_interval(saved)
    return (
        f"At a constant learning rate, yes: a window over the last 10 % of the run is as good as "
        f"the raw iterate ever gets after **{100 * sooner.estimate:.0f} %** fewer steps "
        f"({100 * sooner.low:.0f} to {100 * sooner.high:.0f}), and at the end a horizon chosen on "
        f"validation data changes test accuracy by **{100 * gain.estimate:+.1f} points** "
        f"({100 * gain.low:+.1f} to {100 * gain.high:+.1f}). After a full cosine decay there is "
        f"nothing left to gain ({100 * after.estimate:+.2f} points)."
    ).replace("-", "−")


STUDY = Study(
    room="averaging",
    title="Averaging weights along the way",
    question="Could averaging the weights get there sooner?",
    claim=(
        "averaging weights along the training trajectory reaches a target sooner at next to no "
        "cost, acts like a shorter decay of the learning rate, and works best together with one; "
        "the horizon is what matters, about 1 % of a run with decay."
    ),
    source="Ajroldi, Orvieto & Geiping, arXiv 2502.06761 (2025).",
    seeds={"quick": 3, "full": 10},
    cells=cells,
    checks=checks,
    sections=sections,
    lead=lead,
    derive=select_rates,
)
