"""The engine: equal to a plain loop, the same bits for any chunking, honest about what breaks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.confidence.synthetic import LOSSES, Stream, engine, run, stream

from surefoot.confidence.engine import ChainEngine, nbytes_needed
from surefoot.confidence.losses import LogLoss, Squared
from surefoot.confidence.pilot import fit_pilot, no_pilot
from surefoot.confidence.schedule import StepSchedule
from surefoot.ground.errors import InputError


def plain_loop(made: ChainEngine, rows: Stream, epochs: int = 1) -> NDArray:
    """One chain at a time, one row at a time: averages (M + 1, d), in the user's coordinates."""
    gain, averages = made.pilot.scale @ made.pilot.scale.T, []
    W = made.multiplier.row_weights(made.seed, np.arange(len(rows.y)), slice(0, made.n_chains + 1))
    W[:, 0] = 1
    B, n = made.batch_size, len(rows.y)
    for chain in W.T:
        theta, k = made.pilot.theta, 0
        for _ in range(epochs):
            total, count = np.zeros_like(theta), 0.0
            for start in range(0, n, B):
                members, step = range(start, min(start + B, n)), np.zeros_like(theta)
                k += 1
                for i in members:
                    score = made.loss.score(rows.X[[i]] @ theta, rows.y[[i]])[0]
                    step += chain[i] * (score * rows.X[i] + made.ridge * theta)
                theta = theta - made.schedule.step(k) / B * gain @ step
                total, count = total + theta * len(members), count + len(members)
        averages.append(total / count)
    return np.array(averages)


def everything(made: ChainEngine) -> NDArray:
    averages = made.averages()
    return np.vstack([averages.estimate, averages.chains])


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("batch_size", "ridge", "epochs"), [(1, 0.0, 1), (8, 0.0, 1), (8, 0.3, 1), (32, 0.0, 2)]
)
def test_the_engine_equals_a_plain_loop(
    loss: str, batch_size: int, ridge: float, epochs: int
) -> None:
    rows = stream(203, 4, loss=loss)
    made = run(rows, loss, batch_size=batch_size, ridge=ridge)
    for _ in range(epochs - 1):
        made.start_epoch()
        made.consume(rows.X, rows.y)
        made.finish()
    expected = plain_loop(made, rows, epochs)
    np.testing.assert_allclose(everything(made), expected, rtol=1e-10, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 700), max_size=12),
    batch_size=st.sampled_from([1, 8, 32, 300]),
    dtype=st.sampled_from(["float64", "float32"]),
)
def test_any_chunking_gives_the_same_bits(cuts: list[int], batch_size: int, dtype: str) -> None:
    rows = stream(700, 3, loss="log_loss")
    options = {"batch_size": batch_size, "dtype": dtype, "companions": ("plugin",)}
    whole, chunked = run(rows, "log_loss", **options), engine(rows, "log_loss", **options)
    edges = [0, *sorted(cuts), 700]
    for start, stop in pairwise(edges):
        # Memory layout must not matter either.
        chunked.consume(np.asfortranarray(rows.X[start:stop]), rows.y[start:stop])
    chunked.finish()
    np.testing.assert_array_equal(everything(chunked), everything(whole))
    np.testing.assert_array_equal(
        chunked.companion_covariance("plugin"), whole.companion_covariance("plugin")
    )


def test_row_ids_decide_the_weights_not_positions() -> None:
    rows = stream(320, 3)
    ids = np.random.default_rng(0).permutation(320) - 100
    shifted, counted = engine(rows), engine(rows)
    shifted.consume(rows.X, rows.y, row_ids=ids)
    counted.consume(rows.X, rows.y)
    same, other = shifted.averages(), counted.averages()
    np.testing.assert_array_equal(same.estimate, other.estimate)
    assert (same.chains != other.chains).all()
    again = engine(rows)
    again.consume(rows.X, rows.y, row_ids=ids)
    np.testing.assert_array_equal(again.averages().chains, same.chains)


def test_more_chains_leave_the_earlier_ones_alone() -> None:
    rows = stream(1000, 5)
    few, more = run(rows, n_chains=7).averages(), run(rows, n_chains=40).averages()
    rest = run(rows, n_chains=33, first_chain=8).averages()
    np.testing.assert_allclose(more.chains[:7], few.chains, rtol=1e-11)
    np.testing.assert_allclose(more.chains[7:], rest.chains, rtol=1e-11)
    np.testing.assert_allclose(more.estimate, rest.estimate, rtol=1e-11)


