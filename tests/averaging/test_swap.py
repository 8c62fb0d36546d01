"""Serving an average must not leave a trace, whatever happens meanwhile."""

from __future__ import annotations

import copy
import pickle
import threading
import warnings
from collections.abc import Callable

import pytest
import torch
from tests.averaging.networks import live_vector, mlp, served, state_vector, train
from torch import nn

from surefoot.averaging import EMA, LAWA, SegmentMeans, Tail, TwoTailed, WeightAverager, arithmetic
from surefoot.averaging.arithmetic import exchange_
from surefoot.averaging.swap import Swap
from surefoot.ground.errors import InputError

ALL = {"e": EMA(0.9), "l": LAWA(3), "t": Tail(), "s": SegmentMeans(), "auto": TwoTailed()}


@pytest.fixture
def averager() -> WeightAverager:
    model = mlp()
    averager = WeightAverager(model, ALL)
    train(model, 12, averager.update)
    return averager


def options(name: str) -> dict[str, object]:
    return {"horizon": 5} if name == "s" else {}


@pytest.mark.parametrize("name", ALL)
def test_an_exception_inside_leaves_no_trace(averager: WeightAverager, name: str) -> None:
    before, held = live_vector(averager.model), averager.state_dict()
    addresses = [p.data_ptr() for p in averager.model.parameters()]
    with pytest.raises(KeyError, match="evaluation failed"):
        with averager.applied(name, **options(name)):
            assert not torch.equal(live_vector(averager.model), before)
            raise KeyError("evaluation failed")
    assert torch.equal(live_vector(averager.model), before)
    assert [p.data_ptr() for p in averager.model.parameters()] == addresses
    assert_same(averager.state_dict(), held)


def assert_same(left: object, right: object) -> None:
    """Compare states bit for bit."""
    if isinstance(left, dict):
        assert isinstance(right, dict)
        assert left.keys() == right.keys()
        for key in left:
            assert_same(left[key], right[key])
    elif isinstance(left, torch.Tensor):
        assert torch.equal(left, right)
    else:
        assert left == right


@pytest.mark.parametrize("name", ALL)
def test_states_asked_for_inside_are_those_of_outside(averager: WeightAverager, name: str) -> None:
    raw, held = state_vector(averager.model), averager.state_dict()
    with averager.applied(name, quiet=True, **options(name)):
        assert torch.equal(state_vector(averager.model), raw)
        assert torch.equal(averager.model[0].state_dict()["weight"].double(), raw[:24].view(8, 3))
        assert not torch.equal(live_vector(averager.model), raw)
        assert_same(averager.state_dict(), held)
        inside = averager.model.state_dict()
    assert torch.equal(state_vector(averager.model), raw)
    # The dictionary is a copy: what is in the model later does not get into it.
    assert all(torch.equal(inside[n], t) for n, t in averager.model.state_dict().items())


def test_a_wrapper_around_the_model_answers_with_raw_weights_too(averager: WeightAverager) -> None:
    whole = nn.ModuleDict({"inner": averager.model})
    raw = state_vector(whole)
    with averager.applied("e", quiet=True):
        assert torch.equal(state_vector(whole), raw)


def test_asking_for_a_state_inside_warns_once(averager: WeightAverager) -> None:
    with averager.applied("e"):
        with pytest.warns(RuntimeWarning, match="raw weights") as caught:
            averager.model.state_dict()
        assert len(caught) == 1
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            averager.model.state_dict()
    averager.model.state_dict()


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])  # noqa: S301
def test_a_copy_made_inside_keeps_the_average(
    averager: WeightAverager, duplicate: Callable[[nn.Module], nn.Module]
) -> None:
    with averager.applied("e"):
        best, wanted = duplicate(averager.model), live_vector(averager.model)
    train(averager.model, 3, averager.update)
    assert torch.equal(live_vector(best), wanted)
    assert all(torch.equal(best.state_dict()[n], t) for n, t in best.named_parameters())


def test_two_averagers_take_turns(averager: WeightAverager) -> None:
    other = WeightAverager(averager.model[0], {"t": Tail()})
    other.update()
    raw = live_vector(averager.model)
    with averager.applied("e"):
        average = live_vector(averager.model)
        with pytest.raises(InputError, match="another averager"), other.applied("t"):
            pass
        assert torch.equal(live_vector(averager.model), average)
    assert torch.equal(live_vector(averager.model), raw)
    with other.applied("t"), pytest.raises(InputError, match="another averager"):
        averager.averaged_state_dict("e")


