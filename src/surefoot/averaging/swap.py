"""Put an average into a live model and take it out again, whatever happens in between.

Contents are exchanged in place. Parameters stay the same objects at the same addresses, so that
optimizers, compiled code, hooks and shards go on knowing them, and the raw weights wait in the
average's own storage. What is asked of ``state_dict()`` meanwhile is answered with the raw
weights: a checkpoint written in the middle of an evaluation must not contain the average.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from surefoot.averaging.arithmetic import exchange_, foreach_copy_
from surefoot.averaging.batchnorm import tracked_norms
from surefoot.averaging.binding import Binding, local_of
from surefoot.averaging.buffers import Flat, is_dense
from surefoot.averaging.notices import warn
from surefoot.ground.errors import InputError

_RAW = (
    "state_dict() of a model that serves an average gives the raw weights, so that a checkpoint "
    "written now can be resumed; use averaged_state_dict() or export() for the average"
)
_CHANGED = (
    "weights were changed inside applied(): the raw ones are back as they were, but the average "
    "may have kept the change"
)


class Swap:
    """A model for the length of a block that may serve an average.

    Parameters
    ----------
    binding : Binding
    average : Flat or None
        What to put in; its storage may hold the raw weights until `undo`. None leaves the raw
        weights in the model.
    serves : object
        What the caller knows the average by.
    quiet : bool
        Whether ``state_dict()`` gives the raw weights without a warning.

    Attributes
    ----------
    average : Flat or None
    serves : object
    exchanged : bool
        Whether the raw weights wait in the storage of `average`, else in copies of their own.
    transparent : bool
        Whether ``state_dict()`` gives what is in the model for once.
    """

    def __init__(
        self, binding: Binding, average: Flat | None, *, serves: object = None, quiet: bool = False
    ) -> None:
        self.average, self.serves, self.quiet = average, serves, quiet
        self.exchanged = self.transparent = False
        self._binding = binding
        self._live = [member.local() for member in binding.members]
        self._raw: list[Tensor] = []
        self._statistics: list[tuple[Tensor, Tensor]] = []
        self._versions: list[int] = []
        self._answers: list[Any] = []

    @torch.no_grad()
    def begin(self) -> None:
        """Put the average in. Should that fail, `undo` puts back what has been done."""
        model = self._binding.model
        if model is not None:
            _refuse_another(model)
        if self.average is not None:
            self._put_in(self.average)
        # A pass in training mode, or a re-estimation, changes these behind the average's back.
        norms = {} if model is None else tracked_norms(model)
        buffers = [buffer for norm in norms.values() for buffer in norm.buffers(recurse=False)]
        self._statistics = [(buffer, buffer.clone()) for buffer in buffers]
        self._versions = self._seen()
        self._answer_with_raw_weights()

    def _put_in(self, average: Flat) -> None:
        fits = all(
            (live.dtype, live.device, live.stride()) == (held.dtype, held.device, held.stride())
            and is_dense(live)
            for live, held in zip(self._live, average.views, strict=True)
        )
        if fits:
            exchange_(self._live, average.views)
            self._raw, self.exchanged = average.views, True
        else:
            self._raw = [live.clone() for live in self._live]
            foreach_copy_(self._live, average.views)

    @torch.no_grad()
    def undo(self) -> None:
        """Put everything back, bit for bit."""
        for answer in self._answers:
            answer.remove()
        changed = self.exchanged and self._versions not in ([], self._seen())
        for buffer, before in self._statistics:
            buffer.copy_(before)
        if self._raw:
            self._binding.reshard()
            if self.exchanged:
                exchange_(self._live, self._raw)
            else:
                foreach_copy_(self._live, self._raw)
            self._follow()
        if changed:
            warn(_CHANGED)

    def _seen(self) -> list[int]:
        """Return how often each weight has been written to."""
        restored = {id(buffer) for buffer, _ in self._statistics}
        return [m.tensor._version for m in self._binding.members if id(m.tensor) not in restored]

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
        model = self._binding.model
        raw = {id(buffer): before for buffer, before in self._statistics}
        for member, waiting in zip(self._binding.members, self._raw, strict=False):
            raw[id(member.tensor)] = member.like(waiting)
        for module in model.modules() if model is not None else ():
            held = {
                attribute: raw[id(tensor)]
                for attribute, tensor in [*module._parameters.items(), *module._buffers.items()]
                if tensor is not None and id(tensor) in raw
            }
            if held:
                answer = module._register_state_dict_hook(_Answer(self, module, held))
                # Before hooks of others, which may give names of their own to what they find.
                hooks: Any = module._state_dict_hooks
                hooks.move_to_end(answer.id, last=False)
                self._answers.append(answer)


class _Answer:
    """Answers for one module that serves an average, as a hook of its ``state_dict()``."""

    def __init__(
        self, swap: Swap | None, module: nn.Module | None, held: Mapping[str, Tensor]
    ) -> None:
        self._swap, self._module, self._held = swap, module, held

    def answers_for(self, module: nn.Module) -> bool:
        """Return whether `module` is the one it was made for, and not a copy of that."""
        return module is self._module

    def __call__(
        self, module: nn.Module, state: dict[str, Any], prefix: str, metadata: Any
    ) -> None:
        if self._swap is None or not self.answers_for(module) or self._swap.transparent:
            return
        for attribute, raw in self._held.items():
            if f"{prefix}{attribute}" in state:
                # A copy: the storage holds the average again once the swap is undone.
                state[f"{prefix}{attribute}"] = raw.clone()
        if not self._swap.quiet:
            self._swap.quiet = True
            warn(_RAW)

    def __reduce__(self) -> tuple[Any, ...]:
        # Copies of a module keep what it served: in them there is nothing to answer.
        return type(self), (None, None, {})


def _refuse_another(model: nn.Module) -> None:
    """Raise if another averager serves in a part of the model."""
    for module in model.modules():
        for hook in module._state_dict_hooks.values():
            if isinstance(hook, _Answer) and hook.answers_for(module):
                found = "the average of another averager in the model"
                raise InputError("applied", found, "one at a time")
