"""What estimators are asked after a fit: the methods of their result, under the same names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.confidence.coordinates import Contrast, Which
from surefoot.confidence.ellipsoid import Ellipsoid, NormBall
from surefoot.confidence.hypotheses import HypothesisTest
from surefoot.confidence.result import InferenceResult

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


class ResultMethods(ABC):
    """Confidence sets and tests of a fitted model.

    Each is the method of the same name of `InferenceResult`, with the same arguments; parameters
    are named as in ``result_.names``, the intercept "const".
    """

    @abstractmethod
    def _fitted(self) -> InferenceResult:
        """Return the result, or raise scikit-learn's `NotFittedError`."""

    def conf_int(self, level: float | None = None, **options: Any) -> pd.DataFrame:
        """Return confidence intervals for parameters."""
        return self._fitted().conf_int(level, **options)

    def confidence_ellipsoid(self, level: float | None = None, which: Which = None) -> Ellipsoid:
        """Return an ellipsoid that holds the chosen parameters together."""
        return self._fitted().confidence_ellipsoid(level, which)

    def norm_ball(self, level: float | None = None, p: float = 2, which: Which = None) -> NormBall:
        """Return a ball around the run that holds the chosen parameters together."""
        return self._fitted().norm_ball(level, p, which)

    def t_test(self, contrast: Contrast, value: float = 0.0) -> HypothesisTest:
        """Test whether a parameter, or a combination of some, has a value."""
        return self._fitted().t_test(contrast, value)

    def wald_test(self, R: Contrast, q: ArrayLike | None = None) -> HypothesisTest:
        """Test R θ = q, all rows together."""
        return self._fitted().wald_test(R, q)

    def test_all_zero(self, which: Which = None) -> HypothesisTest:
        """Test whether all the chosen parameters are 0, by the largest |t| of any."""
        return self._fitted().test_all_zero(which)

    def functional(
        self, fn: Callable[[Floats], ArrayLike], level: float | None = None, **options: Any
    ) -> pd.DataFrame:
        """Return intervals for any function of the parameters."""
        return self._fitted().functional(fn, level, **options)

    def to_frame(self, level: float | None = None) -> pd.DataFrame:
        """Return a row a parameter: estimate, std_error, t, p_value, lower, upper, companions."""
        return self._fitted().to_frame(level)

    def summary(self, level: float | None = None) -> str:
        """Return the estimates as a table of text, with what is known about the run."""
        return self._fitted().summary(level)

    @property
    def cov_(self) -> Floats:
        """Covariance matrix of the estimates, shape (d, d), with the intercept if there is one."""
        return self._fitted().covariance

    @property
    def chains_(self) -> Floats:
        """The averaged perturbed copies, shape (M, d), read-only."""
        return self._fitted().chains

    @property
    def pvalues_(self) -> Floats:
        """Two-sided p-value of the t test that each parameter is 0, shape (d,)."""
        return self._fitted().pvalues
