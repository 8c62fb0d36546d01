"""Candidates of a search over checkpoints: windows of the latest, each a cell of work."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surefoot.averaging.checkpoints import SUFFIX, Checkpoint, name_of
from surefoot.averaging.evaluation import Evaluation
from surefoot.averaging.merge import merge_checkpoints
from surefoot.ground.files import storage
from surefoot.ground.work import Cell, Output

_VERSION = 1


@dataclass(frozen=True)
class Candidates:
    """The windows of a series of checkpoints.

    Attributes
    ----------
    checkpoints : sequence of Checkpoint
        Oldest first.
    profile : str
    evaluation : Evaluation
    scratch : Path
        Where averages are while they are evaluated; an absolute path that every worker sees.
    """

    checkpoints: Sequence[Checkpoint]
    profile: str
    evaluation: Evaluation
    scratch: Path

    def cell(self, window: int) -> Cell:
        """Return the work on the latest `window` checkpoints."""
        params: Mapping[str, Any] = {
            "checkpoints": self.paths(window),
            "profile": self.profile,
            "evaluate": self.evaluation.text,
            "workdir": self.evaluation.folder,
            "source": self.evaluation.source,
            "scratch": str(self.scratch),
        }
        return Cell(
            f"window of {window}, {self.profile}",
            f"{__name__}:evaluate_window",
            params,
            version=_VERSION,
            data=fingerprint(self.checkpoints[-window:]),
        )

    def paths(self, window: int) -> list[str]:
        """Return where the latest `window` checkpoints lie."""
        return [os.path.abspath(checkpoint.path) for checkpoint in self.checkpoints[-window:]]


def fingerprint(checkpoints: Sequence[Checkpoint]) -> str:
    """Return the SHA-256 of names, sizes and times: contents would take as long as averaging."""
    facts = []
    for checkpoint in checkpoints:
        files = [file.path for file in checkpoint.files]
        for path in [*files, checkpoint.index] if checkpoint.index else files:
            about = path.stat()
            facts.append([name_of(checkpoint.path), path.name, about.st_size, about.st_mtime_ns])
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def evaluate_window(
    *,
    seed: int,
    checkpoints: Sequence[str],
    profile: str,
    evaluate: str,
    workdir: str,
    source: str,
    scratch: str,
) -> Output:
    """Merge checkpoints, evaluate the average, and delete it; called by workers."""
    with merged_in(Path(scratch), checkpoints, profile) as path:
        losses = Evaluation(evaluate, workdir, source)(path)
    return Output({"mean": losses.mean(), "examples": losses.size}, {"losses": losses})


@contextmanager
def merged_in(scratch: Path, checkpoints: Sequence[str], profile: str) -> Iterator[Path]:
    """Yield the average of checkpoints, in a folder below `scratch` that is gone afterwards."""
    newest = Checkpoint.open(checkpoints[-1])
    # A single folder would stand for all checkpoints in it.
    sources = checkpoints if len(checkpoints) > 1 else [newest.index or newest.files[0].path]
    with storage(scratch):
        folder = tempfile.TemporaryDirectory(dir=scratch)
    with folder as place:
        path = Path(place) / ("model" if newest.index else f"model{SUFFIX}")
        merge_checkpoints(sources, path, profile=profile)
        yield path
