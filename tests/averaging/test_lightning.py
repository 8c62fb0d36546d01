"""Lightning: training resumes to the bit, evaluation is on the average, checkpoints are raw."""

from __future__ import annotations

import pytest
import torch
from tests.averaging.networks import live_vector, mlp
from tests.averaging.test_swap import assert_same
from torch import nn
from torch.utils.data import DataLoader

from surefoot.averaging import EMA, LAWA, SegmentMeans, Tail, WeightAverager
from surefoot.ground.errors import InputError

# Lightning's own remarks on the machine, on settings of a toy, and on what it calls in torch.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*(num_workers|number of training batches|GPU|litlogger)"),
    pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before"),
    pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec"),
    pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:lightning"),
    pytest.mark.filterwarnings("ignore::FutureWarning:lightning"),
]
pl = pytest.importorskip("lightning.pytorch")
from surefoot.averaging.lightning import AveragingCallback  # noqa: E402

AVERAGES = {
    "ema": EMA(0.8),
    "lawa": LAWA(3, every=2),
    "hist": SegmentMeans(2),
    "late": Tail(start=0.5),
}
STEPS, EVERY = 12, 4
KEY = "AveragingCallback"


def keyed_batch(key: int) -> torch.Tensor:
    return torch.randn(16, 3, generator=torch.Generator().manual_seed(key))


def loss_of(net: nn.Module, batch: torch.Tensor) -> torch.Tensor:
    return (net(batch) - 1).square().mean()


class Module(pl.LightningModule):
    """Its batches depend on the step alone, wherever training was resumed."""

    def __init__(self, seed: int = 0, fail_in: str = "") -> None:
        super().__init__()
        self.net, self.fail_in = mlp(seed), fail_in
        self.validated: list[torch.Tensor] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)

    def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
        if self.fail_in == "training" and self.trainer.global_step == 10:
            raise RuntimeError("the step failed")
        accumulated = index % self.trainer.accumulate_grad_batches
        return loss_of(self.net, keyed_batch(100 * self.trainer.global_step + accumulated))

    def validation_step(self, batch: torch.Tensor, index: int) -> None:
        self.validated.append(live_vector(self.net))
        self.log("loss", loss_of(self.net, batch))
        if self.fail_in == "validation" and self.trainer.global_step == 8:
            raise RuntimeError("the evaluation failed")

    def test_step(self, batch: torch.Tensor, index: int) -> None:
        self.validated.append(live_vector(self.net))

    def predict_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
        self.validated.append(live_vector(self.net))
        return self.net(batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=0.01)


class SaveInside(pl.Callback):
    """Writes a checkpoint in the middle of each evaluation, while the average is in the model."""

    def __init__(self, folder: object) -> None:
        self.folder, self.raw = folder, {}

    def on_train_batch_end(self, trainer, module, *_) -> None:
        self.raw[trainer.global_step] = live_vector(module.net)

    def on_validation_epoch_end(self, trainer, module) -> None:
        if not trainer.sanity_checking:
            trainer.save_checkpoint(self.folder / f"inside{trainer.global_step}.ckpt")


