from __future__ import annotations

import errno
import json
import math
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file
from tests.averaging.checkpoint_files import (
    FLOATS,
    assert_same,
    mean,
    save,
    save_sharded,
    state,
    write_index,
)
from torch import Tensor

from surefoot.averaging import merge as merge_module
from surefoot.averaging.checkpoints import Checkpoint
from surefoot.averaging.chunked_mean import ChunkedMean
from surefoot.averaging.merge import merge_checkpoints
from surefoot.averaging.recursions import EMA, PowerEMA
from surefoot.averaging.safetensors_stream import Files, Spec
from surefoot.ground.errors import InputError, StorageError

INF = math.inf


def series(
    folder: Path, n: int = 3, dtype: torch.dtype = torch.float32
) -> tuple[list[Path], list[dict[str, Tensor]]]:
    states = [state(seed, dtype) for seed in range(n)]
    paths = [save(folder / f"step_{j}.safetensors", s, format="pt") for j, s in enumerate(states)]
    return paths, states


def filled(folder: Path, *columns: Sequence[float], dtype: torch.dtype) -> list[Path]:
    return [
        save(folder / f"step_{j}.safetensors", {"w": torch.tensor(values).to(dtype)})
        for j, values in enumerate(columns)
    ]


def load_folder(folder: Path) -> dict[str, Tensor]:
    shards = sorted(folder.glob("*.safetensors"))
    return {name: values for shard in shards for name, values in load_file(shard).items()}


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_the_mean_is_that_of_float64(dtype: torch.dtype, tmp_path: Path) -> None:
    paths, states = series(tmp_path, 3, dtype)
    merged = merge_checkpoints(paths, tmp_path / "out.safetensors")
    assert_same(load_file(merged.out), mean(states, merged.weights))
    assert merged.checkpoints == ("step_0.safetensors", "step_1.safetensors", "step_2.safetensors")
    assert merged.weights == pytest.approx([1 / 3] * 3, rel=1e-12)
    assert merged.parameters == 7 * 5 + 3 * 5 + 1
    assert merged.copied == ("norm.num_batches_tracked", "mask")


_models = st.dictionaries(
    st.text(min_size=1, max_size=6).filter(lambda name: name != "__metadata__"),
    st.tuples(
        st.sampled_from([*FLOATS, torch.int64, torch.bool]), st.lists(st.integers(0, 5), max_size=3)
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(
    _models, st.lists(st.integers(-4, 9), min_size=1, max_size=4), st.integers(8, 100), st.data()
)
def test_any_model_and_any_weights(
    model: dict[str, Any], parts: list[int], chunk_bytes: int, data: st.DataObject
) -> None:
    model["always"] = (torch.float32, [2])
    if not sum(parts):
        parts[0] += 1
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 99)))
    states = [
        {
            name: torch.randn(shape, generator=generator).to(dtype)
            for name, (dtype, shape) in model.items()
        }
        for _ in parts
    ]
    total = math.fsum(part / sum(parts) for part in parts)
    weights = [part / sum(parts) / total for part in parts]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = [save(folder / f"{j}.safetensors", s) for j, s in enumerate(states)]
        out = folder / "out.safetensors"
        merge_checkpoints(paths, out, weights=weights, chunk_bytes=chunk_bytes)
        counted = [(s, w) for s, w in zip(states, weights, strict=True) if w]
        assert_same(load_file(out), mean([s for s, _ in counted], [w for _, w in counted]))


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(FLOATS), st.integers(1, 6), st.integers(0, 999))
def test_equal_checkpoints_average_to_themselves(dtype: torch.dtype, n: int, seed: int) -> None:
    if dtype == torch.float64:
        n = min(n, 2)  # sums of thirds are rounded
    values = state(seed, dtype)
    with tempfile.TemporaryDirectory() as name:
        paths = [save(Path(name) / f"{j}.safetensors", values) for j in range(n)]
        merged = merge_checkpoints(paths, Path(name) / "out.safetensors")
        assert_same(load_file(merged.out), values)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float8_e4m3fn], ids=str)
