"""Random 64-bit words that belong to a row: a hash of (seed, row id, number of the word).

Nothing is drawn in sequence, so a row has the same words in every epoch, on every shard, in any
order and any chunk of rows, however many words are asked for.

Row r owns the SplitMix64 sequence that starts at a 64-bit hash of its id, keyed with 128 bits of
the seed. The hash is a bijection, so no two rows start at the same place. Sequences of different
rows could overlap shifted; for 10⁷ rows of 50 words the chance that any two do is below 10⁻³.

Philox is the usual choice for a generator with counters. NumPy's counts in sequence, which rows in
any order don't, and ten rounds of Philox4x32 written in array operations take more than four times
as long as SplitMix64.

Sources: Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014
(SplitMix64; it passes BigCrush); Salmon et al., SC 2011 (the case for counters).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.streams import digest

Words = NDArray[np.uint64]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_30, _27, _31 = np.uint64(30), np.uint64(27), np.uint64(31)


class RowWords:
    """Words `first` … `first + count − 1` of any row.

    Parameters
    ----------
    seed : int
    first, count : int
        Which words.
    most_rows : int
        How many rows are asked for at a time at most; buffers are reused between calls.
    """

    def __init__(self, seed: int, first: int, count: int, most_rows: int) -> None:
        key = np.frombuffer(digest(seed, "multiplier")[:16], dtype="<u8").astype(np.uint64)
        self._key, self._key_2 = key
        self._offsets = np.arange(first + 1, first + count + 1, dtype=np.uint64) * _GAMMA
        self._words = np.empty((most_rows, count), np.uint64)
        self._scratch = np.empty_like(self._words)

    def of(self, ids: NDArray[np.int64]) -> Words:
        """Return the words of the rows, shape (len(ids), count); valid until the next call."""
        words, scratch = self._words[: len(ids)], self._scratch[: len(ids)]
        np.add(self._starts(ids)[:, None], self._offsets, out=words)
        return mix(words, scratch)

    def _starts(self, ids: NDArray[np.int64]) -> Words:
        starts = ids.astype(np.uint64) * _GAMMA
        starts += self._key
        scratch = np.empty_like(starts)
        mix(starts, scratch)
        starts ^= self._key_2
        return mix(starts, scratch)


def mix(words: Words, scratch: Words) -> Words:
    """Replace each word by its SplitMix64 hash."""
    for shift, factor in ((_30, _MIX_1), (_27, _MIX_2)):
        np.right_shift(words, shift, out=scratch)
        words ^= scratch
        words *= factor
    np.right_shift(words, _31, out=scratch)
    words ^= scratch
    return words
