"""The room's cases, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from surefoot.ground.errors import one_of
from surefoot.incentives import cases_credit, cases_health
from surefoot.incentives.case import IncentiveCase

CASES: Mapping[str, Callable[[], IncentiveCase]] = {
    "framingham": cases_health.framingham,
    "nhefs": cases_health.nhefs,
    "cardio": cases_health.cardio,
    "diabetes": cases_health.diabetes,
    "give-me-some-credit": cases_credit.give_me_some_credit,
    "taiwan-credit": cases_credit.taiwan,
}


def load_case(name: str) -> IncentiveCase:
    """Return the case `name`; ``diabetes`` needs no file, the others a table of the same name.

    Raises
    ------
    DataUnavailableError
        The table is not on this machine; the message says how to get it.
    """
    return CASES[one_of("case", name, CASES)]()
