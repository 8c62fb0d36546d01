"""How a classifier does on every group, with intervals that are valid for the worst one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError
from surefoot.ground.intervals import Interval, wilson, worst_of_proportions
from surefoot.groups.preparation import check_target, cross_groups

if TYPE_CHECKING:
    import pandas as pd

_CALIBRATION_BINS = 15


@dataclass(frozen=True, eq=False)
class GroupReport:
    """Accuracy of one set of predictions, group by group.

    Attributes
    ----------
    groups : ndarray of shape (n,)
        Group of each row.
    correct : ndarray of shape (n,), bool
    y : ndarray of shape (n,)
    confidence_level : float
    min_size : int
        Smaller groups are flagged: they count for the worst group all the same.
    training_mix : mapping of group to share, or None
    proba : ndarray of shape (n, C), or None
    """

    groups: NDArray
    correct: NDArray
    y: NDArray
    confidence_level: float
    min_size: int
    training_mix: dict[str, float] | None
    proba: NDArray | None
    classes: NDArray

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a group: n, correct, accuracy, its own Wilson interval, and `small`."""
        import pandas as pd

        names, codes = np.unique(self.groups, return_inverse=True)
        n = np.bincount(codes)
        hits = np.bincount(codes, weights=self.correct).astype(int)
        low, high = wilson(hits, n, self.confidence_level)
        columns = {
            "group": names,
            "n": n,
            "correct": hits,
            "accuracy": hits / n,
            "low": low,
            "high": high,
            "small": n < self.min_size,
        }
        return pd.DataFrame(columns)

    @property
    def worst_group(self) -> str:
        """Name of the group with the lowest accuracy observed."""
        return str(self.table["group"][self.table["accuracy"].argmin()])

    @cached_property
    def worst_group_accuracy(self) -> Interval:
        """Lowest accuracy over groups, with an interval valid for the truly worst group."""
        table = self.table
        return worst_of_proportions(table["correct"], table["n"], self.confidence_level)

    @property
    def accuracy(self) -> float:
        """Share of correct rows: the average under the mix of groups in this data."""
        return float(self.correct.mean())

    @property
    def mean_group_accuracy(self) -> float:
        """Unweighted mean over groups."""
        return float(self.table["accuracy"].mean())

    @property
    def training_mix_accuracy(self) -> float | None:
        """Mean over groups weighted by their shares in training ("adjusted" average)."""
        if self.training_mix is None:
            return None
        accuracy = dict(zip(self.table["group"], self.table["accuracy"], strict=True))
        total = sum(self.training_mix[g] for g in accuracy)
        return sum(self.training_mix[g] * a for g, a in accuracy.items()) / total

    @property
    def class_accuracies(self) -> dict[Any, float]:
        """Accuracy within each class."""
        return {c: float(self.correct[self.y == c].mean()) for c in np.unique(self.y)}

    @property
    def worst_class_accuracy(self) -> float:
        """Lowest accuracy within a class."""
        return min(self.class_accuracies.values())

    @property
    def balanced_accuracy(self) -> float:
        """Unweighted mean over classes."""
        return float(np.mean(list(self.class_accuracies.values())))

    @property
    def calibration_error(self) -> float | None:
        """Expected calibration error of the most probable class, 15 equal bins."""
        if self.proba is None:
            return None
        confidence = self.proba.max(1)
        hit = self.classes[self.proba.argmax(1)] == self.y
        bins = np.minimum((confidence * _CALIBRATION_BINS).astype(int), _CALIBRATION_BINS - 1)
        n = np.bincount(bins, minlength=_CALIBRATION_BINS)
        gap = np.bincount(bins, weights=hit - confidence, minlength=_CALIBRATION_BINS)
        return float(np.abs(gap).sum() / n.sum())

    def to_dict(self) -> dict[str, Any]:
        """Return every number in JSON's types."""
        worst = self.worst_group_accuracy
        return {
            "n": len(self.y),
            "confidence_level": self.confidence_level,
            "worst_group": self.worst_group,
            "worst_group_accuracy": worst.estimate,
            "worst_group_interval": [worst.low, worst.high],
            "mean_group_accuracy": self.mean_group_accuracy,
            "accuracy": self.accuracy,
            "training_mix_accuracy": self.training_mix_accuracy,
            "balanced_accuracy": self.balanced_accuracy,
            "worst_class_accuracy": self.worst_class_accuracy,
            "calibration_error": self.calibration_error,
            "groups": self.table.to_dict("records"),
        }

    def __str__(self) -> str:
        worst = self.worst_group_accuracy
        lines = [f"{'group':<44} {'n':>7} {'accuracy':>9}   {self.confidence_level:.0%} interval"]
        for row in self.table.sort_values("accuracy").itertuples():
            accuracy = f"{row.accuracy:>9.3f}   [{row.low:.3f}, {row.high:.3f}]"
            flag = "  few rows" if row.small else ""
            lines.append(f"{str(row.group)[:44]:<44} {row.n:>7} {accuracy}{flag}")
        lines.append("")
        lines.append(f"worst group {worst.estimate:.3f} [{worst.low:.3f}, {worst.high:.3f}]")
        average = f"average {self.accuracy:.3f} · worst class {self.worst_class_accuracy:.3f}"
        lines.append(f"mean of groups {self.mean_group_accuracy:.3f} · {average}")
        return "\n".join(lines)


