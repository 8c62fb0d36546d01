"""What a card says of the surrogate, measured on a fit to the runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from surefoot.ground.errors import InputError
from surefoot.ground.intervals import Interval
from surefoot.surrogates.candidates.registry import baselines
from surefoot.surrogates.ensemble.scores import Scores
from surefoot.surrogates.leaderboard import as_good_as_best, corrected, scores_of
from surefoot.surrogates.outputs import ReachedOutputs

if TYPE_CHECKING:
    from surefoot.surrogates.regressor import SurrogateRegressor
    from surefoot.surrogates.stack import Comparison

Row = dict[str, Any]

_MEANS = ("nrmse", "rmse", "r2", "mae", "mae_top_decile", "mae_bottom_decile",
          "nlpd", "crps", "interval_score_95")  # fmt: skip
_OTHERS = ("max_error", "p95_error", "pit_ks")
_LEVELS = (50, 80, 90, 95, 99)
_BINS = 10
_MOST_PAIRS = 200
_SETTINGS = ("candidates", "cv", "warps", "noise", "linear_constraints", "field")
_UNCERTAINTY = (
    "a mixture of predictive distributions, each calibrated on rows that it was not fitted to"
)


def fit_evidence(model: SurrogateRegressor) -> dict[str, Any]:
    """Return the fields that follow from a fit, by path.

    Parameters
    ----------
    model : SurrogateRegressor
        Fitted, not loaded: folds are not in its file.
    """
    if not model.comparisons_:
        raise InputError("surrogate", "one that was loaded", "one that was fitted: its folds count")
    compared = list(zip(model._response_names(), model.comparisons_, strict=True))
    found = {
        "model.probabilistic": True,
        "model.uncertainty": _UNCERTAINTY,
        "model.members": [row for named in compared for row in _members(*named)],
        "learning.family": "automated search",
        "learning.details": _details(model),
        "learning.settings": _settings(model),
        "learning.candidates": [row for named in compared for row in _candidates(*named)],
        "learning.seeds": [model._seed],
        "learning.remarks": model.remarks_,
        "evaluation.protocol": {
            "rows": len(model.fold_),
            "folds": int(model.fold_.max()) + 1,
            "refitted_in_each_fold": "warp, scaling, basis and hyperparameters",
            "replicates": "never split between folds",
        },
        "evaluation.selected_on": "out of fold",
        "evaluation.baselines": [row for named in compared for row in _baselines(*named)],
        "downstream.domain": model.domain_.describe(),
    }
    return found | _scores(model)


def _scores(model: SurrogateRegressor) -> dict[str, Any]:
    scored = list(zip(model.output_names_, model.scores_, strict=True))
    found: dict[str, Any] = {
        "evaluation.scores": [row for named in scored for row in _score_rows(*named)],
        "evaluation.coverage": [row for named in scored for row in _coverage(*named)],
        "evaluation.pit": [row for named in scored for row in _pit(*named)],
    }
    if not isinstance(model._model, ReachedOutputs):
        compared = list(zip(model.output_names_, model.comparisons_, strict=True))
        found["evaluation.parity"] = [row for named in compared for row in _parity(*named)]
        found["evaluation.corrected"] = [
            _interval({"output": output, "metric": metric}, interval)
            for output, comparison in compared
            for metric, interval in corrected(comparison, model._seed).items()
        ]
    return found


def _score_rows(output: str, scores: Scores) -> Iterator[Row]:
    summary = scores.summary()
    for metric in _MEANS:
        yield _interval({"output": output, "metric": metric}, scores.interval(metric))
    for metric in _OTHERS:
        yield {"output": output, "metric": metric, "estimate": summary[metric]}


def _coverage(output: str, scores: Scores) -> Iterator[Row]:
    for level in _LEVELS:
        row = {"output": output, "level": level / 100}
        row = _interval(row, scores.interval(f"coverage_{level}"))
        yield row | {"mean_width_in_sd": scores[f"width_{level}"]}


def _pit(output: str, scores: Scores) -> Iterator[Row]:
    counts, edges = np.histogram(scores.pit, _BINS, (0.0, 1.0))
    for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True):
        yield {"output": output, "low": round(low, 6), "high": round(high, 6), "runs": int(count)}


def _parity(output: str, comparison: Comparison) -> Iterator[Row]:
    step = -(-len(comparison.y) // _MOST_PAIRS)
    predicted = comparison.law.mean()
    for observed, mean in zip(comparison.y[::step], predicted[::step], strict=True):
        yield {"output": output, "observed": float(observed), "predicted": float(mean)}


def _members(output: str, comparison: Comparison) -> Iterator[Row]:
    for k, trial in enumerate(comparison.trials):
        if comparison.weights[k] > 0:
            yield {
                "output": output,
                "name": trial.full.member.name,
                "weight": float(comparison.weights[k]),
                "temperature": float(comparison.temperatures[k]),
                "learned": trial.full.model.describe(),
            }


def _candidates(output: str, comparison: Comparison) -> Iterator[Row]:
    good = as_good_as_best(comparison)
    for k, trial in enumerate(comparison.trials):
        scores = scores_of(comparison, k)
        yield {
            "output": output,
            "name": trial.full.member.name,
            "settings": repr(trial.full.member.candidate),
            "nrmse": scores["nrmse"],
            "nlpd": scores["nlpd"],
            "as_good_as_best": good[k],
        }
    for name, reason in comparison.left_out.items():
        yield {"output": output, "name": name, "left_out": reason}


def _baselines(output: str, comparison: Comparison) -> Iterator[Row]:
    naive = {candidate.name for candidate in baselines()}
    for k, name in enumerate(comparison.names):
        if name in naive:
            scores = scores_of(comparison, k)
            for metric in ("nrmse", "crps"):
                row = {"output": output, "baseline": name, "metric": metric}
                yield row | {"estimate": scores[metric]}


def _details(model: SurrogateRegressor) -> dict[str, Any]:
    members = sum(len(each.trials) + len(each.left_out) for each in model.comparisons_)
    folds = int(model.fold_.max()) + 1
    return {
        "search_space": list(dict.fromkeys(n for c in model.comparisons_ for n in c.names)),
        "budget": f"{members} members, each fitted to all rows and in {folds} folds",
        "selection_metric": "log score of the mixture, out of fold",
    }


def _settings(model: SurrogateRegressor) -> dict[str, Any]:
    """Return the parameters in JSON's types; what is no text or number by its repr."""
    settings = {name: getattr(model, name) for name in _SETTINGS}
    for name in ("candidates", "warps"):
        if not isinstance(settings[name], str):
            settings[name] = [v if isinstance(v, str) else repr(v) for v in settings[name]]
    space = "range of the rows" if model.space is None else "declared"
    return settings | {"space": space, "outputs": list(model.output_names_)}


def _interval(row: Mapping[str, Any], interval: Interval) -> Row:
    ends = {"estimate": interval.estimate, "low": interval.low, "high": interval.high}
    return {**row, **ends}
