"""The network an estimator trains when none is given."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence

from torch import nn


def mlp(
    input_shape: Sequence[int], n_classes: int, hidden: Sequence[int] = (128, 128)
) -> nn.Module:
    """Return a ReLU network; its modules are called linear1, relu1, … and head.

    Parameters
    ----------
    input_shape : shape of one example; more than one axis is flattened
    n_classes : int
    hidden : widths of the hidden layers
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if len(input_shape) > 1:
        layers["flatten"] = nn.Flatten()
    width = math.prod(input_shape)
    for number, units in enumerate(hidden, start=1):
        layers[f"linear{number}"] = nn.Linear(width, units)
        layers[f"relu{number}"] = nn.ReLU()
        width = units
    layers["head"] = nn.Linear(width, n_classes)
    return nn.Sequential(layers)
