from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from surefoot.data_commands import app
from surefoot.ground.catalogue import CATALOGUE
from surefoot.ground.datasets import PACKAGED
from surefoot.ground.errors import DataUnavailableError, InputError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SUREFOOT_DATA", str(tmp_path))
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_list_shows_every_dataset_its_licence_and_its_place(folder):
    (folder / "shakespeare").mkdir()
    (folder / "shakespeare" / "input.txt").touch()
    lines = {line.split()[0]: line for line in run("list").stdout.splitlines() if line.strip()}
    assert set(CATALOGUE) <= set(lines)
    assert lines["adult"].split() == ["adult", "48,842", "CC", "BY", "4.0", "packaged"]
    assert lines["shakespeare"].rstrip().endswith("data folder")
    assert lines["yacht"].rstrip().endswith("can be fetched")


def test_list_as_json_holds_the_whole_entry(folder):
    listed = {entry["name"]: entry for entry in json.loads(run("list", "--json").stdout)}
    assert list(listed) == list(CATALOGUE)
    adult = listed["adult"]
    assert adult["where"] == "packaged"
    assert adult["paths"] == [str(PACKAGED / "adult.parquet")]
    assert (adult["rows"], adult["licence"], adult["target"]) == (48_842, "CC BY 4.0", "income")
    assert adult["schema"] == CATALOGUE["adult"].schema
    assert listed["yacht"]["where"] == "fetchable"


def test_where_prints_the_folder_or_the_files_of_a_dataset(folder):
    assert run("where").stdout == f"{folder}\n"
    assert json.loads(run("where", "--json").stdout) == {"folder": str(folder)}
    assert run("where", "adult").stdout == f"{PACKAGED / 'adult.parquet'}\n"
    described = json.loads(run("where", "german-credit", "--json").stdout)
    assert described["where"] == "fetchable"
    assert described["paths"] == [str(folder / "german-credit" / "german.data")]


def test_where_of_absent_data_says_how_to_get_it():
    with pytest.raises(DataUnavailableError, match="run 'surefoot data fetch german-credit'"):
        run("where", "german-credit")


def test_fetch_prints_the_files(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "surefoot.ground.datasets.fetch", lambda name: asked.append(name) or (name,)
    )
    assert run("fetch", "yacht", "concrete").stdout == "yacht\nconcrete\n"
    assert asked == ["yacht", "concrete"]


def test_unknown_names_are_refused_before_anything_is_fetched(monkeypatch):
    asked = []
    monkeypatch.setattr("surefoot.ground.datasets._fetch", lambda *args: asked.append(args))
    with pytest.raises(InputError, match=r"dataset: found 'yatch'.*did you mean 'yacht'"):
        run("fetch", "concrete", "yatch")
    assert asked == []


def test_listing_loads_no_heavy_library():
    code = (
        "import sys; from surefoot.data_commands import app\n"
        "app(['list', '--json'], standalone_mode=False)\n"
        "heavy = {'numpy', 'pandas', 'pyarrow', 'scipy', 'pooch', 'requests', 'sklearn', 'torch'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
