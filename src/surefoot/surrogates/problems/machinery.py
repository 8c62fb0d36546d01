"""Problems for what surrounds a surrogate: fidelities, fields, jumps, and runs that fail."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.surrogates.problems.problem import Problem
from surefoot.surrogates.simulation.space import Real, Space

Floats = NDArray[np.float64]


def forrester(x: Any) -> Any:
    """Return (6x − 2)² sin(12x − 4)."""
    return (6 * x - 2) ** 2 * np.sin(12 * x - 4)


def forrester_low(x: Any) -> Any:
    """Return the cheap counterpart of `forrester`: half of it and a tilted line."""
    return 0.5 * forrester(x) + 10 * (x - 0.5) + 5


def step(x1: Any, x2: Any) -> Any:
    """Return x₂, and one more where x₁ ≥ 0.4."""
    return x2 + np.where(x1 < 0.4, 0.0, 1.0)


def failing(x0: Any, x1: Any, limit: float = 0.5) -> Any:
    """Return 1/(limit + 0.1 − x₀x₁), or fail where x₀x₁ exceeds `limit`.

    Raises
    ------
    ArithmeticError
        As a solver does that finds no solution.
    """
    product = np.multiply(x0, x1)
    if np.any(product > limit):
        msg = f"no convergence: x0·x1 = {np.max(product):.6g} exceeds {limit}"
        raise ArithmeticError(msg)
    return 1 / (limit + 0.1 - product)


def burgers(viscosity: Any, amplitude: Any) -> Floats:
    """Return u(x, 1) at 64 equidistant x in [0, 2π), of shape inputs + (64,).

    u_t + u u_x = ν u_xx on the circle with u(x, 0) = amplitude · sin x: a wave that steepens while
    viscosity smooths it. In Fourier space diffusion is solved exactly and the rest by Runge-Kutta
    steps of fourth order, with the upper third of the modes cut off against aliasing.
    """
    nu, height = (np.asarray(one, dtype=float)[..., None] for one in (viscosity, amplitude))
    wave = np.arange(_POINTS // 2 + 1)
    kept = wave < _POINTS / 3
    x = 2 * np.pi * np.arange(_POINTS) / _POINTS
    # The wave of each row is a multiple of one sine, whatever the shapes.
    modes = np.fft.rfft(height * np.sin(x)) + 0 * nu
    half = np.exp(-nu * wave**2 * _DT / 2)

    def slope(modes: Any) -> Any:
        u = np.fft.irfft(modes)
        return -0.5j * wave * kept * np.fft.rfft(u * u)

    for _ in range(round(1 / _DT)):
        a = _DT * slope(modes)
        b = _DT * slope(half * (modes + a / 2))
        c = _DT * slope(half * modes + b / 2)
        d = _DT * slope(half**2 * modes + half * c)
        modes = half**2 * modes + (half**2 * a + 2 * half * (b + c) + d) / 6
    field: Floats = np.fft.irfft(modes)[..., :: _POINTS // 64]
    return field


_POINTS = 256
_DT = 1 / 100

FORRESTER = Problem(
    name="forrester",
    title="Forrester's function of one input",
    group="machinery",
    space=Space(x=Real(0, 1)),
    function=forrester,
    source="Forrester, Sóbester and Keane (2008), Engineering Design via Surrogate Modelling",
    minimum=-6.020740,
    minimisers=((0.757249,),),
)
FORRESTER_LOW = Problem(
    name="forrester-low",
    title="Forrester's function, low fidelity",
    group="machinery",
    space=Space(x=Real(0, 1)),
    function=forrester_low,
    source="Forrester, Sóbester and Keane (2008), Engineering Design via Surrogate Modelling",
)
STEP = Problem(
    name="step",
    title="A plane with a step",
    group="machinery",
    space=Space(x1=Real(0, 1), x2=Real(0, 1)),
    function=step,
    source="made for Surefoot",
    # Parts of the variance: 0.4 · 0.6 of the step and 1/12 of the slope.
    first_order=(0.24 / (0.24 + 1 / 12), (1 / 12) / (0.24 + 1 / 12)),
    total_order=(0.24 / (0.24 + 1 / 12), (1 / 12) / (0.24 + 1 / 12)),
)
FAILING = Problem(
    name="failing",
    title="A solver that fails in a corner",
    group="machinery",
    space=Space(x0=Real(0, 1), x1=Real(0, 1)),
    function=failing,
    source="made for Surefoot",
)
BURGERS = Problem(
    name="burgers",
    title="A steepening wave: Burgers' equation at 64 points",
    group="machinery",
    space=Space(viscosity=Real(0.1, 1, scale="log"), amplitude=Real(0.5, 1.5)),
    function=burgers,
    source="Burgers (1948), Advances in Applied Mechanics 1:171; Cox and Matthews (2002)",
)
