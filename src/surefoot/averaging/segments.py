"""Segment means: the raw material from which any horizon can be chosen after the run.

Instead of iterates or exponential averages, the mean over every iterate *inside consecutive
segments* is kept. A tail that begins at a boundary is then exact, and every other profile is a
convex combination: no coefficient is negative, so nothing is amplified by rounding. Merging old
segments pairwise, as an exponential histogram does, keeps O(k log n) of them, and the tails on
offer at any time grow by a factor of at most about 1 + 1/k.

Source of the histogram: Datar, Gionis, Indyk & Motwani, SIAM J. Comput. 31 (2002).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from torch import Tensor

from surefoot.averaging.arithmetic import combine_, copy_, lerp_, merge_
from surefoot.averaging.buffers import Flat, Layout
from surefoot.averaging.profiles import Profile, Weights, profile_weights
from surefoot.averaging.schemes import (
    Combinable,
    Duration,
    Running,
    Scheme,
    Synthesis,
    check_count,
    in_steps,
)
from surefoot.ground.errors import InputError
from surefoot.ground.streams import subseed


@dataclass(frozen=True)
class SegmentMeans(Scheme):
    """Keep segment means, so that the horizon can be chosen after the run.

    Parameters
    ----------
    per_octave : int
        At most this many segments + 1 of each length 1, 2, 4, … are kept. More cost memory and
        give finer horizons: neighbouring ones differ by a factor of about 1 + 1/per_octave.
    base : int or float
        Length of the shortest segment in steps, or as a share of ``total_steps``; whole
        multiples of `every` count. Horizons shorter than that can't be told apart. About
        per_octave × log₂(steps / base / per_octave) copies are held: 30 for 1,000 base segments
        and 4 an octave.
    every, start : int or float
        See `Scheme`.
    """

    per_octave: int = 4
    base: Duration = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("SegmentMeans.per_octave", self.per_octave, 1)

    def resolved(self, total_steps: int | None) -> Self:
        """Return the scheme with all durations in steps."""
        scheme = super().resolved(total_steps)
        base = in_steps("SegmentMeans.base", self.base, total_steps, least=1)
        return type(self)(self.per_octave, base, every=scheme.every, start=scheme.start)

    def begin(self, layout: Layout, key: int) -> Running:
        """Return a running average that has seen nothing yet."""
        return RunningSegments(self, layout, key)


@dataclass
class Segment:
    """The mean over consecutive iterates.

    Attributes
    ----------
    mean : Flat
    pushes : int
        How many iterates it covers.
    """

    mean: Flat
    pushes: int


class RunningSegments(Running, Combinable):
    """The segments of one model, oldest first; the newest may still be growing."""

    def __init__(self, scheme: SegmentMeans, layout: Layout, key: int) -> None:
        self.scheme, self._layout, self._key = scheme, layout, key
        self.base = max(1, int(scheme.base) // int(scheme.every))
        self.segments: list[Segment] = []
        self._spare: list[Flat] = []

    def push(self, theta: list[Tensor]) -> None:
        """Take in the weights, closing and merging segments when they are full."""
        newest = self.segments[-1] if self.segments else None
        if newest is None or newest.pushes >= self.base:
            self._merge()
            mean = self._spare.pop() if self._spare else self._layout.empty()
            copy_(mean, theta)
            self.segments.append(Segment(mean, 1))
        else:
            newest.pushes += 1
            key = subseed(self._key, "push", self.pushes + 1)
            lerp_(newest.mean, theta, 1 / newest.pushes, key)
        self.pushes += 1

    def _merge(self) -> None:
        """Merge the two oldest segments of every length of which there are too many."""
        length = self.base
        while True:
            at = [i for i, segment in enumerate(self.segments) if segment.pushes == length]
            if len(at) <= self.scheme.per_octave:
                return
            older, newer = self.segments[at[0]], self.segments[at[0] + 1]
            key = subseed(self._key, "merge", self.pushes + 1, length)
            merge_(older.mean, newer.mean, 0.5, key)
            older.pushes += newer.pushes
            self._spare.append(newer.mean)
            del self.segments[at[0] + 1], self._spare[1:]
            length *= 2

    @property
    def boundaries(self) -> list[int]:
        """The exact tails on offer, in pushes, shortest first."""
        lengths = [segment.pushes for segment in reversed(self.segments)]
        return np.cumsum(lengths).tolist()

    def synthesize(self, profile: Profile, horizon: float | None) -> Synthesis:
        """Return the nearest convex combination of segments to a profile."""
        wanted = profile_weights(profile, self.pushes, horizon)
        lengths = np.array([segment.pushes for segment in self.segments])
        starts = np.cumsum(lengths) - lengths
        # The mass of the profile inside each segment; the mean spreads it evenly there.
        mass = np.add.reduceat(wanted, starts)
        weights = np.repeat(mass / lengths, lengths)
        mean = self._layout.empty()
        combine_(mean, mass, [segment.mean for segment in self.segments])
        return Synthesis(mean, weights, float(np.abs(weights - wanted).sum()))

    def weights(self) -> Weights:
        """Return equal weights: the mean of everything."""
        return profile_weights("uniform", self.pushes)

    def read(self) -> Flat:
        """Refuse: which average is wanted has to be said."""
        raise InputError("SegmentMeans", "no horizon", "horizon=… or profile=… to choose one")

    @property
    def buffers(self) -> Mapping[str, Flat]:
        """The segments by number, oldest first."""
        return {str(i): segment.mean for i, segment in enumerate(self.segments)}

    def numbers(self) -> dict[str, Any]:
        """Return the plain values of the state."""
        lengths = [segment.pushes for segment in self.segments]
        return {"pushes": self.pushes, "lengths": lengths}

    def restore(
        self, numbers: Mapping[str, Any], tensors: Mapping[str, Mapping[str, Tensor]], where: str
    ) -> None:
        """Take over a state written before."""
        lengths = [int(length) for length in numbers["lengths"]]
        self.pushes = int(numbers["pushes"])
        if sum(lengths) != self.pushes:
            raise InputError(where, f"segments of {sum(lengths)} pushes", f"{self.pushes} in all")
        self.segments, self._spare = [], []
        for i, length in enumerate(lengths):
            mean = self._layout.empty()
            mean.load(tensors.get(str(i), {}), f"{where}, segment {i}")
            self.segments.append(Segment(mean, length))
