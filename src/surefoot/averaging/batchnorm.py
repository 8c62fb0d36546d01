"""Norms with running statistics: which they are, and how to estimate those statistics anew.

Statistics gathered along the training trajectory describe the networks that stood there, not the
network of averaged weights. One pass over training inputs gives it statistics of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from surefoot.ground.errors import InputError
from surefoot.ground.fitting import PooledMoments, evaluating

InstanceNorm = nn.modules.instancenorm._InstanceNorm  # base of InstanceNorm1d to 3d


def tracked_norms(model: nn.Module) -> dict[str, nn.Module]:
    """Return the norms whose inference uses statistics gathered in training.

    Returns
    -------
    dict of str to nn.Module
        Every module with ``track_running_stats`` and buffers ``running_mean`` and ``running_var``,
        by its name in ``model.named_modules()``: BatchNorm, SyncBatchNorm, tracking InstanceNorm
        and what is built like them.
    """
    return {
        name: module
        for name, module in model.named_modules()
        if getattr(module, "track_running_stats", False)
        and isinstance(module._buffers.get("running_mean"), Tensor)
        and isinstance(module._buffers.get("running_var"), Tensor)
    }


def recalibrate(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    forward: Callable[[nn.Module, Any], object] | None = None,
    max_batches: int | None = None,
) -> list[str]:
    """Estimate the statistics of every tracked norm anew, in one pass over `batches`.

    Only the norms run in training mode, so that each sees what the norms before it make of the
    batch; dropout stays off. Means and variances are pooled over all values in float64. The
    momentum plays no part, the grouping into batches only where a norm follows another.

    Parameters
    ----------
    model : nn.Module
        Its statistics change in place; modes, momenta and ``num_batches_tracked`` do not. If
        anything fails, the statistics are those from before.
    batches : iterable
        Training inputs, on the model's device. A few thousand examples are enough.
    forward : callable ``(model, batch)``, optional
        How to run a batch; by default ``model(batch)`` with the first element of a tuple or list,
        or with the entries of a mapping as keywords.
    max_batches : int, optional
        How many batches to use; default: all.

    Returns
    -------
    list of str
        Names of the norms that ran, in the order of the modules; the others keep what they had.
        Empty for a model without norms, whose batches are left alone.

    Raises
    ------
    InputError
        If no norm ran, as without batches, or one saw a single value a channel.

    Notes
    -----
    With `torch.distributed` initialised every process calls this with batches of its own, and all
    end with the same statistics, those of all the batches. A network that communicates in its
    forward (SyncBatchNorm, DistributedDataParallel) needs as many batches on every process.

    Norms that training kept frozen are estimated anew like the others. InstanceNorm gets the mean
    over examples of their means and variances, as in training.

    `torch.optim.swa_utils.update_bn` puts the whole model in training mode, dropout included, and
    averages the variances of the batches, which leaves out what differs between batches.
    """
    if max_batches is not None and (not isinstance(max_batches, int) or max_batches < 1):
        raise InputError("max_batches", max_batches, "a whole number from 1, or None for all")
    norms = tracked_norms(model)
    if not norms:
        return []
    run = _run if forward is None else forward
    observers = [_Observer(name, norm) for name, norm in norms.items()]
    # A shuffling loader draws from the global generator, which belongs to the training.
    with torch.no_grad(), torch.random.fork_rng(devices=[]), _observed(model, observers):
        for batch in islice(batches, max_batches):
            run(model, batch)
    found = [(observer, observer.statistics()) for observer in observers]
    ran = [(observer, statistics) for observer, statistics in found if statistics is not None]
    if not ran:
        raise InputError("batches", "none that ran a norm", "at least one that does")
    with torch.no_grad():
        for observer, (mean, variance) in ran:
            observer.norm.running_mean.copy_(mean)
            observer.norm.running_var.copy_(variance)
    return [observer.name for observer, _ in ran]


class _Observer:
    """Pools what one norm is given; called as its forward pre-hook."""

    def __init__(self, name: str, norm: Any) -> None:
        self.name, self.norm = name, norm
        self._by_example = isinstance(norm, InstanceNorm)
        self._moments = PooledMoments(norm.running_mean.repeat(2 if self._by_example else 1))

    def __call__(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        x = args[0] if args else kwargs["input"]
        if self._by_example and x.ndim == self.norm._get_no_batch_dim():
            x = x[None]
        if x.shape.numel() <= x.shape[1] * (len(x) if self._by_example else 1):
            where = f"batches, at the norm {self.name!r}"
            raise InputError(where, f"an input of shape {tuple(x.shape)}", "2 values a channel")
        if self._by_example:
            # Every example counts once, with its mean and its variance as two channels.
            x = x.double().flatten(2)
            x = torch.cat([x.mean(2), x.var(2)], dim=1)
        self._moments.add(x)

    def statistics(self) -> tuple[Tensor, Tensor] | None:
        """Return mean and variance over all processes, or None if the norm ran on none."""
        moments = self._moments.gathered()
        if moments.count == 0:
            return None
        if self._by_example:
            mean, variance = moments.mean.chunk(2)
            return mean, variance
        return moments.mean, moments.variance


@contextmanager
def _observed(model: nn.Module, observers: Sequence[_Observer]) -> Iterator[None]:
    """Put the norms alone in training mode and observe them; give them everything back after."""
    buffers = [buffer for observer in observers for buffer in observer.norm.buffers(recurse=False)]
    before = [buffer.clone() for buffer in buffers]
    with evaluating(model), _uncompiled(), ExitStack() as hooks:
        for observer in observers:
            observer.norm.train()
            hooks.enter_context(observer.norm.register_forward_pre_hook(observer, with_kwargs=True))
        try:
            yield
        finally:
            for buffer, old in zip(buffers, before, strict=True):
                buffer.copy_(old)


def _uncompiled() -> AbstractContextManager[object]:
    """Run compiled modules as they were written: their code does not call hooks set after it."""
    set_stance = getattr(torch.compiler, "set_stance", None)  # from torch 2.6
    return nullcontext() if set_stance is None else set_stance("force_eager")


def _run(model: nn.Module, batch: Any) -> object:
    if isinstance(batch, Mapping):
        return model(**batch)
    return model(batch[0] if isinstance(batch, list | tuple) else batch)
