"""Average checkpoints on disk, in memory that depends on neither their number nor their size."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from surefoot.averaging.checkpoints import SUFFIX, Checkpoint, find_checkpoints, name_of
from surefoot.averaging.chunked_mean import AVERAGED, COPIED, ChunkedMean, require_alike
from surefoot.averaging.profiles import Profile, profile_weights
from surefoot.averaging.safetensors_stream import Files, Spec, write
from surefoot.ground.errors import InputError
from surefoot.ground.files import replacing, storage, write_json
from surefoot.ground.progress import progress as shown

PROVENANCE = "surefoot"  # the key of our own metadata
CHUNK_BYTES = 4 << 20
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Merged:
    """What a merge wrote.

    Attributes
    ----------
    out : Path
    checkpoints : tuple of str
        Names of the inputs, oldest first.
    weights : tuple of float
        How much each of them weighs.
    parameters : int
        How many numbers were averaged.
    copied : tuple of str
        Integer and boolean tensors, taken from the newest checkpoint.
    """

    out: Path
    checkpoints: tuple[str, ...]
    weights: tuple[float, ...]
    parameters: int
    copied: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything in JSON's own types."""
        return asdict(self) | {"out": str(self.out)}

    def __str__(self) -> str:
        pairs = zip(self.weights, self.checkpoints, strict=True)
        lines = [f"{weight:>10.4f}  {name}" for weight, name in pairs]
        copied = f"; {len(self.copied)} integer tensors copied" if self.copied else ""
        return "\n".join([*lines, f"{self.parameters:,} parameters averaged{copied}: {self.out}"])


def merge_checkpoints(
    paths: str | PathLike[str] | Sequence[str | PathLike[str]],
    out: str | PathLike[str],
    *,
    profile: Profile = "uniform",
    weights: Sequence[float] | None = None,
    last: int | None = None,
    chunk_bytes: int = CHUNK_BYTES,
    progress: bool = False,
) -> Merged:
    """Write the weighted average of checkpoints; about three chunks of them are in memory.

    Sums are taken in float64 and in the order given, so the result is the same on every run and
    for every size of chunk. It has the dtypes, the metadata and the sharding of the newest
    checkpoint. Integer and boolean tensors, such as BatchNorm's counts, are copied from it: do not
    average checkpoints whose weights are quantised to integers.

    Parameters
    ----------
    paths : path or sequence of paths
        Oldest first: ``.safetensors`` files, folders that hold one, or sharded checkpoints. A
        single folder stands for all checkpoints in it, by `find_checkpoints`.
    out : path
        A ``.safetensors`` file or, if the newest checkpoint is sharded, a new folder.
    profile : {"uniform", "cosine", "one-minus-sqrt"}, callable or scheme
        What the weights follow, see `profile_weights`. The scheme's unit is the checkpoint.
    weights : sequence of float, optional
        One per checkpoint, instead of a profile. They sum to 1, to within 1e-6. Negative ones are
        allowed here, and only here: they extrapolate, and enlarge rounding errors. A checkpoint
        that weighs 0 is not opened, and "newest" means the newest that weighs something.
    last : int, optional
        Use the newest `last` checkpoints only.
    chunk_bytes : int
        Size of a float64 chunk.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Merged

    Raises
    ------
    InputError
        If checkpoints differ in names, shapes or dtypes, hold values that are not finite (an
        infinity that all of them share is kept), or can't be read; if `out` is one of them.
    StorageError
        If `out` can't be written. Nothing is left behind.
    """
    if isinstance(chunk_bytes, bool) or not isinstance(chunk_bytes, int) or chunk_bytes < 8:
        raise InputError("chunk_bytes", chunk_bytes, "8 or more bytes")
    series, out = _series(paths, last), Path(out)
    shares = _shares(len(series), profile, weights)
    counted = [(path, share) for path, share in zip(series, shares, strict=True) if share]
    checkpoints = [Checkpoint.open(path) for path, _ in counted]
    newest = checkpoints[-1]
    require_alike(checkpoints)
    _require_new(out, series, checkpoints)
    names = tuple(name_of(path) for path in series)
    origin = _origin(profile if weights is None else "explicit", names, shares)
    tensors = [place.entry for place in newest.tensors.values()]

    with (
        Files() as files,
        shown("averaging tensors", total=len(tensors), show=progress) as step,
    ):
        mean = ChunkedMean(checkpoints, [share for _, share in counted], files, chunk_bytes)

        def pieces(spec: Spec) -> Iterator[memoryview]:
            yield from mean.pieces(spec)
            step()

        if out.suffix == SUFFIX:
            with replacing(out) as part:
                write(part, tensors, newest.metadata | origin, pieces)
        else:
            _write_sharded(out, newest, origin, pieces)
    averaged = [spec for spec in tensors if spec.dtype in AVERAGED]
    copied = tuple(spec.name for spec in tensors if spec.dtype in COPIED)
    return Merged(out, names, shares, sum(spec.count for spec in averaged), copied)


