from __future__ import annotations

import pandas as pd
import pytest

from surefoot import InputError
from surefoot.ground.verdicts import Check, evaluate


def _table(**methods: list[float]) -> pd.DataFrame:
    rows = [
        {"task": "t", "method": m, "seed": s, "metric": "accuracy", "value": v}
        for m, values in methods.items()
        for s, v in enumerate(values)
    ]
    return pd.DataFrame(rows)


def _check(bar: float | None, against: str | None = "b", **options: object) -> Check:
    return Check("name", "sentence", "t", "accuracy", "a", bar, against, **options)  # type: ignore[arg-type]


def test_holds_fails_and_undecided() -> None:
    table = _table(a=[0.81, 0.82, 0.80, 0.81], b=[0.70, 0.70, 0.70, 0.70])
    assert evaluate(_check(0.05), table).outcome == "holds"
    assert evaluate(_check(0.20), table).outcome == "fails"
    assert evaluate(_check(0.11), table).outcome == "undecided"


def test_pairs_are_matched_by_seed_not_by_row() -> None:
    table = _table(a=[0.9, 0.1, 0.5], b=[0.8, 0.0, 0.4])
    shuffled = table.sample(frac=1.0, random_state=1)
    finding = evaluate(_check(0.05), shuffled)
    assert finding.interval is not None
    assert finding.interval.low == pytest.approx(0.1)
    assert finding.outcome == "holds"


def test_a_missing_seed_is_unknown_not_averaged_over() -> None:
    table = _table(a=[0.9, 0.9, 0.9], b=[0.1, 0.1])
    finding = evaluate(_check(0.05), table)
    assert finding.outcome == "unknown"
    assert "missing" in finding.measured


def test_a_missing_value_is_unknown() -> None:
    table = _table(a=[0.9, float("nan")], b=[0.1, 0.1])
    assert evaluate(_check(0.05), table).outcome == "unknown"


def test_one_seed_decides_nothing() -> None:
    assert evaluate(_check(0.05), _table(a=[0.9], b=[0.1])).outcome == "undecided"


def test_level_and_lowest() -> None:
    table = _table(a=[0.81, 0.82, 0.50])
    lowest = evaluate(_check(0.55, None, statistic="lowest"), table)
    assert lowest.outcome == "fails"
    assert "lowest of 3 seeds" in lowest.measured
    assert evaluate(_check(0.45, None, statistic="lowest"), table).outcome == "holds"
    assert evaluate(_check(0.2, None), _table(a=[0.81, 0.82, 0.80])).outcome == "holds"


def test_against_another_metric() -> None:
    table = pd.concat([_table(a=[0.8, 0.81]), _table(a=[0.5, 0.51]).assign(metric="kept")])
    finding = evaluate(_check(0.25, "a", against_metric="kept"), table)
    assert finding.outcome == "holds"
    assert finding.measured.startswith("+0.300")


def test_two_values_of_one_seed_are_an_error() -> None:
    table = pd.concat([_table(a=[0.8])] * 2)
    with pytest.raises(InputError, match="two values of one seed"):
        evaluate(_check(0.1, None), table)


def test_a_bar_from_above_and_a_band() -> None:
    table = _table(a=[0.95, 0.96, 0.95, 0.96])
    assert evaluate(_check(0.93, None, at_most=0.98), table).outcome == "holds"
    assert evaluate(_check(0.96, None, at_most=0.98), table).outcome == "undecided"
    assert evaluate(_check(0.97, None, at_most=0.98), table).outcome == "fails"
    over = evaluate(_check(None, None, at_most=0.9), table)
    assert over.outcome == "fails"
    assert over.measured.endswith("bar at most 0.90")
    assert evaluate(_check(0.93, None, at_most=0.98), table).measured.endswith("bar 0.93 to 0.98")


@pytest.mark.parametrize(("low", "high"), [(None, None), (0.9, 0.8)])
def test_bars_that_are_none_are_refused(low: float | None, high: float | None) -> None:
    with pytest.raises(InputError, match="one, or two in order"):
        _check(low, at_most=high)
