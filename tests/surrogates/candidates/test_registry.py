from __future__ import annotations

from importlib.metadata import EntryPoint

import numpy as np
import pytest
from tests.surrogates.candidates.runs import new_rows, runs

from surefoot.ground.errors import InputError
from surefoot.surrogates.candidates import registry
from surefoot.surrogates.candidates.baselines import Mean
from surefoot.surrogates.candidates.covering import farthest_points
from surefoot.surrogates.candidates.registry import baselines, by_name, default_candidates
from surefoot.surrogates.candidates.subset import SubsetGP


def names(*args, **kwargs):
    return [candidate.name for candidate in default_candidates(*args, **kwargs)]


def test_defaults_depend_on_rows_inputs_noise_and_smoothness():
    plain = ["gp-se", "gp-matern52", "gp-matern52-linear", "pce", "pc-kriging"]
    trees = ["boosted-trees", "random-forest"]
    assert names(100, 8) == plain
    assert names(2000, 8) == plain
    assert names(9, 8) == ["gp-se", "gp-matern52"]
    assert names(10, 8) == plain
    assert names(100, 8, noisy=True) == [*plain, "gp-noise", *trees]
    assert names(100, 8, smooth=False) == [*plain, "gp-matern12", *trees]
    assert names(49, 8, noisy=True) == [*plain, "gp-noise"]  # too few rows for trees
    both = names(100, 8, noisy=True, smooth=False)
    assert both == [*plain, "gp-noise", "gp-matern12", *trees]
    assert names(2001, 8) == ["gp-subset", "pce", *trees]


def test_every_name_finds_its_candidate_and_costs_rise():
    for name, candidate in registry._KNOWN.items():
        assert by_name(name).name == name
        assert 0 <= candidate.cost <= 6
    costs = [by_name(name).cost for name in ("mean", "linear", "nearest", "pce", "random-forest")]
    assert costs == [0, 1, 2, 3, 4]
    assert [by_name(name).cost for name in ("gp-se", "pc-kriging")] == [5, 6]
    assert [candidate.name for candidate in baselines()] == ["mean", "linear", "nearest"]


def test_unknown_names_are_refused_with_the_list():
    with pytest.raises(
        InputError, match=r"candidate: found 'pc-krigging'; .*'gp-se'.*did you mean 'pc-kriging'"
    ):
        by_name("pc-krigging")


def test_other_packages_may_offer_candidates(monkeypatch):
    point = EntryPoint("theirs", "surefoot.surrogates.candidates.baselines:Mean", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    assert by_name("theirs") == Mean()
    with pytest.raises(InputError, match="'theirs'"):
        by_name("nobody's")


def test_covering_rows_spread_and_are_nested():
    Z = np.random.default_rng(0).random((400, 2))
    chosen = farthest_points(Z, 50)
    assert len(set(chosen.tolist())) == 50
    np.testing.assert_array_equal(farthest_points(Z, 20), chosen[:20])
    gaps = np.linalg.norm(Z[chosen][:, None] - Z[chosen][None], axis=-1)
    random_gaps = np.linalg.norm(Z[:50, None] - Z[None, :50], axis=-1)
    away = ~np.eye(50, dtype=bool)
    assert gaps[away].min() > 5 * random_gaps[away].min()
    assert len(farthest_points(Z, 1000)) == 400


def test_the_subset_process_is_fitted_to_covering_rows():
    Z, t = runs(300, 2)
    fit = SubsetGP(60).fit(Z, t)
    np.testing.assert_array_equal(fit.Z, Z[farthest_points(Z, 60)])
    assert np.isfinite(fit.predict(new_rows(100, 2))[0]).all()
