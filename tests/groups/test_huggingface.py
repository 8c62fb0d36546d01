import copy

import pytest
import torch

from surefoot.ground.errors import InputError
from surefoot.groups import IndexedDataset, attach, tied
from surefoot.groups.attachment import fair_layers

transformers = pytest.importorskip("transformers")
from surefoot.groups.huggingface import TiedTrainer  # noqa: E402

pytestmark = [pytest.mark.filterwarnings("ignore:.*pin_memory:UserWarning")]

ROWS = [
    {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": int(ids[0]) % 2}
    for ids in torch.randint(0, 50, (16, 7), generator=torch.Generator().manual_seed(1))
]
DATA = IndexedDataset(ROWS)


def bert():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = transformers.BertConfig(
            vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=24, max_position_embeddings=8, hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )  # fmt: skip
        model = transformers.BertForSequenceClassification(config)
    # Tokens in the middle of the encoder, and the pooled vector before the classifier.
    attach(model, {"bert.encoder.layer.0.intermediate.dense": {}, "bert.pooler.dense": {}})
    return model


def trainer(model, folder, data=DATA, **options):
    settings = {
        "output_dir": str(folder), "num_train_epochs": 2, "per_device_train_batch_size": 4,
        "learning_rate": 0.01, "report_to": [], "remove_unused_columns": False, "use_cpu": True,
        "save_strategy": "steps", "save_steps": 3, "logging_strategy": "no", "disable_tqdm": True,
        "dataloader_pin_memory": False,
    } | options  # fmt: skip
    arguments = transformers.TrainingArguments(**settings)
    return TiedTrainer(model=model, args=arguments, train_dataset=data, eval_dataset=data)


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(a, b, tolerance=0.0):
    for name, value in a.items():
        torch.testing.assert_close(b[name], value, rtol=tolerance, atol=tolerance)


def collated(ids):
    rows = [ROWS[i] for i in ids]
    return {key: torch.stack([torch.as_tensor(row[key]) for row in rows]) for key in ROWS[0]}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder, model = tmp_path_factory.mktemp("whole"), bert()
    trainer(model, folder).train()
    return folder, weights(model)


def test_a_step_is_that_of_a_loop_by_hand(tmp_path):
    model, by_hand = bert(), bert()
    seen = []
    first = fair_layers(model)[0]
    first.register_forward_pre_hook(lambda layer, _: seen.append(layer.ids.tolist()))
    options = {"max_steps": 3, "lr_scheduler_type": "constant", "optim": "sgd", "max_grad_norm": 0}
    trainer(model, tmp_path, **options).train()
    assert len(seen) == 3

    optimizer = torch.optim.SGD(by_hand.parameters(), lr=0.01)
    for ids in seen:
        with tied(by_hand, ids):
            by_hand(**collated(ids)).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    same(weights(by_hand), weights(model), tolerance=1e-6)
    assert (weights(bert())["classifier.weight"] != weights(model)["classifier.weight"]).any()


def test_resuming_mid_training_gives_the_same_weights(trained, tmp_path):
    folder, expected = trained
    model = bert()
    trainer(model, tmp_path).train(resume_from_checkpoint=str(folder / "checkpoint-3"))
    same(expected, weights(model))


# Renamed in transformers 5; the old name serves both.
@pytest.mark.filterwarnings("ignore:.gradient_checkpointing_enable.:FutureWarning")
@pytest.mark.parametrize("reentrant", [True, False])
def test_gradient_checkpointing_gives_the_same_weights(trained, tmp_path, reentrant):
    model = bert()
    model.gradient_checkpointing_enable({"use_reentrant": reentrant})
    assert any(getattr(m, "gradient_checkpointing", False) for m in model.modules())
    trainer(model, tmp_path).train()
    same(trained[1], weights(model), tolerance=1e-6)


def test_evaluation_has_the_memory_off(tmp_path):
    model = bert()
    ours = trainer(model, tmp_path, per_device_eval_batch_size=16)
    loss = ours.evaluate()["eval_loss"]
    with torch.no_grad():
        expected = model.eval()(**collated(range(16))).loss.item()
    assert loss == pytest.approx(expected, abs=1e-6)
    predictions = ours.predict(DATA).predictions
    assert predictions.shape == (16, 2)


@pytest.mark.parametrize(("data", "options"), [(ROWS, {}), (DATA, {"remove_unused_columns": True})])
def test_missing_ids_are_named(tmp_path, data, options):
    with pytest.raises(InputError, match="example_id: found None.*remove_unused_columns=False"):
        trainer(bert(), tmp_path, data, **options).train()


def test_a_copy_of_the_model_trains_alike():
    model = bert()
    twin = copy.deepcopy(model)
    x = ROWS[0]["input_ids"][None]
    with tied(model, [5]), tied(twin, [5]):
        assert torch.equal(model(x).logits, twin(x).logits)