@pytest.mark.parametrize("loss", LOSSES)
def test_units_of_features_scale_coefficients_and_nothing_else(loss: str) -> None:
    rows = stream(1500, 4, loss=loss)
    units = np.array([1e-5, 3.0, 700.0, 1e6])
    plain, scaled = run(rows, loss), run(rows._replace(X=rows.X * units), loss)
    np.testing.assert_allclose(everything(scaled) * units, everything(plain), rtol=1e-6)


def test_linear_maps_of_features_map_the_chains() -> None:
    rows = stream(1500, 4)
    A = np.random.default_rng(1).normal(size=(4, 4))
    plain, mapped = run(rows), run(rows._replace(X=rows.X @ A))
    np.testing.assert_allclose(everything(mapped) @ A.T, everything(plain), rtol=1e-6, atol=1e-8)


def test_every_row_weighs_the_same_also_in_a_short_minibatch() -> None:
    rows = stream(330, 3)
    made = run(rows, batch_size=32)
    assert made.averages().n_rows == made.n_rows == 330
    assert made.n_steps == 11


def test_sample_weights_multiply_the_gradient() -> None:
    rows = stream(640, 3)
    plain, weighted, halved = engine(rows), engine(rows), engine(rows)
    keep = np.arange(640) < 320
    weighted.consume(rows.X, rows.y, sample_weight=np.where(keep, 1.0, 0.0))
    plain.consume(rows.X[keep], rows.y[keep])
    np.testing.assert_allclose(weighted._chains.phi, plain._chains.phi, rtol=1e-12)
    halved.consume(rows.X, rows.y, sample_weight=np.full(640, 0.5))
    assert (halved._chains.phi != weighted._chains.phi).any()


def test_the_caller_may_reuse_its_arrays() -> None:
    rows = stream(330, 3)
    made, X, y = engine(rows), np.empty((110, 3)), np.empty(110)
    for start in range(0, 330, 110):
        X[:], y[:] = rows.X[start : start + 110], rows.y[start : start + 110]
        made.consume(X, y)
    made.finish()
    np.testing.assert_array_equal(everything(made), everything(run(rows)))


def test_burn_in_leaves_out_the_first_rows() -> None:
    rows = stream(640, 3)
    late = run(rows, burn_in=320)
    first = engine(rows)
    first.consume(rows.X[:320], rows.y[:320])
    whole = run(rows)
    expected = 2 * everything(whole) - everything(first)
    np.testing.assert_allclose(everything(late), expected, rtol=1e-9)
    assert late.first_averaged == 11
    with pytest.raises(InputError, match="rows beyond the burn-in"):
        run(rows, burn_in=640).averages()


def test_epochs_with_the_same_weights_tighten_and_with_fresh_ones_would_not() -> None:
    rows = stream(2000, 3, seed=4)
    ols = np.linalg.solve(rows.X.T @ rows.X, rows.X.T @ rows.y)
    r = rows.X @ ols - rows.y
    bread = np.linalg.inv(rows.X.T @ rows.X)
    robust = np.sqrt(np.diag(bread @ (rows.X.T * r**2) @ rows.X @ bread))
    ratios = []
    for fresh in (0, 2000):
        made = run(rows, n_chains=400)
        for epoch in range(1, 4):
            made.start_epoch()
            made.consume(rows.X, rows.y, row_ids=np.arange(2000) + fresh * epoch)
        made.finish()
        ratios.append((made.averages().chains.std(0) / robust).mean())
    assert ratios[0] == pytest.approx(1.05, abs=0.08)
    assert ratios[1] < 0.95


def test_a_ridge_is_weighted_with_its_row() -> None:
    # The spread is that of the gradients around their mean: with the penalty unweighted the mean
    # gradient of the data, −ridge · θ, would be counted as noise.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6000, 3)) + 0.5
    y = X @ [2.0, -1, 1] + 0.5 * rng.normal(size=6000)
    made = run(Stream(X, y, np.zeros(3)), ridge=1.0, n_chains=400, batch_size=16)
    H = X.T @ X / 6000 + np.eye(3)
    optimum = np.linalg.solve(H, X.T @ y / 6000)
    gradients = X * (X @ optimum - y)[:, None]
    sandwich = np.linalg.inv(H) @ np.cov(gradients.T) @ np.linalg.inv(H) / 6000
    averages = made.averages()
    ratios = averages.chains.std(0) / np.sqrt(np.diag(sandwich))
    np.testing.assert_allclose(ratios, 1.02, atol=0.12)
    assert np.abs(averages.estimate - optimum).max() < 3 * np.sqrt(np.diag(sandwich).max())


def test_float32_chains_are_close() -> None:
    rows = stream(3000, 5, loss="log_loss")
    double, single = run(rows, "log_loss"), run(rows, "log_loss", dtype="float32")
    np.testing.assert_allclose(everything(single), everything(double), atol=2e-4)
    assert single.averages().chains.dtype == np.float64


