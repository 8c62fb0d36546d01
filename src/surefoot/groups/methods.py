"""The methods a study or a bench compares, by name, with what each one is told."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import one_of
from surefoot.groups.classifier import FairDropoutClassifier
from surefoot.groups.diagnosis import memory_accuracies
from surefoot.groups.last_layer import LastLayerRetraining
from surefoot.groups.preparation import cross_groups
from surefoot.groups.rivals import ERMClassifier
from surefoot.groups.selection import SmallValidationWarning, calibrate_offsets, worst_accuracy
from surefoot.groups.storage import METHODS as CLASSIFIERS

Kind = Literal["ours", "baseline", "control", "uses group labels"]


@dataclass(frozen=True)
class Method:
    """How a method is shown, and whether it is told the groups."""

    label: str
    kind: Kind


METHODS: Mapping[str, Method] = {
    "fairdropout": Method("FairDropout (default recipe)", "ours"),
    "fairdropout-tuned": Method("FairDropout (tuned)", "ours"),
    "erm": Method("ERM", "baseline"),
    "class-balanced": Method("class-balanced loss", "baseline"),
    "jtt": Method("JTT", "baseline"),
    "dropout": Method("ordinary dropout, same place", "control"),
    "redrawn": Method("FairDropout, masks re-drawn each step", "control"),
    "dfr": Method("last layer retrained (DFR)", "uses group labels"),
    "group-reweighted": Method("group re-weighting", "uses group labels"),
    "groupdro": Method("GroupDRO", "uses group labels"),
}
_GROUPS_IN_TRAINING = ("group-reweighted", "groupdro")


def build(method: str, config: Mapping[str, Any], seed: int) -> Any:
    """Return an unfitted estimator of `method`."""
    one_of("method", method, METHODS)
    if method == "dfr":
        base = ERMClassifier(random_state=seed, **config)
        return LastLayerRetraining(base, random_state=seed)
    if method == "redrawn":
        return FairDropoutClassifier(masks="redrawn", random_state=seed, **config)
    name = "fairdropout" if method == "fairdropout-tuned" else method
    return CLASSIFIERS[name](random_state=seed, **config)


def measure(method: str, config: Mapping[str, Any], seed: int, task: Any) -> dict[str, float]:
    """Train `method` on a task and return its metrics.

    Metrics without suffix are those of the most probable class; ``_threshold`` of thresholds
    chosen for worst-class accuracy on the validation rows. Groups of the validation rows are seen
    by DFR alone; those of the test rows by nobody.
    """
    train, validation, test = task.train, task.validation, task.test
    model = build(method, config, seed)
    options: dict[str, Any] = {"X_val": validation.X, "y_val": validation.y}
    if method in _GROUPS_IN_TRAINING:
        options["groups"] = train.attribute
    if method == "dfr":
        options["groups_val"] = validation.attribute
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SmallValidationWarning)
        model.fit(train.X, train.y, **options)
        seen = {"validation": validation, "test": test}
        log_proba = {name: np.log(model.predict_proba(part.X)) for name, part in seen.items()}
        offsets = calibrate_offsets(log_proba["validation"], validation.y, validation.y)

    metrics: dict[str, float] = {}
    cells = cross_groups(test.y, test.attribute)
    for suffix, shift in (("", 0.0), ("_threshold", offsets)):
        hit = (log_proba["test"] + shift).argmax(1) == test.y
        checked = (log_proba["validation"] + shift).argmax(1) == validation.y
        metrics[f"worst_group{suffix}"] = worst_accuracy(hit, cells)
        of_groups = [hit[cells == group].mean() for group in np.unique(cells)]
        metrics[f"mean_group{suffix}"] = float(np.mean(of_groups))
        metrics[f"accuracy{suffix}"] = float(hit.mean())
        metrics[f"validation{suffix}"] = worst_accuracy(checked, validation.y)
        metrics[f"validation_accuracy{suffix}"] = float(checked.mean())
    if isinstance(model, FairDropoutClassifier):
        metrics |= _memory(model, task, cells)
    return metrics


def _memory(model: FairDropoutClassifier, task: Any, cells: NDArray) -> dict[str, float]:
    train = task.train
    found = memory_accuracies(model, task.test.X, task.test.y, cells)
    own = memory_accuracies(
        model, train.X, train.y, cross_groups(train.y, train.attribute), ids=np.arange(len(train.y))
    )
    rarest = cross_groups(train.y, train.attribute)
    names, counts = np.unique(rarest, return_counts=True)
    return {
        "memory_kept": found["keep"],
        "train_memory_own": own["own"],
        "train_memory_dropped": own["drop"],
        "rarest_group_score_auc": _auc(model.memory_scores_, rarest == names[counts.argmin()]),
    }


def _auc(scores: NDArray, positive: NDArray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(positive, scores))
