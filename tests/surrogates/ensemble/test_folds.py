"""Folds: balanced, grouped, and the same for the same inputs in any order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.ground.errors import InputError
from surefoot.surrogates.ensemble.folds import assign_folds, replicate_groups


@given(st.lists(st.integers(0, 30), min_size=2, max_size=60), st.integers(2, 12), st.integers(0, 9))
def test_grouped_balanced_and_none_empty(groups, k, seed):
    count = len(set(groups))
    if k > count:
        with pytest.raises(InputError, match=f"number of distinct inputs, {count}"):
            assign_folds(groups, k, seed)
        return
    folds = assign_folds(groups, k, seed)
    assert set(folds) == set(range(k))
    assert all(len(set(folds[np.array(groups) == g])) == 1 for g in groups)
    sizes = np.bincount(folds)
    assert sizes.max() - sizes.min() <= np.bincount(groups).max()


@pytest.mark.parametrize("seed", range(10))
def test_large_groups_are_placed_first(seed):
    assert np.bincount(assign_folds([0] * 5 + [1, 2, 3, 4, 5], 2, seed)).tolist() == [5, 5]


def test_default_number_of_folds():
    assert assign_folds(14).max() == 13
    assert assign_folds(15).max() == 9
    assert np.bincount(assign_folds(103)).tolist().count(10) == 7
    assert assign_folds([0, 0, 1, 1, 2]).max() == 2


@pytest.mark.parametrize("k", [0, 1, 6])
def test_impossible_numbers_of_folds(k):
    with pytest.raises(InputError, match="from 2 to the number of distinct inputs, 5"):
        assign_folds(5, k)


def test_one_input_has_no_folds():
    with pytest.raises(InputError, match="number of distinct inputs, 1"):
        assign_folds([3, 3, 3])


def test_seeds_differ_and_repeat():
    assert assign_folds(50, seed=1).tolist() == assign_folds(50, seed=1).tolist()
    assert assign_folds(50, seed=1).tolist() != assign_folds(50, seed=2).tolist()


def test_replicates_are_exactly_equal_rows():
    X = np.array([[0.5, 0.0], [0.2, 1.0], [0.5, -0.0], [0.2, np.nextafter(1.0, 2)]])
    groups = replicate_groups(X)
    assert groups[0] == groups[2]
    assert len(set(groups)) == 3
    with pytest.raises(InputError, match="a table of shape"):
        replicate_groups(X[0])


def test_folds_follow_their_rows():
    """The order in which runs finished must not change what they are tested with."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 4, size=(40, 2)).astype(float)
    order = rng.permutation(40)
    folds = assign_folds(replicate_groups(X), 5)
    assert assign_folds(replicate_groups(X[order]), 5).tolist() == folds[order].tolist()
