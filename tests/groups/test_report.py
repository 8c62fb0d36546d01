from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from surefoot import InputError
from surefoot.ground.files import finite
from surefoot.groups import compare, group_report


def _rows(seed: int = 0, n: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    y, a = generator.integers(0, 2, n), generator.choice(["f", "m"], n)
    predicted = np.where(generator.random(n) < np.where(a == "m", 0.9, 0.7), y, 1 - y)
    return y, predicted, a


def test_numbers_are_those_of_a_group_by() -> None:
    y, predicted, a = _rows()
    report = group_report(y, predicted, a)
    frame = pd.DataFrame({"y": y, "a": a, "hit": y == predicted})
    expected = frame.groupby(["y", "a"])["hit"].mean()
    for (label, attribute), accuracy in expected.items():
        row = report.table[report.table["group"] == f"y={label}, {attribute}"]
        assert row["accuracy"].item() == pytest.approx(accuracy)
    assert report.worst_group_accuracy.estimate == pytest.approx(expected.min())
    assert report.mean_group_accuracy == pytest.approx(expected.mean())
    assert report.accuracy == pytest.approx(frame["hit"].mean())
    assert report.balanced_accuracy == pytest.approx(frame.groupby("y")["hit"].mean().mean())
    assert report.worst_class_accuracy == pytest.approx(frame.groupby("y")["hit"].mean().min())


def test_agrees_with_scikit_learn() -> None:
    from sklearn.metrics import balanced_accuracy_score

    y, predicted, a = _rows(1)
    report = group_report(y, predicted, a)
    assert report.balanced_accuracy == pytest.approx(balanced_accuracy_score(y, predicted))


def test_the_interval_of_the_worst_group_is_not_that_of_the_group_that_looks_worst() -> None:
    y, predicted, a = _rows()
    report = group_report(y, predicted, a)
    own = report.table.set_index("group").loc[report.worst_group]
    assert report.worst_group_accuracy.high > own["high"]


def test_attributes_alone() -> None:
    y, predicted, a = _rows()
    assert set(group_report(y, predicted, a, cross=False).table["group"]) == {"f", "m"}


def test_training_mix_weights_groups_by_their_share_there() -> None:
    y, predicted = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    a = np.array(["x", "y", "x", "y"])
    report = group_report(
        y, predicted, a, training_groups=["x"] * 8 + ["y"] * 2, training_y=[0, 1] * 4 + [0, 1]
    )
    # shares .4 (0,x) .4 (1,x) .1 (0,y) .1 (1,y); only (0,y) is wrong
    assert report.training_mix_accuracy == pytest.approx(0.9)


def test_calibration_error_of_a_calibrated_and_an_overconfident_model() -> None:
    generator = np.random.default_rng(0)
    p = generator.uniform(0.5, 1.0, 40_000)
    y = (generator.random(40_000) > p).astype(int)
    proba = np.column_stack([p, 1 - p])
    good = group_report(y, proba.argmax(1), y, y_proba=proba)
    bad = group_report(y, proba.argmax(1), y, y_proba=np.column_stack([p**0.1, 1 - p**0.1]))
    assert good.calibration_error is not None
    assert good.calibration_error < 0.01
    assert bad.calibration_error is not None
    assert bad.calibration_error > 0.1


def test_small_groups_are_flagged_and_count() -> None:
    report = group_report([0, 0, 0, 1], [0, 0, 0, 0], ["a", "a", "a", "b"], min_size=2)
    assert report.table.set_index("group")["small"].to_dict() == {"y=0, a": False, "y=1, b": True}
    assert report.worst_group == "y=1, b"
    assert "few rows" in str(report)


def test_text_labels_and_json() -> None:
    report = group_report(["no", "yes"], ["no", "no"], ["a", "b"])
    parsed = json.loads(json.dumps(finite(report.to_dict())))
    assert parsed["worst_group"] == "y=yes, b"
    assert parsed["training_mix_accuracy"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([0, 1], [0], ["a", "b"]), "y_true"),
        (([0, 1], [0, 1], ["a"]), "1 rows"),
        (([], [], []), "no rows"),
        (([0, float("nan")], [0, 1], ["a", "b"]), "missing label"),
    ],
)
def test_bad_input(arguments: tuple, words: str) -> None:
    with pytest.raises(InputError, match=words):
        group_report(*arguments)


def test_bad_options() -> None:
    with pytest.raises(InputError, match="not in training"):
        group_report([0, 1], [0, 1], ["a", "b"], training_groups=["a"], training_y=[0])
    with pytest.raises(InputError, match="training_y"):
        group_report([0, 1], [0, 1], ["a", "b"], training_groups=["a"])
    with pytest.raises(InputError, match="y_proba"):
        group_report([0, 1], [0, 1], ["a", "b"], y_proba=[[1.0], [1.0]])
    with pytest.raises(InputError, match="confidence_level"):
        group_report([0, 1], [0, 1], ["a", "b"], confidence_level=2).worst_group_accuracy  # noqa: B018


def test_compare_is_paired() -> None:
    y, first, a = _rows()
    better = np.where((a == "f") & (np.arange(len(y)) % 3 == 0), y, first)
    comparison = compare(group_report(y, first, a), group_report(y, better, a))
    table = comparison.table.set_index("group")
    assert (table["only_a"] == 0).all()
    assert (table.loc[["y=0, m", "y=1, m"], "difference"] == 0).all()
    assert (table.loc[["y=0, m", "y=1, m"], "p_value"] == 1).all()
    assert (table.loc[["y=0, f", "y=1, f"], "p_value"] < 0.01).all()
    assert comparison.worst_group_difference.low > 0


def test_compare_mcnemar_equals_the_binomial_test() -> None:
    from scipy.stats import binomtest

    y, first, a = _rows(2)
    _, second, _ = _rows(3)
    table = compare(group_report(y, first, a), group_report(y, second, a)).table
    for row in table.itertuples():
        expected = binomtest(row.only_b, row.only_a + row.only_b).pvalue
        assert row.p_value == pytest.approx(expected)


def test_comparing_a_report_with_itself_is_zero() -> None:
    y, predicted, a = _rows()
    report = group_report(y, predicted, a)
    difference = compare(report, report).worst_group_difference
    assert (difference.low, difference.estimate, difference.high) == (0, 0, 0)


def test_compare_covers_the_true_difference() -> None:
    """Truth known: worst-group accuracies .7 and .8 of two independent models."""
    covered = 0
    for seed in range(200):
        generator = np.random.default_rng(seed)
        y, a = np.zeros(600, dtype=int), np.repeat(["f", "m"], 300)
        p, q = np.where(a == "f", 0.7, 0.95), np.where(a == "f", 0.8, 0.95)
        first = (generator.random(600) > p).astype(int)
        second = (generator.random(600) > q).astype(int)
        interval = compare(
            group_report(y, first, a), group_report(y, second, a), seed=seed
        ).worst_group_difference
        covered += interval.low <= 0.1 <= interval.high
    assert covered >= 180


def test_compare_refuses_different_rows() -> None:
    y, predicted, a = _rows()
    with pytest.raises(InputError, match="same rows"):
        compare(group_report(y, predicted, a), group_report(y[1:], predicted[1:], a[1:]))
