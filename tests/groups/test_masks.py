"""Bar D2: the hash gives the rates it promises, independently for units and for examples."""

import itertools

import numpy as np
import pytest
import torch
from scipy import stats

from surefoot.groups import masks
from surefoot.groups.masks import bernoulli_mask, fixed_mask, pack_bits, unpack_bits

KEY = 0x0123456789ABCDEF
UNITS, P = 1024, 0.2
IDS = torch.arange(10_000)
EXTREME = torch.tensor([0, 1, 2**31, 2**32, 2**53, 2**63 - 2, 2**63 - 1])


@pytest.fixture(scope="module")
def draws():
    """10.24 million draws."""
    return bernoulli_mask(IDS, UNITS, P, KEY)


def rate(hits):
    return hits.double().mean().item()


def z_score(hits, p):
    """How many standard errors the share of `hits` is away from `p`."""
    n = hits.numel()
    return (int(hits.sum()) - n * p) / np.sqrt(n * p * (1 - p))


def test_rate_error_is_below_a_thousandth_over_ten_million_draws(draws):
    assert draws.numel() >= 10_000_000
    assert abs(rate(draws) - P) < 1e-3
    assert abs(z_score(draws, P)) < 3.3


@pytest.mark.parametrize("axis", [0, 1], ids=["units", "ids"])
def test_counts_spread_as_binomials_do(draws, axis):
    counts = draws.sum(axis).numpy()
    n = draws.shape[axis]
    chi_square = ((counts - n * P) ** 2).sum() / (n * P * (1 - P))
    tail = stats.chi2.sf(chi_square, len(counts))
    assert 1e-3 < tail < 1 - 1e-3


@pytest.mark.parametrize("step", [1, 2, 3, 64, 4096])
def test_ids_are_pairwise_independent(draws, step):
    assert abs(z_score(draws[step:] & draws[:-step], rate(draws) ** 2)) < 4


@pytest.mark.parametrize("step", [1, 2, 3, 64, 512])
def test_units_are_pairwise_independent(draws, step):
    # step 1 pairs the two halves of one 64-bit word
    assert abs(z_score(draws[:, step:] & draws[:, :-step], rate(draws) ** 2)) < 4


def test_keys_give_independent_masks(draws):
    other = bernoulli_mask(IDS, UNITS, P, KEY + 1)
    assert abs(z_score(draws & other, rate(draws) * rate(other))) < 4


@pytest.mark.parametrize("p", [0.0, 2**-32, 0.5, 1 - 2**-32, 1 - 2**-40, 1.0])
def test_extreme_probabilities(p):
    mask = bernoulli_mask(torch.arange(1000), 100, p, KEY)
    assert abs(rate(mask) - p) < 0.01


def test_mask_follows_the_published_definition():
    """An independent splitmix64 in Python integers; masks of saved models hang on it."""
    word, gamma = 2**64 - 1, 0x9E3779B97F4A7C15

    def mix(z):
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & word
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & word
        return z ^ (z >> 31)

    for i in (0, 7, 2**63 - 1):
        row = mix((i * gamma + KEY) & word)
        words = [mix((row + j * gamma) & word) for j in range(3)]
        lanes = [half for w in words for half in (w & 0xFFFFFFFF, w >> 32)][:5]
        # Halves count as signed numbers: flipping the sign bit orders them from 0.
        uniform = [(lane ^ 2**31) / 2**32 for lane in lanes]
        ids = torch.tensor([i])
        assert bernoulli_mask(ids, 5, 0.4, KEY)[0].tolist() == [u < 0.4 for u in uniform]
        smallest = sorted(range(5), key=uniform.__getitem__)[:2]
        assert fixed_mask(ids, 5, 2, KEY)[0].nonzero().flatten().tolist() == sorted(smallest)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 818, 819, 820])
def test_fixed_turns_exactly_count_units_on(count):
    assert set(fixed_mask(torch.arange(500), 820, count, KEY).sum(1).tolist()) == {count}


def test_equal_random_numbers_do_not_turn_more_units_on(monkeypatch):
    monkeypatch.setattr(masks, "_lanes", lambda ids, units, key: ids.new_zeros(len(ids), units))
    assert fixed_mask(torch.arange(3), 9, 4, KEY).sum(1).tolist() == [4, 4, 4]


@pytest.mark.parametrize("count", [1, 2])
def test_fixed_sets_are_equally_likely(count):
    ids = torch.arange(20_000)
    chosen = [tuple(row) for row in fixed_mask(ids, 5, count, KEY).int().tolist()]
    sets = [tuple(int(u in s) for u in range(5)) for s in itertools.combinations(range(5), count)]
    observed = [chosen.count(s) for s in sets]
    assert sum(observed) == len(ids)
    assert stats.chisquare(observed).pvalue > 1e-3


@pytest.mark.parametrize("make", [
    lambda ids: bernoulli_mask(ids, 96, 0.5, KEY),
    lambda ids: fixed_mask(ids, 96, 1, KEY),
    lambda ids: fixed_mask(ids, 96, 48, KEY),
], ids=["bernoulli", "one", "fixed"])  # fmt: skip
def test_any_id_has_its_own_mask(make):
    rows = {tuple(row) for row in make(EXTREME).int().tolist()}
    # With one unit of 96 two of seven ids may meet.
    assert len(rows) >= len(EXTREME) - 1
    assert make(EXTREME[:0]).shape == (0, 96)


@pytest.mark.parametrize("units", [1, 7, 8, 9, 820])
def test_bits_survive_packing(units):
    mask = bernoulli_mask(torch.arange(50), units, 0.5, KEY)
    packed = pack_bits(mask)
    assert packed.dtype == torch.uint8
    assert packed.shape == (50, -(-units // 8))
    assert torch.equal(unpack_bits(packed, units), mask)
