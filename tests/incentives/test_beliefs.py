"""Moments and draws of what agents believe of their margin."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.incentives.random_graphs import graphs, random_graph

from surefoot.ground.errors import InputError
from surefoot.incentives.beliefs import (
    Belief,
    ClassifierBelief,
    FullInformation,
    GraphBelief,
    JointBelief,
)
from surefoot.incentives.effect_draws import EffectDraws
from surefoot.incentives.effects import Effects
from surefoot.incentives.effort_matrix import EffortMatrix
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.notices import IncentiveWarning
from surefoot.incentives.peers import PeerBelief
from surefoot.incentives.rules import LinearRule
from surefoot.incentives.sampled_belief import SampledBelief

# The rule also looks at what no effort moves, and has the graph's nodes in another order.
NAMES = ("age", "x3", "x1", "x0", "x2")
RULE = LinearRule([0.7, -1.0, 0.5, 2.0, 1.5], 3.0, NAMES)
GRAPH = random_graph(5, m=4, sd=0.4)
MATRIX = EffortMatrix([[1.0, 2.0], [0.0, 1.0], [3.0, 0.0]], ["p", "q", "r"], ["x0", "x2"], 0.5)
COV = pd.DataFrame([[0.5, 0.2], [0.2, 0.3]], ["x1", "age"], ["x1", "age"])


def absolute(**arguments: Any) -> ClassifierBelief:
    """Return a belief with an absolute covariance, of which a warning is given."""
    with pytest.warns(IncentiveWarning, match="cv scales along"):
        return ClassifierBelief(**arguments)


def unsure() -> ClassifierBelief:
    """Return correlated doubts, also about what no effort moves."""
    return absolute(mean={"x0": 1.0}, cov=COV, threshold_sd=0.2)


BELIEFS = {
    "full": FullInformation,
    "graph": GraphBelief,
    "graph cv": lambda: GraphBelief(cv={"x0": 0.8, "x3": 0.2}),
    "classifier": unsure,
    "classifier cv": lambda: ClassifierBelief(cv=0.3),
    "joint": lambda: JointBelief(GraphBelief(), unsure()),
    "joint cv": lambda: JointBelief(
        GraphBelief(cv={"x0": 0.8, "x3": 0.2}), ClassifierBelief(cv={"x2": 0.5, "age": 1.0})
    ),
}


@pytest.mark.parametrize("name", BELIEFS)
def test_moments_are_those_of_draws(name: str) -> None:
    belief: Belief = BELIEFS[name]()
    moments = belief.moments(RULE, GRAPH)
    drawn = belief.draws(RULE, GRAPH, 300_000, np.random.default_rng(0))
    assert drawn.theta.shape == (300_000, 6)
    assert drawn.gains.shape == (300_000, 4)
    mean = np.append(moments.theta, moments.gain)
    cov = np.block(
        [[moments.theta_cov, moments.cross.T], [moments.cross, moments.gain_cov]],
    )
    assert np.linalg.eigvalsh(cov)[0] > -1e-10
    apart = np.hstack([drawn.theta, drawn.gains]) - mean
    root = np.sqrt(len(apart))
    assert np.all(np.abs(apart.mean(axis=0)) <= 4.5 * apart.std(axis=0) / root + 1e-9)
    for i, row in enumerate(cov):
        products = apart[:, [i]] * apart
        assert np.all(
            np.abs(products.mean(axis=0) - row) <= 4.5 * products.std(axis=0) / root + 1e-9
        )


def test_whoever_knows_all_is_certain() -> None:
    moments = FullInformation().moments(RULE, GRAPH)
    assert moments.certain
    h = [2.0, 0.5, 1.5, -1.0]
    np.testing.assert_allclose(moments.gain, GRAPH.contribution() @ h)
    np.testing.assert_array_equal(moments.theta, [*RULE.weights, 3.0])
    drawn = FullInformation().draws(RULE, GRAPH, 3, np.random.default_rng(0))
    np.testing.assert_allclose(drawn.gains, [moments.gain] * 3)
    np.testing.assert_array_equal(drawn.theta, [moments.theta] * 3)


@settings(max_examples=25, deadline=None)
@given(graphs(), st.integers(0, 2**32 - 1))
def test_without_edges_gains_are_weights(graph: CausalGraph, seed: int) -> None:
    m = len(graph.nodes)
    rule = LinearRule(np.random.default_rng(seed).normal(size=m), 1.0, graph.nodes[::-1])
    moments = FullInformation().moments(rule, CausalGraph.identity(graph.nodes))
    np.testing.assert_array_equal(moments.gain, rule.weights[::-1])


@pytest.mark.parametrize("name", ["graph", "graph cv", "classifier cv", "joint cv"])
def test_relative_doubts_scale_with_the_rule(name: str) -> None:
    belief = BELIEFS[name]()
    moments = belief.moments(RULE, GRAPH)
    tenfold = belief.moments(LinearRule(RULE.weights * 10, 30.0, NAMES), GRAPH)
    for part, power in {"gain": 1, "gain_cov": 2, "theta_cov": 2, "cross": 2}.items():
        np.testing.assert_allclose(
            getattr(tenfold, part), getattr(moments, part) * 10**power, rtol=1e-10, atol=1e-10
        )


def test_doubts_of_the_graph_leave_the_rule_known() -> None:
    moments = GraphBelief().moments(RULE, GRAPH)
    assert moments.rule_known
    assert not moments.certain
    assert GraphBelief().moments(RULE, random_graph(5, m=4)).certain


def test_nodes_without_uncertain_effects_are_known_exactly() -> None:
    graph = random_graph(5, m=4)
    (cause, effect), weight = next(iter(graph.edges.items()))
    doubtful = graph.with_prior((cause, effect), weight, 0.5)
    cov = GraphBelief().moments(RULE, doubtful).gain_cov
    upstream = graph.contribution()[:, graph.nodes.index(cause)]
    assert 0 < np.count_nonzero(upstream) < 4
    share = upstream / upstream[graph.nodes.index(cause)]
    np.testing.assert_array_equal(cov[upstream == 0], 0.0)
    variance = cov[graph.nodes.index(cause), graph.nodes.index(cause)]
    np.testing.assert_allclose(cov, variance * np.outer(share, share), atol=1e-12)


def test_coefficients_of_variation_are_of_total_effects() -> None:
    moments = GraphBelief(cv={"x0": 0.8, "x3": 0.2}).moments(RULE, GRAPH)
    v = FullInformation().moments(RULE, GRAPH).gain
    expected = np.diag((np.array([0.8, 0, 0, 0.2]) * v) ** 2)
    np.testing.assert_allclose(moments.gain_cov, expected, atol=1e-12)
    np.testing.assert_array_equal(moments.gain, v)


def test_doubts_of_the_rule_pass_through_the_graph() -> None:
    moments = absolute(cov=COV, threshold_sd=0.2).moments(RULE, GRAPH)
    C, one = GRAPH.contribution(), np.array([0, 1, 0, 0])
    np.testing.assert_allclose(moments.gain_cov, np.outer(C @ one, C @ one) * 0.5, atol=1e-12)
    expected = np.zeros((4, 6))
    expected[:, 2], expected[:, 0] = C @ one * 0.5, C @ one * 0.2
    np.testing.assert_allclose(moments.cross, expected, atol=1e-12)
    assert moments.theta_cov[5, 5] == pytest.approx(0.04)
    assert not moments.rule_known


def test_both_unknown_is_the_sum_of_three_terms() -> None:
    """Cov(v_i, v_k) = C̄_i Σ C̄_k' + h' Cov(C_i, C_k) h + tr(Σ Cov(C_i, C_k))."""
    sd = np.array([[0.5, 0.1], [0.2, 0.3], [0.0, 0.4]])
    effects = EffortMatrix(MATRIX.matrix, MATRIX.efforts, MATRIX.features, sd)
    Sigma = np.array([[0.5, 0.2], [0.2, 0.3]])
    names = ["x0", "x2"]
    belief = JointBelief(GraphBelief(), absolute(cov=pd.DataFrame(Sigma, names, names)))
    moments = belief.moments(RULE, effects)
    C, h = MATRIX.matrix, np.array([2.0, 1.5])
    own = np.diag(sd**2 @ h**2 + sd**2 @ np.diag(Sigma))
    np.testing.assert_allclose(moments.gain_cov, C @ Sigma @ C.T + own, atol=1e-12)
    np.testing.assert_allclose(moments.gain, C @ h)


def test_agents_may_have_a_graph_of_their_own() -> None:
    own = CausalGraph.from_dag(["x3", "x2", "x1", "x0"], {("x3", "x0"): 1.0}, sd=0.5)
    own = own.in_units(dict(zip(GRAPH.nodes, GRAPH.units, strict=True)))
    moments = GraphBelief(own).moments(RULE, GRAPH)
    v = np.array([2.0, 0.5, 1.5, -1.0 + 2.0])  # x0 to x3, in the order of the true graph
    np.testing.assert_allclose(moments.gain, v * GRAPH.units)
    assert moments.gain_cov[3, 3] == pytest.approx((0.5 * 2 * GRAPH.units[3]) ** 2)
    drawn = GraphBelief(own).draws(RULE, GRAPH, 5, np.random.default_rng(0)).gains
    np.testing.assert_allclose(drawn[:, :3], [moments.gain[:3]] * 5)
    assert len(set(drawn[:, 3])) == 5


def test_a_bootstrap_can_be_a_graph_of_ones_own() -> None:
    draws = EffectDraws(GRAPH.draws(50, np.random.default_rng(1)), GRAPH.efforts, GRAPH.features)
    moments = GraphBelief(draws).moments(RULE, GRAPH)
    v = draws.values @ [2.0, 0.5, 1.5, -1.0]
    np.testing.assert_allclose(moments.gain, v.mean(axis=0))
    np.testing.assert_allclose(moments.gain_cov, np.cov(v.T, ddof=0), atol=1e-10)


def test_samples_have_their_own_moments() -> None:
    rng = np.random.default_rng(3)
    h, b = rng.normal(size=(40, 2)), rng.normal(size=40)
    C = EffectDraws(GRAPH.draws(40, rng)[:, ::-1], GRAPH.efforts[::-1], GRAPH.features)
    belief = SampledBelief(h, b, C, names=["x2", "age"])
    drawn = belief.draws(RULE, GRAPH, 40, rng)
    theta = np.tile([*RULE.weights, 0.0], (40, 1))
    theta[:, 4], theta[:, 0], theta[:, 5] = h[:, 0], h[:, 1], b
    np.testing.assert_array_equal(drawn.theta, theta)
    direct = np.einsum("bij,bj->bi", C.values[:, ::-1], theta[:, [3, 2, 4, 1]])
    np.testing.assert_allclose(drawn.gains, direct, atol=1e-12)
    moments = belief.moments(RULE, GRAPH)
    both = np.hstack([theta, direct])
    cov = np.cov(both.T, ddof=0)
    np.testing.assert_allclose(moments.theta, theta.mean(axis=0))
    np.testing.assert_allclose(moments.gain, both.mean(axis=0)[6:])
    np.testing.assert_allclose(moments.theta_cov, cov[:6, :6], atol=1e-12)
    np.testing.assert_allclose(moments.gain_cov, cov[6:, 6:], atol=1e-12)
    np.testing.assert_allclose(moments.cross, cov[6:, :6], atol=1e-12)
    resampled = belief.draws(RULE, GRAPH, 7, rng)
    for row, gains in zip(resampled.theta, resampled.gains, strict=True):
        source = np.flatnonzero((theta == row).all(axis=1))[0]
        np.testing.assert_allclose(gains, direct[source], atol=1e-12)


def test_sampled_parts_that_do_not_vary_are_known() -> None:
    C = EffectDraws(GRAPH.draws(7, np.random.default_rng(0)), GRAPH.efforts, GRAPH.features)
    moments = SampledBelief(contributions=C).moments(RULE, GRAPH)
    assert moments.rule_known
    assert not moments.certain
    same = SampledBelief(np.full((7, 1), 0.1), names=["x1"]).moments(RULE, GRAPH)
    assert same.certain
    assert SampledBelief(thresholds=[1.0, 3.0]).moments(RULE, GRAPH).theta_cov[5, 5] == 1


def test_peers_without_noise_show_the_projection_on_their_span() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(10, 2)) @ rng.normal(size=(2, 5)), columns=NAMES)
    scores = X.to_numpy() @ RULE.weights
    span = np.linalg.svd(X.to_numpy())[2][:2]
    projected = span.T @ span @ RULE.weights
    for noise, prior in ((0.0, 1.0), (0.0, 50.0), (1e-7, 100.0)):
        belief = PeerBelief.from_peers(X, scores, prior_sd=prior, noise_sd=noise)
        mean, cov = belief.rule(RULE)
        np.testing.assert_allclose(mean, [*projected, 3.0], atol=1e-9)
        unseen = prior**2 * (np.eye(5) - span.T @ span)
        np.testing.assert_allclose(cov[:5, :5], unseen, atol=1e-9 * prior**2)


def test_peers_teach_by_bayes() -> None:
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.normal(size=(6, 2)), columns=["x2", "x0"])
    scores, prior, noise = rng.normal(size=6), {"x0": 2.0, "x2": 0.5}, 0.7
    mean, cov = PeerBelief.from_peers(X, scores, prior, noise, threshold_sd=0.1).rule(RULE)
    A = X.to_numpy()
    posterior = np.linalg.inv(A.T @ A / noise**2 + np.diag([1 / 0.25, 1 / 4]))
    np.testing.assert_allclose(mean[[4, 3]], posterior @ A.T @ scores / noise**2, atol=1e-12)
    np.testing.assert_allclose(cov[np.ix_([4, 3], [4, 3])], posterior, atol=1e-12)
    np.testing.assert_array_equal(mean[[0, 1, 2]], RULE.weights[[0, 1, 2]])
    assert cov[5, 5] == pytest.approx(0.01)
    assert np.count_nonzero(cov) == 5


def test_no_peers_leave_the_prior() -> None:
    X = pd.DataFrame(np.zeros((0, 1)), columns=["x0"])
    mean, cov = PeerBelief.from_peers(X, [], prior_sd=2.0).rule(RULE)
    assert mean[3] == 0
    assert cov[3, 3] == 4


@pytest.mark.parametrize("name", list(BELIEFS))
def test_draws_depend_on_their_generator_only(name: str) -> None:
    belief = BELIEFS[name]()
    one, two = (belief.draws(RULE, GRAPH, 10, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(one.gains, two.gains)
    np.testing.assert_array_equal(one.theta, two.theta)


def other(nodes: list[str]) -> CausalGraph:
    """Return a graph without edges."""
    return CausalGraph.identity(nodes)


PEERS = pd.DataFrame({"x0": [1.0, 2.0]})


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: GraphBelief(cv={"x0": -0.1}), r"cv\['x0'\]: found -0.1"),
        (lambda: GraphBelief(cv={"x0": np.nan}), r"cv\['x0'\]: found nan"),
        (lambda: GraphBelief(cv={"x9": 0.1}), "GraphBelief.cv: found 'x9'"),
        (lambda: GraphBelief(other(["x0", "x1"])), "GraphBelief.graph: .* allowed: these efforts"),
        (lambda: GraphBelief(other(list(GRAPH.nodes))), "units: .* those of the true graph"),
        (
            lambda: ClassifierBelief(cov={"x0": 1.0}, cv=0.1),
            "found cov and cv; allowed: one of them",
        ),
        (lambda: ClassifierBelief(cv=-1.0), r"ClassifierBelief.cv: found -1.0"),
        (lambda: ClassifierBelief(cv={"x0": np.inf}), r"cv\['x0'\]: found inf"),
        (lambda: ClassifierBelief(cv={"x9": 1.0}), "ClassifierBelief.cv: found 'x9'"),
        (lambda: ClassifierBelief(mean={"x0": np.nan}), r"mean\['x0'\]: found nan"),
        (lambda: ClassifierBelief(mean={"x9": 1.0}), "ClassifierBelief.mean: found 'x9'"),
        (lambda: ClassifierBelief(threshold_sd=-1.0), "threshold_sd: found -1.0"),
        (lambda: ClassifierBelief(cov={"x0": -1.0}), "cov: found eigenvalue -1"),
        (lambda: ClassifierBelief(cov={"x0": np.nan}), "cov: found an entry that is not finite"),
        (lambda: ClassifierBelief(cov=COV * np.array([[1, 9], [9, 1]])), "positive semidefinite"),
        (
            lambda: ClassifierBelief(cov=COV * np.array([[1, 2], [1, 1]])),
            "cov: found not symmetric",
        ),
        (lambda: ClassifierBelief(cov=COV.iloc[::-1]), "the same features, each once"),
        (lambda: ClassifierBelief(cov=COV.iloc[[0, 0], [0, 0]]), "the same features, each once"),
        (lambda: absolute(cov={"x9": 1.0}), "ClassifierBelief.cov: found 'x9'"),
        (lambda: SampledBelief(), r"found \[\] draws"),
        (lambda: SampledBelief(np.ones((3, 2)), names=["x0"]), r"weights: found \(3, 2\)"),
        (lambda: SampledBelief(np.ones((3, 2)), names=["x0", "x0"]), "each once"),
        (lambda: SampledBelief(np.ones((3, 1)), [1.0], names=["x0"]), r"\[1, 3\] draws"),
        (lambda: SampledBelief([[np.nan]], names=["x0"]), "weights: found .* not finite"),
        (lambda: SampledBelief(thresholds=[[1.0]]), r"thresholds: found \(1, 1\)"),
        (lambda: SampledBelief([[1.0]], names=["x9"]), "SampledBelief.names: found 'x9'"),
        (
            lambda: SampledBelief(contributions=EffectDraws([[[1.0]]], ["x0"], ["x0"])),
            "SampledBelief.contributions: found 'x0'; allowed: these efforts",
        ),
        (lambda: JointBelief(GRAPH, ClassifierBelief()), "JointBelief.graph: found 'CausalGraph'"),
        (lambda: PeerBelief.from_peers(PEERS.to_numpy(), [1, 2]), "X: found 'ndarray'"),
        (lambda: PeerBelief.from_peers(PEERS, [1.0]), "one for each of 2 peers"),
        (lambda: PeerBelief.from_peers(PEERS, [1.0, np.nan]), "scores: found"),
        (lambda: PeerBelief.from_peers(PEERS, [1, 2], 0.0), "prior_sd: found 0.0"),
        (lambda: PeerBelief.from_peers(PEERS, [1, 2], {}), "of every column of X"),
        (lambda: PeerBelief.from_peers(PEERS, [1, 2], {"x": 1.0}), "prior_sd: found 'x'"),
        (lambda: PeerBelief.from_peers(PEERS, [1, 2], noise_sd=-1.0), "noise_sd: found -1.0"),
    ],
)
def test_what_nobody_can_believe_is_told(make: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        make().moments(RULE, GRAPH)


@pytest.mark.parametrize(
    "effects", [other(["x0", "shoes"]), EffortMatrix([[1.0]], ["p"], ["shoes"])]
)
def test_features_that_the_rule_lacks_are_told(effects: Effects) -> None:
    for belief in (FullInformation(), SampledBelief(thresholds=[1.0])):
        with pytest.raises(InputError, match=r"graph: found \['shoes'\]; allowed: features of the"):
            belief.moments(RULE, effects)
