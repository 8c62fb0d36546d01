"""Simulators in time: an epidemic, its random counterpart, and predators with their prey."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from surefoot.ground.streams import stream
from surefoot.surrogates.problems.problem import Problem
from surefoot.surrogates.simulation.space import Real, Space

Floats = NDArray[np.float64]

TIMES = np.linspace(0, 160, 33)
"""Days at which `seir_curve` reports."""

_ACCURATE: dict[str, Any] = {"method": "DOP853", "rtol": 1e-9, "atol": 1e-12}


def seir(beta: float, sigma: float, gamma: float, i0: float, times: Floats = TIMES) -> Floats:
    """Return shares of susceptible, exposed, infectious and recovered people, shape (4, times).

    Parameters
    ----------
    beta, sigma, gamma : float
        Rates of transmission, of falling ill and of recovery, per day.
    i0 : float
        Share infectious at the start; all others are susceptible.
    times : ndarray
        Days, ascending from 0.
    """
    start, rates = _epidemic(beta, sigma, gamma, i0)
    run = solve_ivp(rates, (0, times[-1]), start, t_eval=times, **_ACCURATE)
    shares: Floats = run.y
    return shares


def seir_curve(beta: Any, sigma: Any, gamma: Any, i0: Any) -> Floats:
    """Return the infectious share at `TIMES`, with one more axis than the inputs."""
    curves: Floats = np.vectorize(lambda *rates: seir(*rates)[2], signature="(),(),(),()->(t)")(
        beta, sigma, gamma, i0
    )
    return curves


def seir_peak(beta: Any, sigma: Any, gamma: Any, i0: Any) -> Any:
    """Return the largest infectious share of an epidemic."""
    return np.vectorize(_peak_of_epidemic, otypes=[float])(beta, sigma, gamma, i0)


def lotka_volterra(alpha: Any, beta: Any, gamma: Any, delta: Any) -> Any:
    """Return the logarithm of the most prey there ever are.

    Prey x and predators y start at 1 and ½ and follow x' = αx − βxy, y' = δxy − γy.
    """
    return np.vectorize(_log_of_most_prey, otypes=[float])(alpha, beta, gamma, delta)


def sir_by_leaps(beta: Any, gamma: Any, i0: Any, seed: Any = 0) -> Any:
    """Return the share ever infected in one random epidemic among 1,000 people.

    Tau-leaping in quarter days: the people who fall ill and who recover in a leap are binomial.

    Parameters
    ----------
    beta, gamma : float or ndarray
        Rates of transmission and of recovery, per day.
    i0 : float or ndarray
        Share infectious at the start.
    seed : int or ndarray of int
        Another seed is another replicate; rows with the same seed share their random numbers.
    """
    return np.vectorize(_final_share, otypes=[float])(beta, gamma, i0, seed)


_PEOPLE = 1_000
_LEAP = 0.25


def _epidemic(beta: float, sigma: float, gamma: float, i0: float) -> tuple[list[float], Any]:
    def rates(_time: float, shares: Floats) -> list[float]:
        s, e, i, _ = shares.tolist()  # arithmetic on plain floats is faster
        infections, onsets, recoveries = beta * s * i, sigma * e, gamma * i
        return [-infections, infections - onsets, onsets - recoveries, recoveries]

    return [1 - i0, 0.0, i0, 0.0], rates


def _peak_of_epidemic(beta: float, sigma: float, gamma: float, i0: float) -> float:
    start, rates = _epidemic(beta, sigma, gamma, i0)

    def turning(_time: float, shares: Floats) -> float:
        return float(sigma * shares[1] - gamma * shares[2])

    return _first_maximum(rates, turning, start, 2)


def _log_of_most_prey(alpha: float, beta: float, gamma: float, delta: float) -> float:
    def rates(_time: float, animals: Floats) -> list[float]:
        x, y = animals.tolist()
        return [alpha * x - beta * x * y, delta * x * y - gamma * y]

    def turning(_time: float, animals: Floats) -> float:
        return float(alpha - beta * animals[1])

    return float(np.log(_first_maximum(rates, turning, [1.0, 0.5], 0)))


def _first_maximum(rates: Any, turning: Any, start: list[float], which: int) -> float:
    """Return component `which` where `turning` first falls through zero."""
    turning.terminal, turning.direction = True, -1
    run = solve_ivp(rates, (0, 1_000), start, events=turning, **_ACCURATE)
    return float(run.y_events[0][0, which])


def _final_share(beta: float, gamma: float, i0: float, seed: int) -> float:
    rng = stream(int(seed), "sir-by-leaps")
    infectious = round(i0 * _PEOPLE)
    susceptible = _PEOPLE - infectious
    recovery = -np.expm1(-gamma * _LEAP)
    while infectious:
        infection = -np.expm1(-beta * infectious / _PEOPLE * _LEAP)
        ill, well = rng.binomial((susceptible, infectious), (infection, recovery))
        susceptible, infectious = susceptible - ill, infectious + ill - well
    return 1 - susceptible / _PEOPLE


# Every epidemic in these ranges grows: β/γ is at least 1.6.
_SEIR = Space(
    beta=Real(0.4, 0.9, unit="1/day"),
    sigma=Real(0.15, 0.5, unit="1/day"),
    gamma=Real(0.1, 0.25, unit="1/day"),
    i0=Real(1e-4, 1e-2, scale="log"),
)
_KERMACK = "after Kermack and McKendrick (1927), Proceedings of the Royal Society A 115:700"
SEIR_PEAK = Problem(
    name="seir-peak",
    title="Largest infectious share of an epidemic",
    group="development",
    space=_SEIR,
    function=seir_peak,
    source=_KERMACK,
)
SEIR_CURVE = Problem(
    name="seir-curve",
    title="Infectious share of an epidemic at 33 times",
    group="development",
    space=_SEIR,
    function=seir_curve,
    source=_KERMACK,
)
LOTKA_VOLTERRA = Problem(
    name="lotka-volterra",
    title="Most prey of a predator-prey cycle, as a logarithm",
    group="development",
    space=Space(**{name: Real(0.5, 1.5) for name in ("alpha", "beta", "gamma", "delta")}),
    function=lotka_volterra,
    source="Lotka (1925); Volterra (1926), Nature 118:558",
)
SIR_BY_LEAPS = Problem(
    name="sir-by-leaps",
    title="Share infected in a random epidemic",
    group="machinery",
    space=Space(
        beta=Real(0.2, 0.6, unit="1/day"),
        gamma=Real(0.1, 0.3, unit="1/day"),
        i0=Real(0.005, 0.05),
    ),
    function=sir_by_leaps,
    source="Tian and Burrage (2004), Journal of Chemical Physics 121:10356",
)
