"""Which inputs matter? Sobol' indices, and what in them is chance and what the surrogate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.ground.errors import InputError, need
from surefoot.ground.numerals import number
from surefoot.ground.streams import subseed
from surefoot.surrogates.simulation.space import Space
from surefoot.surrogates.tasks.asking import Output, Result, draws, moments, simulate

Floats = NDArray[np.float64]

_DRAWS = 32
_JOINT_ROWS = 2_048
_RESAMPLES = 100
_NORMAL = 1.959963984540054


@dataclass(frozen=True)
class SobolResult(Result):
    """Sobol' indices of one output, one number for each input in order.

    Attributes
    ----------
    output
        As asked for.
    names : tuple of str
        The inputs.
    first, total : tuple of float
        S1, the share of variance that an input explains alone, and ST, with all others.
    first_sampling, total_sampling : tuple of float
        Standard errors because the variances are means over `n` points: by bootstrap, which takes
        the evenly spread points for random ones and is on the safe side.
    first_surrogate, total_surrogate : tuple of float
        Root mean square change of the index over draws of the surrogate.
    joint : bool
        Whether those draws are whole functions; otherwise these parts are too small.
    n : int
    reference_first, reference_total : tuple of float or None
    error_first, error_total : float or None
        Largest absolute difference from the reference.
    """

    output: Output
    names: tuple[str, ...]
    first: tuple[float, ...]
    total: tuple[float, ...]
    first_sampling: tuple[float, ...]
    total_sampling: tuple[float, ...]
    first_surrogate: tuple[float, ...]
    total_surrogate: tuple[float, ...]
    joint: bool
    n: int
    reference_first: tuple[float, ...] | None = None
    reference_total: tuple[float, ...] | None = None
    error_first: float | None = None
    error_total: float | None = None

    def interval(self, which: str = "total") -> tuple[tuple[float, float], ...]:
        """Return the 95% interval of each index of `which` kind, both parts together."""
        values, sampling, surrogate = (
            np.array(getattr(self, name))
            for name in (which, f"{which}_sampling", f"{which}_surrogate")
        )
        half = _NORMAL * np.hypot(sampling, surrogate)
        return tuple(zip((values - half).tolist(), (values + half).tolist(), strict=True))

    def __str__(self) -> str:
        parts = (
            f"{n} {number(s)}/{number(t)}"
            for n, s, t in zip(self.names, self.first, self.total, strict=True)
        )
        text = f"S1/ST of {self.output}: {', '.join(parts)}"
        if self.error_first is not None and self.error_total is not None:
            text += f"; errors at most {number(self.error_first)} and {number(self.error_total)}"
        return text if self.joint else f"{text}; surrogate part from independent draws"


@dataclass(frozen=True)
class SobolIndices:
    """Estimate Sobol' indices S1 and ST of an output; inputs are uniform on their ranges.

    Parameters
    ----------
    output : str or int
    n : int
        Base points, a power of two; the surrogate is asked at n (d + 2) points.
    seed : int

    References
    ----------
    Saltelli et al., Computer Physics Communications 181 (2010) 259, through SALib. Joint draws as
    in Le Gratiet, Cannamela and Iooss, SIAM/ASA Journal on Uncertainty Quantification 2 (2014) 336.
    """

    output: Output = 0
    n: int = 4_096
    seed: int = 0

    def __post_init__(self) -> None:
        if not (isinstance(self.n, int) and self.n >= 16 and self.n & (self.n - 1) == 0):
            raise InputError("n", self.n, "a power of two, 16 or more")

    def run(self, surrogate: Any, space: Space) -> SobolResult:
        """Return the indices of the surrogate's mean."""
        plan = _Plan(space, self.n, self.seed)
        mean, _ = moments(surrogate, plan.points, self.output)
        indices = plan.indices(mean)
        first, total, joint = self._surrogate_part(surrogate, space)
        return SobolResult(
            output=self.output,
            names=tuple(space.names),
            first=tuple(indices["S1"].tolist()),
            total=tuple(indices["ST"].tolist()),
            first_sampling=tuple((indices["S1_conf"] / _NORMAL).tolist()),
            total_sampling=tuple((indices["ST_conf"] / _NORMAL).tolist()),
            first_surrogate=tuple(first.tolist()),
            total_surrogate=tuple(total.tolist()),
            joint=joint,
            n=self.n,
        )

    def score(
        self,
        surrogate: Any,
        space: Space,
        truth: Any = None,
        *,
        first: ArrayLike | None = None,
        total: ArrayLike | None = None,
    ) -> SobolResult:
        """Return the indices with their error.

        Parameters
        ----------
        surrogate : Surrogate
        space : Space
        truth : callable or object with ``evaluate``, optional
            Run at the same points; for a simulator that is cheap.
        first, total : array-like of shape (d,), optional
            Known indices, in place of `truth`.
        """
        found = self.run(surrogate, space)
        if truth is not None:
            plan = _Plan(space, self.n, self.seed)
            indices = plan.indices(simulate(truth, plan.points, self.output))
            first, total = indices["S1"], indices["ST"]
        elif first is None or total is None:
            raise InputError("reference", None, "truth, or first and total")
        first, total = np.asarray(first, dtype=float), np.asarray(total, dtype=float)
        for name, values in (("first", first), ("total", total)):
            if values.shape != (len(space),):
                raise InputError(name, values.shape, f"({len(space)},)")
        return replace(
            found,
            reference_first=tuple(first.tolist()),
            reference_total=tuple(total.tolist()),
            error_first=float(np.abs(first - found.first).max()),
            error_total=float(np.abs(total - found.total).max()),
        )

    def _surrogate_part(self, surrogate: Any, space: Space) -> tuple[Floats, Floats, bool]:
        """Return the root mean square change of S1 and ST over draws, at the same few points."""
        rows = _JOINT_ROWS // (len(space) + 2)
        plan = _Plan(space, min(self.n, 2 ** max(rows.bit_length() - 1, 4)), self.seed)
        mean, _ = moments(surrogate, plan.points, self.output)
        drawn = draws(surrogate, plan.points, _DRAWS, subseed(self.seed, "sobol"), self.output)
        centre = plan.indices(mean)
        changes = [plan.indices(values) for values in drawn.values]
        first, total = (
            np.sqrt(np.mean([(one[kind] - centre[kind]) ** 2 for one in changes], axis=0))
            for kind in ("S1", "ST")
        )
        return first, total, drawn.joint


class _Plan:
    """Saltelli's points in a space, and the estimates from the responses there."""

    def __init__(self, space: Space, n: int, seed: int) -> None:
        self.d = len(space)
        bounds = [[0.0, 1.0]] * self.d
        self.problem = {"num_vars": self.d, "names": space.names, "bounds": bounds}
        self.seed = subseed(seed, "saltelli")
        U = need("SALib.sample.sobol", "surrogates").sample(
            self.problem, n, calc_second_order=False, seed=self.seed
        )
        self.points = space.from_unit(U)

    def indices(self, values: Floats) -> dict[str, Floats]:
        """Return S1, S1_conf, ST and ST_conf, the latter half the width of 95% intervals."""
        if not np.ptp(values):  # no variance to share
            return dict.fromkeys(("S1", "S1_conf", "ST", "ST_conf"), np.zeros(self.d))
        found = need("SALib.analyze.sobol", "surrogates").analyze(
            self.problem,
            values,
            calc_second_order=False,
            num_resamples=_RESAMPLES,
            seed=self.seed,
        )
        return dict(found)
