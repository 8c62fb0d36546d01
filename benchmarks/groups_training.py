"""What does training cost, against SpuCo, skorch and scikit-learn, on the same rows?"""

from __future__ import annotations

import sys
import types
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from common import Report, best_times, cpu_time, one_thread
from torch import Tensor, nn

from surefoot.groups.networks import mlp
from surefoot.groups.objectives import GroupDRO
from surefoot.groups.rivals import ERMClassifier
from surefoot.groups.tasks import Part, load_task
from surefoot.groups.training import Rows, Schedule, train

BATCH = 128
EPOCHS = 10  # of a whole fit
RATE, MOMENTUM, DECAY = 0.1, 0.9, 1e-4
REPEATS = 5
FITS = 3


def group_dro(report: Report, part: Part) -> None:
    """Time one epoch, the same network, rows, batch size and optimizer on both sides."""
    X, y = torch.as_tensor(part.X), torch.as_tensor(part.y)
    groups = 2 * part.y + part.attribute
    rows = Rows(X, y, torch.arange(len(y)))
    network, schedule = mlp(X.shape[1:], 2), Schedule(1, BATCH, RATE, MOMENTUM, DECAY)

    def ours() -> None:
        train(network, rows, GroupDRO(groups, 4, 0.01, None), schedule, seed=0)

    tasks: dict[str, Callable[[], object]] = {"ours": ours}
    if report.has("spuco", "SpuCo"):
        tasks |= spuco_epochs(X, y, groups)
    wall = best_times(tasks, REPEATS)
    cpu = best_times(tasks, REPEATS, cpu_time)
    report.say(f"  one epoch of GroupDRO, {len(y):,} × {X.shape[1]}")
    report.add("surefoot", wall["ours"] * 1e3, "ms")
    if "SpuCo" in wall:
        report.add("SpuCo, as it comes (4 loader processes)", wall["SpuCo"] * 1e3, "ms")
        report.add("C5 SpuCo / surefoot, wall", wall["SpuCo"] / wall["ours"], at_least=5)
        report.add("SpuCo / surefoot, CPU", cpu["SpuCo"] / cpu["ours"])
        alone = wall["SpuCo alone"] / wall["ours"]
        report.add("SpuCo with its loader processes off / surefoot, wall", alone)


def spuco_epochs(X: Tensor, y: Tensor, groups: np.ndarray) -> dict[str, Callable[[], object]]:
    # torchvision from the package index does not fit a CPU build of torch; SpuCo needs its Python.
    sys.modules["torchvision._meta_registrations"] = types.ModuleType("_meta_registrations")
    warnings.filterwarnings("ignore", module="torch.utils.data")  # on its four worker processes
    from spuco.datasets import GroupLabeledDatasetWrapper
    from spuco.robust_train import GroupDRO as SpuCoGroupDRO
    from torch.utils.data import DataLoader, TensorDataset

    members = {divmod(g, 2): np.flatnonzero(groups == g).tolist() for g in range(4)}
    dataset = GroupLabeledDatasetWrapper(TensorDataset(X, y), members)

    def method() -> Any:
        network = mlp(X.shape[1:], 2)
        optimizer = torch.optim.SGD(network.parameters(), RATE, MOMENTUM, weight_decay=DECAY)
        return SpuCoGroupDRO(network, dataset, BATCH, optimizer, num_epochs=1)

    as_it_comes, alone = method(), method()
    alone.trainer.trainloader = DataLoader(dataset, BATCH, sampler=alone.trainer.sampler)
    one_thread()
    return {
        "SpuCo": lambda: as_it_comes.train_epoch(0),
        "SpuCo alone": lambda: alone.train_epoch(0),
    }


def whole_fits(report: Report, part: Part, validation: Part) -> None:
    """Time ``fit`` of plain classifiers with the same layers, batch size and optimizer."""
    from sklearn.neural_network import MLPClassifier

    schedule = {"learning_rate": RATE, "epochs": EPOCHS, "batch_size": BATCH}
    erm = ERMClassifier(momentum=MOMENTUM, weight_decay=DECAY, **schedule)
    scikit = MLPClassifier(
        (128, 128),
        solver="sgd",
        alpha=DECAY,
        batch_size=BATCH,
        learning_rate_init=RATE,
        momentum=MOMENTUM,
        nesterovs_momentum=False,
        max_iter=EPOCHS,
        n_iter_no_change=EPOCHS + 1,
        random_state=0,
    )
    tasks: dict[str, Callable[[], object]] = {
        "ours": lambda: erm.fit(part.X, part.y, X_val=validation.X, y_val=validation.y),
        "scikit": lambda: scikit.fit(part.X, part.y),
    }
    if report.has("skorch", "skorch"):
        tasks["skorch"] = skorch_fit(part, validation)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn: "maximum iterations reached", as meant
        seconds = best_times(tasks, FITS, cpu_time)
    report.say(f"  ERM, CPU per epoch of a whole fit of {EPOCHS}")
    report.add("surefoot, scored on 1,000 validation rows", seconds["ours"] / EPOCHS * 1e3, "ms")
    report.add("MLPClassifier (SGD, no validation) / surefoot", seconds["scikit"] / seconds["ours"])
    if "skorch" in seconds:
        ratio = seconds["skorch"] / seconds["ours"]
        report.add("skorch (same validation rows) / surefoot", ratio)


def skorch_fit(part: Part, validation: Part) -> Callable[[], object]:
    from skorch import NeuralNetClassifier
    from skorch.dataset import Dataset
    from skorch.helper import predefined_split

    net = NeuralNetClassifier(
        lambda: mlp(part.X.shape[1:], 2),
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.SGD,
        optimizer__momentum=MOMENTUM,
        optimizer__weight_decay=DECAY,
        lr=RATE,
        max_epochs=EPOCHS,
        batch_size=BATCH,
        iterator_train__shuffle=True,
        train_split=predefined_split(Dataset(validation.X, validation.y)),
        verbose=0,
    )
    return lambda: net.fit(part.X, part.y)


def main() -> None:
    report = Report(f"groups: training (one thread; minimum of {REPEATS} epochs, of {FITS} fits)")
    one_thread()
    task = load_task("celeba", 0)
    part, validation = (
        Part(p.X.reshape(len(p.X), -1), p.y, p.attribute) for p in (task.train, task.validation)
    )
    group_dro(report, part)
    whole_fits(report, part, validation)
    report.close()


if __name__ == "__main__":
    main()
