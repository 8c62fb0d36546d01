from __future__ import annotations

import json
import os
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from tests.averaging.checkpoint_files import FLOATS, assert_same, state

from surefoot.averaging.safetensors_stream import (
    ITEM_BITS,
    Entry,
    Files,
    Header,
    Spec,
    opened,
    write,
)
from surefoot.ground.errors import InputError

F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def raw(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def read_bytes(entry: Entry, path: Path) -> bytes:
    held = bytearray(entry.nbytes)
    with Files() as files:
        files.read_into(memoryview(held), path, entry.offset)
    return bytes(held)


def sound(path: Path) -> bool:
    """Return whether a header is accepted; any other error than an `InputError` passes through."""
    try:
        Header.read(path)
    except InputError:
        return False
    return True


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_reads_what_the_library_writes(dtype: torch.dtype, tmp_path: Path) -> None:
    tensors, path = state(1, dtype), tmp_path / "a.safetensors"
    save_file(tensors, path, {"format": "pt", "note": "grün"})
    header = Header.read(path)
    assert header.metadata == {"format": "pt", "note": "grün"}
    assert header.entries.keys() == tensors.keys()
    for name, entry in header.entries.items():
        assert (entry.name, entry.shape, entry.count) == (
            name, tuple(tensors[name].shape), tensors[name].numel(),
        )  # fmt: skip
        stored = tensors[name].reshape(-1).view(torch.uint8).numpy().tobytes()
        assert read_bytes(entry, path) == stored


_shapes = st.lists(st.integers(0, 4), max_size=4).map(tuple)
_dtypes = st.sampled_from(["F64", "F32", "F16", "BF16", "F8_E4M3", "I64", "U8", "BOOL"])


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.text(min_size=1, max_size=8), st.tuples(_dtypes, _shapes), max_size=6),
    st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=3),
    st.data(),
)
def test_the_library_reads_what_is_written(
    folder: Path, layout: dict[str, Any], metadata: dict[str, str], data: st.DataObject
) -> None:
    layout.pop("__metadata__", None)
    specs = {name: Spec(name, *what) for name, what in layout.items()}
    stored = {
        name: bytes(data.draw(st.integers(0, 1)) for _ in range(spec.nbytes))
        for name, spec in specs.items()
    }
    path = folder / "written.safetensors"

    def pieces(spec: Spec) -> Iterator[memoryview]:
        half = spec.nbytes // 2
        yield memoryview(stored[spec.name][:half])
        yield memoryview(stored[spec.name][half:])

    write(path, specs.values(), metadata, pieces)
    loaded = load_file(path)
    found = {name: t.reshape(-1).view(torch.uint8).numpy().tobytes() for name, t in loaded.items()}
    assert found == stored
    header = Header.read(path)
    assert header.metadata == metadata
    assert {e.name: (e.dtype, e.shape) for e in header.entries.values()} == layout
    with safe_open(path, "pt") as file:
        assert (file.metadata() or {}) == metadata


def test_every_tensor_is_aligned_and_the_order_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    specs = [Spec("z", "BOOL", (3,)), Spec("b", "F16", (3,)), Spec("c", "F64", (1,)),
             Spec("a", "F16", (1,)), Spec("d", "F32", (1,))]  # fmt: skip
    write(path, specs, {}, lambda spec: [memoryview(bytes(spec.nbytes))])
    entries = Header.read(path).entries
    assert list(entries) == ["c", "d", "b", "a", "z"]
    for entry in entries.values():
        assert entry.offset % (ITEM_BITS[entry.dtype] // 8) == 0
    assert load_file(path)["d"].shape == (1,)


def test_a_tensor_of_another_length_is_a_bug_found_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a: 7 bytes given, 8 announced"):
        write(tmp_path / "a", [Spec("a", "F32", (2,))], {}, lambda _: [memoryview(bytes(7))])


FAULTS = {
    "empty": (b"", "found 0 bytes"),
    "shorter than a length": (b"\x08\x00", "found 2 bytes"),
    "length beyond the end": (struct.pack("<Q", 100) + b"{}", "a header of 100 bytes in a file"),
    "endless length": (b"\xff" * 8 + b"{}", "a header of 18446744073709551615 bytes"),
    "not JSON": (raw(b"nothing!"), "Expecting value"),
    "not UTF-8": (raw(b'{"\xff": 1}'), "utf-8"),
    "lone surrogate": (raw(rb'{"\ud800": 1}'), "surrogates not allowed"),
    "surrogate in metadata": (raw(rb'{"__metadata__": {"a": "\ud800"}}'), "surrogates not"),
    "a list": (raw([1]), "not an object"),
    "deep": (raw(b"[" * 100_000), "recursion"),
    "repeated": (raw(b'{"a": 1, "a": 2}'), "repeated names"),
    "metadata": (raw({"__metadata__": {"a": 1}}), "metadata that are not strings"),
    "metadata a list": (raw({"__metadata__": ["a"]}), "metadata that are not strings"),
    "no fields": (raw({"a": {}}), "no dtype, shape and two offsets"),
    "not a field": (raw({"a": 3}), "no dtype, shape and two offsets"),
    "three offsets": (raw({"a": F32 | {"data_offsets": [0, 4, 8]}}, bytes(8)), "two offsets"),
    "dtype": (raw({"a": F32 | {"dtype": "F31"}}, bytes(8)), "unknown dtype 'F31' of tensor 'a'"),
    "negative": (raw({"a": F32 | {"shape": [-2]}}, bytes(8)), "impossible shape"),
    "boolean": (raw({"a": F32 | {"shape": [2, True]}}, bytes(8)), "impossible shape"),
    "fraction": (raw({"a": F32 | {"shape": [2.0]}}, bytes(8)), "impossible shape"),
    "huge": (raw({"a": F32 | {"shape": [2**63, 0]}}), "impossible shape"),
    "too many dimensions": (raw({"a": F32 | {"shape": [1] * 64 + [2]}}, bytes(8)), "impossible"),
    "size": (raw({"a": F32 | {"shape": [3]}}, bytes(8)), "8 bytes for F32 .3. of tensor 'a'"),
    "backwards": (raw({"a": F32 | {"data_offsets": [8, 0]}}, bytes(8)), "-8 bytes for F32"),
    "half a byte": (
        raw({"a": {"dtype": "F4", "shape": [3], "data_offsets": [0, 1]}}, b"x"),
        "1 bytes for F4",
    ),
    "overlap": (
        raw({"a": F32, "b": F32 | {"data_offsets": [4, 12]}}, bytes(12)),
        "an overlap with tensor 'b'",
    ),
    "gap": (raw({"a": F32 | {"data_offsets": [4, 12]}}, bytes(12)), "a gap before tensor 'a'"),
    "cut": (raw({"a": F32}, bytes(7)), "bytes where the header announces"),
    "trailing": (raw({"a": F32}, bytes(9)), "bytes where the header announces"),
}


@pytest.mark.parametrize(("content", "words"), FAULTS.values(), ids=FAULTS)
def test_a_fault_names_the_file(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        Header.read(path)
    assert caught.value.where == str(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("absent", "pipe", ".", "n" * 300):
        with pytest.raises(InputError, match="a file that can be read"):
            Header.read(tmp_path / name)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_are_an_input_error(folder: Path, content: bytes) -> None:
    path = folder / "random.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match="random"):
        Header.read(path)


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**70) | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["dtype", "shape", "data_offsets", "x"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)
_offsets = st.sampled_from([[0, 0], [0, 8], [8, 12], [4, 8], [8, 16], [0, 16]])
_fields = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F64", "U8", "F4", "C64"]) | _values,
        "shape": st.lists(st.integers(0, 4), max_size=2) | _values,
        "data_offsets": _offsets | _values,
    }
)


