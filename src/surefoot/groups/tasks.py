"""The study's tasks: real images or rows, real class difficulty, planted or natural groups.

CelebA and Waterbirds can't be shipped. Their *shapes* can: the exact shares of their groups, on two
Fashion-MNIST classes whose background is red or green. Adult is what it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.datasets import load
from surefoot.ground.errors import one_of
from surefoot.ground.streams import stream
from surefoot.groups.encoding import TableEncoder

_FOREGROUND = 25  # grey value of 255 from which on a pixel belongs to the garment


@dataclass(frozen=True)
class Part:
    """Inputs (n, …), labels (n,) and attributes (n,)."""

    X: NDArray
    y: NDArray
    attribute: NDArray


@dataclass(frozen=True)
class Task:
    """Training, validation and test rows of one seed."""

    train: Part
    validation: Part
    test: Part


@dataclass(frozen=True)
class Shape:
    """How a planted task is drawn.

    Attributes
    ----------
    title : str
    classes : (int, int)
        Fashion-MNIST classes for y = 0 and y = 1.
    shares : tuple of float
        Of the groups (y0, red), (y0, green), (y1, red), (y1, green) in training and validation.
    """

    title: str
    classes: tuple[int, int]
    shares: tuple[float, float, float, float]


_CELEBA = (0.44, 0.41, 0.1415, 0.0085)  # dark-haired f and m, blond f and m
_WATERBIRDS = (0.475, 0.025, 0.025, 0.475)

SHAPES: Mapping[str, Shape] = {
    "celeba": Shape("CelebA shape: sandal or sneaker", (5, 7), _CELEBA),
    "celeba-hard": Shape("CelebA shape, hard: pullover or coat", (2, 4), _CELEBA),
    "waterbirds": Shape("Waterbirds shape: sandal or sneaker", (5, 7), _WATERBIRDS),
}
TITLES: Mapping[str, str] = {name: shape.title for name, shape in SHAPES.items()} | {
    "adult": "Adult: income by sex"
}
N_TRAIN, N_VALIDATION, N_TEST_GROUP = 3000, 1000, 250
ADULT_TRAIN, ADULT_VALIDATION = 6000, 3000


@lru_cache(maxsize=4)
def load_task(name: str, seed: int) -> Task:
    """Draw task `name` for `seed`; the draw depends on nothing else."""
    one_of("task", name, TITLES)
    return _adult(seed) if name == "adult" else _planted(name, seed)


def fingerprint(name: str) -> str:
    """Return the fingerprint of the data behind a task."""
    return load("adult" if name == "adult" else "fashion-mnist-mini").fingerprint


def paint(images: NDArray, attribute: NDArray) -> NDArray:
    """Return (n, 3, 14, 14) images in [0, 1] on a red (attribute 0) or green (1) background."""
    grey = images / 255.0
    painted = np.repeat(grey[:, None], 3, axis=1)
    channel = attribute[:, None, None, None] == np.arange(3)[None, :, None, None]
    background = (images < _FOREGROUND)[:, None]
    return np.where(background & channel, 1.0, painted).astype(np.float32)


def _planted(name: str, seed: int) -> Task:
    shape = SHAPES[name]
    data = load("fashion-mnist-mini").arrays
    pools = {}
    for split in ("train", "test"):
        for y, label in enumerate(shape.classes):
            rows = np.flatnonzero(data[f"{split}_labels"] == label)
            pools[split, y] = stream(seed, name, split, y).permutation(rows)

    def draw(split: str, counts: list[int]) -> Part:
        images, labels, attributes = [], [], []
        for group, count in enumerate(counts):
            y, attribute = divmod(group, 2)
            rows, pools[split, y] = np.split(pools[split, y], [count])
            images.append(data[f"{split}_images"][rows])
            labels.append(np.full(count, y))
            attributes.append(np.full(count, attribute))
        order = stream(seed, name, split, "order", sum(counts)).permutation(sum(counts))
        a = np.concatenate(attributes)[order]
        return Part(paint(np.concatenate(images)[order], a), np.concatenate(labels)[order], a)

    return Task(
        train=draw("train", [round(share * N_TRAIN) for share in shape.shares]),
        validation=draw("train", [round(share * N_VALIDATION) for share in shape.shares]),
        test=draw("test", [N_TEST_GROUP] * 4),
    )


def _adult(seed: int) -> Task:
    frame = load("adult").frame
    training = frame[frame["split"] == "train"].reset_index(drop=True)
    test = frame[frame["split"] == "test"]
    order = stream(seed, "adult").permutation(len(training))
    train = training.iloc[order[:ADULT_TRAIN]]
    validation = training.iloc[order[ADULT_TRAIN : ADULT_TRAIN + ADULT_VALIDATION]]
    # Sex is what groups are made of, not an input; fnlwgt is a survey weight.
    features = [c for c in frame.columns if c not in ("income", "sex", "fnlwgt", "split")]
    encoder = TableEncoder.learn(train, features)

    def part(rows: Any) -> Part:
        y = (rows["income"] == ">50K").to_numpy().astype(int)
        return Part(encoder.encode(rows), y, (rows["sex"] == "Female").to_numpy().astype(int))

    return Task(part(train), part(validation), part(test))
