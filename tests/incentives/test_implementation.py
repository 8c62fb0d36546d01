from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.ground.errors import InputError
from surefoot.incentives.costs import LpCost
from surefoot.incentives.effort_matrix import EffortMatrix
from surefoot.incentives.implementation import implementable

NAMES = [f"e{j}" for j in range(6)]
SEEDS = st.integers(0, 2**32 - 1)


def random_effects(seed: int) -> tuple[EffortMatrix, LpCost, np.ndarray]:
    rng = np.random.default_rng(seed)
    matrix, weights = rng.uniform(0, 1, (6, 3)), rng.uniform(0.5, 1.5, 6)
    cost = LpCost(1, dict(zip(NAMES, weights.tolist(), strict=True)))
    return EffortMatrix(matrix, NAMES, ["a", "b", "c"]), cost, matrix / weights[:, None]


@settings(deadline=None, max_examples=40)
@given(SEEDS)
def test_every_answer_comes_with_its_proof(seed) -> None:
    effects, cost, rates = random_effects(seed)
    for j, node in enumerate(NAMES):
        found = implementable(effects, node, cost)
        if found.possible:
            h = np.array([found.weights[name] for name in "abc"])
            assert (h >= -1e-9).all()
            assert (np.delete(rates @ h, j) < rates[j] @ h).all()
        else:
            mixture = sum(part * rates[NAMES.index(i)] for i, part in found.dominated_by.items())
            assert (mixture >= rates[j] - 1e-6).all()
            assert sum(found.dominated_by.values()) == pytest.approx(found.substitute, abs=1e-5)
            assert found.substitute <= 1 + 1e-6


def test_no_rule_drawn_at_random_contradicts_it() -> None:
    rules = np.random.default_rng(0).dirichlet(np.full(3, 0.5), 20_000)
    for seed in range(20):
        effects, cost, rates = random_effects(seed)
        led = {NAMES[j] for j in np.unique((rules @ rates.T).argmax(axis=1))}
        possible = {node for node in NAMES if implementable(effects, node, cost).possible}
        assert led <= possible


@settings(deadline=None, max_examples=20)
@given(SEEDS)
def test_free_weights_must_match_features_exactly(seed) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(6, 3))
    effects = EffortMatrix(matrix, NAMES, ["a", "b", "c"])
    for j, node in enumerate(NAMES):
        found = implementable(effects, node, weights="free", direction=-1)
        if found.possible:
            h = np.array([found.weights[name] for name in "abc"])
            assert (np.delete(np.abs(matrix @ h), j) < -matrix[j] @ h).all()
        else:
            mixture = np.zeros(3)
            for name, part in found.dominated_by.items():
                mixture += part * matrix[NAMES.index(name.lstrip("-"))] * (-1) ** ("-" in name)
            np.testing.assert_allclose(mixture, -matrix[j], atol=1e-6)


def test_in_a_graph_every_node_can_lead() -> None:
    matrix = np.linalg.inv(np.eye(4) - np.triu(np.full((4, 4), 0.5), 1))
    effects = EffortMatrix(matrix, NAMES[:4], NAMES[:4])
    for node in NAMES[:4]:
        found = implementable(effects, node, weights="free")
        assert found.possible
        assert found.substitute == np.inf


def test_dear_or_immovable_rivals_do_not_dominate() -> None:
    effects = EffortMatrix([[1, 0], [0, 1], [0.4, 0.4]], ["x", "y", "z"], ["a", "b"])
    assert not implementable(effects, "z").possible
    assert implementable(effects, "z").substitute == pytest.approx(0.8)
    assert implementable(effects, "z", LpCost(1, {"x": 2.0})).possible
    assert implementable(effects, "z", LpCost(1).immutable("x")).possible


def test_an_effort_that_does_nothing_is_not_possible() -> None:
    effects = EffortMatrix([[1, 0], [0, 0]], ["x", "y"], ["a", "b"])
    found = implementable(effects, "y")
    assert (found.possible, found.substitute, found.dominated_by) == (False, 0.0, {})


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"node": "q"}, "node: found 'q'"),
        ({"direction": 0}, "direction: found 0"),
        ({"cost": LpCost(1).directions({"e0": -1})}, "direction: found 1"),
        ({"weights": "some"}, "weights: found 'some'"),
    ],
)
def test_what_is_not_allowed_names_its_argument(change, match) -> None:
    with pytest.raises(InputError, match=match):
        implementable(**({"effects": random_effects(0)[0], "node": "e0"} | change))
