"""Warnings point at the line that asked, however many calls of the room lie between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.confidence.synthetic import stream

from surefoot.confidence.estimators import SGDInferenceRegressor
from surefoot.confidence.health import ConfidenceWarning

ROWS = stream(400, 3)
FEW: dict[str, Any] = {"n_chains": 20}


@pytest.mark.parametrize(
    "ask",
    [
        lambda: SGDInferenceRegressor(**FEW).fit(ROWS.X, ROWS.y),
        lambda: SGDInferenceRegressor(**FEW).fit_stream([(ROWS.X, ROWS.y)]),
    ],
)
def test_a_fit_points_here(ask: Callable[[], Any]) -> None:
    with pytest.warns(ConfidenceWarning, match="steps") as caught:
        ask()
    assert {warning.filename for warning in caught} == {__file__}


@pytest.mark.filterwarnings("ignore::surefoot.confidence.health.ConfidenceWarning")
def test_a_question_points_here() -> None:
    model = SGDInferenceRegressor(**FEW).fit(ROWS.X, ROWS.y)
    with pytest.warns(RuntimeWarning, match="for an ellipsoid") as caught:
        model.confidence_ellipsoid()
        model.result_.confidence_ellipsoid()
    assert [warning.filename for warning in caught] == [__file__] * 2
    assert np.isfinite(model.coef_).all()
