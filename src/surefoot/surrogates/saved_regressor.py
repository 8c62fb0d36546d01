"""Fitted regressors as files, and back: predictions go on bit for bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.saved import Arrays, PathName, group, grouped, read, write
from surefoot.surrogates.candidates.registry import by_name
from surefoot.surrogates.domain import Domain
from surefoot.surrogates.ensemble.warps import restore_warp
from surefoot.surrogates.inputs import UnitCube
from surefoot.surrogates.members import FittedMember, Member
from surefoot.surrogates.outputs import Directions, ReachedOutputs, SeparateOutputs
from surefoot.surrogates.stack import Predictor

if TYPE_CHECKING:
    from surefoot.surrogates.regressor import SurrogateRegressor

Model = TypeVar("Model", bound="SurrogateRegressor")

_LEARNED = ("n_features_in_", "remarks_", "_seed", "_single", "_fixed", "output_names_")


def save(model: SurrogateRegressor, path: PathName) -> None:
    """Write `model`; see `SurrogateRegressor.save`."""
    arrays: Arrays = {}
    predictors = []
    for p, predictor in enumerate(model._model.predictors):
        members, parts = _predictor(predictor)
        predictors.append(members)
        arrays |= grouped(f"predictor{p}", parts)
    cube, parts = model._cube.state()
    arrays |= grouped("cube", parts)
    arrays |= {"domain.rows": model.domain_.rows, "domain.failed": model.domain_.failed}
    settings: dict[str, Any] = {
        "learned": {name: getattr(model, name) for name in _LEARNED},
        "names": [str(name) for name in getattr(model, "feature_names_in_", [])],
        "cube": cube,
        "domain": {"radius": model.domain_.radius, "declared": model.domain_.declared},
        "predictors": predictors,
    }
    if isinstance(model._model, ReachedOutputs):
        arrays |= grouped("directions", vars(model._model.directions))
        arrays["temperatures"] = model._model.temperatures
    write(path, type(model).__name__, settings, arrays)


def load(kind: type[Model], path: PathName) -> Model:
    """Return the model that was written; see `SurrogateRegressor.load`."""
    with read(path, kind.__name__) as (settings, arrays):
        cube = UnitCube.restore(settings["cube"], group(arrays, "cube"))
        model = kind(space=cube.space)
        for name, value in settings["learned"].items():
            setattr(model, name, value)
        if settings["names"]:
            model.feature_names_in_ = np.array(settings["names"], dtype=object)
        model._cube, model._space = cube, cube.space
        rows = group(arrays, "domain")
        model.domain_ = Domain(rows["rows"], failed=rows["failed"], **settings["domain"])
        model.comparisons_ = []
        predictors = tuple(
            _restored(each, group(arrays, f"predictor{p}"))
            for p, each in enumerate(settings["predictors"])
        )
        if directions := group(arrays, "directions"):
            model._model = ReachedOutputs(
                predictors, Directions(**directions), arrays["temperatures"]
            )
        else:
            model._model = SeparateOutputs(predictors)
    return model


def _predictor(predictor: Predictor) -> tuple[list[dict[str, Any]], Arrays]:
    arrays: Arrays = {"weights": predictor.weights, "temperatures": predictor.temperatures}
    members = []
    for k, fitted in enumerate(predictor.members):
        by_name(fitted.member.candidate.name)  # who can't be named can't be restored
        state = fitted.model.state()
        own = {name: v for name, v in state.items() if isinstance(v, np.ndarray)}
        members.append(
            {
                "candidate": fitted.member.candidate.name,
                "warp": fitted.warp.state(),
                "state": {name: v for name, v in state.items() if name not in own},
            }
        )
        arrays |= grouped(f"member{k}", own)
    return members, arrays


def _restored(settings: list[dict[str, Any]], arrays: dict[str, NDArray[Any]]) -> Predictor:
    members = []
    for k, each in enumerate(settings):
        state = each["state"] | group(arrays, f"member{k}")
        candidate = by_name(each["candidate"])
        member = Member(candidate, each["warp"]["name"])
        fitted = FittedMember(member, restore_warp(each["warp"]), candidate.restore(state))
        members.append(fitted)
    return Predictor(tuple(members), arrays["weights"], arrays["temperatures"])
