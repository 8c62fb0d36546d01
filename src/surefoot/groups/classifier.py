"""FairDropout as a scikit-learn classifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_sample_weight
from torch import nn
from torch.nn.functional import cross_entropy

from surefoot.ground.errors import one_of
from surefoot.groups.attachment import attach, fair_layers
from surefoot.groups.batchnorm import recalibrate_batchnorm
from surefoot.groups.estimator import GroupClassifier, Masks
from surefoot.groups.layer import Allocation, Rescale
from surefoot.groups.objectives import WeightedCrossEntropy
from surefoot.groups.placement import suggest_placements
from surefoot.groups.preparation import Part
from surefoot.groups.training import logits_of

_RECALIBRATION_ROWS = 1024
_TABLE_IDS = 2**20


@dataclass(kw_only=True, eq=False, repr=False)
class FairDropoutClassifier(GroupClassifier):
    """A network with example-tied dropout; needs no group labels.

    The default recipe is FairDropout (0.2, 0.5) behind the first hidden layer and thresholds
    chosen for worst-class validation accuracy. It helps where a minority group is rare inside a
    rare class. Where classes are balanced and only the correlation is spurious it does not, and
    `JTTClassifier` or methods with group labels do far better. `surefoot.groups.diagnose` tells
    which case is yours.

    Parameters
    ----------
    p_gen, p_mem, allocation, rescale
        As in `surefoot.groups.FairDropout`.
    placement : str, default "auto"
        Module behind which the layer is attached. "auto": the first hidden activation of the
        default network, else the first of `suggest_placements`. A network that already contains
        FairDropout layers is left as it is.
    class_weight : dict, "balanced" or None
        As in scikit-learn; "balanced" combines FairDropout with the class-balanced loss.
    recenter : bool, default True
        Dropping the memory shifts the logits by a constant that varies with the seed. Add it back:
        mean logits with each example's own memory minus mean logits without, over the training
        rows. Uses neither labels nor groups. Not in the paper.
    masks : {"tied", "redrawn"}
        "redrawn" is a control: every example has a new mask at every step, all else equal.
    **common
        As in every classifier of the room, see `surefoot.groups.estimator.GroupClassifier`.

    Attributes
    ----------
    placement_ : str or None
    memory_scores_ : ndarray of shape (n_train,)
        Loss with the example's own memory on, minus loss with memory dropped. Low values: the
        example is right only thanks to its memory. High values: the memory, shared in random
        halves, gets it wrong. Either end can mark a minority without labels; which one depends on
        the data and the layer, so look at a few rows before you rely on it.
    recalibrated_ : list of str
        BatchNorms re-estimated after training.

    References
    ----------
    .. [1] Nanfack & Belilovsky, arXiv 2502.06695, 2025.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> X, y = make_classification(400, weights=[0.9], random_state=0)
    >>> model = FairDropoutClassifier(epochs=5).fit(X, y)
    >>> model.placement_
    'relu1'
    """

    p_gen: float = 0.2
    p_mem: float = 0.5
    allocation: Allocation = "fixed"
    rescale: Rescale = "active"
    placement: str = "auto"
    class_weight: Mapping[Any, float] | Literal["balanced"] | None = None
    recenter: bool = True
    masks: Masks = "tied"

    def _fit_network(self, training: Part, validation: Part, seed: int) -> nn.Module:
        one_of("masks", self.masks, ("tied", "redrawn"))
        network = self._new_network(seed)
        self._place(network, training, seed)
        for layer in fair_layers(network):
            layer.norms_checked = True  # the norms behind it are re-estimated after training
        weights = compute_sample_weight(self.class_weight, self.classes_[training.y])
        if training.weights is not None:
            weights = weights * training.weights
        objective = WeightedCrossEntropy(weights)
        self._train(network, objective, training, validation, seed, masks=self.masks)
        self.recalibrated_ = self._recalibrate(network, training)
        self._compare_memory(network, training)
        return network

    def _place(self, network: nn.Module, training: Part, seed: int) -> None:
        self.placement_ = None
        if fair_layers(network):
            return
        sample = self._inputs(training.X[:2])
        places = {place.name: place for place in suggest_placements(network, sample)}
        if self.placement != "auto":
            name = one_of("placement", self.placement, places)
        elif self.network is None:
            name = "relu1"
        else:
            name = next(iter(places))
        self.placement_ = name
        options: dict[str, Any] = {
            "num_features": places[name].num_features,
            "feature_dim": -1 if places[name].tokens else 1,
            "p_gen": self.p_gen,
            "p_mem": self.p_mem,
            "allocation": self.allocation,
            "rescale": self.rescale,
            "seed": seed,
        }
        highest = int(training.ids.max())
        if self.masks == "tied" and highest < _TABLE_IDS:  # the same masks, looked up: faster
            options["n_examples"] = highest + 1
        attach(network, {name: options})

    def _recalibrate(self, network: nn.Module, training: Part) -> list[str]:
        batches = self._inputs(training.X).split(_RECALIBRATION_ROWS)
        return recalibrate_batchnorm(network, batches)

    def _compare_memory(self, network: nn.Module, training: Part) -> None:
        """Learn from the training rows what dropping the memory changes."""
        X = self._inputs(training.X)
        y = torch.as_tensor(training.y).to(self.device)
        ids = torch.as_tensor(training.ids).to(self.device)
        own, dropped = logits_of(network, X, memory="own", ids=ids), logits_of(network, X)
        losses = [cross_entropy(logits, y, reduction="none") for logits in (own, dropped)]
        self.memory_scores_: NDArray[np.floating[Any]] = (losses[0] - losses[1]).cpu().numpy()
        if self.recenter:
            shift = own.double().mean(0) - dropped.double().mean(0)
            self.logit_shift_ = shift.cpu().numpy()
