"""Temporal differences: the traces of the book, the fixed points of the closed form."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from surefoot.confidence.health import ConfidenceWarning
from surefoot.confidence.linear.garnet import Garnet, Transitions, garnet
from surefoot.confidence.linear.td import TDLearner
from surefoot.confidence.result import InferenceResult
from surefoot.ground.errors import InputError

# A walk along 12 states whose values four groups of neighbours can't express.
STATES, GROUPS, GAMMA = 12, 4, 0.8
GROUP_OF = np.repeat(np.eye(GROUPS), STATES // GROUPS, axis=0)


def walk() -> Garnet:
    P = np.zeros((STATES, STATES))
    for s in range(STATES):
        P[s, max(s - 1, 0)] += 0.5
        P[s, min(s + 1, STATES - 1)] += 0.5
    rewards = np.sin(1.3 * np.arange(STATES)) + np.linspace(-1, 1, STATES)
    return Garnet(P[:, None], rewards[:, None], np.ones((STATES, 1)), GAMMA)


def grouped(seen: Transitions) -> tuple[NDArray, NDArray, NDArray]:
    return GROUP_OF[seen.states], seen.rewards, GROUP_OF[seen.following]


def fixed_point(problem: Garnet, trace_decay: float) -> NDArray:
    """Return the θ that TD(λ) converges to with groups of states."""
    P, mu, g = problem.chain, problem.frequencies, problem.discount
    weighted = GROUP_OF.T * mu @ np.linalg.inv(np.eye(STATES) - g * trace_decay * P)
    return np.linalg.solve(
        weighted @ (np.eye(STATES) - g * P) @ GROUP_OF, weighted @ problem.rewards[:, 0]
    )


def long_run_errors(problem: Garnet, theta: NDArray, n: int) -> NDArray:
    """Return the standard errors of TD(0) on one trajectory: correlation over time included."""
    P, mu, g, phi = problem.chain, problem.frequencies, problem.discount, GROUP_OF
    v = phi @ theta
    errors = problem.rewards + g * v - v[:, None]  # of s, then s'
    means = phi * (P * errors).sum(1)[:, None]
    ahead = np.linalg.solve(np.eye(STATES) - P + mu, means)  # summed over the future, from s' on
    now = np.einsum("s,st,st,si,sj->ij", mu, P, errors**2, phi, phi)
    later = np.einsum("s,st,st,si,tj->ij", mu, P, errors, phi, ahead)
    inverse = np.linalg.inv(phi.T * mu @ (np.eye(STATES) - g * P) @ phi)
    return np.sqrt(np.diag(inverse @ (now + later + later.T) @ inverse.T) / n)


def learned(trace_decay: float, n: int, seed: int, **options: Any) -> InferenceResult:
    learner = TDLearner(GROUPS, GAMMA, trace_decay, seed=seed, burn_in=2000, **options)
    learner.learn(*grouped(walk().trajectory(n, seed)))
    return learner.result()


def traces_taken(learner: TDLearner) -> list[NDArray]:
    """Return what the learner passes on, from now on."""
    taken: list[NDArray] = []
    learner.approximation.consume = lambda Z, *rest: taken.append(Z)  # type: ignore[method-assign]
    return taken


@settings(max_examples=30, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 40), max_size=5),
    trace_decay=st.sampled_from([0.0, 0.6, 1.0]),
    seed=st.integers(0, 99),
)
def test_traces_are_those_of_the_book_in_any_chunks(
    cuts: list[int], trace_decay: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    phi, starts, ratios = rng.normal(size=(40, 2)), rng.random(40) < 0.1, rng.exponential(size=40)
    learner = TDLearner(2, 0.9, trace_decay)
    taken = traces_taken(learner)
    for a, b in pairwise([0, *sorted(cuts), 40]):
        learner.learn(phi[a:b], np.zeros(b - a), phi[a:b], starts=starts[a:b], ratios=ratios[a:b])
    expected, trace = [], np.zeros(2)
    for k in range(40):
        trace = ratios[k] * ((0 if starts[k] else 0.9 * trace_decay) * trace + phi[k])
        expected.append(trace)
    np.testing.assert_allclose(np.concatenate(taken), expected, rtol=1e-12)


def test_chunks_of_a_trajectory_give_the_same_bits() -> None:
    columns = grouped(walk().trajectory(3000, 0))
    found = []
    for edges in ([0, 3000], [0, 1, 700, 701, 2990, 3000]):
        learner = TDLearner(GROUPS, GAMMA, 0.7, n_chains=5, batch_size=8)
        for a, b in pairwise(edges):
            learner.learn(*(column[a:b] for column in columns))
        learner.approximation.finish()
        found.append(learner.approximation.averages())
    np.testing.assert_array_equal(found[0].chains, found[1].chains)
    np.testing.assert_array_equal(found[0].estimate, found[1].estimate)


@pytest.mark.parametrize("trace_decay", [0.0, 0.7, 1.0])
def test_the_fixed_point_of_each_trace_is_found(trace_decay: float) -> None:
    n = 100_000
    result = learned(trace_decay, n, 0, block_length=100)
    truth = fixed_point(walk(), trace_decay)
    assert (np.abs(result.center - truth) < 4 * result.std_errors).all()
    # They are far apart in standard errors: one is not mistaken for another.
    others = [fixed_point(walk(), other) for other in {0.0, 0.7, 1.0} - {trace_decay}]
    for other in others:
        assert (np.abs(result.center - other) / result.std_errors).max() > 5


def test_values_of_a_table_of_states() -> None:
    problem = garnet(seed=100)
    n = 50_000
    std_errors = np.sqrt(np.diag(problem.asymptotic_covariance) / n)
    for sampling in (problem.independent, problem.trajectory):
        learner = TDLearner(10, problem.discount, n_chains=400)
        learner.learn(*problem.tabular(sampling(n, 0)))
        result = learner.result()
        np.testing.assert_allclose(result.std_errors, std_errors, rtol=0.15)
        assert (np.abs(result.center - problem.values) < 4 * std_errors).all()
        assert result.diagnostics["predicted bias / SD"] < 0.25


def test_correlated_errors_need_blocks() -> None:
    n = 30_000
    std_errors = long_run_errors(walk(), fixed_point(walk(), 0.0), n)
    ratios = {
        length: np.mean(
            [learned(0.0, n, seed, block_length=length).std_errors for seed in range(4)], axis=0
        )
        / std_errors
        for length in (1, 100)
    }
    assert ratios[1].mean() < 0.75
    assert ratios[100].mean() == pytest.approx(1, abs=0.1)
    assert (ratios[100] > ratios[1]).all()


def test_an_episode_ends_where_nothing_follows() -> None:
    # From either of two states to the end or to the other, each with chance ½; leaving pays 1.
    rng = np.random.default_rng(0)
    n = 20_000
    ends = rng.random(n) < 0.5
    states = np.zeros(n, dtype=int)
    starts = np.r_[True, ends[:-1]]
    for k in range(1, n):
        states[k] = rng.integers(2) if starts[k] else 1 - states[k - 1]
    one_hot = np.eye(2)
    following = np.where(ends[:, None], 0.0, one_hot[1 - states])
    for trace_decay in (0.0, 0.9):
        learner = TDLearner(2, 0.9, trace_decay, names=["left", "right"])
        learner.learn(one_hot[states], np.ones(n), following, starts=starts)
        result = learner.result()
        # V = 1 + γ V / 2
        np.testing.assert_allclose(result.center, 1 / (1 - 0.45), rtol=0.02)
        assert (np.abs(result.center - 1 / 0.55) < 4 * result.std_errors).all()


def test_ratios_turn_one_policy_into_another() -> None:
    problem = garnet(seed=101)
    acting = np.full_like(problem.policy, 0.5)
    behaviour = Garnet(problem.moves, problem.rewards, acting, problem.discount)
    seen = behaviour.independent(60_000, 0)
    # Rewards tell which action it was.
    action = (seen.rewards == problem.rewards[seen.states, 1]).astype(int)
    ratios = problem.policy[seen.states, action] / 0.5
    found = {}
    for name, weights in (("with", ratios), ("without", None)):
        learner = TDLearner(10, problem.discount)
        learner.learn(*problem.tabular(seen), ratios=weights)
        result = learner.result()
        found[name] = np.abs(result.center - problem.values) / result.std_errors
    assert found["with"].max() < 4
    assert found["without"].max() > 8


def test_plain_steps_of_the_classic_counterexample_diverge_and_say_so() -> None:
    # θ to 2θ, always (Tsitsiklis & Van Roy).
    one, rewards = np.ones((3000, 1)), np.random.default_rng(0).normal(size=3000)
    plain = TDLearner(1, 0.9, precondition=False, theta=[1.0], batch_size=8)
    plain.learn(one, rewards, 2 * one)
    with pytest.warns(ConfidenceWarning) as caught:
        plain.result()
    assert any("as off-policy TD may" in str(w.message) for w in caught)
    with_gain = TDLearner(1, 0.9, theta=[1.0], batch_size=8)
    with_gain.learn(one, rewards, 2 * one)
    result = with_gain.result()
    assert abs(result.center[0]) < 4 * result.std_errors[0]


def test_values_are_intervals_by_row() -> None:
    problem = garnet(seed=100)
    learner = TDLearner(10, problem.discount, names=[f"s{j}" for j in range(10)])
    learner.learn(*problem.tabular(problem.independent(20_000, 0)))
    result, points = learner.result(), np.eye(10)[:3] + np.eye(10)[3:6]
    table = pd.DataFrame(points, columns=result.names, index=["a", "b", "c"])
    frame = learner.values(table, level=0.9)
    assert list(frame.index) == ["a", "b", "c"]
    np.testing.assert_allclose(frame["estimate"], points @ result.center)
    expected = np.sqrt(np.diag(points @ result.covariance @ points.T))
    np.testing.assert_allclose(frame["std_error"], expected)
    narrower = frame["upper"] - frame["lower"]
    assert (narrower < learner.values(points)["upper"].to_numpy()
            - learner.values(points)["lower"].to_numpy()).all()  # fmt: skip


GOOD = {
    "features": np.ones((5, 2)), "rewards": np.ones(5), "next_features": np.ones((5, 2)),
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"features": np.ones((5, 3))}, r"features: found shape \(5, 3\); allowed: \(rows, 2\)"),
        ({"features": np.full((5, 2), np.inf)}, "features: found NaN or infinity"),
        ({"next_features": np.ones((4, 2))}, r"next_features: found shape \(4, 2\)"),
        ({"rewards": np.full(5, np.nan)}, "rewards: found NaN or infinity"),
        ({"rewards": np.ones((5, 1))}, r"rewards: found shape \(5, 1\)"),
        ({"starts": np.zeros(5)}, "starts: .* of float64; allowed: 5 truth values"),
        ({"starts": np.zeros(4, bool)}, r"starts: found shape \(4,\)"),
        ({"ratios": -np.ones(5)}, "ratios: found -1.0; allowed: numbers from 0"),
        ({"row_ids": np.arange(4)}, "row_ids: found shape"),
    ],
)
def test_what_is_no_transition_is_refused(changed: dict, match: str) -> None:
    learner = TDLearner(2, 0.9, 0.5)
    with pytest.raises(InputError, match=match):
        learner.learn(**GOOD | changed)
    taken = traces_taken(learner)
    learner.learn(**GOOD)
    # The trace is that of nothing before.
    np.testing.assert_array_equal(taken[0][0], [1, 1])


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((0, 0.9), "n_features: found 0"),
        ((2, 1.0), r"discount: found 1.0; allowed: a number in \[0, 1\)"),
        ((2, float("nan")), "discount: found nan"),
        ((2, 0.9, 1.5), r"trace_decay: found 1.5; allowed: a number in \[0, 1\]"),
        ((2, 0.9, -0.1), "trace_decay: found -0.1"),
        ((2, 0.9, "all"), "trace_decay: found 'all'"),
    ],
)
def test_what_is_no_problem_is_refused(arguments: tuple, match: str) -> None:
    with pytest.raises(InputError, match=match):
        TDLearner(*arguments)
