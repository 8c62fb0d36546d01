"""Dtypes, memory orders, rounding: what an average is made of."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.averaging.networks import live_vector, mlp, served, train
from torch import nn

from surefoot.averaging import EMA, LAWA, SegmentMeans, Tail, WeightAverager, arithmetic
from surefoot.averaging.arithmetic import rounded_at_random
from surefoot.averaging.buffers import is_dense
from surefoot.ground.errors import InputError


def unclosed(decay: float, **options: object) -> float:
    """Return the share of a shift that an EMA in bfloat16 has not closed after 5 constants."""
    parameter = torch.zeros(4096, dtype=torch.bfloat16)
    averager = WeightAverager({"w": parameter}, {"e": EMA(decay, warmup=None)}, **options)
    parameter.fill_(1.0)
    averager.update()
    parameter.fill_(1.0 + 2**-6)  # two units in the last place
    for _ in range(round(5 / (1 - decay))):
        averager.update()
    with averager.applied("e"):
        pass
    mean = averager._running["e"].read().flats[0].double().mean()
    return float(abs(1 + 2**-6 - mean) / 2**-6)


def test_half_precision_weights_have_float32_averages() -> None:
    # exp(−5) is ideal; float32 itself stalls .4 % of this shift short of it.
    assert unclosed(0.999) == pytest.approx(0.0067, abs=0.004)


def test_bfloat16_averages_do_not_stall() -> None:
    assert unclosed(0.999, dtype=torch.bfloat16) <= 0.02


def test_rounding_at_random_keeps_the_mean_and_is_exact_where_nothing_is_lost() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.full((200_000,), 1 + 2**-9)  # a quarter of the way between two neighbours
    rounded = rounded_at_random(values, generator)
    assert set(rounded.unique().tolist()) == {1.0, 1 + 2**-7}
    assert float((rounded > 1).double().mean()) == pytest.approx(0.25, abs=0.005)
    exact = torch.tensor([0.0, -0.0, 1.5, -3.0, float("inf"), -float("inf")])
    torch.testing.assert_close(rounded_at_random(exact, generator).float(), exact)
    assert rounded_at_random(torch.tensor([float("nan")]), generator).isnan().all()
    assert (rounded_at_random(-values, generator) < 0).all()


def test_the_same_seed_rounds_the_same_way() -> None:
    means = []
    for seed in (0, 0, 1):
        model = mlp()
        averager = WeightAverager(model, {"t": Tail()}, dtype=torch.bfloat16, seed=seed)
        train(model, 20, averager.update)
        means.append(served(averager, "t"))
    assert torch.equal(means[0], means[1])
    assert not torch.equal(means[0], means[2])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_raw_half_precision_weights_come_back_bit_for_bit(dtype: torch.dtype) -> None:
    model = nn.Linear(40, 30).to(dtype)
    averager = WeightAverager(model, {"e": EMA(0.9), "l": LAWA(3), "s": SegmentMeans()})
    for _ in range(5):
        with torch.no_grad():
            for p in model.parameters():
                p.add_(torch.randn_like(p) * 0.1)
        averager.update()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    held = averager.state_dict()
    for name, options in (("e", {}), ("l", {}), ("s", {"horizon": 2})):
        assert not torch.equal(served(averager, name, **options), live_vector(model))
    assert all(torch.equal(before[n], t) for n, t in model.state_dict().items())
    after = averager.state_dict()
    mean = "tensors", "mean", "weight"
    assert held["averages"]["e"]["tensors"]["mean"]["weight"].dtype == torch.float32
    for state in (held, after):
        for key in ("averages", "e", *mean):
            state = state[key]
        assert torch.equal(state, averager._running["e"].read().views[0])


def test_float64_averages_of_float32_weights() -> None:
    model = mlp()
    averager = WeightAverager(model, {"t": Tail()}, dtype=torch.float64)
    trajectory = train(model, 300, averager.update)
    wanted = torch.stack(trajectory).mean(0)
    # num_batches_tracked is no float; the vectors align name by name in another order.
    found = torch.cat([v.flatten() for v in averager._running["t"].read().named().values()])
    assert float((found.sort().values - wanted.sort().values).abs().max()) < 1e-12


@pytest.mark.parametrize("half", [False, True])
def test_averages_that_live_elsewhere_have_the_same_bits(half: bool) -> None:
    # "cpu:0" counts as another device than "cpu", so that weights go through the buffers in
    # which those of an accelerator wait; there was none to test with.
    def run(**options: object) -> list[torch.Tensor]:
        model = mlp().bfloat16() if half else mlp()
        schemes = {"e": EMA(0.9), "l": LAWA(3, every=2), "s": SegmentMeans(2)}
        averager = WeightAverager(model, schemes, **options)
        assert (averager._intake._staging is not None) == bool(options)
        for step in range(12):
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.add_(0.01 * (step % 5))
            averager.update()
        return [served(averager, "e"), served(averager, "l"), served(averager, "s", horizon=5)]

    assert all(torch.equal(a, b) for a, b in zip(run(), run(device="cpu:0"), strict=True))


@pytest.mark.parametrize("dtype", [torch.float16, torch.int8, torch.complex64])
def test_other_dtypes_of_averages_are_refused(dtype: torch.dtype) -> None:
    with pytest.raises(InputError, match="float32, float64 or bfloat16"):
        WeightAverager(mlp(), {"t": Tail()}, dtype=dtype)


def test_complex_parameters_are_averaged() -> None:
    parameter = torch.zeros(5, dtype=torch.complex64)
    averager = WeightAverager({"w": parameter}, {"t": Tail(), "l": LAWA(2)}, dtype=torch.float32)
    points = torch.randn(6, 5, dtype=torch.complex64)
    for point in points:
        parameter.copy_(point)
        averager.update()
    for name, wanted in (("t", points.mean(0)), ("l", points[-2:].mean(0))):
        with averager.applied(name):
            torch.testing.assert_close(parameter, wanted)
    assert torch.equal(parameter, points[-1])


def test_channels_last_and_scalars_and_strided_parameters() -> None:
    convolution = nn.Conv2d(4, 6, 3).to(memory_format=torch.channels_last)
    columns = torch.arange(12.0).reshape(3, 4)[:, ::2]
    tensors = {"c": convolution.weight, "scalar": torch.tensor(1.0), "columns": columns}
    assert not is_dense(columns)
    averager = WeightAverager(tensors, {"l": LAWA(2), "e": EMA(0.5)})
    taken = []
    for step in range(4):
        with torch.no_grad():
            for tensor in tensors.values():
                tensor.add_(step)
        averager.update()
        taken.append({name: t.detach().clone() for name, t in tensors.items()})
    with averager.applied("l"):
        for name, tensor in tensors.items():
            torch.testing.assert_close(tensor, (taken[-1][name] + taken[-2][name]) / 2)
    for name, tensor in tensors.items():
        assert torch.equal(tensor, taken[-1][name])


def test_without_foreach_the_bits_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> list[torch.Tensor]:
        model = mlp()
        averager = WeightAverager(model, {"e": EMA(0.9), "l": LAWA(3), "s": SegmentMeans(2)})
        train(model, 30, averager.update)
        return [served(averager, "e"), served(averager, "l"), served(averager, "s", horizon=9)]

    fused = run()
    monkeypatch.delattr(torch, "_foreach_lerp_")
    monkeypatch.delattr(torch, "_foreach_copy_")
    assert all(torch.equal(a, b) for a, b in zip(fused, run(), strict=True))


def test_a_chunk_boundary_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> torch.Tensor:
        model = mlp()
        averager = WeightAverager(model, {"l": LAWA(3), "s": SegmentMeans(2)})
        train(model, 30, averager.update)
        return torch.stack([served(averager, "l"), served(averager, "s", horizon=9)])

    whole = run()
    monkeypatch.setattr(arithmetic, "CHUNK", 5)
    assert torch.equal(whole, run())


def test_a_long_tail_in_float32_stays_near_float64() -> None:
    rng = np.random.default_rng(0)
    parameter = torch.zeros(500)
    averager = WeightAverager({"w": parameter}, {"t": Tail(), "s": SegmentMeans(), "l": LAWA(20)})
    total, window = np.zeros(500), []
    for _ in range(5000):
        parameter.copy_(torch.from_numpy(1 + 0.1 * rng.normal(size=500)))
        total += parameter.numpy().astype(float)
        window = [*window, parameter.numpy().astype(float)][-20:]
        averager.update()
    mean = total / 5000

    def error(found: torch.Tensor, wanted: np.ndarray) -> float:
        return float(np.linalg.norm(found.numpy() - wanted) / np.linalg.norm(wanted))

    assert error(averager._running["t"].read().views[0], mean) < 2e-6
    # Merging pairwise rounds log n times, not n times.
    assert error(averager.synthesize(5000).flat.views[0], mean) < 2e-7
    assert error(averager._running["l"].read().views[0], np.mean(window, 0)) < 6e-8
