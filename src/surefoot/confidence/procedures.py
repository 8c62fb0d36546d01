"""Procedures that turn a sample into intervals: ours, the published one, and refits."""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.confidence.bias import transient_bias
from surefoot.confidence.engine import ChainEngine
from surefoot.confidence.estimators import SGDInferenceClassifier, SGDInferenceRegressor
from surefoot.confidence.health import ConfidenceWarning
from surefoot.confidence.losses import Huber, LogLoss, Loss, Quantile
from surefoot.confidence.m_estimates import MEstimate
from surefoot.confidence.pilot import Pilot, fit_pilot, no_pilot, pilot_size
from surefoot.confidence.populations import Population
from surefoot.confidence.result import InferenceResult
from surefoot.confidence.schedule import StepSchedule
from surefoot.ground.errors import InputError, UnmetError, one_of

Floats = NDArray[np.float64]

# Of the published procedure, as its follow-up simulations have it.
_LITERAL_GAMMA = 0.501


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one method says about one sample, in the k directions that are looked at.

    Attributes
    ----------
    method : str
    center, reach : ndarray of shape (k,)
        Interval: center ± reach.
    joint : mapping of str to float
        1 or 0 for every set that holds all directions at once or not; flags of the run likewise.
    """

    method: str
    center: Floats
    reach: Floats
    joint: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Setting:
    """A sample and what is asked of it.

    Attributes
    ----------
    X, y : ndarray of shape (n, d) and (n,)
    population : Population
    seed : int
        Of this sample.
    level : float
    fit : MEstimate
        To the sample.
    """

    X: Floats
    y: Floats
    population: Population
    seed: int
    level: float
    fit: MEstimate

    @property
    def loss(self) -> Loss:
        """The population's loss."""
        return self.population.loss

    @property
    def truth(self) -> Floats:
        """The truth in the directions looked at, shape (k,)."""
        directions: Floats = self.population.directions @ self.population.truth
        return directions

    @property
    def normal_quantile(self) -> float:
        """How many standard errors a normal interval reaches."""
        return NormalDist().inv_cdf((1 + self.level) / 2)

    def std_errors(self, covariance: Floats) -> Floats:
        """Return the standard errors of the directions, shape (k,)."""
        C = self.population.directions
        return np.sqrt(np.einsum("ij,jk,ik->i", C, covariance, C))


def ours(setting: Setting, params: Mapping[str, Any]) -> Iterator[Outcome]:
    """Run the room's estimator as users do, and its companions on the same pass."""
    X, intercept = setting.X, setting.population.names[0] == "const"
    model = estimator_for(setting.loss)(
        **{"confidence_level": setting.level, "random_state": setting.seed} | dict(params)
    ).set_params(fit_intercept=intercept)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConfidenceWarning)
        try:
            model.fit(X[:, 1:] if intercept else X, setting.y)
        except UnmetError:  # not finite
            yield _diverged(setting)
            return
    result, found = model.result_, model.diagnostics_
    flags = {
        "bias_flag": float(found["predicted bias / SD"] > 0.25),
        "drift_flag": float(found["drift between halves / SD"] > 4),
    }
    yield _by_chains(setting, result.center, result.chains, flags)
    for name, spread in result.companions.items():
        yield _companion(setting, result.center, name, np.diag(spread**2))


def literal(setting: Setting, params: Mapping[str, Any]) -> Iterator[Outcome]:
    """Run the procedure as published: from 0, row by row, no delay, the user's coordinates.

    Of `params`, "c0" is the first step ("sd" for 1/standard deviation of y), "gamma" how fast steps
    shrink, "k0" a delay, "multiplier" a law, "standardise" whether features are, "n_chains" M.
    """
    c0 = params["c0"]
    schedule = StepSchedule(
        1 / float(setting.y.std()) if c0 == "sd" else c0,
        params.get("gamma", _LITERAL_GAMMA),
        params.get("k0", 0.0),
    )
    start = no_pilot(setting.X.shape[1], row_curvature=1.0)
    if params.get("standardise"):
        start = dataclasses.replace(start, scale=_standardising(setting.X))
    smooth = ("plugin",) if setting.loss.curvature_bound is not None else ()
    engine = ChainEngine(
        setting.loss, start, schedule=schedule, batch_size=1, seed=setting.seed,
        n_chains=params.get("n_chains", 100), multiplier=params.get("multiplier", "mammen"),
        companions=(*smooth, "random_scaling", "batch_means"),
    )  # fmt: skip
    yield from _by_engine(setting, engine)


def cold(setting: Setting, params: Mapping[str, Any]) -> Iterator[Outcome]:
    """Run from 0 without whitening, with so small a step c0 that the start is not forgotten.

    The pilot is there only for its curvature, from which the bias that is left is predicted.
    """
    rows = pilot_size(setting.X.shape[1])
    measured = fit_pilot(setting.X[:rows], setting.y[:rows], setting.loss, precondition=None)
    pilot = dataclasses.replace(measured, theta=np.zeros(measured.d))
    schedule = StepSchedule(params["c0"], params.get("gamma", _LITERAL_GAMMA), 0.0)
    engine = ChainEngine(
        setting.loss, pilot, schedule=schedule, batch_size=1, n_chains=100, seed=setting.seed
    )
    yield from _by_engine(setting, engine, pilot)


