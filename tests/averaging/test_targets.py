import doctest
import json
import math

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from surefoot.averaging import targets
from surefoot.averaging.target_reports import Reached
from surefoot.averaging.targets import TimeToTarget
from surefoot.ground.errors import InputError
from surefoot.ground.intervals import mean_interval

GOOD, BAD = 0.3, 0.5


def run(seconds=False, patience=1, every=100, **curves):
    """Record evaluations every 100 steps; "+" meets the target of 0.35, "-" and "n" (NaN) miss."""
    times = TimeToTarget(0.35, patience=patience)
    for i, marks in enumerate(zip(*curves.values(), strict=True), 1):
        values = [{"+": GOOD, "-": BAD, "n": math.nan}[mark] for mark in marks]
        when = {"seconds": i / 2} if seconds else {}
        times.record(i * every, **when, **dict(zip(curves, values, strict=True)))
    return times


def test_the_example_in_the_docstring():
    assert doctest.testmod(targets).failed == 0
    assert doctest.testmod(targets).attempted == 5


# --- when the target is reached ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("marks", "patience", "step"),
    [
        ("--+-+", 1, 300),
        ("--+-++", 2, 500),
        ("+-+++", 3, 300),
        ("+++", 3, 100),
        ("-+n+", 2, None),
        ("----", 1, None),
        ("++", 3, None),
        ("nn+", 1, 300),
    ],
)
def test_first_is_the_first_of_enough_in_a_row(marks, patience, step):
    times = run(raw="-" * len(marks), window=marks, patience=patience, seconds=True)
    assert times.first("window") == (None if step is None else (step, step / 200))
    assert times.first("raw") is None


@given(
    values=st.lists(st.one_of(st.floats(), st.sampled_from([0.3, 0.35])), min_size=1, max_size=12),
    patience=st.integers(1, 4),
    higher=st.booleans(),
)
@example(values=[-math.inf, math.inf, 0.35], patience=1, higher=False)
@example(values=[-math.inf, math.inf, 0.35], patience=1, higher=True)
def test_first_equals_its_definition(values, patience, higher):
    times = TimeToTarget(0.35, higher_is_better=higher, patience=patience)
    for step, value in enumerate(values, 1):
        times.record(step, raw=value)
    met = [math.isfinite(v) and (v >= 0.35 if higher else v <= 0.35) for v in values]
    steps = range(1, len(met) - patience + 2)
    expected = next((i for i in steps if all(met[i - 1 : i - 1 + patience])), None)
    found = times.first("raw")
    assert (found and found.step) == expected


def test_numbers_of_other_libraries():
    times = TimeToTarget(np.float64(0.35))
    times.record(np.int64(7), np.float32(2), raw=torch.tensor(0.25))
    assert times.first("raw") == Reached(7, 2.0)
    assert json.dumps(times.report().to_dict())


# --- one run -----------------------------------------------------------------------------------


def test_the_report_says_what_is_saved_over_the_raw_iterate():
    report = run(window="-+++", raw="---+", slow="----", seconds=True).report()
    assert list(report.first) == ["raw", "window", "slow"]
    assert not report.censored
    assert [report.saved(name) for name in report.first] == [0.0, 0.5, None]
    assert str(report) == (
        "target 0.35 or less; evaluated up to step 400\n\n"
        "average       step    seconds    saved\n"
        "raw            400        2.0\n"
        "window         200        1.0    50.0%\n"
        "slow         never"
    )


def test_an_average_may_be_later():
    assert run(raw="-+--", window="---+").report().saved("window") == -1.0


def test_where_the_raw_iterate_never_reaches_savings_are_lower_bounds():
    report = run(raw="-----", window="-+-++").report()
    assert report.censored
    assert report.saved("raw") is None
    assert report.saved("window") == 1 - 200 / 500
    assert "window         200             ≥ 60.0%" in str(report)
    assert "raw          never" in str(report)


