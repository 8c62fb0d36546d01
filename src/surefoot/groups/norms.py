"""Which BatchNorms run behind a FairDropout layer? Found by watching one forward."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from surefoot.groups.layer import FairDropout

BatchNorm = nn.modules.batchnorm._BatchNorm  # base of BatchNorm1d to 3d and SyncBatchNorm


class BatchNormWarning(UserWarning):
    """A BatchNorm learns its statistics from a network with the memory on."""


def keeps_statistics(module: nn.Module) -> bool:
    """Return whether inference uses statistics that `module` gathered in training."""
    return isinstance(module, BatchNorm) and module.track_running_stats


@contextmanager
def watch_norms(model: nn.Module, layers: Sequence[FairDropout]) -> Iterator[dict[str, nn.Module]]:
    """Yield a dictionary that fills with the norms that run after one of `layers`.

    They stand by name, in order of execution, which takes the place of dataflow: in a network with
    parallel branches a norm of another branch may be included.
    """
    behind: dict[str, nn.Module] = {}
    passed: list[FairDropout] = []

    def layer_runs(layer: FairDropout, *_: Any) -> None:
        if not torch.compiler.is_compiling():  # or the hook would stay in the compiled code
            passed.append(layer)

    with ExitStack() as stack:
        for layer in layers:
            stack.enter_context(layer.register_forward_hook(layer_runs))
        for name, module in model.named_modules():
            if keeps_statistics(module):

                def norm_runs(norm: nn.Module, _: Any, name: str = name) -> None:
                    if passed and not torch.compiler.is_compiling():
                        behind[name] = norm

                stack.enter_context(module.register_forward_pre_hook(norm_runs))
        yield behind


@contextmanager
def warn_of_norms(model: nn.Module, layers: Sequence[FairDropout]) -> Iterator[None]:
    """Warn if a BatchNorm in training mode runs behind one of `layers` in this first forward.

    Compiled code runs without hooks and gets no warning.
    """
    if all(layer.norms_checked for layer in layers) or not any(
        keeps_statistics(module) and module.training for module in model.modules()
    ):
        yield
        return
    with watch_norms(model, layers) as behind:
        yield
    for layer in layers:
        layer.norms_checked = True
    learning = [name for name, norm in behind.items() if norm.training]
    if learning:
        names = ", ".join(map(repr, learning))
        warnings.warn(
            f"BatchNorm in training mode behind FairDropout: {names}. Its statistics will describe "
            "a network with the memory on. Call recalibrate_batchnorm after training, keep the "
            "norm in eval() mode, or place FairDropout behind the last norm.",
            BatchNormWarning,
            stacklevel=5,  # the line of `with tied(...)`
        )
