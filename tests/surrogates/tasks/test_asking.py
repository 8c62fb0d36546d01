from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from tests.surrogates.tasks.models import Careful, Fake, Shifting

from surefoot.ground.errors import InputError
from surefoot.surrogates.tasks.asking import Result, draws, moments, simulate

X = pd.DataFrame({"a": [0.0, 0.25, 1.0], "b": [1.0, 2.0, 3.0]})


def both(frame):
    return np.column_stack([frame["a"], 10 * frame["b"]])


def test_one_of_several_outputs_is_taken_by_number_or_name():
    surrogate = Fake(both, sd=[0.1, 0.2])
    assert moments(surrogate, X)[0].shape == (3, 2)
    mean, sd = moments(surrogate, X, 1)
    assert mean.tolist() == [10, 20, 30]
    assert sd.tolist() == [0.2, 0.2, 0.2]
    with pytest.raises(InputError, match=r"output: found 'flow'; allowed: its number"):
        moments(surrogate, X, "flow")
    surrogate.output_names_ = ["level", "flow"]
    assert moments(surrogate, X, "flow")[0].tolist() == [10, 20, 30]
    with pytest.raises(InputError, match="did you mean 'flow'"):
        moments(surrogate, X, "flo")
    with pytest.raises(InputError, match="output: found 2; allowed: 0 to 1"):
        moments(surrogate, X, 2)


def test_a_single_output_needs_no_name():
    assert moments(Fake(lambda frame: frame["a"]), X, "anything")[0].tolist() == [0, 0.25, 1]


def test_surrogates_with_a_domain_are_asked_beyond_it_on_purpose():
    assert moments(Careful(lambda frame: frame["a"]), X, 0)[0][2] == 1


def test_draws_are_joint_where_the_surrogate_offers_them():
    joint = draws(Shifting(lambda frame: frame["a"], sd=0.5), X, 400, seed=1)
    assert joint.joint
    assert np.ptp(joint.values - X["a"].to_numpy(), axis=1).max() < 1e-12
    apart = draws(Fake(lambda frame: frame["a"], sd=0.5), X, 400, seed=1)
    assert not apart.joint
    errors = apart.values - X["a"].to_numpy()
    assert abs(np.corrcoef(errors.T)[0, 1]) < 0.15
    for values in (joint.values, apart.values):
        assert values.shape == (400, 3)
        assert (values - X["a"].to_numpy()).std() == pytest.approx(0.5, rel=0.1)


def test_draws_of_several_outputs_keep_one():
    class Many(Fake):
        def sample(self, X, n, seed):
            return np.broadcast_to(both(X), (n, len(X), 2))

    assert draws(Many(both), X, 4, 0, 1).values.tolist() == [[10, 20, 30]] * 4


def test_the_truth_may_be_a_function_or_a_simulator():
    class Simulator:
        def evaluate(self, frame):
            return pd.DataFrame({"level": frame["a"], "flow": 10 * frame["b"]})

    assert simulate(both, X, 1).tolist() == [10, 20, 30]
    assert simulate(Simulator(), X, "flow").tolist() == [10, 20, 30]
    assert simulate(Simulator(), X, 0).tolist() == [0, 0.25, 1]
    assert simulate(Simulator(), X).shape == (3, 2)


def test_a_truth_that_fails_is_not_scored_against():
    with pytest.raises(InputError, match="truth: found '?2 rows'?; allowed: 3"):
        simulate(lambda frame: [1, 2], X)
    with pytest.raises(InputError, match="truth, row 1: found .*nan.*; allowed: finite"):
        simulate(lambda frame: [1, np.nan, 2], X)


@dataclass(frozen=True)
class Inner:
    value: float


@dataclass(frozen=True)
class Outer(Result):
    inner: Inner
    values: tuple[float, ...]
    table: dict[float, Inner]
    missing: float


def test_results_become_json():
    result = Outer(Inner(np.float64(1)), (np.float64(2), 3.0), {0.5: Inner(4.0)}, np.nan)
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False)) == {
        "inner": {"value": 1.0},
        "values": [2.0, 3.0],
        "table": {"0.5": {"value": 4.0}},
        "missing": None,
    }
