"""Three million flights in one pass, against least squares on all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.confidence.designs import Design, flights
from surefoot.confidence.estimators import SGDInferenceRegressor
from surefoot.confidence.streams.row_stream import RowStream
from surefoot.ground import checksums
from surefoot.ground.catalogue import find
from surefoot.ground.datasets import files_of, unavailable, where
from surefoot.ground.work import Cell

Floats = NDArray[np.float64]

_VERSION = 1
_ROWS = 65_536


def stream_cells(seeds: Sequence[int]) -> list[Cell]:
    """Return a cell for each order of the rows."""
    params = {"task": "flights stream", "method": "ours"}
    function, data = "surefoot.confidence.flights_stream:measure", files_of("flights")
    return [
        Cell(f"flights stream/seed={seed}", function, params, seed, _VERSION, data)
        for seed in seeds
    ]


def measure(*, seed: int, task: str, method: str) -> dict[str, float]:
    """Return how standard errors and estimates of one pass compare with those of the full fit."""
    del task, method
    names = next(designs()).names
    model = SGDInferenceRegressor(random_state=seed).fit_stream(shuffled(seed))
    result = model.result_
    theta, std_errors = least_squares()
    ratios = result.std_errors / std_errors
    offsets = (result.center - theta) / std_errors
    return {
        "lowest SE ratio": float(ratios.min()),
        "highest SE ratio": float(ratios.max()),
        "farthest estimate": float(np.abs(offsets).max()),
        **{f"SE ratio[{name}]": float(r) for name, r in zip(names, ratios, strict=True)},
        **{f"offset[{name}]": float(z) for name, z in zip(names, offsets, strict=True)},
    }


def designs() -> Iterator[Design]:
    """Yield the flights' design in the order of the file, a few rows at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    entry, place = find("flights"), where("flights")
    if place.kind != "folder" or entry.original is None:
        raise unavailable("flights")
    verified = checksums.content(place.paths[0], entry.original.files[0])
    file = pq.ParquetFile(pa.BufferReader(verified))
    columns = ["date", "delay", "distance"]
    for batch in file.iter_batches(_ROWS, columns=columns):
        yield flights(batch.to_pandas())


def shuffled(seed: int) -> RowStream:
    """Return the flights in random order, shuffled on disk; the constant is the estimator's."""

    def batches() -> Iterator[tuple[Floats, Floats]]:
        for design in designs():
            yield design.X[:, 1:], design.y

    names = next(designs()).names[1:]
    return RowStream.from_batches(batches, names=names).shuffle(seed)


def least_squares() -> tuple[Floats, Floats]:
    """Return coefficients and HC0 standard errors of all rows, in two passes over the file."""
    gram: Any = 0.0
    cross: Any = 0.0
    for X, y, *_ in designs():
        gram, cross = gram + X.T @ X, cross + X.T @ y
    theta = np.linalg.solve(gram, cross)
    meat: Any = 0.0
    for X, y, *_ in designs():
        meat = meat + (X.T * (y - X @ theta) ** 2) @ X
    bread = np.linalg.inv(gram)
    return theta, np.sqrt(np.diag(bread @ meat @ bread))
