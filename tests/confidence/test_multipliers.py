"""Multipliers: exact laws, weights that belong to a row, and numbers that look random."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest, norm

from surefoot.confidence.multipliers import LAWS, as_multiplier
from surefoot.confidence.row_words import RowWords, mix
from surefoot.ground.errors import InputError

THIRD = {"mammen": 1.0, "rademacher": 0.0, "beta": 1.247, "exponential": 2.0, "poisson": 1.0}


def test_words_are_the_published_sequence() -> None:
    # The first outputs of SplitMix64 with seed 0, from its reference implementation.
    steps = np.arange(1, 4, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    words = mix(steps, np.empty_like(steps))
    assert [hex(w) for w in words] == [
        "0xe220a8397b1dcdaf", "0x6e789e6aa1b965f4", "0x6c45d188009454f",
    ]  # fmt: skip


def test_weights_are_those_of_earlier_versions() -> None:
    # A saved run goes on with the weights it began with: these bits may never change.
    words = RowWords(0, 0, 2, 2).of(np.array([0, -5])).ravel()
    assert [hex(w) for w in words] == [
        "0xe8c0c688adc12a41", "0xa1fafc476f3e7e1f", "0x6d444d77e46a512", "0x2686cc79945423ba",
    ]  # fmt: skip
    for law, octets in [("mammen", [50, 74, 88, 8]), ("rademacher", [130, 84, 228, 229])]:
        large = as_multiplier(law).row_weights(0, np.arange(2), slice(0, 16)) > 1
        assert np.packbits(large).tolist() == octets


@pytest.mark.parametrize("law", LAWS)
def test_mean_and_variance_are_exact(law: str) -> None:
    values, chances = as_multiplier(law).support
    mean = values @ chances
    assert mean == pytest.approx(1, abs=1e-13)
    assert (values - mean) ** 2 @ chances == pytest.approx(1, abs=1e-13)
    assert (values - mean) ** 3 @ chances == pytest.approx(THIRD[law], abs=6e-3)
    assert values.min() >= 0
    assert as_multiplier(law).largest == values.max()


def test_mammens_values_are_the_golden_ones() -> None:
    low, high = as_multiplier("mammen").support[0]
    assert low == pytest.approx(1 - (np.sqrt(5) - 1) / 2, abs=2e-5)
    assert high == pytest.approx(1 + (np.sqrt(5) + 1) / 2, abs=2e-5)


@pytest.mark.parametrize("law", LAWS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_weight_depends_on_seed_row_and_chain_only(law: str, data: st.DataObject) -> None:
    multiplier = as_multiplier(law)
    ids = np.array(data.draw(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=300)))
    first = data.draw(st.integers(0, 130))
    stop = first + data.draw(st.integers(1, 130))
    few = multiplier.row_weights(7, ids, slice(first, stop))
    more = multiplier.row_weights(7, ids[::-1], slice(0, 300))[::-1]
    np.testing.assert_array_equal(few, more[:, first:stop])


@pytest.mark.parametrize("law", LAWS)
def test_weights_look_independent(law: str) -> None:
    multiplier = as_multiplier(law)
    rows, chains = 6000, 100
    ids = np.arange(rows)
    W = multiplier.row_weights(0, ids, slice(0, chains)) - 1
    count = W.size
    values, chances = multiplier.support
    for power in (1, 2, 3):
        moments = [(values - 1) ** (power * k) @ chances for k in (1, 2)]
        error = np.sqrt((moments[1] - moments[0] ** 2) / count)
        assert abs((W**power).mean() - moments[0]) < 4.5 * error + 1e-12
    others = {
        "next row": W[1:] * W[:-1],
        "next chain": W[:, 1:] * W[:, :-1],
        "chain in the next word": W[:, 64:] * W[:, :-64],
        "64 rows on": W[64:] * W[:-64],
        "next seed": W * (multiplier.row_weights(1, ids, slice(0, chains)) - 1),
        "far away rows": W * (multiplier.row_weights(0, ids + 2**40, slice(0, chains)) - 1),
        "strided rows": W * (multiplier.row_weights(0, ids << 32, slice(0, chains)) - 1),
        "negative rows": W * (multiplier.row_weights(0, ~ids, slice(0, chains)) - 1),
    }
    for name, product in others.items():
        # Row 0 times 2³² is row 0 itself.
        apart = product[1:]
        assert abs(apart.mean()) * np.sqrt(apart.size) < 4.5, name


def test_correlations_of_all_pairs_have_the_right_distribution() -> None:
    rows = 2000
    W = as_multiplier("mammen").row_weights(5, np.arange(rows) * 1024, slice(1, 101))
    correlations = np.corrcoef(W.T)[np.triu_indices(100, 1)] * np.sqrt(rows)
    assert kstest(correlations, norm.cdf).pvalue > 1e-3
    sums = (W - 1).sum(0) / np.sqrt(rows)
    assert kstest(sums, norm.cdf).pvalue > 1e-3


def test_every_bit_of_a_word_is_fair() -> None:
    words = RowWords(0, 0, 4, 4096).of(np.arange(4096))
    bits = np.unpackbits(words.view(np.uint8), axis=1)
    assert abs(bits.mean(0) - 0.5).max() < 5 * 0.5 / 64


def test_blocks_of_rows_share_their_weights() -> None:
    W = as_multiplier("mammen").row_weights(0, np.arange(12), slice(1, 50), block_length=4)
    assert (W[:4] == W[0]).all()
    assert (W[4:8] == W[4]).all()
    assert (W[0] != W[4]).any()


def test_a_quantile_function_becomes_its_law() -> None:
    named, given = as_multiplier("exponential"), as_multiplier(lambda u: -np.log1p(-u))
    np.testing.assert_allclose(given.support[0], named.support[0])
    two = as_multiplier([2.0, 0.0])
    assert two.largest == 2
    weights = two.row_weights(0, np.arange(4000), slice(0, 10))
    assert set(np.unique(weights)) == {0.0, 2.0}
    assert weights.mean() == pytest.approx(1, abs=0.02)


def test_negative_weights_need_consent() -> None:
    normal = as_multiplier(lambda u: 1 + norm.ppf(u), signed=True)
    assert normal.support[0].min() < -2
    assert normal.support[0].std() == pytest.approx(1, abs=1e-12)
    with pytest.raises(InputError, match="signed=True"):
        as_multiplier(lambda u: 1 + norm.ppf(u))


@pytest.mark.parametrize(
    ("law", "message"),
    [
        ("mamen", "did you mean 'mammen'"),
        (lambda u: 2 * u, "mean 1 and variance 1"),
        (lambda u: np.nan * u, "mean 1 and variance 1"),
        (lambda u: 1.0, "a quantile for every u"),
        ([0.0, 1.0, 2.0], "a power of two"),
        ([0.0, 2.1], "mean 1.05 and variance 1.103"),
    ],
)
def test_what_is_no_multiplier_is_refused(law: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        as_multiplier(law)  # type: ignore[arg-type]
