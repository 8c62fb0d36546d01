from __future__ import annotations

import pytest
from tests.groups.data import FAST, small_celeba

from surefoot import InputError
from surefoot.ground.intervals import Interval
from surefoot.groups import FairDropoutClassifier, diagnose
from surefoot.groups.diagnosis import Diagnosis
from surefoot.groups.rivals import ERMClassifier

pytestmark = pytest.mark.filterwarnings("ignore::surefoot.groups.selection.SmallValidationWarning")


def _arguments() -> dict:
    task = small_celeba()
    return {
        "X": task.train.X, "y": task.train.y, "X_val": task.validation.X,
        "y_val": task.validation.y, "X_test": task.test.X, "y_test": task.test.y,
        "groups_test": task.test.attribute,
    }  # fmt: skip


def test_all_three_methods_are_measured_on_every_seed() -> None:
    found = diagnose(FairDropoutClassifier(**FAST), **_arguments(), seeds=(0, 1))
    assert sorted(found.table["method"].unique()) == ["ERM", "FairDropout", "re-drawn masks"]
    assert len(found.table) == 6
    assert set(found.memory) == {"drop_test", "keep_test", "drop_train", "own_train"}
    table = found.table.pivot_table(index="seed", columns="method", values="argmax")
    assert found.gain.estimate == pytest.approx((table["FairDropout"] - table["ERM"]).mean())
    assert "FairDropout" in str(found)


def test_parameters_are_shared_and_the_classifier_is_not_changed() -> None:
    classifier = FairDropoutClassifier(**FAST, threshold="argmax")
    first = diagnose(classifier, **_arguments(), seeds=(0, 1))
    assert classifier.threshold == "argmax"
    assert not hasattr(classifier, "network_")
    again = diagnose(classifier, **_arguments(), seeds=(0, 1))
    assert first.table.equals(again.table)


def _interval(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, low, high, 0.95, "t", 5)


@pytest.mark.parametrize(
    ("features", "tying", "words"),
    [
        ((0.1, 0.2), (0.1, 0.2), ["its features help", "Tying masks to examples helps"]),
        ((-0.2, -0.1), (-0.2, -0.1), ["do not use it here", "tying hurts"]),
        ((-0.1, 0.1), (-0.1, 0.1), ["is the threshold's", "not shown to matter"]),
    ],
)
def test_the_sentence_follows_the_intervals(
    features: tuple, tying: tuple, words: list[str]
) -> None:
    import pandas as pd

    diagnosis = Diagnosis(
        pd.DataFrame(), {}, _interval(0, 0.1), _interval(0, 0.1), _interval(*features),
        _interval(*tying),
    )  # fmt: skip
    assert all(word in diagnosis.sentence for word in words)


def test_bad_requests() -> None:
    with pytest.raises(InputError, match="a FairDropoutClassifier"):
        diagnose(ERMClassifier(), **_arguments())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="two different seeds"):
        diagnose(FairDropoutClassifier(), **_arguments(), seeds=(0,))
