"""Deep feature re-weighting: keep the features of a trained network, refit its last layer."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from surefoot.ground.errors import InputError
from surefoot.ground.streams import stream, subseed
from surefoot.groups import preparation
from surefoot.groups.preparation import Part
from surefoot.groups.selection import worst_accuracy
from surefoot.groups.training import logits_of

_STRENGTHS = (1.0, 0.7, 0.3, 0.1, 0.07, 0.03, 0.01)  # C of the paper's code


class LastLayerRetraining(ClassifierMixin, BaseEstimator):
    """Refit the head of a network on balanced subsets of rows it was not trained on (DFR).

    L1-penalised logistic heads are fitted on `n_heads` random subsets in which every group (every
    class, if groups are unknown) has as many rows as the smallest, and averaged. The penalty is
    chosen for worst-group (worst-class) accuracy on one half of those rows.

    Source: Kirichenko, Izmailov & Wilson, "Last Layer Re-Training is Sufficient for Robustness to
    Spurious Correlations", ICLR 2023.

    Parameters
    ----------
    estimator : GroupClassifier, default ERMClassifier()
        Trained first. Its network must end in a `torch.nn.Linear`.
    n_heads : int, default 20
    strengths : sequence of float
        Values of C, the inverse of the penalty, to choose from.
    random_state : int, default 0

    Attributes
    ----------
    estimator_ : GroupClassifier
        The trained network below the heads.
    coef_ : ndarray of shape (C or 1, n_features)
    intercept_ : ndarray of shape (C or 1,)
    C_ : float
        The chosen strength.
    validation_score_ : float
        Worst accuracy at `C_`, on the half of the rows that chose it.
    """

    def __init__(
        self,
        estimator: Any = None,
        *,
        n_heads: int = 20,
        strengths: tuple[float, ...] = _STRENGTHS,
        random_state: int = 0,
    ) -> None:
        self.estimator = estimator
        self.n_heads = n_heads
        self.strengths = strengths
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        groups: Any = None,
        sample_weight: Any = None,
        ids: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        groups_val: Any = None,
    ) -> LastLayerRetraining:
        """Train the network on (X, y), then the heads on the validation rows.

        Without validation rows, the share ``estimator.validation_fraction`` of (X, y, groups) is
        set aside for the heads. Only groups of the rows for the heads are used.
        """
        from surefoot.groups.rivals import ERMClassifier

        base = clone(self.estimator) if self.estimator is not None else ERMClassifier()
        part = base._checked_part(X, y, groups, sample_weight, ids)
        seed, names = base._seed(), base.group_names_
        training, held_out = base._training_and_validation(part, X_val, y_val, groups_val, seed)
        classes = base.classes_
        if len(classes) < 2:
            raise InputError("y", "one class", "at least two classes")
        base.fit(
            training.X,
            classes[training.y],
            groups=None,
            sample_weight=training.weights,
            ids=training.ids,
            X_val=held_out.X,
            y_val=classes[held_out.y],
        )
        self.estimator_, self.classes_ = base, classes
        self.n_features_in_ = base.n_features_in_
        preparation.require_cells(held_out, len(classes), names, "rows for the heads")
        self._fit_heads(held_out)
        return self

    def decision_function(self, X: Any) -> NDArray:
        """Return scores: (n,) for two classes, else (n, C)."""
        check_is_fitted(self, "coef_")
        scores = self._features(self.estimator_._tensor(X)) @ self.coef_.T + self.intercept_
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X: Any) -> NDArray:
        """Return probabilities (n, C)."""
        from scipy.special import expit, softmax

        scores = self.decision_function(X)
        if len(self.classes_) == 2:
            return np.column_stack([expit(-scores), expit(scores)])
        return softmax(scores, axis=1)

    def predict(self, X: Any) -> NDArray:
        """Return the predicted labels (n,)."""
        scores = self.decision_function(X)
        best = (scores > 0).astype(int) if len(self.classes_) == 2 else scores.argmax(1)
        return self.classes_[best]

    def _fit_heads(self, rows: Part) -> None:
        features = self._features(self.estimator_._inputs(rows.X))
        cells = rows.y if rows.groups is None else rows.groups
        scaler = StandardScaler().fit(features)
        scaled = scaler.transform(features)

        fitting, choosing = _halves(cells, self.random_state)
        scores = []
        for strength in self.strengths:
            coef, intercept = self._heads(
                scaled[fitting], rows.y[fitting], cells[fitting], strength
            )
            raw = scaled[choosing] @ coef.T + intercept
            predicted = (raw[:, 0] > 0).astype(int) if raw.shape[1] == 1 else raw.argmax(1)
            scores.append(worst_accuracy(predicted == rows.y[choosing], cells[choosing]))
        self.C_ = self.strengths[int(np.argmax(scores))]
        self.validation_score_ = max(scores)

        coef, intercept = self._heads(scaled, rows.y, cells, self.C_)
        self.coef_ = coef / scaler.scale_
        self.intercept_ = intercept - self.coef_ @ scaler.mean_

    def _heads(
        self, features: NDArray, y: NDArray, cells: NDArray, strength: float
    ) -> tuple[NDArray, NDArray]:
        total_coef, total_intercept = 0.0, 0.0
        for head in range(self.n_heads):
            rows = _balanced_subset(cells, stream(self.random_state, "head", head))
            solver = "liblinear" if len(self.classes_) == 2 else "saga"
            seed = subseed(self.random_state, "solver", head) % 2**31
            model = LogisticRegression(
                l1_ratio=1.0, C=strength, solver=solver, random_state=seed, max_iter=500
            )
            with warnings.catch_warnings():
                # An average of many heads does not hang on the last digits of one.
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(features[rows], y[rows])
            total_coef = total_coef + model.coef_
            total_intercept = total_intercept + model.intercept_
        return np.asarray(total_coef) / self.n_heads, np.asarray(total_intercept) / self.n_heads

    def _features(self, X: Tensor) -> NDArray:
        """Return what enters the network's last Linear: (n, n_features)."""
        network = self.estimator_.network_
        heads = [m for m in network.modules() if isinstance(m, nn.Linear)]
        if not heads:
            raise InputError(
                "estimator", "a network without torch.nn.Linear", "one that ends in it"
            )
        collected: list[NDArray] = []

        def keep(_: nn.Module, args: tuple[Tensor, ...]) -> None:
            collected.append(args[0].detach().flatten(1).double().cpu().numpy())

        hook = heads[-1].register_forward_pre_hook(keep)
        try:
            logits_of(network, X)
        finally:
            hook.remove()
        return np.concatenate(collected)


def _halves(cells: NDArray, seed: int) -> tuple[NDArray, NDArray]:
    halves: tuple[list[int], list[int]] = ([], [])
    for cell in np.unique(cells):
        rows = stream(seed, "halves", int(cell)).permutation(np.flatnonzero(cells == cell))
        # A cell with a single row serves both halves: better than a choice that ignores it.
        halves[0].extend(rows[: (len(rows) + 1) // 2])
        halves[1].extend(rows[len(rows) // 2 :] if len(rows) == 1 else rows[(len(rows) + 1) // 2 :])
    return np.array(halves[0]), np.array(halves[1] or halves[0])


def _balanced_subset(cells: NDArray, generator: np.random.Generator) -> NDArray:
    names, counts = np.unique(cells, return_counts=True)
    smallest = counts.min()
    return np.concatenate(
        [generator.choice(np.flatnonzero(cells == c), smallest, replace=False) for c in names]
    )
