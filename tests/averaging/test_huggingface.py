"""The Trainer: resumes to the bit, evaluates the average, and keeps raw weights in checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.averaging.networks import live_vector, mlp, state_vector
from tests.averaging.test_swap import assert_same
from torch import nn

from surefoot.averaging import EMA, LAWA, SegmentMeans, Tail, WeightAverager
from surefoot.ground.errors import InputError

pytestmark = [pytest.mark.filterwarnings("ignore:.*pin_memory:UserWarning")]
transformers = pytest.importorskip("transformers")
from surefoot.averaging.huggingface import (  # noqa: E402
    AveragingMixin,
    AveragingTrainer,
    AveragingTrainerCallback,
)

AVERAGES = {
    "ema": EMA(0.8),
    "lawa": LAWA(3, every=2),
    "hist": SegmentMeans(2),
    "late": Tail(start=0.5),
}
STEPS, EVERY = 12, 4
ROWS = [
    {"x": x, "labels": x.sum(0, keepdim=True)}
    for x in torch.randn(64, 3, generator=torch.Generator().manual_seed(1))
]


class Regression(nn.Module):
    """A model as the Trainer wants it; it notes which weights it was evaluated with."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.net, self.seen = mlp(seed), []

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        if not self.training:
            self.seen.append(live_vector(self.net))
        output = self.net(x.to(self.net[0].weight.dtype))
        return {"loss": (output - labels).square().mean(), "logits": output}


def bert(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    config = transformers.BertConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=8, max_position_embeddings=8,
    )  # fmt: skip
    return transformers.BertForMaskedLM(config)  # its decoder is tied to the embedding


SENTENCES = [
    {"input_ids": ids, "labels": ids}
    for ids in torch.randint(0, 20, (32, 5), generator=torch.Generator().manual_seed(1))
]


def make(model, folder, *callbacks, rows=ROWS, kind=AveragingTrainer, **options):
    settings = {
        "output_dir": str(folder), "max_steps": STEPS, "per_device_train_batch_size": 4,
        "per_device_eval_batch_size": 32, "learning_rate": 0.01, "report_to": [], "use_cpu": True,
        "save_strategy": "steps", "save_steps": EVERY, "eval_strategy": "steps",
        "eval_steps": EVERY, "logging_strategy": "no", "disable_tqdm": True,
        "dataloader_pin_memory": False,
    } | options  # fmt: skip
    arguments = transformers.TrainingArguments(**settings)
    data = {"train_dataset": rows, "eval_dataset": rows}
    return kind(model=model, args=arguments, callbacks=list(callbacks), **data)


def averaging(**options) -> AveragingTrainerCallback:
    return AveragingTrainerCallback(AVERAGES, **({"evaluate_with": "ema"} | options))


class Record(transformers.TrainerCallback):
    """Averages by hand, from the weights after each step; `stop` interrupts the training."""

    def __init__(self, stop: int | None = None, **options: object) -> None:
        self.stop, self.options, self.averager, self.served, self.raw = stop, options, None, [], []

    def on_train_begin(self, args, state, control, *, model, **_) -> None:
        self.averager = WeightAverager(model, AVERAGES, total_steps=STEPS, **self.options)

    def on_step_end(self, args, state, control, *, model, **_) -> None:
        self.averager.update()
        if state.global_step % EVERY == 0:
            self.raw.append(live_vector(model))
            with self.averager.applied("ema"):
                self.served.append(live_vector(model))
        if state.global_step == self.stop:
            raise RuntimeError("power cut")


@pytest.mark.parametrize("accumulated", [1, 2])
def test_averages_are_those_of_a_loop_by_hand(tmp_path, accumulated) -> None:
    model, callback, record = Regression(), averaging(), Record()
    make(model, tmp_path, callback, record, gradient_accumulation_steps=accumulated).train()
    assert callback.averager.steps == STEPS
    assert callback.averager.schemes["late"].start == STEPS // 2
    assert_same(callback.averager.state_dict(), record.averager.state_dict())
    # Each evaluation saw the average, and each checkpoint has the raw weights.
    assert len(model.seen) == 2 * len(record.served)  # two batches each
    for i, (average, raw) in enumerate(zip(record.served, record.raw, strict=True)):
        assert torch.equal(model.seen[2 * i], average)
        assert not torch.equal(average, raw)
        state = load_file(tmp_path / f"checkpoint-{EVERY * (i + 1)}" / "model.safetensors")
        saved = Regression(seed=1)
        saved.load_state_dict(state)
        assert torch.equal(live_vector(saved), raw)