@pytest.mark.parametrize("buffers", ["average", "copy", "ignore"])
def test_a_pass_in_training_mode_inside_leaves_no_trace(buffers: str) -> None:
    averager = WeightAverager(model := mlp(), {"e": EMA(0.9)}, buffers=buffers)
    train(model, 5, averager.update)
    raw, held = model.state_dict(), averager.state_dict()
    raw = {name: tensor.clone() for name, tensor in raw.items()}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "buffers='ignore'")
        with averager.applied("e", quiet=True):
            model.train()
            model(torch.randn(8, 3) + 5)
            assert_same(dict(model.state_dict()), raw)
    assert_same(dict(model.state_dict()), raw)
    assert_same(averager.state_dict(), held)


def test_changing_weights_inside_is_said(averager: WeightAverager) -> None:
    raw = live_vector(averager.model)
    with pytest.warns(RuntimeWarning, match="changed inside applied"):
        with averager.applied("e"), torch.no_grad():
            averager.model[0].weight.mul_(2)
    assert torch.equal(live_vector(averager.model), raw)


def test_a_memory_format_that_changed_since_does_not_scramble() -> None:
    model = nn.Conv2d(3, 4, 3)
    averager = WeightAverager(model, {"t": Tail()})
    averager.update()
    wanted = live_vector(model)
    model.to(memory_format=torch.channels_last)
    assert torch.equal(served(averager, "t"), wanted)
    assert torch.equal(live_vector(model), wanted)