def test_the_size_of_chunks_does_not_matter(dtype: torch.dtype, tmp_path: Path) -> None:
    states = [
        {"w": torch.randn(1237, generator=torch.Generator().manual_seed(j)).to(dtype),
         "n": torch.arange(100 + j, 400 + j)}
        for j in range(4)
    ]  # fmt: skip
    paths = [save(tmp_path / f"{j}.safetensors", s) for j, s in enumerate(states)]
    written = set()
    for chunk_bytes in (8, 24, 1000, 4096, 4 << 20):
        out = tmp_path / "out.safetensors"
        merge_checkpoints(paths, out, weights=[0.1, 0.2, 0.3, 0.4], chunk_bytes=chunk_bytes)
        written.add(out.read_bytes())
    assert len(written) == 1
    assert_same(load_file(out), mean(states, [0.1, 0.2, 0.3, 0.4]))


@pytest.mark.parametrize("chunk_bytes", [0, 7, 4.0, True])
def test_a_chunk_holds_a_number(chunk_bytes: object, tmp_path: Path) -> None:
    paths, _ = series(tmp_path)
    with pytest.raises(InputError, match="chunk_bytes"):
        merge_checkpoints(paths, tmp_path / "o.safetensors", chunk_bytes=chunk_bytes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("profile", "weights"),
    [
        ("uniform", [0.25] * 4),
        (lambda x: (1 - x) ** 2, [7 / 16, 5 / 16, 3 / 16, 1 / 16]),
        (EMA(0.5, warmup=None), [0.125, 0.125, 0.25, 0.5]),
        (PowerEMA(gamma=0), [0.25] * 4),
    ],
    ids=["uniform", "curve", "ema", "power"],
)
def test_profiles(profile: Any, weights: list[float], tmp_path: Path) -> None:
    paths, states = series(tmp_path, 4)
    merged = merge_checkpoints(paths, tmp_path / "out.safetensors", profile=profile)
    np.testing.assert_allclose(merged.weights, weights, rtol=1e-12)
    assert_same(load_file(merged.out), mean(states, merged.weights))


def test_negative_weights_extrapolate(tmp_path: Path) -> None:
    paths, states = series(tmp_path, 2)
    merged = merge_checkpoints(paths, tmp_path / "out.safetensors", weights=[-0.5, 1.5])
    assert_same(load_file(merged.out), mean(states, [-0.5, 1.5]))


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([0.5, 0.5], "2 weights; allowed: 3"),
        ([], "0 weights; allowed: 3"),
        ([0.5, 0.25, 0.2], "finite numbers with sum 1"),
        ([0.25, 0.25, 0.500002], "finite numbers with sum 1"),
        ([math.nan, 0.5, 0.5], "finite numbers"),
        ([INF, -INF, 1.0], "finite numbers"),
    ],
)
def test_weights_that_are_none(weights: list[float], words: str, tmp_path: Path) -> None:
    paths, _ = series(tmp_path)
    with pytest.raises(InputError, match=words):
        merge_checkpoints(paths, tmp_path / "out.safetensors", weights=weights)


def test_weights_and_a_profile_exclude_each_other(tmp_path: Path) -> None:
    paths, _ = series(tmp_path, 2)
    with pytest.raises(InputError, match="both weights and a profile"):
        merge_checkpoints(paths, tmp_path / "o.safetensors", profile="cosine", weights=[0.5, 0.5])


def test_rounded_weights_are_made_to_sum_to_one(tmp_path: Path) -> None:
    paths, _ = series(tmp_path)
    merged = merge_checkpoints(
        paths, tmp_path / "out.safetensors", weights=[0.3333334, 0.3333334, 0.3333334]
    )
    assert math.fsum(merged.weights) == pytest.approx(1, abs=1e-15)


class _Negative:
    def weights(self, n: int) -> np.ndarray:
        return np.array([-1.0, *[2 / (n - 1)] * (n - 1)])


def test_a_profile_has_no_negative_weights(tmp_path: Path) -> None:
    paths, _ = series(tmp_path)
    with pytest.raises(InputError, match="no negative weights, unless given by `weights`"):
        merge_checkpoints(paths, tmp_path / "out.safetensors", profile=_Negative())


