"""How sure a number is: intervals for worst groups, means, paired differences, any statistic.

Each function here describes one number and returns one `Interval`. The bounds on proportions,
which may be arrays, are those of `surefoot.ground.proportions`.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.proportions import binomial_band, clopper_pearson, wilson, wilson_bound
from surefoot.ground.samples import counts, sample, tail_of
from surefoot.ground.streams import Name, stream

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

__all__ = [
    "Interval",
    "binomial_band",
    "bootstrap",
    "clopper_pearson",
    "corrected_resampled_t",
    "mean_interval",
    "paired_difference",
    "wilson",
    "wilson_bound",
    "worst_of_proportions",
]

_RESAMPLES = 9999
# Resampled values held at once: 10 million doubles are 80 MB.
_BATCH_VALUES = 10_000_000


@dataclass(frozen=True)
class Interval:
    """An estimate and the interval around it.

    Parameters
    ----------
    estimate : float
        The number itself.
    low, high : float
        The bounds; NaN where the data allow an estimate but no interval (one observation).
    confidence_level : float
        Share of repetitions in which such an interval holds the truth.
    method : str
        How the bounds were made.
    n : int
        Number of observations behind the estimate.

    Examples
    --------
    >>> print(Interval(0.8123, 0.7609, 0.8641, 0.95, "t", 12))
    0.81 [0.76, 0.86]
    """

    estimate: float
    low: float
    high: float
    confidence_level: float
    method: str
    n: int

    def __str__(self) -> str:
        width = self.high - self.low
        if not width > 0:  # NaN or a single point: no width to choose the digits by
            return f"{self.estimate:.4g} [{self.low:.4g}, {self.high:.4g}]"
        # Two digits of the width are all that the interval can tell.
        digits = f"z.{max(0, 1 - int(f'{width:.1e}'.partition('e')[2]))}f"
        return f"{self.estimate:{digits}} [{self.low:{digits}}, {self.high:{digits}}]"


def worst_of_proportions(
    successes: ArrayLike, trials: ArrayLike, confidence_level: float = 0.95
) -> Interval:
    r"""Return a valid interval for the lowest of several true proportions, :math:`\min_g p_g`.

    The usual interval of the group that *looks* worst forgets that it was chosen: among many
    groups one looks bad by chance, and its interval lies too low. This one holds for any number
    of groups and any mixture of sizes.

    Parameters
    ----------
    successes, trials : array_like of int, shape (groups,)
        Counts per group; every group needs a trial.
    confidence_level : float
        In (0, 1).

    Returns
    -------
    Interval
        Its estimate is the lowest observed proportion, its `n` the sum of `trials`.

    Notes
    -----
    With :math:`\alpha` = 1 − `confidence_level`, G groups and one-sided Wilson bounds,

    .. math:: \left[\min_g L_g(\alpha/2),\; \min_g U_g(\alpha/2G)\right].

    The lower end fails only if the bound of the truly worst group fails, so it needs no union
    bound. The upper end fails if the bound of *any* group falls below the minimum, so it does.
    """
    import numpy as np

    k, n = counts(successes, trials)
    if k.ndim != 1:
        raise InputError("successes and trials", f"{k.ndim} dimensions", "one count per group")
    low, high = _worst_bounds(k, n, tail_of(confidence_level))
    method = f"Wilson bounds of {k.size} groups"
    return Interval(
        float(np.min(k / n)), float(low), float(high), confidence_level, method, int(n.sum())
    )


def _worst_bounds(k: np.ndarray, n: np.ndarray, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds of `worst_of_proportions` for counts of shape (..., groups)."""
    lower = wilson_bound(k, n, alpha / 2, side="lower")
    upper = wilson_bound(k, n, alpha / (2 * k.shape[-1]), side="upper")
    return lower.min(axis=-1), upper.min(axis=-1)


def mean_interval(
    values: ArrayLike,
    confidence_level: float = 0.95,
    method: Literal["t", "bootstrap"] = "t",
    seed: int = 0,
) -> Interval:
    """Return the mean of independent `values` with its interval.

    Parameters
    ----------
    values : array_like of float, shape (n,)
        Finite. A single value has a mean but no interval: its bounds are NaN.
    confidence_level : float
        In (0, 1).
    method : {"t", "bootstrap"}
        Student's t for few values of roughly normal shape; the bootstrap for many or skewed ones.
    seed : int
        Of the bootstrap's random numbers.
    """
    import numpy as np

    x = sample("values", values)
    if one_of("method", method, ("t", "bootstrap")) == "bootstrap" and x.size > 1:
        return bootstrap(np.mean, x, confidence_level=confidence_level, seed=seed)
    return _t_interval(x, 1 / x.size, confidence_level, method)


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    confidence_level: float = 0.95,
    method: Literal["t", "bootstrap"] = "t",
    seed: int = 0,
) -> Interval:
    """Return the mean of ``a - b`` over pairs, such as two methods run on the same seeds.

    Parameters
    ----------
    a, b : array_like of float, shape (n,)
        Finite, in the same order: ``a[i]`` and ``b[i]`` belong together. One pair gives an
        estimate with NaN bounds.
    confidence_level, method, seed
        As for `mean_interval`.
    """
    x, y = sample("a", a), sample("b", b)
    if x.size != y.size:
        raise InputError("a and b", f"{x.size} and {y.size} values", "pairs: equal lengths")
    interval = mean_interval(x - y, confidence_level, method, seed)
    return dataclasses.replace(interval, method=f"paired {interval.method}")