@pytest.mark.parametrize("path", ["explicit", "latest", "moved"])
@pytest.mark.parametrize(("new", "rows"), [(Regression, ROWS), (bert, SENTENCES)])
def test_resuming_changes_no_bit(tmp_path, new, rows, path) -> None:
    whole, reference = new(), averaging()
    complete = make(whole, tmp_path / "whole", reference, rows=rows)
    complete.train()

    folder = tmp_path / "stopped"
    with pytest.raises(RuntimeError, match="power cut"):
        make(new(), folder, averaging(), Record(stop=10), rows=rows).train()
    last = folder / "checkpoint-8"
    if path == "moved":
        last = (folder / "checkpoint-8").rename(tmp_path / "elsewhere")
    resumed, callback = new(1), averaging()
    trainer = make(resumed, folder, callback, rows=rows)
    trainer.train(resume_from_checkpoint=True if path == "latest" else str(last))
    assert trainer.state.global_step == STEPS
    assert torch.equal(state_vector(resumed), state_vector(whole))
    assert_same(callback.averager.state_dict(), reference.averager.state_dict())
    moments = [t.optimizer.state_dict()["state"] for t in (complete, trainer)]
    assert_same(*moments)


def test_a_longer_plan_does_not_change_what_shares_mean(tmp_path) -> None:
    make(Regression(), tmp_path, averaging()).train()
    callback = averaging()
    trainer = make(Regression(), tmp_path, callback, max_steps=STEPS + 4)
    with pytest.warns(RuntimeWarning, match="beyond total_steps=12"):
        trainer.train(resume_from_checkpoint=True)
    assert callback.averager.schemes["late"].start == 6
    assert callback.averager.steps == STEPS + 4


def test_the_best_model_comes_with_its_averages(tmp_path) -> None:
    model, callback, record = Regression(), averaging(), Record()
    options = {"load_best_model_at_end": True, "metric_for_best_model": "loss",
               "greater_is_better": True, "save_total_limit": 1}  # fmt: skip
    trainer = make(model, tmp_path, callback, record, **options)
    trainer.train()
    assert trainer.state.best_model_checkpoint.endswith("checkpoint-4")  # the worst loss
    assert torch.equal(live_vector(model), record.raw[0])
    assert callback.averager.steps == 4
    assert trainer.evaluate()["eval_loss"] == trainer.state.best_metric


def test_evaluation_on_its_own(tmp_path) -> None:
    model, callback = Regression(), averaging(evaluate_with="hist", horizon=4)
    trainer = make(model, tmp_path, callback, eval_on_start=True)
    with pytest.warns(RuntimeWarning, match="no averages of this model"):
        trainer.evaluate()
    start = live_vector(model)
    trainer.train()
    assert torch.equal(model.seen[0], start)  # asked for before the first step
    raw = live_vector(model)
    with callback.averager.applied("hist", horizon=4):
        average = live_vector(model)
    model.seen.clear()
    trainer.predict(ROWS)
    trainer.evaluate({"a": ROWS, "b": ROWS[:5]})
    assert len(model.seen) == 5
    assert all(torch.equal(seen, average) for seen in model.seen)
    assert torch.equal(live_vector(model), raw)


def test_a_failing_evaluation_leaves_the_raw_weights(tmp_path) -> None:
    model, callback, record = Regression(), averaging(), Record()
    trainer = make(model, tmp_path, callback, record)
    trainer.compute_metrics = lambda _: 1 / 0
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        trainer.train()
    assert torch.equal(live_vector(model), record.raw[0])
    trainer.optimizer.step()
    assert callback.averager.steps == EVERY  # the optimizer is no longer followed
    trainer.compute_metrics = None
    trainer.train()
    assert callback.averager.steps == STEPS


