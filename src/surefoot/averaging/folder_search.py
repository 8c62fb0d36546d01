"""Choose how many of the latest checkpoints to average, on validation data.

A run that has kept checkpoints need not know its horizon beforehand: each window costs one merge
and one evaluation. Windows are independent, so they are cells of work: run in parallel, kept in a
ledger, and not run again by the same command.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from surefoot.averaging.candidates import Candidates, merged_in
from surefoot.averaging.checkpoints import Checkpoint, find_checkpoints, name_of
from surefoot.averaging.chunked_mean import require_alike
from surefoot.averaging.evaluation import Evaluation
from surefoot.averaging.horizon import HorizonCurve, Rule, search_horizons
from surefoot.averaging.profiles import DECAYS
from surefoot.averaging.search_page import write_page
from surefoot.ground import work
from surefoot.ground.errors import InputError, UnmetError, one_of
from surefoot.ground.files import storage, write_json
from surefoot.ground.ledger import Ledger, Record
from surefoot.ground.numerals import number
from surefoot.ground.study import environment

PURPOSE = "averaging search"
_SCRATCH = ".candidates"


@dataclass(frozen=True)
class FolderSearch:
    """How good the average of the latest checkpoints is, and how many of them to average.

    Attributes
    ----------
    curve : HorizonCurve
        Counted in checkpoints; horizon 0 is the newest one as it is, a window of one.
    checkpoints : tuple of str
        Names, oldest first.
    folder, evaluate, profile : str
    higher_is_better : bool
    page : Path
    merged : Path or None
        The average over the chosen window.
    """

    curve: HorizonCurve
    checkpoints: tuple[str, ...]
    folder: str
    evaluate: str
    profile: str
    higher_is_better: bool
    page: Path
    merged: Path | None

    @property
    def window(self) -> int:
        """How many checkpoints to average; 1 is the newest as it is."""
        return max(1, self.curve.chosen)

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        return self.curve.sentence.replace(" steps", " checkpoints")

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row a window: its size, value and standard error."""
        curve = self.curve
        columns = zip(curve.horizons, curve.values, curve.standard_errors, strict=True)
        return [
            {"window": max(1, horizon), "value": value, "standard_error": error}
            for horizon, value, error in columns
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return everything in JSON's own types."""
        curve = self.curve
        return {
            "folder": self.folder,
            "checkpoints": list(self.checkpoints),
            "evaluate": self.evaluate,
            "profile": self.profile,
            "higher_is_better": self.higher_is_better,
            "curve": self.rows,
            "best": max(1, curve.best),
            "chosen": self.window,
            "rule": curve.rule,
            "difference": None if curve.difference is None else asdict(curve.difference),
            "sentence": self.sentence,
            "merged": None if self.merged is None else str(self.merged),
            "page": str(self.page),
        }

    def __str__(self) -> str:
        lines = [f"{'window':>9}  {'value':>12}  standard error of the difference to the best"]
        for row in self.rows:
            mark = "→" if row["window"] == self.window else " "
            value, error = number(row["value"], 4), number(row["standard_error"], 4)
            lines.append(f"{mark} {row['window']:>7,}  {value:>12}  {error}")
        return "\n".join([*lines, self.sentence])


def search_folder(
    folder: str | Path,
    evaluate: str,
    *,
    out: str | Path,
    profile: str = "uniform",
    per_octave: int = 2,
    refine: bool = True,
    rule: Rule = "one-se",
    higher_is_better: bool = False,
    executor: str = "local",
    keep: bool = True,
    command: str | None = None,
    progress: bool = True,
) -> FolderSearch:
    """Average the latest 1, 2, 3, 4, 6, … checkpoints of a folder, evaluate each and choose.

    The same call made again evaluates only what is missing: a candidate is known by the names,
    sizes and times of its checkpoints, the profile, and the evaluation with its source file.

    Parameters
    ----------
    folder : path
        Two or more checkpoints of one run, see `find_checkpoints`.
    evaluate : str
        ``"package.module:function"``, called with the `Path` of merged weights; or a command with
        ``{path}`` in it. It gives a number or, better, a loss for every example. See
        `Evaluation.of`. It runs on one thread, and may run in several processes at a time.
    out : path
        Folder for ``search.json``, ``index.html``, ``chosen.safetensors`` (a folder ``chosen`` if
        checkpoints are sharded) and the ledger. One search at a time may use it. A merged
        candidate is there while it is evaluated.
    profile : {"uniform", "cosine", "one-minus-sqrt"}
        How the checkpoints inside a window are weighed, see `profile_weights`.
    per_octave, refine, rule, higher_is_better
        See `search_horizons`.
    executor : str
        See `surefoot.ground.executors.open_executor`.
    keep : bool
        Whether to write the average over the chosen window.
    command : str, optional
        What to type to run the same again; shown on the page and after an interruption.
    progress : bool

    Raises
    ------
    InputError
        If the checkpoints are not two or more that can be averaged, the evaluation is not there,
        or `out` is in use, belongs to other work or lies inside `folder`.
    UnmetError
        If the evaluation of a candidate fails. What had finished is kept.
    StorageError
        If `out` can't be written.
    """
    folder, out = Path(folder), Path(out)
    evaluation = Evaluation.of(evaluate)
    one_of("profile", profile, DECAYS)
    checkpoints = [Checkpoint.open(path) for path in find_checkpoints(folder)]
    if len(checkpoints) < 2:
        raise InputError(str(folder), "a single checkpoint", "two or more, to choose from")
    require_alike(checkpoints)
    if out.resolve().is_relative_to(folder.resolve()):
        raise InputError("out", f"{out}, inside the folder of checkpoints", "a folder outside it")
    # What a search without refinement asks for is the grid.
    grid = search_horizons(
        float, len(checkpoints), per_octave=per_octave, refine=False, rule=rule
    ).horizons

    with _sole_user(out) as scratch, Ledger(out / "ledger.sqlite", purpose=PURPOSE) as ledger:
        candidates = Candidates(checkpoints, profile, evaluation, scratch)
        losses = _Losses(candidates, ledger, executor, command, progress)
        losses.run(sorted({max(1, horizon) for horizon in grid}))
        curve = search_horizons(
            losses,
            len(checkpoints),
            per_octave=per_octave,
            refine=refine,
            rule=rule,
            higher_is_better=higher_is_better,
        )
        found = FolderSearch(
            curve=_newest_once(curve),
            checkpoints=tuple(name_of(checkpoint.path) for checkpoint in checkpoints),
            folder=str(folder),
            evaluate=evaluate,
            profile=profile,
            higher_is_better=higher_is_better,
            page=out / "index.html",
            merged=_keep(candidates, max(1, curve.chosen), out) if keep else None,
        )
        made = {"command": command, "environment": environment()}
        write_json(out / "search.json", found.to_dict() | made)
        write_page(found, command)
    return found


@dataclass
class _Losses:
    """What the evaluation gives for each window; run where the ledger does not know it."""

    candidates: Candidates
    ledger: Ledger
    executor: str
    command: str | None
    progress: bool
    known: dict[int, NDArray] = field(default_factory=dict)

    def run(self, windows: Sequence[int]) -> None:
        """Evaluate windows side by side."""
        records = work.run(
            [self.candidates.cell(window) for window in windows],
            self.ledger,
            executor=self.executor,
            resume_command=self.command,
            progress=self.progress,
        )
        _require_success(records)
        for window, record in zip(windows, records, strict=True):
            self.known[window] = self.ledger.arrays(record)["losses"]

    def __call__(self, horizon: int) -> NDArray:
        """Return the losses at a horizon; 0 is a window of one, too."""
        window = max(1, horizon)
        if window not in self.known:
            self.run([window])
        return self.known[window]


def _require_success(records: Sequence[Record]) -> None:
    failed = [record for record in records if record.status != "ok"]
    if failed:
        reason = " ".join(str(failed[0].reason).removeprefix("UnmetError: ").split())
        more = f" ({len(failed)} of {len(records)} candidates failed)" if len(records) > 1 else ""
        msg = f"{failed[0].name}: {reason}{more}"
        raise UnmetError(msg)


def _newest_once(curve: HorizonCurve) -> HorizonCurve:
    """Drop horizon 1: a window of one is the newest checkpoint as it is, horizon 0."""
    kept = [i for i, horizon in enumerate(curve.horizons) if horizon != 1]
    return replace(
        curve,
        horizons=tuple(curve.horizons[i] for i in kept),
        values=tuple(curve.values[i] for i in kept),
        standard_errors=tuple(curve.standard_errors[i] for i in kept),
    )


def _keep(candidates: Candidates, window: int, out: Path) -> Path:
    """Write the average over `window` checkpoints to its place in `out`, in one step."""
    paths = candidates.paths(window)
    with merged_in(candidates.scratch, paths, candidates.profile) as path:
        target = out / f"chosen{path.suffix}"
        if target.is_dir():  # a folder can't be replaced by another
            shutil.rmtree(target)
        path.replace(target)
    return target


@contextmanager
def _sole_user(out: Path) -> Iterator[Path]:
    """Hold `out` for this process alone; yield a scratch folder that is empty and then gone.

    The lock ends with the process, so what a killed one left behind is cleared by the next.
    """
    if out.exists() and not out.is_dir():
        raise InputError("out", f"{out}, a file", "a folder")
    with storage(out):
        out.mkdir(parents=True, exist_ok=True)
        handle = os.open(out, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            where = f"{out}, which another search is using"
            raise InputError("out", where, "a folder of its own for each search") from error
        scratch = out.resolve() / _SCRATCH
        with storage(scratch):
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir()
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    finally:
        os.close(handle)
