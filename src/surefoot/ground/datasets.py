"""Named data: from the user's data folder, from the package, or from a verified download.

::

    adult = load("adult")  # a Table
    adult.frame, adult.target, adult.source, adult.fingerprint

The data folder is ``$SUREFOOT_DATA``, or else the user's cache. Nothing is downloaded unless asked
for, and no file is used before its checksum is verified.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, overload

from surefoot.ground import catalogue, checksums
from surefoot.ground.catalogue import ArraysName, TableName
from surefoot.ground.content import Arrays, Table
from surefoot.ground.download import DownloadError, download
from surefoot.ground.entry import File, Form
from surefoot.ground.errors import DataUnavailableError, InputError
from surefoot.ground.files import replacing, storage

PACKAGED = Path(__file__).parents[1] / "packaged"


@dataclass(frozen=True)
class Place:
    """Where a dataset is found, before anything is read.

    Parameters
    ----------
    kind : {"folder", "packaged", "fetchable", "unavailable"}
        In the data folder, shipped with Surefoot, to be downloaded first, or to be had by hand.
    paths : tuple of Path
        Its files; for the last two kinds, where they would be.
    """

    kind: Literal["folder", "packaged", "fetchable", "unavailable"]
    paths: tuple[Path, ...]


def data_folder() -> Path:
    """Return the folder that holds the user's data: ``$SUREFOOT_DATA`` or the user's cache."""
    if chosen := os.environ.get("SUREFOOT_DATA"):
        folder = Path(chosen).expanduser().absolute()
        if folder.exists() and not folder.is_dir():
            raise InputError("SUREFOOT_DATA", chosen, "a folder")
        return folder
    import platformdirs

    return Path(platformdirs.user_cache_dir("surefoot")) / "data"


def where(name: str) -> Place:
    """Return the place from which `load` would take dataset `name`."""
    entry = catalogue.find(name)
    wanted = _paths(data_folder(), entry.original)
    if wanted and all(path.is_file() for path in wanted):
        return Place("folder", wanted)
    if entry.packaged:
        return Place("packaged", _paths(PACKAGED, entry.packaged))
    fetchable = entry.original and all(file.url for file in entry.original.files)
    return Place("fetchable" if fetchable else "unavailable", wanted)


@overload
def load(name: TableName, *, download: bool = ...) -> Table: ...
@overload
def load(name: ArraysName, *, download: bool = ...) -> Arrays: ...
@overload
def load(name: str, *, download: bool = ...) -> Table | Arrays: ...
def load(name: str, *, download: bool = False) -> Table | Arrays:
    """Return dataset `name` from the data folder, else from the package.

    Parameters
    ----------
    name : str
        One of those that ``surefoot data list`` shows.
    download : bool
        Whether to fetch it first if it is in neither place.

    Returns
    -------
    Table or Arrays
        Freshly read: changing it changes no one else's copy.

    Raises
    ------
    InputError
        If the name is unknown, or a file is not what its checksum says.
    DataUnavailableError
        If the data is not on this machine; the message says how to get it.
    """
    entry, place = catalogue.find(name), where(name)
    if place.kind == "fetchable" and download:
        place = Place("folder", fetch(name))
    form = {"folder": entry.original, "packaged": entry.packaged}.get(place.kind)
    if form is None:
        raise unavailable(name)
    source = "packaged" if place.kind == "packaged" else str(data_folder())
    files = zip(place.paths, form.files, strict=True)
    value = form.read(*(checksums.content(path, file) for path, file in files))
    if entry.target is None:
        return Arrays(name, value, source)
    return Table(name, value, entry.target, source)


def files_of(name: str) -> str:
    """Return what identifies the files of a dataset, without reading them: their checksums.

    Raises
    ------
    DataUnavailableError
        If the data is not on this machine.
    """
    entry, place = catalogue.find(name), where(name)
    form = {"folder": entry.original, "packaged": entry.packaged}.get(place.kind)
    if form is None:
        raise unavailable(name)
    return "+".join(file.sha256 for file in form.files)


def fetch(name: str) -> tuple[Path, ...]:
    """Download the files of dataset `name` that the data folder lacks, and verify them.

    Each file appears in its place whole and verified, or not at all. A file that is there but is
    not what its checksum says is replaced.

    Returns
    -------
    tuple of Path
        The files of the dataset. For one that only comes with Surefoot these are the shipped ones.

    Raises
    ------
    DataUnavailableError
        If there is nowhere to download it from, or the download fails.
    InputError
        If what was downloaded is not what its checksum says.
    StorageError
        If the data folder can't be written.
    """
    entry, folder = catalogue.find(name), data_folder()
    if entry.original is None:
        return where(name).paths
    missing: dict[str, list[File]] = {}
    for file in entry.original.files:
        if not _is_good(folder / file.path, file):
            if file.url is None:
                raise unavailable(name, f"no download of {file.path}")
            missing.setdefault(file.url, []).append(file)
    for url, files in missing.items():
        try:
            _fetch(url, files, folder)
        except DownloadError as error:
            raise unavailable(name, str(error)) from error
    return _paths(folder, entry.original)


def unavailable(name: str, found: str = "not on this machine") -> DataUnavailableError:
    """Return the error that says what to download, from where, and where to put it."""
    entry = catalogue.find(name)
    files = entry.original.files if entry.original else ()
    urls = dict.fromkeys(file.url for file in files if file.url)
    command = f"run 'surefoot data fetch {name}', or " if urls else ""
    by_hand = (
        f"download {', '.join(urls) or f'the files from {entry.home}'} and put "
        f"{', '.join(file.path for file in files)} into {data_folder()}"
    )
    return DataUnavailableError(f"dataset {name!r}", found, command + by_hand)


def _fetch(url: str, files: list[File], folder: Path) -> None:
    with storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch:
            fetched = Path(scratch) / "download"
            download(url, fetched)
            for file in files:
                raw = checksums.unpacked(fetched, file)
                checksums.verify(f"{url}: {file.path}", raw, file)
                with replacing(folder / file.path) as part:
                    part.write_bytes(raw)


def _is_good(path: Path, file: File) -> bool:
    try:
        checksums.content(path, file)
    except InputError:
        return False
    return True


def _paths(folder: Path, form: Form | None) -> tuple[Path, ...]:
    return tuple(folder / file.path for file in form.files) if form else ()
