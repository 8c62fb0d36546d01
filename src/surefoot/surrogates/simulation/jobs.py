"""Runs for a batch system that can't call back: folders to submit, results to collect."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surefoot.ground.errors import InputError
from surefoot.ground.files import finite, write_json, write_text
from surefoot.ground.ledger import Ledger, Outcome
from surefoot.surrogates.simulation import outputs, runs, store
from surefoot.surrogates.simulation.calls import CommandCall, CommandError
from surefoot.surrogates.simulation.runs import Run

if TYPE_CHECKING:
    from surefoot.surrogates.simulation.study import Study

_INDEX = "index.json"
# The times of the two files tell how long the program took.
_SCRIPT = """#!/bin/sh
cd "$(dirname "$0")" || exit 1
: > began.txt
{command} > stdout.txt 2> stderr.txt
code=$?
echo $code > exit.part && mv exit.part exit.txt
exit $code
"""
_LEASE_S = 10.0


@dataclass(frozen=True)
class Collected:
    """What `collect` found.

    Attributes
    ----------
    recorded : mapping of status to int
        Runs that were new to the ledger.
    missing : tuple of str
        Folders without a result so far.
    """

    recorded: Mapping[str, int]
    missing: tuple[str, ...]


def emit(study: Study, folder: str | Path) -> list[str]:
    """Write a folder with ``params.json`` and ``run.sh`` for each missing run of a command.

    ``index.json`` lists them. Folders are numbered like the rows of the table of runs, so that an
    array job can find its own, and writing them again changes nothing.

    Returns
    -------
    list of str
        The folders that have no result yet.

    Raises
    ------
    InputError
        If the simulator is no command, or `folder` holds runs of another simulator or version.
    """
    call = study.simulator.call
    if not isinstance(call, CommandCall):
        raise InputError("simulator", study.simulator.id, "a command: others can't be submitted")
    folder = Path(folder)
    index = _index(study, folder) if (folder / _INDEX).exists() else {}
    emitted = set(index.values())
    with store.opened(study.folder, study.simulator) as ledger:
        for number, cell in enumerate(_cells(study, ledger)):
            name = f"run-{number:05d}"
            if name not in index and cell.key not in emitted and ledger.get(cell.key) is None:
                _write(folder / name, call, cell)
                index[name] = cell.key
        waiting = [name for name, key in index.items() if ledger.get(key) is None]
    write_json(folder / _INDEX, {**_owner(study), "runs": index})
    return waiting


def collect(study: Study, folder: str | Path) -> Collected:
    """Read what the runs in `folder` came to, and record it as if they had run here.

    A folder with ``exit.txt``, which ``run.sh`` writes last, has ended. So has one without where a
    readable ``out.json`` lies, as somebody may start the program in another way. Collecting again
    records only what is new.

    Raises
    ------
    InputError
        If `folder` was not emitted by this simulator in this version.
    """
    folder = Path(folder)
    index = _index(study, folder)
    recorded: Counter[str] = Counter()
    missing = []
    with store.opened(study.folder, study.simulator) as ledger:
        cells = {cell.key: cell for cell in _cells(study, ledger)}
        for name, key in sorted(index.items()):
            if key not in cells:
                raise InputError(f"{folder / _INDEX}, {name}", key, f"a run of {study.folder}")
            known, cell = ledger.get(key), cells[key]
            if known is not None and known.status == "ok":
                continue
            outcome = _outcome(study, folder / name)
            if outcome is None:
                if known is None:
                    missing.append(name)
            elif known is not None and (known.status, known.reason) == _brief(outcome):
                continue
            elif ledger.claim(cell.name, cell.identity, _LEASE_S):
                ledger.finish(cell.name, cell.identity, outcome)
                recorded[outcome.status] += 1
    return Collected(dict(recorded), tuple(missing))


def _cells(study: Study, ledger: Ledger) -> list[Run]:
    found: dict[str, Run] = {}
    for planned in store.planned(ledger):
        for cell in runs.cells(study.simulator, planned):
            found.setdefault(cell.key, cell)
    return list(found.values())


def _write(folder: Path, call: CommandCall, cell: Run) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    seed = cell.seed if cell.params["stochastic"] else None
    command = shlex.join(call.prepare(folder, cell.params["inputs"], seed))
    write_text(folder / "run.sh", _SCRIPT.format(command=command))
    (folder / "run.sh").chmod(0o755)


def _outcome(study: Study, folder: Path) -> Outcome | None:
    call: Any = study.simulator.call
    ended = (folder / "exit.txt").is_file()
    if not ended and not (folder / "out.json").is_file():
        return None
    seconds = _seconds(folder)
    try:
        code = _exit_code(folder / "exit.txt") if ended else 0
        values = outputs.read(call.result(folder, code), study.simulator.outputs)
    except CommandError as error:
        return Outcome("failed", reason=str(error), wall_s=seconds or 0.0)
    except InputError as error:
        # Without the exit code an unreadable file may be one that is still being written.
        return Outcome("invalid", reason=str(error), wall_s=seconds or 0.0) if ended else None
    output = runs.recorded(values, {"wall_s": seconds, "cpu_s": None})
    return Outcome("ok", finite(output.result), output.arrays, wall_s=seconds or 0.0)


def _exit_code(file: Path) -> int:
    text = file.read_text(encoding="utf-8", errors="replace").strip()
    try:
        return int(text)
    except ValueError as error:
        raise InputError(file.name, text, "the exit code, as run.sh writes it") from error


def _brief(outcome: Outcome) -> tuple[str, str | None]:
    return outcome.status, outcome.reason


def _seconds(folder: Path) -> float | None:
    try:
        began, ended = ((folder / name).stat().st_mtime for name in ("began.txt", "exit.txt"))
    except FileNotFoundError:
        return None
    return max(ended - began, 0.0)


def _owner(study: Study) -> dict[str, str]:
    its = study.simulator
    return {"simulator": its.id, "version": its.version, "source": its.fingerprint}


def _index(study: Study, folder: Path) -> dict[str, str]:
    try:
        index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
        listed = dict(index.pop("runs"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        found = f"no readable {_INDEX}"
        raise InputError(str(folder), found, "a folder that emit wrote") from error
    for what, mine in _owner(study).items():
        if index.get(what) != mine:
            raise InputError(f"{folder / _INDEX}, {what}", index.get(what), mine)
    return listed
