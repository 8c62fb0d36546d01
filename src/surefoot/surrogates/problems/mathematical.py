"""Formulas made for testing: sensitivity analysis, optimisation, screening."""

from __future__ import annotations

from typing import Any

import numpy as np

from surefoot.surrogates.problems.problem import Problem, cube
from surefoot.surrogates.simulation.space import Real, Space


def ishigami(x1: Any, x2: Any, x3: Any) -> Any:
    """Return sin x₁ + 7 sin² x₂ + 0.1 x₃⁴ sin x₁."""
    return np.sin(x1) + 7 * np.sin(x2) ** 2 + 0.1 * x3**4 * np.sin(x1)


def branin(x1: Any, x2: Any) -> Any:
    """Return the Branin-Hoo function, with three global minima."""
    valley = x2 - 5.1 / (4 * np.pi**2) * x1**2 + 5 / np.pi * x1 - 6
    return valley**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x1) + 10


def hartmann6(x1: Any, x2: Any, x3: Any, x4: Any, x5: Any, x6: Any) -> Any:
    """Return the six-dimensional Hartmann function: four wells of different width and depth."""
    x = np.stack(np.broadcast_arrays(x1, x2, x3, x4, x5, x6), axis=-1)
    distances = (_WIDTHS * (x[..., None, :] - _CENTRES) ** 2).sum(-1)
    return -np.exp(-distances) @ _DEPTHS


def friedman(x1: Any, x2: Any, x3: Any, x4: Any, x5: Any) -> Any:
    """Return 10 sin(π x₁ x₂) + 20 (x₃ − ½)² + 10 x₄ + 5 x₅."""
    return 10 * np.sin(np.pi * x1 * x2) + 20 * (x3 - 0.5) ** 2 + 10 * x4 + 5 * x5


def g_function(x1: Any, x2: Any, x3: Any, x4: Any, x5: Any, x6: Any) -> Any:
    """Return Π (|4xᵢ − 2| + aᵢ)/(1 + aᵢ) with aᵢ = (i − 1)/2: Sobol's g-function, with kinks."""
    x = np.stack(np.broadcast_arrays(x1, x2, x3, x4, x5, x6), axis=-1)
    return ((np.abs(4 * x - 2) + _G) / (1 + _G)).prod(-1)


_DEPTHS = np.array([1.0, 1.2, 3.0, 3.2])
_WIDTHS = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
_CENTRES = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)
_G = np.arange(6) / 2


def _indices_of_ishigami() -> tuple[tuple[float, ...], tuple[float, ...]]:
    first = (1 + 0.1 * np.pi**4 / 5) ** 2 / 2
    second = 7**2 / 8
    both = 8 * 0.1**2 * np.pi**8 / 225
    total = first + second + both
    return (first / total, second / total, 0.0), (
        (first + both) / total,
        second / total,
        both / total,
    )


def _indices_of_g() -> tuple[tuple[float, ...], tuple[float, ...]]:
    partial = 1 / (3 * (1 + _G) ** 2)
    variance = np.prod(1 + partial) - 1
    total = partial * np.prod(1 + partial) / (1 + partial)
    return tuple((partial / variance).tolist()), tuple((total / variance).tolist())


ISHIGAMI = Problem(
    name="ishigami",
    title="Ishigami and Homma's function",
    group="development",
    space=cube(3, -np.pi, np.pi),
    function=ishigami,
    source="Ishigami and Homma (1990), ISUMA '90",
    minimum=-1 - 0.1 * np.pi**4,
    minimisers=((-np.pi / 2, 0.0, -np.pi), (-np.pi / 2, 0.0, np.pi)),
    first_order=_indices_of_ishigami()[0],
    total_order=_indices_of_ishigami()[1],
)
BRANIN = Problem(
    name="branin",
    title="Branin's function",
    group="development",
    space=Space(x1=Real(-5, 10), x2=Real(0, 15)),
    function=branin,
    source="Dixon and Szegő (1978), Towards Global Optimization 2",
    minimum=10 / (8 * np.pi),
    minimisers=((-np.pi, 12.275), (np.pi, 2.275), (3 * np.pi, 2.475)),
    first_order=(0.13572, 0.25153),
    total_order=(0.74847, 0.86428),
)
HARTMANN6 = Problem(
    name="hartmann6",
    title="Hartmann's function of six inputs",
    group="development",
    space=cube(6),
    function=hartmann6,
    source="Dixon and Szegő (1978), Towards Global Optimization 2",
    minimum=-3.32237,
    minimisers=((0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573),),
    first_order=(0.1048, 0.0021, 0.0068, 0.0810, 0.1054, 0.0081),
    total_order=(0.3427, 0.3990, 0.0518, 0.3793, 0.2974, 0.4811),
)
FRIEDMAN = Problem(
    name="friedman",
    title="Friedman's function",
    group="development",
    space=cube(5),
    function=friedman,
    source="Friedman (1991), Annals of Statistics 19:1",
    minimum=0.0,
    minimisers=((0.0, 0.0, 0.5, 0.0, 0.0),),
    first_order=(0.19731, 0.19731, 0.09327, 0.34975, 0.08744),
    total_order=(0.27223, 0.27223, 0.09327, 0.34975, 0.08744),
)
G_FUNCTION = Problem(
    name="g-function",
    title="Sobol's g-function",
    group="development",
    space=cube(6),
    function=g_function,
    source="Saltelli and Sobol' (1995), Reliability Engineering and System Safety 50:225",
    minimum=0.0,
    # a₁ = 0: the first factor alone makes it zero.
    minimisers=((0.5, 0.5, 0.5, 0.5, 0.5, 0.5),),
    first_order=_indices_of_g()[0],
    total_order=_indices_of_g()[1],
)
