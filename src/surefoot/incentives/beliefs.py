"""What agents know of the rule and of what their effort does.

===================  ============================================  ===============================
belief               the rule's weights h                          the graph C
===================  ============================================  ===============================
`FullInformation`    known                                         known (its mean, if uncertain)
`GraphBelief`        known                                         uncertain
`ClassifierBelief`   normal                                        known (its mean, if uncertain)
`PeerBelief`         learnt from the scores of peers: normal       known (its mean, if uncertain)
`JointBelief`        normal                                        uncertain, independent of h
`SampledBelief`      draws                                         known, or draws
===================  ============================================  ===============================

Each answers for the margin ``h.x − b + v.e``, ``v = Ch``: with the exact first two moments of h, b
and v, which need no normal v, and with draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.notices import warn
from surefoot.incentives.covariances import checked_covariance, root_of
from surefoot.incentives.effects import Effects
from surefoot.incentives.effort_matrix import EffortMatrix
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.margins import MarginDraws, MarginMoments
from surefoot.incentives.notices import IncentiveWarning
from surefoot.incentives.rules import LinearRule

Floats = NDArray[np.float64]
# A variance this small beside the mean square is what rounding leaves of none.
_ROUNDING = 1e-14


class Belief(Protocol):
    """What a plan asks of a belief."""

    @property
    def normal(self) -> bool:
        """Whether the margin is normal, so that its two moments are all there is to know."""
        ...

    def moments(self, rule: LinearRule, effects: Effects) -> MarginMoments:
        """Return the first two moments of ((h, b), v)."""
        ...

    def draws(
        self, rule: LinearRule, effects: Effects, n: int, generator: np.random.Generator
    ) -> MarginDraws:
        """Return `n` joint draws of ((h, b), v)."""
        ...


class IndependentBelief:
    """A belief whose rule and graph are independent; subclasses override what is not known.

    Moments and draws follow from `rule` and `effects`.
    """

    def rule(self, rule: LinearRule) -> tuple[Floats, Floats]:
        """Return mean (n + 1,) and covariance of the weights and, last, the threshold."""
        mean = np.append(rule.weights, rule.threshold)
        return mean, np.zeros((len(mean), len(mean)))

    def effects(self, effects: Effects) -> Effects:
        """Return what agents take effort to do, given what it does."""
        return _at_mean(effects)

    def moments(self, rule: LinearRule, effects: Effects) -> MarginMoments:
        """Return the first two moments of ((h, b), v), exactly."""
        mean, cov = self.rule(rule)
        believed = self.effects(effects)
        C, places = believed.contribution(), _places(rule, believed)
        h, spread = mean[places], cov[np.ix_(places, places)]
        gain_cov = C @ spread @ C.T
        if not believed.certain:
            M = spread + np.outer(h, h)
            gain_cov = gain_cov + _beyond(believed.second_moment(M), C @ M @ C.T)
        row = _rows(believed, effects)
        cross = (C @ cov[places])[row]
        return MarginMoments(mean, cov, (C @ h)[row], gain_cov[np.ix_(row, row)], cross)

    def draws(
        self, rule: LinearRule, effects: Effects, n: int, generator: np.random.Generator
    ) -> MarginDraws:
        """Return `n` joint draws of ((h, b), v)."""
        mean, cov = self.rule(rule)
        believed = self.effects(effects)
        theta = np.broadcast_to(mean, (n, len(mean)))
        if cov.any():
            theta = theta + generator.standard_normal(theta.shape) @ root_of(cov).T
        h = theta[:, _places(rule, believed)]
        if believed.certain:
            gains = h @ believed.contribution().T
        else:
            gains = np.einsum("bij,bj->bi", believed.draws(n, generator), h)
        return MarginDraws(theta, gains[:, _rows(believed, effects)])


@dataclass(frozen=True)
class FullInformation(IndependentBelief):
    """Agents know the rule and what effort does; of an uncertain graph, its mean."""

    normal: ClassVar[bool] = True


@dataclass(frozen=True, eq=False)
class GraphBelief(IndependentBelief):
    """Agents know the rule and are unsure of what effort does.

    The uncertainty is one of effects, so that it grows and shrinks with the weights of the rule:
    nobody gets rid of it by dividing rule and threshold by ten.

    Parameters
    ----------
    graph : CausalGraph, EffortMatrix or EffectDraws, optional
        The agents' own, with its uncertainty; by default the true one with that of its edges. Its
        efforts are those of the true one, in the same units.
    cv : mapping of node to float, optional
        Coefficient of variation of a node's total effect ``v_i`` on the score, independent of the
        others; 0 for nodes not named. It replaces the uncertainty of the graph's edges.
    """

    graph: Effects | None = None
    cv: Mapping[str, float] | None = None

    @property
    def normal(self) -> bool:
        """Whether total effects are normal: products along paths of edges are not."""
        return self.cv is not None

    def __post_init__(self) -> None:
        for node, value in (self.cv or {}).items():
            _check_cv(f"GraphBelief.cv[{node!r}]", value)

    def effects(self, effects: Effects) -> Effects:
        """Return the agents' own graph."""
        own = effects if self.graph is None else self.graph
        if sorted(own.efforts) != sorted(effects.efforts):
            found, allowed = ", ".join(own.efforts), ", ".join(effects.efforts)
            raise InputError("GraphBelief.graph", found, f"these efforts: {allowed}")
        if isinstance(own, CausalGraph) and isinstance(effects, CausalGraph):
            rows = _rows(own, effects)
            if not np.allclose(own.units[rows], effects.units, rtol=1e-9, atol=0.0):
                units = dict(zip(effects.nodes, effects.units.tolist(), strict=True))
                allowed = f"those of the true graph, so that efforts compare: {units}"
                raise InputError("GraphBelief.graph.units", own.units[rows].tolist(), allowed)
        if self.cv is None:
            return own
        for node in self.cv:
            one_of("GraphBelief.cv", node, own.efforts)
        return _VaryingRows(own, np.array([float(self.cv.get(node, 0.0)) for node in own.efforts]))