def test_what_weighs_nothing_is_not_read(tmp_path: Path) -> None:
    paths, states = series(tmp_path, 4)
    paths[0].write_bytes(b"rubbish")
    paths[3].unlink()
    merged = merge_checkpoints(paths, tmp_path / "out.safetensors", weights=[0, 0.25, 0.75, 0])
    # The integers are those of the newest that counts.
    assert_same(load_file(merged.out), mean(states[1:3], [0.25, 0.75]))
    assert merged.weights == (0, 0.25, 0.75, 0)


def test_a_folder_stands_for_its_checkpoints(tmp_path: Path) -> None:
    states = {step: state(step) for step in (8, 9, 10)}
    for step, values in states.items():
        save(tmp_path / "run" / f"step_{step}.safetensors", values)
    out = tmp_path / "out.safetensors"
    merge_checkpoints(tmp_path / "run", out, last=2)
    assert_same(load_file(out), mean([states[9], states[10]], [0.5, 0.5]))
    merge_checkpoints([tmp_path / "run"], out, weights=[0.5, 0.25, 0.25])
    assert_same(load_file(out), mean(list(states.values()), [0.5, 0.25, 0.25]))
    for last in (0, 4, True, 1.0):
        with pytest.raises(InputError, match="last: found .*; allowed: 1 … 3"):
            merge_checkpoints(tmp_path / "run", out, last=last)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="checkpoints: found 'none'"):
        merge_checkpoints([], out)


def test_differences_are_listed_in_one_error(tmp_path: Path) -> None:
    newest = state(1)
    other = {f"more.{i}": torch.zeros(1) for i in range(6)} | newest
    other["scale"] = newest["scale"].half()
    other["head.weight"] = torch.zeros(3, 6)
    del other["embed.weight"]
    paths = [save(tmp_path / "a.safetensors", other), save(tmp_path / "b.safetensors", newest)]
    with pytest.raises(InputError, match="9 differences") as caught:
        merge_checkpoints(paths, tmp_path / "out.safetensors")
    text = str(caught.value)
    assert "'embed.weight' is absent in a.safetensors, F32 [7, 5] in b.safetensors" in text
    assert "'head.weight' is F32 [3, 6] in a.safetensors, F32 [3, 5] in b.safetensors" in text
    assert "'scale' is F16 [] in a.safetensors, F32 [] in b.safetensors" in text
    assert "'more.1' is F32 [1] in a.safetensors, absent in b.safetensors" in text
    assert "'more.2'" not in text
    assert text.endswith("; and 4 more")


def test_what_has_no_average(tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"
    for dtype, name in ((torch.complex64, "C64"), (torch.float8_e8m0fnu, "F8_E8M0")):
        path = save(tmp_path / "a.safetensors", {"w": torch.ones(2).to(dtype)})
        with pytest.raises(
            InputError, match=f"'w' in .*a.safetensors: found '?{name}, which has no"
        ):
            merge_checkpoints([path, path], out)
    path = save(tmp_path / "a.safetensors", {"n": torch.arange(3)})
    with pytest.raises(InputError, match="nothing to average"):
        merge_checkpoints([path, path], out)
    header = b'{"w":{"dtype":"F4","shape":[4],"data_offsets":[0,2]}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"xx")
    with pytest.raises(InputError, match="F4, which has no average"):
        merge_checkpoints([path, path], out)


# Values that are not finite


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float8_e5m2], ids=str)
@pytest.mark.parametrize("weights", [None, [-1.0, 2.0]])
def test_infinities_that_all_share_are_kept(
    dtype: torch.dtype, weights: list[float] | None, tmp_path: Path
) -> None:
    paths = filled(tmp_path, [-INF, 1, INF, 4], [-INF, 2, INF, 4], dtype=dtype)
    merged = merge_checkpoints(paths, tmp_path / "out.safetensors", weights=weights)
    middle = 1.5 if weights is None else 3.0
    assert load_file(merged.out)["w"].double().tolist() == [-INF, middle, INF, 4]


