import copy

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from surefoot.ground.errors import InputError
from surefoot.groups import FairDropout, IndexedDataset, attach, tied

# Lightning's own remarks on the machine, on settings of a toy, and on what it calls in torch.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*(num_workers|number of training batches|GPU|litlogger)"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:lightning"),
    pytest.mark.filterwarnings("ignore::FutureWarning:lightning"),
]
pl = pytest.importorskip("lightning.pytorch")
from surefoot.groups.lightning import TiedCallback  # noqa: E402

X = torch.randn(24, 6, generator=torch.Generator().manual_seed(1))
Y = (X[:, 0] > 0).long()
DATA = IndexedDataset(TensorDataset(X, Y))


def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Linear(6, 20), FairDropout(20, key="written"), nn.ReLU(), nn.Linear(20, 2)
        )


class Module(pl.LightningModule):
    def __init__(self, fail_at: int | None = None) -> None:
        super().__init__()
        self.net, self.fail_at, self.seen = network(), fail_at, []
        attach(self.net, {"2": {"num_features": 20}})

    def training_step(self, batch, index):
        ids, (x, y) = batch if isinstance(batch, list | tuple) else (None, (batch["x"], batch["y"]))
        self.seen.append(self.net[1].ids.tolist())
        assert ids is None or ids.tolist() == self.seen[-1]
        if index == self.fail_at:
            raise RuntimeError("the step failed")
        return nn.functional.cross_entropy(self.net(x), y)

    def validation_step(self, batch, index):
        assert self.net[1].ids is None
        self.net(batch[1][0])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)


def fit(module, loader, tmp_path, **options):
    trainer = pl.Trainer(
        max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=tmp_path,
        callbacks=[TiedCallback()], **options,
    )  # fmt: skip
    trainer.fit(module, loader, DataLoader(DATA, batch_size=6))


def loader():
    return DataLoader(DATA, batch_size=6, shuffle=True, generator=torch.Generator().manual_seed(2))


def test_training_is_that_of_a_loop_by_hand(tmp_path):
    module = Module()
    by_hand = copy.deepcopy(module.net)
    fit(module, loader(), tmp_path, accumulate_grad_batches=2)

    for epoch in (module.seen[:4], module.seen[4:]):
        assert sorted(i for ids in epoch for i in ids) == list(range(24))
    assert module.seen[0] != sorted(module.seen[0])
    optimizer = torch.optim.SGD(by_hand.parameters(), lr=0.1, momentum=0.9)
    for step, ids in enumerate(module.seen):
        with tied(by_hand, ids):
            loss = nn.functional.cross_entropy(by_hand(X[ids]), Y[ids])
        (loss / 2).backward()
        if step % 2:
            optimizer.step()
            optimizer.zero_grad()
    for name, value in by_hand.state_dict().items():
        torch.testing.assert_close(module.net.state_dict()[name], value, rtol=1e-5, atol=1e-6)


def test_ids_of_dictionaries(tmp_path):
    records = IndexedDataset([{"x": x, "y": y} for x, y in zip(X, Y, strict=True)])
    module = Module()
    fit(module, DataLoader(records, batch_size=12), tmp_path)
    assert module.seen == [list(range(12)), list(range(12, 24))] * 2


def test_ids_are_forgotten_after_a_failed_step(tmp_path):
    module = Module(fail_at=1)
    with pytest.raises(RuntimeError, match="the step failed"):
        fit(module, loader(), tmp_path)
    assert len(module.seen) == 2
    assert module.net[1].ids is None


@pytest.mark.parametrize("batch", [{"x": X, "y": Y}, X, (X,), (X, Y, Y)])
def test_batches_without_ids(batch):
    with pytest.raises(InputError, match=r"batch: found .*; allowed: \(ids, …\) or a dictionary"):
        TiedCallback().on_train_batch_start(None, Module(), batch, 0)
