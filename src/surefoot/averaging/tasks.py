"""The study's tasks: real data, a network, and a loss for each example."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from surefoot.averaging.networks import CharacterModel, convolutional, perceptron
from surefoot.ground.content import Arrays
from surefoot.ground.datasets import load
from surefoot.ground.errors import one_of
from surefoot.ground.streams import stream


@dataclass(frozen=True)
class Rows:
    """Inputs (n, …) and targets (n,) or, for text, (n, length)."""

    X: Tensor
    y: Tensor


@dataclass(frozen=True)
class Task:
    """Data of one seed.

    Attributes
    ----------
    train, validation, test : Rows
    build : callable ``() -> nn.Module``
    """

    train: Rows
    validation: Rows
    test: Rows
    build: Callable[[], nn.Module]

    def losses(self, model: nn.Module, rows: Rows) -> Tensor:
        """Return the loss of each example, in nats: (n,)."""
        logits = model(rows.X)
        if rows.y.ndim == 1:
            return functional.cross_entropy(logits, rows.y, reduction="none")
        return functional.cross_entropy(logits.mT, rows.y, reduction="none").mean(1)


@dataclass(frozen=True)
class Recipe:
    """What a task is made of and how it is trained.

    Attributes
    ----------
    title, data : str
    steps, batch_size : int
    rates : tuple of float
        Learning rates to choose from on validation data; the first is the default.
    weight_decay : float
    schedules : tuple of str
    make : callable ``seed -> Task``
    """

    title: str
    data: str
    steps: int
    batch_size: int
    rates: tuple[float, ...]
    weight_decay: float
    schedules: tuple[str, ...]
    make: Callable[[int], Task]


def arrays_of(name: str) -> Mapping[str, NDArray]:
    """Return the arrays of a dataset."""
    data = load(name)
    assert isinstance(data, Arrays)
    return data.arrays


def _images(name: str, seed: int, *, train: int, validation: int, flat: bool) -> Task:
    data = arrays_of(name)
    classes = np.unique(data["train_labels"])
    shape = (-1,) if flat else (1, *data["train_images"].shape[1:])

    def rows(split: str, numbers: NDArray) -> Rows:
        images = torch.from_numpy(data[f"{split}_images"][numbers]).float() / 255
        labels = np.searchsorted(classes, data[f"{split}_labels"][numbers])
        return Rows(images.reshape(len(numbers), *shape), torch.from_numpy(labels))

    order = stream(seed, name, "split").permutation(len(data["train_labels"]))
    side, kinds = data["train_images"].shape[1], len(classes)
    return Task(
        train=rows("train", order[:train]),
        validation=rows("train", order[train : train + validation]),
        test=rows("test", np.arange(len(data["test_labels"]))),
        build=lambda: perceptron(side * side, kinds) if flat else convolutional(kinds, side // 14),
    )


def _characters(seed: int, *, length: int = 48, held_out: int = 128) -> Task:
    text = arrays_of("shakespeare")["text"]
    alphabet, codes = np.unique(text, return_inverse=True)
    # The end of the text is held out: the first half of it for validation, the second for test.
    first, second = int(len(codes) * 0.9), int(len(codes) * 0.95)

    def rows(begin: int, end: int, starts: NDArray) -> Rows:
        windows = np.lib.stride_tricks.sliding_window_view(codes[begin:end], length + 1)[starts]
        pieces = torch.from_numpy(windows.astype(np.int64))
        return Rows(pieces[:, :-1], pieces[:, 1:])

    def spread(begin: int, end: int) -> Rows:
        return rows(begin, end, np.linspace(0, end - begin - length - 1, held_out).astype(int))

    starts = stream(seed, "characters").integers(0, first - length, 40_000)
    return Task(
        train=rows(0, first, starts),
        validation=spread(first, second),
        test=spread(second, len(codes)),
        build=lambda: CharacterModel(len(alphabet), length),
    )


_ALL = ("constant", "cosine", "wsd")
RECIPES: Mapping[str, Recipe] = {
    "fashion": Recipe(
        "Fashion-MNIST, perceptron", "fashion-mnist", 3000, 64, (2e-3, 1e-3, 4e-3), 0.02, _ALL,
        lambda seed: _images("fashion-mnist", seed, train=56_000, validation=4000, flat=True),
    ),
    "characters": Recipe(
        "Shakespeare, character model", "shakespeare", 1500, 24, (3e-3, 6e-3), 0.1,
        ("constant", "cosine"), _characters,
    ),
    "batchnorm": Recipe(
        "Fashion-MNIST, BatchNorm network", "fashion-mnist", 900, 64, (1e-2,), 0.02, ("constant",),
        lambda seed: _images("fashion-mnist", seed, train=56_000, validation=4000, flat=False),
    ),
    "batchnorm-small": Recipe(
        "Fashion-MNIST at 14×14, BatchNorm network", "fashion-mnist-mini", 600, 64, (1e-2,), 0.02,
        ("constant",),
        lambda seed: _images("fashion-mnist-mini", seed, train=30_000, validation=3000, flat=False),
    ),
    "fashion-small": Recipe(
        "Fashion-MNIST at 14×14, perceptron", "fashion-mnist-mini", 1500, 64, (2e-3,), 0.02,
        ("constant", "cosine"),
        lambda seed: _images("fashion-mnist-mini", seed, train=30_000, validation=3000, flat=True),
    ),
}  # fmt: skip


def recipe_of(task: str) -> Recipe:
    """Return the recipe of a task."""
    return RECIPES[one_of("task", task, RECIPES)]


def fingerprint(task: str) -> str:
    """Return the fingerprint of the data behind a task."""
    return load(recipe_of(task).data).fingerprint
