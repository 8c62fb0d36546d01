from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.confidence.streams.row_order import OrderWatch, RowOrder

KINDS = ("normal", "cauchy", "skewed", "even", "rare", "rarer", "mostly 0", "constant")


def rows_of(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = np.column_stack([
        rng.normal(size=n), rng.standard_cauchy(n), rng.lognormal(0, 3, n), rng.random(n) < 0.5,
        rng.random(n) < 0.1, rng.random(n) < 20 / n,
        np.where(rng.random(n) < 0.08, rng.lognormal(8, 1, n), 0), np.ones(n),
    ])  # fmt: skip
    return X, rng.normal(size=n)


def verdict(X: np.ndarray, y: np.ndarray, cut: int = 1000) -> RowOrder:
    watch = OrderWatch(KINDS[: X.shape[1]])
    for start in range(0, len(y), cut):
        watch.update(X[start : start + cut], y[start : start + cut])
    return watch.verdict()


def test_random_order_raises_no_alarm() -> None:
    # At one false alarm in a thousand, three in 400 happen less than once in a hundred times.
    alarms = sum(verdict(*rows_of(1000, seed)).matters for seed in range(400))
    assert alarms <= 2


@pytest.mark.parametrize("n", [300, 1000, 20_000])
@pytest.mark.parametrize("kind", ["normal", "cauchy", "skewed", "even", "target"])
def test_a_sorted_column_does(n: int, kind: str) -> None:
    X, y = rows_of(n, 1)
    column = y if kind == "target" else X[:, KINDS.index(kind)]
    order = np.argsort(column, kind="stable")
    found = verdict(X[order], y[order])
    assert found.matters
    assert found.p_value < 1e-4
    assert ("'y'" if kind == "target" else f"'{kind}'") in found.found


@pytest.mark.parametrize("kind", ["rare", "mostly 0"])
def test_a_sorted_column_that_is_mostly_0_does(kind: str) -> None:
    X, y = rows_of(20_000, 1)
    order = np.argsort(X[:, KINDS.index(kind)], kind="stable")
    assert verdict(X[order], y[order]).found.startswith(f"'{kind}'")


def test_three_neighbours_that_are_alike_do_not() -> None:
    X = np.zeros((6400, 1))
    X[3200:3203] = 1
    assert not verdict(X, np.zeros(6400)).matters


def test_drift_and_clusters_do() -> None:
    X, y = rows_of(5000, 2)
    assert verdict(X, y + np.arange(5000) / 5000).found.startswith("'y'")
    assert verdict(np.repeat(X[:500], 10, axis=0), np.repeat(y[:500], 10)).matters


def test_what_was_found_is_said() -> None:
    X = np.zeros((6400, 1))
    X[3200:3400] = 1
    said = verdict(X, np.zeros(6400)).found
    assert said == "'normal' is 1 in 100.0% of rows 3,200 to 3,327 and in 1.1% of the others"
    X[:] = 5
    X[-128:] = 8.25
    said = verdict(X, np.zeros(6400)).found
    assert said == "'normal' averages 8.25 of rows 6,272 to 6,399 and 5 of the others"


def test_too_few_rows_say_nothing() -> None:
    X, y = rows_of(255, 0)
    assert verdict(X, np.sort(y)) == RowOrder(False, 1.0, "")
    assert verdict(np.ones((1000, 2)), np.ones(1000)) == RowOrder(False, 1.0, "")


@given(st.lists(st.integers(1, 400), min_size=1, max_size=12), st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_batches_make_no_difference(sizes: list[int], seed: int) -> None:
    X, y = rows_of(sum(sizes), seed)
    X[:, 0] += np.linspace(0, 0.5, len(y))
    pieces = OrderWatch(KINDS)
    for start, size in zip(np.cumsum([0, *sizes]), sizes, strict=False):
        pieces.update(X[start : start + size], y[start : start + size])
    whole = verdict(X, y, cut=len(y))
    found = pieces.verdict()
    assert found.p_value == pytest.approx(whole.p_value, rel=1e-6, abs=1e-300)
    assert (found.matters, found.found) == (whole.matters, whole.found)


def test_memory_does_not_grow() -> None:
    watch = OrderWatch(KINDS)
    X, y = rows_of(10_000, 0)
    for _ in range(30):
        watch.update(X, y)
    held = [a.nbytes for a in vars(watch._blocks).values() if isinstance(a, np.ndarray)]
    assert sum(held) < 2 * 64 * 9 * 8 + 10 * 9 * 8
    assert watch._head == []


def test_huge_numbers_are_no_trouble() -> None:
    X, y = rows_of(1000, 3)
    assert not verdict(X * 1e300, y * 1e-300).matters
    assert verdict(np.sort(X, axis=0) * 1e290, y).matters
