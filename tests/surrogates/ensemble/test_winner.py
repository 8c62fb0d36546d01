"""The winner's curse: corrected scores, fold intervals, and who can't be told from the best."""

from __future__ import annotations

import numpy as np
import pytest

from surefoot.ground.errors import InputError
from surefoot.surrogates.ensemble.folds import assign_folds
from surefoot.surrogates.ensemble.stacking import stack
from surefoot.surrogates.ensemble.winner import (
    best_in_bag,
    corrected_difference,
    indistinguishable,
    out_of_bag,
    resample,
)


def least_squares(X, y):
    """Coefficients (k, p) of k candidates with inputs X of shape (k, n, p)."""
    turned = X.swapaxes(1, 2)
    return np.linalg.solve(turned @ X, turned @ y[:, None])[..., 0]


def useless(seed, n=40, k=10, p=9):
    """Pure noise, and what linear candidates on p inputs of pure noise make of it.

    Returns responses (n,), out-of-fold predictions (n, k), folds (n,), and the coefficients
    (k, p + 1) of the candidates fitted to all rows. Their true R² is minus the sum of squares.
    """
    rng = np.random.default_rng([18, seed])
    y, X = rng.normal(size=n), rng.normal(size=(k, n, p + 1))
    X[..., 0] = 1
    folds, predicted = assign_folds(n, 10, seed), np.empty((n, k))
    for fold in range(10):
        rest = folds != fold
        coefficients = least_squares(X[:, rest], y[rest])
        predicted[~rest] = np.einsum("krp,kp->rk", X[:, ~rest], coefficients)
    return y, predicted, folds, least_squares(X, y)


def log_densities(y, predicted):
    sd = np.sqrt(np.mean((predicted - y[:, None]) ** 2, axis=0))
    return -0.5 * ((predicted - y[:, None]) / sd) ** 2 - np.log(sd)


def test_bias_of_the_best_is_corrected():
    """Ten useless candidates: the best looks 0.2 better than they are; corrected, it does not."""
    found = []
    for seed in range(60):
        y, predicted, _, coefficients = useless(seed)
        loss = (predicted - y[:, None]) ** 2 / y.var()
        counts = resample(np.arange(40), 200, seed)
        corrected = out_of_bag(best_in_bag(loss, counts) @ loss.T, counts)
        truth = -(coefficients**2).sum(axis=1).mean()
        found.append([truth, 1 - loss.mean(axis=0).min(), 1 - corrected.estimate])
    truth, naive, corrected = np.mean(found, axis=0)
    assert -0.45 < truth < -0.25
    assert naive > truth + 0.2
    assert abs(corrected - truth) < 0.1


def test_bias_of_the_stack_is_corrected():
    """In-sample the stack of useless candidates seems to explain something."""
    found = []
    for seed in range(30):
        y, predicted, _, _ = useless(seed)
        log_density = log_densities(y, predicted)
        counts = resample(np.arange(40), 200, seed)
        stacked = (stack(log_density, counts) @ predicted.T - y) ** 2 / y.var()
        naive = ((predicted @ stack(log_density) - y) ** 2).mean() / y.var()
        found.append([1 - naive, 1 - out_of_bag(stacked, counts).estimate])
    naive, corrected = np.mean(found, axis=0)
    assert naive > 0.05
    assert corrected < -0.03


def test_nothing_to_correct_without_a_choice():
    rng = np.random.default_rng(0)
    loss = rng.exponential(size=(200, 1))
    counts = resample(np.arange(200), 400)
    found = out_of_bag(best_in_bag(loss, counts) @ loss.T, counts, root=True)
    assert found.estimate == pytest.approx(np.sqrt(loss.mean()), rel=0.01)
    assert found.low < found.estimate < found.high
    assert found.n == 200


def test_choice_and_score_use_different_rows():
    """Worked by hand: candidate 0 wins on rows 0 and 1, and is scored on row 2 alone."""
    loss = np.array([[0.0, 1.0], [0.0, 1.0], [9.0, 1.0]])
    counts = np.array([[2, 1, 0], [0, 1, 2]])
    weights = best_in_bag(loss, counts)
    assert weights.tolist() == [[1, 0], [0, 1]]
    assert out_of_bag(weights @ loss.T, counts).estimate == (9 + 1) / 2


def test_infinite_loss_in_the_bag_is_not_scored():
    loss = np.array([[np.inf, 2.0], [4.0, np.inf]])
    assert out_of_bag(loss, np.array([[2, 0], [0, 2]])).estimate == 3


def test_resampling_keeps_groups_together():
    groups = np.array([5, 5, 7, 9, 9, 9])
    counts = resample(groups, 50)
    assert (counts[:, [0, 3, 3]] == counts[:, [1, 4, 5]]).all()
    assert (counts[:, [0, 2, 3]].sum(axis=1) == 3).all()
    assert counts.tolist() == resample(groups, 50).tolist()
    assert counts.tolist() != resample(groups, 50, seed=1).tolist()


def test_one_group_leaves_nothing_out():
    with pytest.raises(InputError, match="two or more groups"):
        out_of_bag(np.ones((10, 4)), resample(np.zeros(4), 10))


def test_corrected_difference_by_hand():
    """Fold means 1, 2 and 3: variance 1, of their mean 1/3 + 1/2."""
    folds = np.array([0, 0, 1, 1, 2, 2])
    found = corrected_difference(np.array([0.0, 2, 1, 3, 2, 4]), np.zeros(6), folds)
    assert found.estimate == 2
    assert found.high - 2 == pytest.approx(4.302653 * np.sqrt(1 / 3 + 1 / 2))


def test_cheapest_of_those_not_told_apart():
    rng = np.random.default_rng(1)
    folds = assign_folds(200, 10)
    base = rng.exponential(size=(200, 1))
    loss = base + rng.normal(size=(200, 5)) * 0.02 + [0, 0.001, 0.5, 0.001, 0.002]
    found = indistinguishable(loss, [6, 1, 0, 5, 1], folds)
    assert set(found) == {0, 1, 3, 4}
    assert found[-1] == 0
    assert set(found[:2]) == {1, 4}
    means = loss.mean(axis=0)
    assert means[found[0]] < means[found[1]]


def test_equal_candidates_are_not_told_apart():
    loss = np.random.default_rng(0).exponential(size=(30, 1)).repeat(3, axis=1)
    assert indistinguishable(loss, [3, 1, 2], assign_folds(30)).tolist() == [1, 2, 0]


@pytest.mark.parametrize("choose", [
    lambda loss: best_in_bag(loss, np.array([[2, 0], [0, 2]])),
    lambda loss: indistinguishable(loss, [1, 2], np.array([0, 1])),
])  # fmt: skip
def test_infinite_losses_have_no_order(choose):
    with pytest.raises(InputError, match="loss: found inf; allowed: finite numbers"):
        choose(np.array([[np.inf, 2.0], [4.0, 1.0]]))
