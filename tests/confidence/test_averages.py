"""Merging shards: a commutative monoid, and the run that one machine would have made."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.confidence.synthetic import engine, run, stream

from surefoot.confidence.averages import Averages, merge
from surefoot.ground.errors import InputError


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 10**7), min_size=3, max_size=3), st.integers(0, 2**32 - 1))
def test_merging_is_commutative_and_associative(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b, c = (Averages(n, rng.normal(size=4), rng.normal(size=(6, 4))) for n in sizes)
    left, right, turned = merge(merge(a, b), c), merge(a, merge(b, c)), merge(c, b, a)
    for other in (right, turned):
        assert other.n_rows == left.n_rows
        np.testing.assert_allclose(other.estimate, left.estimate, atol=1e-12)
        np.testing.assert_allclose(other.chains, left.chains, atol=1e-12)
    np.testing.assert_array_equal(merge(a, b).chains, merge(b, a).chains)
    assert merge(a) is a


def test_shards_with_disjoint_ids_have_the_spread_of_one_run() -> None:
    rows = stream(24_000, 3)
    whole = run(rows, n_chains=200, n0=400).averages()
    parts = []
    for start in range(0, 24_000, 12_000):
        part = slice(start, start + 12_000)
        made = engine(rows, n_chains=200, n0=400)
        made.consume(rows.X[part], rows.y[part], row_ids=np.arange(start, start + 12_000))
        parts.append(made.averages())
    merged = merge(*parts)
    assert merged.n_rows == 24_000
    spread = whole.chains.std(0)
    np.testing.assert_allclose(merged.chains.std(0) / spread, 1, atol=0.15)
    assert np.abs(merged.estimate - whole.estimate).max() < spread.max()


def test_unlike_runs_do_not_merge() -> None:
    a, b = (Averages(1, np.zeros(2), np.zeros((m, 2))) for m in (3, 4))
    with pytest.raises(InputError, match="the same number of chains"):
        merge(a, b)
    with pytest.raises(InputError, match="the same number of chains"):
        merge()


def test_chains_that_are_not_finite_are_told() -> None:
    chains = np.array([[1.0, 2.0], [np.nan, 0], [np.inf, 1]])
    assert Averages(1, np.zeros(2), chains).finite.tolist() == [True, False, False]


def test_the_spread_is_that_of_finite_chains() -> None:
    chains = np.array([[1.0, 2.0], [np.inf, 0], [3, 2]])
    assert Averages(1, np.zeros(2), chains).spread.tolist() == [1, 0]
    assert np.isnan(Averages(1, np.zeros(2), chains[:2]).spread).all()


@pytest.mark.parametrize("batch_size", [3, 7, 32])
def test_rows_are_counted_whole(batch_size: int) -> None:
    averages = run(stream(1000, 2), batch_size=batch_size).averages()
    assert isinstance(averages.n_rows, int)
    assert averages.n_rows == 1000