@pytest.mark.parametrize(
    ("columns", "culprit"),
    [
        (([1, 1], [1, math.nan], [1, 1]), "step_1"),
        (([1, 1], [1, 1], [1, math.nan]), "step_2"),
        (([1, math.nan], [1, math.nan], [1, math.nan]), "step_0"),
        (([1, INF], [1, 1], [1, 1]), "step_0"),
        (([1, 1], [1, 1], [1, -INF]), "step_2"),
        (([1, INF], [1, -INF], [1, INF]), "step_1"),
    ],
)
def test_the_culprit_is_named(
    columns: tuple[list[float], ...], culprit: str, tmp_path: Path
) -> None:
    paths = filled(tmp_path, *columns, dtype=torch.float32)
    before = left(tmp_path)
    with pytest.raises(InputError, match=rf"'w' in .*{culprit}\.safetensors: found -?(nan|inf);"):
        merge_checkpoints(paths, tmp_path / "out.safetensors")
    assert left(tmp_path) == before


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_the_largest_number_is_in_range(dtype: torch.dtype, tmp_path: Path) -> None:
    largest = torch.finfo(dtype).max
    columns = [[largest, -largest]] * 3
    paths = [
        save(tmp_path / f"{j}.safetensors", {"w": torch.tensor(c, dtype=torch.float64).to(dtype)})
        for j, c in enumerate(columns)
    ]
    out = tmp_path / "out.safetensors"
    merge_checkpoints(paths, out, weights=[0.5, 0.25, 0.25])
    assert load_file(out)["w"].double().tolist() == columns[0]


def test_an_average_beyond_the_range_is_refused(tmp_path: Path) -> None:
    paths = filled(tmp_path, [-60000.0, -INF], [60000.0, -INF], dtype=torch.float16)
    with pytest.raises(InputError, match="'w'.*beyond the range of F16.*weights that keep"):
        merge_checkpoints(paths, tmp_path / "out.safetensors", weights=[-1, 2])


def test_the_range_ends_where_rounding_does(tmp_path: Path) -> None:
    # 65504 is the largest float16, 65472 the one before it; from 65520 on it rounds to infinity.
    paths = filled(tmp_path, [65472.0], [65504.0], dtype=torch.float16)
    out = tmp_path / "out.safetensors"
    merge_checkpoints(paths, out, weights=[-0.4375, 1.4375])
    assert load_file(out)["w"].tolist() == [65504.0]
    with pytest.raises(InputError, match="beyond the range of F16"):
        merge_checkpoints(paths, out, weights=[-0.5625, 1.5625])


# Where it is written


def test_metadata_say_where_it_comes_from(tmp_path: Path) -> None:
    """Names of shared tensors, which are metadata, stay."""
    paths = [
        save(tmp_path / f"{j}.safetensors", state(j), format="pt", lm_head=f"embed{j}")
        for j in range(2)
    ]
    out = tmp_path / "out.safetensors"
    merge_checkpoints(paths, out, profile="cosine")
    with safe_open(out, "pt") as file:
        metadata = file.metadata()
    origin = json.loads(metadata.pop("surefoot"))
    assert metadata == {"format": "pt", "lm_head": "embed1"}
    assert origin == {
        "profile": "cosine",
        "weights": [0.5, 0.5],
        "checkpoints": ["0.safetensors", "1.safetensors"],
    }
    merge_checkpoints(paths, out, profile=EMA(0.5))
    with safe_open(out, "pt") as file:
        assert "EMA(" in json.loads(file.metadata()["surefoot"])["profile"]
    merge_checkpoints(paths, out, weights=[0.5, 0.5])
    with safe_open(out, "pt") as file:
        assert json.loads(file.metadata()["surefoot"])["profile"] == "explicit"


def test_shards_in_shards_out(tmp_path: Path) -> None:
    states = [state(j) for j in range(3)]
    paths = [
        save_sharded(tmp_path / "run" / f"checkpoint-{j}", s, shards=j + 1)
        for j, s in enumerate(states)
    ]
    merged = merge_checkpoints(tmp_path / "run", tmp_path / "mean", profile="cosine")
    merge_checkpoints(paths, tmp_path / "one.safetensors", profile="cosine")
    assert_same(load_folder(merged.out), mean(states, merged.weights))
    assert_same(load_file(tmp_path / "one.safetensors"), mean(states, merged.weights))

    # The same files as the newest, and an index that says so.
    assert left(merged.out) == left(paths[2])
    assert left(tmp_path) == {"run", "mean", "one.safetensors"}
    indices = [json.loads((f / "model.safetensors.index.json").read_text())
               for f in (paths[2], merged.out)]  # fmt: skip
    assert indices[0]["weight_map"] == indices[1]["weight_map"]
    origin = json.loads(indices[1]["metadata"].pop("surefoot"))
    assert origin["checkpoints"] == ["checkpoint-0", "checkpoint-1", "checkpoint-2"]
    assert indices[0]["metadata"] == indices[1]["metadata"]
    assert Checkpoint.open(merged.out).metadata["format"] == "pt"
    # It is a checkpoint like any other, as readable as the user's other folders.
    merge_checkpoints([merged.out, paths[2]], tmp_path / "again")
    assert (merged.out.stat().st_mode & 0o777) == (paths[2].stat().st_mode & 0o777)


