"""Segment means: every horizon after the run, exact where it can be, and honest where not."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.averaging.networks import distance, live_vector, mlp, served, train

from surefoot.averaging import EMA, PowerEMA, SegmentMeans, WeightAverager
from surefoot.averaging.segments import RunningSegments
from surefoot.ground.errors import InputError


def walk(scheme: SegmentMeans, steps: int) -> tuple[WeightAverager, np.ndarray]:
    """Average one parameter along a random walk; return the averager and the walk."""
    parameter = torch.zeros(3, dtype=torch.float64)
    averager = WeightAverager({"w": parameter}, {"s": scheme}, total_steps=steps)
    path = np.random.default_rng(0).normal(size=(steps, 3)).cumsum(0)
    for point in path:
        parameter.copy_(torch.from_numpy(point))
        averager.update()
    return averager, path


def running(averager: WeightAverager) -> RunningSegments:
    return averager._running["s"]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(1, 9), st.integers(1, 3), st.integers(1, 700))
def test_every_tail_at_a_boundary_is_exact(k: int, base: int, every: int, steps: int) -> None:
    averager, path = walk(SegmentMeans(k, base=base, every=every), steps)
    taken = path[every - 1 :: every]
    if not len(taken):
        return
    tails = running(averager).boundaries
    assert tails[-1] == len(taken)
    for tail in tails:
        made = averager.synthesize(tail * every)
        np.testing.assert_allclose(made.flat.views[0], taken[-tail:].mean(0), atol=1e-9)
        assert made.residual < 1e-9


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 5),
    st.integers(1, 700),
    st.floats(1, 700),
    st.sampled_from(["uniform", "cosine", "one-minus-sqrt"]),
)
def test_any_profile_is_what_its_weights_say(
    k: int, steps: int, horizon: float, profile: str
) -> None:
    averager, path = walk(SegmentMeans(k), steps)
    made = running(averager).synthesize(profile, horizon)
    assert (made.weights >= 0).all()
    assert made.weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(made.flat.views[0], made.weights @ path, atol=1e-8)


def test_memory_grows_with_the_logarithm_and_tails_are_dense() -> None:
    averager, _ = walk(SegmentMeans(4), 3000)
    segments = running(averager).segments
    assert len(segments) <= 5 * (math.log2(3000 / 4) + 1)
    tails = np.array(running(averager).boundaries)
    ratios = tails[1:] / tails[:-1]
    assert ratios[tails[:-1] >= 8].max() <= 1 + 1 / 4 + 0.1
    lengths = [segment.pushes for segment in segments]
    assert lengths == sorted(lengths, reverse=True)
    assert max(np.unique(lengths, return_counts=True)[1]) <= 5


def test_a_base_segment_saves_memory_and_costs_short_horizons() -> None:
    fine, _ = walk(SegmentMeans(4), 4000)
    coarse, _ = walk(SegmentMeans(4, base=0.001), 4000)  # 4 steps
    assert len(running(coarse).segments) < len(running(fine).segments)
    assert fine.synthesize(1).residual == 0
    assert coarse.synthesize(1).residual == pytest.approx(2 * (1 - 1 / 4))


def test_power_profiles_from_no_more_copies_than_two_profiles_with_snapshots() -> None:
    # Relative to the distance between the average and the last iterate, as the bar has it; 64
    # copies are what two tracked profiles with 32 snapshots each hold.
    model = mlp()
    tracked = {f"p{s}": PowerEMA(s) for s in (0.03, 0.075, 0.1, 0.15, 0.2)}
    averager = WeightAverager(model, {"s": SegmentMeans(12, base=8)} | tracked)
    train(model, 2048, averager.update)
    last = live_vector(model)
    assert len(running(averager).segments) <= 64
    for name, scheme in tracked.items():
        direct = served(averager, name)
        error = (served(averager, "s", profile=scheme) - direct).norm() / (direct - last).norm()
        assert error < 5e-3, name


def test_an_exponential_profile_is_near_and_says_how_near() -> None:
    model = mlp()
    averager = WeightAverager(model, {"s": SegmentMeans(8), "e": EMA(0.99)})
    train(model, 600, averager.update)
    made = averager.synthesize(profile=EMA(0.99))
    assert 0 < made.residual < 0.05
    assert distance(served(averager, "s", profile=EMA(0.99)), served(averager, "e")) < 1e-3


def test_a_scheme_as_profile_counts_time_as_the_segments_do() -> None:
    averager, _ = walk(SegmentMeans(every=4), 400)
    ages = np.arange(100)[::-1] * 4
    found = averager.synthesize(profile=EMA(0.9, every=4)).weights @ ages
    assert found == pytest.approx(4 * 0.9**4 / (1 - 0.9**4), rel=0.05)
    with pytest.raises(InputError, match="every=4, as"):
        averager.synthesize(profile=EMA(0.9))


def test_a_profile_may_have_durations_as_shares() -> None:
    averager = WeightAverager(model := mlp(), {"s": SegmentMeans()}, total_steps=40)
    train(model, 40, averager.update)
    found = averager.synthesize(profile=EMA(horizon=0.1)).weights
    np.testing.assert_array_equal(found, averager.synthesize(profile=EMA(0.6)).weights)


@pytest.mark.parametrize(("horizon", "same"), [(np.int64(30), 30), (np.float32(0.5), 0.5)])
def test_horizons_of_numpy_mean_the_same(horizon: object, same: float) -> None:
    averager, _ = walk(SegmentMeans(), 100)
    found, wanted = averager.synthesize(horizon).weights, averager.synthesize(same).weights
    np.testing.assert_array_equal(found, wanted)


def test_a_horizon_of_nothing_is_the_raw_iterate() -> None:
    model = mlp()
    averager = WeightAverager(model, {"s": SegmentMeans()})
    train(model, 5, averager.update)
    assert torch.equal(served(averager, "s", horizon=0), live_vector(model))
    raw = averager.averaged_state_dict("s", horizon=0)
    assert all(torch.equal(raw[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("horizon", [0, -3, 0.0, 1.5, float("nan"), True, "0.5"])
def test_bad_horizons_are_refused(horizon: float) -> None:
    averager, _ = walk(SegmentMeans(), 20)
    with pytest.raises(InputError, match="horizon"):
        averager.synthesize(horizon)


def test_a_horizon_has_to_be_said() -> None:
    averager, _ = walk(SegmentMeans(), 20)
    with pytest.raises(InputError, match="no horizon"):
        with averager.applied("s"):
            pass
    with pytest.raises(InputError, match="'s'|segments"):
        averager.synthesize(3, name="t")
    with pytest.raises(InputError, match="found 0"):
        SegmentMeans(0)


def test_synthesis_needs_segments() -> None:
    averager = WeightAverager(mlp(), {"ema": EMA(0.9)})
    with pytest.raises(InputError, match="no SegmentMeans"):
        averager.synthesize(3)
    averager.update()
    with pytest.raises(InputError, match="SegmentMeans"):
        with averager.applied("ema", horizon=3):
            pass
    two = WeightAverager(mlp(), {"a": SegmentMeans(), "b": SegmentMeans()})
    with pytest.raises(InputError, match="a, b"):
        two.synthesize(3)
    with pytest.raises(InputError, match="no iterate yet"):
        two.synthesize(3, name="a")
