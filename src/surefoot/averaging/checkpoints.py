"""Checkpoints on disk: one safetensors file, or several with an index, and series of them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from surefoot.averaging.safetensors_stream import (
    MAX_HEADER,
    Entry,
    Header,
    json_object,
    opened,
    unreadable,
)
from surefoot.ground.errors import InputError

SUFFIX, INDEX_SUFFIX = ".safetensors", ".safetensors.index.json"
MODEL = "model.safetensors"
PICKLES = frozenset({".pt", ".pth", ".bin", ".ckpt", ".pkl"})
_SHARD = re.compile(r"-\d+-of-\d+\.safetensors$")
_NUMBER = re.compile(r"(\d+)")


class Place(NamedTuple):
    """Where a tensor lies."""

    path: Path
    entry: Entry


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A checkpoint, opened: every header read and checked, no tensor read.

    Attributes
    ----------
    path : Path
        What was opened.
    files : tuple of Header
        One, or the shards by name.
    tensors : dict of str to Place
        Every tensor and where it lies.
    index : Path, optional
        The file that lists the shards; none if there is a single file.
    index_metadata : dict
    """

    path: Path
    files: tuple[Header, ...]
    tensors: Mapping[str, Place]
    index: Path | None = None
    index_metadata: Mapping[str, Any] | None = None

    @classmethod
    def open(cls, path: str | Path) -> Checkpoint:
        """Open a ``.safetensors`` file, a ``.safetensors.index.json``, or a folder with one.

        Raises
        ------
        InputError
            If there is no checkpoint or more than one, if the index and the files it names do not
            agree, or if the weights are stored in a pickle.
        """
        path = Path(path)
        source = _within(path) if path.is_dir() else path
        if source.name.endswith(INDEX_SUFFIX):
            return cls._sharded(path, source)
        if source.suffix in PICKLES:
            raise pickled(source)
        if source.suffix != SUFFIX:
            raise InputError(str(path), source.suffix or "no suffix", f"{SUFFIX} or {INDEX_SUFFIX}")
        header = Header.read(source)
        return cls(path, (header,), {n: Place(source, e) for n, e in header.entries.items()})

    @classmethod
    def _sharded(cls, path: Path, index: Path) -> Checkpoint:
        shard_of, metadata = _read_index(index)
        names = sorted(set(shard_of.values()))
        missing = [name for name in names if not (index.parent / name).is_file()]
        if missing:
            found = f"{len(missing)} of {len(names)} shards missing: {_listed(missing)}"
            raise InputError(str(index), found, "every shard beside the index")
        files = tuple(Header.read(index.parent / name) for name in names)
        tensors: dict[str, Place] = {}
        for header in files:
            for name, entry in header.entries.items():
                if name in tensors:
                    found = f"{name!r} in {tensors[name].path.name} and {header.path.name}"
                    raise InputError(str(index), found, "each tensor in one shard")
                tensors[name] = Place(header.path, entry)
        stray = [n for n in tensors if n not in shard_of]
        lost = [n for n, f in shard_of.items() if n not in tensors or tensors[n].path.name != f]
        for names, where in ((lost, "not in the shard it names"), (stray, "in shards only")):
            if names:
                raise InputError(
                    str(index), f"tensors {where}: {_listed(names)}", "an index true to its shards"
                )
        return cls(path, files, tensors, index, metadata)

    @property
    def metadata(self) -> dict[str, str]:
        """The metadata of all files."""
        return {key: value for file in self.files for key, value in file.metadata.items()}

    @property
    def nbytes(self) -> int:
        """How many bytes its tensors take."""
        return sum(place.entry.nbytes for place in self.tensors.values())


