"""LAWA: the mean of the latest L iterates, one taken in every ν steps."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from surefoot.averaging.arithmetic import combine_, copy_
from surefoot.averaging.buffers import Flat, Layout
from surefoot.averaging.profiles import Weights
from surefoot.averaging.schemes import Running, Scheme, check_count, tail_weights


@dataclass(frozen=True)
class LAWA(Scheme):
    """Latest weight averaging: the uniform mean of the latest `window` iterates.

    Its horizon is window × every steps. The mean is over the iterates really held, also while
    the window fills.

    Parameters
    ----------
    window : int
        How many iterates are held; each is a copy of the weights.
    every, start : int or float
        See `Scheme`. ``LAWA(10, every=0.001)`` spans 1 % of the steps.

    Notes
    -----
    Kaddour, arXiv 2209.14981 (2022); Ajroldi et al., arXiv 2502.06761 (2025), section 3.
    """

    window: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("LAWA.window", self.window, 1)

    def weights(self, n: int) -> Weights:
        """Return the weight of each of `n` iterates, oldest first; they sum to 1."""
        check_count("n", n, 1)
        return tail_weights(n, min(self.window, n))

    def begin(self, layout: Layout, key: int) -> Running:
        """Return a running average that has seen nothing yet."""
        return _RunningWindow(self, layout)


class _RunningWindow(Running):
    def __init__(self, scheme: LAWA, layout: Layout) -> None:
        self.scheme, self._layout = scheme, layout
        self.ring: deque[Flat] = deque()

    def push(self, theta: list[Tensor]) -> None:
        full = len(self.ring) == self.scheme.window
        copy = self.ring.popleft() if full else self._layout.empty()
        copy_(copy, theta)
        self.ring.append(copy)
        self.pushes += 1

    def weights(self) -> Weights:
        return self.scheme.weights(self.pushes)

    def read(self) -> Flat:
        # Summed anew at each reading: a running sum drifts, and costs an update two more passes.
        mean = self._layout.empty()
        held = len(self.ring)
        combine_(mean, np.full(held, 1 / held), self.ring)
        return mean

    @property
    def buffers(self) -> Mapping[str, Flat]:
        return {str(i): flat for i, flat in enumerate(self.ring)}

    def restore(
        self, numbers: Mapping[str, Any], tensors: Mapping[str, Mapping[str, Tensor]], where: str
    ) -> None:
        self.pushes = int(numbers["pushes"])
        self.ring.clear()
        for i in range(min(self.pushes, self.scheme.window)):
            flat = self._layout.empty()
            flat.load(tensors.get(str(i), {}), f"{where}, copy {i}")
            self.ring.append(flat)
