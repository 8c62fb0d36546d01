from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from tests.incentives.designing.cases import Case, effects_of, table

from surefoot.incentives.designing import hidden_convexity
from surefoot.incentives.designing.design import design_for
from surefoot.incentives.designing.losses import DataLoss


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_no_start_of_a_local_solver_ends_lower(seed, d) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(d, d))
    H, q = root @ root.T + 0.1 * np.eye(d), rng.normal(size=d)
    P = np.diag(rng.normal(size=d))
    P[0, 0] = -abs(P[0, 0])
    x = hidden_convexity.smallest(H, q, P)
    assert x @ P @ x <= 1e-8 * (x @ x)

    def value(x: np.ndarray) -> float:
        return float(x @ H @ x / 2 + q @ x)

    for start in rng.normal(size=(4, d)) * 2:
        end = minimize(
            value, start, jac=lambda x: H @ x + q, method="SLSQP",
            constraints={"type": "ineq", "fun": lambda x: -x @ P @ x},
        ).x  # fmt: skip
        if end @ P @ end <= 1e-9:
            assert value(x) <= value(end) + 1e-6


def test_the_hard_case() -> None:
    # Nothing pulls along the only direction that helps; either way along it is as good.
    H, P, q = np.eye(2), np.diag([2.0, -1.0]), np.array([-3.0, 0.0])
    x = hidden_convexity.smallest(H, q, P)
    np.testing.assert_allclose(np.abs(x), [1.0, np.sqrt(2)], atol=1e-9)


def test_a_form_without_a_negative_direction_leaves_its_null_space() -> None:
    x = hidden_convexity.smallest(np.eye(2), np.array([-3.0, -2.0]), np.diag([1.0, 0.0]))
    np.testing.assert_allclose(x, [0.0, 2.0], atol=1e-9)


def test_the_form_says_what_the_region_says() -> None:
    case = Case(0, 5, 2, 1.5)
    region = case.region(0.6, directed=False)
    P = hidden_convexity.form(region)
    for x in np.random.default_rng(0).normal(size=(50, 5)):
        assert (x @ P @ x <= 0) == (region.share(x) >= region.target)


@pytest.mark.parametrize(
    "case", [Case(0, 5, 2, 2.0), Case(0, 5, 2, 1.5, one_way=("x4",))], ids=["power 1", "one way"]
)
def test_only_free_nodes_and_squares_have_a_form(case) -> None:
    assert hidden_convexity.form(case.region(0.6, directed=False)) is None


def test_a_quadratic_design_needs_no_search() -> None:
    case = Case(4, 6, 2, 1.5)
    found = design_for(case.objective, case.demand(0.9, directed=False))
    assert found.certificate.method == "hidden convexity"
    assert found.share == pytest.approx(0.9, abs=1e-6)


def test_forbidden_features_stay_out() -> None:
    case = Case(4, 6, 2, 1.5)
    found = design_for(case.objective, case.demand(0.9, directed=False, forbidden=["x5"]))
    assert found.certificate.method == "hidden convexity"
    assert found.rule.weights[5] == 0
    assert found.share == pytest.approx(0.9, abs=1e-6)


def test_a_logistic_loss_ends_at_a_local_optimum() -> None:
    X, y = table(400)
    objective = DataLoss.of(X, y)
    case_effects = effects_of(X).contribution() / objective.scale[:4]
    effects = np.hstack([case_effects, np.zeros((4, 2))])
    P = effects.T @ np.diag([-0.3, -0.3, 0.7, 0.7]) @ effects
    x = hidden_convexity.design(objective, P, np.zeros((0, 6)), np.zeros(6))
    assert x @ P @ x <= 1e-9
    end = minimize(
        objective.value, x, method="SLSQP",
        constraints={"type": "ineq", "fun": lambda x: -x @ P @ x},
    )  # fmt: skip
    assert objective.value(x) <= end.fun + 1e-7