def test_one_file_in_needs_one_file_out(tmp_path: Path) -> None:
    paths, _ = series(tmp_path)
    with pytest.raises(InputError, match="a path that ends in .safetensors"):
        merge_checkpoints(paths, tmp_path / "out.bin")


def test_inputs_are_not_written_over(tmp_path: Path) -> None:
    paths, _ = series(tmp_path)
    (tmp_path / "hard.safetensors").hardlink_to(paths[0])
    (tmp_path / "soft.safetensors").symlink_to(paths[1])
    for out in (paths[2], tmp_path / "hard.safetensors", tmp_path / "soft.safetensors"):
        with pytest.raises(InputError, match="not one of the inputs"):
            merge_checkpoints(paths, out)
    with pytest.raises(InputError, match="not one of the inputs"):
        merge_checkpoints(paths, paths[0], weights=[0, 0.5, 0.5])
    folders = [save_sharded(tmp_path / f"c{j}", state(j)) for j in range(2)]
    for out in (folders[0], next(folders[1].glob("*.safetensors"))):
        with pytest.raises(InputError, match="not one of the inputs"):
            merge_checkpoints(folders, out)


def test_a_place_in_use_is_refused(tmp_path: Path) -> None:
    folders = [save_sharded(tmp_path / f"c{j}", state(j)) for j in range(2)]
    (tmp_path / "x.safetensors").mkdir()
    with pytest.raises(InputError, match="a path for a file"):
        merge_checkpoints(folders, tmp_path / "x.safetensors")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes").write_text("mine")
    for name in ("full", "full/notes"):
        with pytest.raises(InputError, match="a new or empty folder"):
            merge_checkpoints(folders, tmp_path / name)
    (tmp_path / "hollow").mkdir()
    merge_checkpoints(folders, tmp_path / "hollow")
    assert left(tmp_path / "hollow") == left(folders[1])


def test_an_older_result_is_replaced(tmp_path: Path) -> None:
    paths, states = series(tmp_path)
    out = tmp_path / "deep" / "out.safetensors"
    merge_checkpoints(paths, out, last=1)
    assert_same(load_file(out), states[2])
    merged = merge_checkpoints(paths, out)
    assert_same(load_file(out), mean(states, merged.weights))


