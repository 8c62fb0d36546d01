"""Every test problem by name, and which of them may be looked at while methods are developed.

::

    borehole = problem("borehole")
    X = borehole.sample(80, seed=1)
    y = borehole(X)
"""

from __future__ import annotations

from surefoot.ground.errors import one_of
from surefoot.surrogates.problems import dynamics, engineering, machinery, mathematical
from surefoot.surrogates.problems.fresh import FRESH
from surefoot.surrogates.problems.problem import Group, Problem

PROBLEMS: dict[str, Problem] = {
    one.name: one
    for one in (
        engineering.BOREHOLE,
        engineering.OTL,
        engineering.PISTON,
        engineering.WING,
        engineering.ROBOT_ARM,
        mathematical.ISHIGAMI,
        mathematical.BRANIN,
        mathematical.HARTMANN6,
        mathematical.FRIEDMAN,
        mathematical.G_FUNCTION,
        dynamics.LOTKA_VOLTERRA,
        dynamics.SEIR_PEAK,
        dynamics.SEIR_CURVE,
        *FRESH,
        engineering.BOREHOLE_LOW,
        machinery.FORRESTER,
        machinery.FORRESTER_LOW,
        machinery.STEP,
        machinery.FAILING,
        machinery.BURGERS,
        dynamics.SIR_BY_LEAPS,
    )
}


def problem(name: str) -> Problem:
    """Return the problem called `name`; otherwise raise `InputError` with the nearest name."""
    return PROBLEMS[one_of("problem", name, PROBLEMS)]


def problems_of(group: Group) -> tuple[Problem, ...]:
    """Return the problems of a group, in the order of `PROBLEMS`."""
    return tuple(one for one in PROBLEMS.values() if one.group == group)
