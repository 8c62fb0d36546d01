"""What the catalogue says of a dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class File:
    """One file of a dataset.

    Parameters
    ----------
    path : str
        Below the data folder, or below the packaged one.
    sha256 : str
        Of the content; of a ``.gz`` file after decompression, since mirrors compress anew.
    size : int
        Bytes of the same content.
    url : str, optional
        Where it is downloaded: the file itself, or a zip archive that holds `member`.
    md5 : str, optional
        Of the download, as its publisher states it.
    member : str, optional
        Name inside the archive at `url`.
    """

    path: str
    sha256: str
    size: int
    url: str | None = None
    md5: str | None = None
    member: str | None = None


@dataclass(frozen=True)
class Form:
    """One way the data lies on disk: its files, and the reader of their contents in order."""

    files: tuple[File, ...]
    read: Callable[..., Any]


@dataclass(frozen=True)
class Entry:
    """One dataset.

    Parameters
    ----------
    name, title : str
        What it is called in commands, and in a sentence.
    rows : int
        Rows of a table, images of an image set, characters of a text.
    licence, citation, home : str
        The terms, whom to credit, and the official page.
    schema : dict of str to str
        Column or array -> meaning and unit.
    original : Form, optional
        The files as their publisher gives them.
    packaged : Form, optional
        The same data as shipped with Surefoot.
    target : str, optional
        The column of a table that is usually predicted.
    outputs : tuple of str
        The columns that a simulator computed; its other columns are what was put in.
    """

    name: str
    title: str
    rows: int
    licence: str
    citation: str
    home: str
    schema: dict[str, str]
    original: Form | None = None
    packaged: Form | None = None
    target: str | None = None
    outputs: tuple[str, ...] = ()