@pytest.mark.parametrize("step", ["_put_in", "_seen", "_answer_with_raw_weights"])
def test_a_swap_that_fails_half_way_is_taken_back(
    averager: WeightAverager, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before, held = live_vector(averager.model), averager.state_dict()
    whole = getattr(Swap, step)

    def fails(self: Swap, *args: object) -> object:
        monkeypatch.setattr(Swap, step, whole)
        raise MemoryError

    monkeypatch.setattr(Swap, step, fails)
    with pytest.raises(MemoryError), averager.applied("e"):
        pass
    assert torch.equal(live_vector(averager.model), before)
    assert_same(averager.state_dict(), held)
    with averager.applied("e"):
        assert not torch.equal(live_vector(averager.model), before)


def test_training_goes_on_as_if_nothing_had_been_served() -> None:
    def run(serve: bool) -> torch.Tensor:
        model = mlp()
        averager = WeightAverager(model, ALL)

        def after() -> None:
            averager.update()
            if serve:
                for name in ALL:
                    served(averager, name, **options(name))

        train(model, 20, after, optimizer=torch.optim.Adam(model.parameters(), 0.01))
        return torch.cat([live_vector(model), served(averager, "e"), served(averager, "l")])

    assert torch.equal(run(serve=True), run(serve=False))


def test_what_must_not_happen_inside(averager: WeightAverager) -> None:
    optimizer = torch.optim.SGD(averager.model.parameters(), lr=0.1)
    averager.attach(optimizer)
    before = live_vector(averager.model)
    with averager.applied("e"):
        with pytest.raises(InputError, match="update: found inside applied"):
            averager.update()
        with pytest.raises(InputError, match="one at a time"):
            with averager.applied("l"):
                pass
        with pytest.raises(InputError, match="load_state_dict"):
            averager.load_state_dict(averager.state_dict())
        averager.model(torch.ones(4, 3)).sum().backward()
        with pytest.raises(InputError, match=r"optimizer\.step: found inside applied"):
            optimizer.step()
    # BatchNorm ran in training mode above, on the average's statistics: those are not restored.
    parameters = sum(p.numel() for p in averager.model.parameters())
    assert torch.equal(live_vector(averager.model)[:parameters], before[:parameters])
    optimizer.step()


def test_another_thread_is_refused_too(averager: WeightAverager) -> None:
    refused: list[str] = []

    def intrude() -> None:
        try:
            averager.update()
        except InputError as error:
            refused.append(str(error))

    with averager.applied("e"):
        thread = threading.Thread(target=intrude)
        thread.start()
        thread.join()
    assert len(refused) == 1


def test_autograd_notices_a_swap_between_forward_and_backward(averager: WeightAverager) -> None:
    averager.model.eval()
    output = averager.model(torch.ones(4, 3)).square().sum()
    with averager.applied("e"):
        pass
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.backward()


def test_before_the_first_iterate_the_raw_weights_are_served_and_it_is_said() -> None:
    model = mlp()
    averager = WeightAverager(model, {"e": EMA(0.9, start=5)})
    averager.update()
    before = live_vector(model)
    with pytest.warns(RuntimeWarning, match="'e' is empty"):
        with averager.applied("e"):
            assert torch.equal(live_vector(model), before)
            with pytest.raises(InputError, match="inside applied"):
                averager.update()
    with pytest.raises(InputError, match="no iterate yet"):
        averager.averaged_state_dict("e")


def test_an_average_that_is_not_finite_is_never_served() -> None:
    model = mlp()
    averager = WeightAverager(model, {"e": EMA(0.9), "l": LAWA(2)})
    averager.update()
    kept = model[0].bias.detach().clone()
    with torch.no_grad():
        model[0].bias[0] = float("nan")
    averager.update()
    with torch.no_grad():
        model[0].bias.copy_(kept)
    averager.update()
    averager.update()
    with pytest.raises(InputError, match="infinite or NaN"):
        served(averager, "e")
    served(averager, "l")  # the window has forgotten it


@pytest.mark.parametrize("policy", ["skip", "raise"])
def test_weights_that_are_not_finite_can_be_kept_out(policy: str) -> None:
    model = mlp()
    averager = WeightAverager(model, {"e": EMA(0.9)}, nonfinite=policy)
    averager.update()
    held = averager.state_dict()["averages"]
    with torch.no_grad():
        model[3].weight[0, 0] = float("-inf")
    if policy == "raise":
        with pytest.raises(InputError, match=r"after step 2: found infinite or NaN: 3\.weight"):
            averager.update()
        assert averager.steps == 1
    else:
        averager.update()
        assert (averager.steps, averager.skipped) == (2, 1)
    assert_same(averager.state_dict()["averages"], held)


def test_a_large_sum_is_not_mistaken_for_infinity() -> None:
    assert arithmetic.are_finite([torch.full((1000,), 3e38)])
    assert not arithmetic.are_finite([torch.tensor([float("inf"), -float("inf")])])


@pytest.mark.parametrize(
    "dtype",
    [torch.float64, torch.float32, torch.bfloat16, torch.float8_e5m2, torch.complex64,
     torch.complex128],
)  # fmt: skip
def test_the_exchange_is_exact_and_needs_no_memory(dtype: torch.dtype) -> None:
    sizes = (300_001, 1, 0, 7)
    live = [torch.randn(n).to(dtype) for n in sizes]
    held = [torch.randn(n).to(dtype) for n in sizes]
    live[0][3:5] = float("nan")
    before = [
        (a.clone().view(torch.uint8), b.clone().view(torch.uint8)) for a, b in pairs(live, held)
    ]
    with torch.profiler.profile(profile_memory=True) as profile:
        exchange_(live, held)
    assert sum(max(0, event.cpu_memory_usage) for event in profile.key_averages()) == 0
    for (a, b), (was_a, was_b) in pairs(pairs(live, held), before):
        assert torch.equal(a.view(torch.uint8), was_b)
        assert torch.equal(b.view(torch.uint8), was_a)


def pairs(left: object, right: object) -> list[tuple[object, object]]:
    return list(zip(left, right, strict=True))


def test_compiled_code_sees_the_average_without_compiling_again() -> None:
    model = mlp().eval()
    count = 0

    def backend(graph: torch.fx.GraphModule, inputs: object) -> object:
        nonlocal count
        count += 1
        return graph.forward

    torch.compiler.reset()
    compiled = torch.compile(model, backend=backend)
    averager = WeightAverager(compiled, {"e": EMA(0.5)})
    x = torch.ones(4, 3)
    averager.update()
    with torch.no_grad():
        raw = compiled(x)
        model[3].bias.add_(1)
        averager.update()
        with averager.applied("e"):
            torch.testing.assert_close(compiled(x), raw + 2 / 3)
        torch.testing.assert_close(compiled(x), raw + 1)
    assert count == 1
