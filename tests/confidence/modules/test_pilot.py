"""The pilot of a torch loss: that of the NumPy engine where there is one, and honest elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.confidence.modules.losses import LOSSES, poisson, squared, tensors
from tests.confidence.synthetic import LOSSES as NUMPY_LOSSES
from tests.confidence.synthetic import stream
from torch import Tensor
from torch.nn import functional

from surefoot.confidence.modules.pilot import MOST_WHITENED, cold_torch_pilot, fit_torch_pilot
from surefoot.confidence.pilot import fit_pilot
from surefoot.ground.errors import InputError

NAN = float("nan")


def zeros(d: int, **options: Any) -> Tensor:
    return torch.zeros(d, **{"dtype": torch.float64} | options)


def softmax(theta: Tensor, batch: tuple[Tensor, Tensor]) -> Tensor:
    return functional.cross_entropy(batch[0] @ theta.view(3, -1).T, batch[1], reduction="none")


@pytest.mark.parametrize("precondition", ["whiten", "diag", None])
@pytest.mark.parametrize(("loss", "ridge"), [("squared", 0.0), ("squared", 0.5), ("log_loss", 0.0)])
def test_a_linear_model_gets_the_pilot_of_the_numpy_engine(
    loss: str, ridge: float, precondition: Any
) -> None:
    rows = stream(400, 4, loss=loss)
    ours = fit_torch_pilot(
        LOSSES[loss], zeros(4), tensors(rows.X, rows.y), precondition=precondition, ridge=ridge
    )
    numpy = fit_pilot(rows.X, rows.y, NUMPY_LOSSES[loss], precondition=precondition, ridge=ridge)
    # The prior of the NumPy engine's logistic fit shrinks it a little.
    tolerance = {"rtol": 1e-6} if loss == "squared" else {"rtol": 0.04, "atol": 0.04}
    np.testing.assert_allclose(ours.theta, numpy.theta, **tolerance)
    np.testing.assert_allclose(ours.curvature, numpy.curvature, **tolerance)
    L, M = (p.scale @ p.scale.T if p.scale.ndim == 2 else p.scale for p in (ours, numpy))
    np.testing.assert_allclose(L, M, **tolerance)
    assert ours.top_curvature == pytest.approx(numpy.top_curvature, rel=0.03)
    # Here the ridge counts as curvature of a row.
    extra = ridge * np.trace(L) if ours.scale.ndim == 2 else ridge * (L**2).sum()
    assert ours.row_curvature == pytest.approx(numpy.row_curvature + extra, rel=0.03)
    assert (ours.rank, ours.n_rows, ours.convex) == (4, 400, True)


def test_units_of_the_inputs_change_nothing() -> None:
    rows, units = stream(400, 4, loss="log_loss"), np.array([1e-4, 1.0, 1e3, 1e5])
    plain = fit_torch_pilot(LOSSES["log_loss"], zeros(4), tensors(rows.X, rows.y))
    scaled = fit_torch_pilot(LOSSES["log_loss"], zeros(4), tensors(rows.X * units, rows.y))
    np.testing.assert_allclose(scaled.theta * units, plain.theta, rtol=1e-6)
    assert scaled.row_curvature == pytest.approx(plain.row_curvature, rel=1e-6)
    assert scaled.condition == pytest.approx(plain.condition, rel=1e-6)


def test_a_strong_signal_is_not_shrunk_by_the_prior() -> None:
    rows = stream(200, 3)
    y = 1e4 * rows.X @ [1.0, 2.0, 3.0] + rows.y
    pilot = fit_torch_pilot(squared, zeros(3), tensors(rows.X, y))
    np.testing.assert_allclose(pilot.theta, np.linalg.lstsq(rows.X, y, rcond=None)[0], rtol=1e-9)


def test_separated_classes_have_a_finite_start() -> None:
    rows = stream(200, 3)
    pilot = fit_torch_pilot(
        LOSSES["log_loss"], zeros(3), tensors(rows.X, (rows.X[:, 0] > 0).astype(float))
    )
    assert 1 < np.abs(pilot.theta).max() < 20
    # Steps are short enough for the curvature on the way there.
    assert pilot.row_curvature > 1.5 * 3


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_directions_without_curvature_are_told_apart(dtype: torch.dtype) -> None:
    # The sum over the classes of a softmax for each input, and an input that is always 0.
    rows = stream(400, 4)
    X = torch.tensor(rows.X, dtype=dtype)
    classes = torch.tensor(np.random.default_rng(0).integers(3, size=400))
    X[:, 1] = 0
    start = torch.arange(12, dtype=dtype)
    pilot = fit_torch_pilot(softmax, start, (X, classes))
    assert pilot.rank == 6
    np.testing.assert_allclose(pilot.theta.reshape(3, 4)[:, 1], [1, 5, 9], rtol=1e-6)
    whitened = pilot.quadratic_to_whitened(pilot.curvature)
    np.testing.assert_allclose(np.diag(whitened)[:6], 1, rtol=1e-3)
    assert np.abs(whitened[6:]).max() < 1e-8
    # Where the shared shift of the classes is makes no difference to what is predicted.
    other = fit_torch_pilot(softmax, zeros(12, dtype=dtype), (X, classes))
    logits = [torch.tensor(p.theta).view(3, 4) @ X.double().T for p in (pilot, other)]
    torch.testing.assert_close(*(z.softmax(0) for z in logits), rtol=0.05, atol=0.02)


def test_a_loss_with_curvature_that_grows_is_fitted() -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(2000), rng.normal(size=(2000, 2))])
    theta = np.array([3.0, 0.5, -0.5])
    pilot = fit_torch_pilot(poisson, zeros(3), tensors(X, rng.poisson(np.exp(X @ theta)) * 1.0))
    np.testing.assert_allclose(pilot.theta, theta, atol=0.03)


def test_a_loss_that_is_not_convex_is_seen_and_damped() -> None:
    def loss(theta: Tensor, batch: tuple[Tensor, Tensor]) -> Tensor:
        hidden = torch.relu(batch[0] @ theta[:12].view(3, 4))
        return (hidden @ theta[12:] - batch[1]) ** 2

    rows = stream(400, 3)
    torch.manual_seed(0)
    batch, start = tensors(rows.X, rows.y), torch.randn(16).double()
    pilot = fit_torch_pilot(loss, start, batch)
    assert not pilot.convex
    # No direction is scaled more than the mean curvature allows.
    assert (
        np.linalg.norm(pilot.scale, 2) ** 2 <= 1.001 / np.abs(np.diag(pilot.curvature)).mean() * 2
    )
    fitted = loss(torch.tensor(pilot.theta), batch).mean()
    assert fitted < 0.5 * loss(start, batch).mean()
    # Told so, a convex loss is treated alike.
    told = fit_torch_pilot(squared, zeros(3), batch, convex=False)
    assert not told.convex
    assert told.top_curvature == pytest.approx(1)
    assert np.linalg.eigvalsh(told.quadratic_to_whitened(told.curvature))[-1] < 0.8


def test_many_parameters_are_sketched() -> None:
    d = MOST_WHITENED + 200
    rng = np.random.default_rng(0)
    units = np.exp(rng.normal(size=d))
    X = rng.normal(size=(3000, d)) * units
    y = X @ (rng.normal(size=d) / units / np.sqrt(d)) + rng.normal(size=3000)
    batch = tensors(X, y)
    pilot = fit_torch_pilot(squared, zeros(d), batch, precondition="diag")
    assert pilot.curvature.shape == pilot.scale.shape == (d,)
    # Its units are those of the inputs, and the mean curvature in its coordinates is 1.
    np.testing.assert_allclose(pilot.scale * units, 1, rtol=0.7)
    assert np.log(pilot.scale * units).std() < 0.2
    seen = (X * pilot.scale) ** 2
    assert seen.sum(1).mean() == pytest.approx(d, rel=0.02)
    assert pilot.row_curvature == pytest.approx(d, rel=0.1)
    top = np.linalg.eigvalsh((X * pilot.scale).T @ (X * pilot.scale) / 3000)[-1]
    assert pilot.top_curvature == pytest.approx(top, rel=0.1)
    with pytest.raises(InputError, match="'diag' or None for more than 1000"):
        fit_torch_pilot(squared, zeros(d), batch)


def test_a_cold_start_is_where_the_parameters_are() -> None:
    start = torch.tensor([1.0, -2.0])
    pilot = cold_torch_pilot(start, 5.0)
    np.testing.assert_array_equal(pilot.theta, [1, -2])
    np.testing.assert_array_equal(pilot.scale, [1, 1])
    assert (pilot.row_curvature, pilot.top_curvature, pilot.n_rows) == (5.0, 5.0, 0)


def pinball(theta: Tensor, batch: tuple[Tensor, Tensor]) -> Tensor:
    r = batch[1] - batch[0] @ theta
    return torch.maximum(0.3 * r, -0.7 * r)


@pytest.mark.parametrize(
    ("loss", "y", "options", "message"),
    [
        (pinball, 1.0, {}, "second derivative that is 0 throughout at the pilot.*smooth it"),
        (squared, NAN, {}, "found nan on the pilot rows; allowed: a finite loss at the start"),
        (lambda theta, batch: squared(theta, batch).sum(), 1.0, {}, "reduction='none'"),
        (squared, 1.0, {"precondition": "whitten"}, "did you mean 'whiten'"),
    ],
)
def test_what_gives_no_pilot_is_refused(loss: Any, y: float, options: dict, message: str) -> None:
    rows = stream(50, 3)
    with pytest.raises(InputError, match=message):
        fit_torch_pilot(loss, zeros(3), tensors(rows.X, rows.y * y), **options)


def test_too_few_rows_to_whiten_with() -> None:
    rows = stream(3, 3)
    batch = tensors(rows.X, rows.y)
    with pytest.raises(InputError, match="found 3 rows; allowed: at least 4 rows, 200 are better"):
        fit_torch_pilot(squared, zeros(3), batch)
    assert fit_torch_pilot(squared, zeros(3), batch, precondition="diag").n_rows == 3
