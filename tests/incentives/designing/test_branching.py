from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.optimize import minimize
from tests.incentives.designing.cases import Case

from surefoot.ground.errors import UnmetError
from surefoot.incentives.designing import branching, design
from surefoot.incentives.designing.branching import Search
from surefoot.incentives.designing.cells import Exact, Listed, Signed, whole
from surefoot.incentives.designing.design import design_for
from surefoot.incentives.designing.programs import BreakdownError, Piece, minimise
from surefoot.incentives.designing.relaxation import Cone
from surefoot.incentives.full.unit import unit_response

CASES = [
    (Case(seed, 4, 2, p, one_way=("x3",) if seed % 2 else ()), directed)
    for seed in range(3) for p in (1.2, 2, 3) for directed in (True, False)
]  # fmt: skip


@cache
def best_of_starts(case: Case, beta: float, directed: bool) -> float:
    """Return the lowest loss at which SLSQP ends inside the region; inf if it never does."""
    objective, effects = case.objective, case.effects.contribution()
    signs = np.array([case.desirable.get(name, 0) for name in case.names])

    def wanted_less_its_share(h: np.ndarray) -> float:
        unit = unit_response(effects @ h, case.cost.resolve(case.names))
        if unit is None:
            return 0.0
        wanted = signs * unit.effort > 0 if directed else signs != 0
        each = np.abs(unit.effort) / np.abs(unit.effort).sum()
        return float(each[wanted].sum() - beta)

    conditions = [{"type": "ineq", "fun": wanted_less_its_share}]
    if directed:
        conditions.append({"type": "ineq", "fun": lambda h: (signs * (effects @ h))[signs != 0]})
    losses = [np.inf]
    for start in (objective.h0, *np.random.default_rng(case.seed).normal(size=(3, case.d))):
        h = minimize(
            lambda h: objective.value(h * objective.scale), start,
            method="SLSQP", constraints=conditions,
        ).x  # fmt: skip
        if all(np.min(one["fun"](h)) >= -1e-8 for one in conditions):
            losses.append(objective.value(h * objective.scale))
    return min(losses)


@pytest.mark.parametrize(("case", "directed"), CASES)
def test_no_local_search_does_better(case, directed) -> None:
    found = design_for(case.objective, case.demand(0.7, directed=directed))
    assert found.certificate.status == "global"
    assert np.isnan(found.share) or found.share >= 0.7
    assert found.loss - found.certificate.bound <= 1e-5
    assert found.loss <= best_of_starts(case, 0.7, directed) + 1e-5


def test_local_search_is_a_fair_opponent() -> None:
    ends = [best_of_starts(case, 0.7, directed) for case, directed in CASES]
    found = [
        design_for(c.objective, c.demand(0.7, directed=directed)).loss for c, directed in CASES
    ]
    assert np.mean(np.isclose(ends, found, atol=1e-4)) > 0.6


def test_signs_are_searched_as_well_as_enumerated() -> None:
    for seed in range(6):
        case = Case(seed, 6, 3)
        region = case.region(0.8, directed=False)
        base = minimise(case.objective, Piece(6), np.zeros(6))
        every = [
            minimise(case.objective, region.convex((a, b, c)), base.x).value
            for a in (1, -1) for b in (1, -1) for c in (1, -1)
        ]  # fmt: skip
        found = Search(case.objective, Piece(6), base, 500).best([whole(region)])
        assert found.value == pytest.approx(min(every), abs=1e-6)


@pytest.mark.parametrize(
    ("case", "directed", "kind"),
    [
        (Case(0, 4, 2, 2), True, Exact),
        (Case(0, 4, 1, 1.5), True, Exact),
        (Case(0, 4, 1, 1), True, Exact),
        (Case(0, 4, 2, 1), True, Listed),
        (Case(0, 4, 2, np.inf), True, Listed),
        (Case(0, 4, 2, 2), False, Signed),
        (Case(0, 4, 2, 1.5), True, Cone),
        (Case(0, 4, 1, 3), True, Cone),
    ],
)
def test_a_region_is_searched_as_its_shape_allows(case, directed, kind) -> None:
    assert isinstance(whole(case.region(0.5, directed=directed)), kind)


def test_a_search_that_is_cut_short_has_a_gap() -> None:
    case = Case(1, 6, 2, 3)
    short = design_for(case.objective, case.demand(0.6, method="restriction"))
    full = design_for(case.objective, case.demand(0.6))
    assert full.certificate.status == "global"
    assert short.certificate.programs <= 80 < full.certificate.programs
    assert short.certificate.bound <= full.loss + 1e-9 <= short.loss + 1e-6
    assert short.share >= 0.6


def test_exactness_that_is_insisted_on_and_not_reached_is_an_error(monkeypatch) -> None:
    monkeypatch.setitem(design._LIMITS, "exact", 60)
    case = Case(1, 6, 2, 3)
    with pytest.raises(UnmetError, match=r"gap is still .* after \d+ convex programs"):
        design_for(case.objective, case.demand(0.6, method="exact"))


def test_a_solver_that_gives_up_now_and_then_leaves_a_true_bound(monkeypatch) -> None:
    case = Case(1, 6, 2, 3)
    whole_search = design_for(case.objective, case.demand(0.6))
    calls = iter(range(10**6))

    def unreliable(objective, piece, start):
        if next(calls) % 4 == 2:
            raise BreakdownError("gave up")
        return minimise(objective, piece, start)

    monkeypatch.setattr(branching, "minimise", unreliable)
    found = design_for(case.objective, case.demand(0.6))
    assert dict(found.certificate.solver_statuses)["broke down"] > 0
    assert found.certificate.bound <= whole_search.loss + 1e-6
    assert found.share >= 0.6
