"""The safetensors format, read and written a piece at a time.

A file is the length of its header (8 bytes, little-endian), the header (JSON: name, dtype, shape
and place of every tensor) and the tensors' bytes. Nothing is mapped: mapped pages count as memory
of the process, and stay.

Source: the format's definition at https://github.com/huggingface/safetensors.
"""

from __future__ import annotations

import errno
import json
import math
import os
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any

from surefoot.ground.errors import InputError

METADATA = "__metadata__"
WHOLE = "a whole, valid safetensors file"
LENGTH = struct.Struct("<Q")
MAX_HEADER = 100_000_000  # bytes; the limit of the reference implementation
MAX_DIMENSIONS = 64  # what torch can hold
ITEM_BITS: Mapping[str, int] = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I8", "U8", "BOOL"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}


@dataclass(frozen=True, slots=True)
class Spec:
    """What a tensor is: its name, the format's name of its dtype (``"BF16"``), its shape."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many elements it has."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """How many bytes it takes."""
        return self.count * ITEM_BITS[self.dtype] // 8


@dataclass(frozen=True, slots=True)
class Entry(Spec):
    """A tensor in a file; `offset` is where it begins, in bytes from the start of the file."""

    offset: int


@dataclass(frozen=True, eq=False)
class Header:
    """What a file holds.

    Attributes
    ----------
    path : Path
    entries : dict of str to Entry
        By name, in the order of their bytes.
    metadata : dict of str to str
    """

    path: Path
    entries: Mapping[str, Entry]
    metadata: Mapping[str, str]

    @classmethod
    def read(cls, path: str | Path) -> Header:
        """Read and check the header of a file; no tensor is read.

        Raises
        ------
        InputError
            If the file is missing, cut short, or not exactly what its header announces.
        """
        path = Path(path)
        try:
            with opened(path) as file:
                size = os.fstat(file.fileno()).st_size
                length = _header_length(file.read(LENGTH.size), size)
                text = file.read(length)
            return cls(path, *_parsed(text, LENGTH.size + length, size))
        except OSError as error:
            raise unreadable(path, error) from error
        except (ValueError, RecursionError) as error:
            raise InputError(str(path), str(error), WHOLE) from error


def _header_length(start: bytes, size: int) -> int:
    if len(start) < LENGTH.size:
        raise ValueError(f"{size} bytes")
    (length,) = LENGTH.unpack(start)
    if length > min(size - LENGTH.size, MAX_HEADER):
        raise ValueError(f"a header of {length} bytes in a file of {size}")
    return length


def _parsed(text: bytes, start: int, size: int) -> tuple[dict[str, Entry], dict[str, str]]:
    """Return entries and metadata of a header whose tensors fill the bytes from start to size."""
    fields = json_object(text)
    metadata = fields.pop(METADATA, {})
    strings = isinstance(metadata, dict) and all(isinstance(v, str) for v in metadata.values())
    if not strings:
        raise ValueError("metadata that are not strings")
    entries = [_entry(name, field, start) for name, field in fields.items()]
    entries.sort(key=lambda entry: (entry.offset, entry.nbytes))
    end = start
    for entry in entries:
        if entry.offset != end:
            fault = "a gap before" if entry.offset > end else "an overlap with"
            raise ValueError(f"{fault} tensor {entry.name!r}")
        end += entry.nbytes
    if end != size:
        raise ValueError(f"{size} bytes where the header announces {end}")
    return {entry.name: entry for entry in entries}, metadata


def _entry(name: str, field: Any, start: int) -> Entry:
    match field:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [begin, end]}:
            pass
        case _:
            raise ValueError(f"no dtype, shape and two offsets for tensor {name!r}")
    if dtype not in ITEM_BITS:
        raise ValueError(f"unknown dtype {dtype!r} of tensor {name!r}")
    natural = all(type(x) is int and 0 <= x < 2**63 for x in (*shape, begin, end))
    if not natural or len(shape) > MAX_DIMENSIONS:
        raise ValueError(f"an impossible shape or offset of tensor {name!r}")
    entry = Entry(name, dtype, tuple(shape), start + begin)
    if entry.count * ITEM_BITS[dtype] != (end - begin) * 8:
        raise ValueError(f"{end - begin} bytes for {dtype} {shape} of tensor {name!r}")
    return entry


def json_object(text: bytes) -> dict[str, Any]:
    """Parse a JSON object from a file that nobody vouches for; a fault is a `ValueError`.

    Repeated keys are refused, since readers would disagree about which of them counts, and so are
    texts that UTF-8 can't hold.
    """
    value = json.loads(text.decode("utf-8"), object_pairs_hook=_unrepeated)
    if not isinstance(value, dict):
        raise ValueError("JSON that is not an object")
    return value


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("JSON with repeated names")
    texts = [*fields, *(value for value in fields.values() if isinstance(value, str))]
    "".join(texts).encode("utf-8")  # raises on lone surrogates, which JSON can spell
    return fields


def opened(path: Path) -> FileIO:
    """Open a regular file for reading; anything else, such as a pipe, counts as missing."""
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, "no such file")
    return FileIO(path)


def unreadable(path: Path, error: OSError) -> InputError:
    """Return the error for a file that the operating system will not let us read."""
    return InputError(str(path), error.strerror or str(error), "a file that can be read")


class Files:
    """Files that are read in pieces; the ones read least recently are closed beyond `limit`.

    Examples
    --------
    >>> with Files() as files:
    ...     files.read_into(memoryview(bytearray(8)), path, offset=0)
    """

    def __init__(self, limit: int = 128) -> None:
        self.limit = limit
        self._open: OrderedDict[Path, FileIO] = OrderedDict()

    def read_into(self, view: memoryview, path: Path, offset: int) -> None:
        """Fill `view` with the bytes of a file from `offset` on."""
        try:
            file = self._file(path)
            file.seek(offset)
            while view:
                got = file.readinto(view)
                if not got:
                    raise InputError(str(path), "a file that became shorter", WHOLE)
                view = view[got:]
        except OSError as error:
            raise unreadable(path, error) from error

    def _file(self, path: Path) -> FileIO:
        if path in self._open:
            self._open.move_to_end(path)
        else:
            if len(self._open) >= self.limit:
                self._open.popitem(last=False)[1].close()
            self._open[path] = opened(path)
        return self._open[path]

    def __enter__(self) -> Files:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with ExitStack() as stack:
            for file in self._open.values():
                stack.enter_context(file)
        self._open.clear()


def write(
    path: Path,
    specs: Iterable[Spec],
    metadata: Mapping[str, str],
    pieces: Callable[[Spec], Iterable[memoryview]],
) -> None:
    """Write a file as it comes: the header, then each tensor as `pieces` gives its bytes.

    Parameters
    ----------
    path : Path
    specs : iterable of Spec
        Wide items are put first, which aligns every tensor; otherwise the order is kept.
    metadata : dict of str to str
    pieces : callable
        Called with one spec after the other; gives the tensor's bytes in order.
    """
    ordered = sorted(specs, key=lambda spec: -ITEM_BITS[spec.dtype])
    with open(path, "wb") as file:
        file.write(_encoded(ordered, metadata))
        for spec in ordered:
            written = sum(file.write(piece) for piece in pieces(spec))
            if written != spec.nbytes:
                raise ValueError(f"{spec.name}: {written} bytes given, {spec.nbytes} announced")


def _encoded(specs: Iterable[Spec], metadata: Mapping[str, str]) -> bytes:
    fields: dict[str, Any] = {METADATA: dict(metadata)} if metadata else {}
    end = 0
    for spec in specs:
        begin, end = end, end + spec.nbytes
        fields[spec.name] = {
            "dtype": spec.dtype,
            "shape": list(spec.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % 8)  # so that the tensors begin at a multiple of 8
    return LENGTH.pack(len(text)) + text
