"""Make the data that Surefoot ships from the originals.

Usage: python tools/pack_data.py [OUT]

The originals are taken from ``$SUREFOOT_DATA`` and verified; the files are written to OUT (default:
src/surefoot/packaged). Prints the path, SHA-256 and size of each, as the catalogue lists them. The
same versions of NumPy and pyarrow give the same bytes.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from surefoot.ground.datasets import PACKAGED, load
from surefoot.ground.errors import InputError
from surefoot.ground.files import replacing

CLASSES = (0, 2, 4, 5, 6, 7)


def pack_adult(path: Path) -> None:
    """Write both official parts as one compressed Parquet file."""
    adult = load("adult")
    if adult.source == "packaged":
        raise InputError("SUREFOOT_DATA", "no adult/", "the folder that holds the originals")
    # Without pandas' own metadata, which names its version.
    table = pa.Table.from_pandas(adult.frame, preserve_index=False).replace_schema_metadata()
    with replacing(path) as part:
        pq.write_table(table, part, compression="zstd", compression_level=19)


def pack_fashion_class(path: Path, arrays: dict[str, np.ndarray], label: int) -> None:
    """Write one class at half the resolution, with each image's row in the original file."""
    kept = {"label": np.asarray(label, np.uint8)}
    for split in ("train", "test"):
        rows = np.flatnonzero(arrays[f"{split}_labels"] == label)
        kept[f"{split}_images"] = halved(arrays[f"{split}_images"][rows])
        kept[f"{split}_rows"] = rows.astype(np.uint16)
    with replacing(path) as part, part.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **kept)


def halved(images: np.ndarray) -> np.ndarray:
    """Return uint8 images (n, 2h, 2w) as (n, h, w): means of 2×2 pixels, halves rounded up."""
    n, height, width = images.shape
    blocks = images.reshape(n, height // 2, 2, width // 2, 2)
    return ((blocks.sum(axis=(2, 4), dtype=np.uint16) + 2) // 4).astype(np.uint8)


def main(out: Path) -> None:
    """Write every file below `out`."""
    written = [out / "adult.parquet"]
    pack_adult(written[0])
    arrays = load("fashion-mnist").arrays
    for label in CLASSES:
        written.append(out / "fashion-mnist-mini" / f"{label}.npz")
        pack_fashion_class(written[-1], arrays, label)
    for path in written:
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        sys.stdout.write(f"{path.relative_to(out)} {digest} {len(content)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PACKAGED)
