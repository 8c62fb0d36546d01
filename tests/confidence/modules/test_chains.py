"""The torch engine: equal to the NumPy engine and to a loop of gradients, one loss a row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.confidence.modules.losses import LOSSES, feed, squared, tensors
from tests.confidence.synthetic import LOSSES as NUMPY_LOSSES
from tests.confidence.synthetic import stream
from torch import Tensor

from surefoot.confidence.bias import half_sample_drift
from surefoot.confidence.engine import ChainEngine
from surefoot.confidence.modules.chains import ChainOptions, TorchChains
from surefoot.confidence.modules.pilot import TorchPilot, cold_torch_pilot
from surefoot.confidence.pilot import fit_pilot
from surefoot.confidence.schedule import StepSchedule
from surefoot.ground.errors import InputError


def pilot_of(rows: Any, loss: str = "squared", **options: Any) -> TorchPilot:
    """Return the pilot of the NumPy engine, for both engines."""
    pilot = fit_pilot(rows.X[:100], rows.y[:100], NUMPY_LOSSES[loss], **options)
    return TorchPilot(**vars(pilot))


def chains_of(rows: Any, loss: str = "squared", *, ridge: float = 0.0, **options: Any) -> Any:
    made = ChainOptions(**{"n_chains": 7, "batch_size": 16, "seed": 3} | options)
    return TorchChains(LOSSES[loss], pilot_of(rows, loss, ridge=ridge), made, ridge=ridge)


def everything(made: Any) -> np.ndarray:
    averages = made.averages()
    return np.vstack([averages.estimate, averages.chains])


@pytest.mark.parametrize("loss", ["squared", "log_loss"])
@pytest.mark.parametrize("precondition", ["whiten", "diag", None])
@pytest.mark.parametrize(
    "options",
    [{}, {"ridge": 0.3}, {"burn_in": 3}, {"multiplier": "exponential", "seed": 11}, {"epochs": 2}],
    ids=str,
)
def test_a_linear_model_equals_the_numpy_engine(
    loss: str, precondition: Any, options: dict[str, Any]
) -> None:
    rows, options = stream(203, 4, loss=loss), dict(options)
    epochs, ridge = options.pop("epochs", 1), options.pop("ridge", 0.0)
    burn_in = options.pop("burn_in", 0)
    pilot = pilot_of(rows, loss, ridge=ridge, precondition=precondition)
    shared = {"n_chains": 7, "batch_size": 16, "seed": 3} | options
    numpy = ChainEngine(NUMPY_LOSSES[loss], pilot, ridge=ridge, burn_in=16 * burn_in, **shared)
    ours = TorchChains(LOSSES[loss], pilot, ChainOptions(burn_in=burn_in, **shared), ridge=ridge)
    for epoch in range(epochs):
        if epoch:
            numpy.start_epoch()
            ours.start_epoch()
        numpy.consume(rows.X, rows.y)
        numpy.finish()
        feed(ours, rows.X, rows.y, 16)
    np.testing.assert_allclose(everything(ours), everything(numpy), rtol=0, atol=1e-12)
    assert (
        (ours.n_rows, ours.n_steps) == (numpy.n_rows, numpy.n_steps) == (203 * epochs, 13 * epochs)
    )
    assert ours.first_averaged == numpy.first_averaged
    assert ours.averages().n_rows == numpy.averages().n_rows
    drifts = [half_sample_drift(one.path, pilot, one.averages()) for one in (ours, numpy)]
    assert drifts[0] == pytest.approx(drifts[1], rel=1e-9)


def test_a_step_is_a_loop_over_gradients() -> None:
    # A loss that is not linear in anything, on a batch that is a mapping.
    def loss(theta: Tensor, batch: dict[str, Tensor]) -> Tensor:
        hidden = torch.tanh(batch["x"] @ theta[:6].view(3, 2))
        return (hidden @ theta[6:] - batch["y"]).abs() ** 1.5

    torch.manual_seed(0)
    batch = {"x": torch.randn(10, 3).double(), "y": torch.randn(10).double()}
    start = torch.randn(8).double()
    options = ChainOptions(n_chains=4, batch_size=16, schedule=StepSchedule(1.0, 0.6, 9.0))
    made = TorchChains(loss, cold_torch_pilot(start, 1.0), options, ridge=0.2)
    ids = np.array([4, 8, 1, 0, 77, 5, 6, 2, 3, 10**12])
    made.step(batch, row_ids=ids)
    weights = made.options.multiplier.row_weights(0, ids, slice(0, 5))
    weights[:, 0] = 1
    for chain in range(5):
        theta = start.clone().requires_grad_()
        losses = loss(theta, batch) + 0.1 * (theta**2).sum()
        (torch.tensor(weights[:, chain]) @ losses).backward()
        expected = start - 10**-0.6 / 16 * theta.grad
        torch.testing.assert_close(made.phi[chain], expected, rtol=1e-12, atol=1e-12)


def test_weights_belong_to_row_ids() -> None:
    rows = stream(160, 3)
    order = np.concatenate([start + np.random.default_rng(start).permutation(16)
                            for start in range(0, 160, 16)])  # fmt: skip
    plain, permuted, other = (chains_of(rows) for _ in range(3))
    feed(plain, rows.X, rows.y, 16)
    feed(permuted, rows.X[order], rows.y[order], 16, row_ids=order)
    feed(other, rows.X[order], rows.y[order], 16)
    np.testing.assert_allclose(everything(permuted), everything(plain), rtol=0, atol=1e-13)
    # Without ids the rows get the weights of their places: the run agrees, the chains don't.
    np.testing.assert_allclose(everything(other)[0], everything(plain)[0], rtol=0, atol=1e-13)
    assert np.abs(everything(other)[1:] - everything(plain)[1:]).min() > 1e-6


def test_float32_chains_are_close_and_averages_are_float64() -> None:
    rows = stream(800, 4, loss="log_loss")
    pilot = pilot_of(rows, "log_loss")
    double = TorchChains(LOSSES["log_loss"], pilot, ChainOptions(n_chains=5))
    single = TorchChains(LOSSES["log_loss"], pilot, ChainOptions(n_chains=5), dtype=torch.float32)
    feed(double, rows.X, rows.y, 32)
    feed(single, rows.X.astype(np.float32), rows.y.astype(np.float32), 32)
    np.testing.assert_allclose(everything(single), everything(double), rtol=0, atol=2e-5)
    assert single.phi.dtype == torch.float32
    assert everything(single).dtype == np.float64


def noisy(theta: Tensor, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Squared loss under dropout of the inputs."""
    x = torch.nn.functional.dropout(batch[0], 0.5)
    return squared(theta, (x, batch[1]))


