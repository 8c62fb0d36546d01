"""Functions nobody has looked at while developing: for the last word, and for that alone.

Fit nothing to them before the final study; an accuracy seen on them and acted upon is lost.

Source: Surjanovic and Bingham (2013), Virtual Library of Simulation Experiments; for each the
original is named.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from surefoot.surrogates.problems.problem import Problem, cube
from surefoot.surrogates.simulation.space import Real, Space


def franke(x1: Any, x2: Any) -> Any:
    """Return Franke's function: two hills, a rise and a dip."""
    a, b = 9 * x1, 9 * x2
    return (
        0.75 * np.exp(-((a - 2) ** 2) / 4 - (b - 2) ** 2 / 4)
        + 0.75 * np.exp(-((a + 1) ** 2) / 49 - (b + 1) / 10)
        + 0.5 * np.exp(-((a - 7) ** 2) / 4 - (b - 3) ** 2 / 4)
        - 0.2 * np.exp(-((a - 4) ** 2) - (b - 7) ** 2)
    )


def currin(x1: Any, x2: Any) -> Any:
    """Return Currin's exponential function, continued to x₂ = 0."""
    x2 = np.asarray(x2, dtype=float)
    decay = np.exp(-np.divide(0.5, x2, out=np.full(x2.shape, np.inf), where=x2 > 0))
    top = 2300 * x1**3 + 1900 * x1**2 + 2092 * x1 + 60
    bottom = 100 * x1**3 + 500 * x1**2 + 4 * x1 + 20
    return (1 - decay) * top / bottom


def dette_curved(x1: Any, x2: Any, x3: Any) -> Any:
    """Return Dette and Pepelyshev's highly curved function."""
    return (
        4 * (x1 - 2 + 8 * x2 - 8 * x2**2) ** 2
        + (3 - 4 * x2) ** 2
        + 16 * np.sqrt(x3 + 1) * (2 * x3 - 1) ** 2
    )


def dette_eight(x1: Any, x2: Any, x3: Any, x4: Any, x5: Any, x6: Any, x7: Any, x8: Any) -> Any:
    """Return `dette_curved` and five logarithms of sums of x₃ … x₈."""
    y, inner = dette_curved(x1, x2, x3), 1 + x3
    for i, x in enumerate((x4, x5, x6, x7, x8), 4):
        inner = inner + x
        y = y + i * np.log(inner)
    return y


def environmental(M: Any, D: Any, L: Any, tau: Any) -> Any:
    """Return the scaled concentration at s = 1.5 and t = 40 after two spills into a channel.

    Parameters
    ----------
    M : float or ndarray
        Mass of each spill.
    D : float or ndarray
        Diffusion rate in the channel.
    L, tau : float or ndarray
        Place and time of the second spill.
    """
    s, t = 1.5, 40.0
    first = M / np.sqrt(D * t) * np.exp(-(s**2) / (4 * D * t))
    second = M / np.sqrt(D * (t - tau)) * np.exp(-((s - L) ** 2) / (4 * D * (t - tau)))
    return first + second


def loeppky(x1: Any, x2: Any, x3: Any, x4: Any, x5: Any, x6: Any, x7: Any) -> Any:
    """Return a plane with three interactions, its slopes falling from 6 to 0.1."""
    main = 6 * x1 + 4 * x2 + 5.5 * x3 + x4 + 0.5 * x5 + 0.2 * x6 + 0.1 * x7
    return main + 3 * x1 * x2 + 2.2 * x1 * x3 + 1.4 * x2 * x3


def gramacy_lee(x1: Any, x2: Any, x3: Any, x4: Any, x5: Any, x6: Any) -> Any:
    """Return exp sin((0.9 (x₁ + 0.48))¹⁰) + x₂x₃ + x₄; x₅ and x₆ do nothing."""
    y = np.exp(np.sin((0.9 * (x1 + 0.48)) ** 10)) + x2 * x3 + x4
    return y + 0 * (x5 + x6)


