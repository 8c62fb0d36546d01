from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from tests.surrogates.tasks.models import Fake, Shifting

from surefoot.ground.errors import InputError
from surefoot.surrogates.simulation.space import Real, Space
from surefoot.surrogates.tasks.exceedance import Exceedance

SPACE = Space(a=Real(-10, 10), b=Real(-10, 10))


def test_a_threshold_is_a_number():
    with pytest.raises(InputError, match="threshold: found nan"):
        Exceedance(0, threshold=np.nan)


def normal(U):
    return pd.DataFrame(norm.ppf(U), columns=["a", "b"])


def plane(frame):
    return 3 * frame["a"] + 4 * frame["b"] + 1


def test_a_linear_function_of_normal_inputs_is_normal():
    found = Exceedance("y", 8.0, law=normal).run(Fake(plane, sd=1e-9), SPACE)
    expected = norm.sf((8 - 1) / 5)
    assert found.probability.value == pytest.approx(expected, abs=4 * found.probability.sampling)
    assert 0 < found.probability.sampling < 0.002
    assert found.mean.value == pytest.approx(1, abs=1e-2)
    assert found.spread.value == pytest.approx(5, rel=1e-2)
    for probability, estimate in found.quantiles.items():
        exact = norm.ppf(float(probability), 1, 5)
        assert estimate.value == pytest.approx(exact, abs=0.15)


def test_sampling_errors_are_as_large_as_they_say():
    expected = norm.sf(7 / 5)
    found = [
        Exceedance("y", 8.0, law=normal, seed=seed).run(Fake(plane), SPACE).probability
        for seed in range(20)
    ]
    ratios = [(one.value - expected) / one.sampling for one in found]
    assert 0.6 < np.sqrt(np.mean(np.square(ratios))) < 1.6


def test_the_surrogates_part_is_that_of_its_joint_draws():
    found = Exceedance("y", 8.0, law=normal).run(Shifting(plane, sd=0.5), SPACE)
    assert found.joint
    # dP/dshift is the density at the threshold.
    assert found.probability.surrogate == pytest.approx(0.5 * norm.pdf(8, 1, 5), rel=0.35)
    assert found.mean.surrogate == pytest.approx(0.5, rel=0.35)
    assert found.spread.surrogate < 1e-9
    assert found.quantiles["0.5"].surrogate == pytest.approx(found.mean.surrogate)
    both = np.hypot(found.mean.sampling, found.mean.surrogate)
    assert found.mean.sd == pytest.approx(both)


def test_independent_draws_average_out_and_are_called_so():
    found = Exceedance("y", 8.0, law=normal).run(Fake(plane, sd=0.5), SPACE)
    assert not found.joint
    assert found.mean.surrogate < 0.05
    assert "independent draws" in str(found)


def test_inputs_are_uniform_on_the_space_unless_told_otherwise():
    found = Exceedance(0, 4.0).run(Fake(lambda frame: frame["a"], sd=0), SPACE)
    assert found.probability.value == pytest.approx(0.3, abs=1e-3)
    assert found.spread.value == pytest.approx(20 / np.sqrt(12), rel=1e-3)


def test_the_score_is_the_distance_from_the_simulator():
    found = Exceedance(0, 4.0).score(
        Fake(lambda frame: frame["a"] + 2), SPACE, lambda frame: frame["a"]
    )
    assert found.true_probability == pytest.approx(0.3, abs=1e-3)
    assert found.error == pytest.approx(0.1, abs=1e-3)
    assert found.true_mean == pytest.approx(0, abs=1e-2)
    assert found.true_spread == pytest.approx(found.spread.value)
    assert json.dumps(found.to_dict(), allow_nan=False)
    assert "\n" not in str(found)
    assert str(found).startswith("P(0 > 4.000) = 0.400 ± ")