@pytest.mark.parametrize("randomness", ["same", "different"])
def test_random_numbers_in_a_loss_are_keyed_and_leave_torchs_own_alone(randomness: Any) -> None:
    rows = stream(64, 3)
    results = []
    for torch_seed in (0, 1):
        torch.manual_seed(torch_seed)
        made = TorchChains(noisy, pilot_of(rows), ChainOptions(n_chains=3, randomness=randomness))
        feed(made, rows.X, rows.y, 32)
        results.append(everything(made))
        drawn = torch.rand(3)
        torch.manual_seed(torch_seed)
        assert torch.equal(drawn, torch.rand(3))
    np.testing.assert_array_equal(*results)


def test_same_randomness_is_alike_in_all_chains() -> None:
    # Ones as weights: chains differ by their random numbers only.
    rows, spread = stream(64, 3), {}
    for randomness in ("same", "different"):
        options = ChainOptions(n_chains=3, randomness=randomness)  # type: ignore[arg-type]
        made = TorchChains(noisy, pilot_of(rows), options)
        made._source.fill = lambda ids, out: out.fill(1)  # type: ignore[method-assign]
        feed(made, rows.X, rows.y, 32)
        spread[randomness] = np.ptp(everything(made), axis=0).max()
    assert spread["same"] < 1e-14
    assert spread["different"] > 1e-3


def test_random_numbers_nobody_declared_are_refused() -> None:
    rows = stream(64, 3)
    made = TorchChains(
        lambda theta, batch: squared(theta + torch.randn_like(theta), batch), pilot_of(rows)
    )
    with pytest.raises(InputError, match="random numbers in it; allowed: .*randomness='same'"):
        made.step(tensors(rows.X, rows.y, slice(32)))


@pytest.mark.parametrize(
    ("loss", "found"),
    [
        (lambda theta, batch: squared(theta, batch).mean(), r"shape \(\)"),
        (lambda theta, batch: squared(theta, batch)[:, None], r"shape \(16, 1\)"),
        (lambda theta, batch: (batch[0] @ theta[:, None] - batch[1]) ** 2, r"shape \(16, 16\)"),
        (lambda theta, batch: 1.0, "found 1.0"),
    ],
)
def test_a_loss_is_one_number_a_row(loss: Any, found: str) -> None:
    rows = stream(100, 3)
    made = TorchChains(loss, pilot_of(rows))
    with pytest.raises(InputError, match=f"loss: .*{found}.*reduction='none'"):
        made.step(tensors(rows.X, rows.y, slice(16)))


@pytest.mark.parametrize(
    ("batch", "ids", "message"),
    [
        ((torch.zeros(17, 3), torch.zeros(17)), None, "found 17 rows; allowed: at most batch_size"),
        ({"rows": 3}, None, "first dimension counts the rows"),
        ((torch.zeros(0, 3), torch.zeros(0)), None, r"tensor of shape \(0, 3\)"),
        ((torch.zeros(2, 3), torch.zeros(2)), [1], r"row_ids: found shape \(1,\)"),
        ((torch.zeros(2, 3), torch.zeros(2)), [0.5, 1], "2 integers"),
    ],
)
def test_bad_batches_are_refused_and_change_nothing(batch: Any, ids: Any, message: str) -> None:
    made = chains_of(stream(100, 3))
    before = made.phi.clone()
    with pytest.raises(InputError, match=message):
        made.step(batch, ids)
    assert made.n_steps == 0
    assert torch.equal(made.phi, before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_chains": 1}, "n_chains: found 1; allowed: a whole number from 2"),
        ({"batch_size": 0}, "batch_size"),
        ({"burn_in": -1}, "burn_in"),
        ({"multiplier": "normal"}, "multiplier"),
        ({"randomness": "some"}, "did you mean 'same'"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ChainOptions(**options)


def test_nothing_is_averaged_in_the_burn_in() -> None:
    rows = stream(100, 3)
    made = chains_of(rows, burn_in=2)
    feed(made, rows.X[:32], rows.y[:32], 16)
    with pytest.raises(InputError, match="steps beyond the burn-in"):
        made.averages()


def test_gradients_of_the_caller_are_left_alone() -> None:
    weight = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
    rows = stream(100, 3)
    made = TorchChains(lambda theta, batch: squared(theta * weight, batch), pilot_of(rows))
    made.step(tensors(rows.X, rows.y, slice(16)))
    assert weight.grad is None
    assert not made.phi.requires_grad
