"""Compiled models compute what eager ones do, without compiling again for the next batch."""

import shutil

import pytest
import torch
from torch import nn

from surefoot.groups import FairDropout, attach, tied

H = 24
X = torch.randn(4, 8, 6, generator=torch.Generator().manual_seed(1))
IDS = torch.arange(16).view(4, 4) * 10**15
BACKENDS = [
    "eager",
    "aot_eager",
    pytest.param(
        "inductor",
        marks=[
            pytest.mark.slow,
            pytest.mark.skipif(
                not (shutil.which("g++") or shutil.which("clang++")), reason="needs a C++ compiler"
            ),
        ],
    ),
]


class Written(nn.Module):
    """Ids are an argument of the model."""

    def __init__(self, **options) -> None:
        super().__init__()
        self.first, self.fair, self.last = (
            nn.Linear(6, H),
            FairDropout(H, **options),
            nn.Linear(H, 2),
        )

    def forward(self, x, ids=None):
        return self.last(self.fair(self.first(x).relu(), ids))


def build(make):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make()


def attached():
    model = nn.Sequential(nn.Linear(6, H), nn.ReLU(), nn.Linear(H, 2))
    attach(model, {"1": {"num_features": H}})
    return model


def run(model, x, ids):
    """One training step's output and gradients."""
    model.zero_grad()
    if isinstance(getattr(model, "_orig_mod", model), Written):
        out = model(x, ids)
    else:
        with tied(model, ids):
            out = model(x)
    out.square().sum().backward()
    return [out.detach(), *(parameter.grad.clone() for parameter in model.parameters())]


@pytest.fixture(autouse=True)
def _fresh_compiler(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path_factory.mktemp("inductor")))
    torch._dynamo.reset()
    with torch._dynamo.config.patch(error_on_recompile=True):
        yield
    torch._dynamo.reset()


# torch's own, on importing inductor
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("make", [Written, attached])
def test_training_is_the_same_and_compiles_once(make, backend):
    model = build(make)
    compiled = torch.compile(model, backend=backend, fullgraph=True)
    for x, ids in zip(X[:, :4], IDS, strict=True):
        found, expected = run(compiled, x, ids), run(model, x, ids)
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a, b)


@pytest.mark.parametrize(
    "options", [{"allocation": "bernoulli"}, {"allocation": "one"}, {"n_examples": 100}]
)
def test_every_kind_of_mask_compiles(options):
    model = build(lambda: Written(**options))
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    for ids in (torch.arange(4), torch.tensor([-1, 99, 7, 7])):
        for a, b in zip(run(compiled, X[0, :4], ids), run(model, X[0, :4], ids), strict=True):
            torch.testing.assert_close(a, b)


@pytest.mark.parametrize("make", [Written, attached])
def test_evaluation_compiles(make):
    model = build(make).eval()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    for x in X[:, :4]:
        torch.testing.assert_close(compiled(x), model(x))


def test_autocast_and_accumulation():
    model = build(attached)
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)

    def gradients(network):
        model.zero_grad()
        for x, ids in zip(X[:, :4], IDS, strict=True):
            with torch.autocast("cpu", torch.bfloat16), tied(network, ids):
                loss = network(x).float().square().mean()
            loss.backward()
        return [parameter.grad.clone() for parameter in model.parameters()]

    for a, b in zip(gradients(compiled), gradients(model), strict=True):
        torch.testing.assert_close(a, b, rtol=2e-2, atol=2e-2)


def test_ids_outside_the_allowed_range_stop_compiled_code():
    compiled = torch.compile(Written(n_examples=10), backend="aot_eager", fullgraph=True)
    with pytest.raises(RuntimeError, match="example ids: −1 .* or 0 … 9"):
        compiled(X[0, :4], torch.tensor([0, 1, 2, 10]))


def test_code_compiled_before_attach_is_noticed():
    model = nn.Sequential(nn.Linear(6, H), nn.ReLU(), nn.Linear(H, 2))
    compiled = torch.compile(model, backend="eager")
    compiled(X[0, :4])
    attach(model, {"1": {"num_features": H}})
    with pytest.warns(RuntimeWarning, match=r"call torch\.compiler\.reset\(\) after attach"):
        with tied(model, IDS[0]):
            compiled(X[0, :4])
    torch.compiler.reset()
    with tied(model, IDS[0]):
        torch.testing.assert_close(compiled(X[0, :4]), model(X[0, :4]))


def test_a_norm_behind_a_compiled_layer_leaves_no_hooks_in_the_code():
    model = nn.Sequential(nn.Linear(6, H), nn.BatchNorm1d(H), nn.Linear(H, 2))
    attach(model, {"0": {}})
    with torch._dynamo.config.patch(error_on_recompile=False):
        counter = torch._dynamo.testing.CompileCounterWithBackend("eager")
        compiled = torch.compile(model, backend=counter)
        for x, ids in zip(X[:, :4], IDS, strict=True):
            with tied(model, ids):
                compiled(x)
    assert counter.frame_count <= 2
