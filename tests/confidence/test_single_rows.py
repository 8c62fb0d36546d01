"""Steps of one row, compiled: the same chains as NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
from tests.confidence.synthetic import LOSSES, engine, stream

from surefoot import InputError
from surefoot.confidence import SGDInferenceRegressor
from surefoot.confidence.engine import ChainEngine

pytest.importorskip("numba")
ROWS = {loss: stream(600, 4, loss=loss) for loss in LOSSES}


def ran(loss: str = "squared", cuts: tuple[int, ...] = (), **options) -> ChainEngine:
    rows = ROWS[loss]
    made = engine(rows, loss, batch_size=1, **options)
    for X, y in zip(np.split(rows.X, cuts), np.split(rows.y, cuts), strict=True):
        made.consume(X, y)
    return made


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("options", [{}, {"burn_in": 137}, {"block_length": 7}], ids=str)
def test_chains_are_those_of_numpy(loss: str, options: dict) -> None:
    plain, compiled = ran(loss, **options), ran(loss, compiled=True, **options)
    expected, found = plain.averages(), compiled.averages()
    # A check loss jumps where rounding decides, but not in these rows.
    np.testing.assert_allclose(found.chains, expected.chains, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.estimate, expected.estimate, rtol=1e-9)
    assert (compiled.n_rows, compiled.n_steps) == (plain.n_rows, plain.n_steps) == (600, 600)
    assert compiled.first_averaged == plain.first_averaged
    np.testing.assert_allclose(compiled.path.drift(), plain.path.drift(), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("cuts", [(1,), (128,), (5, 130, 131, 420), tuple(range(7, 600, 7))])
def test_chunking_changes_no_bit(cuts: tuple[int, ...]) -> None:
    options = {"compiled": True, "burn_in": 50}
    whole, cut = ran(**options), ran(cuts=cuts, **options)
    assert np.array_equal(whole.averages().chains, cut.averages().chains)
    assert np.array_equal(whole.path.drift(), cut.path.drift())


def test_a_run_goes_on_from_its_state() -> None:
    rows = ROWS["squared"]
    stopped = engine(rows, batch_size=1, compiled=True)
    stopped.consume(rows.X[:211], rows.y[:211])
    resumed = ChainEngine.from_state(stopped.state())
    resumed.consume(rows.X[211:], rows.y[211:])
    assert np.array_equal(resumed.averages().chains, ran(compiled=True).averages().chains)


@pytest.mark.filterwarnings("ignore::surefoot.confidence.ConfidenceWarning")
def test_float32_and_scaled_coordinates() -> None:
    rows = ROWS["squared"]
    for options in ({"dtype": "float32"}, {"precondition": "diag"}, {"precondition": None}):
        common = {"batch_size": 1, "n_chains": 20, "shuffle": False} | options
        plain = SGDInferenceRegressor(**common).fit(rows.X, rows.y)
        compiled = SGDInferenceRegressor(**common, compiled=True).fit(rows.X, rows.y)
        np.testing.assert_allclose(compiled.chains_, plain.chains_, rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize(
    "options", [{"batch_size": 8}, {"companions": ["plugin"]}, {"ridge": 0.1}], ids=str
)
def test_what_is_not_compiled_is_refused(options: dict) -> None:
    with pytest.raises(InputError, match="compiled: .*batch_size=1, no companions and no ridge"):
        engine(ROWS["squared"], compiled=True, **{"batch_size": 1} | options)


def test_rows_unlike_the_pilot_are_counted() -> None:
    rows = ROWS["squared"]
    made = engine(rows, batch_size=1, compiled=True)
    far = rows.X[:3] * [[1], [1e3], [1]]
    made.consume(far, rows.y[:3])
    assert made.rows_outside == 1
