import math
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from surefoot.averaging.horizon import HorizonSearch, search_horizons
from surefoot.ground.errors import InputError, UnmetError
from surefoot.ground.intervals import paired_difference
from surefoot.ground.streams import stream


def bowl(optimum, floor=1.0):
    """A loss that is least at `optimum`; the raw iterate counts as half a step."""
    return lambda horizon: floor + math.log2(max(horizon, 0.5) / optimum) ** 2 / 100


class Counting:
    """Remembers what was asked for."""

    def __init__(self, evaluate):
        self.evaluate, self.asked = evaluate, []

    def __call__(self, horizon):
        self.asked.append(horizon)
        return self.evaluate(horizon)


# --- which horizons ----------------------------------------------------------------------------


def test_the_grid_is_logarithmic_with_the_raw_iterate_first():
    curve = search_horizons(bowl(9), 100, refine=False)
    assert curve.horizons == (0, 1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 100)
    assert search_horizons(bowl(9), 20, per_octave=1, refine=False).horizons == (
        0, 1, 2, 4, 8, 16, 20,
    )  # fmt: skip
    assert search_horizons(bowl(1), 1).horizons == (0, 1)


@settings(deadline=None)
@given(
    longest=st.integers(1, 10**6),
    optimum=st.floats(0.1, 10**6),
    per_octave=st.integers(1, 4),
    refine=st.booleans(),
)
def test_every_horizon_is_asked_for_once_and_lies_in_range(longest, optimum, per_octave, refine):
    evaluate = Counting(bowl(optimum))
    curve = search_horizons(evaluate, longest, per_octave=per_octave, refine=refine)
    assert sorted(evaluate.asked) == list(curve.horizons)
    assert len(set(evaluate.asked)) == len(evaluate.asked)
    assert {0, 1, longest} <= set(curve.horizons)
    assert max(curve.horizons) == longest == curve.steps
    assert curve.value == min(curve.values)


@settings(deadline=None)
@given(optimum=st.integers(20, 5000))
def test_refining_quarters_the_grid_around_the_best(optimum):
    coarse = search_horizons(bowl(optimum), 8000, refine=False)
    fine = search_horizons(bowl(optimum), 8000)
    assert len(fine.horizons) <= len(coarse.horizons) + 4
    # Half a cell of 2^(1/8), and what rounding to whole steps adds.
    assert abs(math.log2(fine.chosen / optimum)) <= 1 / 16 + 0.05
    assert fine.value <= coarse.value


def test_refining_goes_on_beside_the_best_average_even_where_the_raw_iterate_leads():
    def losses(horizon):
        return {0: 0.5, 27: 0.4}.get(horizon, bowl(26)(horizon))

    curve = search_horizons(losses, 1000)
    assert curve.best == 27


# --- what is chosen ----------------------------------------------------------------------------


def noisy(means, n=400, spread=1.0, own=0.05, seed=0):
    """Losses of n examples: what is common to all horizons, and noise of each horizon's own."""
    common = stream(seed, "common").normal(0, spread, n)
    return lambda h: means(h) + common + stream(seed, "own", h).normal(0, own, n)


def test_one_standard_error_is_that_of_paired_differences():
    evaluate = noisy(bowl(64))
    curve = search_horizons(evaluate, 1000)
    best = evaluate(curve.best)
    for horizon, value, error in zip(
        curve.horizons, curve.values, curve.standard_errors, strict=True
    ):
        differences = evaluate(horizon) - best
        assert value == pytest.approx(evaluate(horizon).mean())
        assert error == pytest.approx(differences.std(ddof=1) / 20, abs=1e-12)
    # Unpaired, the error would be that of the losses, 1 / 20, and the raw iterate good enough.
    assert max(curve.standard_errors) < 0.005


def test_the_shortest_horizon_within_one_standard_error_is_chosen():
    curve = search_horizons(noisy(bowl(64), own=0.2), 1000)
    rows = list(zip(curve.horizons, curve.values, curve.standard_errors, strict=True))
    least = min(curve.values)
    good = [h for h, value, error in rows if value - least <= error]
    assert curve.chosen == min(good)
    assert 0 < curve.chosen < curve.best
    assert curve.rule == "one-se"
    assert search_horizons(noisy(bowl(64), own=0.2), 1000, rule="best").chosen == curve.best