def _series(
    paths: str | PathLike[str] | Sequence[str | PathLike[str]], last: int | None
) -> list[Path]:
    given = [paths] if isinstance(paths, str | PathLike) else list(paths)
    series = [Path(path) for path in given]
    if not series:
        raise InputError("checkpoints", "none", "one or more")
    if len(series) == 1 and series[0].is_dir():
        series = find_checkpoints(series[0])
    if last is None:
        return series
    if isinstance(last, bool) or not isinstance(last, int) or not 1 <= last <= len(series):
        raise InputError("last", last, f"1 … {len(series)}, the number of checkpoints")
    return series[-last:]


def _shares(n: int, profile: Profile, weights: Sequence[float] | None) -> tuple[float, ...]:
    """Return finite weights that sum to 1; a profile's are not negative."""
    where = "profile" if weights is None else "weights"
    if weights is not None and profile != "uniform":
        raise InputError("weights", "both weights and a profile", "one of them")
    shares = [float(w) for w in (profile_weights(profile, n) if weights is None else weights)]
    if len(shares) != n:
        raise InputError(where, f"{len(shares)} weights", f"{n}, one per checkpoint")
    total = math.fsum(shares) if all(map(math.isfinite, shares)) else math.nan
    if not abs(total - 1) <= _TOLERANCE:
        raise InputError(where, f"weights with sum {total}", "finite numbers with sum 1")
    if weights is None and min(shares) < 0:
        raise InputError(where, min(shares), "no negative weights, unless given by `weights`")
    return tuple(share / total for share in shares)


def _require_new(out: Path, series: Sequence[Path], checkpoints: Sequence[Checkpoint]) -> None:
    """Refuse to write over an input, or into a folder that is in use."""
    inputs = [*series, *(file.path for checkpoint in checkpoints for file in checkpoint.files)]
    for path in inputs:
        if out.exists() and path.exists() and out.samefile(path):
            raise InputError("out", str(out), "a path that is not one of the inputs")
    if out.suffix == SUFFIX:
        if out.is_dir():
            raise InputError("out", f"{out}, a folder", "a path for a file")
    elif checkpoints[-1].index is None:
        raise InputError("out", str(out), f"a path that ends in {SUFFIX}")
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError("out", f"{out}, which exists", "a new or empty folder")


def _origin(profile: Profile, names: Sequence[str], shares: Sequence[float]) -> dict[str, str]:
    """Return the metadata that say where an average comes from."""
    label = getattr(profile, "__name__", None) or str(profile)
    origin = {"profile": label, "weights": shares, "checkpoints": names}
    return {PROVENANCE: json.dumps(origin)}


def _write_sharded(
    out: Path,
    newest: Checkpoint,
    origin: Mapping[str, str],
    pieces: Callable[[Spec], Iterator[memoryview]],
) -> None:
    """Write the shards of the newest checkpoint and their index; all or nothing."""
    assert newest.index is not None
    with _new_folder(out) as folder:
        for file in newest.files:
            with replacing(folder / file.path.name) as part:
                write(part, list(file.entries.values()), {**file.metadata, **origin}, pieces)
        shards = {name: place.path.name for name, place in newest.tensors.items()}
        index = {"metadata": {**(newest.index_metadata or {}), **origin}, "weight_map": shards}
        write_json(folder / newest.index.name, index)


@contextmanager
def _new_folder(out: Path) -> Iterator[Path]:
    """Yield a temporary folder; on success it becomes `out`, otherwise nothing is left of it."""
    with storage(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
            folder = Path(scratch) / out.name
            folder.mkdir()
            yield folder
            folder.replace(out)