def test_a_model_converted_in_the_middle_keeps_its_raw_weights(tmp_path) -> None:
    model, callback = Regression(), averaging()
    trainer = make(model, tmp_path, callback, bf16_full_eval=True)
    trainer.train()
    raw = [p.detach().bfloat16() for p in model.parameters()]
    trainer.evaluate()  # converts the model for good
    assert all(torch.equal(p, r) for p, r in zip(model.parameters(), raw, strict=True))
    assert model.net[1].running_mean.dtype == torch.bfloat16


def test_norms_are_recalibrated_for_evaluation(tmp_path) -> None:
    model = Regression()
    batches = [{"x": torch.stack([row["x"] for row in ROWS[:16]])}]
    callback = averaging(
        buffers="recalibrate", recalibrate=batches, forward=lambda model, b: model.net(b["x"])
    )
    trainer = make(model, tmp_path, callback)
    trainer.train()
    with callback.averager.applied("ema", recalibrate=batches, forward=callback.forward):
        average = live_vector(model)
    model.seen.clear()
    trainer.evaluate()
    assert torch.equal(model.seen[0], average)


def test_what_does_not_go_together_is_refused(tmp_path, monkeypatch) -> None:
    plain = make(Regression(), tmp_path, averaging(), kind=transformers.Trainer)
    with pytest.raises(InputError, match="an AveragingTrainerCallback in another Trainer"):
        plain.train()
    with pytest.raises(InputError, match="no AveragingTrainerCallback"):
        make(Regression(), tmp_path).train()
    sharded = make(Regression(), tmp_path, averaging())
    sharded.is_fsdp_enabled = True
    with pytest.raises(InputError, match="sharded: is_fsdp_enabled"):
        sharded.train()


def test_a_checkpoint_without_averages(tmp_path) -> None:
    make(Regression(), tmp_path, kind=transformers.Trainer).train()
    callback = averaging()
    trainer = make(Regression(), tmp_path, callback)
    with pytest.warns(RuntimeWarning, match="averages begin here"):
        trainer.train(resume_from_checkpoint=str(tmp_path / "checkpoint-8"))
    assert callback.averager.steps == STEPS - 8


def test_other_trainers_can_be_mixed_in(tmp_path) -> None:
    class Own(AveragingMixin, transformers.Seq2SeqTrainer):
        pass

    model, callback, record = bert(), averaging(), Record()
    settings = transformers.Seq2SeqTrainingArguments(
        str(tmp_path), max_steps=2, use_cpu=True, report_to=[], disable_tqdm=True,
        dataloader_pin_memory=False, save_strategy="no",
    )  # fmt: skip
    trainer = Own(model, settings, train_dataset=SENTENCES, callbacks=[callback, record])
    trainer.train()
    assert callback.averager.steps == 2
    assert callback.averager.model is model


def accelerated(folder: Path, *, steps: int, resume: bool = False, seed: int = 0):
    accelerate = pytest.importorskip("accelerate")
    accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=2)
    model = mlp(seed)
    data = torch.utils.data.DataLoader(torch.stack([row["x"] for row in ROWS]), batch_size=8)
    model, optimizer, data = accelerator.prepare(model, torch.optim.Adam(model.parameters()), data)
    averager = WeightAverager(model, AVERAGES, total_steps=12).attach(optimizer)
    accelerator.register_for_checkpointing(averager)
    if resume:
        accelerator.load_state(str(folder / "state"))
    for _ in range(steps):
        for batch in data:
            with accelerator.accumulate(model):
                accelerator.backward(model(batch).square().mean())
                optimizer.step()
                optimizer.zero_grad()
    if not resume:
        accelerator.save_state(str(folder / "state"))
    return model, averager


@pytest.mark.filterwarnings("ignore::FutureWarning:accelerate")
def test_a_loop_with_accelerate_resumes_to_the_bit(tmp_path) -> None:
    whole, reference = accelerated(tmp_path / "whole", steps=3)
    assert reference.steps == 3 * 4  # 8 batches an epoch, two accumulated
    accelerated(tmp_path, steps=1)
    model, averager = accelerated(tmp_path, steps=2, resume=True, seed=1)
    assert torch.equal(live_vector(model), live_vector(whole))
    assert_same(averager.state_dict(), reference.state_dict())