def test_averaging_may_lose():
    curve = search_horizons(lambda h: 1 + h / 100, 50)
    assert curve.best == curve.chosen == 0
    assert curve.sentence == "the last iterate itself: no window of up to 50 steps is better"
    close = search_horizons(noisy(lambda h: 1.0 - (h > 0) * 1e-4, own=1.0), 50)
    assert close.best > 0 == close.chosen
    assert close.sentence.endswith("is better by more than one standard error")


def test_of_equals_the_shortest_is_best():
    assert search_horizons(lambda h: 0.5 if h >= 4 else 0.6, 64).best == 4


def test_accuracy_is_maximised():
    def hits(h):
        rate = 0.6 + 0.2 * (8 <= h <= 40)
        return stream(0, "hits").random(500) < rate

    curve = search_horizons(hits, 100, higher_is_better=True)
    assert curve.chosen == curve.best == 8
    assert curve.value > curve.raw
    assert curve.difference.low > 0


def test_single_numbers_have_no_standard_error_and_say_so():
    curve = search_horizons(bowl(64), 1000)
    assert curve.chosen == curve.best == 64
    assert curve.rule == "best (no standard errors)"
    assert all(map(math.isnan, curve.standard_errors))
    assert curve.difference.estimate == pytest.approx(curve.value - curve.raw)
    assert math.isnan(curve.difference.low)
    assert search_horizons(bowl(64), 1000, rule="best").rule == "best"


@given(broken=st.sets(st.integers(0, 64)), value=st.sampled_from([math.nan, math.inf, -math.inf]))
def test_what_is_not_finite_is_never_chosen(broken, value):
    def evaluate(h):
        losses = noisy(bowl(8), n=5)(h)
        return np.where(np.arange(5) == 2, value, losses) if h in broken else losses

    whole = {0, 1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64} - broken
    if not whole:
        with pytest.raises(UnmetError, match="no horizon gives a finite value"):
            search_horizons(evaluate, 64, refine=False)
        return
    curve = search_horizons(evaluate, 64, refine=False)
    assert {curve.chosen, curve.best} <= whole
    assert (curve.difference is None) == (0 in broken)


def test_nothing_but_nan():
    with pytest.raises(UnmetError, match="no horizon gives a finite value; look at the weights"):
        search_horizons(lambda _: math.nan, 64)


def test_the_difference_is_paired_over_examples():
    evaluate = noisy(bowl(64), own=0.2)
    curve = search_horizons(evaluate, 1000)
    assert curve.chosen != curve.best
    assert curve.difference == paired_difference(evaluate(curve.chosen), evaluate(0))
    assert curve.difference.high < 0


@pytest.mark.parametrize(
    "convert",
    [
        list,
        torch.tensor,
        lambda x: torch.tensor(x, requires_grad=True),
        lambda x: torch.tensor(x).double(),
    ],
    ids=["list", "tensor", "graph", "double"],
)
def test_kinds_of_losses(convert):
    evaluate = noisy(bowl(64))
    assert search_horizons(lambda h: convert(evaluate(h)), 1000) == search_horizons(evaluate, 1000)


@pytest.mark.parametrize(
    "convert", [np.float32, torch.tensor, lambda x: torch.tensor(x, dtype=torch.bfloat16)]
)
def test_kinds_of_single_numbers(convert):
    assert search_horizons(lambda h: convert(bowl(64, 0.0)(h)), 1000).chosen == 64


# --- how it reads ------------------------------------------------------------------------------


def test_sentence_and_frame():
    curve = search_horizons(lambda h: 0.312 if h == 1024 else 0.341, 1200, refine=False)
    assert curve.sentence == "a window of 1,024 of 1,200 steps; 0.312 against 0.341 raw"
    frame = curve.to_frame()
    assert list(frame) == ["horizon", "share", "value", "standard_error"]
    assert frame["horizon"].tolist() == list(curve.horizons)
    assert frame["share"].iloc[-1] == 1
    assert frame["value"].min() == 0.312