def group_report(
    y_true: Any,
    y_pred: Any,
    groups: Any,
    *,
    y_proba: Any = None,
    classes: Any = None,
    cross: bool = True,
    training_groups: Any = None,
    training_y: Any = None,
    min_size: int = 30,
    confidence_level: float = 0.95,
) -> GroupReport:
    """Report accuracy by group, with a valid interval for the worst one.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n,)
    groups : array-like of shape (n,) or (n, a), or DataFrame
        Attributes of the rows.
    y_proba : array-like of shape (n, C), optional
        For the calibration error; columns in the order of `classes` (default: sorted labels).
    cross : bool, default True
        Groups are label × attribute, as in the literature on worst-group accuracy; False compares
        the attributes alone.
    training_groups, training_y : array-like of shape (n_train,), optional
        Attributes and labels in training, to weight groups by their shares there.
    min_size : int, default 30
        Groups with fewer rows are flagged.
    confidence_level : float, default 0.95

    Returns
    -------
    GroupReport

    Examples
    --------
    >>> report = group_report([0, 0, 1, 1], [0, 0, 1, 0], ["a", "b", "a", "b"])
    >>> report.worst_group
    'y=1, b'
    """
    y_pred = np.asarray(y_pred)
    labelled, y_true = y_true, check_target(y_true, len(y_pred), "y_true")
    if len(y_true) == 0:
        raise InputError("y_true", "no rows", "at least one")
    labels = cross_groups(labelled if cross else None, groups)  # a Series brings its name
    mix = None
    if training_groups is not None:
        if cross and training_y is None:
            raise InputError(
                "training_y", None, "labels of the training rows, to cross groups with"
            )
        crossed = cross_groups(training_y if cross else None, training_groups)
        names, counts = np.unique(crossed, return_counts=True)
        mix = dict(zip(names.tolist(), (counts / counts.sum()).tolist(), strict=True))
        unseen = np.setdiff1d(labels, names)
        if len(unseen):
            found = f"{str(unseen[0])!r} (not in training)"
            raise InputError("groups", found, "groups that occur in training_groups")
    classes = np.unique(y_true) if classes is None else np.asarray(classes)
    proba = None if y_proba is None else np.asarray(y_proba, dtype=float)
    if proba is not None and proba.shape != (len(y_true), len(classes)):
        raise InputError("y_proba", f"shape {proba.shape}", f"({len(y_true)}, {len(classes)})")
    if len(labels) != len(y_true):
        raise InputError("groups", f"{len(labels)} rows", f"{len(y_true)}, as y_true has")
    correct = y_pred == y_true
    return GroupReport(labels, correct, y_true, confidence_level, min_size, mix, proba, classes)
