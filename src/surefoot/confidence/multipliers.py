"""Multipliers: the random weights, with mean 1 and variance 1, that perturb the chains.

============ =============================== ========= =============================================
name         values                          largest   remark
============ =============================== ========= =============================================
mammen       .382 or 2.618                   2.618     third central moment 1; the default
rademacher   0 or 2                          2         cheapest; 0 is outside the theory
beta         Beta(½, 2), shifted and scaled  4.7       the paper's experiments
exponential  Exp(1)                          9.3       unbounded in theory, here the largest of 4096
poisson      0, 1, 2, …                      6.4       the same; the online bootstrap's
============ =============================== ========= =============================================

The weight of (seed, row id, chain) depends on nothing else, see `surefoot.confidence.row_words`.
Small largest values matter: they decide how large the first steps may be.

Sources: Sheshukova et al., arXiv 2502.06719 (the bootstrap, the Beta law); Mammen, Ann. Statist. 21
(1993), shifted by one; Fang, Xu & Yang, JMLR 19 (2018) (exponential and Poisson).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from surefoot.confidence.row_words import RowWords, Words
from surefoot.ground.errors import InputError, one_of

Floats = NDArray[np.float64]
QuantileFunction = Callable[[Floats], Any]

TABLE = 4096
_PER_CELL = 64
_TOLERANCE = 1e-3
_ROWS_AT_ONCE = 128


@dataclass(frozen=True)
class Multiplier(ABC):
    """A law of weights with mean 1 and variance 1, drawn from `bits` random bits a weight.

    Attributes
    ----------
    name : str
    largest : float
        The largest weight: the first steps must be stable for it.
    """

    name: str
    bits: ClassVar[int] = 16

    @property
    @abstractmethod
    def support(self) -> tuple[Floats, Floats]:
        """Values, ascending, and their probabilities."""

    @abstractmethod
    def decode(self, words: Words, first: int, out: NDArray[Any]) -> None:
        """Write the weights of the slots from `first` on into `out` (rows, chains)."""

    @property
    def largest(self) -> float:
        """The largest weight there is."""
        return float(self.support[0][-1])

    def row_weights(
        self, seed: int, row_ids: NDArray[np.int64], chains: slice, block_length: int = 1
    ) -> Floats:
        """Return the weights of rows in chains, shape (rows, chains).

        Parameters
        ----------
        seed : int
        row_ids : ndarray of int of shape (rows,)
        chains : slice
            Numbers of the chains, with a start and a stop.
        block_length : int
            So many consecutive row ids share their weights, for dependent rows.

        Examples
        --------
        >>> law = as_multiplier("mammen")
        >>> few = law.row_weights(0, np.array([7, 3]), slice(1, 4))
        >>> more = law.row_weights(0, np.array([3]), slice(1, 400))
        >>> bool((few[1] == more[0, :3]).all())
        True
        """
        ids = np.asarray(row_ids, dtype=np.int64)
        weights = np.empty((len(ids), chains.stop - (chains.start or 0)))
        RowWeights(self, seed, chains, block_length).fill(ids, weights)
        return weights


class RowWeights:
    """Fills arrays with the weights of rows, reusing its buffers.

    Parameters
    ----------
    multiplier : Multiplier
    seed : int
    chains : slice
    block_length : int
    """

    def __init__(
        self, multiplier: Multiplier, seed: int, chains: slice, block_length: int = 1
    ) -> None:
        if isinstance(block_length, bool) or not isinstance(block_length, int) or block_length < 1:
            raise InputError("block_length", block_length, "a whole number of rows from 1")
        first, stop = chains.start or 0, chains.stop
        per_word = 64 // multiplier.bits
        words = slice(first // per_word, -(-stop // per_word))
        self._multiplier, self._block = multiplier, block_length
        self._slot = first % per_word
        self._words = RowWords(seed, words.start, words.stop - words.start, _ROWS_AT_ONCE)

    def fill(self, ids: NDArray[np.int64], out: NDArray[Any]) -> None:
        """Write the weights into `out`, a contiguous array of shape (rows, chains)."""
        if self._block > 1:
            ids = ids // self._block
        for start in range(0, len(ids), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            self._multiplier.decode(self._words.of(ids[rows]), self._slot, out[rows])


@dataclass(frozen=True)
class _TwoPoint(Multiplier):
    """The lower of two values for `share` of all 16-bit numbers."""

    share: int

    @property
    def support(self) -> tuple[Floats, Floats]:
        p = self.share / 2**16
        # The only two values with mean 1 and variance 1 under this probability.
        values = np.array([1 - math.sqrt((1 - p) / p), 1 + math.sqrt(p / (1 - p))])
        return values, np.array([p, 1 - p])

    def decode(self, words: Words, first: int, out: NDArray[Any]) -> None:
        low, high = self.support[0]
        slots = _slots(words)[:, first : first + out.shape[1]]
        out[...] = slots >= np.uint16(self.share)
        out *= high - low
        out += low


@dataclass(frozen=True)
class _Coin(Multiplier):
    """0 or 2: one random bit a weight."""

    bits: ClassVar[int] = 1

    @property
    def support(self) -> tuple[Floats, Floats]:
        return np.array([0.0, 2.0]), np.array([0.5, 0.5])

    def decode(self, words: Words, first: int, out: NDArray[Any]) -> None:
        octets = words.astype("<u8", copy=False).view(np.uint8)
        out[...] = np.unpackbits(octets, axis=1, bitorder="little")[:, first : first + out.shape[1]]
        out *= 2


@dataclass(frozen=True, eq=False)
class Table(Multiplier):
    """Equally likely values, a power of two of them, ascending."""

    values: Floats

    @property
    def support(self) -> tuple[Floats, Floats]:
        """The values, equally likely."""
        return self.values, np.full(len(self.values), 1 / len(self.values))

    def decode(self, words: Words, first: int, out: NDArray[Any]) -> None:
        """Write the weights that the first bits of each slot look up."""
        shift = np.uint16(16 - (len(self.values).bit_length() - 1))
        slots = _slots(words)[:, first : first + out.shape[1]] >> shift
        np.take(self.values.astype(out.dtype, copy=False), slots, out=out, mode="clip")


def as_multiplier(
    law: str | Multiplier | QuantileFunction | Sequence[float] | Floats, *, signed: bool = False
) -> Multiplier:
    """Return the multiplier that `law` names or describes.

    Parameters
    ----------
    law : str, Multiplier, callable or array-like
        A name; or a quantile function of u in (0, 1), vectorised; or equally likely values, a power
        of two of them and at most 4096. Mean and variance may be off by 10⁻³ and are made exact.
    signed : bool
        Whether negative weights are allowed. They turn gradients round: the theory excludes them.

    Raises
    ------
    InputError
        If mean or variance is not 1, or a weight is negative and `signed` is False.
    """
    if isinstance(law, Multiplier):
        return law
    if isinstance(law, str):
        return _named(one_of("multiplier", law, LAWS))
    values = _cells(law) if callable(law) else _given(law)
    return Table("custom", _standardised(values, signed))


@cache
def _named(name: str) -> Multiplier:
    if name == "mammen":
        return _TwoPoint(name, round(2**16 * (math.sqrt(5) + 1) / (2 * math.sqrt(5))))
    if name == "rademacher":
        return _Coin(name)
    return Table(name, _standardised(_cells(_QUANTILES[name]), signed=False))


def _beta(u: Floats) -> Any:
    from scipy.stats import beta

    law = beta(0.5, 2)
    return 1 + (law.ppf(u) - law.mean()) / law.std()


def _exponential(u: Floats) -> Any:
    return -np.log1p(-u)


def _poisson(u: Floats) -> Any:
    chances = [math.exp(-1) / math.factorial(k) for k in range(20)]
    return np.searchsorted(np.cumsum(chances), u)


_QUANTILES: dict[str, QuantileFunction] = {
    "beta": _beta,
    "exponential": _exponential,
    "poisson": _poisson,
}
LAWS = ("mammen", "rademacher", *_QUANTILES)


def _slots(words: Words) -> NDArray[np.uint16]:
    return words.astype("<u8", copy=False).view("<u2")


def _cells(quantile: QuantileFunction) -> Floats:
    """Return the mean of each of 4096 equally likely parts of a law."""
    u = (np.arange(TABLE * _PER_CELL) + 0.5) / (TABLE * _PER_CELL)
    found = np.asarray(quantile(u), dtype=np.float64)
    if found.shape != u.shape:
        raise InputError("multiplier", f"shape {found.shape}", "a quantile for every u")
    _check_moments(found)
    cells: Floats = found.reshape(TABLE, _PER_CELL).mean(axis=1)
    return cells


def _given(law: Any) -> Floats:
    values = np.sort(np.asarray(law, dtype=np.float64))
    count = values.size
    if values.ndim != 1 or count < 2 or count > TABLE or count & (count - 1):
        allowed = f"a power of two of equally likely values, 2 to {TABLE}"
        raise InputError("multiplier", f"shape {values.shape}", allowed)
    _check_moments(values)
    return values


def _check_moments(values: Floats) -> None:
    found = f"mean {values.mean():.4g} and variance {values.var():.4g}"
    off = max(abs(values.mean() - 1), abs(values.var() - 1))
    if not off <= _TOLERANCE:
        raise InputError("multiplier", found, "mean 1 and variance 1")


def _standardised(values: Floats, signed: bool) -> Floats:
    """Make mean and variance exact."""
    if values.min() < 0:
        if not signed:
            raise InputError("multiplier", values.min(), "weights from 0, or signed=True")
        shifted: Floats = 1 + (values - values.mean()) / values.std()
        return shifted
    from scipy.optimize import brentq

    # A power keeps zero at zero and everything else positive, which shifting would not.
    def excess(power: float) -> float:
        scaled = values**power
        return float(scaled.var() - scaled.mean() ** 2)

    scaled: Floats = values ** brentq(excess, 0.5, 2, xtol=1e-15)
    scaled /= scaled.mean()
    return scaled
