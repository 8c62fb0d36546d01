"""What all classifiers of the room share: scikit-learn's contract around one training loop."""

from __future__ import annotations

import copy
import numbers
from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from torch import Tensor, nn

from surefoot.ground.errors import InputError, one_of
from surefoot.groups import preparation
from surefoot.groups.networks import mlp
from surefoot.groups.objectives import Objective
from surefoot.groups.preparation import Part
from surefoot.groups.selection import (
    Rule,
    calibrate_offsets,
    fit_temperature,
    partition,
    worst_accuracy,
)
from surefoot.groups.training import Rows, Schedule, as_tensor, build, logits_of, train

Network = Callable[[tuple[int, ...], int], nn.Module]
Threshold = Literal["worst_class", "worst_group", "argmax"]
Checkpoint = Literal["last", "best"]
Masks = Literal["none", "tied", "redrawn"]
# Finiteness is checked by ourselves, to say where.
_ANY_ARRAY: dict[str, Any] = {"allow_nd": True, "dtype": "numeric", "ensure_all_finite": False}


# A dataclass writes the explicit constructor that scikit-learn's contract asks of every subclass.
@dataclass(kw_only=True, eq=False, repr=False)
class GroupClassifier(ClassifierMixin, BaseEstimator, metaclass=ABCMeta):
    """Base of the room's classifiers: a method says how to train a network and for what.

    Parameters
    ----------
    network : callable ``(input shape, number of classes) -> nn.Module``, optional
        Default: a ReLU network with `hidden` units.
    hidden : sequence of int
        Widths of the default network.
    learning_rate, epochs, batch_size, momentum, weight_decay, optimizer, max_grad_norm
        The schedule: warm-up and cosine, see `surefoot.groups.training.Schedule`.
    selection : {"worst_class", "worst_group", "mean"}
        The rule of ``validation_score_``, for every method the same; what `tune` compares and what
        `checkpoint` "best" looks at.
    threshold : {"worst_class", "worst_group", "argmax"}
        ``predict`` takes the most probable class, or the thresholds with the best worst-class
        (worst-group) accuracy on the validation rows.
    standardize : bool, default True
        Subtract the training mean of every input and divide by the spread of its feature (tables)
        or channel (axis 1 of anything with more axes); 0/1 indicators keep their scale.
        FairDropout needs centred inputs: with activations far from zero, dropping the memory
        shifts the decision by a constant that varies with the seed.
    checkpoint : {"last", "best"}
        Keep the weights of the last epoch, or of the epoch with the best validation score.
    validation_fraction : float
        Share of the rows set aside when ``fit`` is given no validation rows.
    device : str
        A torch device.
    random_state : int, RandomState or None
        Keys initial weights, order of rows and masks. None draws a new key at each fit.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
    network_ : nn.Module
    center_, scale_ : ndarray
        What the inputs are standardised by.
    logit_shift_ : ndarray of shape (C,)
        Added to the network's outputs before anything else; zero but for `FairDropoutClassifier`.
    group_names_ : ndarray or None
        Groups (label × attribute) seen in training.
    decision_threshold_ : float
        Two classes: the probability of ``classes_[1]`` from which on it is predicted.
    class_offsets_ : ndarray of shape (C,)
        The same as offsets to log-probabilities, for any number of classes.
    temperature_ : float
        Fitted on the validation rows; ``predict_proba`` divides the logits by it.
    validation_score_ : float
        Under `selection`, after thresholds.
    history_ : list of dict
        Training loss and validation score (most probable class) of each epoch.
    """

    network: Network | None = None
    hidden: Sequence[int] = (128, 128)
    learning_rate: float = 0.1
    epochs: int = 20
    batch_size: int = 128
    momentum: float = 0.9
    weight_decay: float = 1e-4
    optimizer: Literal["sgd", "adamw"] = "sgd"
    max_grad_norm: float | None = 1.0
    selection: Rule = "worst_class"
    threshold: Threshold = "worst_class"
    standardize: bool = True
    checkpoint: Checkpoint = "last"
    validation_fraction: float = 0.25
    device: str = "cpu"
    random_state: Any = 0

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
    ) -> GroupClassifier:
        """Train.

        Parameters
        ----------
        X : array-like of shape (n, …)
            Two axes for the default network; more (images) are allowed.
        y : array-like of shape (n,)
        groups : array-like of shape (n,) or (n, a), optional
            Attributes of the rows. They are crossed with `y` to groups. Only methods and rules that
            say so use them.
        sample_weight : array-like of shape (n,), optional
        ids : array-like of int of shape (n,), optional
            Stable example ids; default: the row numbers.
        X_val, y_val, groups_val : optional
            Validation rows for thresholds, temperature and selection.

        Returns
        -------
        self
        """
        seed = self._seed()
        part = self._checked_part(X, y, groups, sample_weight, ids)
        training, validation = self._training_and_validation(part, X_val, y_val, groups_val, seed)
        self._fit_standardization(training.X)
        self.history_: list[dict[str, float]] = []
        self.logit_shift_ = np.zeros(len(self.classes_))
        self.network_ = self._fit_network(training, validation, seed)
        self._calibrate(validation)
        return self

    def decision_function(self, X: Any) -> NDArray:
        """Return scores whose sign (two classes) or argmax decides: (n,) or (n, C)."""
        scores = np.log(self._probabilities(X)) + self.class_offsets_
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X: Any) -> NDArray:
        """Return calibrated probabilities (n, C) in the order of ``classes_``.

        They do not know about thresholds: ``predict`` may choose a class that is not the most
        probable one.
        """
        return self._probabilities(X)

    def predict(self, X: Any) -> NDArray:
        """Return the predicted labels (n,)."""
        scores = np.log(self._probabilities(X)) + self.class_offsets_
        return self.classes_[scores.argmax(1)]

    def logits(self, X: Any, **options: Any) -> NDArray:
        """Return raw network outputs (n, C); options as in `surefoot.groups.training.logits_of`."""
        check_is_fitted(self, "network_")
        return logits_of(self.network_, self._tensor(X), **options).cpu().numpy()

    @abstractmethod
    def _fit_network(self, training: Part, validation: Part, seed: int) -> nn.Module:
        """Return the trained network."""

    def _train(
        self,
        network: nn.Module,
        objective: Objective,
        part: Part,
        validation: Part,
        seed: int,
        *,
        schedule: Schedule | None = None,
        masks: Masks = "none",
    ) -> nn.Module:
        """Run the shared loop, recording each epoch and keeping the best one if asked to."""
        schedule = self._schedule() if schedule is None else schedule
        rows = Rows(
            self._inputs(part.X),
            torch.as_tensor(part.y).to(self.device),
            torch.as_tensor(part.ids).to(self.device),
        )
        inputs = self._inputs(validation.X)
        keep_best = one_of("checkpoint", self.checkpoint, get_args(Checkpoint)) == "best"
        cells = partition(self.selection, validation.y, validation.groups)
        best_score, best_weights = -1.0, None

        def after_epoch(epoch: int, loss: float) -> None:
            nonlocal best_score, best_weights
            entry = {"epoch": epoch + 1, "loss": loss}
            if len(validation.y):
                predicted = logits_of(network, inputs).argmax(1).cpu().numpy()
                entry["validation"] = worst_accuracy(predicted == validation.y, cells)
            self.history_.append(entry)
            if keep_best and entry.get("validation", 0.0) > best_score:
                best_score = entry["validation"]
                best_weights = copy.deepcopy(network.state_dict())

        train(network, rows, objective, schedule, seed=seed, masks=masks, after_epoch=after_epoch)
        if best_weights is not None:
            network.load_state_dict(best_weights)
        return network.eval()

    def _new_network(self, seed: int) -> nn.Module:
        shape, n_classes = self.input_shape_, len(self.classes_)

        def factory() -> nn.Module:
            if self.network is not None:
                return self.network(shape, n_classes)
            return mlp(shape, n_classes, self.hidden)

        return build(factory, seed).to(self.device)

    def _schedule(self) -> Schedule:
        for name in ("epochs", "batch_size"):
            if not isinstance(getattr(self, name), numbers.Integral) or getattr(self, name) < 1:
                raise InputError(name, getattr(self, name), "a positive integer")
        if not self.learning_rate > 0:
            raise InputError("learning_rate", self.learning_rate, "a positive number")
        one_of("optimizer", self.optimizer, ("sgd", "adamw"))
        return Schedule(
            self.epochs,
            self.batch_size,
            self.learning_rate,
            self.momentum,
            self.weight_decay,
            self.optimizer,
            self.max_grad_norm,
        )

    def _calibrate(self, validation: Part) -> None:
        self.temperature_ = 1.0
        self.class_offsets_ = np.zeros(len(self.classes_))
        threshold = one_of("threshold", self.threshold, get_args(Threshold))
        cells = partition(self.selection, validation.y, validation.groups)
        if len(validation.y):
            logits = self._raw_logits(self._inputs(validation.X))
            self.temperature_ = fit_temperature(logits, validation.y)
            log_proba = logits / self.temperature_
            if threshold != "argmax":
                over = partition(threshold, validation.y, validation.groups)
                self.class_offsets_ = calibrate_offsets(log_proba, validation.y, over)
            predicted = (log_proba + self.class_offsets_).argmax(1)
            self.validation_score_ = worst_accuracy(predicted == validation.y, cells)
        if len(self.classes_) == 2:
            difference = self.class_offsets_[1] - self.class_offsets_[0]
            self.decision_threshold_ = float(1 / (1 + np.exp(difference)))

    def _raw_logits(self, inputs: Tensor) -> NDArray:
        return logits_of(self.network_, inputs).double().cpu().numpy() + self.logit_shift_

    def _probabilities(self, X: Any) -> NDArray:
        check_is_fitted(self, "network_")
        from scipy.special import softmax

        probabilities = softmax(self._raw_logits(self._tensor(X)) / self.temperature_, axis=1)
        return np.clip(probabilities, np.finfo(float).tiny, 1.0)

    def _fit_standardization(self, X: NDArray) -> None:
        """Learn the mean of every input, and one scale for each entry of axis 1."""
        if not self.standardize:
            self.center_, self.scale_ = np.zeros((1, *X.shape[1:])), np.ones((1, *X.shape[1:]))
            return
        self.center_ = X.mean(axis=0, keepdims=True, dtype=np.float64)
        # One scale for a whole channel: a pixel that hardly varies must not be blown up.
        axes = (0, *range(2, X.ndim))
        spread = np.sqrt(np.mean((X - self.center_) ** 2, axis=axes, keepdims=True))
        # Nor may a rare category: 0/1 indicators are centred and keep their scale.
        indicator = np.isin(X, (0, 1)).all(axis=axes, keepdims=True)
        self.scale_ = np.where((spread > 0) & ~indicator, spread, 1.0)

    def _inputs(self, X: NDArray) -> Tensor:
        return as_tensor((X - self.center_) / self.scale_, self.device)

    def _tensor(self, X: Any) -> Tensor:
        X = self._checked_inputs(X, "X")
        if X.shape[1:] != self.input_shape_:
            raise InputError(
                "X", f"rows of shape {X.shape[1:]}", f"rows of shape {self.input_shape_}"
            )
        return self._inputs(X)

    def _checked_inputs(self, X: Any, where: str) -> NDArray:
        return preparation.check_finite(validate_data(self, X, reset=False, **_ANY_ARRAY), where)

    def _checked_part(self, X: Any, y: Any, groups: Any, weights: Any, ids: Any) -> Part:
        if np.asarray(y).ndim == 1:
            preparation.refuse_missing(y, "y")
        X, y = validate_data(self, X, y, **_ANY_ARRAY)
        preparation.check_finite(X)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.input_shape_ = tuple(X.shape[1:])
        self.group_names_ = None
        group_codes = None
        if groups is not None:
            labels = preparation.cross_groups(y, groups)
            self.group_names_, group_codes = np.unique(labels, return_inverse=True)
        if weights is not None:
            weights = _check_sample_weight(weights, X, ensure_non_negative=True)
        return Part(X, codes, group_codes, preparation.check_ids(ids, len(X)), weights)

    def _training_and_validation(
        self, part: Part, X_val: Any, y_val: Any, groups_val: Any, seed: int
    ) -> tuple[Part, Part]:
        if X_val is None:
            training, validation = preparation.split(part, self.validation_fraction, seed)
        else:
            training, validation = part, self._checked_validation(X_val, y_val, groups_val)
        if len(training.y) == 0:
            raise InputError("X", f"n_samples = {len(part.y)}", "at least two rows of some class")
        if len(self.classes_) > 1:
            preparation.require_cells(validation, len(self.classes_), None, "validation rows")
        return training, validation

    def _checked_validation(self, X: Any, y: Any, groups: Any) -> Part:
        if y is None:
            raise InputError("y_val", None, "labels of the validation rows")
        X = self._checked_inputs(X, "X_val")
        y = preparation.check_target(y, len(X), "y_val")
        codes = preparation.encode(y, self.classes_, "y_val")
        group_codes = None
        if groups is not None:
            labels = preparation.cross_groups(y, groups, where="groups_val")
            names = np.unique(labels) if self.group_names_ is None else self.group_names_
            group_codes = preparation.encode(labels, names, "groups_val")
        return Part(X, codes, group_codes, np.full(len(X), -1), None)

    def _seed(self) -> int:
        if isinstance(self.random_state, numbers.Integral):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31))
