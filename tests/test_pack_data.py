from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from surefoot.ground.datasets import PACKAGED, load, where


@pytest.fixture(scope="module")
def packing():
    path = Path(__file__).parents[1] / "tools" / "pack_data.py"
    spec = importlib.util.spec_from_file_location("pack_data", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def fashion():
    if where("fashion-mnist").kind != "folder":
        pytest.skip("the original Fashion-MNIST is not in $SUREFOOT_DATA")
    return load("fashion-mnist").arrays


def test_halved_is_the_rounded_mean_of_blocks(packing):
    image = np.array([[0, 1, 255, 255], [0, 1, 255, 255]], np.uint8)
    assert packing.halved(image[None]).tolist() == [[[1, 255]]]  # 0.5 rounds up


def test_fashion_mini_is_the_original_at_half_the_resolution(packing, fashion):
    mini = load("fashion-mnist-mini").arrays
    for split in ("train", "test"):
        kept = np.isin(fashion[f"{split}_labels"], packing.CLASSES)
        np.testing.assert_array_equal(mini[f"{split}_labels"], fashion[f"{split}_labels"][kept])
        halved = packing.halved(fashion[f"{split}_images"][kept])
        np.testing.assert_array_equal(mini[f"{split}_images"], halved)


def test_packing_fashion_again_gives_the_same_data_and_bytes(packing, fashion, tmp_path):
    for name in ("first", "second"):
        packing.pack_fashion_class(tmp_path / name, fashion, 7)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    shipped = PACKAGED / "fashion-mnist-mini" / "7.npz"
    with np.load(tmp_path / "first") as made, np.load(shipped) as there:
        assert set(made) == set(there)
        assert all(np.array_equal(made[key], there[key]) for key in there)


def test_packing_adult_again_gives_the_same_data_and_bytes(packing, tmp_path):
    if where("adult").kind != "folder":
        pytest.skip("the original Adult is not in $SUREFOOT_DATA")
    for name in ("first", "second"):
        packing.pack_adult(tmp_path / name)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    shipped = pd.read_parquet(PACKAGED / "adult.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "first"), shipped)


def test_packing_adult_needs_the_original(packing, tmp_path, monkeypatch):
    monkeypatch.setenv("SUREFOOT_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="SUREFOOT_DATA: found no adult/"):
        packing.pack_adult(tmp_path / "adult.parquet")
