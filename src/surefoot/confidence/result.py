"""What SGD learned and how sure it is: every confidence set and test that chains can give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.confidence import hypotheses, pushed
from surefoot.confidence.coordinates import (
    Contrast,
    Which,
    as_names,
    contrasts,
    described,
    positions,
)
from surefoot.confidence.ellipsoid import Ellipsoid, NormBall, ellipsoid_of, norm_ball_of
from surefoot.confidence.hypotheses import HypothesisTest
from surefoot.confidence.intervals_of_chains import Kind, covariance, interval_frame, listed
from surefoot.confidence.pushed import Link
from surefoot.confidence.run_with_chains import RunWithChains
from surefoot.confidence.summary import coefficient_frame, summary_text
from surefoot.ground import saved
from surefoot.ground.errors import InputError
from surefoot.ground.numerals import counted
from surefoot.ground.samples import finite
from surefoot.ground.saved import PathName, group, grouped

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

_KIND = "InferenceResult"
_SETTINGS = ("names", "n_seen", "n_steps", "confidence_level")


@dataclass(frozen=True, eq=False, repr=False)
class InferenceResult(RunWithChains):
    """An averaged run of SGD and its averaged perturbed copies.

    The copies deviate from the run as the run deviates from the truth. Everything is therefore
    centred at the run, and measured in deviations from it.

    Parameters
    ----------
    center : array-like of shape (d,)
        θ̄, the averaged run.
    chains : array-like of shape (M, d)
        The averaged copies, two or more. Copies that are not finite are kept; what they would
        enter is refused, for the parameters concerned.
    names : sequence of str
        Of the parameters.
    n_seen, n_steps : int
        Rows and steps behind the averages.
    confidence_level : float
        Of every set that is not asked for at another level.
    companions : mapping of str to array-like of shape (d,), optional
        Standard errors by other methods, for comparison.
    diagnostics : mapping of str to str or float, optional
        What checks of the run say.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> chains = [1, 0] + rng.normal(size=(200, 2)) * [0.1, 0.2]
    >>> result = InferenceResult([1, 0], chains, ["x1", "x2"], n_seen=10_000, n_steps=312)
    >>> result.conf_int().round(2).loc["x1", ["lower", "upper"]].tolist()
    [0.81, 1.19]
    >>> print(result.t_test("x2"))
    x2 = 0: t = 0.000 (200 degrees of freedom), p = 1.000
    """

    def conf_int(
        self,
        level: float | None = None,
        kind: Kind = "t",
        *,
        simultaneous: bool = False,
        which: Which = None,
    ) -> pd.DataFrame:
        """Return confidence intervals for parameters.

        Parameters
        ----------
        level : float, optional
            In (0, 1).
        kind : {"t", "normal", "symmetric", "basic", "percentile"}
            How single intervals are made:

            - "t", "normal": so many standard errors to each side. Student's t with M degrees of
              freedom is right for any number of chains; the normal quantile is a little short for
              fewer than 50.
            - "symmetric": as far to each side as the chains reach. No normality needed, but 19
              chains for 95%, and its ends are less steady than those of "t".
            - "basic": the tails of the chains, mirrored at the centre: a copy that is too high
              says that the run may be too high, and the truth lower. Needs 39 chains for 95%,
              and 200 for steady ends.
            - "percentile": the tails of the chains as they are. Never the default: the chains
              imitate how the run is spread around the truth, so what is skewed to the right
              belongs on the left, and unmirrored it is on the wrong side.
        simultaneous : bool
            Whether all intervals are to hold together: max-t, the common number of standard errors
            that all deviations of a chain stay within. It is the same for the first three kinds
            and not defined for the last two. Needs 19 chains for 95%.
        which : str, int or sequence of these, optional
            The parameters wanted, by name or index. Fewer simultaneous ones are shorter.

        Returns
        -------
        DataFrame
            Indexed by name: estimate, std_error, lower, upper.

        Raises
        ------
        InputError
            If the level is beyond what so many chains can tell by counting, or a chain of a
            parameter wanted is not finite.

        Warns
        -----
        RuntimeWarning
            If tails are read off fewer than 200 chains, or all chains agree with the run.
        """
        columns = positions(which, self.names)
        names, deviations = self._named(columns), self._deviations(columns)
        return interval_frame(
            names, self.center[columns], deviations, self._level(level), kind,
            simultaneous=simultaneous,
        )  # fmt: skip

    def confidence_ellipsoid(self, level: float | None = None, which: Which = None) -> Ellipsoid:
        """Return an ellipsoid that holds the chosen parameters together.

        Parameters
        ----------
        level : float, optional
        which : str, int or sequence of these, optional

        Raises
        ------
        InputError
            If there are not two chains more than parameters, or they are linearly dependent.

        Warns
        -----
        RuntimeWarning
            With fewer than ten chains a parameter: the ellipsoid is valid but wide.
        """
        columns = positions(which, self.names)
        deviations = self._deviations(columns)
        return ellipsoid_of(
            self._named(columns), self.center[columns], deviations, self._level(level)
        )

    def norm_ball(self, level: float | None = None, p: float = 2, which: Which = None) -> NormBall:
        """Return a ball around the run that holds the chosen parameters together.

        Of use for parameters in one unit, such as the weights of a layer. It needs no more chains
        for more parameters: 19 for 95%.

        Parameters
        ----------
        level : float, optional
        p : 1, 2 or inf
            Of the norm.
        which : str, int or sequence of these, optional
        """
        columns = positions(which, self.names)
        deviations = self._deviations(columns)
        return norm_ball_of(
            self._named(columns), self.center[columns], deviations, self._level(level), p
        )

    def t_test(self, contrast: Contrast, value: float = 0.0) -> HypothesisTest:
        """Test whether a parameter, or a combination of some, has a value.

        Parameters
        ----------
        contrast : str, mapping of str to float, or array-like of shape (d,)
            A name, weights by name such as ``{"x1": 1, "x2": -1}``, or all weights.
        value : float
        """
        rows = contrasts("contrast", contrast, self.names)
        if len(rows) > 1:
            raise InputError("contrast", f"{len(rows)} rows", "one row; wald_test takes several")
        estimate, deviations = self._combined(rows)
        difference = estimate - finite("value", value)
        if difference.shape != (1,):
            raise InputError("value", value, "one number")
        hypothesis = f"{described(rows[0], self.names)} = {float(value):g}"
        return hypotheses.t_test_of(hypothesis, float(difference[0]), deviations[:, 0])

    def wald_test(self, R: Contrast, q: ArrayLike | None = None) -> HypothesisTest:
        """Test R θ = q, all rows together, with an F of r and M − r + 1 degrees of freedom.

        Parameters
        ----------
        R : str, sequence of str, mapping of str to float, or array-like of shape (d,) or (r, d)
            Names mean these parameters, a row each.
        q : array-like of shape (r,), optional
            Default: zeros.

        Raises
        ------
        InputError
            If the rows are linearly dependent, or there are not two chains more than rows.
        """
        rows = contrasts("R", R, self.names)
        values = np.zeros(len(rows)) if q is None else np.atleast_1d(finite("q", q))
        if values.shape != (len(rows),):
            raise InputError("q", f"shape {values.shape}", f"({len(rows)},), one a row of R")
        estimate, deviations = self._combined(rows)
        said = [
            f"{described(row, self.names)} = {value:g}"
            for row, value in zip(rows, values, strict=True)
        ]
        return hypotheses.wald_test_of(listed(said), "R", estimate - values, deviations)

    def test_all_zero(self, which: Which = None) -> HypothesisTest:
        """Test whether all the chosen parameters are 0, by the largest |t| of any (max-t).

        The p-value is (1 + chains that reach as far)/(M + 1), so never below 1/(M + 1).
        """
        columns = positions(which, self.names)
        said = [f"{name} = 0" for name in self._named(columns)]
        deviations = self._deviations(columns)
        return hypotheses.max_t_test_of(listed(said), self.center[columns], deviations)

    def functional(
        self,
        fn: Callable[[Floats], ArrayLike],
        level: float | None = None,
        kind: Kind = "t",
        names: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Return intervals for any function of the parameters, by pushing the chains through it.

        Parameters
        ----------
        fn : callable ``(theta) -> array-like of shape (rows,) or (rows, k)``
            Takes many θ at once, shape (rows, d).
        level : float, optional
        kind : {"t", "normal", "symmetric", "basic", "percentile"}
            See `conf_int`. Where `fn` is strongly curved, "basic" sees the skewness.
        names : sequence of str, optional
            Of what `fn` returns; default: numbers from 0.

        Examples
        --------
        ::

            result.functional(lambda theta: np.exp(theta[:, :2]), names=["odds x1", "odds x2"])
        """
        # What is not finite becomes NaN, so that no function makes a number of it.
        points = np.vstack([self.center, np.where(np.isfinite(self.chains), self.chains, np.nan)])
        values = pushed.through(fn, points)
        k = values.shape[1]
        labels = list(range(k)) if names is None else as_names(names, k)
        deviations = values[1:] - values[0]
        return interval_frame(labels, values[0], deviations, self._level(level), kind)

    def predict_interval(
        self, X: ArrayLike, level: float | None = None, link: Link = "identity"
    ) -> pd.DataFrame:
        """Return intervals for the conditional mean (or quantile) at rows X.

        They say how sure the mean is, not where a new observation will fall.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n, d)
            As the model saw its rows: with the constant, if there is one. The columns of a
            DataFrame must be called as the parameters.
        level : float, optional
        link : {"identity", "logit", "log"}
            What makes the mean linear in θ. Bounds are those of x'θ, taken back through the link.

        Returns
        -------
        DataFrame
            A row for each of X: estimate, std_error (by the delta method), lower, upper.
        """
        rows, index = pushed.design(X, self.names)
        used = np.flatnonzero(rows.any(axis=0))
        spread = covariance(self._deviations(used))
        return pushed.mean_frame(
            rows[:, used], index, self.center[used], spread, self.n_chains, self._level(level), link
        )

    def to_frame(self, level: float | None = None) -> pd.DataFrame:
        """Return a row a parameter: estimate, std_error, t, p_value, lower, upper, companions.

        NaN where a chain is not finite.
        """
        return coefficient_frame(self, self._level(level))

    def summary(self, level: float | None = None) -> str:
        """Return the estimates as a table of text, with what is known about the run."""
        return summary_text(self, self._level(level))

    def save(self, path: PathName) -> None:
        """Write the result to an .npz without pickle.

        Parameters
        ----------
        path : path

        Raises
        ------
        StorageError
        """
        settings = {name: getattr(self, name) for name in _SETTINGS}
        arrays = {"center": self.center, "chains": self.chains}
        companions = grouped("companions", self.companions)
        saved.write(
            path, _KIND, settings | {"diagnostics": dict(self.diagnostics)}, arrays | companions
        )

    @classmethod
    def load(cls, path: PathName) -> Self:
        """Return a result that was saved.

        Parameters
        ----------
        path : path

        Raises
        ------
        InputError
            If there is no such file, or it is damaged, of another kind or of a later version.
        """
        with saved.read(path, _KIND) as (settings, arrays):
            companions = group(arrays, "companions")
            return cls(arrays["center"], arrays["chains"], companions=companions, **settings)

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        d, m = len(self.center), self.n_chains
        sizes = [counted(d, "parameter"), counted(m, "chain"), counted(self.n_seen, "row")]
        return f"<InferenceResult: {', '.join(sizes)}>"

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html())
