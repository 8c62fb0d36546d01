"""Whole jobs on a user's table: fit a classifier and audit one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surefoot.ground import page
from surefoot.ground.errors import InputError, one_of
from surefoot.ground.files import file_fingerprint, write_json
from surefoot.groups import preparation
from surefoot.groups.audit_page import audit_page
from surefoot.groups.encoding import TableEncoder
from surefoot.groups.report import GroupReport, group_report
from surefoot.groups.storage import METHODS, load, save
from surefoot.groups.tables import Columns, read_table, split_rows


@dataclass(frozen=True, eq=False)
class Audit:
    """A report and where it was written."""

    report: GroupReport
    folder: Path
    page: Path


def fit_table(
    table: str | Path,
    *,
    target: str,
    groups: Sequence[str],
    out: str | Path,
    method: str = "fairdropout",
    drop: Sequence[str] = (),
    params: dict[str, Any] | None = None,
    seed: int = 0,
    command: str | None = None,
) -> Audit:
    """Fit a classifier to a table and report on rows that were held out.

    A fifth of the rows is held out for the report and a quarter of the rest for thresholds; shares
    of the groups are kept. Group columns are not features.

    Parameters
    ----------
    table : path
        CSV (also .gz) or Parquet.
    target : str
        Column of the labels.
    groups : sequence of str
        Columns of the attributes. They are crossed with the label, and with each other.
    out : path
        Folder for ``model.safetensors``, ``model.json``, ``report.json`` and ``index.html``.
    method : str
        One of `surefoot.groups.storage.METHODS`.
    drop : sequence of str
        Columns to leave out.
    params : dict, optional
        Parameters of the estimator.
    seed : int
    command : str, optional
        Shown on the page.
    """
    frame = read_table(str(table))
    columns = Columns.of(frame, target, groups, drop)
    y = frame[target].to_numpy()
    attributes = frame[columns.groups]
    rows = split_rows(y, attributes, seed)
    encoder = TableEncoder.learn(frame.iloc[rows.train], columns.features)
    X = encoder.encode(frame)

    cls = METHODS[one_of("method", method, METHODS)]
    model = cls(random_state=seed, **(params or {}))
    model.fit(
        X[rows.train],
        y[rows.train],
        groups=attributes.iloc[rows.train],
        ids=rows.train,
        X_val=X[rows.validation],
        y_val=y[rows.validation],
        groups_val=attributes.iloc[rows.validation],
    )
    report = group_report(
        frame[target].iloc[rows.test],
        model.predict(X[rows.test]),
        attributes.iloc[rows.test],
        y_proba=model.predict_proba(X[rows.test]),
        classes=model.classes_,
        training_groups=attributes.iloc[rows.train],
        training_y=frame[target].iloc[rows.train],
    )
    folder = save(
        model,
        out,
        encoder=encoder.to_dict(),
        target=target,
        groups=columns.groups,
        rows={"train": len(rows.train), "validation": len(rows.validation), "test": len(rows.test)},
        data=file_fingerprint(table),
    )
    title = f"{cls.__name__} on {Path(table).name}"
    return _write(report, folder, title, model, command)


def audit_table(
    model_folder: str | Path,
    table: str | Path,
    *,
    groups: Sequence[str] = (),
    target: str | None = None,
    out: str | Path,
    command: str | None = None,
) -> Audit:
    """Report how a stored classifier does on the groups of another table.

    Parameters
    ----------
    model_folder : path
        Written by `fit_table`.
    table : path
    groups : sequence of str
        Columns of the attributes; default: those it was fitted with.
    target : str, optional
        Column of the labels; default: the one it was fitted with.
    out : path
        Folder for ``report.json`` and ``index.html``.
    command : str, optional
    """
    model, extra = load(model_folder)
    if "encoder" not in extra:
        raise InputError("model", str(model_folder), "one that `surefoot groups fit` wrote")
    frame = read_table(str(table))
    columns = Columns.of(frame, target or extra["target"], groups or extra["groups"], ())
    X = TableEncoder(**extra["encoder"]).encode(frame)
    y = frame[columns.target]
    preparation.encode(y.to_numpy(), model.classes_, f"column {columns.target!r}")
    report = group_report(
        y,
        model.predict(X),
        frame[columns.groups],
        y_proba=model.predict_proba(X),
        classes=model.classes_,
    )
    title = f"{type(model).__name__} on {Path(table).name}"
    return _write(report, Path(out), title, model, command)


def _write(report: GroupReport, folder: Path, title: str, model: Any, command: str | None) -> Audit:
    write_json(folder / "report.json", report.to_dict())
    path = folder / "index.html"
    page.write(audit_page(report, title, model, command), path)
    return Audit(report, folder, path)
