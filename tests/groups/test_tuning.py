from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import loguniform
from tests.groups.data import FAST, small_celeba

from surefoot import InputError
from surefoot.ground.errors import UnmetError
from surefoot.groups import tune
from surefoot.groups.rivals import ERMClassifier
from surefoot.groups.tuning import choose

pytestmark = pytest.mark.filterwarnings("ignore::surefoot.groups.selection.SmallValidationWarning")


def _tune(estimator: ERMClassifier, space: dict, **options: object):
    task = small_celeba()
    return tune(
        estimator, space, task.train.X, task.train.y,
        X_val=task.validation.X, y_val=task.validation.y, seeds=(0, 1), **options,
    )  # fmt: skip


def test_an_unstable_configuration_never_wins() -> None:
    scores = np.array([[0.60, 0.62], [0.00, 0.87], [0.70, 0.71]])
    choice = choose(scores, rarest=500)
    assert choice.index == 2
    assert choice.stable.tolist() == [True, False, True]


def test_the_default_stays_within_one_standard_error() -> None:
    scores = np.array([[0.70, 0.70], [0.72, 0.72]])
    assert choose(scores, rarest=150).index == 0
    assert choose(scores, rarest=100_000).index == 1
    assert "within one standard error" in choose(scores, rarest=150).reason


def test_nothing_stable_is_refused() -> None:
    with pytest.raises(UnmetError, match="no configuration is stable"):
        choose(np.array([[0.0, 0.87], [0.9, 0.1]]), rarest=100)


def test_a_hopeless_default_is_replaced() -> None:
    hopeless = ERMClassifier(**FAST | {"learning_rate": 1e-6})
    tuning = _tune(hopeless, {"learning_rate": [0.1, 1e-7]})
    assert tuning.best_params_ == {"learning_rate": 0.1}
    assert tuning.table["chosen"].tolist() == [False, True, False]
    assert tuning.best_estimator_.learning_rate == 0.1
    assert tuning.best_estimator_.predict(small_celeba().test.X[:3]).shape == (3,)


def test_random_search_is_keyed_and_a_diverging_configuration_scores_zero() -> None:
    base = ERMClassifier(**FAST, max_grad_norm=None)
    space = {"learning_rate": loguniform(1e-2, 1e-1)}
    first, second = _tune(base, space, n_iter=2), _tune(base, space, n_iter=2)
    assert first.table["learning_rate"].iloc[1:].tolist() == (
        second.table["learning_rate"].iloc[1:].tolist()
    )
    worst = _tune(base, {"learning_rate": [1e18]}).table
    assert worst["score"].iloc[1] == 0


def test_bad_requests() -> None:
    with pytest.raises(InputError, match="space: found 'lr'"):
        _tune(ERMClassifier(**FAST), {"lr": [0.1]})
    task = small_celeba()
    with pytest.raises(InputError, match="at least two different seeds"):
        tune(
            ERMClassifier(**FAST), {}, task.train.X, task.train.y,
            X_val=task.validation.X, y_val=task.validation.y, seeds=(0, 0),
        )  # fmt: skip
