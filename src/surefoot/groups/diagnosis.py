"""Where does the gain come from: the features, the tied masks, or just a moved threshold?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from sklearn.base import clone

from surefoot.ground.errors import InputError
from surefoot.ground.intervals import Interval, mean_interval, paired_difference
from surefoot.groups.classifier import FairDropoutClassifier
from surefoot.groups.layer import Memory
from surefoot.groups.preparation import check_ids, cross_groups
from surefoot.groups.rivals import ERMClassifier
from surefoot.groups.selection import worst_accuracy

if TYPE_CHECKING:
    import pandas as pd

_SHARED = (
    "network", "hidden", "learning_rate", "epochs", "batch_size", "momentum", "weight_decay",
    "optimizer", "max_grad_norm", "selection", "threshold", "standardize", "checkpoint",
    "validation_fraction", "device",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What a FairDropout classifier owes to what.

    Attributes
    ----------
    table : DataFrame
        Worst-group test accuracy of each method and seed, at argmax and with thresholds.
    memory : dict of str to Interval
        Worst-group accuracy of the FairDropout networks with memory dropped and kept (test rows)
        and with memory dropped and each example's own (training rows): drop_test, keep_test,
        drop_train, own_train.
    gain : Interval
        FairDropout minus ERM at argmax.
    threshold_gain : Interval
        ERM with thresholds minus ERM at argmax: what moving the threshold alone does.
    feature_gain : Interval
        FairDropout minus ERM, both with thresholds: what is left when both move it.
    tying_gain : Interval
        Tied minus re-drawn masks, both with thresholds.
    sentence : str
        The same in plain words.
    """

    table: pd.DataFrame
    memory: dict[str, Interval]
    gain: Interval
    threshold_gain: Interval
    feature_gain: Interval
    tying_gain: Interval

    @property
    def sentence(self) -> str:
        """Say where the gain comes from."""
        return " ".join(
            [
                f"FairDropout changes worst-group argmax accuracy by {_signed(self.gain)}.",
                f"Moving the threshold alone gives ERM {_signed(self.threshold_gain)}.",
                _clause(
                    self.feature_gain,
                    "With thresholds on both sides FairDropout is still ahead: its features help",
                    "With thresholds on both sides FairDropout is behind: do not use it here",
                    "With thresholds on both sides the two can't be told apart: "
                    "the gain, if any, is the threshold's",
                ),
                _clause(
                    self.tying_gain,
                    "Tying masks to examples helps",
                    "Masks drawn anew at every step do better: tying hurts here",
                    "Masks drawn anew at every step do as well: tying is not shown to matter",
                ),
            ]
        )

    def __str__(self) -> str:
        summary = self.table.groupby("method")[["argmax", "threshold"]].mean().round(3)
        memory = "\n".join(f"  {name:<11} {value}" for name, value in self.memory.items())
        return f"{summary}\n\nmemory\n{memory}\n\n{self.sentence}"


