"""The same responses, block by block, on a Dask cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surefoot.ground.errors import InputError, need
from surefoot.incentives.prepared import Prepared

if TYPE_CHECKING:
    import dask.array as da

COLUMNS = ("status", "price", "cost", "confidence", "accepted")


def respond_blocks(X: da.Array, names: list[str], prepared: Prepared) -> da.Array:
    """Return the responses to a rule as a Dask array, computed where the blocks of `X` lie.

    Parameters
    ----------
    X : dask array of shape (N, n)
        Blocks of rows; every block has all columns.
    names : list of str
        What the columns are.
    prepared : Prepared
        Settled once: every block is served by the same plan, so that blocks do not matter.

    Returns
    -------
    dask array of shape (N, 5 + m)
        `COLUMNS`, then the effort on each node.
    """
    da = need("dask.array", "dask")
    if X.ndim != 2 or X.shape[1] != len(names):
        raise InputError("X", X.shape, f"{len(names)} columns, one a name")
    if X.numblocks[1] > 1:
        raise InputError("X", f"{X.numblocks[1]} blocks a row", "blocks of whole rows: rechunk")
    width = len(COLUMNS) + len(prepared.agents.effects.efforts)
    return da.map_blocks(
        _block,
        X,
        names,
        prepared,
        dtype=float,
        chunks=(X.chunks[0], (width,)),
        meta=np.empty((0, 0)),
    )


def _block(values: NDArray[Any], names: list[str], prepared: Prepared) -> NDArray[np.float64]:
    done = prepared.respond(pd.DataFrame(values, columns=names))
    told = [getattr(done, name).astype(float) for name in COLUMNS]
    return np.column_stack([*told, done.effort])
