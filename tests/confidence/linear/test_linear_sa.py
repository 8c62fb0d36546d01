"""Linear stochastic approximation: a plain loop's numbers, any chunking, the sandwich's spread."""

from __future__ import annotations

import warnings
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from surefoot.confidence.health import ConfidenceWarning
from surefoot.confidence.linear.health import MeanRecursion
from surefoot.confidence.linear.linear_sa import LinearSA
from surefoot.confidence.linear.pilot import fit_linear_pilot
from surefoot.confidence.linear.rows import factored
from surefoot.confidence.schedule import StepSchedule
from surefoot.ground.errors import InputError, UnmetError

THETA = np.array([1.0, -2.0, 0.5])
LOADINGS = np.array([[1.0, 0.5, 0.0], [0.0, 1.0, -0.5], [0.3, 0.0, 1.0]])


class Instrumented(NamedTuple):
    Z: NDArray
    U: NDArray
    r: NDArray


def instrumented(n: int, seed: int = 0) -> Instrumented:
    """Return u = Lz + noise and r = u'θ + error; the noise is part of the error, so A ≠ A'."""
    rng = np.random.default_rng(seed)
    Z, noise = rng.normal(size=(2, n, 3))
    U = Z @ LOADINGS.T + 0.7 * noise
    return Instrumented(Z, U, U @ THETA + noise[:, 0] + rng.normal(size=n))


def run(rows: Instrumented, **options: Any) -> LinearSA:
    made = LinearSA(3, **{"n_chains": 5, "seed": 3, "pilot": 60} | options)
    made.consume(*rows)
    made.finish()
    return made


def everything(made: LinearSA) -> NDArray:
    averages = made.averages()
    return np.vstack([averages.estimate, averages.chains])


def plain_loop(made: LinearSA, A: NDArray, b: NDArray) -> NDArray:
    """One chain at a time, one observation at a time: averages (M + 1, d)."""
    assert made.pilot is not None
    n, B = len(A), made.batch_size
    ids = np.arange(n) // made.block_length
    W = made.multiplier.row_weights(made.seed, ids, slice(0, made.n_chains + 1))
    W[:, 0] = 1
    averages = []
    for chain in W.T:
        theta, total, count = made.mean_recursion().start, np.zeros(3), 0
        for k, start in enumerate(range(0, n, B), 1):
            members = range(start, min(start + B, n))
            step = sum(chain[i] * (A[i] @ theta - b[i]) for i in members)
            theta = theta - made.schedule.step(k) / B * made.pilot.gain @ step
            if members.stop > made.burn_in:
                total, count = total + len(members) * theta, count + len(members)
        averages.append(total / count)
    return np.array(averages)


@pytest.mark.parametrize("precondition", [True, False])
@pytest.mark.parametrize(
    ("batch_size", "burn_in", "block_length"), [(1, 0, 1), (8, 0, 1), (8, 64, 1), (16, 70, 5)]
)
def test_the_run_equals_a_plain_loop(
    batch_size: int, burn_in: int, block_length: int, precondition: bool
) -> None:
    rows = instrumented(203)
    made = run(
        rows, batch_size=batch_size, burn_in=burn_in, block_length=block_length,
        precondition=precondition,
    )  # fmt: skip
    expected = plain_loop(made, np.einsum("ni,nj->nij", rows.Z, rows.U), rows.Z * rows.r[:, None])
    np.testing.assert_allclose(everything(made), expected, rtol=1e-9, atol=1e-12)


def test_matrices_are_taken_as_they_are() -> None:
    rng = np.random.default_rng(1)
    A, b = LOADINGS + rng.normal(size=(150, 3, 3)) / 2, rng.normal(size=(150, 3))
    for precondition in (True, False):
        made = LinearSA(3, n_chains=5, seed=3, pilot=60, batch_size=8, precondition=precondition)
        made.consume_dense(A[0], b[0])
        made.consume_dense(A[1:], b[1:])
        made.finish()
        expected = plain_loop(made, A, b)
        np.testing.assert_allclose(everything(made), expected, rtol=1e-9, atol=1e-12)


