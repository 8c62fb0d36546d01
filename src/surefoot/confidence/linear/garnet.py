"""Garnet problems: random Markov decision processes whose values are known exactly.

Source: Archibald, McKinnon & Thomas, J. Oper. Res. Soc. 46 (1995); with 10 states, 2 actions and
branching 3 as in Samsonov et al., arXiv 2405.16644.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import UnmetError
from surefoot.ground.streams import stream

Floats = NDArray[np.float64]
States = NDArray[np.int64]

_ATTEMPTS = 1000
_RAREST = 0.1


class Transitions(NamedTuple):
    """States, the rewards on leaving them, and the states that followed, each of shape (n,)."""

    states: States
    rewards: Floats
    following: States


class Garnet:
    """A Markov decision process and the policy that is evaluated.

    Parameters
    ----------
    moves : ndarray of shape (S, A, S)
        Probabilities of the next state.
    rewards : ndarray of shape (S, A)
    policy : ndarray of shape (S, A)
        Probabilities of the actions.
    discount : float
    """

    def __init__(self, moves: Floats, rewards: Floats, policy: Floats, discount: float) -> None:
        self.moves, self.rewards, self.policy, self.discount = moves, rewards, policy, discount

    @property
    def n_states(self) -> int:
        """How many states."""
        return len(self.rewards)

    @cached_property
    def chain(self) -> Floats:
        """P, the transition probabilities under the policy, shape (S, S)."""
        P: Floats = np.einsum("sa,sat->st", self.policy, self.moves)
        return P

    @cached_property
    def frequencies(self) -> Floats:
        """μ = μP, how often each state occurs, shape (S,)."""
        S = self.n_states
        system = np.vstack([self.chain.T - np.eye(S), np.ones(S)])
        mu: Floats = np.linalg.lstsq(system, np.r_[np.zeros(S), 1.0], rcond=None)[0]
        return mu

    @cached_property
    def values(self) -> Floats:
        """V = r̄ + γPV, shape (S,)."""
        mean_rewards = (self.policy * self.rewards).sum(axis=1)
        V: Floats = np.linalg.solve(
            np.eye(self.n_states) - self.discount * self.chain, mean_rewards
        )
        return V

    @cached_property
    def asymptotic_covariance(self) -> Floats:
        """A⁻¹ S A⁻ᵀ of tabular TD(0), n times the covariance of the averaged run, shape (S, S).

        A = diag(μ)(I − γP), and S is diagonal for independent states and for a trajectory alike:
        given the state, the error r + γV(s') − V(s) has mean 0 whatever came before.
        """
        gains = self.rewards[:, :, None] + self.discount * self.values
        squares = np.einsum("sa,sat,sat->s", self.policy, self.moves, gains**2)
        noise = self.frequencies * (squares - self.values**2)
        A = self.frequencies[:, None] * (np.eye(self.n_states) - self.discount * self.chain)
        inverse = np.linalg.inv(A)
        covariance: Floats = (inverse * noise) @ inverse.T
        return covariance

    def independent(self, n: int, seed: int) -> Transitions:
        """Return transitions from `n` states drawn independently with their frequencies."""
        rng = stream(seed, "garnet", "independent")
        states = rng.choice(self.n_states, n, p=self.frequencies)
        moves = (rng.random(n)[:, None] >= self._cumulative[states]).sum(axis=1)
        return self._transitions(states, moves)

    def trajectory(self, n: int, seed: int) -> Transitions:
        """Return `n` transitions of one trajectory; its first state has the chain's frequencies."""
        rng = stream(seed, "garnet", "trajectory")
        state = int(rng.choice(self.n_states, p=self.frequencies))
        cumulative = self._cumulative.tolist()
        states, moves = np.empty(n, np.int64), np.empty(n, np.int64)
        for k, u in enumerate(rng.random(n).tolist()):
            states[k], moves[k] = state, (move := bisect_right(cumulative[state], u))
            state = move % self.n_states
        return self._transitions(states, moves)

    def tabular(self, seen: Transitions) -> tuple[Floats, Floats, Floats]:
        """Return features, rewards and next features with one feature a state."""
        one_hot = np.eye(self.n_states)
        return one_hot[seen.states], seen.rewards, one_hot[seen.following]

    @cached_property
    def _cumulative(self) -> Floats:
        """Of (action, next state) given the state, shape (S, A·S); the last is 1 exactly."""
        joint = (self.policy[:, :, None] * self.moves).reshape(self.n_states, -1)
        cumulative: Floats = joint.cumsum(axis=1)
        cumulative /= cumulative[:, -1:]
        return cumulative

    def _transitions(self, states: States, moves: States) -> Transitions:
        action, following = np.divmod(moves, self.n_states)
        return Transitions(states, self.rewards[states, action], following)


def garnet(
    *,
    seed: int,
    n_states: int = 10,
    n_actions: int = 2,
    branching: int = 3,
    discount: float = 0.9,
) -> Garnet:
    """Return a random problem with a random policy, both fixed by `seed`.

    Every action leads to `branching` states, with probabilities between uniform cuts of [0, 1];
    rewards are uniform, action probabilities uniform and normalised. Problems are drawn until the
    chain gets everywhere and every state occurs a tenth as often as the average one, or more: of a
    state that is hardly ever seen no method could tell the value.

    Raises
    ------
    UnmetError
        If there is no such problem among a thousand.
    """
    everywhere = np.eye(n_states)
    for attempt in range(_ATTEMPTS):
        rng = stream(seed, "garnet", n_states, n_actions, branching, attempt)
        moves = np.zeros((n_states, n_actions, n_states))
        for row in moves.reshape(-1, n_states):
            reached = rng.choice(n_states, branching, replace=False)
            row[reached] = np.diff(np.sort(rng.random(branching - 1)), prepend=0, append=1)
        policy = rng.random((n_states, n_actions))
        policy /= policy.sum(axis=1, keepdims=True)
        found = Garnet(moves, rng.random((n_states, n_actions)), policy, discount)
        reaches = np.linalg.matrix_power(everywhere + found.chain, n_states)
        if (reaches > 0).all() and found.frequencies.min() >= _RAREST / n_states:
            return found
    msg = f"none of {_ATTEMPTS} problems has states that all occur often enough"
    raise UnmetError(msg)
