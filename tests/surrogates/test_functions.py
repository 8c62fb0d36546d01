from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from surefoot.ground.errors import InputError
from surefoot.surrogates.functions import PROBLEMS, problem, problems_of
from surefoot.surrogates.problems.engineering import borehole, borehole_low
from surefoot.surrogates.problems.machinery import burgers, failing, forrester, forrester_low

WHOLE = [one for one in PROBLEMS.values() if one.name != "failing"]
CHEAP = [one for one in WHOLE if not one.name.startswith(("seir", "sir", "lotka"))]


def named(problems):
    return pytest.mark.parametrize("one", problems, ids=lambda one: one.name)


def by_quadrature(one, nodes):
    """Return S1 and ST from a full grid of Gauss-Legendre nodes, `nodes` in each half."""
    d = len(one.space)
    u, w = np.polynomial.legendre.leggauss(nodes)
    u, w = np.concatenate([u + 1, u + 3]) / 4, np.tile(w / 4, 2)
    columns = {}
    for axis, (name, dimension) in enumerate(one.space.dimensions.items()):
        columns[name] = dimension.from_unit(u).reshape([-1 if j == axis else 1 for j in range(d)])
    values = np.broadcast_to(one.function(**columns), (len(u),) * d)

    def mean(values, keep=()):
        for axis in reversed(range(d)):
            if axis not in keep:
                values = np.tensordot(values, w, ([axis], [0]))
        return values

    centred = values - mean(values)
    first = [mean(centred, (j,)) ** 2 @ w for j in range(d)]
    total = [
        mean((centred - np.expand_dims(np.tensordot(centred, w, ([j], [0])), j)) ** 2)
        for j in range(d)
    ]
    return np.array(first) / mean(centred**2), np.array(total) / mean(centred**2)


# --- the catalogue -----------------------------------------------------------------------------


def test_problems_are_found_by_name_and_group():
    assert problem("branin").title == "Branin's function"
    with pytest.raises(InputError, match=r"problem: found 'branni'; .*did you mean 'branin'"):
        problem("branni")
    fresh = {one.name for one in problems_of("fresh")}
    development = {one.name for one in problems_of("development")}
    assert len(fresh) == 9
    assert len(development) == 13
    assert not fresh & development


@named(WHOLE)
def test_rows_are_independent_and_columns_are_taken_by_name(one):
    frame = one.sample(4, seed=1)
    outputs = one(frame)
    assert outputs.shape[0] == 4
    assert np.isfinite(outputs).all()
    assert one.space.contains(frame).all()
    np.testing.assert_array_equal(one(frame[frame.columns[::-1]]), outputs)
    np.testing.assert_array_equal(one(frame.to_numpy()), outputs)
    # One run of a simulator: plain numbers as keywords.
    single = one.function(**frame.iloc[2].to_dict())
    np.testing.assert_allclose(single, outputs[2], rtol=1e-14)


def test_wrong_inputs_are_named():
    with pytest.raises(InputError, match=r"inputs of branin: found \(3, 3\).* \(n, 2\)"):
        problem("branin")(np.zeros((3, 3)))
    with pytest.raises(InputError, match="columns: found no 'x2'"):
        problem("branin")(problem("branin").sample(3)[["x1"]])


def test_samples_depend_on_seed_and_problem():
    one = problem("branin")
    assert one.sample(5, 1).equals(one.sample(5, 1))
    assert not one.sample(5, 1).equals(one.sample(5, 2))


# --- what is known of them ---------------------------------------------------------------------


@named([one for one in CHEAP if one.minimum is not None])
def test_no_point_is_below_the_minimum_and_the_minimisers_reach_it(one):
    at = np.array(one.minimisers)
    np.testing.assert_allclose(one(at), one.minimum, atol=1e-5)
    low, high = np.array([(dim.low, dim.high) for dim in one.space.dimensions.values()]).T
    assert ((at >= low) & (at <= high)).all()
    # The lowest of many points does not fall below it when polished.
    X = one.sample(2_000).to_numpy()
    for start in X[np.argsort(one(X))[:3]]:
        found = minimize(
            lambda x: float(one(x[None])[0]), start, bounds=list(zip(low, high, strict=True))
        )
        assert found.fun >= one.minimum - 1e-5


@pytest.mark.parametrize(
    ("name", "nodes", "digits"),
    [
        ("ishigami", 15, 1e-12),
        ("branin", 10, 1e-5),
        ("friedman", 5, 1e-5),
        ("otl", 4, 1e-5),
        ("borehole", 2, 1e-4),
        ("piston", 3, 2e-4),
        ("hartmann6", 4, 3e-3),
        ("wing", 2, 6e-4),
        ("g-function", 2, 1e-12),  # linear in each half, its square of degree two: exact
    ],
)
def test_indices_are_those_of_quadrature(name, nodes, digits):
    one = problem(name)
    first, total = by_quadrature(one, nodes)
    np.testing.assert_allclose(one.first_order, first, atol=digits)
    np.testing.assert_allclose(one.total_order, total, atol=digits)


def test_indices_of_the_step_are_those_of_many_points():
    one = problem("step")
    X = one.sample(200_000)
    y = one(X)
    slope = X["x2"].var() / y.var()
    assert slope == pytest.approx(one.first_order[1], abs=0.005)
    assert sum(one.first_order) == pytest.approx(1)


def test_an_arm_reaches_as_far_as_it_is_long():
    assert problem("robot-arm")(np.array([[0, 0, 0, 0, 1, 1, 1, 1.0]])) == pytest.approx(4)
    assert problem("robot-arm")(np.array([[1, np.pi, 0, 0, 1, 0.25, 0, 0]])) == pytest.approx(0.75)


# --- for the machinery -------------------------------------------------------------------------


def test_low_fidelities_follow_the_high_ones():
    frame = problem("borehole").sample(200)
    high = borehole(**frame)
    low = borehole_low(**frame)
    assert np.corrcoef(high, low)[0, 1] > 0.99
    assert np.abs(high - low).max() > 1
    x = np.linspace(0, 1, 11)
    np.testing.assert_allclose(forrester_low(x) - 0.5 * forrester(x), 10 * x, atol=1e-12)


def test_a_wave_is_that_of_the_cole_hopf_transform():
    # u = −2ν φ_x/φ, where φ solves the heat equation from exp(a (cos x − 1)/2ν).
    x, wave = 2 * np.pi * np.arange(512) / 512, np.arange(257)
    viscosity, amplitude = np.array([0.1, 0.1, 1.0]), np.array([1.5, 0.5, 1.0])
    for nu, height, found in zip(viscosity, amplitude, burgers(viscosity, amplitude), strict=True):
        modes = np.fft.rfft(np.exp(height * (np.cos(x) - 1) / (2 * nu))) * np.exp(-nu * wave**2)
        exact = -2 * nu * np.fft.irfft(1j * wave * modes) / np.fft.irfft(modes)
        np.testing.assert_allclose(found, exact[::8], atol=1e-6)


def test_a_solver_fails_beyond_its_limit_only():
    assert failing(0.5, 1.0) == pytest.approx(10)
    with pytest.raises(ArithmeticError, match=r"no convergence: x0·x1 = 0\.81 exceeds 0\.5"):
        failing(np.array([0.1, 0.9]), np.array([0.1, 0.9]))