def test_factors_and_their_products_are_one_run() -> None:
    rows = instrumented(300)
    by_matrix = LinearSA(3, n_chains=5, seed=3, pilot=60, precondition=False)
    by_matrix.consume_dense(np.einsum("ni,nj->nij", rows.Z, rows.U), rows.Z * rows.r[:, None])
    by_matrix.finish()
    by_factors = everything(run(rows, precondition=False))
    np.testing.assert_allclose(everything(by_matrix), by_factors, rtol=1e-9)


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 500), max_size=12),
    batch_size=st.sampled_from([1, 8, 32, 300]),
)
def test_any_chunking_gives_the_same_bits(cuts: list[int], batch_size: int) -> None:
    rows = instrumented(500)
    chunked = LinearSA(3, n_chains=5, seed=3, pilot=60, batch_size=batch_size)
    for start, stop in pairwise([0, *sorted(cuts), 500]):
        # Memory layout must not matter either.
        chunked.consume(*(np.asfortranarray(column[start:stop]) for column in rows))
    chunked.finish()
    whole = run(rows, batch_size=batch_size)
    np.testing.assert_array_equal(everything(chunked), everything(whole))
    np.testing.assert_array_equal(chunked.mean_recursion().A, whole.mean_recursion().A)


def test_row_ids_decide_the_weights_not_positions() -> None:
    rows, ids = instrumented(320), np.random.default_rng(0).permutation(320) - 100
    shifted, again = (LinearSA(3, n_chains=5, seed=3, pilot=60) for _ in range(2))
    for made in (shifted, again):
        made.consume(*rows, row_ids=ids)
    counted = run(rows)
    np.testing.assert_array_equal(shifted.averages().estimate, counted.averages().estimate)
    assert (shifted.averages().chains != counted.averages().chains).all()
    np.testing.assert_array_equal(everything(shifted), everything(again))


def test_rows_that_share_ids_share_weights() -> None:
    rows = instrumented(320)
    blocks = run(rows, block_length=4)
    by_id = LinearSA(3, n_chains=5, seed=3, pilot=60, schedule=blocks.schedule)
    by_id.consume(*rows, row_ids=np.arange(320) // 4)
    np.testing.assert_array_equal(everything(by_id), everything(blocks))


def test_the_spread_is_that_of_the_sandwich_and_the_truth_is_found() -> None:
    n = 60_000
    result = run(instrumented(n), n_chains=400, pilot="auto").result()
    # A = E z u' = L', and the error has variance 2 whatever z is.
    inverse = np.linalg.inv(LOADINGS.T)
    std_errors = np.sqrt(np.diag(2 * inverse @ inverse.T) / n)
    np.testing.assert_allclose(result.std_errors, std_errors, rtol=0.12)
    assert (np.abs(result.center - THETA) < 4 * std_errors).all()
    assert result.diagnostics["predicted bias / SD"] < 0.25
    assert result.n_seen == n


def test_units_scale_the_parameters_and_nothing_else() -> None:
    rows, scales = instrumented(2000), np.array([1e-3, 1.0, 50.0])
    whole = everything(run(rows))
    scaled = run(rows._replace(Z=rows.Z * [7.0, 0.1, 1.0], U=rows.U * scales))
    np.testing.assert_allclose(everything(scaled) * scales, whole, rtol=1e-8)


def test_the_average_starts_with_the_first_iterate_after_the_burn_in() -> None:
    rows = instrumented(24)
    common = {"batch_size": 8, "pilot": 8, "precondition": False, "burn_in": 8}
    one = LinearSA(3, n_chains=2, **common)
    one.consume(*(column[:16] for column in rows))
    second, was = one.averages(), everything(one).copy()
    one.consume(*(column[16:] for column in rows))
    # The published code kept a reference to the iterate in the place of a sum.
    np.testing.assert_array_equal(second.estimate, was[0])
    third = LinearSA(3, n_chains=2, **common | {"burn_in": 16})
    third.consume(*rows)
    np.testing.assert_allclose(everything(one), (was + everything(third)) / 2, rtol=1e-12)
    assert one.first_averaged == 2


def test_a_result_leaves_the_run_as_it_was() -> None:
    rows = instrumented(1000)
    looked_at, left_alone = (LinearSA(3, n_chains=5, pilot=60) for _ in range(2))
    for start in range(0, 1000, 250):
        part = [column[start : start + 250] for column in rows]
        looked_at.consume(*part)
        left_alone.consume(*part)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConfidenceWarning)
            assert looked_at.result().n_seen == start + 250
    np.testing.assert_array_equal(everything(looked_at), everything(left_alone))


