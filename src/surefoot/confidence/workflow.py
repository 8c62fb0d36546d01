"""The whole job on a user's table: fit, say how sure, write it down."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surefoot.confidence.fit_page import fit_page
from surefoot.confidence.health import ConfidenceWarning
from surefoot.confidence.losses import Huber, LogLoss, Quantile
from surefoot.confidence.procedures import estimator_for
from surefoot.confidence.streams.row_stream import RowStream
from surefoot.confidence.tables import loss_named
from surefoot.ground import page
from surefoot.ground.errors import StorageError
from surefoot.ground.files import file_fingerprint, replacing, write_json
from surefoot.ground.numerals import counted
from surefoot.ground.progress import say
from surefoot.ground.study import environment

if TYPE_CHECKING:
    import pandas as pd

    from surefoot.confidence.result import InferenceResult


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted table.

    Attributes
    ----------
    result : InferenceResult
    remarks : tuple of str
        What makes the confidence sets doubtful.
    folder, page : Path
    """

    result: InferenceResult
    remarks: tuple[str, ...]
    folder: Path
    page: Path

    def to_dict(self) -> dict[str, Any]:
        """Return coefficients, diagnostics and remarks in JSON's types."""
        return {
            "coefficients": coefficients(self.result).to_dict("index"),
            "n_seen": self.result.n_seen,
            "n_steps": self.result.n_steps,
            "n_chains": self.result.n_chains,
            "confidence_level": self.result.confidence_level,
            "diagnostics": dict(self.result.diagnostics),
            "remarks": list(self.remarks),
            "folder": str(self.folder),
            "page": str(self.page),
        }


def fit_table(
    table: str | Path,
    *,
    target: str,
    out: str | Path,
    loss: str = "squared",
    quantile: float | None = None,
    epsilon: float | None = None,
    features: Sequence[str] | None = None,
    drop: Sequence[str] = (),
    categorical: Sequence[str] = (),
    weight: str | None = None,
    shuffle: bool = True,
    params: Mapping[str, Any] | None = None,
    command: str | None = None,
    progress: bool = False,
) -> Fitted:
    """Fit a linear model to a table in one pass, with confidence sets.

    The table is read in pieces, however large it is, and shuffled on disk first.

    Parameters
    ----------
    table : path
        Parquet (a file or a folder of them) or CSV (also .gz).
    target : str
    out : path
        Folder for ``model.npz``, ``coefficients.csv``, ``result.json`` and ``index.html``.
    loss : {"squared", "huber", "quantile", "log_loss", "logistic"}
    quantile, epsilon : float, optional
        Of these losses; .5 and 1.35.
    features : sequence of str, optional
        Columns used; default: all but the target.
    drop : sequence of str
        Columns left out.
    categorical : sequence of str
        Columns of words or codes: a column a level, the first of them left out.
    weight : str, optional
        Column of sample weights.
    shuffle : bool
        False if the rows are in random order already.
    params : mapping, optional
        Other parameters of the estimator.
    command : str, optional
        Shown on the page.
    progress : bool
    """
    kind = loss_named(loss, quantile=quantile, epsilon=epsilon)
    model = estimator_for(kind)(**dict(params or {}))
    model._check()
    folder = _writable(Path(out))
    rows = RowStream.from_table(
        table, target, features=features, drop=drop, categorical=categorical, weight=weight
    )
    if shuffle:
        rows = rows.shuffle(model.random_state)
    if progress:
        size = model.memory_needed(len(rows.names)) / 1e6
        features = counted(len(rows.names), "feature")
        say(f"{features}, {model.n_chains} copies: {size:,.1f} MB for any n")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConfidenceWarning)
        model.fit_stream(rows, progress=progress)
        result = model.result_
        frame = coefficients(result)
    ours = [str(w.message) for w in caught if issubclass(w.category, ConfidenceWarning)]
    remarks = tuple(dict.fromkeys(ours))
    model.save(folder / "model.npz")
    with replacing(folder / "coefficients.csv") as part:
        frame.to_csv(part, index_label="parameter")
    fitted = Fitted(result, remarks, folder, folder / "index.html")
    about = {
        "table": str(table),
        "sha256": file_fingerprint(table),
        "target": target,
        "loss": kind.to_dict(),
        "parameters": {k: v for k, v in model.get_params().items() if _plain(v)},
        "environment": environment(),
    }
    write_json(folder / "result.json", fitted.to_dict() | about)
    words = {"target": target, "what": _what(kind, target, model), "table": Path(table).name}
    page.write(fit_page(result, frame, remarks, model, words, command), fitted.page)
    return fitted


def coefficients(result: InferenceResult) -> pd.DataFrame:
    """Return estimates with single and simultaneous intervals, p-values and companions."""
    frame = result.to_frame()
    fewest = math.ceil(1 / (1 - result.confidence_level)) - 1
    if result.n_chains >= fewest and not result.nonfinite.any():
        together = result.conf_int(simultaneous=True)
        frame.insert(frame.columns.get_loc("upper") + 1, "all lower", together["lower"])
        frame.insert(frame.columns.get_loc("upper") + 2, "all upper", together["upper"])
    return frame


def _writable(folder: Path) -> Path:
    """Return `folder` unless it is clear before hours of training that it can't be written."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        reason = "no permission to write there" if there.is_dir() else f"{there} is a file"
        raise StorageError(f"cannot write {folder}: {reason}")
    return folder


def _what(loss: Any, target: str, model: Any) -> str:
    if isinstance(loss, LogLoss):
        return f"the log-odds that {target} is {model.classes_[1]}"
    if isinstance(loss, Quantile):
        return f"the {100 * loss.tau:g} % quantile of {target}"
    return f"a robust mean of {target}" if isinstance(loss, Huber) else f"the mean of {target}"


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str | list | tuple)
