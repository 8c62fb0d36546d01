"""Cells of the study: one method fitted to one draw of one case, and scored on new runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from surefoot.ground.errors import need
from surefoot.surrogates.candidates.base import Candidate
from surefoot.surrogates.candidates.optional.smt_kriging import SmtKriging
from surefoot.surrogates.candidates.registry import by_name
from surefoot.surrogates.cases import CASES, Case, FunctionCase, Runs
from surefoot.surrogates.ensemble.mixture import Mixture
from surefoot.surrogates.ensemble.scores import score_law
from surefoot.surrogates.inputs import UnitCube
from surefoot.surrogates.members import Member
from surefoot.surrogates.regressor import SurrogateRegressor
from surefoot.surrogates.stack import Comparison, Predictor

Floats = NDArray[np.float64]

OURS, WINNER, LEAST_SQUARES = "surefoot", "winner", "least squares"
PEERS = ("sklearn-gp", "smt-kriging", "botorch-gp")
TUNED: Mapping[str, str] = {peer: f"{peer}-tuned" for peer in PEERS}
LABELS: Mapping[str, str] = {
    OURS: "Surefoot",
    WINNER: "its best member alone",
    LEAST_SQUARES: "its members, weights by least squares",
    "sklearn-gp": "scikit-learn",
    "smt-kriging": "SMT",
    "botorch-gp": "BoTorch",
    "sklearn-gp-tuned": "scikit-learn, tuned",
    "smt-kriging-tuned": "SMT, tuned",
    "botorch-gp-tuned": "BoTorch, tuned",
}
SCORES = ("nrmse", "nlpd", "crps", "coverage_95", "width_95")

# Above so many inputs a search of SMT's takes ten seconds and more: one, not ten. It is not tuned
# there, nor is BoTorch's.
_MANY_INPUTS = 9
# Above so many, a minute: not even one.
_TOO_MANY_INPUTS = 20
_MODULES = {"smt": ("smt.surrogate_models",), "botorch": ("botorch.fit", "botorch.models")}


@lru_cache(maxsize=16)
def drawn(case: Case, seed: int) -> Runs:
    """Return the runs of a case, kept for the methods that come next."""
    return case.draw(seed)


def methods_of(case: Case) -> list[str]:
    """Return which methods a case can afford: ours, peers with their defaults, peers tuned."""
    found = [OURS, "sklearn-gp", "botorch-gp"]
    few, function = case.inputs <= _MANY_INPUTS, isinstance(case, FunctionCase)
    if few or (function and case.inputs <= _TOO_MANY_INPUTS):
        found.append("smt-kriging")
    if case.inputs <= _TOO_MANY_INPUTS:
        found.append("sklearn-gp-tuned")
    if few and function:
        found += ["smt-kriging-tuned", "botorch-gp-tuned"]
    return found


@dataclass(frozen=True, eq=False)
class Peer:
    """Another library's surrogate: it sees our encoded inputs and the standardised response."""

    cube: UnitCube
    predictor: Predictor

    @classmethod
    def fit(cls, name: str, runs: Runs, seed: int) -> Peer:
        """Fit the candidate called `name`."""
        cube = UnitCube.learn(runs.X, tuple(runs.space.encoded_names), runs.space)
        Z = cube.encode(runs.X)
        fitted = Member(_candidate(name, Z.shape[1]), "identity").fit(Z, runs.y, seed=seed)
        return cls(cube, Predictor((fitted,), np.ones(1), np.ones(1)))

    def predict_law(self, X: Any) -> Mixture:
        """Return its normal law at the rows of `X`."""
        return self.predictor.law(self.cube.encode(X))

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Return mean and standard deviation, as tasks ask for them."""
        law = self.predict_law(X)
        return (law.mean(), law.std()) if return_std else law.mean()


def surrogate(method: str, runs: Runs, seed: int) -> Any:
    """Return the surrogate of a method: ours with its defaults, or a peer's."""
    if method == OURS:
        return SurrogateRegressor(space=runs.space, random_state=seed).fit(runs.X, runs.y)
    return Peer.fit(method, runs, seed)


def measure(*, seed: int, task: str, method: str) -> dict[str, float]:
    """Return the scores of a method on new runs of a case, and the CPU seconds of its fit.

    Ours also tells what it reported of itself, and by ``method|metric`` what two other ways to
    use the same fit come to: the best single member, and weights by least squares.
    """
    runs = drawn(CASES[task], seed)
    for module in _MODULES.get(method.split("-")[0], ()):
        need(module, "peers")  # imported before the clock starts
    began = time.process_time()
    model = surrogate(method, runs, seed)
    found = {"cpu_s": time.process_time() - began}
    found |= _scores(runs, model.predict_law(runs.X_new))
    if method != OURS:
        return found
    reported = model.estimate_[0]["nrmse"].estimate
    found |= {"reported_nrmse": reported, "reported / true": reported / found["nrmse"]}
    Z = UnitCube.learn(runs.X, tuple(runs.space.encoded_names), runs.space).encode(runs.X_new)
    comparison = model.comparisons_[0]
    winner = _scores(runs, _alone(comparison, _winner(comparison), Z))
    found |= {f"{WINNER}|{metric}": value for metric, value in winner.items()}
    shares = enumerate(_least_squares(comparison))
    mean = sum(share * _alone(comparison, k, Z).mean() for k, share in shares if share > 0)
    nrmse = np.sqrt(np.mean((mean - runs.y_new) ** 2)) / runs.y_new.std()
    return found | {f"{LEAST_SQUARES}|nrmse": float(nrmse)}


def _candidate(name: str, inputs: int) -> Candidate:
    if name == "smt-kriging" and inputs > _MANY_INPUTS:
        return SmtKriging(restarts=1)
    return by_name(name)


def _scores(runs: Runs, law: Mixture) -> dict[str, float]:
    scores = score_law(runs.y_new, law)
    return {name: scores[name] for name in SCORES}


def _winner(comparison: Comparison) -> int:
    """Return the member with the best out-of-fold log score."""
    return int(np.argmax(comparison.log_density.mean(axis=0)))


def _alone(comparison: Comparison, k: int, Z: Floats) -> Mixture:
    """Return the law of one member, fitted to all rows."""
    member, temperature = comparison.trials[k].full, comparison.temperatures[[k]]
    return Predictor((member,), np.ones(1), temperature).law(Z)


def _least_squares(comparison: Comparison) -> list[float]:
    """Return the shares of the members with the least out-of-fold squared error."""
    count, y = len(comparison.trials), comparison.y
    means = np.stack([comparison.member_law(k).mean() for k in range(count)], axis=1)
    errors = (means - y[:, None]) / y.std()
    # Shares sum to one: a row too heavy to be missed.
    heavy = 1e3 * np.sqrt(len(y))
    rows = np.vstack([errors, np.full(count, heavy)])
    weights, _ = nnls(rows, np.append(np.zeros(len(y)), heavy))
    shares: list[float] = (weights / weights.sum()).tolist()
    return shares
