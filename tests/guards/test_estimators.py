"""Guard 3: every estimator keeps scikit-learn's contract; skips carry their reason."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from surefoot.confidence import SGDInferenceClassifier, SGDInferenceRegressor
from surefoot.groups.classifier import FairDropoutClassifier
from surefoot.groups.rivals import (
    ClassBalancedClassifier,
    DropoutClassifier,
    ERMClassifier,
    GroupDROClassifier,
    GroupReweightedClassifier,
    JTTClassifier,
    LastLayerRetraining,
)
from surefoot.incentives import IncentiveClassifier
from surefoot.surrogates import SurrogateRegressor

# What an estimator is checked with: small, and with argmax, since thresholds make predict choose
# another class than the most probable one, which is their purpose.
SMALL: dict[str, Any] = {
    "epochs": 30, "batch_size": 16, "hidden": (32,), "threshold": "argmax", "learning_rate": 0.1,
}  # fmt: skip
ESTIMATORS = [
    FairDropoutClassifier(**SMALL, p_gen=0.5),
    ERMClassifier(**SMALL),
    DropoutClassifier(**SMALL, p=0.2),
    ClassBalancedClassifier(**SMALL),
    JTTClassifier(**SMALL, upweight=2.0),
    LastLayerRetraining(ERMClassifier(**SMALL), n_heads=3),
]
INFERENCE = [
    SGDInferenceRegressor(n_chains=5),
    SGDInferenceRegressor(n_chains=5, loss="huber"),
    SGDInferenceRegressor(n_chains=5, loss="quantile"),
    SGDInferenceClassifier(n_chains=5),
]
STACKS = [
    SurrogateRegressor(["gp-se"], cv=3, warps="identity"),
    SurrogateRegressor(["pce"], cv=3, noise="free", linear_constraints="preserve"),
]
RULES = [
    IncentiveClassifier(),
    IncentiveClassifier(loss="squared"),
]
WISHING = [IncentiveClassifier(desirable={"x0": 1}, beta=0.1)]
NEEDS_GROUPS = [GroupReweightedClassifier(**SMALL), GroupDROClassifier(**SMALL)]

_SAMPLING = "rows are drawn in keyed minibatches: a weight of 2 is not the same draw as two rows"
_FAILING = {
    "check_sample_weight_equivalence_on_dense_data": _SAMPLING,
    "check_methods_subset_invariance": (
        "float32 matrix products of one row and of many differ in the last digits"
    ),
}


_KEYED = {
    "check_sample_weight_equivalence_on_dense_data": (
        "multipliers and order are keyed by row: a weight of 2 is not the same draw as two rows"
    ),
}


_WISHING = {
    "check_fit2d_1feature": "of one feature, all effort is wanted: that is refused as a mistake",
}


def _expected(estimator: Any) -> dict[str, str]:
    if estimator in [*STACKS, *RULES]:
        return {}
    if estimator in WISHING:
        return _WISHING
    return _KEYED if estimator in INFERENCE else _FAILING


@pytest.mark.filterwarnings("ignore::surefoot.groups.selection.SmallValidationWarning")
@pytest.mark.filterwarnings("ignore::surefoot.confidence.ConfidenceWarning")
@parametrize_with_checks(
    [*ESTIMATORS, *INFERENCE, *STACKS, *RULES, *WISHING], expected_failed_checks=_expected
)
def test_contract(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("estimator", NEEDS_GROUPS, ids=lambda e: type(e).__name__)
def test_methods_that_need_groups_say_so(estimator: Any) -> None:
    from surefoot import InputError

    with pytest.raises(InputError, match="group labels of the training rows"):
        estimator.fit([[0.0], [1.0]] * 20, [0, 1] * 20)
