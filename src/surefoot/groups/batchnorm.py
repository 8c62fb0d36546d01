"""BatchNorm behind FairDropout: its training statistics describe a network with the memory on.

At inference the memory is off, so those statistics are wrong and act like a random shift of the
decision threshold. They are re-estimated here with the memory off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from surefoot.ground.errors import InputError
from surefoot.ground.fitting import PooledMoments, evaluating
from surefoot.groups.attachment import fair_layers, memory_mode
from surefoot.groups.examples import ID_KEY
from surefoot.groups.norms import watch_norms


def recalibrate_batchnorm(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    forward: Callable[[nn.Module, Any], object] | None = None,
) -> list[str]:
    """Re-estimate every BatchNorm downstream of a FairDropout layer with the memory dropped.

    Means and variances are pooled over all rows in float64, one norm after the other, each seeing
    the norms before it corrected. The order and grouping of the rows therefore does not matter,
    other than with averages of batch statistics. Norms upstream keep what training gave them.

    Parameters
    ----------
    model : nn.Module
        Its mode and parameters are left as they are.
    batches : iterable that can be run several times, e.g. a DataLoader or a list
        Training inputs, without augmentation if possible. One pass for each norm.
    forward : callable ``(model, batch)``, optional
        How to run a batch; by default ``model(batch)`` with the first element of a tuple, or with
        the entries of a dictionary as keywords. Ids from an `IndexedDataset` are left out.

    Returns
    -------
    list of str
        Names of the norms that were re-estimated, in order of execution.
    """
    run = _run if forward is None else forward
    layers = fair_layers(model)
    if not layers:
        raise InputError("model", type(model).__name__, "one with a FairDropout layer")
    if iter(batches) is batches:
        allowed = "something that can be run again: list, DataLoader"
        raise InputError("batches", "an iterator", allowed)
    first = next(iter(batches), None)
    if first is None:
        raise InputError("batches", "nothing", "at least one batch")

    def run_all() -> None:
        for batch in batches:
            run(model, batch)

    with torch.no_grad(), evaluating(model), memory_mode(model, "drop"):
        with watch_norms(model, layers) as behind:
            run(model, first)
        for norm in behind.values():
            _re_estimate(norm, run_all)
    return list(behind)


def _re_estimate(norm: Any, run: Callable[[], object]) -> None:
    moments = PooledMoments(norm.running_mean)
    with norm.register_forward_pre_hook(lambda _, args: moments.add(args[0])):
        run()
    if moments.count < 2:
        raise InputError("batches", f"{moments.count} values for a BatchNorm", "at least two")
    norm.running_mean.copy_(moments.mean)
    norm.running_var.copy_(moments.variance)


def _run(model: nn.Module, batch: Any) -> object:
    if _is_indexed(batch):
        batch = batch[1]
    if isinstance(batch, Mapping):
        return model(**{name: value for name, value in batch.items() if name != ID_KEY})
    return model(batch[0] if isinstance(batch, list | tuple) else batch)


def _is_indexed(batch: Any) -> bool:
    """Return whether `batch` is (ids, (x, …)), as an `IndexedDataset` yields it."""
    if not isinstance(batch, list | tuple) or len(batch) != 2:
        return False
    first, second = batch
    ids = isinstance(first, Tensor) and first.ndim == 1 and first.dtype == torch.int64
    return ids and isinstance(second, list | tuple)