@dataclass(frozen=True, eq=False)
class ClassifierBelief(IndependentBelief):
    """Agents know what effort does and are unsure of the rule: its weights are normal to them.

    Parameters
    ----------
    mean : mapping of feature to float, optional
        Expected weights; features not named have the rule's.
    cov : DataFrame or mapping of feature to float, optional
        Covariance of the weights with features as rows and columns, or their variances. It is
        absolute: it stays what it is if the rule is divided by ten, which makes agents ten times
        less sure, and a designer could make them sure by scaling. A warning says so; use it for
        rules of settled scale.
    cv : float or mapping of feature to float, optional
        Coefficients of variation instead, for all or by feature; independent.
    threshold_sd : float
        Standard deviation of the threshold, absolute and independent of the weights.
    """

    mean: Mapping[str, float] | None = None
    cov: pd.DataFrame | Mapping[str, float] | None = None
    cv: float | Mapping[str, float] | None = None
    threshold_sd: float = 0.0
    normal: ClassVar[bool] = True
    _named: tuple[str, ...] = field(init=False, repr=False)
    _cov: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._check()
        if self.cov is not None:
            warn(
                "ClassifierBelief.cov is absolute: scaling the rule changes how unsure agents are; "
                "cv scales along",
                IncentiveWarning,
            )

    def _check(self) -> None:
        if self.cov is not None and self.cv is not None:
            raise InputError("ClassifierBelief", "cov and cv", "one of them")
        for feature, value in (self.mean or {}).items():
            if not np.isfinite(value):
                raise InputError(f"ClassifierBelief.mean[{feature!r}]", value, "a finite number")
        if isinstance(self.cv, Mapping):
            for feature, value in self.cv.items():
                _check_cv(f"ClassifierBelief.cv[{feature!r}]", value)
        elif self.cv is not None:
            _check_cv("ClassifierBelief.cv", self.cv)
        if not (np.isfinite(self.threshold_sd) and self.threshold_sd >= 0):
            allowed = "a number of at least 0"
            raise InputError("ClassifierBelief.threshold_sd", self.threshold_sd, allowed)
        cov = pd.DataFrame() if self.cov is None else self.cov
        if not isinstance(cov, pd.DataFrame):
            cov = pd.DataFrame(np.diag([float(v) for v in cov.values()]), list(cov), list(cov))
        if list(cov.index) != list(cov.columns) or not cov.columns.is_unique:
            found = f"rows {list(cov.index)}, columns {list(cov.columns)}"
            raise InputError("ClassifierBelief.cov", found, "the same features, each once")
        object.__setattr__(self, "_named", tuple(cov.columns))
        checked = checked_covariance("ClassifierBelief.cov", cov.to_numpy(dtype=float))
        object.__setattr__(self, "_cov", checked)

    def rule(self, rule: LinearRule) -> tuple[Floats, Floats]:
        """Return mean (n + 1,) and covariance of the weights and, last, the threshold."""
        mean, cov = super().rule(rule)
        place = {name: i for i, name in enumerate(rule.names)}
        for feature, value in (self.mean or {}).items():
            mean[place[one_of("ClassifierBelief.mean", feature, rule.names)]] = value
        rows = [place[one_of("ClassifierBelief.cov", name, rule.names)] for name in self._named]
        cov[np.ix_(rows, rows)] = self._cov
        cov[np.diag_indices(len(rule.names))] += (self._cvs(rule.names) * mean[:-1]) ** 2
        cov[-1, -1] = self.threshold_sd**2
        return mean, cov

    def _cvs(self, names: Sequence[str]) -> Floats:
        if not isinstance(self.cv, Mapping):
            return np.full(len(names), self.cv or 0.0)
        for feature in self.cv:
            one_of("ClassifierBelief.cv", feature, names)
        return np.array([float(self.cv.get(name, 0.0)) for name in names])