@settings(max_examples=400, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["a", "b", "__metadata__"]), _fields | _values, max_size=3),
    st.integers(0, 20),
)
def test_what_is_accepted_the_library_accepts_too(
    folder: Path, header: dict[str, Any], size: int
) -> None:
    path = folder / "odd.safetensors"
    path.write_bytes(raw(header, bytes(size)))
    if not sound(path):
        return
    try:
        with safe_open(path, "pt") as file:
            file.keys()
    except SafetensorError as error:
        pytest.fail(f"accepted, though not valid: {header}: {error}")


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 255), st.booleans())
def test_a_damaged_file_never_crashes(folder: Path, at: int, byte: int, cut: bool) -> None:
    path = folder / "damaged.safetensors"
    if not (folder / "sound.safetensors").exists():
        save_file(state(0), folder / "sound.safetensors", {"format": "pt"})
    content = bytearray((folder / "sound.safetensors").read_bytes())
    at %= len(content)
    if cut:
        path.write_bytes(content[:at])
        with pytest.raises(InputError, match="damaged"):
            Header.read(path)
        return
    content[at] = byte
    path.write_bytes(content)
    sound(path)


def test_few_files_are_open_at_a_time(tmp_path: Path) -> None:
    paths = [tmp_path / str(i) for i in range(9)]
    for i, path in enumerate(paths):
        path.write_bytes(bytes([i, i + 1]))
    held = memoryview(bytearray(1))
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    with Files(limit=3) as files:
        for offset in (1, 0):
            for i, path in enumerate(paths):
                files.read_into(held, path, offset)
                assert held[0] == i + offset
        if before:
            assert len(os.listdir("/proc/self/fd")) == before + 3
    if before:
        assert len(os.listdir("/proc/self/fd")) == before


def test_a_file_that_shrinks_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345678")
    with Files() as files:
        files.read_into(memoryview(bytearray(8)), path, 0)
        os.truncate(path, 4)
        with pytest.raises(InputError, match="became shorter"):
            files.read_into(memoryview(bytearray(8)), path, 0)
        with pytest.raises(InputError, match="no such file"):
            files.read_into(memoryview(bytearray(8)), tmp_path / "gone", 0)


def test_a_regular_file_is_opened(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    with opened(tmp_path / "a") as file:
        assert file.read() == b"x"


def test_a_written_file_is_the_librarys_own_byte_for_byte(tmp_path: Path) -> None:
    tensors = state(3, torch.float32)
    save_file(tensors, tmp_path / "a.safetensors", {"format": "pt"})
    header = Header.read(tmp_path / "a.safetensors")

    def pieces(spec: Spec) -> list[memoryview]:
        return [memoryview(read_bytes(header.entries[spec.name], header.path))]

    write(tmp_path / "b.safetensors", header.entries.values(), header.metadata, pieces)
    assert_same(load_file(tmp_path / "b.safetensors"), tensors)
    a, b = ((tmp_path / f"{x}.safetensors").read_bytes() for x in "ab")
    assert a == b