def test_fewer_rows_than_a_pilot_are_all_the_pilot() -> None:
    rows = instrumented(100)
    few = run(rows, pilot="auto")
    np.testing.assert_array_equal(everything(few), everything(run(rows, pilot=100)))


def test_what_the_pilot_never_saw_is_learned_later() -> None:
    rng = np.random.default_rng(0)
    seen = np.r_[rng.integers(0, 2, 500), rng.integers(0, 3, 29_500)]
    U = np.eye(3)[seen]
    made = LinearSA(3, pilot=200)
    made.consume(U, U, THETA[seen] + rng.normal(size=30_000))
    result = made.result()
    assert (np.abs(result.center - THETA) < 4 * result.std_errors).all()
    np.testing.assert_allclose(result.std_errors, np.sqrt(3 / 30_000), rtol=0.2)


def test_mean_recursion_is_a_product_of_steps() -> None:
    # Without a basis of eigenvectors, as chains that end in a terminal state are.
    A = np.array([[0.4, -0.3, 0.0], [0.0, 0.4, -0.3], [0.0, 0.0, 0.4]])
    schedule = StepSchedule(1.0, 0.6, 2.0)
    recursion = MeanRecursion(A, A @ THETA, np.zeros(3), schedule)
    product, products = np.eye(3), []
    for k in range(1, 101):
        product = (np.eye(3) - schedule.step(k) * A) @ product
        products.append(product)
    expected = np.mean(products[30:], axis=0) @ -THETA
    np.testing.assert_allclose(recursion.bias(31, 100), expected, rtol=1e-10)
    assert recursion.contraction == pytest.approx(0.4)


def test_a_start_that_is_not_forgotten_is_predicted() -> None:
    rng = np.random.default_rng(0)
    Z, noise = rng.normal(size=(10_000, 3)), rng.normal(size=10_000) / 10
    U = Z @ LOADINGS.T
    cold = LinearSA(3, precondition=False, schedule=StepSchedule(0.02, 0.6))
    cold.consume(Z, U, U @ THETA + noise)
    with pytest.warns(ConfidenceWarning) as caught:
        result = cold.result()
    assert any("the start is not forgotten" in str(w.message) for w in caught)
    farthest = np.max(np.abs(result.center - THETA) / result.std_errors)
    assert farthest > 3
    assert result.diagnostics["predicted bias / SD"] == pytest.approx(farthest, rel=0.1)


def test_a_mean_that_pushes_away_is_told_and_a_gain_turns_it() -> None:
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(3000, 1)) + 1
    U = -Z
    plain = LinearSA(1, precondition=False, schedule=StepSchedule(0.001, 0.6), batch_size=8)
    plain.consume(Z, U, U[:, 0] + rng.normal(size=3000))
    with pytest.warns(ConfidenceWarning) as caught:
        plain.result()
    assert any("leads away from the solution" in str(w.message) for w in caught)
    turned = LinearSA(1, batch_size=8)
    turned.consume(Z, U, U[:, 0] + rng.normal(size=3000))
    result = turned.result()
    assert abs(result.center[0] - 1) < 4 * result.std_errors[0]


