"""What averages take in: the weights as they are now, checked, where the averages live."""

from __future__ import annotations

import torch
from torch import Tensor

from surefoot.averaging.arithmetic import are_finite, foreach_copy_
from surefoot.averaging.binding import Binding
from surefoot.averaging.buffers import Flat, Layout, listed
from surefoot.ground.errors import InputError

_Form = tuple[torch.Size, torch.dtype, torch.device]


class Intake:
    """Reads the weights of a model after a step.

    Parameters
    ----------
    binding : Binding
    device : torch.device or None
        Where the averages live; None for beside each tensor. Weights from elsewhere are copied
        into one set of buffers, pinned if they are on the CPU.
    """

    def __init__(self, binding: Binding, device: torch.device | None) -> None:
        self.binding = binding
        self._forms = [_form(tensor) for tensor in binding.seen()]
        self._staging: Flat | None = None
        live = binding.seen()
        if device is not None and any(tensor.device != device for tensor in live):
            waiting = Layout(binding.names, live, [tensor.dtype for tensor in live], device)
            pinned = device.type == "cpu" and torch.cuda.is_available()
            self._staging = waiting.empty(pin_memory=pinned)

    def rebind(self, binding: Binding) -> None:
        """Go on with other tensors of the same names and forms."""
        forms = [_form(tensor) for tensor in binding.seen()]
        if (binding.names, forms) != (self.binding.names, self._forms):
            allowed = "tensors of the same names, shapes, dtypes and devices"
            raise InputError("model", "another set of tensors", allowed)
        self.binding = binding

    @torch.no_grad()
    def theta(self) -> list[Tensor]:
        """Return the weights, to be read before the next step."""
        self.binding.check()
        live = self.binding.seen()
        forms = [_form(tensor) for tensor in live]
        if forms != self._forms:
            pairs = zip(self.binding.names, forms, self._forms, strict=True)
            changed = [f"{name}: {new} was {old}" for name, new, old in pairs if new != old]
            raise InputError("model", listed(changed, 3), "shapes, dtypes and devices that stay")
        if self._staging is None:
            return live
        foreach_copy_(self._staging.views, live)
        return self._staging.views

    def not_finite(self, theta: list[Tensor]) -> list[str]:
        """Return the names of the weights that are infinite or NaN."""
        if are_finite(theta):
            return []
        pairs = zip(self.binding.names, theta, strict=True)
        return [name for name, tensor in pairs if not are_finite([tensor])]


def _form(tensor: Tensor) -> _Form:
    return tensor.shape, tensor.dtype, tensor.device