def diagnose(
    classifier: FairDropoutClassifier,
    X: Any,
    y: Any,
    *,
    X_val: Any,
    y_val: Any,
    X_test: Any,
    y_test: Any,
    groups_test: Any,
    ids: Any = None,
    sample_weight: Any = None,
    seeds: Sequence[int] = (0, 1, 2),
    n_jobs: int | None = None,
) -> Diagnosis:
    """Train the classifier, its re-drawn-mask control and ERM alike, and compare them.

    All three share network, schedule, data and selection rule; only the masks differ. Groups are
    used for nothing but the final measurement.

    Parameters
    ----------
    classifier : FairDropoutClassifier
        Its parameters are used; it need not be fitted and is not changed.
    X, y, X_val, y_val, ids, sample_weight
        As in ``fit``.
    X_test, y_test, groups_test
        Rows to measure on, with attributes.
    seeds : sequence of int
        Values of `random_state`; at least two, or there are no intervals.
    n_jobs : int, optional
        Of joblib.
    """
    import pandas as pd
    from joblib import Parallel, delayed

    if not isinstance(classifier, FairDropoutClassifier):
        found = type(classifier).__name__
        raise InputError("classifier", found, "a FairDropoutClassifier; group_report is for others")
    if len(set(seeds)) < 2:
        raise InputError("seeds", list(seeds), "at least two different seeds")
    shared = {name: getattr(classifier, name) for name in _SHARED}
    if shared["threshold"] == "argmax":
        shared["threshold"] = "worst_class"
    fair = clone(classifier).set_params(threshold=shared["threshold"], masks="tied")
    methods = {
        "FairDropout": fair,
        "re-drawn masks": clone(fair).set_params(masks="redrawn"),
        "ERM": ERMClassifier(**shared),
    }
    y, y_test = np.asarray(y), np.asarray(y_test)
    cells = cross_groups(y_test, groups_test, where="groups_test")
    train_ids = check_ids(ids, len(y))

    def run(name: str, seed: int) -> dict[str, Any]:
        model = clone(methods[name]).set_params(random_state=seed)
        model.fit(X, y, ids=train_ids, sample_weight=sample_weight, X_val=X_val, y_val=y_val)
        row = {"method": name, "seed": seed} | argmax_and_threshold(model, X_test, y_test, cells)
        if name == "FairDropout":
            # Thresholds were set for the dropped memory; at argmax all modes are on a par.
            row |= memory_accuracies(model, X_test, y_test, cells, suffix="_test")
            own = memory_accuracies(model, X, y, y, ids=train_ids, suffix="_train")
            row |= {k: v for k, v in own.items() if k != "keep_train"}
        return row

    jobs = [(name, seed) for seed in seeds for name in methods]
    table = pd.DataFrame(Parallel(n_jobs=n_jobs)(delayed(run)(*job) for job in jobs))
    of = {name: rows.set_index("seed") for name, rows in table.groupby("method")}
    ours, redrawn, erm = of["FairDropout"], of["re-drawn masks"], of["ERM"]
    modes = ("drop_test", "keep_test", "drop_train", "own_train")
    return Diagnosis(
        table[["method", "seed", "argmax", "threshold"]],
        {mode: mean_interval(ours[mode]) for mode in modes},
        gain=paired_difference(ours["argmax"], erm["argmax"]),
        threshold_gain=paired_difference(erm["threshold"], erm["argmax"]),
        feature_gain=paired_difference(ours["threshold"], erm["threshold"]),
        tying_gain=paired_difference(ours["threshold"], redrawn["threshold"]),
    )


def argmax_and_threshold(model: Any, X: Any, y: np.ndarray, cells: np.ndarray) -> dict[str, float]:
    """Return the worst-group accuracy of the most probable class, and of ``predict``."""
    top = model.classes_[model.predict_proba(X).argmax(1)]
    return {
        "argmax": worst_accuracy(top == y, cells),
        "threshold": worst_accuracy(model.predict(X) == y, cells),
    }


def memory_accuracies(
    model: FairDropoutClassifier,
    X: Any,
    y: np.ndarray,
    cells: np.ndarray,
    *,
    ids: Any = None,
    suffix: str = "",
) -> dict[str, float]:
    """Return worst accuracy over `cells` at argmax with memory drop, keep and (given ids) own."""
    import torch

    result = {}
    for memory in get_args(Memory):
        if memory == "own" and ids is None:
            continue
        own = torch.as_tensor(ids) if memory == "own" else None
        logits = model.logits(X, memory=memory, ids=own)
        if memory == "drop":  # as predict_proba does
            logits = logits + model.logit_shift_
        top = model.classes_[logits.argmax(1)]
        result[f"{memory}{suffix}"] = worst_accuracy(top == y, cells)
    return result


def _signed(interval: Interval) -> str:
    return f"{interval.estimate:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


def _clause(interval: Interval, ahead: str, behind: str, open_: str) -> str:
    verdict = ahead if interval.low > 0 else behind if interval.high < 0 else open_
    return f"{verdict} ({_signed(interval)})."