@pytest.fixture(params=[False, True], ids=["file", "folder"])
def job(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[list[Path], Path]:
    if request.param:
        paths = [save_sharded(tmp_path / f"c{j}", state(j)) for j in range(2)]
        return paths, tmp_path / "out"
    return series(tmp_path)[0], tmp_path / "out.safetensors"


@pytest.mark.parametrize(
    ("fault", "raised", "words"),
    [
        (OSError(errno.ENOSPC, "technical"), StorageError, "disk is full"),
        (KeyboardInterrupt("stop"), KeyboardInterrupt, "stop"),
    ],
    ids=["disk full", "interrupted"],
)
def test_a_failure_half_way_leaves_nothing(
    fault: BaseException,
    raised: type[BaseException],
    words: str,
    job: tuple[list[Path], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paths, out = job
    before, pieces = left(out.parent), ChunkedMean.pieces

    def failing(self: ChunkedMean, spec: Spec) -> Iterator[memoryview]:
        if spec.name == "mask":  # it comes last
            raise fault
        return pieces(self, spec)

    monkeypatch.setattr(ChunkedMean, "pieces", failing)
    with pytest.raises(raised, match=words):
        merge_checkpoints(paths, out)
    assert left(out.parent) == before


def test_a_shard_lost_while_reading_leaves_nothing(
    job: tuple[list[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, out = job
    before, read_into = left(out.parent), Files.read_into
    reads = 0

    def failing(self: Files, view: memoryview, path: Path, offset: int) -> None:
        nonlocal reads
        reads += 1
        read_into(self, view, path if reads < 5 else path.with_name("gone"), offset)

    monkeypatch.setattr(Files, "read_into", failing)
    with pytest.raises(InputError, match="gone: found no such file"):
        merge_checkpoints(paths, out)
    assert left(out.parent) == before


KILLED = """
import os, signal, sys
from surefoot.averaging.merge import merge_checkpoints
from surefoot.averaging.safetensors_stream import Files
read_into, reads = Files.read_into, 0
def deadly(self, view, path, offset):
    global reads
    reads += 1
    if reads == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    read_into(self, view, path, offset)
Files.read_into = deadly
*paths, out = sys.argv[1:]
merge_checkpoints(paths, out)
"""


def test_kill_9_leaves_no_half_result(job: tuple[list[Path], Path]) -> None:
    paths, out = job
    before = left(out.parent)
    run = [sys.executable, "-c", KILLED, *map(str, paths), str(out)]
    assert subprocess.run(run, check=False, timeout=60).returncode == -signal.SIGKILL
    # Nobody can clear up after a kill -9; what it leaves is hidden and is no checkpoint.
    assert all(name.startswith(".out") for name in left(out.parent) - before)
    merge_checkpoints(paths, out)
    assert out.exists()


def test_progress_is_shown_when_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths, _ = series(tmp_path)
    merge_checkpoints(paths, tmp_path / "out.safetensors")
    assert capsys.readouterr().err == ""
    merge_checkpoints(paths, tmp_path / "out.safetensors", progress=True)
    assert "averaging tensors: 6/6" in capsys.readouterr().err


def test_the_result_tells_what_was_done(tmp_path: Path) -> None:
    paths, _ = series(tmp_path, 2)
    merged = merge_checkpoints(paths, tmp_path / "out.safetensors")
    assert str(merged).splitlines()[:2] == [
        "    0.5000  step_0.safetensors",
        "    0.5000  step_1.safetensors",
    ]
    assert "51 parameters averaged; 2 integer tensors copied" in str(merged)
    assert json.loads(json.dumps(merged.to_dict()))["out"] == str(merged.out)


PEAK = """
import sys, torch
from surefoot.averaging.merge import merge_checkpoints
def resident(field):  # ru_maxrss would include what the parent held when it forked
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return int(line.split()[1]) * 1024
torch.zeros(8).double().mul_(2)
base = resident("VmRSS")
merge_checkpoints(sys.argv[1:-1], sys.argv[-1])
print(resident("VmHWM") - base)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float8_e5m2], ids=str)
def test_memory_is_bounded(dtype: torch.dtype, tmp_path: Path) -> None:
    # One tensor, so that a tensor at a time would not pass.
    tensor = {"w": torch.ones(40_000_000 // dtype.itemsize, dtype=torch.float32).to(dtype)}
    paths = [save(tmp_path / f"{j}.safetensors", tensor) for j in range(4)]
    run = [sys.executable, "-c", PEAK, *map(str, paths), str(tmp_path / "out.safetensors")]
    done = subprocess.run(run, capture_output=True, text=True, check=True, timeout=120)
    assert int(done.stdout) < 24e6


def test_more_checkpoints_than_files_may_be_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, states = series(tmp_path, 9)
    monkeypatch.setattr(merge_module, "Files", lambda: Files(limit=2))
    merged = merge_checkpoints(paths, tmp_path / "out.safetensors")
    assert_same(load_file(merged.out), mean(states, merged.weights))


def test_older_and_newer_may_be_sharded_differently(tmp_path: Path) -> None:
    states = [state(j) for j in range(2)]
    old = save_sharded(tmp_path / "old", states[0])
    new = tmp_path / "new"
    file = save(new / "all.safetensors", states[1], format="pt").name
    write_index(new, dict.fromkeys(states[1], file))
    merged = merge_checkpoints([old, new], tmp_path / "out")
    assert left(merged.out) == {"all.safetensors", "model.safetensors.index.json"}
    assert_same(load_folder(merged.out), mean(states, [0.5, 0.5]))