def corrected_resampled_t(
    differences: ArrayLike, n_train: int, n_test: int, confidence_level: float = 0.95
) -> Interval:
    r"""Return the mean difference over resampled train/test splits of *one* data set.

    Splits share training examples, so their differences are not independent and the plain t
    interval is too narrow. The variance of the mean is taken as
    :math:`(1/J + n_\mathrm{test}/n_\mathrm{train})\, s^2` instead of :math:`s^2/J`.

    Parameters
    ----------
    differences : array_like of float, shape (J,)
        One difference per split; one split gives an estimate with NaN bounds.
    n_train, n_test : int
        Examples in each split's training and test part.
    confidence_level : float
        In (0, 1).

    Notes
    -----
    Nadeau and Bengio, "Inference for the generalization error", Machine Learning 2003, eq. 10.
    """
    x = sample("differences", differences)
    for name, size in (("n_train", n_train), ("n_test", n_test)):
        if not (isinstance(size, Real) and 1 <= size < float("inf")):
            raise InputError(name, size, "a number of examples, at least 1")
    scale = 1 / x.size + n_test / n_train
    return _t_interval(x, scale, confidence_level, "corrected resampled t")


def bootstrap(
    statistic: Callable[..., Any],
    *samples: ArrayLike,
    paired: bool = False,
    confidence_level: float = 0.95,
    seed: int = 0,
    names: tuple[Name, ...] = (),
) -> Interval:
    """Return any statistic of one or more samples with its BCa bootstrap interval.

    Parameters
    ----------
    statistic : callable
        Takes one array per sample and returns a number. If it has an ``axis`` argument it is
        called on stacks of resamples, which is far faster.
    *samples : array_like of float, shape (n_i,)
        Finite, at least two values each. The BCa correction costs ``n**2`` operations, so this
        suits up to some ten thousand values.
    paired : bool
        Whether values of the same position belong together and are drawn together.
    confidence_level : float
        In (0, 1).
    seed, names
        The stream of random numbers, see `surefoot.ground.streams.stream`.

    Returns
    -------
    Interval
        Its method is "bootstrap BCa", or "bootstrap percentile" where BCa is undefined (the
        statistic is the same on every resample, or beyond all of them).

    Notes
    -----
    Efron, "Better bootstrap confidence intervals", JASA 1987; computed by `scipy.stats.bootstrap`.
    """
    import numpy as np
    from scipy import stats

    if not samples:
        raise InputError("samples", "none", "at least one sample")
    data = [sample("samples", x, least=2) for x in samples]
    sizes = [x.size for x in data]
    if paired and len(set(sizes)) > 1:
        raise InputError("samples", f"lengths {sizes}", "equal lengths when paired")
    tail_of(confidence_level)
    estimate = float(statistic(*data))
    options: dict[str, Any] = {
        "paired": paired,
        "confidence_level": confidence_level,
        "batch": max(1, _BATCH_VALUES // sum(sizes)),
        "rng": stream(seed, "bootstrap", *names),
    }
    method = "BCa"
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        result = stats.bootstrap(data, statistic, n_resamples=_RESAMPLES, method="BCa", **options)
        if not np.isfinite([estimate, *result.bootstrap_distribution]).all():
            raise InputError("statistic", "NaN or infinity", "a finite value on every resample")
        if not np.isfinite(result.confidence_interval).all():
            method = "percentile"
            result = stats.bootstrap(
                data, statistic, n_resamples=0, method=method, bootstrap_result=result, **options
            )
    low, high = map(float, result.confidence_interval)
    n = sizes[0] if paired else sum(sizes)
    return Interval(estimate, low, high, confidence_level, f"bootstrap {method}", n)


def _t_interval(x: np.ndarray, scale: float, confidence_level: float, method: str) -> Interval:
    """Return the mean of `x` ± t · sqrt(scale · s²)."""
    import numpy as np
    from scipy.special import stdtrit

    tail = tail_of(confidence_level) / 2
    mean, half = float(x.mean()), float("nan")
    if x.size > 1:
        half = float(stdtrit(x.size - 1, 1 - tail) * np.sqrt(scale * x.var(ddof=1)))
    return Interval(mean, mean - half, mean + half, confidence_level, method, x.size)
