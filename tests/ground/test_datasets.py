from __future__ import annotations

import dataclasses
import functools
import gzip
import hashlib
import http.server
import os
import threading
import typing
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from surefoot.ground import checksums
from surefoot.ground.catalogue import CATALOGUE, ArraysName, TableName, find
from surefoot.ground.content import Table
from surefoot.ground.datasets import PACKAGED, data_folder, fetch, files_of, load, where
from surefoot.ground.entry import File, Form
from surefoot.ground.errors import DataUnavailableError, InputError

# The developers' copies of the originals; without them the tests that need them are skipped.
ORIGINALS = os.environ.get("SUREFOOT_DATA", "")
TEXT = b"To be, or not to be\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty data folder."""
    monkeypatch.setenv("SUREFOOT_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def originals(monkeypatch):
    monkeypatch.setenv("SUREFOOT_DATA", ORIGINALS)

    def need(*names):
        for name in names:
            if where(name).kind != "folder":
                pytest.skip(f"the original files of {name} are not in $SUREFOOT_DATA")

    return need


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A local web site: its folder, its address, and the paths that were asked for."""
    root = tmp_path / "site"
    root.mkdir()
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            asked.append(self.path)

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    handler = functools.partial(Handler, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield root, f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def file(path, content=TEXT, **known):
    return File(path, hashlib.sha256(content).hexdigest(), len(content), **known)


@pytest.fixture
def toy(monkeypatch):
    """Put a dataset of these files into the catalogue."""

    def enter(*files):
        def read(*contents):
            return {str(i): np.frombuffer(c, np.uint8) for i, c in enumerate(contents)}

        entry = dataclasses.replace(
            CATALOGUE["shakespeare"], name="toy", original=Form(files, read)
        )
        monkeypatch.setitem(CATALOGUE, "toy", entry)
        return entry

    return enter


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def left_behind(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# --- the catalogue ---------------------------------------------------------------------------


def test_every_name_is_declared_for_type_checkers():
    tables = {name for name, entry in CATALOGUE.items() if entry.target}
    assert tables == set(typing.get_args(TableName))
    assert CATALOGUE.keys() - tables == set(typing.get_args(ArraysName))


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_dataset_is_what_its_entry_says(name, originals):
    if CATALOGUE[name].original:
        originals(name)
    entry, data = CATALOGUE[name], load(name)
    if isinstance(data, Table):
        assert list(data.frame) == list(entry.schema)
        assert len(data.frame) == entry.rows
        assert data.target in data.frame
    else:
        assert list(data.arrays) == list(entry.schema)
        for name, values in data.arrays.items():
            assert f"uint8 {values.shape}" in entry.schema[name]
            values[:1] = 0  # not a view of anything shared


@pytest.mark.parametrize("name", [name for name, entry in CATALOGUE.items() if entry.packaged])
def test_packaged_files_are_listed_verified_and_small(name):
    for shipped in CATALOGUE[name].packaged.files:
        assert len(checksums.content(PACKAGED / shipped.path, shipped)) == shipped.size < 2 * 2**20
    assert load(name).source == "packaged"


def test_nothing_else_is_packaged():
    listed = {f.path for e in CATALOGUE.values() if e.packaged for f in e.packaged.files}
    assert set(left_behind(PACKAGED)) == listed | {"NOTICE.md"}


# --- what load gives -------------------------------------------------------------------------


def test_adult_is_clean():
    adult = load("adult")
    frame = adult.frame
    assert frame["split"].value_counts().to_dict() == {"train": 32_561, "test": 16_281}
    assert frame["income"].value_counts().to_dict() == {"<=50K": 37_155, ">50K": 11_687}
    missing = frame.isna().sum()
    assert missing[missing > 0].to_dict() == {
        "workclass": 2_799,
        "occupation": 2_809,
        "native-country": 857,
    }
    words = frame.select_dtypes(exclude="number")
    assert not any(word != word.strip() for column in words for word in frame[column].dropna())
    assert repr(adult).startswith("Table(name='adult', target='income', source='packaged', ")


def test_adult_is_the_same_from_folder_and_package(originals):
    packaged = CATALOGUE["adult"].packaged
    originals("adult")
    there = load("adult")
    assert there.source == ORIGINALS
    frame = packaged.read((PACKAGED / "adult.parquet").read_bytes())
    pd.testing.assert_frame_equal(there.frame, frame)
    assert there.fingerprint == Table("adult", frame, "income", "packaged").fingerprint


@pytest.mark.parametrize(
    ("name", "fingerprint"),
    [
        ("adult", "8fda9e24ef38812964a1fadd288e2f4e0acac6a6794d322ce75fdd1c635334ac"),
        ("fashion-mnist-mini", "fee81f6755087e9a725874dedbbe65324f09f04b81515284b04644a693e736b5"),
    ],
)
def test_fingerprints_stay_for_they_name_the_data_in_every_ledger(name, fingerprint):
    assert load(name).fingerprint == fingerprint


def test_fashion_mini_holds_six_whole_classes():
    mini = load("fashion-mnist-mini").arrays
    for split, each in (("train", 6_000), ("test", 1_000)):
        labels, counts = np.unique(mini[f"{split}_labels"], return_counts=True)
        assert labels.tolist() == [0, 2, 4, 5, 6, 7]
        assert (counts == each).all()


def test_masks_mark_ten_fixed_test_parts(originals):
    originals("yacht")
    frame = load("yacht").frame
    masks = frame.filter(like="test_")
    assert all(pd.api.types.is_bool_dtype(masks[mask]) for mask in masks)
    assert masks.sum().tolist() == [30, 31, 31, 31, 31, 31, 31, 31, 31, 30]
    assert frame["resistance"].mean() == pytest.approx(0, abs=1e-3)


# --- where it is found -----------------------------------------------------------------------


def test_the_folder_is_the_users_cache_unless_chosen(monkeypatch, tmp_path):
    assert data_folder() == tmp_path / "data"
    monkeypatch.setenv("SUREFOOT_DATA", "~/mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_folder() == tmp_path / "mine"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SUREFOOT_DATA")
    assert data_folder().parts[-2:] == ("surefoot", "data")
    assert data_folder().is_relative_to(tmp_path)


def test_a_file_is_no_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("SUREFOOT_DATA", str(put(tmp_path / "file", TEXT)))
    with pytest.raises(InputError, match=r"SUREFOOT_DATA: found .*allowed: a folder"):
        load("adult")


def test_unknown_names_get_the_nearest():
    with pytest.raises(InputError, match=r"dataset: found 'fashion-mnst'.*mean 'fashion-mnist'"):
        load("fashion-mnst")


def test_absent_data_says_what_from_where_and_into_which_folder(folder):
    with pytest.raises(DataUnavailableError) as caught:
        load("german-credit")
    for part in ("surefoot data fetch german-credit", "archive.ics.uci.edu", "german.data", folder):
        assert str(part) in str(caught.value)


def test_the_folder_comes_before_the_package_once_it_is_complete(folder):
    put(folder / "adult" / "adult.data", TEXT)
    assert where("adult").kind == "packaged"
    put(folder / "adult" / "adult.test", TEXT)
    assert where("adult").kind == "folder"
    # A wrong file is an error, not a reason to take another source in silence.
    with pytest.raises(InputError, match=r"adult.data: found 20 bytes with .*3974305 bytes"):
        load("adult")


# --- verification ----------------------------------------------------------------------------


def test_a_changed_file_is_noticed_even_after_it_was_verified(folder, toy):
    toy(file("toy/a.txt"))
    path = put(folder / "toy" / "a.txt", TEXT)
    load("toy")
    path.write_bytes(TEXT.swapcase())
    os.utime(path, ns=(1, 1))
    with pytest.raises(InputError, match="SHA-256"):
        load("toy")


def test_an_unchanged_file_is_hashed_once(folder, toy, monkeypatch):
    toy(file("toy/a.txt"))
    put(folder / "toy" / "a.txt", TEXT)
    hashed = []
    verify = checksums.verify
    monkeypatch.setattr(checksums, "verify", lambda *args: hashed.append(args) or verify(*args))
    assert load("toy").fingerprint == load("toy").fingerprint
    assert len(hashed) == 1


def test_a_mirrors_own_compression_is_accepted_and_damage_is_not(folder, toy):
    toy(file("toy/a.txt.gz"))
    path = folder / "toy" / "a.txt.gz"
    for level in (1, 9):
        put(path, gzip.compress(TEXT, level, mtime=level))
        assert load("toy").arrays["0"].tobytes() == TEXT
    for damaged in (TEXT, gzip.compress(TEXT)[:-9]):
        put(path, damaged)
        with pytest.raises(InputError, match="damaged gzip data"):
            load("toy")


def test_an_unreadable_file_is_named():
    with pytest.raises(InputError, match=r"a\.txt: found No such file or directory"):
        checksums.content(Path("a.txt"), file("a.txt"))


# --- fetching --------------------------------------------------------------------------------


def test_fetch_places_verified_files_and_asks_only_for_what_is_missing(site, folder, toy):
    root, url, asked = site
    put(root / "a.txt", TEXT)
    put(root / "b.gz", gzip.compress(TEXT))
    md5 = hashlib.md5((root / "b.gz").read_bytes(), usedforsecurity=False).hexdigest()
    toy(file("toy/a.txt", url=f"{url}/a.txt"), file("toy/b.gz", url=f"{url}/b.gz", md5=md5))
    assert where("toy").kind == "fetchable"
    with pytest.raises(DataUnavailableError, match="not on this machine"):
        load("toy")
    assert asked == []  # never in silence

    assert load("toy", download=True).source == str(folder)
    assert sorted(asked) == ["/a.txt", "/b.gz"]
    assert left_behind(folder) == ["toy/a.txt", "toy/b.gz"]

    put(folder / "toy" / "a.txt", b"spoilt")
    assert fetch("toy") == (folder / "toy" / "a.txt", folder / "toy" / "b.gz")
    assert sorted(asked) == ["/a.txt", "/a.txt", "/b.gz"]
    assert load("toy").arrays["0"].tobytes() == TEXT


def test_fetch_unpacks_an_archive_once(site, folder, toy):
    root, url, asked = site
    with zipfile.ZipFile(root / "all.zip", "w") as archive:
        archive.writestr("inner/a", TEXT)
        archive.writestr("inner/b", TEXT[::-1])
    toy(
        file("toy/a", url=f"{url}/all.zip", member="inner/a"),
        file("toy/b", TEXT[::-1], url=f"{url}/all.zip", member="inner/b"),
    )
    fetch("toy")
    assert asked == ["/all.zip"]
    assert (folder / "toy" / "b").read_bytes() == TEXT[::-1]


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({}, "20 bytes with SHA-256"),
        ({"md5": "0" * 32}, "MD5 .* as its publisher states"),
        ({"member": "a"}, "a zip archive that holds a"),
    ],
)
def test_a_download_that_is_not_what_it_should_be_leaves_nothing(site, folder, toy, known, message):
    root, url, _ = site
    put(root / "a.txt", TEXT)
    toy(file("toy/a.txt", b"other", url=f"{url}/a.txt", **known))
    with pytest.raises(InputError, match=message):
        fetch("toy")
    assert left_behind(folder) == []
    assert list(folder.iterdir()) == []


def test_an_archive_without_the_member_is_refused(site, toy):
    root, url, _ = site
    with zipfile.ZipFile(root / "all.zip", "w") as archive:
        archive.writestr("other", TEXT)
    toy(file("toy/a", url=f"{url}/all.zip", member="a"))
    with pytest.raises(InputError, match="a zip archive that holds a"):
        fetch("toy")


@pytest.mark.parametrize("reachable", [True, False])
def test_a_failed_download_says_how_to_do_it_by_hand(site, folder, toy, reachable):
    _, url, _ = site
    address = f"{url}/absent" if reachable else "http://127.0.0.1:9/absent"
    toy(file("toy/a", url=address))
    with pytest.raises(DataUnavailableError, match=f"{address} failed.*put toy/a into {folder}"):
        fetch("toy")
    assert list(folder.iterdir()) == []


def test_what_can_only_be_had_by_hand_says_so(toy):
    toy(file("toy/a"))
    assert where("toy").kind == "unavailable"
    with pytest.raises(DataUnavailableError, match=r"download the files from https://.* put toy/a"):
        load("toy", download=True)
    with pytest.raises(DataUnavailableError, match="no download of toy/a"):
        fetch("toy")
    with pytest.raises(DataUnavailableError, match="put toy/a"):
        files_of("toy")


def test_files_are_identified_by_their_checksums_unread(folder, toy):
    toy(file("toy/a"))
    (folder / "toy").mkdir(parents=True)
    (folder / "toy" / "a").write_bytes(b"not what it should be")
    assert files_of("toy") == find("toy").original.files[0].sha256


def test_what_only_ships_with_surefoot_needs_no_fetching():
    assert fetch("fashion-mnist-mini") == where("fashion-mnist-mini").paths


def test_a_large_download_moves_the_bar_to_its_end(site, toy, monkeypatch):
    from contextlib import contextmanager

    from surefoot.ground import download

    shown = []

    @contextmanager
    def progress(label, total):
        shown.append((label, total))
        yield shown.append

    monkeypatch.setattr(download, "progress", progress)
    root, url, _ = site
    content = bytes(300_500)
    put(root / "zeros", content)
    toy(file("toy/zeros", content, url=f"{url}/zeros"))
    fetch("toy")
    assert shown[0] == ("zeros, kB", 300)
    assert len(shown) > 3
    assert sum(shown[1:]) == 300