def welch(
    x1: Any, x2: Any, x3: Any, x4: Any, x5: Any, x6: Any, x7: Any, x8: Any, x9: Any, x10: Any,
    x11: Any, x12: Any, x13: Any, x14: Any, x15: Any, x16: Any, x17: Any, x18: Any, x19: Any,
    x20: Any,
) -> Any:  # fmt: skip
    """Return Welch's screening function of 20 inputs, of which x₈ and x₁₆ do nothing."""
    large = 5 * x12 / (1 + x1) + 5 * (x4 - x20) ** 2 + x5 + 40 * x19**3 - 5 * x19
    small = (
        0.05 * x2 + 0.08 * x3 - 0.03 * x6 + 0.03 * x7 - 0.09 * x9 - 0.01 * x10 - 0.07 * x11
        + 0.25 * x13**2 - 0.04 * x14 + 0.06 * x15 - 0.01 * x17 - 0.03 * x18
    )  # fmt: skip
    return large + small + 0 * (x8 + x16)


def steel_column(
    Fs: Any, P1: Any, P2: Any, P3: Any, B: Any, D: Any, H: Any, F0: Any, E: Any
) -> Any:
    """Return how far a steel column of 7.5 m is from its limit, MPa: yield stress less stress."""
    load = P1 + P2 + P3
    buckling = np.pi**2 * E * B * D * H**2 / (2 * 7_500**2)
    return Fs - load * (1 / (2 * B * D) + F0 * buckling / (B * D * H * (buckling - load)))


def _around(mean: float, sd: float, unit: str) -> Real:
    """Return a range of three standard deviations to either side."""
    return Real(mean - 3 * sd, mean + 3 * sd, unit=unit)


_DETTE = "Dette and Pepelyshev (2010), Technometrics 52:421"
FRESH = (
    Problem(
        name="franke",
        title="Franke's function",
        group="fresh",
        space=cube(2),
        function=franke,
        source="Franke (1979), Naval Postgraduate School NPS-53-79-003",
    ),
    Problem(
        name="currin",
        title="Currin's exponential function",
        group="fresh",
        space=cube(2),
        function=currin,
        source="Currin, Mitchell, Morris and Ylvisaker (1988), ORNL-6498",
    ),
    Problem(
        name="dette-curved",
        title="Dette and Pepelyshev's curved function",
        group="fresh",
        space=cube(3),
        function=dette_curved,
        source=_DETTE,
    ),
    Problem(
        name="environmental",
        title="Concentration after two spills",
        group="fresh",
        space=Space(
            M=Real(7, 13),
            D=Real(0.02, 0.12),
            L=Real(0.01, 3),
            tau=Real(30.01, 30.295),
        ),
        function=environmental,
        source="Bliznyuk et al. (2008), Journal of Computational and Graphical Statistics 17:270",
    ),
    Problem(
        name="gramacy-lee",
        title="Gramacy and Lee's function",
        group="fresh",
        space=cube(6),
        function=gramacy_lee,
        source="Gramacy and Lee (2009), Technometrics 51:130",
    ),
    Problem(
        name="loeppky",
        title="Loeppky's function without its three inert inputs",
        group="fresh",
        space=cube(7),
        function=loeppky,
        source="Loeppky, Williams and Moore (2013), Technometrics 55:68",
    ),
    Problem(
        name="dette-8",
        title="Dette and Pepelyshev's function of eight inputs",
        group="fresh",
        space=cube(8),
        function=dette_eight,
        source=_DETTE,
    ),
    Problem(
        name="steel-column",
        title="Reserve of a steel column",
        group="fresh",
        space=Space(
            Fs=_around(400, 35, "MPa"),
            P1=_around(500_000, 50_000, "N"),
            P2=_around(600_000, 90_000, "N"),
            P3=_around(600_000, 90_000, "N"),
            B=_around(300, 3, "mm"),
            D=_around(20, 2, "mm"),
            H=_around(300, 5, "mm"),
            F0=_around(30, 10, "mm"),
            E=_around(210_000, 4_200, "MPa"),
        ),
        function=steel_column,
        source="Kuschel and Rackwitz (1997), Mathematical Methods of Operations Research 46:309",
    ),
    Problem(
        name="welch",
        title="Welch's screening function",
        group="fresh",
        space=cube(20, -0.5, 0.5),
        function=welch,
        source="Welch et al. (1992), Technometrics 34:15",
    ),
)
