"""The page of a fit: what its first sentence claims."""

from __future__ import annotations

import re

import numpy as np
import pytest

from surefoot.confidence import SGDInferenceRegressor
from surefoot.confidence.fit_page import fit_page
from surefoot.confidence.workflow import coefficients

WORDS = {"table": "t.csv", "target": "y", "what": "the mean of y"}


@pytest.mark.filterwarnings("ignore::surefoot.confidence.health.ConfidenceWarning")
@pytest.mark.parametrize(
    ("n_chains", "said"),
    [
        (
            200,
            r"\*\*1 of 100\*\* coefficients are not zero, all looked at together \([2-9] if each",
        ),
        (10, r"each looked at alone: 5 would be by chance"),
    ],
)
def test_noise_is_not_counted_as_found(n_chains: int, said: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4800, 99))
    y = X[:, 0] + rng.normal(size=4800)
    model = SGDInferenceRegressor(n_chains=n_chains).fit(X, y)
    page = fit_page(model.result_, coefficients(model.result_), [], model, WORDS, None)
    assert re.search(said, page.lead)
