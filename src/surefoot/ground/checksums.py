"""No file of a dataset is used before it is what the catalogue says it is."""

from __future__ import annotations

import gzip
import hashlib
import zipfile
import zlib
from pathlib import Path

from surefoot.ground.entry import File
from surefoot.ground.errors import InputError

# What was verified in this process: the file as it stood, and its checksum.
_seen: set[tuple[Path, int, int, str]] = set()


def content(path: Path, file: File) -> bytes:
    """Return the decompressed content of `path` once it is that of `file`.

    Raises
    ------
    InputError
        If it can't be read or its checksum differs.
    """
    try:
        # Before the read: a file that changes in between is verified again next time.
        status = path.stat()
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(str(path), error.strerror, "a readable file") from error
    stamp = (path, status.st_size, status.st_mtime_ns, file.sha256)
    if stamp in _seen:
        return _decompressed(raw, file)
    verify(str(path), raw, file)
    _seen.add(stamp)
    return _decompressed(raw, file)


def verify(where: str, raw: bytes, file: File) -> None:
    """Raise `InputError` unless `raw`, once decompressed, has the checksum of `file`."""
    try:
        found = _decompressed(raw, file)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(where, f"damaged gzip data ({error})", _expected(file)) from error
    if (sha256 := hashlib.sha256(found).hexdigest()) != file.sha256:
        raise InputError(where, f"{len(found)} bytes with SHA-256 {sha256}", _expected(file))


def unpacked(download: Path, file: File) -> bytes:
    """Return `file` as it was downloaded, taken out of its zip archive if it came in one.

    Raises
    ------
    InputError
        If the download is not what its publisher states, or holds no such member.
    """
    raw = download.read_bytes()
    if file.md5 and (md5 := hashlib.md5(raw, usedforsecurity=False).hexdigest()) != file.md5:
        raise InputError(str(file.url), f"MD5 {md5}", f"MD5 {file.md5}, as its publisher states")
    if file.member is None:
        return raw
    try:
        with zipfile.ZipFile(download) as archive:
            return archive.read(file.member)
    except (zipfile.BadZipFile, KeyError) as error:
        allowed = f"a zip archive that holds {file.member}"
        raise InputError(str(file.url), str(error), allowed) from error


def _decompressed(raw: bytes, file: File) -> bytes:
    return gzip.decompress(raw) if file.path.endswith(".gz") else raw


def _expected(file: File) -> str:
    return (
        f"{file.size} bytes with SHA-256 {file.sha256}; the file is cut short, was edited or is "
        "another version: remove it, then fetch or copy it again"
    )
