"""The kinds of designs as points of the unit cube.

Sources: McKay, Beckman & Conover, Technometrics 1979 (Latin hypercubes); Owen, "Randomly permuted
(t,m,s)-nets and (t,s)-sequences", 1995 (scrambling); the implementations are those of SciPy.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from surefoot.ground.errors import InputError
from surefoot.surrogates.simulation.dimensions import Categorical
from surefoot.surrogates.simulation.space import Space
from surefoot.surrogates.simulation.spread import maximin_order, spread_columns

Floats = NDArray[np.float64]

_CANDIDATES_PER_POINT = 20


def _random(space: Space, n: int, random: np.random.Generator) -> Floats:
    return random.random((n, len(space)))


def _lhs(space: Space, n: int, random: np.random.Generator) -> Floats:
    if n < 2:  # nothing to exchange
        return qmc.LatinHypercube(len(space), rng=random).random(n)
    return qmc.LatinHypercube(len(space), optimization="random-cd", rng=random).random(n)


def _lhs_maximin(space: Space, n: int, random: np.random.Generator) -> Floats:
    return spread_columns(qmc.LatinHypercube(len(space), rng=random).random(n), random)


def _sobol(space: Space, n: int, random: np.random.Generator) -> Floats:
    # The first points of the next power of two: SciPy warns of any other number.
    whole = qmc.Sobol(len(space), rng=random).random_base2(max(n - 1, 0).bit_length())
    return whole[:n]


def _halton(space: Space, n: int, random: np.random.Generator) -> Floats:
    return qmc.Halton(len(space), rng=random).random(n)


def _maximin(space: Space, n: int, random: np.random.Generator) -> Floats:
    candidates = _sobol(space, _CANDIDATES_PER_POINT * n, random)
    return candidates[maximin_order(candidates, n)]


def _grid(space: Space, n: int, random: np.random.Generator) -> Floats:
    dimensions = list(space.dimensions.values())
    counts = [one.size if isinstance(one, Categorical) else 1 for one in dimensions]
    if math.prod(counts) > n:
        raise InputError("design, n", n, f"at least {math.prod(counts)}, to hold every level")
    growing = set(range(len(counts)))
    while growing:
        least = min(growing, key=lambda column: (counts[column], column))
        size = dimensions[least].size
        if counts[least] == size or math.prod(counts) // counts[least] * (counts[least] + 1) > n:
            growing.remove(least)
        else:
            counts[least] += 1
    return np.array(list(itertools.product(*map(_levels, dimensions, counts))))


def _levels(dimension: Any, count: int) -> Floats:
    if count == dimension.size:  # the middle of each cell
        return (np.arange(count) + 0.5) / count
    return np.linspace(0.0, 1.0, count) if count > 1 else np.array([0.5])


SAMPLERS: Mapping[str, Callable[[Space, int, np.random.Generator], Floats]] = {
    "random": _random,
    "lhs": _lhs,
    "lhs-maximin": _lhs_maximin,
    "sobol": _sobol,
    "halton": _halton,
    "maximin": _maximin,
    "grid": _grid,
}
