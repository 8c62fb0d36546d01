from __future__ import annotations

import numpy as np
import pytest

from surefoot import InputError
from surefoot.groups.tasks import SHAPES, TITLES, load_task, paint


@pytest.mark.parametrize("name", list(SHAPES))
def test_planted_shares_are_exact(name: str) -> None:
    task = load_task(name, 0)
    counts = np.bincount(task.train.y * 2 + task.train.attribute, minlength=4)
    expected = [round(share * 3000) for share in SHAPES[name].shares]
    assert counts.tolist() == expected
    assert np.bincount(task.test.y * 2 + task.test.attribute).tolist() == [250] * 4
    assert task.train.X.shape == (sum(expected), 3, 14, 14)


def test_celeba_has_26_minority_examples() -> None:
    train = load_task("celeba", 3).train
    assert ((train.y == 1) & (train.attribute == 1)).sum() == 26


def test_parts_share_no_image() -> None:
    task = load_task("celeba", 0)
    grey = [part.X[:, 2].reshape(len(part.y), -1) for part in (task.train, task.validation)]
    seen = {row.tobytes() for row in grey[0]}
    again = sum(row.tobytes() in seen for row in grey[1])
    assert again <= 2  # Fashion-MNIST itself holds a few duplicates


def test_draws_depend_on_the_seed_only() -> None:
    first = load_task("celeba", 5).train
    load_task.cache_clear()
    again = load_task("celeba", 5).train
    np.testing.assert_array_equal(first.X, again.X)
    assert not np.array_equal(first.y, load_task("celeba", 6).train.y)


def test_the_attribute_is_the_colour_of_the_background() -> None:
    images = np.zeros((2, 14, 14), dtype=np.uint8)
    images[:, 4:8, 4:8] = 200
    painted = paint(images, np.array([0, 1]))
    assert painted[0, :, 0, 0].tolist() == [1, 0, 0]
    assert painted[1, :, 0, 0].tolist() == [0, 1, 0]
    np.testing.assert_allclose(painted[0, :, 5, 5], 200 / 255)


def test_adult_leaves_sex_and_the_survey_weight_out() -> None:
    task = load_task("adult", 0)
    assert len(task.train.y) == 6000
    assert len(task.test.y) == 16_281
    assert 0.2 < task.test.y.mean() < 0.3
    assert 0.3 < task.test.attribute.mean() < 0.36


def test_every_task_has_a_title_and_unknown_ones_are_refused() -> None:
    assert set(TITLES) == {*SHAPES, "adult"}
    with pytest.raises(InputError, match="did you mean 'celeba'"):
        load_task("celebb", 0)
