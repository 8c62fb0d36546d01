"""A linear classifier that is as accurate as it can be while it rewards what is wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.streams import stream
from surefoot.incentives.audit_parts import perverse
from surefoot.incentives.costs import Cost, LpCost
from surefoot.incentives.designing.design import design
from surefoot.incentives.effects import Effects
from surefoot.incentives.full.unit import unit_response
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.measures import Desirable, Measure

Floats = NDArray[np.float64]


def _has_probabilities(self: IncentiveClassifier) -> bool:
    return self.loss == "logistic"


class IncentiveClassifier(ClassifierMixin, BaseEstimator):
    """The most accurate linear rule to which the best response is wanted effort.

    Features may stay in their own units: they are standardised inside, so that a scaler before it
    changes nothing but the units in which the graph must be given (`CausalGraph.rescaled`).

    Parameters
    ----------
    graph : CausalGraph or EffortMatrix, optional
        What effort does to features. Without one, every feature moves by itself alone.
    cost : LpCost or QuadraticCost, optional
        What effort costs; `LpCost(2)` by default.
    desirable : mapping of node to direction, optional
        ``{"smoking": -1}``. Without it the rule is the unconstrained one.
    beta : float
        Least wanted share of effort, in [0, 1].
    measure : {"effort", "cost"}
        What the share is measured in.
    loss : {"logistic", "squared", "hinge"}
    penalty : float
        Ridge penalty on the weights of standardised features; 1 / (N C) in the words of
        `LogisticRegression`.
    accept : label, optional
        The class whose members the rule accepts, and which people want to be taken for; the second
        by default.
    certificate : {"exact", "restriction"}
        Where no convex program describes the constraint: search until the optimum is certain, or
        stay inside a convex part of what is allowed.
    scenarios : int
        Draws of the graph (a bootstrap, if it was fitted) for all of which the share must hold.
    threshold : {"static", "strategic"}
        ``strategic``: raised by what `budget` buys, for people who will respond.
    budget : float
        What acceptance is worth to people; for the strategic threshold.
    forbidden : sequence of str
        Features that may carry no weight.
    random_state : int
        Key of the draws.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
    coef_, intercept_ : ndarray of shape (1, n) and (1,)
        Of the decision function; its sign is that of scikit-learn: positive for ``classes_[1]``.
    rule_ : LinearRule
        Accepts the class `accept`.
    effective_weights_ : dict of node to float
        Score for one unit of each effort, through the graph.
    beta_ : float
        The wanted share, measured on the best response; NaN if no effort gains anything.
    certificate_ : Certificate or None
    perverse_ : list of str
        Wanted nodes for whose opposite the rule pays; empty by design.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> habit = rng.normal(size=500)
    >>> reading = 0.7 * habit + 0.5 * rng.normal(size=500)
    >>> y = (habit + rng.normal(size=500) > 0).astype(int)
    >>> X = pd.DataFrame({"habit": habit, "reading": reading})
    >>> graph = CausalGraph.from_dag(["habit", "reading"], {("habit", "reading"): 0.7})
    >>> model = IncentiveClassifier(graph, desirable={"habit": +1}, beta=0.9).fit(X, y)
    >>> bool(model.beta_ >= 0.9 - 1e-6)
    True
    """

    def __init__(
        self,
        graph: Effects | None = None,
        cost: Cost | None = None,
        desirable: Mapping[str, int] | None = None,
        beta: float = 0.5,
        *,
        measure: Measure = "effort",
        loss: Literal["logistic", "squared", "hinge"] = "logistic",
        penalty: float = 1e-6,
        accept: Any = None,
        certificate: Literal["exact", "restriction"] = "exact",
        scenarios: int = 0,
        threshold: Literal["static", "strategic"] = "static",
        budget: float = 1.0,
        forbidden: Sequence[str] = (),
        random_state: int = 0,
    ) -> None:
        self.graph = graph
        self.cost = cost
        self.desirable = desirable
        self.beta = beta
        self.measure = measure
        self.loss = loss
        self.penalty = penalty
        self.accept = accept
        self.certificate = certificate
        self.scenarios = scenarios
        self.threshold = threshold
        self.budget = budget
        self.forbidden = forbidden
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the rule to a table of shape (N, n) and labels of two classes, shape (N,).

        Raises
        ------
        InputError
            A parameter is not allowed, or the graph's features are not those of `X`.
        UnmetError
            No rule on these features calls forth so large a share.
        """
        values, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y", raise_unknown=True)
        self.classes_ = np.unique(y)
        if kind != "binary" or len(self.classes_) != 2:
            if len(self.classes_) < 2:
                raise InputError("y", "only one class", "two classes")
            # In the words of scikit-learn, which its checks of estimators look for.
            msg = f"Only binary classification is supported. The type of the target is {kind}."
            raise ValueError(msg)
        one_of("threshold", self.threshold, ("static", "strategic"))
        one_of("certificate", self.certificate, ("exact", "restriction"))
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, values, dtype=np.float64)
        names = self._names()
        table = pd.DataFrame(values, columns=names)
        effects: Effects = CausalGraph.identity(names) if self.graph is None else self.graph
        cost = LpCost(2) if self.cost is None else self.cost
        accept = self.classes_[1] if self.accept is None else self.accept
        if accept not in self.classes_:
            raise InputError("accept", accept, f"one of the classes {self.classes_.tolist()}")
        found = design(
            table,
            y,
            effects=effects,
            cost=cost,
            desirable=self.desirable,
            beta=self.beta,
            measure=self.measure,
            loss=self.loss,
            penalty=self.penalty,
            accept=accept,
            sample_weight=weight,
            forbidden=self.forbidden,
            scenarios=self._scenarios(effects),
            method=self.certificate if self.certificate == "restriction" else "auto",
        )
        rule, gain = found.rule, effects.contribution() @ found.rule.weights_of(effects.features)
        shift = 0.0
        if self.threshold == "strategic":
            shift = strategic_shift(gain, cost, effects, self.budget)
        rule = rule.shifted(shift)
        sign = 1.0 if accept == self.classes_[1] else -1.0
        self.rule_ = rule
        self._sign = sign
        self.coef_ = sign * rule.weights[None, :]
        self.intercept_ = np.array([-sign * rule.threshold])
        self._unshift = sign * shift
        self.effective_weights_ = dict(zip(effects.efforts, gain.tolist(), strict=True))
        self.beta_ = found.share
        self.certificate_ = found.certificate
        self.perverse_ = []
        if self.desirable is not None:
            against = perverse(gain, Desirable.parse(self.desirable, effects.efforts))
            self.perverse_ = [effects.efforts[i] for i in np.flatnonzero(against)]
        return self

    def decision_function(self, X: Any) -> Floats:
        """Return ``X @ coef_ + intercept_``, shape (N,); at least 0 for ``classes_[1]``."""
        check_is_fitted(self)
        values = validate_data(self, X, dtype=np.float64, reset=False)
        return values @ self.coef_[0] + self.intercept_[0]

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the predicted labels, shape (N,).

        Whoever lands on the threshold is accepted, whatever rounding makes of it, as by `rule_`.
        """
        check_is_fitted(self)
        values = validate_data(self, X, dtype=np.float64, reset=False)
        accepted = self.rule_.accepts(pd.DataFrame(values, columns=self._names()))
        return self.classes_[(accepted == (self._sign > 0)).astype(int)]

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> Floats:
        """Return the probabilities of the classes, shape (N, 2); with the logistic loss only.

        They are those of people as they were, before anybody responds, and know no strategic shift.
        """
        from scipy.special import expit

        second = expit(self.decision_function(X) + self._unshift)
        return np.column_stack([1 - second, second])

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def _names(self) -> list[str]:
        if hasattr(self, "feature_names_in_"):
            return [str(name) for name in self.feature_names_in_]
        return [f"x{i}" for i in range(self.n_features_in_)]

    def _scenarios(self, effects: Effects) -> Floats | None:
        if isinstance(self.scenarios, bool) or not isinstance(self.scenarios, int | np.integer):
            raise InputError("scenarios", self.scenarios, "a number of draws, 0 for none")
        if self.scenarios < 0:
            raise InputError("scenarios", self.scenarios, "a number of draws, 0 for none")
        if self.scenarios == 0:
            return None
        if effects.certain:
            raise InputError("scenarios", self.scenarios, "0: the graph is certain")
        if isinstance(effects, CausalGraph) and effects.regressions is not None:
            return effects.bootstrap(self.scenarios, self.random_state).values
        return effects.draws(self.scenarios, stream(self.random_state, "incentives", "scenarios"))


def strategic_shift(gain: Floats, cost: Cost, effects: Effects, budget: float) -> float:
    """Return the score that `budget` buys: raised by it, a threshold accepts whom it did.

    With costs in common and no true improvement the shift restores exactly the static decisions:
    ``b' = b + B ||v / w||_q`` for a norm.
    """
    if not (np.isfinite(budget) and budget >= 0):
        raise InputError("budget", budget, "a finite number of at least 0")
    resolved = cost.resolve(effects.efforts)
    unit = unit_response(gain, resolved)
    if unit is None:
        return 0.0
    return float(budget / unit.price if resolved.p is not None else np.sqrt(budget / unit.price))