def test_the_sentence_tells_close_values_apart():
    curve = search_horizons(lambda h: 0.31201 if h == 64 else 0.31204, 100, refine=False)
    assert curve.sentence == "a window of 64 of 100 steps; 0.31201 against 0.31204 raw"


# --- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"longest": 0}, "longest: found 0; allowed: a whole number from 1"),
        ({"longest": 2.5}, "longest: found 2.5"),
        ({"longest": True}, "longest: found True"),
        ({"per_octave": 0}, "per_octave: found 0; allowed: a whole number from 1"),
        ({"rule": "one_se"}, "rule: found 'one_se'; .*did you mean 'one-se'"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(InputError, match=message):
        search_horizons(**{"evaluate": bowl(3), "longest": 10} | options)


@pytest.mark.parametrize(
    ("evaluate", "message"),
    [
        (lambda _: "good", "evaluate: found 'good'; allowed: a number, or a loss for every"),
        (lambda _: None, "evaluate: found None; allowed: a number, or a loss"),
        (lambda _: [], r"evaluate: found shape \(0,\)"),
        (lambda _: np.ones((2, 2)), r"evaluate: found shape \(2, 2\)"),
        (lambda h: [1.0] * (3 if h < 4 else 2), "found 2 losses at horizon 4; allowed: as many"),
    ],
)
def test_bad_losses(evaluate, message):
    with pytest.raises(InputError, match=message):
        search_horizons(evaluate, 10)


# --- the segment means of a run ----------------------------------------------------------------


class Source:
    """Stands in for a WeightAverager: its average over h steps is the number h."""

    def __init__(self, segmented=("history",), steps=1000):
        self.model, self.segmented, self.steps = nn.Linear(1, 1, bias=False), segmented, steps
        self.applications = []
        self.put(0)

    def put(self, value):
        with torch.no_grad():
            self.model.weight.fill_(value)

    @contextmanager
    def applied(self, name, *, horizon=None, profile="uniform"):
        self.applications.append((name, horizon, profile))
        self.put(horizon)
        try:
            yield
        finally:
            self.put(0)


def loss(model):
    return noisy(bowl(64))(int(model.weight))


def test_the_search_evaluates_the_averages_and_leaves_the_raw_model():
    source = Source()
    curve = HorizonSearch(source, loss, profile="cosine", per_octave=1).run()
    assert curve == search_horizons(noisy(bowl(64)), 1000, per_octave=1)
    # The raw iterate is evaluated as it stands.
    assert {h for _, h, _ in source.applications} == set(curve.horizons) - {0}
    assert {(name, profile) for name, _, profile in source.applications} == {("history", "cosine")}
    assert source.model.weight.item() == 0


def test_options_reach_the_search():
    options = {"per_octave": 3, "refine": False, "rule": "best", "higher_is_better": True}
    found = HorizonSearch(Source(), loss, **options).run()
    assert found == search_horizons(noisy(bowl(64)), 1000, **options)


def test_one_of_several_is_named():
    source = Source(["coarse", "fine"])
    HorizonSearch(source, loss, average="fine").run()
    assert {name for name, _, _ in source.applications} == {"fine"}


@pytest.mark.parametrize(
    ("source", "average", "message"),
    [
        (Source(["a", "b"]), None, "average: found 'a', 'b'; allowed: exactly one, or its name"),
        (Source([]), None, "average: found no SegmentMeans average; allowed: exactly one"),
        (Source(["fine"]), "find", "average: found 'find'; .*did you mean 'fine'"),
        (Source(steps=0), None, "source: found no steps; allowed: an averager that has seen"),
    ],
)
def test_what_there_is_to_search(source, average, message):
    with pytest.raises(InputError, match=message):
        HorizonSearch(source, loss, average=average).run()


def test_a_failing_evaluation_shows_its_own_error():
    def fail(model):
        if model.weight.item() == 3:
            raise KeyError("stopped")
        return 1.0

    source = Source()
    with pytest.raises(KeyError, match="stopped"):
        HorizonSearch(source, fail).run()
    assert source.model.weight.item() == 0
