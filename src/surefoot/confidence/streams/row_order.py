"""Does the order of the rows matter? Blocks of neighbouring rows, compared while they pass.

SGD takes rows for independent draws. A file in order of time, or sorted by a column, gives a
pilot of a few like rows and intervals for something else. In random order the means of blocks
differ by chance only, and that is what is tested, column by column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

from surefoot.confidence.streams.batches import Floats
from surefoot.ground.numerals import percent, short

# Ten times less often than one false alarm in a thousand: tails of counts are not those of F.
_FALSE_ALARMS = 1e-4
_FIRST_ROWS, _FIRST_LENGTH, _MOST_BLOCKS = 256, 8, 64
# Cochran's rule, with room: fewer rows a block that tell anything, and chance is not F any more.
_FEWEST_TELLING, _FEWEST_BLOCKS = 10, 4
_CLIPPED_AT = 3.0


@dataclass(frozen=True)
class RowOrder:
    """What the blocks say.

    Attributes
    ----------
    matters : bool
        Whether rows in random order would hardly ever look like this: once in a thousand streams at
        most.
    p_value : float
        Of the most telling column, times the number of columns.
    found : str
        Where it shows most, in words; "" if it doesn't matter.
    """

    matters: bool
    p_value: float
    found: str


class OrderWatch:
    """Compares blocks of neighbouring rows, in memory for 128 rows and the first 256.

    Parameters
    ----------
    names : sequence of str
        Of the features.
    target : str

    Notes
    -----
    One-way analysis of variance of 32 to 64 blocks of equal length, with Bonferroni's correction
    for the number of columns. Values are counted from the median of the first 256 rows, in units
    of their spread, and clipped at 3: one outlier must not hide an order, or look like one. Columns
    that are rarely other than 0 are compared in fewer and longer blocks.
    """

    def __init__(self, names: Sequence[str], target: str = "y") -> None:
        self.names = (*names, target)
        self.n_rows = 0
        self._head: list[Floats] = []
        self._blocks: _Blocks | None = None

    def update(self, X: Floats, y: NDArray[np.generic]) -> None:
        """Take in rows, in the order in which they come.

        Parameters
        ----------
        X : ndarray of shape (b, p)
        y : ndarray of shape (b,)
            Numbers or truth values; classes as numbers.
        """
        rows = np.column_stack([X, y]).astype(np.float64, copy=False)
        self.n_rows += len(rows)
        if self._blocks is not None:
            self._blocks.add(rows)
            return
        self._head.append(rows)
        if self.n_rows >= _FIRST_ROWS:
            self._begin()

    def verdict(self) -> RowOrder:
        """Return whether the order matters, as far as the rows so far tell."""
        if self._blocks is None:  # too few to tell
            return RowOrder(False, 1.0, "")
        p_values, shares = self._blocks.analysis()
        worst = int(np.lexsort((-shares, p_values))[0])
        p_value = min(1.0, float(p_values[worst]) * len(p_values))
        matters = p_value < _FALSE_ALARMS
        return RowOrder(matters, p_value, self._blocks.words(worst, self.names) if matters else "")

    def _begin(self) -> None:
        rows = np.concatenate(self._head)
        self._head = []
        self._blocks = _Blocks(rows[:_FIRST_ROWS])
        self._blocks.add(rows)


class _Blocks:
    """Sums over blocks of equal length; when there are 64, neighbours are joined."""

    def __init__(self, first: Floats) -> None:
        columns = first.shape[1]
        self.length, self.n_rows = _FIRST_LENGTH, 0
        self.center = np.median(first, axis=0)
        spread = 1.4826 * np.median(np.abs(first - self.center), axis=0)
        # Of a column that hardly varies at first, only the sign of a change counts.
        self.per_spread = 1 / np.where(spread > 0, spread, 1e-300)
        self.sums = np.zeros((_MOST_BLOCKS, columns))  # of clipped values
        self.raw = np.zeros((_MOST_BLOCKS, columns))
        self.moments = np.zeros((4, columns))  # sums of powers of clipped values
        self.binary = np.ones(columns, dtype=bool)

    def add(self, rows: Floats) -> None:
        with np.errstate(over="ignore"):
            z = (rows - self.center) * self.per_spread
        np.clip(z, -_CLIPPED_AT, _CLIPPED_AT, out=z)
        square = z * z
        self.moments[0] += z.sum(axis=0)
        for power, a, b in ((1, z, z), (2, square, z), (3, square, square)):
            self.moments[power] += np.einsum("ij,ij->j", a, b)
        maybe = np.flatnonzero(self.binary)
        self.binary[maybe] = ((rows[:, maybe] == 0) | (rows[:, maybe] == 1)).all(axis=0)
        start = 0
        while start < len(rows):
            if self.n_rows == _MOST_BLOCKS * self.length:
                self._join()
            block, within = divmod(self.n_rows, self.length)
            part = slice(start, start + self.length - within)
            self.sums[block] += z[part].sum(axis=0)
            self.raw[block] += rows[part].sum(axis=0)
            taken = len(z[part])
            self.n_rows += taken
            start += taken

    def analysis(self) -> tuple[Floats, Floats]:
        """Return p-values, do blocks differ, and what share of the variance lies between them."""
        n = self.n_rows
        mean, *powers = self.moments / n
        m2 = powers[0] - mean**2
        m4 = powers[2] - 4 * mean * powers[1] + 6 * mean**2 * powers[0] - 3 * mean**4
        varies = m2 > 1e-12
        # n over the kurtosis: of a rare 0/1 column the number of its ones.
        telling = np.zeros_like(m2)
        np.divide(n * m2**2, m4, out=telling, where=varies)
        p_values, shares = np.ones_like(m2), np.zeros_like(m2)
        # From the longest blocks to the shortest, as far as there are enough telling rows.
        for join in (8, 4, 2, 1):
            sums, counts = self._joined(self.sums, join)
            b = len(counts)
            between = (sums**2 / counts[:, None]).sum(axis=0) - n * mean**2
            within = np.maximum(n * m2 - between, 1e-12)
            judged = varies & (b >= _FEWEST_BLOCKS) & (telling >= b * _FEWEST_TELLING)
            F = between / (b - 1) / (within / (n - b))
            p_values[judged] = fdtrc(b - 1, n - b, np.maximum(F[judged], 0))
            shares[judged] = between[judged] / (n * m2[judged])
        return p_values, shares

    def words(self, column: int, names: Sequence[str]) -> str:
        """Return in which block a column is least like elsewhere."""
        sums, counts = self._joined(self.sums[:, [column]], 1)
        raw, _ = self._joined(self.raw[:, column], 1)
        mean = self.moments[0, column] / self.n_rows
        odd = int(np.argmax(np.abs(sums[:, 0] - mean * counts) / np.sqrt(counts)))
        first = int(counts[:odd].sum())
        last = first + int(counts[odd]) - 1
        here = raw[odd] / counts[odd]
        elsewhere = (raw.sum() - raw[odd]) / (self.n_rows - counts[odd])
        if self.binary[column]:
            said, others = f"is 1 in {percent(here)}", f"in {percent(elsewhere)}"
        else:
            said, others = f"averages {_rounded(here)}", _rounded(elsewhere)
        return f"{names[column]!r} {said} of rows {first:,} to {last:,} and {others} of the others"

    def _join(self) -> None:
        for sums in (self.sums, self.raw):
            half = sums[::2] + sums[1::2]
            sums[: len(half)], sums[len(half) :] = half, 0
        self.length *= 2

    def _joined(self, sums: Floats, join: int) -> tuple[Floats, NDArray[np.int64]]:
        """Return sums and counts of `join` blocks together; what is left over goes to the last."""
        length = self.length * join
        blocks = max(self.n_rows // length, 1)
        starts = np.arange(blocks) * join
        counts = np.full(blocks, length)
        counts[-1] = self.n_rows - length * (blocks - 1)
        return np.add.reduceat(sums, starts, axis=0), counts


def _rounded(value: float) -> str:
    return short(float(f"{value:.3g}"))
