"""The regressor: scikit-learn's contract, honest laws, and tables that are not nice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from surefoot.ground.errors import InputError
from surefoot.surrogates.regressor import SurrogateRegressor, SurrogateWarning
from surefoot.surrogates.simulation.space import Categorical, Integer, Real, Space

FEW: dict[str, Any] = {"candidates": ["gp-se", "pce"], "cv": 5}
RNG = np.random.default_rng(0)
X = RNG.random((40, 2))
NEW = RNG.random((30, 2))


def smooth(X: np.ndarray) -> np.ndarray:
    return np.sin(4 * X[:, 0]) / (0.4 + X[:, 1]) + 4


Y = smooth(X)
MODEL = SurrogateRegressor(**FEW).fit(X, Y)


def test_means_are_near_and_intervals_hold() -> None:
    mean, sd = MODEL.predict(NEW, return_std=True, on_extrapolation="ignore")
    assert np.abs(mean - smooth(NEW)).max() < 0.05
    assert ((mean - smooth(NEW)) ** 2).mean() < 4 * (sd**2).mean()
    lower, upper = MODEL.predict_interval(NEW, 0.95)
    assert ((lower <= smooth(NEW)) & (smooth(NEW) <= upper)).mean() > 0.8


def test_all_answers_come_from_one_law() -> None:
    law = MODEL.predict_law(NEW)
    mean, sd = MODEL.predict(NEW, return_std=True, on_extrapolation="ignore")
    np.testing.assert_array_equal(law.mean(), mean)
    np.testing.assert_array_equal(law.std(), sd)
    np.testing.assert_array_equal(law.quantile([0.1]), MODEL.predict_quantiles(NEW, [0.1]))
    np.testing.assert_array_equal(law.log_density(mean), MODEL.log_prob(NEW, mean))
    drawn = MODEL.sample(NEW, 4000, seed=1)
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=5 * sd.max() / np.sqrt(4000))
    np.testing.assert_allclose(drawn.std(axis=0), sd, rtol=0.1)
    _, covariance = MODEL.predict(NEW, return_cov=True, on_extrapolation="ignore")
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), sd, rtol=1e-6)


def test_draws_hang_together_over_rows() -> None:
    near = np.vstack([NEW[:1], NEW[:1] + 1e-4])
    drawn = SurrogateRegressor(["gp-se"], cv=3).fit(X, Y).sample(near, 500)
    assert spearmanr(drawn).statistic > 0.5


def test_the_same_numbers_for_any_number_of_workers() -> None:
    again = SurrogateRegressor(**FEW, n_jobs=2).fit(X, Y)
    np.testing.assert_array_equal(MODEL.predict_law(NEW).mean(), again.predict_law(NEW).mean())
    board, its = (m.leaderboard_.drop(columns="cpu_s") for m in (MODEL, again))
    pd.testing.assert_frame_equal(board, its, check_exact=True)


def test_the_same_numbers_in_any_order_of_rows_and_columns() -> None:
    order = RNG.permutation(40)
    again = SurrogateRegressor(**FEW).fit(X[order], Y[order])
    np.testing.assert_allclose(
        again.predict_law(NEW).mean(), MODEL.predict_law(NEW).mean(), atol=1e-5
    )
    turned = SurrogateRegressor(**FEW).fit(X[:, ::-1], Y)
    assert np.abs(turned.predict_law(NEW[:, ::-1]).mean() - smooth(NEW)).max() < 0.05


def test_units_do_not_matter() -> None:
    again = SurrogateRegressor(**FEW).fit(X * [1e-6, 1e8] + [3, -4e8], 1e9 + 1e-3 * Y)
    mean = again.predict_law(NEW * [1e-6, 1e8] + [3, -4e8]).mean()
    np.testing.assert_allclose((mean - 1e9) / 1e-3, smooth(NEW), atol=0.05)


def test_predictions_of_many_threads_are_those_of_one() -> None:
    expected = MODEL.predict_law(NEW).mean()
    with ThreadPoolExecutor(4) as pool:
        for mean in pool.map(lambda _: MODEL.predict_law(NEW).mean(), range(8)):
            np.testing.assert_array_equal(mean, expected)


def test_the_leaderboard_has_the_stack_the_members_and_the_baselines() -> None:
    board = MODEL.leaderboard_
    assert board.index[0] == "stack"
    assert {"mean", "linear", "nearest", "gp-se", "pce"} <= set(board.index)
    assert board["weight"].sum() == pytest.approx(1)
    assert board["nlpd"].iloc[1:].is_monotonic_increasing
    estimate = MODEL.estimate_[0]
    assert estimate["nrmse"].low < estimate["nrmse"].estimate < estimate["nrmse"].high
    assert board.loc["mean", "nrmse"] == pytest.approx(1, abs=0.1)


def test_nothing_is_learned_from_rows_left_out() -> None:
    """A candidate that remembers responses by input must not look good out of fold."""

    class Memory(RegressorMixin, BaseEstimator):
        def fit(self, X: np.ndarray, y: np.ndarray) -> Memory:
            self.known_ = {row.tobytes(): value for row, value in zip(X, y, strict=True)}
            return self

        def predict(self, X: np.ndarray) -> np.ndarray:
            return np.array([self.known_.get(row.tobytes(), 0.0) for row in X])

    noise = RNG.normal(size=40)
    model = SurrogateRegressor(["linear", ("memory", Memory())], cv=5, warps="identity")
    board = model.fit(X, noise).leaderboard_
    assert board.loc["memory", "nrmse"] > 0.9


def test_a_table_that_teaches_nothing_gives_the_mean() -> None:
    noise = RNG.normal(size=60)
    model = SurrogateRegressor(cv=5).fit(RNG.random((60, 3)), noise)
    assert np.ptp(model.predict(RNG.random((50, 3)), on_extrapolation="ignore")) < 1.5
    assert model.estimate_[0]["nrmse"].high > 1


def test_clone_and_grid_search_keep_parameters() -> None:
    model = SurrogateRegressor(["pce"], cv=4, warps=["identity"], random_state=3)
    assert clone(model).get_params() == model.get_params()
    choices = {"candidates": [["mean"], ["gp-se"]], "cv": [3]}
    search = GridSearchCV(SurrogateRegressor(), choices, cv=2)
    search.fit(X, Y)
    assert search.best_params_["candidates"] == ["gp-se"]


def test_pipelines_and_foreign_regressors() -> None:
    model = make_pipeline(StandardScaler(), SurrogateRegressor([Ridge(), "pce"], cv=3))
    assert model.fit(X, Y).score(X, Y) > 0.99
    assert "Ridge" in model[-1].leaderboard_.index


def test_conformal_intervals_cover() -> None:
    noisy = Y + 0.3 * RNG.standard_t(3, size=40)
    model = SurrogateRegressor([Ridge()], cv=5, noise="free").fit(X, noisy)
    points = RNG.random((2000, 2))
    lower, upper = model.predict_interval(points, 0.9, "conformal")
    fresh = smooth(points) + 0.3 * RNG.standard_t(3, size=2000)
    assert 0.8 < ((lower <= fresh) & (fresh <= upper)).mean() < 0.99


def test_several_responses() -> None:
    both = np.column_stack([Y, np.exp(Y)])
    model = SurrogateRegressor(["gp-se"], cv=3).fit(X, pd.DataFrame(both, columns=["a", "b"]))
    mean, sd = model.predict(NEW, return_std=True, on_extrapolation="ignore")
    assert mean.shape == sd.shape == (30, 2)
    assert model.predict_quantiles(NEW, [0.1, 0.9]).shape == (30, 2, 2)
    assert model.log_prob(NEW, mean).shape == (30, 2)
    assert model.sample(NEW, 3).shape == (3, 30, 2)
    assert {w for w, _ in model.leaderboard_.index} == {"a", "b"}
    assert len(model.weights_) == 2


def test_linear_constraints_are_preserved() -> None:
    shares = np.column_stack([Y, 10 - Y - X[:, 0], X[:, 0]])
    model = SurrogateRegressor(["gp-se"], cv=3, linear_constraints="preserve").fit(X, shares)
    total = model.predict(NEW, on_extrapolation="ignore").sum(axis=1)
    assert np.abs(total - 10).max() < 1e-9
    with pytest.raises(InputError, match="projected to preserve"):
        model.predict_interval(NEW, method="conformal")


@pytest.mark.parametrize("responses", ["one", "field"])
def test_what_was_saved_predicts_bit_for_bit(tmp_path: Path, responses: str) -> None:
    y = Y if responses == "one" else np.stack([Y, Y**2, Y + X[:, 0]], axis=1)
    model = SurrogateRegressor(**FEW, field=responses == "field").fit(X, y)
    model.save(tmp_path / "model.npz")
    again = SurrogateRegressor.load(tmp_path / "model.npz")
    for mine, its in zip(
        model.predict(NEW, return_std=True, on_extrapolation="ignore"),
        again.predict(NEW, return_std=True, on_extrapolation="ignore"),
        strict=True,
    ):
        np.testing.assert_array_equal(mine, its)
    np.testing.assert_array_equal(model.in_domain(NEW), again.in_domain(NEW))
    np.testing.assert_array_equal(model.sample(NEW, 2), again.sample(NEW, 2))
    with pytest.raises(InputError, match="no folds in its file"):
        _ = again.leaderboard_


def test_words_are_categories() -> None:
    frame = pd.DataFrame({"x": X[:, 0], "mesh": np.where(X[:, 1] > 0.5, "fine", "coarse")})
    model = SurrogateRegressor(["linear", "gp-se"], cv=3).fit(frame, Y)
    assert model.predict(frame.iloc[:3]).shape == (3,)
    with pytest.raises(InputError, match="mesh"):
        model.predict(frame.iloc[:3].assign(mesh="medium"))


def test_a_space_puts_columns_in_order_and_knows_its_box() -> None:
    space = Space(a=Real(0, 1), n=Integer(1, 9), mesh=Categorical(["a", "b"]))
    frame = space.from_unit(RNG.random((40, 3)))
    y = frame["a"].to_numpy() + 0.1 * frame["n"].to_numpy()
    model = SurrogateRegressor(["linear", "gp-se"], cv=3, space=space).fit(frame, y)
    swapped = frame[["mesh", "a", "n"]].iloc[:5]
    np.testing.assert_array_equal(model.predict(swapped), model.predict(frame.iloc[:5]))
    beyond = frame.iloc[:1].assign(a=1.5)
    assert not model.in_domain(beyond).any()
    with pytest.raises(InputError, match="unknown|column"):
        model.predict(frame.iloc[:5].rename(columns={"a": "z"}))


def test_the_domain_is_where_scores_were_measured() -> None:
    assert MODEL.in_domain(X).all()
    far = np.array([[5.0, 5.0]])
    assert not MODEL.in_domain(far).any()
    with pytest.warns(SurrogateWarning, match="1 of 1 rows outside"):
        MODEL.predict(far)
    with pytest.raises(InputError, match="row 0"):
        MODEL.predict(far, on_extrapolation="raise")
    assert np.isnan(MODEL.predict(far, on_extrapolation="nan")).all()


def test_small_tables() -> None:
    six = SurrogateRegressor(["gp-se", "linear"]).fit(X[:6], Y[:6])
    assert len(np.unique(six.fold_)) == 6
    wide = SurrogateRegressor(cv=3).fit(RNG.random((12, 30)), RNG.random(12))
    assert np.isfinite(wide.predict(RNG.random((4, 30)), on_extrapolation="ignore")).all()
    thin = SurrogateRegressor(cv=3).fit(X[:, :1], np.sin(5 * X[:, 0]))
    assert thin.score(X[:, :1], np.sin(5 * X[:, 0])) > 0.999


def test_no_rows_give_no_predictions() -> None:
    assert MODEL.predict(np.empty((0, 2))).shape == (0,)


def test_repeated_runs_are_merged_or_noise() -> None:
    twice = np.vstack([X, X[:3]])
    merged = SurrogateRegressor(**FEW).fit(twice, np.append(Y, Y[:3]))
    assert "3 rows repeat another exactly and were merged" in merged.remarks_
    np.testing.assert_array_equal(merged.predict_law(NEW).mean(), MODEL.predict_law(NEW).mean())
    other = np.append(Y, Y[:3] + 1)
    with pytest.raises(InputError, match="rows 0 and 40: equal inputs"):
        SurrogateRegressor(**FEW, noise="none").fit(twice, other)
    noisy = SurrogateRegressor(["gp-noise"], cv=3).fit(twice, other)
    assert noisy.fold_[0] == noisy.fold_[40]


def test_equal_responses_are_a_constant() -> None:
    with pytest.warns(SurrogateWarning, match="all responses are equal"):
        model = SurrogateRegressor().fit(X, np.full(40, 3.0))
    np.testing.assert_allclose(model.predict(NEW, on_extrapolation="ignore"), 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cv": 1}, "cv: found 1"),
        ({"cv": 41}, "folds: found 41"),
        ({"noise": "some"}, "noise"),
        ({"candidates": ["kriging"]}, "candidate"),
        ({"candidates": [3]}, "candidates: found 3"),
        ({"candidates": [Ridge(), Ridge(alpha=2)]}, "two named 'Ridge'"),
        ({"linear_constraints": "some"}, "linear_constraints"),
        ({"warps": ["square"]}, "warp"),
    ],
)
def test_wrong_parameters(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SurrogateRegressor(**FEW | change).fit(X, Y)


def test_wrong_tables() -> None:
    holes = X.copy()
    holes[7, 1] = np.nan
    with pytest.raises(InputError, match=r"X: found NaN or infinity at \(7, 1\)"):
        SurrogateRegressor(**FEW).fit(holes, Y)
    with pytest.raises(InputError, match=r"y: found NaN or infinity at \(3,\)"):
        SurrogateRegressor(**FEW).fit(X, np.where(np.arange(40) == 3, np.inf, Y))
    with pytest.raises(InputError, match="n_samples=4"):
        SurrogateRegressor(**FEW).fit(X[:4], Y[:4])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        SurrogateRegressor(**FEW).fit(X, Y[:-1])
    with pytest.raises(ValueError, match="Complex data"):
        SurrogateRegressor(**FEW).fit(X + 1j, Y)


def test_a_candidate_that_fails_is_left_out_and_named() -> None:
    class Broken(RegressorMixin, BaseEstimator):
        def fit(self, X: np.ndarray, y: np.ndarray) -> Broken:
            raise ValueError("no")

    model = SurrogateRegressor(["pce", Broken()], cv=3).fit(X, Y)
    assert "candidate Broken was left out: ValueError: no" in model.remarks_


def test_constant_columns_are_left_out() -> None:
    model = SurrogateRegressor(**FEW).fit(np.column_stack([X, np.ones(40)]), Y)
    assert "column x2 is constant and was left out" in model.remarks_
    points = np.column_stack([NEW, np.ones(30)])
    np.testing.assert_array_equal(model.predict_law(points).mean(), MODEL.predict_law(NEW).mean())


def test_leaving_the_value_of_a_constant_column_is_leaving_the_domain(tmp_path: Path) -> None:
    model = SurrogateRegressor(**FEW).fit(np.column_stack([X, np.full(40, 3.0)]), Y)
    points = np.column_stack([X[:2], [3.0, 4.0]])
    model.save(tmp_path / "model.npz")
    for each in (model, SurrogateRegressor.load(tmp_path / "model.npz")):
        assert each.in_domain(points).tolist() == [True, False]
        with pytest.raises(InputError, match="1 of 2 rows outside the domain"):
            each.predict(points, on_extrapolation="raise")
    mean, covariance = model.predict(points, return_cov=True, on_extrapolation="nan")
    assert np.isnan(mean).tolist() == [False, True]
    assert np.isnan(covariance).tolist() == [[False, True], [True, True]]


def test_a_level_that_never_ended_well_is_outside_and_its_failures_stay_there() -> None:
    space = Space(a=Real(0, 1), b=Real(0, 1), mesh=Categorical(["fine", "coarse"]))
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "mesh": "fine"})
    coarse = frame.assign(mesh="coarse")
    model = SurrogateRegressor(**FEW, space=space).fit(frame, Y, failed=coarse)
    assert model.in_domain(frame).all()
    assert not model.in_domain(coarse).any()


def test_constant_columns_beside_words_keep_their_value(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": X[:, 0], "mesh": np.where(X[:, 1] > 0.5, "fine", "coarse")})
    wide = frame.assign(solver="lu", cores=4)
    model = SurrogateRegressor(["linear", "gp-se"], cv=3).fit(wide, Y)
    assert "column solver is constant and was left out" in model.remarks_
    model.save(tmp_path / "model.npz")
    alone = SurrogateRegressor(["linear", "gp-se"], cv=3).fit(frame, Y)
    for each in (model, SurrogateRegressor.load(tmp_path / "model.npz")):
        np.testing.assert_array_equal(each.predict(wide), alone.predict(frame))
        with pytest.raises(InputError, match="row 0, column 'solver': found 'qr'; allowed: 'lu'"):
            each.predict(wide.assign(solver="qr"))
        with pytest.raises(InputError, match="columns: found 'cores'"):
            each.predict(wide.drop(columns="cores"))