@dataclass(frozen=True, eq=False)
class JointBelief(IndependentBelief):
    """Agents are unsure of the rule and, independently, of what effort does.

    ``v = Ch`` is then a product of uncertain things and not normal; its moments are exact still.
    """

    graph: GraphBelief
    classifier: ClassifierBelief
    normal: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for part in ("graph", "classifier"):
            given = getattr(self, part)
            if not isinstance(given, IndependentBelief):
                raise InputError(f"JointBelief.{part}", type(given).__name__, "a belief about it")

    def rule(self, rule: LinearRule) -> tuple[Floats, Floats]:
        """Return mean (n + 1,) and covariance of the weights and, last, the threshold."""
        return self.classifier.rule(rule)

    def effects(self, effects: Effects) -> Effects:
        """Return the agents' own graph."""
        return self.graph.effects(effects)


@dataclass(frozen=True, eq=False)
class _VaryingRows:
    """Effects at their mean, each row times its own ``1 + cv z``, z standard normal."""

    base: Effects
    cv: Floats
    certain: bool = False

    @property
    def efforts(self) -> tuple[str, ...]:
        return self.base.efforts

    @property
    def features(self) -> tuple[str, ...]:
        return self.base.features

    def contribution(self) -> Floats:
        return self.base.contribution()

    def second_moment(self, M: Floats) -> Floats:
        C = self.contribution()
        moment = C @ M @ C.T
        return moment + np.diag(self.cv**2 * np.diag(moment))

    def draws(self, n: int, generator: np.random.Generator) -> Floats:
        factors = 1 + self.cv * generator.standard_normal((n, len(self.cv)))
        return factors[:, :, None] * self.contribution()


def _at_mean(effects: Effects) -> Effects:
    if effects.certain:
        return effects
    return EffortMatrix(effects.contribution(), effects.efforts, effects.features)


def _places(rule: LinearRule, effects: Effects) -> list[int]:
    rule.weights_of(effects.features)  # tells which of them the rule lacks
    return [rule.names.index(name) for name in effects.features]


def _rows(own: Effects, effects: Effects) -> list[int]:
    return [own.efforts.index(node) for node in effects.efforts]


def _beyond(second: Floats, square: Floats) -> Floats:
    """Return the covariance ``second − square``, with zeros where rounding is all there is."""
    cov = second - square
    known = np.diag(cov) <= _ROUNDING * np.diag(second)
    cov[known] = 0.0
    cov[:, known] = 0.0
    return cov


def _check_cv(where: str, value: Any) -> None:
    if not (isinstance(value, int | float | np.number) and np.isfinite(value) and value >= 0):
        raise InputError(where, value, "a coefficient of variation: a number of at least 0")