def test_a_chain_that_explodes_is_kept_and_reported() -> None:
    rows = stream(4000, 20)
    start = no_pilot(20, row_curvature=20.0)
    schedule = StepSchedule(100.0, 0.501, 0.0)
    made = ChainEngine(Squared(), start, schedule=schedule, n_chains=20, batch_size=1)
    made.consume(rows.X[:800], rows.y[:800])
    averages = made.averages()
    assert averages.chains.shape == (20, 20)
    assert not averages.finite.all()


def test_a_pilot_in_time_order_stays_finite_and_says_so() -> None:
    # The pilot sees one month only; the indicators of the others are constant in it.
    rng = np.random.default_rng(0)
    month = np.arange(6000) // 1000
    X = np.hstack([np.eye(6)[month], rng.normal(size=(6000, 2))])
    y = X @ np.linspace(-1, 1, 8) + rng.normal(size=6000)
    made = run(Stream(X, y, np.zeros(8)), n0=200)
    assert made.pilot.rank == 3
    assert made.rows_outside == 5000
    assert np.isfinite(everything(made)).all()
    assert np.abs(everything(made)).max() < 10


def test_one_parameter_and_a_perfect_fit() -> None:
    X = np.random.default_rng(0).normal(size=(400, 1))
    averages = run(Stream(X, 2 * X[:, 0], np.array([2.0]))).averages()
    np.testing.assert_allclose(averages.estimate, 2, rtol=1e-12)
    np.testing.assert_allclose(averages.chains, 2, rtol=1e-12)


def test_memory_is_stated() -> None:
    # 1000 · 201 · 24 bytes for the chains, 24 MB for the matrices, the rest is small.
    assert nbytes_needed(1000, 200) == pytest.approx(29.3e6, rel=0.02)
    assert nbytes_needed(1000, 200, n0=20_000) - nbytes_needed(1000, 200) == 8 * 20_000 * 1000
    assert nbytes_needed(1000, 200, dtype="float32") < nbytes_needed(1000, 200)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_chains": 1}, "n_chains"), ({"batch_size": 0}, "batch_size"),
        ({"burn_in": -1}, "burn_in"), ({"first_chain": 0}, "first_chain"),
        ({"dtype": "float16"}, "dtype"), ({"companions": ("plug-in",)}, "did you mean 'plugin'"),
        ({"multiplier": "normal"}, "multiplier"), ({"block_length": 0}, "block_length"),
    ],
)  # fmt: skip
def test_bad_options_are_refused(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        engine(stream(200, 2), **options)


@pytest.mark.parametrize(
    ("X", "y", "more", "message"),
    [
        ([[1, 2, 3]], [0], {}, r"X: found shape \(1, 3\); allowed: \(rows, 2\)"),
        ([[1, np.nan]], [0], {}, "X, row 0, column 1"),
        ([[1, 2]], [np.inf], {}, "y"),
        ([[1, 2]], [0, 1], {}, "y"),
        ([[1, 2]], [2], {}, "targets of the log_loss loss"),
        ([[1, 2]], [0], {"sample_weight": [-1]}, "weights from 0"),
        ([[1, 2]], [0], {"row_ids": [0.5]}, "1 integers"),
    ],
)
def test_bad_rows_are_refused_and_change_nothing(
    X: list, y: list, more: dict, message: str
) -> None:
    rows = stream(200, 2, loss="log_loss")
    made = engine(rows, "log_loss")
    made.consume(rows.X[:50], rows.y[:50])
    with pytest.raises(InputError, match=message):
        made.consume(X, y, **more)
    made.consume(rows.X[50:], rows.y[50:])
    made.finish()
    np.testing.assert_array_equal(everything(made), everything(run(rows, "log_loss")))


def test_a_loss_without_curvature_has_no_plug_in() -> None:
    with pytest.raises(InputError, match="one that the quantile loss allows"):
        engine(stream(200, 2), "quantile", companions=("plugin",))


def test_extreme_logits_stay_finite() -> None:
    rows = stream(500, 2, loss="log_loss")
    pilot = fit_pilot(rows.X[:200], rows.y[:200], LogLoss())
    made = ChainEngine(LogLoss(), pilot, n_chains=4)
    made.consume(rows.X * np.where(np.arange(500) == 300, 1e5, 1)[:, None], rows.y)
    made.finish()
    assert np.isfinite(everything(made)).all()
    assert made.rows_outside == 1


def test_shared_weights_make_the_first_steps_shorter() -> None:
    rows = stream(400, 3)
    alone, shared = engine(rows), engine(rows, block_length=50)
    assert shared.schedule.step(1) < 0.9 * alone.schedule.step(1)
