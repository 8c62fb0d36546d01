"""Chains on a module: what they are equal to, what they predict, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.confidence.modules.networks import BINARY, CROSS, MSE, Headed, classes, fed, mlp, warmed
from torch import Tensor, nn

from surefoot.confidence.health import ConfidenceWarning
from surefoot.confidence.intervals_of_chains import bounds
from surefoot.confidence.modules import chained_loss
from surefoot.confidence.modules.chained_sgd import ChainedSGD
from surefoot.confidence.modules.chains import TorchChains
from surefoot.ground.errors import InputError, UnmetError


def everything(chained: Any) -> np.ndarray:
    averages = chained.averages()
    return np.vstack([averages.estimate, averages.chains])


@pytest.mark.parametrize("squeezes", [False, True])
def test_a_head_is_a_linear_model_on_the_features_of_the_body(squeezes: bool) -> None:
    # Cut before the head, or run as a whole because something comes after it.
    model = Headed(squeezes=squeezes).double()
    X, y = classes(300, mlp(2).double())
    loss_fn, y = (BINARY, y.double()) if squeezes else (CROSS, y)
    chained = warmed(model, (X, y), loss_fn=loss_fn)
    assert (chained._network._rest is model) == squeezes
    features = torch.tanh(model.body(X)).detach()
    k = 1 if squeezes else 3

    def loss(theta: Tensor, batch: tuple[Tensor, Tensor]) -> Tensor:
        z = batch[0] @ theta[: 8 * k].view(k, 8).T + theta[8 * k :]
        return loss_fn(z.squeeze(-1) if squeezes else z, batch[1])

    assert chained.chains is not None
    by_hand = TorchChains(loss, chained.chains.pilot, chained.options)
    fed(chained, (X, y))
    for start in range(0, 300, 32):
        by_hand.step((features[start : start + 32], y[start : start + 32]))
    np.testing.assert_allclose(everything(chained), everything(by_hand), rtol=0, atol=1e-12)


@pytest.mark.parametrize("cut", [True, False])
def test_all_parameters_equal_a_loop_over_models(cut: bool) -> None:
    model = mlp(1).double() if cut else Headed(squeezes=True).double()
    if cut:
        model.append(nn.Flatten(0))
    X, y = torch.randn(40, 4).double(), torch.randn(40).double()
    before = {name: p.clone() for name, p in model.named_parameters()}
    chained = ChainedSGD(model, MSE, 3, params="all", batch_size=16, precondition=None, alpha=0.1)
    chained.cold_start(20.0)
    fed(chained, (X, y))
    assert chained.chains is not None
    weights = chained.options.multiplier.row_weights(0, np.arange(40), slice(0, 4))  # type: ignore[union-attr]
    weights[:, 0] = 1
    for chain, weight in enumerate(torch.tensor(weights).T):
        model.load_state_dict(before)
        for k, start in enumerate(range(0, 40, 16)):
            part = slice(start, start + 16)
            matrices = [p for p in model.parameters() if p.ndim > 1]
            penalty = 0.05 * sum((p**2).sum() for p in matrices)
            total = (weight[part] * (MSE(model(X[part]), y[part]) + penalty)).sum()
            gradients = torch.autograd.grad(total, list(model.parameters()))
            rate = chained.chains.schedule.step(k + 1) / 16
            with torch.no_grad():
                for p, g in zip(model.parameters(), gradients, strict=True):
                    p -= rate * g
        theta = torch.cat([p.detach().flatten() for p in model.parameters()])
        torch.testing.assert_close(chained.chains.phi[chain], theta, rtol=1e-11, atol=1e-11)


def test_the_body_is_run_once_a_batch_and_the_model_is_never_changed() -> None:
    model = Headed()
    data = classes(320, model)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    chained = warmed(model, data, n_chains=20)
    model.runs = 0
    fed(chained, data)
    assert model.runs == 10
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])
        assert not any(p.grad is not None for p in model.parameters())


def test_the_state_dict_of_the_average_loads_into_the_model() -> None:
    model = mlp()
    data = classes(640, model)
    chained = fed(warmed(model, data), data)
    names = [f"2.weight[{i},{j}]" for i in range(3) for j in range(8)]
    assert list(chained.names) == [*names, "2.bias[0]", "2.bias[1]", "2.bias[2]"]
    state = chained.averaged_state_dict()
    body = model[0].weight.clone()
    model.load_state_dict(state)
    assert torch.equal(model[0].weight, body)
    estimate = chained.averages().estimate.astype(np.float32)
    np.testing.assert_array_equal(model[2].weight.detach().flatten(), estimate[:24])
    torch.testing.assert_close(chained.predict(data[0]).estimate, model(data[0]).detach())


def test_inputs_by_name_and_several_of_them() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(4, 3)

        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return self.head(a + b)

    torch.manual_seed(0)
    model, found = Two(), []
    (X, y) = classes(96, mlp())
    for inputs in ((X, X), [X, X], {"a": X, "b": X}):
        chained = ChainedSGD(model, CROSS, 3, batch_size=96)
        chained.warm_up((inputs, y))
        chained.step((inputs, y))
        predicted = chained.predict(inputs).upper
        found.append((everything(chained), predicted))
    for chains, predicted in found[1:]:
        np.testing.assert_array_equal(chains, found[0][0])
        assert torch.equal(predicted, found[0][1])


def test_a_model_in_half_precision_gets_chains_in_float32() -> None:
    model = mlp().bfloat16()
    data = classes(320, mlp())
    data = (data[0].bfloat16(), data[1])
    with pytest.raises(InputError, match="found 'torch.bfloat16'; allowed: torch.float32"):
        ChainedSGD(model, CROSS)
    chained = fed(warmed(model, data, dtype=torch.float32), data)
    assert chained.chains is not None
    assert chained.chains.phi.dtype == torch.float32
    assert chained.averaged_state_dict()["2.weight"].dtype == torch.bfloat16
    # A float32 model can have chains in float64, cut or not.
    for model in (mlp(), Headed(squeezes=False)):
        wide = fed(warmed(model, classes(320, mlp()), dtype=torch.float64, params="all"), data)
        assert wide.chains is not None
        assert wide.chains.phi.dtype == torch.float64


def test_intervals_and_predictions_cover() -> None:
    """A logistic head on fixed features, 40 runs, nothing tuned."""
    body = nn.Sequential(nn.Linear(4, 5), nn.Tanh()).double()
    torch.manual_seed(1)
    for p in body.parameters():
        p.data = 2 * torch.randn_like(p)
    truth = torch.tensor([1.0, -0.5, 0.0, 0.5, 1.0, 0.3]).double()
    new = torch.randn(20, 4).double()
    logits = body(new).detach() @ truth[:5] + truth[5]
    inside: dict[float, list[Any]] = {0.95: [], 0.8: []}
    predicted = []
    for seed in range(40):
        torch.manual_seed(seed)
        X = torch.randn(2400, 4).double()
        y = torch.bernoulli(torch.sigmoid(body(X).detach() @ truth[:5] + truth[5]))
        model = nn.Sequential(body, nn.Linear(5, 1).double(), nn.Flatten(0))
        chained = ChainedSGD(model, BINARY, seed=seed)
        chained.warm_up((X[:200], y[:200]))
        averages = fed(chained, (X, y)).averages()
        for level, found in inside.items():
            low, high = bounds(averages.estimate, averages.chains - averages.estimate, level, "t")
            found.append((low <= truth.numpy()) & (truth.numpy() <= high))
        p = chained.predict(new)
        predicted.append(((p.lower <= logits) & (logits <= p.upper)).numpy())
    # 240 intervals that are not quite independent: three standard errors either way, and more
    # room above, where 75 steps are conservative.
    assert 0.90 <= np.mean(inside[0.95]) <= 0.99
    assert 0.72 <= np.mean(inside[0.8]) <= 0.90
    assert 0.90 <= np.mean(predicted) <= 0.99


def test_predictions_are_those_of_all_chains() -> None:
    model = mlp().double()
    data = classes(640, model)
    chained = fed(warmed(model, data, n_chains=40), data)
    X = torch.randn(900, 4).double()
    # 900 rows are more than are pushed at once.
    p = chained.predict(X, 0.9, transform=lambda z: z.softmax(-1))
    outputs = []
    for theta in torch.tensor(everything(chained)):
        model.load_state_dict(model.state_dict() | chained._network.split(theta))
        outputs.append(model(X).softmax(-1).detach())
    deviations = torch.stack(outputs[1:]) - outputs[0]
    torch.testing.assert_close(p.estimate, outputs[0])
    torch.testing.assert_close(p.std_error, (deviations**2).mean(0).sqrt())
    torch.testing.assert_close(p.upper - p.estimate, 1.6839 * p.std_error, rtol=1e-4, atol=0)
    torch.testing.assert_close(p.estimate - p.lower, p.upper - p.estimate)
    assert p.estimate.shape == (900, 3)


def test_dropout_is_refused_declared_and_off_in_predictions() -> None:
    model = nn.Sequential(*mlp()[:2], nn.Dropout(0.5), mlp()[2]).double()
    data = classes(320, mlp().double())
    with pytest.raises(
        InputError, match="module '2': found Dropout in training mode.*randomness='same'"
    ):
        ChainedSGD(model, CROSS)
    same = fed(warmed(model, data, randomness="same"), data)
    off = fed(warmed(model.eval(), data), data)
    assert np.abs(everything(same) - everything(off)).max() > 0.01
    model.train()
    one, other = same.predict(data[0]), same.predict(data[0])
    assert torch.equal(one.upper, other.upper)
    assert model[2].training
    # After it was made, too.
    with pytest.raises(InputError, match="Dropout in training mode"):
        off.step((data[0][:32], data[1][:32]))


def test_dropout_that_differs_makes_more_spread() -> None:
    data, spreads = classes(640, mlp().double()), []
    for randomness in ("same", "different"):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 3)).double()
        chained = fed(warmed(model, data, n_chains=30, randomness=randomness), data)
        spreads.append(chained.averages().spread.mean())
    assert spreads[1] > 1.05 * spreads[0]


def test_a_choice_that_is_not_convex_says_so_once() -> None:
    data = classes(320, mlp())
    chained = fed(warmed(mlp(), data, params=["0.*"]), data)
    with pytest.warns(ConfidenceWarning) as caught:
        result = chained.result()
    said = [str(warning.message) for warning in caught]
    assert sum("heuristic: no theory for non-convex losses" in one for one in said) == 1
    assert {warning.filename for warning in caught} == {__file__}
    assert result.diagnostics["theory"] == "heuristic: no theory for non-convex losses"
    assert "heuristic: no theory for non-convex losses" in result.summary()
    assert result.diagnostics["predicted bias / SD"] == "not known"
    chained.result()  # Warnings are errors here: nothing is said again.


def test_a_convex_head_says_what_is_off_and_no_more() -> None:
    data = classes(6400, mlp())
    with pytest.warns(ConfidenceWarning) as caught:
        result = fed(warmed(mlp(), data, n_chains=20), data).result()
    said = sorted(str(warning.message)[:30] for warning in caught)
    assert said == ["200 steps: with fewer than 300", "the loss of the pilot rows is "]
    assert "theory" not in result.diagnostics
    assert result.diagnostics["predicted bias / SD"] < 0.25
    assert result.diagnostics["rank of the pilot"] == "18 of 27"
    assert (result.n_seen, result.n_steps, result.n_chains) == (6400, 200, 20)


def test_a_run_that_is_not_finite_has_no_result() -> None:
    chained = ChainedSGD(mlp(1).append(nn.Flatten(0)), MSE, 3, precondition=None)
    chained.cold_start(1e-9)
    X = 1e6 * torch.randn(640, 4)
    fed(chained, (X, X.sum(1) * 1e30))
    with pytest.raises(UnmetError, match="the run is not finite"):
        chained.result()
    with pytest.raises(InputError, match="values that are not finite"):
        chained.predict(X)


def test_what_a_run_needs_is_said_up_front(monkeypatch: pytest.MonkeyPatch) -> None:
    chained = ChainedSGD(mlp(), CROSS, 50)
    # 27 parameters of 51 chains: three times float32, once float64; three 27 × 27 matrices.
    assert chained.nbytes_needed == 27 * 51 * 20 + 27 * 27 * 20
    assert repr(chained) == "<ChainedSGD: 27 parameters, 50 chains, 42.1 kB>"
    monkeypatch.setattr(chained_loss, "available_bytes", lambda device: 40_000)
    with pytest.warns(ConfidenceWarning, match="42.1 kB of memory for the chains, 40 kB are free"):
        ChainedSGD(mlp(), CROSS, 50)


def test_many_parameters_are_not_whitened() -> None:
    model = nn.Linear(200, 6)
    with pytest.warns(ConfidenceWarning, match="1,206 parameters: precondition='diag'"):
        chained = ChainedSGD(model, CROSS, 3)
    X, y = torch.randn(400, 200), torch.randint(6, (400,))
    chained.warm_up((X, y))
    fed(chained, (X, y))
    with pytest.warns(ConfidenceWarning) as caught:
        assert chained.result().diagnostics["predicted bias / SD"] == "not known"
    assert any("13 steps" in str(warning.message) for warning in caught)


def test_epochs_keep_their_weights() -> None:
    model = mlp().double()
    data = classes(320, model)
    chained = warmed(model, data)
    for _ in range(2):
        chained.start_epoch()
        order = torch.randperm(320)
        for ids in order.split(32):
            chained.step((data[0][ids], data[1][ids]), row_ids=ids)
    assert chained.averages().n_rows == 320
    assert chained.chains is not None
    assert (chained.chains.n_rows, chained.chains.first_averaged) == (640, 11)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.step((torch.zeros(1, 4), torch.zeros(1))), r"warm_up\(batch\) first"),
        (lambda c: c.result(), r"warm_up\(batch\) first"),
        (lambda c: c.cold_start(0.0), "row_curvature: found 0.0; allowed: a positive number"),
        (lambda c: c.warm_up(torch.zeros(9, 4)), r"batch: found .*; allowed: \(inputs, target\)"),
        (lambda c: [c.cold_start(1.0), c.cold_start(1.0)], "a run under way"),
    ],
)
def test_what_comes_in_the_wrong_order_or_form(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(ChainedSGD(mlp(), CROSS, 3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_chains": 1}, "n_chains"),
        (
            {"loss_fn": nn.CrossEntropyLoss()},
            "found losses reduced to their mean; allowed: reduction='none'",
        ),
        ({"alpha": -1.0}, "alpha: found -1.0; allowed: numbers from 0"),
        ({"confidence_level": 95}, "confidence_level"),
        ({"precondition": "white"}, "did you mean 'whiten'"),
        ({"randomness": "none"}, "randomness"),
        ({"dtype": torch.float16}, "torch.float32 or torch.float64"),
    ],
)
def test_bad_options_are_refused_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ChainedSGD(**{"model": mlp(), "loss_fn": CROSS} | options)


def test_an_output_without_a_row_a_sample_needs_a_transform() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(4, 3)

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {"logits": self.head(x)}

    data = classes(320, mlp())
    chained = warmed(Named(), data, loss_fn=lambda out, y: CROSS(out["logits"], y))
    fed(chained, data)
    with pytest.raises(InputError, match="a tensor with 320 rows; transform=... picks one"):
        chained.predict(data[0])
    assert chained.predict(data[0], transform=lambda out: out["logits"]).lower.shape == (320, 3)
