import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, DistributedSampler, Subset, TensorDataset

from surefoot.ground.errors import InputError
from surefoot.groups import IndexedDataset, stable_id


class Records(Dataset):
    def __len__(self):
        return 10

    def __getitem__(self, index):
        return {"x": torch.full((2,), float(index)), "label": index % 2}


PAIRS = TensorDataset(torch.arange(10.0)[:, None], torch.arange(10) % 2)


@pytest.mark.parametrize("workers", [0, 2])
def test_ids_of_tuples_follow_their_rows(workers):
    loader = DataLoader(IndexedDataset(PAIRS), batch_size=4, shuffle=True, num_workers=workers)
    seen = []
    for ids, (x, y) in loader:
        assert ids.dtype == torch.int64
        assert torch.equal(x[:, 0], ids.float())
        assert torch.equal(y, ids % 2)
        seen += ids.tolist()
    assert sorted(seen) == list(range(10))


@pytest.mark.parametrize("workers", [0, 2])
def test_ids_of_dictionaries_follow_their_rows(workers):
    loader = DataLoader(IndexedDataset(Records()), batch_size=5, num_workers=workers)
    for batch in loader:
        assert list(batch) == ["x", "label", "example_id"]
        assert torch.equal(batch["x"][:, 0], batch["example_id"].float())


def test_ranks_of_a_distributed_sampler_share_out_the_ids():
    dataset, seen = IndexedDataset(PAIRS), []
    for rank in range(2):
        sampler = DistributedSampler(dataset, num_replicas=2, rank=rank, seed=3)
        for ids, (x, _) in DataLoader(dataset, batch_size=2, sampler=sampler):
            assert torch.equal(x[:, 0], ids.float())
            seen += ids.tolist()
    assert sorted(seen) == list(range(10))


def test_an_example_keeps_its_id_in_a_part_of_the_data():
    part = Subset(IndexedDataset(PAIRS), [7, 2])
    assert [part[0][0], part[1][0]] == [7, 2]


def test_negative_indices_count_from_the_end():
    # −1 itself would mean "no id"
    index, (x, _) = IndexedDataset(PAIRS)[-1]
    assert index == 9
    assert x.item() == 9.0


def test_another_key():
    item = IndexedDataset(Records(), key="row")[3]
    assert item["row"] == 3
    with pytest.raises(InputError, match="item 3: found its own 'label'; allowed: another key"):
        IndexedDataset(Records(), key="label")[3]


@pytest.mark.parametrize("stream", [iter([1, 2]), {1, 2}, 5])
def test_streams_are_refused(stream):
    with pytest.raises(InputError, match="for streams: stable_id"):
        IndexedDataset(stream)


def test_known_ids():
    """An id may never change: masks hang on it."""
    assert stable_id("shard-0004/000123.jpg") == 8387414273352326442
    assert stable_id("") == stable_id(b"") == 6510301506637419378
    assert stable_id("größe.png") == stable_id("größe.png".encode())


def test_ids_spread_over_63_bits():
    ids = np.array([stable_id(str(i)) for i in range(10_000)], dtype=np.uint64)
    assert len(set(ids.tolist())) == len(ids)
    assert ids.max() < 2**63
    assert np.mean(ids / 2**63) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("key", [3, None, 1.5, ["a"], bytearray(b"a")])
def test_keys_are_text_or_bytes(key):
    with pytest.raises(InputError, match="key: found .*; allowed: text or bytes"):
        stable_id(key)
