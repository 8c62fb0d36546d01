"""Outputs appear whole or not at all: written beside their place, then renamed into it."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from surefoot.ground.errors import InputError, StorageError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on success it replaces `path` in one step.

    Raises
    ------
    StorageError
        If the disk is full, the folder is read-only or may not be written. Nothing is left behind.
    """
    path = Path(path)
    temporary: Path | None = None
    with storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # mkstemp makes 0600 files; a result is as readable as any other file of the user.
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        umask = os.umask(0)
        os.umask(umask)
        os.fchmod(handle, 0o666 & ~umask)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            _flush(temporary)
            os.replace(temporary, path)
            _flush(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys; NaN and infinities become null."""
    write_text(path, json.dumps(finite(value), indent=2, sort_keys=True, allow_nan=False) + "\n")


def file_fingerprint(path: str | Path) -> str:
    """Return the SHA-256 of a file; of a folder, that of the names and contents in it.

    Raises
    ------
    InputError
        If there is nothing, or it can't be read.
    """
    root = Path(path)
    try:
        if not root.is_dir():
            with open(root, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        found = hashlib.sha256()
        for part in sorted(p for p in root.rglob("*") if p.is_file()):
            found.update(f"{part.relative_to(root).as_posix()}\0{file_fingerprint(part)}".encode())
        return found.hexdigest()
    except OSError as error:
        raise InputError(str(path), error.strerror, "a readable file or folder") from error


def finite(value: Any) -> Any:
    """Return `value` in JSON's own types: arrays as lists, NaN and infinities as ``None``."""
    if isinstance(value, dict):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return finite(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


@contextmanager
def storage(path: str | Path) -> Iterator[None]:
    """Turn an operating-system failure on `path` into one clear `StorageError`."""
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        reasons = {
            errno.ENOSPC: "the disk is full",
            errno.EDQUOT: "the disk quota is used up",
            errno.EROFS: "the file system is read-only",
            errno.EACCES: "no permission to write there",
            errno.EPERM: "no permission to write there",
            errno.ENOTDIR: "part of the path is a file, not a folder",
            errno.EEXIST: "a file is where its folder should be",
            errno.EISDIR: "a folder is in its place",
        }
        if error.errno not in reasons:
            raise
        msg = f"cannot write {path}: {reasons[error.errno]}"
        raise StorageError(msg) from error


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