class StopAt(pl.Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(self, trainer, *_) -> None:
        trainer.should_stop = trainer.global_step >= self.step


BATCHES = DataLoader(torch.stack([keyed_batch(i) for i in range(8)]), batch_size=None)


def make_trainer(folder, *callbacks, **options):
    saves = any(isinstance(callback, pl.callbacks.ModelCheckpoint) for callback in callbacks)
    settings = {
        "max_steps": STEPS, "accelerator": "cpu", "logger": False, "default_root_dir": folder,
        "enable_progress_bar": False, "enable_model_summary": False, "val_check_interval": EVERY,
        "check_val_every_n_epoch": None, "enable_checkpointing": saves,
    } | options  # fmt: skip
    return pl.Trainer(callbacks=list(callbacks), **settings)


def fit(folder, module, averaging, *callbacks, ckpt_path=None, **options):
    trainer = make_trainer(folder, averaging, *callbacks, **options)
    trainer.fit(module, BATCHES, BATCHES, ckpt_path=ckpt_path, weights_only=True)
    return trainer


def averaging(**options):
    return AveragingCallback(AVERAGES, **({"evaluate_with": "ema"} | options))


def by_hand(steps: int = STEPS, accumulated: int = 1) -> tuple[Module, WeightAverager]:
    module = Module()
    averager = WeightAverager(module, AVERAGES, total_steps=STEPS)
    optimizer = module.configure_optimizers()
    for step in range(steps):
        optimizer.zero_grad()
        for i in range(accumulated):
            (loss_of(module.net, keyed_batch(100 * step + i)) / accumulated).backward()
        optimizer.step()
        averager.update()
    return module, averager


@pytest.mark.parametrize("accumulated", [1, 2])
def test_averages_are_those_of_a_loop_by_hand(tmp_path, accumulated) -> None:
    module, callback = Module(), averaging()
    fit(tmp_path, module, callback, accumulate_grad_batches=accumulated)
    expected, averager = by_hand(accumulated=accumulated)
    assert callback.averager.steps == STEPS
    assert callback.averager.schemes["late"].start == STEPS // 2
    assert_same(callback.averager.state_dict(), averager.state_dict())
    assert torch.equal(live_vector(module), live_vector(expected))


def test_validation_is_on_the_average_and_the_sanity_check_on_the_raw_weights(tmp_path) -> None:
    module, start = Module(), live_vector(mlp())
    saver = SaveInside(tmp_path)
    fit(tmp_path, module, averaging(), saver, limit_val_batches=1)
    sanity, *validated = module.validated
    assert torch.equal(sanity, start)
    assert len(validated) == STEPS // EVERY
    for i, seen in enumerate(validated, 1):
        wanted, averager = by_hand(i * EVERY)
        assert torch.equal(saver.raw[i * EVERY], live_vector(wanted.net))
        with averager.applied("ema"):
            assert torch.equal(seen, live_vector(wanted.net))


@pytest.mark.parametrize("accumulated", [1, 2])
@pytest.mark.parametrize("saved", ["inside8.ckpt", "inside4.ckpt", "model.ckpt", "on_time.ckpt"])
def test_resuming_changes_no_bit(tmp_path, saved, accumulated) -> None:
    options = {"accumulate_grad_batches": accumulated, "val_check_interval": EVERY * accumulated}
    whole, reference = Module(), averaging()
    trainer = fit(tmp_path, whole, reference, **options)

    monitor = pl.callbacks.ModelCheckpoint(tmp_path, "model", monitor="loss", mode="max")
    on_time = pl.callbacks.ModelCheckpoint(tmp_path, "on_time", every_n_train_steps=8)
    first = Module(fail_in="training")
    with pytest.raises(RuntimeError, match="the step failed"):
        fit(tmp_path, first, averaging(), SaveInside(tmp_path), monitor, on_time, **options)

    resumed, callback = Module(seed=1), averaging()
    second = fit(tmp_path, resumed, callback, ckpt_path=tmp_path / saved, **options)
    assert second.global_step == STEPS
    assert torch.equal(live_vector(resumed), live_vector(whole))
    assert_same(callback.averager.state_dict(), reference.averager.state_dict())
    moments = [t.optimizers[0].state_dict()["state"] for t in (trainer, second)]
    assert_same(*moments)


def test_a_checkpoint_from_inside_has_raw_weights(tmp_path) -> None:
    fit(tmp_path, Module(), averaging(), SaveInside(tmp_path))
    for step in (4, 8):
        state = torch.load(tmp_path / f"inside{step}.ckpt", weights_only=True)
        expected, averager = by_hand(step)
        assert_same(state["state_dict"], dict(expected.state_dict()))
        assert_same(state["callbacks"][KEY], averager.state_dict())


def test_a_longer_plan_does_not_change_what_shares_mean(tmp_path) -> None:
    fit(tmp_path, Module(), averaging(), SaveInside(tmp_path))
    callback = averaging()
    with pytest.warns(RuntimeWarning, match="beyond total_steps=12"):
        fit(tmp_path, Module(), callback, ckpt_path=tmp_path / "inside12.ckpt", max_steps=16)
    assert callback.averager.schemes["late"].start == 6
    assert callback.averager.steps == 16


@pytest.mark.parametrize("where", ["validation", "training"])
@pytest.mark.parametrize("name", ["ema", "lawa"])
def test_a_failure_leaves_the_raw_weights(tmp_path, where, name) -> None:
    module, callback = Module(fail_in=where), averaging(evaluate_with=name)
    with pytest.raises(RuntimeError, match="failed"):
        fit(tmp_path, module, callback)
    expected, averager = by_hand(8 if where == "validation" else 10)
    assert torch.equal(live_vector(module), live_vector(expected))
    assert_same(callback.averager.state_dict(), averager.state_dict())
    # The optimizer is no longer followed, and training can begin again.
    module.train().fail_in = ""
    fit(tmp_path, module, callback)
    assert callback.averager.steps == STEPS


def test_evaluation_on_its_own_after_fitting(tmp_path) -> None:
    module, callback = Module(), averaging(horizon=4, evaluate_with="hist")
    trainer = fit(tmp_path, module, callback, num_sanity_val_steps=0)
    raw = live_vector(module.net)
    with callback.averager.applied("hist", horizon=4):
        average = live_vector(module.net)
    assert not torch.equal(raw, average)
    for evaluate in (trainer.validate, trainer.test, trainer.predict):
        module.validated.clear()
        evaluate(module, BATCHES)
        assert all(torch.equal(seen, average) for seen in module.validated)
        assert len(module.validated) == 8
        assert torch.equal(live_vector(module.net), raw)


def test_evaluating_a_checkpoint_restores_its_averages(tmp_path) -> None:
    fit(tmp_path, Module(), averaging(), SaveInside(tmp_path))
    _, averager = by_hand(8)
    with averager.applied("ema"):
        average = live_vector(averager.model.net)
    module, callback = Module(seed=1), averaging()
    trainer = make_trainer(tmp_path, callback)
    trainer.test(module, BATCHES, ckpt_path=tmp_path / "inside8.ckpt")
    assert torch.equal(module.validated[-1], average)
    # Storage that was made in inference mode can be written to afterwards.
    callback.averager.update()
    # Fitting from there goes on with them.
    trainer.fit(module, BATCHES, BATCHES, ckpt_path=tmp_path / "inside8.ckpt")
    assert callback.averager.steps == STEPS


def test_weights_without_averages_are_not_mistaken_for_others(tmp_path) -> None:
    module, callback = Module(), averaging()
    trainer = fit(tmp_path, module, callback)
    trainer.save_checkpoint(tmp_path / "weights.ckpt", weights_only=True)
    fit(tmp_path, Module(), pl.Callback(), SaveInside(tmp_path))  # no averages
    for name in ("weights.ckpt", "inside4.ckpt"):
        with pytest.warns(RuntimeWarning, match="no averages of this model"):
            trainer.test(module, BATCHES, ckpt_path=tmp_path / name)
    with pytest.warns(RuntimeWarning, match="no averages: they begin here"):
        fit(tmp_path, module, callback, ckpt_path=tmp_path / "inside4.ckpt")
    assert callback.averager.steps == STEPS - 4


def test_fitting_twice(tmp_path) -> None:
    module, callback = Module(), averaging(total_steps=2 * STEPS)
    trainer = fit(tmp_path, module, callback)
    averager = callback.averager
    trainer.fit_loop.epoch_loop.max_steps = 2 * STEPS
    trainer.fit(module, BATCHES, BATCHES)  # goes on
    assert callback.averager is averager
    assert averager.steps == trainer.global_step == 2 * STEPS
    fit(tmp_path, module, callback)  # a new run
    assert callback.averager is not averager
    assert callback.averager.steps == STEPS


class TwoOptimizers(Module):
    automatic_optimization = False

    def training_step(self, batch: torch.Tensor, index: int) -> None:
        first, second = self.optimizers()
        for optimizer in (first, second) if index % 3 == 0 else (second,):
            optimizer.zero_grad()
            self.manual_backward(loss_of(self.net, batch))
            optimizer.step()

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [torch.optim.SGD(self.net[i].parameters(), lr=0.1) for i in (0, 3)]


@pytest.mark.parametrize(("optimizer", "steps"), [(0, 3), (1, 8)])
def test_the_steps_of_one_optimizer_count(tmp_path, optimizer, steps) -> None:
    callback = averaging(optimizer=optimizer)
    fit(tmp_path, TwoOptimizers(), callback, max_steps=-1, max_epochs=1)
    assert callback.averager.steps == steps
    with pytest.raises(InputError, match="optimizer: found 2.*one of 2 optimizers"):
        fit(tmp_path, TwoOptimizers(), averaging(optimizer=2))


def test_norms_are_recalibrated_for_evaluation(tmp_path) -> None:
    module = Module()
    options = {"buffers": "recalibrate", "recalibrate": BATCHES, "max_batches": 3}
    callback = averaging(**options, forward=lambda module, batch: module.net(batch + 1))
    fit(tmp_path, module, callback, num_sanity_val_steps=0)
    seen = module.validated[-1]
    raw = live_vector(module.net)
    batches = [batch + 1 for batch in BATCHES]
    with callback.averager.applied("ema", recalibrate=batches, max_batches=3):
        assert torch.equal(live_vector(module.net), seen)
    assert not torch.equal(raw[-16:], seen[-16:])
    assert torch.equal(live_vector(module.net), raw)


def test_plans_without_an_end(tmp_path) -> None:
    endless = {"max_steps": -1, "max_epochs": -1, "val_check_interval": None}
    callback, stop = AveragingCallback({"ema": EMA(0.9)}), StopAt(5)
    fit(tmp_path, Module(), callback, stop, limit_val_batches=0, **endless)
    assert callback.averager.total_steps is None
    assert callback.averager.steps == 5
    with pytest.raises(InputError, match=r"LAWA\.every: found 0\.1"):
        fit(tmp_path, Module(), AveragingCallback({"l": LAWA(every=0.1)}), **endless)


def test_a_strategy_that_shards_is_refused(tmp_path, monkeypatch) -> None:
    callback = averaging()
    trainer = make_trainer(tmp_path, callback)
    strategy = type(trainer.strategy)
    monkeypatch.setattr(strategy, "restore_checkpoint_after_setup", property(lambda _: True))
    with pytest.raises(InputError, match="one that doesn't shard the model"):
        trainer.fit(Module(), BATCHES, BATCHES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"evaluate_with": "emma"}, "did you mean 'ema'"),
        ({"evaluate_with": "hist"}, "horizon: found None; allowed: .* evaluate 'hist' with"),
    ],
)
def test_bad_options_are_refused_at_once(options, message) -> None:
    with pytest.raises(InputError, match=message):
        AveragingCallback(AVERAGES, **options)


def test_raw_weights_are_evaluated_by_default(tmp_path) -> None:
    module = Module()
    fit(tmp_path, module, AveragingCallback(AVERAGES), limit_val_batches=1)
    wanted, _ = by_hand()
    assert torch.equal(module.validated[-1], live_vector(wanted.net))
    assert isinstance(module.net, nn.Module)
