"""Which inputs could have led to what was observed? And how far is that the surrogate's doing?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from scipy.stats import wasserstein_distance

from surefoot.ground.errors import InputError
from surefoot.ground.notices import warn
from surefoot.ground.numerals import number
from surefoot.ground.streams import stream
from surefoot.surrogates.simulation.space import Space
from surefoot.surrogates.tasks import particles, psis
from surefoot.surrogates.tasks.asking import Output, Result, simulate
from surefoot.surrogates.tasks.inverse import Cloud, InverseProblem, grid, total_variation

Floats = NDArray[np.float64]

DISAGREEMENT = 0.1
"""Total variation between the two posteriors above which a warning is given."""

_FEWEST_CELLS = 5


class PosteriorWarning(UserWarning):
    """A posterior that says more of the surrogate than of the simulator."""


@dataclass(frozen=True)
class PosteriorResult(Result):
    """A posterior by surrogate, in two variants.

    *Plug-in* takes the surrogate's mean for the simulator. *Widened* adds the surrogate's variance
    to that of the noise, each output's on its own; where the surrogate knows little this may draw
    the posterior to what it does not know.

    Attributes
    ----------
    names : tuple of str
        The inputs sought.
    method : {"grid", "particles"}
    mean, sd : tuple of float
        Of the plug-in posterior, in the inputs' own units.
    widened_mean, widened_sd : tuple of float
    disagreement : float
        Total variation between the two variants.
    tv, widened_tv : float or None
        Total variation from the true posterior, on the grid.
    w1, widened_w1 : tuple of float or None
        Wasserstein distance of each marginal from the true one, in shares of the range.
    runs : int or None
        Runs of the simulator at points of the plug-in posterior; what follows rests on them.
    k_hat : float or None
        Whether the plug-in posterior can stand in for the true one: above 0.7 it can't.
    ess : float or None
        How many draws of the true posterior those runs are worth.
    corrected_mean, corrected_sd : tuple of float or None
        Of the true posterior, from the weighted runs.
    """

    names: tuple[str, ...]
    method: str
    mean: tuple[float, ...]
    sd: tuple[float, ...]
    widened_mean: tuple[float, ...]
    widened_sd: tuple[float, ...]
    disagreement: float
    tv: float | None = None
    widened_tv: float | None = None
    w1: tuple[float, ...] | None = None
    widened_w1: tuple[float, ...] | None = None
    runs: int | None = None
    k_hat: float | None = None
    ess: float | None = None
    corrected_mean: tuple[float, ...] | None = None
    corrected_sd: tuple[float, ...] | None = None

    def __str__(self) -> str:
        parts = (
            f"{name} {number(mean)} ± {number(sd)}"
            for name, mean, sd in zip(self.names, self.mean, self.sd, strict=True)
        )
        text = f"posterior: {', '.join(parts)}; variants differ by {number(self.disagreement)}"
        if self.tv is not None:
            text += f"; TV to the truth {number(self.tv)}, widened {number(self.widened_tv)}"
        if self.runs is not None:
            text += f"; k̂ {number(self.k_hat)}, ESS {number(self.ess)} of {self.runs} runs"
        return text


@dataclass(frozen=True)
class Posterior:
    """Infer inputs from an observed output with independent normal noise.

    The prior is uniform on the ranges of the space, on their own scale. One or two inputs are
    sought on a grid of 1,296 cells, more by tempered particles.

    Parameters
    ----------
    observed : float or sequence of float
        One output, or the outputs of a curve.
    noise_sd : float or sequence of float
        Standard deviation of the observation, one or one for each of its values.
    fixed : mapping of str to value
        Inputs that are known.
    output : str or int, optional
        The output observed; without it all together.
    seed : int
    """

    observed: float | tuple[float, ...]
    noise_sd: float | tuple[float, ...]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    output: Output | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("observed", "noise_sd"):
            values = np.asarray(getattr(self, name), dtype=float)
            if values.ndim > 1 or not values.size or not np.isfinite(values).all():
                raise InputError(name, getattr(self, name), "a finite number, or a list of them")
            plain = float(values) if values.ndim == 0 else tuple(values.tolist())
            object.__setattr__(self, name, plain)
        if np.min(self.noise_sd) <= 0:
            raise InputError("noise_sd", self.noise_sd, "above 0")
        if np.size(self.noise_sd) not in (1, np.size(self.observed)):
            found = f"{np.size(self.noise_sd)} values"
            raise InputError("noise_sd", found, f"one, or one for each of {np.size(self.observed)}")

    def run(self, surrogate: Any, space: Space) -> PosteriorResult:
        """Return the surrogate's posterior in both variants.

        Warns
        -----
        PosteriorWarning
            If they differ by a total variation of more than 0.1, or the grid is too coarse.
        """
        return self._infer(surrogate, space)[0]

    def score(
        self, surrogate: Any, space: Space, truth: Any, *, runs: int | None = 50
    ) -> PosteriorResult:
        """Return the posterior and how far the simulator bears it out.

        Parameters
        ----------
        surrogate : Surrogate
        space : Space
        truth : callable or object with ``evaluate``
            See `asking.simulate`.
        runs : int or None
            How often the simulator is run, at draws of the plug-in posterior; 25 or more. With
            None it is run on the whole grid, for the exact distance: for one that is cheap.
        """
        found, problem, plug_in = self._infer(surrogate, space)
        if runs is None:
            return self._exact(found, problem, truth)
        if runs < psis.FEWEST:
            raise InputError("runs", runs, f"{psis.FEWEST} or more, or None for the whole grid")
        chosen = stream(self.seed, "checked").choice(len(plug_in.U), runs, p=plug_in.weights)
        U = plug_in.U[chosen]
        mean, _ = problem.surrogate_moments(U)
        true = problem.log_likelihood(simulate(truth, problem.frame(U), self.output))
        weights = psis.smoothed(true - problem.log_likelihood(mean))
        corrected = Cloud(U, weights.weights).summary(problem)
        return replace(
            found,
            runs=runs,
            k_hat=weights.k_hat,
            ess=weights.ess,
            corrected_mean=corrected[0],
            corrected_sd=corrected[1],
        )

    def _infer(self, surrogate: Any, space: Space) -> tuple[PosteriorResult, InverseProblem, Cloud]:
        problem = InverseProblem(
            surrogate, space, self.observed, self.noise_sd, self.fixed, self.output
        )
        on_grid = len(problem.names) <= 2
        if on_grid:
            U = grid(len(problem.names))
            mean, sd = problem.surrogate_moments(U)
            plug_in = Cloud(U, softmax(problem.log_likelihood(mean)))
            widened = Cloud(U, softmax(problem.log_likelihood(mean, sd)))
            disagreement = total_variation(plug_in.weights, widened.weights)
            if plug_in.cells < _FEWEST_CELLS:
                warn(
                    f"the posterior lies in {plug_in.cells:.1f} of {len(U)} cells of the grid, too "
                    "few to tell its shape; narrow the space around it",
                    PosteriorWarning,
                )
        else:
            plug_in, widened, disagreement = self._by_particles(problem)
        if disagreement > DISAGREEMENT:
            warn(
                f"plug-in and widened posterior differ by {disagreement:.2f} in total variation: "
                "the surrogate's error is as large as the noise where it matters; add runs there",
                PosteriorWarning,
            )
        mean_sd, widened_mean_sd = plug_in.summary(problem), widened.summary(problem)
        method = "grid" if on_grid else "particles"
        result = PosteriorResult(problem.names, method, *mean_sd, *widened_mean_sd, disagreement)
        return result, problem, plug_in

    def _by_particles(self, problem: InverseProblem) -> tuple[Cloud, Cloud, float]:
        d = len(problem.names)

        def widened_log(U: Floats) -> Floats:
            return problem.log_likelihood(*problem.surrogate_moments(U))

        def plug_in_log(U: Floats) -> Floats:
            return problem.log_likelihood(problem.surrogate_moments(U)[0])

        plug_in = particles.draw(plug_in_log, d, self.seed)
        widened = particles.draw(widened_log, d, self.seed)
        # The wider law's draws, weighted to be the narrower one's.
        ratios = softmax(plug_in_log(widened) - widened_log(widened))
        even = np.full(len(ratios), 1 / len(ratios))
        return Cloud(plug_in, even), Cloud(widened, even), total_variation(ratios, even)

    def _exact(
        self, found: PosteriorResult, problem: InverseProblem, truth: Any
    ) -> PosteriorResult:
        if found.method != "grid":
            raise InputError(
                "runs", None, "a number: more than two inputs are sought, off the grid"
            )
        U = grid(len(problem.names))
        mean, sd = problem.surrogate_moments(U)
        true = softmax(problem.log_likelihood(simulate(truth, problem.frame(U), self.output)))
        variants = [
            softmax(problem.log_likelihood(mean)),
            softmax(problem.log_likelihood(mean, sd)),
        ]
        tv, widened_tv = (total_variation(true, one) for one in variants)
        w1, widened_w1 = (
            tuple(float(wasserstein_distance(u, u, true, one)) for u in U.T) for one in variants
        )
        return replace(found, tv=tv, widened_tv=widened_tv, w1=w1, widened_w1=widened_w1)
