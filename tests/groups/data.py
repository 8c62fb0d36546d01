"""Small real data for the tests of the room."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from surefoot.groups.tasks import Part, Task, load_task

FAST = {"epochs": 3, "hidden": (32,), "batch_size": 64}


@lru_cache(maxsize=1)
def small_celeba() -> Task:
    """Return the CelebA shape with fewer rows, every group kept."""
    task = load_task("celeba", 0)

    def thin(part: Part, step: int) -> Part:
        rare = (part.y == 1) & (part.attribute == 1)
        rows = np.flatnonzero(rare | (np.arange(len(part.y)) % step == 0))
        return Part(part.X[rows], part.y[rows], part.attribute[rows])

    return Task(thin(task.train, 5), thin(task.validation, 2), thin(task.test, 2))
