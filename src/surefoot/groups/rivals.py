"""The methods to beat, on the same training loop."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from surefoot.ground.errors import InputError
from surefoot.groups.estimator import GroupClassifier
from surefoot.groups.last_layer import LastLayerRetraining
from surefoot.groups.objectives import GroupDRO, WeightedCrossEntropy, balanced_weights
from surefoot.groups.preparation import Part, require_cells
from surefoot.groups.training import logits_of

__all__ = [
    "ClassBalancedClassifier",
    "DropoutClassifier",
    "ERMClassifier",
    "GroupDROClassifier",
    "GroupReweightedClassifier",
    "JTTClassifier",
    "LastLayerRetraining",
]


@dataclass(kw_only=True, eq=False, repr=False)
class ERMClassifier(GroupClassifier):
    """Empirical risk minimisation: plain cross-entropy. Uses no groups."""

    def _fit_network(self, training: Part, validation: Part, seed: int) -> nn.Module:
        network = self._new_network(seed)
        objective = WeightedCrossEntropy(training.weights)
        return self._train(network, objective, training, validation, seed)


@dataclass(kw_only=True, eq=False, repr=False)
class DropoutClassifier(GroupClassifier):
    """ERM with ordinary dropout behind one module. Uses no groups.

    Parameters
    ----------
    p : float, default 0.5
        Share of units dropped, in [0, 1).
    placement : str, default "relu1"
        Module behind which dropout stands; whole channels are dropped where there are any.
    """

    p: float = 0.5
    placement: str = "relu1"

    def _fit_network(self, training: Part, validation: Part, seed: int) -> nn.Module:
        if not 0 <= self.p < 1:
            raise InputError("p", self.p, "a number in [0, 1)")
        network = self._new_network(seed)
        place = network.get_submodule(self.placement)

        def drop(module: nn.Module, _: object, output: torch.Tensor) -> torch.Tensor:
            if output.ndim > 2:
                return nn.functional.dropout2d(output, self.p, module.training)
            return nn.functional.dropout(output, self.p, module.training)

        hook = place.register_forward_hook(drop)
        try:
            objective = WeightedCrossEntropy(training.weights)
            return self._train(network, objective, training, validation, seed)
        finally:
            hook.remove()  # at inference dropout is the identity


@dataclass(kw_only=True, eq=False, repr=False)
class ClassBalancedClassifier(GroupClassifier):
    """Cross-entropy in which every class has the same total weight. Uses no groups."""

    def _fit_network(self, training: Part, validation: Part, seed: int) -> nn.Module:
        network = self._new_network(seed)
        objective = WeightedCrossEntropy(_times(balanced_weights(training.y), training))
        return self._train(network, objective, training, validation, seed)


@dataclass(kw_only=True, eq=False, repr=False)
class GroupReweightedClassifier(GroupClassifier):
    """Cross-entropy in which every group has the same total weight. Needs groups in training.

    Source: Idrissi et al., "Simple data balancing achieves competitive worst-group-accuracy",
    CLeaR 2022 (there with a sampler; here with weights on the loss).
    """

    def _fit_network(self, training: Part, validation: Part, seed: int) -> nn.Module:
        groups = _groups_of(self, training)
        network = self._new_network(seed)
        objective = WeightedCrossEntropy(_times(balanced_weights(groups), training))
        return self._train(network, objective, training, validation, seed)


@dataclass(kw_only=True, eq=False, repr=False)
class GroupDROClassifier(GroupClassifier):
    """Minimise the loss of the worst group. Needs groups in training.

    Source: Sagawa et al., ICLR 2020.

    Parameters
    ----------
    step_size : float, default 0.05
        η, how fast weight moves to the groups with the highest loss.
    """

    step_size: float = 0.05

    def _fit_network(self, training: Part, validation: Part, seed: int) -> nn.Module:
        groups = _groups_of(self, training)
        network = self._new_network(seed)
        objective = GroupDRO(groups, int(groups.max()) + 1, self.step_size, training.weights)
        return self._train(network, objective, training, validation, seed)


@dataclass(kw_only=True, eq=False, repr=False)
class JTTClassifier(GroupClassifier):
    """Just train twice: rows that a briefly trained ERM gets wrong count more. Uses no groups.

    Source: Liu et al., "Just Train Twice: Improving Group Robustness without Training Group
    Information", ICML 2021.

    Parameters
    ----------
    identification_epochs : int, default 1
        How long the first network trains.
    upweight : float, default 20
        λ, the weight of its errors in the second training.
    """

    identification_epochs: int = 1
    upweight: float = 20.0

    def _fit_network(self, training: Part, validation: Part, seed: int) -> nn.Module:
        if not self.upweight > 0:
            raise InputError("upweight", self.upweight, "a positive number")
        objective = WeightedCrossEntropy(training.weights)
        brief = replace(self._schedule(), epochs=self.identification_epochs)
        first = self._new_network(seed)
        self._train(first, objective, training, validation, seed, schedule=brief)
        predicted = logits_of(first, self._inputs(training.X)).argmax(1).cpu().numpy()
        weights = np.where(predicted == training.y, 1.0, self.upweight)

        self.history_.clear()  # of the second training only
        network = self._new_network(seed)
        objective = WeightedCrossEntropy(_times(weights, training))
        return self._train(network, objective, training, validation, seed)


def _groups_of(estimator: GroupClassifier, training: Part) -> np.ndarray:
    if training.groups is None:
        name = type(estimator).__name__
        raise InputError("groups", None, f"group labels of the training rows; {name} needs them")
    require_cells(training, len(estimator.classes_), estimator.group_names_, "training rows")
    return training.groups


def _times(weights: np.ndarray, training: Part) -> np.ndarray:
    return weights if training.weights is None else weights * training.weights