def refit(setting: Setting, params: Mapping[str, Any]) -> Iterator[Outcome]:
    """Fit all rows at once: robust standard errors, and those of a Laplace approximation."""
    del params
    center = setting.population.directions @ setting.fit.theta
    z = setting.normal_quantile
    yield Outcome("sandwich", center, z * setting.std_errors(setting.fit.robust))
    if setting.fit.model_based is not None:
        yield Outcome("laplace", center, z * setting.std_errors(setting.fit.model_based))


PROCEDURES = {"ours": ours, "literal": literal, "cold": cold, "refit": refit}


def outcomes(setting: Setting, name: str, run: Mapping[str, Any]) -> Iterator[Outcome]:
    """Yield what a run says; its methods are called `name`, or ``name/companion``.

    Parameters
    ----------
    setting : Setting
    name : str
    run : mapping
        "procedure", one of `PROCEDURES`, and its parameters.
    """
    params = {key: value for key, value in run.items() if key != "procedure"}
    procedure = PROCEDURES[one_of("procedure", run["procedure"], PROCEDURES)]
    for outcome in procedure(setting, params):
        method = f"{name}/{outcome.method}" if outcome.method else name
        yield dataclasses.replace(outcome, method=method)


def estimator_for(loss: Loss) -> Any:
    """Return a maker of estimators that minimise `loss`."""

    def make(**params: Any) -> Any:
        if isinstance(loss, LogLoss):
            return SGDInferenceClassifier(**params)
        if isinstance(loss, Quantile):
            return SGDInferenceRegressor(loss="quantile", quantile=loss.tau, **params)
        if isinstance(loss, Huber):
            return SGDInferenceRegressor(loss="huber", epsilon=loss.epsilon, **params)
        return SGDInferenceRegressor(**params)

    return make


def _by_engine(
    setting: Setting, engine: ChainEngine, pilot: Pilot | None = None
) -> Iterator[Outcome]:
    engine.consume(setting.X, setting.y)
    engine.finish()
    run = engine.averages()
    flags = {}
    if pilot is not None:
        bias = transient_bias(run, pilot, engine.schedule, engine.first_averaged, engine.n_steps)
        flags["bias_flag"] = float(bias.flagged)
    if not np.isfinite(run.estimate).all():
        yield _diverged(setting)
        return
    yield _by_chains(setting, run.estimate, run.chains, flags)
    for name, companion in engine.companions.items():
        try:
            # What has exploded overflows here too.
            with np.errstate(over="ignore", invalid="ignore"):
                covariance = engine.companion_covariance(name)
        except np.linalg.LinAlgError:
            covariance = np.full((len(run.estimate),) * 2, np.inf)
        scale = companion.critical_value(setting.level) / setting.normal_quantile
        yield _companion(setting, run.estimate, name, scale**2 * covariance)


def _by_chains(
    setting: Setting, center: Floats, chains: Floats, flags: Mapping[str, float]
) -> Outcome:
    C = setting.population.directions
    k, n = len(C), len(setting.y)
    names = tuple(f"c{j}" for j in range(k))
    pushed = InferenceResult(
        C @ center, chains @ C.T, names, n_seen=n, n_steps=n, confidence_level=setting.level
    )
    if pushed.nonfinite.any():
        return Outcome("", C @ center, np.full(k, np.inf), {**flags, "diverged": 1.0})
    joint = {**flags, "diverged": 0.0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        frame = pushed.conf_int()
        joint |= dict(_sets(pushed, setting.truth))
    return Outcome("", C @ center, (frame["upper"] - frame["estimate"]).to_numpy(), joint)


def _sets(result: InferenceResult, truth: Floats) -> Iterator[tuple[str, float]]:
    """Yield whether other sets hold the truth, of those that so many chains can tell."""
    sets: dict[str, Callable[[], Any]] = {
        "symmetric": lambda: _inside(result.conf_int(kind="symmetric"), truth).mean(),
        "percentile": lambda: _inside(result.conf_int(kind="percentile"), truth).mean(),
    }
    if len(truth) > 1:
        sets |= {
            "simultaneous": lambda: _inside(result.conf_int(simultaneous=True), truth).all(),
            "ellipsoid": lambda: result.confidence_ellipsoid().contains(truth),
        }
    for name, holds in sets.items():
        with contextlib.suppress(InputError):
            yield name, float(holds())


def _companion(setting: Setting, center: Floats, name: str, covariance: Floats) -> Outcome:
    C = setting.population.directions
    reach = setting.normal_quantile * setting.std_errors(covariance)
    return Outcome(name, C @ center, reach)


def _diverged(setting: Setting) -> Outcome:
    k = len(setting.truth)
    return Outcome("", np.full(k, np.nan), np.full(k, np.inf), {"diverged": 1.0})


def _inside(frame: Any, truth: Floats) -> NDArray[np.bool_]:
    return ((frame["lower"] <= truth) & (truth <= frame["upper"])).to_numpy()


def _standardising(X: Floats) -> Floats:
    """Return L with L'x the standardised row; a constant in front stays as it is."""
    mean, spread = X.mean(0), X.std(0)
    varies = spread > 0
    L = np.diag(np.where(varies, 1 / np.where(varies, spread, 1), 1.0))
    constant = np.flatnonzero(~varies)
    if constant.size:
        L[constant[0], varies] = -mean[varies] / spread[varies] / X[0, constant[0]]
    return L