def test_a_run_that_diverged_is_no_result() -> None:
    rows = instrumented(3000)
    wild = run(rows, precondition=False, schedule=StepSchedule(500.0, 0.6, 0.0), batch_size=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(UnmetError, match="the run diverged"):
            wild.result()


def test_a_perfect_fit_is_told() -> None:
    rows = instrumented(12_000)
    exact = LinearSA(3)
    exact.consume(rows.Z, rows.U, rows.U @ THETA)
    with pytest.warns(ConfidenceWarning, match="all chains agree") as caught:
        result = exact.result()
    assert len(caught) == 1
    np.testing.assert_allclose(result.center, THETA)


def test_a_stream_that_changes_is_told() -> None:
    early, late = instrumented(12_000, 1), instrumented(12_000, 2)
    made = LinearSA(3)
    made.consume(*early)
    made.consume(late.Z, late.U, late.r + late.U @ [0.0, 0.0, 0.3])
    with pytest.warns(ConfidenceWarning, match="the halves of the run differ"):
        result = made.result()
    drift = 0.3 / 2 / result.std_errors[2]
    assert result.diagnostics["drift between halves / SD"] == pytest.approx(drift, rel=0.3)


def test_weights_that_rows_share_make_steps_shorter() -> None:
    rows, largest = instrumented(200), 2.6181
    alone, together = run(rows), run(rows, block_length=32)
    assert alone.pilot is not None
    assert together.schedule.step(0) == pytest.approx(
        1 / (largest * alone.pilot.batch_curvature), rel=1e-3
    )
    assert together.schedule.step(0) < alone.schedule.step(0) / 1.2


def test_instruments_that_tell_nothing_make_no_large_steps() -> None:
    Z, U = np.random.default_rng(0).normal(size=(2, 300, 3))
    gain = fit_linear_pilot(factored(Z, U, U[:, 0], None, 3, 0), batch_size=8).gain
    # Both are about white already: none is taken to be correlated by less than √(d/n).
    assert np.linalg.norm(gain, 2) < 1.15 * np.sqrt(300 / 3)


def test_rows_that_are_alike_for_a_while_make_steps_shorter() -> None:
    seen = np.repeat(np.tile(np.arange(4), 4), 32)
    rng = np.random.default_rng(0)
    found = []
    for states in (seen, rng.permutation(seen)):
        X = np.eye(4)[states]
        rows = factored(X, X, np.ones(len(X)), None, 4, 0)
        found.append(fit_linear_pilot(rows, batch_size=32).batch_curvature)
    # Minibatches of one state each have curvature 4 in it, mixed ones about 1.
    assert found[0] == pytest.approx(4)
    assert found[1] < 1.5


ROWS = instrumented(70)
NAN = np.where(np.arange(3) == 1, np.nan, ROWS.U)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((ROWS.Z[:, :2], ROWS.U, ROWS.r), r"Z: found shape \(70, 2\); allowed: \(rows, 3\)"),
        ((ROWS.Z, ROWS.U[:9], ROWS.r), r"U: found shape \(9, 3\); allowed: \(70, 3\)"),
        ((ROWS.Z, ROWS.U, ROWS.r[:9]), r"r: found shape \(9,\)"),
        ((ROWS.Z, NAN, ROWS.r), r"U: found NaN or infinity at \(0, 1\)"),
        ((ROWS.Z, ROWS.U, ["a"] * 70), "r: .* allowed: numbers"),
        ((ROWS.Z, ROWS.U, ROWS.r, np.arange(9)), "row_ids: found shape"),
        ((ROWS.Z, ROWS.U, ROWS.r, np.arange(70) / 2), "row_ids: .* of float64"),
    ],
)
def test_what_is_no_observation_is_refused(arguments: tuple, match: str) -> None:
    with pytest.raises(InputError, match=match):
        LinearSA(3).consume(*arguments)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"d": 0}, "d: found 0"),
        ({"n_chains": 1}, "n_chains: found 1"),
        ({"batch_size": 0}, "batch_size: found 0"),
        ({"burn_in": -1}, "burn_in: found -1"),
        ({"pilot": "none"}, "pilot: found 'none'"),
        ({"pilot": 0}, "pilot: found 0"),
        ({"block_length": 0}, "block_length: found 0"),
        ({"theta": [1.0]}, r"theta: found shape \(1,\)"),
        ({"names": ["a"]}, "names: found 1 names"),
        ({"confidence_level": 1.0}, "confidence_level: found 1.0"),
        ({"multiplier": "normal"}, "multiplier: found 'normal'"),
    ],
)
def test_what_is_no_option_is_refused(options: dict, match: str) -> None:
    with pytest.raises(InputError, match=match):
        LinearSA(**{"d": 3} | options)


def test_what_can_not_begin_says_why() -> None:
    with pytest.raises(InputError, match="no averaged row; allowed: rows beyond"):
        LinearSA(3).averages()
    with pytest.raises(InputError, match="no averaged row; allowed: rows beyond"):
        LinearSA(3).result()
    few = LinearSA(3)
    few.consume(*(column[:3] for column in ROWS))
    with pytest.raises(InputError, match="pilot: found 3 rows; allowed: 4 or more"):
        few.finish()
    with pytest.raises(InputError, match="a mean A of 0"):
        LinearSA(3, pilot=70).consume(ROWS.Z, 0 * ROWS.U, ROWS.r)
    with pytest.raises(InputError, match="either consume or consume_dense"):
        few.consume_dense(np.eye(3), np.ones(3))
