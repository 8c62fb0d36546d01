"""Answers to strategic people that know no incentives: the baselines of every design.

=============  =====================================================================================
answer         what is done
=============  =====================================================================================
``retrain``    deploy, let people respond, learn again from people as they now are, and so on:
               repeated risk minimisation (Perdomo et al., "Performative prediction", ICML 2020)
``shift``      learn once, and raise the threshold by the score that the budget buys:
               ``b' = b + B ||v / w||_q`` (Hardt et al., "Strategic classification", ITCS 2016)
=============  =====================================================================================

With an incentive design as the estimator, ``shift`` is design and foresight together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Self, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from surefoot.ground.errors import InputError, one_of
from surefoot.incentives.rules import LinearRule

Answer = Literal["retrain", "shift"]


class StackelbergLoop:
    """Deploy a rule to people who respond, and answer their response.

    Parameters
    ----------
    estimator : linear classifier of scikit-learn's kind, or pipeline of scalers that ends in one
        What is learnt, from a DataFrame; it is cloned for every round.
    respond : callable
        Takes a `LinearRule` and returns the features of the N people, a DataFrame, once they have
        responded to it: ``lambda rule: agents.best_response(rule).moved()``. People start from
        where they were at first, whatever rules came before.
    answer : {"retrain", "shift"}
    reach : callable, optional
        Takes a `LinearRule` and returns the most score that the budget buys; ``shift`` needs it.
    relabel : callable, optional
        Takes the features after a response and returns labels of shape (N,). Without it the first
        labels are kept, which is right only where effort changes no outcome.
    accept : label
        The class that the rule accepts.
    max_rounds : int
        Most rules that ``retrain`` deploys.
    tolerance : float
        It stops once neither the direction of the weights nor the threshold, per unit of their
        norm, changes by more.

    Attributes
    ----------
    rule_ : LinearRule
        The last rule deployed.
    rules_ : list of LinearRule
        One a round.
    converged_ : bool
        Whether the last answer changed nothing: ``retrain`` may run in circles for ever, ``shift``
        deploys one rule and is done.
    history_ : DataFrame
        One row a round: ``change`` of the rule since the round before; ``moved``, share of people;
        ``accuracy before`` and ``accepted before``, of the rule on people as they were at first;
        ``accuracy`` and ``accepted``, once they have responded to it.

    Examples
    --------
    Whoever is close to the threshold fakes its way to it; the threshold is moved out of reach.

    >>> import numpy as np, pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> people = pd.DataFrame({"x": np.linspace(-2.0, 2.0, 41)})
    >>> labels = (people["x"] >= 0.5).astype(int)
    >>> def fake(rule):
    ...     needed = rule.gap(people) / rule.weights[0]
    ...     return people + np.where((needed > 0) & (needed <= 1.0), needed, 0.0)[:, None]
    >>> plain = StackelbergLoop(LogisticRegression(), fake, max_rounds=1).fit(people, labels)
    >>> float(plain.history_["accuracy"].iloc[-1].round(2))
    0.76
    >>> reach = lambda rule: 1.0 * abs(rule.weights[0])
    >>> shifted = StackelbergLoop(LogisticRegression(), fake, answer="shift", reach=reach)
    >>> float(shifted.fit(people, labels).history_["accuracy"].iloc[-1].round(2))
    1.0
    """

    rule_: LinearRule
    rules_: list[LinearRule]
    converged_: bool
    history_: pd.DataFrame

    def __init__(
        self,
        estimator: Any,
        respond: Callable[[LinearRule], pd.DataFrame],
        *,
        answer: Answer = "retrain",
        reach: Callable[[LinearRule], float] | None = None,
        relabel: Callable[[pd.DataFrame], ArrayLike] | None = None,
        accept: Any = 1,
        max_rounds: int = 20,
        tolerance: float = 1e-3,
    ) -> None:
        self.estimator = estimator
        self.respond = respond
        self.answer = answer
        self.reach = reach
        self.relabel = relabel
        self.accept = accept
        self.max_rounds = max_rounds
        self.tolerance = tolerance

    def fit(self, X: pd.DataFrame, y: ArrayLike) -> Self:
        """Play the rounds on people of shape (N, n) with labels of shape (N,).

        Raises
        ------
        InputError
            A parameter is not allowed, or a response is not a table of the same people.
        """
        one_of("answer", self.answer, get_args(Answer))
        if self.answer == "shift" and self.reach is None:
            raise InputError("reach", None, "a function: the score that the budget buys")
        if self.max_rounds < 1:
            raise InputError("max_rounds", self.max_rounds, "at least 1 rule")
        first = np.asarray(y)
        people, labels = X, first
        self.rules_, self.converged_, rows = [], False, []
        for _ in range(self.max_rounds if self.answer == "retrain" else 1):
            rule = self._learn(people, labels)
            moved = self._moved(rule, X)
            outcome = first if self.relabel is None else np.asarray(self.relabel(moved))
            if outcome.shape != (len(X),):
                raise InputError(
                    "relabel(moved)", outcome.shape, f"one label a person: ({len(X)},)"
                )
            change = _change(self.rules_[-1], rule) if self.rules_ else float("nan")
            rows.append(
                {
                    "change": change,
                    "moved": _moved_share(X, moved, rule),
                    "accuracy before": self._accuracy(rule, X, first),
                    "accuracy": self._accuracy(rule, moved, outcome),
                    "accepted before": float(rule.accepts(X).mean()),
                    "accepted": float(rule.accepts(moved).mean()),
                }
            )
            self.rules_.append(rule)
            people, labels = moved, outcome
            self.converged_ = self.answer == "shift" or change <= self.tolerance
            if self.converged_:
                break
        self.rule_ = self.rules_[-1]
        self.history_ = pd.DataFrame(rows).rename_axis("round")
        return self

    def _learn(self, people: pd.DataFrame, labels: NDArray[Any]) -> LinearRule:
        fitted = clone(self.estimator).fit(people, labels)
        rule = LinearRule.from_estimator(fitted, accept=self.accept)
        if self.answer == "shift":
            assert self.reach is not None  # checked by fit
            rule = rule.shifted(self.reach(rule))
        return rule

    def _moved(self, rule: LinearRule, X: pd.DataFrame) -> pd.DataFrame:
        moved = self.respond(rule)
        if not isinstance(moved, pd.DataFrame) or len(moved) != len(X):
            found = f"{len(moved)} rows" if isinstance(moved, pd.DataFrame) else type(moved)
            raise InputError("respond(rule)", found, f"a DataFrame of the {len(X)} people")
        missing = [name for name in X.columns if name not in moved.columns]
        if missing:
            raise InputError("respond(rule)", f"no column {missing[0]!r}", "all features of X")
        return moved[list(X.columns)]

    def _accuracy(self, rule: LinearRule, people: pd.DataFrame, labels: NDArray[Any]) -> float:
        return float((rule.accepts(people) == (labels == self.accept)).mean())


def _change(old: LinearRule, new: LinearRule) -> float:
    """Return how far a rule has moved; a rule times a constant is the same rule."""
    ends = [
        np.append(rule.weights, rule.threshold) / np.linalg.norm(rule.weights)
        for rule in (old, new)
    ]
    return float(np.abs(ends[1] - ends[0]).max())


def _moved_share(X: pd.DataFrame, moved: pd.DataFrame, rule: LinearRule) -> float:
    return float((rule.matrix(moved) != rule.matrix(X)).any(axis=1).mean())