def test_a_raw_iterate_that_is_about_to_reach_it_bounds_by_its_streak():
    # One more evaluation may show that step 400, not a later one, was the first of three.
    cut = run(raw="---++", window="-++++", patience=3).report()
    whole = run(raw="---+++", window="-+++++", patience=3).report()
    assert cut.censored
    assert not whole.censored
    assert cut.saved("window") == whole.saved("window") == 0.5
    assert run(raw="---+-", window="-++++", patience=3).report().saved("window") == 0.6


@given(
    raw=st.text("+-", min_size=8, max_size=8),
    window=st.text("+-", min_size=8, max_size=8),
    patience=st.integers(1, 3),
    cut=st.integers(1, 8),
)
def test_a_shorter_record_never_promises_more(raw, window, patience, cut):
    # Whatever the raw iterate goes on to do, a saving reported early is at most the true one.
    early = run(raw=raw[:cut], window=window[:cut], patience=patience).report().saved("window")
    late = run(raw=raw, window=window, patience=patience).report().saved("window")
    if early is not None:
        assert early <= late


def test_frame_and_dictionary():
    report = run(window="-+++", raw="---+", slow="----").report()
    frame = report.to_frame()
    assert list(frame) == ["average", "step", "seconds", "saved"]
    assert frame["step"].tolist()[:2] == [400, 200]
    assert frame.isna().sum().tolist() == [0, 1, 3, 1]
    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert found["target"] == 0.35
    assert found["last_step"] == 400
    assert found["censored"] is False
    assert found["averages"][1] == {
        "average": "window", "step": 200, "seconds": None, "saved": 0.5,
    }  # fmt: skip


def test_the_goal_in_words():
    times = TimeToTarget(0.9, higher_is_better=True, patience=2)
    times.record(1, raw=0.5)
    assert str(times.report()).startswith("target 0.9 or more in 2 evaluations in a row;")


# --- several runs ------------------------------------------------------------------------------

RUNS = (
    run(raw="---+", window="-+++", slow="----"),  # saves 1/2
    run(raw="---+", window="+---", slow="----"),  # saves 3/4
    run(raw="--++", window="-+++", slow="---+"),  # saves 1/3; slow loses a third
)
CENSORED = run(raw="----", window="-+++", slow="----")  # saves at least 1/2


def test_each_run_is_a_pair():
    found = TimeToTarget.compare(RUNS)
    assert (found.runs, found.raw_reached) == (3, 3)
    assert list(found.averages) == ["window", "slow"]
    window, slow = found.averages.values()
    assert window.saved == mean_interval([1 / 2, 3 / 4, 1 - 200 / 300])
    assert (window.reached, window.censored) == (3, 0)
    assert (slow.reached, slow.censored) == (1, 0)
    assert slow.saved.estimate == pytest.approx(-1 / 3)
    assert str(found) == (
        "target 0.35 or less; 3 runs, the raw iterate reached it in 3\n\n"
        "average    reached   saved, 95% interval\n"
        "window      3 of 3   52.8% [0.7%, 104.9%]\n"
        "slow        1 of 3   −33.3%\n\n"
        "saved: mean over the runs in which the average reached the target"
    )


def test_runs_whose_raw_iterate_never_reaches_are_counted_and_bound_from_below():
    found = TimeToTarget.compare([*RUNS, CENSORED], confidence_level=0.9)
    window = found.averages["window"]
    assert (found.runs, found.raw_reached) == (4, 3)
    assert (window.reached, window.censored) == (4, 1)
    assert window.saved == mean_interval([1 / 2, 3 / 4, 1 - 200 / 300, 1 / 2], 0.9)
    lines = str(found).splitlines()
    assert lines[3] == "window      4 of 4   ≥ 52.1%, above 31.9%"
    assert lines[-1].startswith("≥: a lower bound, as the raw iterate missed the target")


