"""Every scheme equals its own weights applied to the stored iterates."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.averaging.networks import distance, live_vector, mlp, served, train

from surefoot.averaging import EMA, LAWA, PowerEMA, SegmentMeans, Tail, TwoTailed, WeightAverager
from surefoot.averaging.schemes import Scheme
from surefoot.ground.errors import InputError

SCHEMES = [
    EMA(0.9),
    EMA(0.99, every=3),
    EMA(0.9, warmup=None, start=7),
    EMA(0.999, warmup="power"),
    EMA(horizon=20),
    EMA(0.0),
    LAWA(5),
    LAWA(4, every=3, start=10),
    LAWA(1),
    Tail(),
    Tail(start=0.5),
    Tail(every=7),
    PowerEMA(0.1),
    PowerEMA(gamma=0.0),
    PowerEMA(0.05, every=2),
    TwoTailed(),
]


def replayed(scheme: Scheme, weights: np.ndarray, trajectory: list[torch.Tensor]) -> torch.Tensor:
    taken = [theta for i, theta in enumerate(trajectory) if scheme.is_due(i + 1)]
    assert len(taken) == len(weights)
    return sum(float(w) * theta for w, theta in zip(weights, taken, strict=True))


@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
def test_an_average_is_its_weights_times_the_iterates(scheme: Scheme) -> None:
    model = mlp()
    averager = WeightAverager(model, {"a": scheme}, total_steps=60)
    trajectory: list[torch.Tensor] = []

    def compare() -> None:
        averager.update()
        trajectory.append(live_vector(model))
        if averager.pushes("a"):  # also while a window fills
            wanted = replayed(averager.schemes["a"], averager.weights("a"), trajectory)
            assert distance(served(averager, "a"), wanted) < 1e-6

    train(model, 60, compare)
    assert averager.pushes("a") > 1


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 400),
    scheme=st.one_of(
        st.builds(
            EMA, st.floats(0, 0.9999), warmup=st.sampled_from(["bias-correct", "power", None])
        ),
        st.builds(LAWA, st.integers(1, 50)),
        st.builds(PowerEMA, st.floats(0.01, 0.288)),
        st.just(Tail()),
    ),
)
def test_weights_are_a_distribution(n: int, scheme: Scheme) -> None:
    weights = scheme.weights(n)
    assert weights.shape == (n,)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1, abs=1e-9)


def test_the_forms_the_papers_state() -> None:
    n = 50
    ages = np.arange(n)[::-1]
    debiased = 0.9**ages / (0.9**ages).sum()
    np.testing.assert_allclose(EMA(0.9).weights(n), debiased, rtol=1e-12)
    textbook = 0.1 * 0.9**ages
    textbook[0] = 0.9 ** (n - 1)  # the first iterate keeps what is left
    np.testing.assert_allclose(EMA(0.9, warmup=None).weights(n), textbook, rtol=1e-12)
    np.testing.assert_allclose(Tail().weights(n), np.full(n, 1 / n), rtol=1e-12)
    np.testing.assert_allclose(PowerEMA(gamma=0).weights(n), np.full(n, 1 / n), rtol=1e-12)
    # The weight of iterate n among n is b_n's complement: 1 − (1 − 1/n)^(γ+1).
    gamma = PowerEMA(0.1).exponent
    assert PowerEMA(0.1).weights(n)[-1] == pytest.approx(1 - (1 - 1 / n) ** (gamma + 1))


@pytest.mark.parametrize(("sigma", "gamma"), [(0.05, 16.97), (0.10, 6.94), (12**-0.5, 0.0)])
def test_the_width_of_a_power_ema(sigma: float, gamma: float) -> None:
    scheme = PowerEMA(sigma)
    assert scheme.exponent == pytest.approx(gamma, abs=0.005)
    n = 20_000
    share = np.arange(1, n + 1) / n
    weights = scheme.weights(n)
    mean = weights @ share
    assert np.sqrt(weights @ (share - mean) ** 2) == pytest.approx(sigma, rel=2e-3)


def test_a_decay_is_per_step_whatever_every_is() -> None:
    # The share that the latest 100 steps have in the average does not depend on `every`.
    by_one = EMA(0.99, warmup=None).weights(1000)[-100:].sum()
    by_four = EMA(0.99, warmup=None, every=4).weights(250)[-25:].sum()
    assert by_four == pytest.approx(by_one, rel=1e-12)


def test_a_horizon_is_the_window_with_the_same_mean_age() -> None:
    scheme = EMA(horizon=21).resolved(None)
    n = 5000
    ages = np.arange(n)[::-1]
    assert scheme.weights(n) @ ages == pytest.approx(LAWA(21).weights(n) @ ages, rel=1e-6)
    assert EMA(horizon=0.01).resolved(2100).decay == scheme.decay


def test_durations_as_shares() -> None:
    scheme = LAWA(10, every=0.001, start=0.25).resolved(20_000)
    assert (scheme.every, scheme.start) == (20, 5000)
    assert LAWA(10, every=0.001).resolved(50).every == 1  # at least one step
    due = [t for t in range(1, 101) if Tail(start=0.5).resolved(100).is_due(t)]
    assert due == list(range(51, 101))  # the second half


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (EMA(np.float32(0.5), every=np.int64(2)), EMA(0.5, every=2)),
        (EMA(torch.tensor(0.5)), EMA(0.5)),
        (EMA(horizon=np.float64(0.1), start=np.int32(3)), EMA(horizon=0.1, start=3)),
        (LAWA(np.int64(3)), LAWA(3)),
        (SegmentMeans(np.int64(3), base=np.int64(2)), SegmentMeans(3, base=2)),
        (PowerEMA(np.float32(0.25)), PowerEMA(0.25)),
    ],
)
def test_numbers_of_numpy_and_torch_become_plain(given: Scheme, wanted: Scheme) -> None:
    assert json.dumps(given.resolved(50).to_dict()) == json.dumps(wanted.resolved(50).to_dict())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EMA(), "one of decay and horizon"),
        (lambda: EMA(0.9, horizon=10), "one of decay and horizon"),
        (lambda: EMA(1.0), r"EMA\.decay: found 1\.0"),
        (lambda: EMA(-0.1), r"EMA\.decay"),
        (lambda: EMA("0.9"), r"EMA\.decay: found '0\.9'"),
        (lambda: EMA(float("nan")), r"EMA\.decay"),
        (lambda: EMA(0.9, warmup="slow"), "bias-correct"),
        (lambda: LAWA(0), r"LAWA\.window: found 0"),
        (lambda: LAWA(2.5), r"LAWA\.window"),
        (lambda: PowerEMA(0.5), r"sigma_rel: found 0\.5"),
        (lambda: PowerEMA(0.1, gamma=3), "one of sigma_rel and gamma"),
        (lambda: PowerEMA(gamma=-1), "gamma"),
        (lambda: Tail(every=0).resolved(None), r"Tail\.every: found 0"),
        (lambda: Tail(every=0.1).resolved(None), "total_steps"),
        (lambda: Tail(start=-1).resolved(None), r"Tail\.start"),
        (lambda: Tail(start=1.0).resolved(10), r"\[0, 1\)"),
        (lambda: Tail(every=True).resolved(10), r"Tail\.every: found True"),
        (lambda: EMA(0.9, every=0.5).weights(3), "durations in steps"),
    ],
)
def test_bad_recipes_are_refused(make: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()
