"""Stopping and going on gives the same bits as not stopping, through a file without pickle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.confidence.synthetic import engine, run, stream

from surefoot.confidence.bias import half_sample_drift
from surefoot.confidence.engine import ChainEngine
from surefoot.ground.errors import InputError

COMPANIONS = ("plugin", "random_scaling", "batch_means", "score_bootstrap")


@pytest.mark.parametrize(
    ("loss", "options"),
    [
        ("squared", {"companions": COMPANIONS, "ridge": 0.1, "burn_in": 64}),
        ("quantile", {"multiplier": "rademacher", "dtype": "float32", "block_length": 3}),
        ("huber", {"multiplier": [0.0, 2.0], "first_chain": 9}),
    ],
)
def test_resuming_gives_the_same_bits(loss: str, options: dict, tmp_path: Path) -> None:
    rows = stream(1000, 3)
    if isinstance(options.get("multiplier"), list):
        options = options | {"n_chains": 6}
    whole, first = run(rows, loss, **options), engine(rows, loss, **options)
    first.consume(rows.X[:423], rows.y[:423])
    np.savez(tmp_path / "run.npz", **first.state())
    with np.load(tmp_path / "run.npz", allow_pickle=False) as stored:
        resumed = ChainEngine.from_state(dict(stored))
    resumed.consume(rows.X[423:], rows.y[423:])
    resumed.finish()
    a, b = whole.averages(), resumed.averages()
    np.testing.assert_array_equal(b.chains, a.chains)
    np.testing.assert_array_equal(b.estimate, a.estimate)
    assert (b.n_rows, resumed.n_rows, resumed.n_steps) == (a.n_rows, whole.n_rows, whole.n_steps)
    assert half_sample_drift(resumed.path, resumed.pilot, b) == half_sample_drift(
        whole.path, whole.pilot, a
    )
    for name in options.get("companions", ()):
        np.testing.assert_array_equal(
            resumed.companion_covariance(name), whole.companion_covariance(name)
        )


def test_a_state_is_a_copy() -> None:
    rows = stream(600, 3)
    made = engine(rows, companions=COMPANIONS)
    made.consume(rows.X[:300], rows.y[:300])
    state = made.state()
    before = {name: array.copy() for name, array in state.items()}
    resumed = ChainEngine.from_state(state)
    for one in (made, resumed):
        one.consume(rows.X[300:], rows.y[300:])
        one.finish()
    for name, array in before.items():
        np.testing.assert_array_equal(state[name], array)


def test_what_is_no_state_is_refused() -> None:
    with pytest.raises(InputError, match=r"the arrays of ChainEngine\.state"):
        ChainEngine.from_state({"phi": np.zeros(3)})
    state = engine(stream(200, 2)).state()
    state["settings"] = np.array(str(state["settings"]).replace("chains-1", "chains-0"))
    with pytest.raises(InputError, match="the format surefoot-chains-1"):
        ChainEngine.from_state(state)