def test_an_average_that_never_reaches_has_no_saving():
    found = TimeToTarget.compare([CENSORED, CENSORED])
    assert found.averages["slow"].saved is None
    assert str(found).splitlines()[4] == "slow        0 of 2"


def test_comparison_as_frame_and_dictionary():
    found = TimeToTarget.compare([RUNS[0]])
    frame = found.to_frame()
    assert list(frame) == ["average", "reached", "censored", "saved", "low", "high"]
    assert frame["saved"].iloc[0] == 0.5
    assert frame.isna().sum().tolist() == [0, 0, 0, 1, 2, 2]
    rows = json.loads(json.dumps(found.to_dict(), allow_nan=False))["averages"]
    assert rows[0] == {
        "average": "window", "reached": 1, "censored": 0, "saved": 0.5, "low": None, "high": None,
    }  # fmt: skip
    assert TimeToTarget.compare([run(raw="+")]).to_frame().empty


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([], "runs: found 'none'; allowed: at least one"),
        ([run(raw="+"), run(raw="+", patience=2)], "runs: found targets 0.35 or less and .* row;"),
        ([run(raw="+"), run(raw="+", ema="+")], "runs: found raw and raw, ema; allowed: the same"),
        ([TimeToTarget(1)], "evaluations: found 'none'; allowed: at least one; see record"),
    ],
)
def test_runs_that_can_not_be_compared(runs, message):
    with pytest.raises(InputError, match=message):
        TimeToTarget.compare(runs)


# --- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": math.nan}, "target: found nan; allowed: a finite number"),
        ({"target": "0.3"}, "target: found '0.3'"),
        ({"target": 1, "patience": 0}, "patience: found 0; allowed: a whole number from 1"),
        ({"target": 1, "patience": True}, "patience: found True"),
    ],
)
def test_bad_goals(options, message):
    with pytest.raises(InputError, match=message):
        TimeToTarget(**options)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"step": 100, "seconds": 3, "raw": 1}, "step: found 100; allowed: more than 100"),
        ({"step": 0, "seconds": 3, "raw": 1}, "step: found 0; allowed: a whole number from 1"),
        ({"step": 150.5, "seconds": 3, "raw": 1}, "step: found 150.5"),
        ({"step": 200, "raw": 1}, "seconds: found None; allowed: seconds at every evaluation or"),
        ({"step": 200, "seconds": 1, "raw": 1}, "seconds: found 1.0; allowed: no less than 2"),
        ({"step": 200, "seconds": math.inf, "raw": 1}, "seconds: found inf; allowed: a finite"),
        ({"step": 200, "seconds": -1, "raw": 1}, "seconds: found -1.0; allowed: a finite"),
        ({"step": 200, "seconds": 3, "ema": 1}, "values: found 'ema'; allowed: 'raw' and"),
        ({"step": 200, "seconds": 3}, "values: found 'none'; allowed: 'raw' and the averages"),
        ({"step": 200, "seconds": 3, "raw": 1, "ema": 1}, "values: found raw, ema; allowed: raw"),
        ({"step": 200, "seconds": 3, "raw": "low"}, "seconds and values: .* allowed: numbers"),
        ({"step": 200, "seconds": "x", "raw": 1}, "seconds and values: .* allowed: numbers"),
    ],
)
def test_bad_records_change_nothing(record, message):
    times = TimeToTarget(0.35)
    times.record(100, 2, raw=0.5)
    before = times.report()
    with pytest.raises(InputError, match=message):
        times.record(**record)
    assert times.report() == before
    times.record(200, 3, raw=0.3)
    assert times.first("raw") == (200, 3.0)


def test_unknown_names():
    times = run(raw="+", window="+")
    with pytest.raises(InputError, match="name: found 'windw'; .*did you mean 'window'"):
        times.first("windw")
    with pytest.raises(InputError, match="name: found 'windw'"):
        times.report().saved("windw")
    with pytest.raises(InputError, match="evaluations: found 'none'"):
        TimeToTarget(1).first("raw")
