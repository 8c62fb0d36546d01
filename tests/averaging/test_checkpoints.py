from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.averaging.checkpoint_files import save, save_sharded, state, write_index

from surefoot.averaging.checkpoints import (
    INDEX_SUFFIX,
    Checkpoint,
    _in_order,
    find_checkpoints,
    name_of,
)
from surefoot.ground.errors import InputError

TINY = {"w": torch.zeros(1)}


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_a_file(tmp_path: Path) -> None:
    path = save(tmp_path / "step_1.safetensors", state(1), format="pt")
    checkpoint = Checkpoint.open(str(path))
    assert checkpoint.index is None
    assert checkpoint.tensors.keys() == state(1).keys()
    place = checkpoint.tensors["embed.weight"]
    assert (place.path, place.entry.dtype, place.entry.shape) == (path, "F32", (7, 5))
    assert checkpoint.metadata == {"format": "pt"}
    assert checkpoint.nbytes == sum(t.nbytes for t in state(1).values())


def test_a_folder_with_a_model(tmp_path: Path) -> None:
    save(tmp_path / "checkpoint-5" / "model.safetensors", TINY)
    save(tmp_path / "checkpoint-5" / "consolidated.safetensors", state(0))
    (tmp_path / "checkpoint-5" / "optimizer.pt").write_bytes(b"a pickle beside it")
    checkpoint = Checkpoint.open(tmp_path / "checkpoint-5")
    assert checkpoint.tensors["w"].path == tmp_path / "checkpoint-5" / "model.safetensors"


def test_a_folder_with_one_file_of_another_name(tmp_path: Path) -> None:
    save(tmp_path / "a" / "adapter_model.safetensors", TINY)
    assert list(Checkpoint.open(tmp_path / "a").tensors) == ["w"]


@pytest.mark.parametrize("by_index", [False, True])
def test_shards(by_index: bool, tmp_path: Path) -> None:
    folder = save_sharded(tmp_path / "ckpt", state(1), shards=3, origin="x")
    save(folder / "consolidated.safetensors", TINY)  # not named by the index
    index = folder / f"model{INDEX_SUFFIX}"
    checkpoint = Checkpoint.open(index if by_index else folder)
    assert checkpoint.index == index
    assert checkpoint.tensors.keys() == state(1).keys()
    assert {p.path.name for p in checkpoint.tensors.values()} == {
        f"model-0000{i}-of-00003.safetensors" for i in (1, 2, 3)
    }
    assert checkpoint.metadata == {"format": "pt", "origin": "x"}
    assert checkpoint.index_metadata == {"total_size": checkpoint.nbytes}


def test_a_linked_shard_is_followed(tmp_path: Path) -> None:
    """The cache of the Hugging Face hub keeps links to files elsewhere."""
    save(tmp_path / "blobs" / "abc", TINY)
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "snapshot" / "m.safetensors").symlink_to(tmp_path / "blobs" / "abc")
    write_index(tmp_path / "snapshot", {"w": "m.safetensors"})
    place = Checkpoint.open(tmp_path / "snapshot").tensors["w"]
    assert place.path == tmp_path / "snapshot" / "m.safetensors"


def test_shards_that_do_not_fit_their_index(tmp_path: Path) -> None:
    folder = save_sharded(tmp_path / "ckpt", state(1))
    index = folder / f"model{INDEX_SUFFIX}"
    right = json.loads(index.read_text())["weight_map"]
    first, second = sorted(set(right.values()))

    def refused(weight_map: object, words: str) -> None:
        write_index(folder, weight_map)
        with pytest.raises(InputError, match=words) as caught:
            Checkpoint.open(folder)
        assert caught.value.where == str(index)

    refused(right | {"ghost": first}, "not in the shard it names: ghost")
    lost = next(name for name, file in right.items() if file == first)
    refused(right | {lost: second}, f"not in the shard it names: {lost}")
    refused({k: v for k, v in right.items() if k != lost}, f"in shards only: {lost}")
    refused(right | {"x": "model-00003-of-00003.safetensors"}, "1 of 3 shards missing: model-00003")
    save(folder / second, state(1))
    refused(right, "each tensor in one shard")