def find_checkpoints(folder: str | Path) -> list[Path]:
    """Return the checkpoints in a folder, oldest first.

    They are the sub-folders that hold weights or, if there are none, the ``.safetensors`` files.
    Their names must be the same but for their numbers, which are compared as numbers:
    ``step_9`` comes before ``step_10``. Several numbers, as in ``epoch=3-step=500``, must grow
    together. A final export beside numbered sub-folders, as the Hugging Face Trainer leaves it, is
    not one of the series.

    Raises
    ------
    InputError
        If there is nothing to find or the order is not certain.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(str(folder), "no such folder", "a folder of checkpoints")
    files, indices, pickles = _weights(folder)
    children = sorted(child for child in folder.iterdir() if not child.name.startswith("."))
    folders = [child for child in children if child.is_dir() and any(_weights(child))]
    shards = [file for file in files if _SHARD.search(file.name)]
    if indices or shards or [file.name for file in files] == [MODEL]:
        if not folders:
            raise InputError(str(folder), "one checkpoint", "a folder that holds several")
        files = []
    if files and folders:
        found = f"files such as {files[0].name} and folders such as {folders[0].name}"
        raise InputError(str(folder), found, "one kind, or the checkpoints named one by one")
    if not files and not folders:
        if pickles:
            raise pickled(pickles[0])
        raise InputError(str(folder), "no checkpoints", f"{SUFFIX} files or folders with one")
    return _in_order(folder, folders or files)


def name_of(path: Path) -> str:
    """Return the last part of a path, also of ``.``; links are not followed."""
    return Path(os.path.abspath(path)).name


def pickled(path: Path) -> InputError:
    """Return the error for weights in a pickle."""
    how = "safetensors.torch.save_file(state_dict, 'model.safetensors')"
    return InputError(
        str(path),
        f"{path.suffix}, a pickle, which can run code and is never loaded",
        f"{SUFFIX}; where you trust the file, convert it with {how}",
    )


def _in_order(folder: Path, series: list[Path]) -> list[Path]:
    """Return paths by the numbers in their names; refuse where these leave a doubt."""
    way = "names that differ in a growing number, or the checkpoints named one by one in order"
    parts = {path: _NUMBER.split(path.name) for path in series}
    families = {tuple(p[::2]): path.name for path, p in parts.items()}
    if len(families) > 1:
        raise InputError(str(folder), _listed(families.values()), way)
    numbers = {path: tuple(map(int, p[1::2])) for path, p in parts.items()}
    ordered = sorted(series, key=numbers.__getitem__)
    for older, newer in pairwise(ordered):
        old, new = numbers[older], numbers[newer]
        if old == new or any(a > b for a, b in zip(old, new, strict=True)):
            raise InputError(str(folder), f"{older.name} and {newer.name}", way)
    return ordered


def _within(folder: Path) -> Path:
    """Return the one index or file in a folder that holds its weights."""
    files, indices, pickles = _weights(folder)
    found = [*indices, *(file for file in files if file.name == MODEL)] or files
    if len(found) > 1:
        listed = _listed(path.name for path in found)
        raise InputError(str(folder), listed, "one checkpoint; name the file or the index")
    if not found:
        if pickles:
            raise pickled(pickles[0])
        raise InputError(str(folder), "no weights", f"a folder with a {SUFFIX} file")
    return found[0]


def _weights(folder: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """Return the safetensors files of a folder, its indices and its pickles."""
    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    return (
        [path for path in files if path.suffix == SUFFIX],
        [path for path in files if path.name.endswith(INDEX_SUFFIX)],
        [path for path in files if path.suffix in PICKLES],
    )


def _read_index(path: Path) -> tuple[dict[str, str], dict[str, Any]]:
    """Return which shard holds each tensor, and the metadata."""
    try:
        with opened(path) as file:
            index = json_object(file.read(MAX_HEADER))
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        raise InputError(str(path), str(error), "an index in JSON") from error
    shards, metadata = index.get("weight_map"), index.get("metadata", {})
    if not isinstance(shards, dict) or not shards or not isinstance(metadata, dict):
        raise InputError(str(path), "no weight_map", "an index that maps tensors to shards")
    for name in shards.values():
        # A name alone: an index from elsewhere must not lead out of its folder.
        alone = isinstance(name, str) and name.endswith(SUFFIX) and not set(name) & set("/\\\0")
        if not alone:
            raise InputError(str(path), name, f"names of {SUFFIX} files beside the index")
    return shards, metadata


def _listed(names: Iterable[str], limit: int = 3) -> str:
    names = list(names)
    more = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {more} more" if more > 0 else "")
