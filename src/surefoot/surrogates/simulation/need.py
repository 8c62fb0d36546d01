"""Is a surrogate warranted? What a run costs, when building one pays, and whether it can work.

A surrogate pays where n·c_sim + c_fit + N·c_pred ≪ N·c_sim: n runs to learn from and N that the
task needs, at the costs of a run, of fitting and of a prediction.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from surefoot.ground.errors import InputError
from surefoot.surrogates.simulation.design import Design
from surefoot.surrogates.simulation.screens import gamma_share, learnable_share, replicate_share

if TYPE_CHECKING:
    import pandas as pd

    from surefoot.surrogates.simulation.study import Study

Verdict = Literal["warranted", "not warranted", "undecided"]

# What else might make a slow simulator fast enough.
ALTERNATIVES = (
    "profiling and vectorising the code",
    "just-in-time compilation",
    "parallel runs",
    "a coarser or reduced-order model",
    "an existing surrogate",
)
_RUNS_PER_INPUT = 10  # Loeppky, Sacks & Welch, Technometrics 2009
_FIT_S, _PREDICT_S = 10.0, 5e-5  # upper limits of this room's own comparison and prediction
_FAR_LESS = 10.0  # ≪
_LEARNABLE, _HOPELESS, _NOISY = 0.5, 0.1, 0.5
_ENOUGH_RUNS = 5  # for each input, before a response is called rough


@dataclass(frozen=True)
class Need:
    """The grounds on which a surrogate is warranted or not.

    Attributes
    ----------
    run_s, run_p95_s : float or None
        Median and 95th percentile of the wall-clock time of a run, in seconds; measured. The median
        stands for the cost of a run: a slow first one, say, does not count.
    measured_runs, inputs : int
        How many runs these rest on, and how many inputs there are.
    task_runs : float
        Runs that the task needs; declared.
    training_runs : int
        Runs to learn from.
    fit_s, predict_s : float
        Cost of building the surrogate and of one prediction, in seconds.
    learnable, noise : mapping of output to float or None
        See `screens`; the noise is that of replicates where there are any.
    alternatives : mapping of str to str or None
        What was found where they were weighed; None where they were not.
    """

    run_s: float | None
    run_p95_s: float | None
    measured_runs: int
    inputs: int
    task_runs: float
    training_runs: int
    fit_s: float
    predict_s: float
    learnable: Mapping[str, float | None]
    noise: Mapping[str, float | None]
    alternatives: Mapping[str, str | None]

    @property
    def break_even_runs(self) -> float | None:
        """From how many runs on the surrogate costs less than the simulator; infinite if never."""
        if self.run_s is None:
            return None
        saved = self.run_s - self.predict_s
        return self._built_s(self.run_s) / saved if saved > 0 else math.inf

    @property
    def gain(self) -> float | None:
        """Time of the task with the simulator over that with a surrogate built for it."""
        if self.run_s is None:
            return None
        with_surrogate = self._built_s(self.run_s) + self.task_runs * self.predict_s
        return self.task_runs * self.run_s / with_surrogate

    @property
    def verdict(self) -> Verdict:
        """``"warranted"``, ``"not warranted"`` or ``"undecided"``.

        Not warranted if the simulator does the task in less time, or if simple models find nothing
        to learn in a good number of runs without noise. Warranted if it is at least ten times
        faster with a surrogate, and every output is smooth enough to start with.
        """
        if self.gain is None:
            return "undecided"
        if self.gain <= 1 or (self._hopeless and not self._few and not self._noisy):
            return "not warranted"
        return "undecided" if self._rough or self._noisy or self.gain < _FAR_LESS else "warranted"

    @property
    def reasons(self) -> list[str]:
        """The grounds of the verdict, in sentences."""
        if self.gain is None or self.break_even_runs is None:
            return ["no run has been timed, so what the simulator costs is not known"]
        runs = f"{self.task_runs:g} are needed"
        if math.isinf(self.break_even_runs):
            found = ["it never pays: a prediction takes longer than a run of the simulator"]
        else:
            pays = f"it pays from {self.break_even_runs:.3g} runs on, and {runs}"
            found = [f"{pays}: {self.gain:.3g} times faster than the simulator alone"]
        found += [
            f"{name}: simple models predict {max(self.learnable[name] or 0.0, 0.0):.0%} of its "
            f"variance from {self.measured_runs} runs{', which are few' if self._few else ''}"
            for name in self._rough
        ]
        found += [
            f"{name}: {self.noise[name]:.0%} of its variance is noise" for name in self._noisy
        ]
        return found

    def __str__(self) -> str:
        missing = [name for name, found in self.alternatives.items() if found is None]
        lines = [f"a surrogate is {self.verdict}", *self.reasons]
        if missing:
            lines.append(f"not weighed: {', '.join(missing)}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return fields and conclusions in JSON's types."""
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        names = ("break_even_runs", "gain", "verdict", "reasons")
        return known | {name: getattr(self, name) for name in names}

    def _built_s(self, run_s: float) -> float:
        return self.training_runs * run_s + self.fit_s

    @property
    def _rough(self) -> list[str]:
        return _beyond(self.learnable, lambda share: share < _LEARNABLE)

    @property
    def _hopeless(self) -> list[str]:
        return _beyond(self.learnable, lambda share: share < _HOPELESS)

    @property
    def _noisy(self) -> list[str]:
        return _beyond(self.noise, lambda share: share > _NOISY)

    @property
    def _few(self) -> bool:
        return self.measured_runs < _ENOUGH_RUNS * self.inputs


