"""Closed formulas from engineering, with the ranges under which they are usually compared.

Source: Surjanovic and Bingham (2013), Virtual Library of Simulation Experiments; for each the
original is named.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from surefoot.surrogates.problems.problem import Problem
from surefoot.surrogates.simulation.space import Real, Space


def borehole(rw: Any, r: Any, Tu: Any, Hu: Any, Tl: Any, Hl: Any, L: Any, Kw: Any) -> Any:
    """Return the flow of water through a borehole, m³/yr."""
    return _flow(rw, r, Tu, Hu, Tl, Hl, L, Kw, 2 * np.pi, 1.0)


def borehole_low(rw: Any, r: Any, Tu: Any, Hu: Any, Tl: Any, Hl: Any, L: Any, Kw: Any) -> Any:
    """Return what a coarser model makes of the flow (Xiong, Qian and Wu 2013)."""
    return _flow(rw, r, Tu, Hu, Tl, Hl, L, Kw, 5.0, 1.5)


def otl_circuit(Rb1: Any, Rb2: Any, Rf: Any, Rc1: Any, Rc2: Any, beta: Any) -> Any:
    """Return the midpoint voltage of an output transformerless push-pull circuit, V."""
    base = 12 * Rb2 / (Rb1 + Rb2)
    gain = beta * (Rc2 + 9)
    return (
        (base + 0.74) * gain / (gain + Rf)
        + 11.35 * Rf / (gain + Rf)
        + 0.74 * Rf * gain / ((gain + Rf) * Rc1)
    )


def piston(M: Any, S: Any, V0: Any, k: Any, P0: Any, Ta: Any, T0: Any) -> Any:
    """Return the time a piston takes for one cycle, s."""
    A = P0 * S + 19.62 * M - k * V0 / S
    V = S / (2 * k) * (np.sqrt(A**2 + 4 * k * P0 * V0 * Ta / T0) - A)
    return 2 * np.pi * np.sqrt(M / (k + S**2 * P0 * V0 * Ta / (T0 * V**2)))


def wing_weight(
    Sw: Any, Wfw: Any, A: Any, Lam: Any, q: Any, lam: Any, tc: Any, Nz: Any, Wdg: Any, Wp: Any
) -> Any:
    """Return the weight of the wing of a light aircraft, lb."""
    cosine = np.cos(np.deg2rad(Lam))
    return (0.036 * Sw**0.758 * Wfw**0.0035 * (A / cosine**2) ** 0.6 * q**0.006 * lam**0.04) * (
        100 * tc / cosine
    ) ** -0.3 * (Nz * Wdg) ** 0.49 + Sw * Wp


def robot_arm(
    theta1: Any, theta2: Any, theta3: Any, theta4: Any, L1: Any, L2: Any, L3: Any, L4: Any
) -> Any:
    """Return how far the hand of an arm of four segments is from its shoulder."""
    angles = np.cumsum(np.stack(np.broadcast_arrays(theta1, theta2, theta3, theta4)), axis=0)
    lengths = np.stack(np.broadcast_arrays(L1, L2, L3, L4))
    return np.hypot((lengths * np.cos(angles)).sum(0), (lengths * np.sin(angles)).sum(0))


def _flow(
    rw: Any, r: Any, Tu: Any, Hu: Any, Tl: Any, Hl: Any, L: Any, Kw: Any, factor: float, one: float
) -> Any:
    log = np.log(r / rw)
    return factor * Tu * (Hu - Hl) / (log * (one + 2 * L * Tu / (log * rw**2 * Kw) + Tu / Tl))


_BOREHOLE = Space(
    rw=Real(0.05, 0.15, unit="m"),
    r=Real(100, 50_000, unit="m"),
    Tu=Real(63_070, 115_600, unit="m²/yr"),
    Hu=Real(990, 1_110, unit="m"),
    Tl=Real(63.1, 116, unit="m²/yr"),
    Hl=Real(700, 820, unit="m"),
    L=Real(1_120, 1_680, unit="m"),
    Kw=Real(9_855, 12_045, unit="m/yr"),
)
BOREHOLE = Problem(
    name="borehole",
    title="Flow of water through a borehole",
    group="development",
    space=_BOREHOLE,
    function=borehole,
    source="Harper and Gupta (1983); Morris, Mitchell and Ylvisaker (1993)",
    first_order=(0.82892, 0.0, 0.0, 0.04139, 0.00001, 0.04139, 0.03934, 0.00952),
    total_order=(0.86683, 0.0, 0.0, 0.05411, 0.00001, 0.05411, 0.05208, 0.01273),
)
BOREHOLE_LOW = Problem(
    name="borehole-low",
    title="Flow of water through a borehole, low fidelity",
    group="machinery",
    space=_BOREHOLE,
    function=borehole_low,
    source="Xiong, Qian and Wu (2013), Technometrics 55:37",
)
OTL = Problem(
    name="otl",
    title="Midpoint voltage of a push-pull circuit",
    group="development",
    space=Space(
        Rb1=Real(50, 150, unit="kΩ"),
        Rb2=Real(25, 70, unit="kΩ"),
        Rf=Real(0.5, 3, unit="kΩ"),
        Rc1=Real(1.2, 2.5, unit="kΩ"),
        Rc2=Real(0.25, 1.2, unit="kΩ"),
        beta=Real(50, 300, unit="A/A"),
    ),
    function=otl_circuit,
    source="Ben-Ari and Steinberg (2007), Quality Engineering 19:327",
    first_order=(0.49566, 0.40720, 0.07084, 0.01864, 0.0, 0.00001),
    total_order=(0.50015, 0.41168, 0.07401, 0.02180, 0.0, 0.00001),
)
PISTON = Problem(
    name="piston",
    title="Cycle time of a piston",
    group="development",
    space=Space(
        M=Real(30, 60, unit="kg"),
        S=Real(0.005, 0.02, unit="m²"),
        V0=Real(0.002, 0.01, unit="m³"),
        k=Real(1_000, 5_000, unit="N/m"),
        P0=Real(90_000, 110_000, unit="N/m²"),
        Ta=Real(290, 296, unit="K"),
        T0=Real(340, 360, unit="K"),
    ),
    function=piston,
    source="Kenett and Zacks (1998); Ben-Ari and Steinberg (2007)",
    first_order=(0.03911, 0.55713, 0.32106, 0.02061, 0.00124, 0.0, 0.00003),
    total_order=(0.05088, 0.59936, 0.35279, 0.06694, 0.00135, 0.00001, 0.00007),
)
WING = Problem(
    name="wing",
    title="Weight of a light aircraft's wing",
    group="development",
    space=Space(
        Sw=Real(150, 200, unit="ft²"),
        Wfw=Real(220, 300, unit="lb"),
        A=Real(6, 10),
        Lam=Real(-10, 10, unit="°"),
        q=Real(16, 45, unit="lb/ft²"),
        lam=Real(0.5, 1),
        tc=Real(0.08, 0.18),
        Nz=Real(2.5, 6),
        Wdg=Real(1_700, 2_500, unit="lb"),
        Wp=Real(0.025, 0.08, unit="lb/ft²"),
    ),
    function=wing_weight,
    source="Forrester, Sóbester and Keane (2008), Engineering Design via Surrogate Modelling",
    first_order=(
        0.12448,
        0.0,
        0.22024,
        0.00049,
        0.00009,
        0.00181,
        0.14097,
        0.41161,
        0.08497,
        0.00334,
    ),
    total_order=(
        0.12790,
        0.0,
        0.22602,
        0.00051,
        0.00009,
        0.00187,
        0.14506,
        0.41965,
        0.08760,
        0.00336,
    ),
)
ROBOT_ARM = Problem(
    name="robot-arm",
    title="Reach of an arm of four segments",
    group="development",
    space=Space(
        **{f"theta{i}": Real(0, 2 * np.pi, unit="rad") for i in range(1, 5)},
        **{f"L{i}": Real(0, 1) for i in range(1, 5)},
    ),
    function=robot_arm,
    source="An and Owen (2001), Journal of Complexity 17:588",
    minimum=0.0,
    minimisers=((0.0, np.pi, 0.0, np.pi, 0.5, 0.5, 0.5, 0.5),),
)
