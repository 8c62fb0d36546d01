from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot import InputError
from surefoot.groups.selection import (
    SmallValidationWarning,
    calibrate_offsets,
    fit_temperature,
    partition,
    worst_accuracy,
)

pytestmark = pytest.mark.filterwarnings("ignore::surefoot.groups.selection.SmallValidationWarning")


def _rows(seed: int, n: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    y = np.concatenate([np.arange(n_classes), generator.integers(0, n_classes, n)])
    scores = generator.normal(size=(len(y), n_classes)) + 1.5 * np.eye(n_classes)[y]
    scores[:, 0] += 2.0  # a common class that swallows the others
    return scores, y


def test_worst_accuracy_looks_at_cells_that_occur() -> None:
    assert worst_accuracy(np.array([1, 1, 0, 1]), np.array(["a", "a", "b", "b"])) == 0.5


def test_partition_needs_groups_for_worst_group() -> None:
    y = np.array([0, 1])
    assert partition("mean", y, None).tolist() == [0, 0]
    assert partition("worst_class", y, None).tolist() == [0, 1]
    with pytest.raises(InputError, match="group labels of the validation rows"):
        partition("worst_group", y, None)
    with pytest.raises(InputError, match="worst_class"):
        partition("worst_clas", y, None)  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(5, 60))
def test_two_classes_get_the_best_threshold_there_is(seed: int, n: int) -> None:
    scores, y = _rows(seed, n, 2)
    offsets = calibrate_offsets(scores, y, y)
    reached = worst_accuracy((scores + offsets).argmax(1) == y, y)
    margins = np.sort(scores[:, 0] - scores[:, 1])
    thresholds = np.concatenate(
        [[margins[0] - 1], (margins[1:] + margins[:-1]) / 2, [margins[-1] + 1]]
    )
    best = max(worst_accuracy((scores + [0, t]).argmax(1) == y, y) for t in thresholds)
    assert reached == pytest.approx(best)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 5))
def test_more_classes_never_get_worse(seed: int, n_classes: int) -> None:
    scores, y = _rows(seed, 120, n_classes)
    before = worst_accuracy(scores.argmax(1) == y, y)
    offsets = calibrate_offsets(scores, y, y)
    assert offsets[0] == 0
    assert worst_accuracy((scores + offsets).argmax(1) == y, y) >= before


def test_more_classes_gain_where_one_swallows_the_others() -> None:
    scores, y = _rows(1, 600, 4)
    before = worst_accuracy(scores.argmax(1) == y, y)
    after = worst_accuracy((scores + calibrate_offsets(scores, y, y)).argmax(1) == y, y)
    assert after > before + 0.1


def test_the_threshold_is_in_the_middle_of_the_widest_stretch() -> None:
    scores = np.array([[0.0, -5.0], [0.0, -4.0], [0.0, 1.0], [0.0, 2.0]] * 30)
    y = np.array([0, 0, 1, 1] * 30)
    assert calibrate_offsets(scores, y, y)[1] == pytest.approx(1.5)


@pytest.mark.filterwarnings("error::surefoot.groups.selection.SmallValidationWarning")
def test_few_rows_warn() -> None:
    scores, y = _rows(0, 200, 2)
    y[y == 1] = 0
    y[:5] = 1
    with pytest.warns(SmallValidationWarning, match="5 validation rows"):
        calibrate_offsets(scores, y, y)


def test_temperature_finds_the_scale() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(20_000, 3))
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    y = (probabilities.cumsum(1) > generator.random((20_000, 1))).argmax(1)
    assert fit_temperature(3.0 * logits, y) == pytest.approx(3.0, rel=0.05)
