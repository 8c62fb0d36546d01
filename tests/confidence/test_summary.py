"""The table of text, and the frame behind it."""

from __future__ import annotations

import numpy as np
import pytest

from surefoot.confidence.result import InferenceResult


def made(**changes):
    s = np.array([0.5, 2e-5, 300.0])
    given = {
        "center": np.array([1.0, -3e-5, 20000.0]),
        "chains": np.array([1.0, -3e-5, 20000.0]) + np.tile([s, -s], (30, 1)),
        "names": ["age", "wage", "const"],
        "n_seen": 100_000,
        "n_steps": 3125,
    }
    return InferenceResult(**{**given, **changes})


def test_the_table():
    expected = """\
SGD with averaging, inference by multiplier bootstrap
100,000 rows · 3,125 steps · 60 chains
=============================================================================
             coef     std err           t       P>|t|      [0.025      0.975]
-----------------------------------------------------------------------------
age         1.000       0.500       2.000       0.050       0.000       2.000
wage   -0.0000300   0.0000200      -1.500       0.139  -0.0000700   0.0000100
const       20000         300      66.667     < 0.001       19400       20600
============================================================================="""
    assert made().summary() == str(made()) == expected


def test_the_level_stands_over_the_bounds():
    assert "      [0.05       0.95]" in made().summary(0.9)
    assert made(confidence_level=0.9).summary() == made().summary(0.9)


def test_remarks_follow_the_table():
    chains = made().chains.copy()
    chains[4, 1] = np.inf
    chains[:, 2] = 20000.0
    result = made(
        chains=chains[:40],
        diagnostics={"transient bias": "0.05 standard errors", "drift": 1.25},
        companions={"plugin": [0.45, 1e-5, 1.0]},
    )
    table, remarks = result.summary().rsplit("=\n", 1)
    assert remarks.splitlines() == [
        "transient bias: 0.05 standard errors",
        "drift: 1.250",
        "standard errors by plugin: 0.90 to 0.90 times these",
        "no inference for wage: 1 of 40 chains not finite",
        "all chains agree with the run on const: no standard error",
        "standard errors rest on 40 chains: 50 or more are steadier",
    ]
    rows = table.splitlines()
    assert rows[6].split() == ["wage", "-3e-05"] + ["no", "value"] * 5
    assert rows[7].split() == ["const", "20000", "0", "inf", "<", "0.001", "20000", "20000"]


def test_extreme_numbers_and_names_fit():
    name = "a_name_of_a_parameter_that_goes_on_and_on"
    scale = np.array([1e-12, 1e12, 1.0])
    one = made()
    result = made(
        center=one.center * scale, chains=one.chains * scale, names=[name, "wage", "const"]
    )
    lines = result.summary().splitlines()
    assert {len(line) for line in lines[2:4]} == {30 + 6 * 12}
    assert all(len(line) <= 30 + 6 * 12 for line in lines)
    # Levels of a category differ at the end.
    assert lines[5].startswith(name[:14] + "…" + name[-15:] + " ")
    assert "1.000e-12" in lines[5]
    assert "-3.000e+07" in lines[6]


def test_the_frame():
    result = made(companions={"plugin": [0.4, 1e-5, 290.0]})
    frame = result.to_frame()
    assert frame.index.tolist() == ["age", "wage", "const"]
    assert frame.columns.tolist() == [
        "estimate", "std_error", "t", "p_value", "lower", "upper", "std_error_plugin",
    ]  # fmt: skip
    np.testing.assert_array_equal(frame["p_value"], result.pvalues)
    np.testing.assert_array_equal(frame["upper"], result.conf_int()["upper"])
    assert frame["std_error_plugin"].tolist() == [0.4, 1e-5, 290]
    assert (result.to_frame(0.5)["upper"] < frame["upper"]).all()


def test_representations():
    result = made()
    assert repr(result) == "<InferenceResult: 3 parameters, 60 chains, 100,000 rows>"
    html = result._repr_html_()
    assert "<table" in html
    assert "<th>wage</th>" in html


@pytest.mark.parametrize("value", [-1.5, 0.0, 2])
def test_a_perfect_fit_is_told_without_a_warning(value):
    result = made(center=[value] * 3, chains=np.full((60, 3), float(value)))
    assert "all chains agree with the run on age, wage, const" in result.summary()