@pytest.mark.parametrize(
    "name",
    ["../x.safetensors", "/etc/x.safetensors", "a/x.safetensors", "a\\x.safetensors",
     "x\0.safetensors", "..", "model.bin", 3, None, ["x.safetensors"]],
    ids=repr,
)  # fmt: skip
def test_an_index_does_not_lead_out_of_its_folder(name: object, tmp_path: Path) -> None:
    save(tmp_path / "x.safetensors", TINY)
    (tmp_path / "ckpt").mkdir()
    write_index(tmp_path / "ckpt", {"w": name})
    with pytest.raises(InputError, match="files beside the index"):
        Checkpoint.open(tmp_path / "ckpt")


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "index in JSON"), ("[]", "not an object"), ("{}", "no weight_map"),
     ('{"weight_map": {}}', "no weight_map"), ('{"weight_map": ["a"]}', "no weight_map"),
     ('{"weight_map": {"a": "b.safetensors"}, "metadata": 1}', "no weight_map"),
     ('{"weight_map": {"a": "b.safetensors", "a": "c.safetensors"}}', "repeated names"),
     ("[" * 100_000, "recursion")],
    ids=lambda text: text[:40],
)  # fmt: skip
def test_an_index_that_is_none(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{INDEX_SUFFIX}"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        Checkpoint.open(path)


def test_a_missing_index(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        Checkpoint.open(tmp_path / f"model{INDEX_SUFFIX}")


@pytest.mark.parametrize("name", ["a.pt", "a.pth", "pytorch_model.bin", "a.ckpt"])
def test_pickles_are_never_loaded(name: str, tmp_path: Path) -> None:
    torch.save(TINY, tmp_path / name)
    for path in (tmp_path / name, tmp_path):
        with pytest.raises(InputError, match=r"never loaded.*safetensors\.torch\.save_file"):
            Checkpoint.open(path)
    with pytest.raises(InputError, match="never loaded"):
        find_checkpoints(tmp_path)


def test_what_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no weights"):
        Checkpoint.open(tmp_path)
    with pytest.raises(InputError, match="found '.txt'; allowed: .safetensors"):
        Checkpoint.open(tmp_path / "a.txt")
    with pytest.raises(InputError, match="found no suffix"):
        Checkpoint.open(tmp_path / "a")
    with pytest.raises(InputError, match="no such file"):
        Checkpoint.open(tmp_path / "a.safetensors")


def test_a_folder_with_several(tmp_path: Path) -> None:
    save(tmp_path / "a.safetensors", TINY)
    save(tmp_path / "b.safetensors", TINY)
    with pytest.raises(InputError, match="a.safetensors, b.safetensors; allowed: one"):
        Checkpoint.open(tmp_path)
    folder = save_sharded(tmp_path / "both", state(1))
    save(folder / "model.safetensors", TINY)
    with pytest.raises(InputError, match="model.safetensors; allowed: one checkpoint; name"):
        Checkpoint.open(folder)


def test_files_come_in_the_order_of_their_steps(tmp_path: Path) -> None:
    for step in (10, 9, 100, 11):
        save(tmp_path / f"step_{step}.safetensors", TINY)
    save(tmp_path / ".step_5.safetensors", TINY)
    (tmp_path / "training_args.bin").write_bytes(b"x")
    (tmp_path / "logs").mkdir()
    assert names(find_checkpoints(tmp_path)) == [
        f"step_{step}.safetensors" for step in (9, 10, 11, 100)
    ]


def test_folders_come_in_the_order_of_their_steps(tmp_path: Path) -> None:
    """As the Hugging Face Trainer leaves them, the final export beside them."""
    for step in (1000, 500):
        save(tmp_path / f"checkpoint-{step}" / "model.safetensors", TINY)
    save_sharded(tmp_path / "checkpoint-1500", state(0))
    (tmp_path / "runs-2024").mkdir()
    expected = ["checkpoint-500", "checkpoint-1000", "checkpoint-1500"]
    assert names(find_checkpoints(tmp_path)) == expected
    save(tmp_path / "model.safetensors", TINY)
    assert names(find_checkpoints(str(tmp_path))) == expected
    (tmp_path / "model.safetensors").unlink()
    save_sharded(tmp_path, state(0))
    assert names(find_checkpoints(tmp_path)) == expected


def test_a_step_without_safetensors_is_not_passed_over(tmp_path: Path) -> None:
    save(tmp_path / "checkpoint-1" / "model.safetensors", TINY)
    (tmp_path / "checkpoint-2").mkdir()
    (tmp_path / "checkpoint-2" / "pytorch_model.bin").write_bytes(b"x")
    found = find_checkpoints(tmp_path)
    assert names(found) == ["checkpoint-1", "checkpoint-2"]
    with pytest.raises(InputError, match="never loaded"):
        Checkpoint.open(found[1])


def test_one_checkpoint_is_a_series(tmp_path: Path) -> None:
    save(tmp_path / "last.safetensors", TINY)
    assert names(find_checkpoints(tmp_path)) == ["last.safetensors"]


@pytest.mark.parametrize("sharded", [True, False])
def test_a_checkpoint_itself_is_no_series(sharded: bool, tmp_path: Path) -> None:
    if sharded:
        save_sharded(tmp_path, state(0))
    else:
        save(tmp_path / "model.safetensors", TINY)
    with pytest.raises(InputError, match="one checkpoint; allowed: a folder that holds several"):
        find_checkpoints(tmp_path)


def test_shards_without_an_index_are_no_series(tmp_path: Path) -> None:
    for i in (1, 2):
        save(tmp_path / f"model-0000{i}-of-00002.safetensors", TINY)
    with pytest.raises(InputError, match="one checkpoint; allowed: a folder that holds several"):
        find_checkpoints(tmp_path)


AMBIGUOUS = {
    "two families": ["ema_1", "raw_2"],
    "one without a number": ["step_1", "best"],
    "the same step twice": ["step_10", "step_010"],
    "numbers that disagree": ["loss0.53_step_1", "loss0.50_step_2"],
    "a step that starts again": ["epoch0_step9", "epoch1_step3"],
}


@pytest.mark.parametrize("stems", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_a_doubtful_order_is_refused(stems: list[str], tmp_path: Path) -> None:
    for stem in stems:
        save(tmp_path / f"{stem}.safetensors", TINY)
    with pytest.raises(InputError, match="named one by one in order") as caught:
        find_checkpoints(tmp_path)
    for stem in stems:
        assert f"{stem}.safetensors" in str(caught.value)


def test_files_and_folders_together_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "step_1.safetensors", TINY)
    save(tmp_path / "checkpoint-2" / "model.safetensors", TINY)
    with pytest.raises(InputError, match="files such as step_1.safetensors and folders such as"):
        find_checkpoints(tmp_path)


def test_nothing_to_find(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no checkpoints"):
        find_checkpoints(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        find_checkpoints(tmp_path / "absent")


@given(st.sets(st.integers(0, 10**12), min_size=1), st.randoms())
def test_any_steps_are_put_in_order(steps: set[int], random: object) -> None:
    shuffled = sorted(steps)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    found = _in_order(Path("run"), [Path(f"epoch={s // 7}-step={s}.safetensors") for s in shuffled])
    assert [path.name for path in found] == [
        f"epoch={s // 7}-step={s}.safetensors" for s in sorted(steps)
    ]


def test_a_name_is_that_of_the_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "blob").mkdir()
    (tmp_path / "step_1").symlink_to(tmp_path / "blob")
    assert name_of(tmp_path / "step_1") == "step_1"
    monkeypatch.chdir(tmp_path / "blob")
    assert name_of(Path()) == "blob"
