"""Two-tailed averaging: a horizon that sets itself on a validation loss, without a parameter.

Source: Melis, "Two-tailed averaging: anytime, adaptive, once-in-a-while optimal weight averaging
for better generalization", arXiv 2209.12581 (2022).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from surefoot.averaging.arithmetic import copy_, lerp_
from surefoot.averaging.buffers import Flat, Layout
from surefoot.averaging.profiles import Weights
from surefoot.averaging.schemes import Running, Scheme, tail_weights
from surefoot.ground.errors import InputError
from surefoot.ground.streams import subseed


@dataclass(frozen=True)
class TwoTailed(Scheme):
    """Two tails, a long one that is served and a short one that tries to replace it.

    At each validation, `WeightAverager.judge` compares them; once the short tail is as good, it
    becomes the long one and a new short one begins. Early on the horizon stays short; as the
    learning rate's noise becomes what matters, it grows. Two copies of the weights are held.

    Parameters
    ----------
    every, start : int or float
        See `Scheme`.
    """

    def begin(self, layout: Layout, key: int) -> Running:
        """Return a running average that has seen nothing yet."""
        return RunningTails(layout, key)


class RunningTails(Running):
    """The two tails of one model.

    Attributes
    ----------
    long, short : int
        How many iterates each covers; the short one may be empty.
    """

    def __init__(self, layout: Layout, key: int) -> None:
        self._key = key
        self._means = {"long": layout.empty(), "short": layout.empty()}
        self.long = self.short = 0

    def push(self, theta: list[Tensor]) -> None:
        """Take in the weights."""
        self.pushes += 1
        self.long += 1
        self.short += 1
        for i, (name, length) in enumerate((("long", self.long), ("short", self.short))):
            if length == 1:
                copy_(self._means[name], theta)
            else:
                key = subseed(self._key, i, self.pushes)
                lerp_(self._means[name], theta, 1 / length, key)

    @property
    def mean_of_short(self) -> Flat:
        """The short tail; served only to be compared."""
        return self._means["short"]

    @property
    def contested(self) -> bool:
        """Whether there are two different tails to compare."""
        return 0 < self.short < self.long

    def judge(self, long_loss: float, short_loss: float) -> bool:
        """Replace the long tail by the short one if it is as good; return whether it was."""
        if math.isnan(long_loss) and math.isnan(short_loss):
            raise InputError("judge", "two NaN losses", "a validation loss that can be compared")
        if not self.contested:
            self.short = 0  # the first time both are the same; from now on they part
            return False
        if not (short_loss <= long_loss or math.isnan(long_loss)):
            return False
        self._means["long"], self._means["short"] = self._means["short"], self._means["long"]
        self.long, self.short = self.short, 0
        return True

    def weights(self) -> Weights:
        """Return how much each iterate taken in weighs in the long tail."""
        return tail_weights(self.pushes, self.long)

    def read(self) -> Flat:
        """Return the long tail."""
        return self._means["long"]

    @property
    def buffers(self) -> Mapping[str, Flat]:
        """The tails that cover something."""
        lengths = {"long": self.long, "short": self.short}
        return {name: flat for name, flat in self._means.items() if lengths[name]}

    def numbers(self) -> dict[str, Any]:
        """Return the plain values of the state."""
        return {"pushes": self.pushes, "long": self.long, "short": self.short}

    def restore(
        self, numbers: Mapping[str, Any], tensors: Mapping[str, Mapping[str, Tensor]], where: str
    ) -> None:
        """Take over a state written before."""
        self.pushes, self.long, self.short = (int(numbers[n]) for n in ("pushes", "long", "short"))
        for name, length in (("long", self.long), ("short", self.short)):
            if length:
                self._means[name].load(tensors.get(name, {}), f"{where}, {name} tail")
