"""What a comparison came to, to be printed, written and shown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surefoot.surrogates.outputs import ReachedOutputs

if TYPE_CHECKING:
    import pandas as pd

    from surefoot.ground.intervals import Interval
    from surefoot.surrogates.regressor import SurrogateRegressor
    from surefoot.surrogates.simulation.cost_curve import CostCurve

_HEAD = 6
_MOST_OUTPUTS = 5
_SHOWN = ["nrmse", "nlpd", "crps", "coverage_95", "weight"]


@dataclass(frozen=True, eq=False)
class Compared:
    """A fitted surrogate and how it did.

    Attributes
    ----------
    model : SurrogateRegressor
    tasks : tuple
        Results of the project's tasks.
    curves : tuple of CostCurve
        Of each output.
    remarks : tuple of str
        What makes it doubtful.
    folder : Path
        With ``model.npz``, ``leaderboard.csv`` and ``compare.html``.
    """

    model: SurrogateRegressor
    tasks: tuple[Any, ...]
    curves: tuple[CostCurve, ...]
    remarks: tuple[str, ...]
    folder: Path

    @property
    def corrected(self) -> bool:
        """Whether `errors` pay for the choice of the weights.

        Not if outputs were fitted by their principal coordinates: no weights were chosen for them.
        """
        return not isinstance(self.model._model, ReachedOutputs)

    @cached_property
    def errors(self) -> dict[str, Interval]:
        """The out-of-fold NRMSE of each output with its 95 % interval."""
        if self.corrected:
            found = [each["nrmse"] for each in self.model.estimate_]
        else:
            found = [scores.interval("nrmse") for scores in self.model.scores_]
        return dict(zip(self.model.output_names_, found, strict=True))

    @property
    def shown(self) -> list[str]:
        """The outputs in order; of many, those that are predicted worst."""
        errors = self.errors
        worst = sorted(errors, key=lambda name: -errors[name].estimate)[:_MOST_OUTPUTS]
        return [name for name in errors if name in worst]

    @cached_property
    def boards(self) -> dict[str, pd.DataFrame]:
        """The leaderboard of each output, or of each principal coordinate."""
        board, names = self.model.leaderboard_, self.model._response_names()
        return {names[0]: board} if len(names) == 1 else {name: board.loc[name] for name in names}

    def to_dict(self) -> dict[str, Any]:
        """Return errors, leaderboards, weights, tasks, curves and remarks in JSON's types."""
        return {
            "runs": len(self.model.fold_),
            "corrected": self.corrected,
            "nrmse": {
                name: {"estimate": error.estimate, "low": error.low, "high": error.high}
                for name, error in self.errors.items()
            },
            "leaderboard": {
                name: board.reset_index().to_dict("records") for name, board in self.boards.items()
            },
            "weights": dict(zip(self.boards, self.model.weights_, strict=True)),
            "tasks": [{"task": task_name(one), **one.to_dict()} for one in self.tasks],
            "cost_curve": [curve.to_dict() for curve in self.curves],
            "remarks": list(self.remarks),
            "folder": str(self.folder),
        }

    def __str__(self) -> str:
        kind = "corrected NRMSE" if self.corrected else "NRMSE"
        errors, names = self.errors, self.shown
        lines = [
            f"{name}: {kind} {errors[name].estimate:.3g} "
            f"[{errors[name].low:.3g}, {errors[name].high:.3g}]"
            for name in names
        ]
        if len(names) < len(errors):
            lines.append(f"these are the worst of {len(errors)} outputs")
        for (name, board), weights in zip(self.boards.items(), self.model.weights_, strict=True):
            head = board[_SHOWN].head(_HEAD).rename_axis(None)
            mixed = sorted(weights.items(), key=lambda member: -member[1])
            shares = ", ".join(f"{share:.1%} {member}" for member, share in mixed)
            table = head.to_string(float_format="{:.4g}".format, na_rep="")
            lines += ["", f"{name}, out of fold", table, f"mixture: {shares}"]
        curves = [str(curve) for curve in self.curves if curve.output in names]
        return "\n".join([*lines, "", *map(str, self.tasks), *curves])


def task_name(result: Any) -> str:
    """Return what the task of a result is called."""
    return type(result).__name__.removesuffix("Result")
