"""Put an average into a live model and take it out again, whatever happens in between.

Contents are exchanged in place. Parameters stay the same objects at the same addresses, so that
optimizers, compiled code, hooks and shards go on knowing them, and the raw weights wait in the
average's own storage. What is asked of ``state_dict()`` meanwhile is answered with the raw
weights: a checkpoint written in the middle of an evaluation must not contain the average.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from surefoot.averaging.arithmetic import exchange_, foreach_copy_
from surefoot.averaging.binding import Binding, local_of
from surefoot.averaging.buffers import Flat, is_dense

_RAW = (
    "state_dict() of a model that serves an average gives the raw weights, so that a checkpoint "
    "written now can be resumed; use averaged_state_dict() or export() for the average"
)


class Swap:
    """A model for the length of a block that may serve an average.

    Parameters
    ----------
    binding : Binding
    average : Flat or None
        What to put in; its storage may hold the raw weights until `undo`. None leaves the raw
        weights in the model.
    statistics : sequence of Tensor
        Buffers that will be re-estimated in the block.
    quiet : bool
        Whether ``state_dict()`` gives the raw weights without a warning.

    Attributes
    ----------
    average : Flat or None
    exchanged : bool
        Whether the raw weights wait in the storage of `average`, else in copies of their own.
    """

    def __init__(
        self,
        binding: Binding,
        average: Flat | None,
        *,
        statistics: Sequence[Tensor] = (),
        quiet: bool = False,
    ) -> None:
        self.average, self.exchanged = average, False
        self._binding, self._quiet = binding, quiet
        self._live = [member.local() for member in binding.members]
        self._raw: list[Tensor] = []
        self._hooks: list[Any] = []
        if average is not None:
            self._put_in(average)
        self._statistics = [(buffer, buffer.clone()) for buffer in statistics]
        self._answer_with_raw_weights()

    @torch.no_grad()
    def _put_in(self, average: Flat) -> None:
        self.exchanged = all(
            live.dtype == held.dtype and live.device == held.device and is_dense(live)
            for live, held in zip(self._live, average.views, strict=True)
        )
        if self.exchanged:
            self._raw = average.views
            exchange_(self._live, self._raw)
        else:
            self._raw = [live.clone() for live in self._live]
            foreach_copy_(self._live, average.views)

    @torch.no_grad()
    def undo(self) -> None:
        """Put everything back, bit for bit."""
        for hook in self._hooks:
            hook.remove()
        for buffer, before in self._statistics:
            buffer.copy_(before)
        if self.average is None:
            return
        self._binding.reshard()
        if self.exchanged:
            exchange_(self._live, self._raw)
        else:
            foreach_copy_(self._live, self._raw)
        self._follow()

    def _follow(self) -> None:
        """Bring the raw weights to where the model was moved or converted inside the block."""
        for member, live in zip(self._binding.members, self._live, strict=True):
            held = live if member.held is None else local_of(member.held)
            if held.data_ptr() != live.data_ptr() and held.shape == live.shape:
                held.copy_(live)

    def in_model(self) -> dict[str, Tensor]:
        """Return copies of what is in the model now, by name."""
        pairs = zip(self._binding.members, self._live, strict=True)
        return {member.name: member.like(live.clone()) for member, live in pairs}

    def averaged(self) -> dict[str, Tensor]:
        """Return copies of the average by name, without what was re-estimated."""
        kept = {id(buffer): before for buffer, before in self._statistics}
        pairs = zip(self._binding.members, self._live, strict=True)
        return {m.name: kept.get(id(m.tensor), live).clone() for m, live in pairs}

    def _answer_with_raw_weights(self) -> None:
        """Have every module that holds an averaged tensor answer for it, whichever is asked."""
        raw = {id(buffer): before for buffer, before in self._statistics}
        for member, waiting in zip(self._binding.members, self._raw, strict=False):
            raw[id(member.tensor)] = member.like(waiting)
        for module in self._binding.model.modules() if self._binding.model else ():
            held = {
                attribute: raw[id(tensor)]
                for attribute, tensor in [*module._parameters.items(), *module._buffers.items()]
                if tensor is not None and id(tensor) in raw
            }
            if held:
                self._hooks.append(module._register_state_dict_hook(self._hook(held)))

    def _hook(self, held: dict[str, Tensor]) -> Any:
        def answer(module: nn.Module, state: dict[str, Any], prefix: str, metadata: Any) -> None:
            for attribute, raw in held.items():
                if f"{prefix}{attribute}" in state:
                    # A copy: the storage holds the average again once the swap is undone.
                    state[f"{prefix}{attribute}"] = raw.clone()
            if not self._quiet:
                self._quiet = True
                warnings.warn(_RAW, RuntimeWarning, stacklevel=4)

        return answer