def assess(
    study: Study,
    task_runs: float = 1e5,
    *,
    training_runs: int | None = None,
    fit_s: float = _FIT_S,
    predict_s: float = _PREDICT_S,
    alternatives: Mapping[str, str] | None = None,
    pilot: int | None = None,
    executor: str | Executor = "local",
    progress: bool = True,
) -> Need:
    """Weigh the need for a surrogate on measured runs.

    Parameters
    ----------
    study : Study
        If fewer runs than `pilot` have succeeded, a pilot design is run first; its runs are kept
        and serve the surrogate later.
    task_runs : float
        How many runs the task needs (N).
    training_runs : int, optional
        Runs to learn from (n); 10 for each input by default.
    fit_s, predict_s : float
        Costs of the surrogate in seconds (c_fit and c_pred); the defaults are upper limits, to be
        replaced by measurements once there is one.
    alternatives : mapping of str to str, optional
        What was found for those of `ALTERNATIVES` that were weighed, or others.
    pilot : int, optional
        3 for each input by default, 8 or more.
    executor, progress
        See `Study.run`.
    """
    for name, value in {"task_runs": task_runs, "fit_s": fit_s, "predict_s": predict_s}.items():
        if not 0 < value < math.inf:
            raise InputError(name, value, "a number above 0")
    space, outputs = study.simulator.space, study.simulator.outputs
    table = _measured(study, pilot or max(8, 3 * len(space)), executor, progress)
    times = table["wall_s"].dropna()
    Z = space.encode(table[space.names])
    responses = {name: table[name].map(_mean).to_numpy(float) for name in outputs}
    return Need(
        run_s=float(times.median()) if len(times) else None,
        run_p95_s=float(times.quantile(0.95)) if len(times) else None,
        measured_runs=len(table),
        inputs=len(space),
        task_runs=task_runs,
        training_runs=training_runs or _RUNS_PER_INPUT * len(space),
        fit_s=fit_s,
        predict_s=predict_s,
        learnable={name: learnable_share(Z, y) for name, y in responses.items()},
        noise={name: _noise(Z, y) for name, y in responses.items()},
        alternatives=dict.fromkeys(ALTERNATIVES) | dict(alternatives or {}),
    )


def _measured(study: Study, pilot: int, executor: str | Executor, progress: bool) -> pd.DataFrame:
    table = study.runs()
    if study.simulator.table is None and (table["status"] == "ok").sum() < pilot:
        reason = "pilot runs: what one costs, and whether the response can be learned"
        study.run(Design("lhs-maximin", pilot, reason=reason), executor, progress=progress)
        table = study.runs()
    return table[table["status"] == "ok"]


def _mean(value: Any) -> float:
    """Return a number as it is, and of a field the mean: one number a run."""
    return float(value.mean()) if hasattr(value, "mean") else float(value)


def _noise(Z: Any, y: Any) -> float | None:
    of_replicates = replicate_share(Z, y)
    return gamma_share(Z, y) if of_replicates is None else of_replicates


def _beyond(shares: Mapping[str, float | None], test: Any) -> list[str]:
    return [name for name, share in shares.items() if share is not None and test(share)]
