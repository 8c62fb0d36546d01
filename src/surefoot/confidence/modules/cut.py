"""A module as a function of some of its parameters, with all that comes before them run once.

What comes before the chosen parameters gives every chain the same features. A module is therefore
cut in two where that can be done cleanly: an `nn.Sequential` before its first child with a chosen
parameter, any other module before the one layer that holds them all, if the output of that layer
is that of the module. A module that can't be cut runs as a whole inside `torch.func.vmap`. That
computes once, too, what no chain changes, but it takes fewer operations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from surefoot.confidence.modules.batches import in_precision, tensors_in
from surefoot.ground.errors import InputError

Inputs = tuple[tuple[Any, ...], dict[str, Any]]


class Network:
    """A module as a function of chosen parameters.

    Parameters
    ----------
    model : nn.Module
        Is never changed.
    chosen : dict of str to nn.Parameter
    dtype : torch.dtype, optional
        Of the chosen parameters and of all they meet; default: theirs.
    cut : bool
        Whether the module may be cut.

    Attributes
    ----------
    start : Tensor of shape (d,)
        The parameters as they are, one after the other.
    names : tuple of str
        Of their elements, such as ``"fc.weight[0,3]"``.
    """

    def __init__(
        self,
        model: nn.Module,
        chosen: Mapping[str, nn.Parameter],
        *,
        dtype: torch.dtype | None = None,
        cut: bool = True,
    ) -> None:
        self.model = model
        self._shapes = {name: parameter.shape for name, parameter in chosen.items()}
        self.start = _flat(chosen, dtype)
        self.names = tuple(name for item in self._shapes.items() for name in _elements(*item))
        self._converts = any(p.dtype != self.start.dtype for p in chosen.values())
        # What every chain runs, the module it begins with, and the prefix of its names.
        self._rest, self._entry, self._prefix = model, model, ""
        if cut:
            self._rest, self._entry, self._prefix = _cut(model, list(chosen))

    def trace(self, inputs: Any) -> list[str]:
        """Run the model, and make it whole again if it can't be cut where it was.

        Returns
        -------
        list of str
            The modules with parameters of their own, in the order they were run.

        Raises
        ------
        InputError
            If running the model changes a buffer.
        """
        args, kwargs = _arguments(inputs)
        order: list[str] = []
        before = {name: buffer.clone() for name, buffer in self.model.named_buffers()}
        with _observed(self.model, order), self._reaching() as reached:
            output = self.model(*args, **kwargs)
        for name, buffer in self.model.named_buffers():
            if not torch.equal(buffer, before[name]):
                buffer.copy_(before[name])
                allowed = "model.eval(), or eval() of its module"
                raise InputError(f"model, buffer {name!r}", "changed by a forward pass", allowed)
        if len(reached) != 1 or not _alike(self._run_rest(reached[0]), output):
            self._rest, self._entry, self._prefix = self.model, self.model, ""
        return order

    def features(self, inputs: Any) -> Inputs:
        """Return what the part that chains run is given: inputs by position, and by name.

        Parameters
        ----------
        inputs : Any
            A tensor, inputs by position as a tuple or list, or by name as a mapping.
        """
        args, kwargs = _arguments(inputs)
        if self._rest is not self.model:
            with self._reaching() as reached:
                self.model(*args, **kwargs)
            args, kwargs = reached[0]
        features: Inputs = self.converted((args, kwargs))
        return features

    def converted(self, batch: Any) -> Any:
        """Return tensors in the precision of the chosen parameters, if it is another."""
        return in_precision(batch, self.start.dtype) if self._converts else batch

    def output(self, theta: Tensor, features: Inputs) -> Any:
        """Return the output of the model with the chosen parameters θ, shape (d,)."""
        values = {name.removeprefix(self._prefix): v for name, v in self.split(theta).items()}
        return functional_call(self._rest, self._others() | values, *features)

    def split(self, theta: Tensor) -> dict[str, Tensor]:
        """Return the chosen parameters by name, as views of θ."""
        parts = theta.split([shape.numel() for shape in self._shapes.values()])
        named = zip(self._shapes.items(), parts, strict=True)
        return {name: part.view(shape) for (name, shape), part in named}

    def of_matrices(self) -> NDArray[np.float64]:
        """Return 1 for elements of matrices and larger parameters, 0 for biases and scales."""
        kinds = [np.full(shape.numel(), float(len(shape) > 1)) for shape in self._shapes.values()]
        return np.concatenate(kinds)

    def _others(self) -> dict[str, Tensor]:
        """Return all tensors of the part that chains run, if they need another precision."""
        if not self._converts:
            return {}
        tensors = dict(self._rest.named_parameters()) | dict(self._rest.named_buffers())
        others: dict[str, Tensor] = in_precision(tensors, self.start.dtype)
        return others

    def _run_rest(self, features: Inputs) -> Any:
        args, kwargs = features
        return self._rest(*args, **kwargs)

    @contextmanager
    def _reaching(self) -> Iterator[list[Inputs]]:
        """Collect what the first module of the part that chains run is given."""
        reached: list[Inputs] = []
        hook = self._entry.register_forward_pre_hook(
            lambda _, args, kwargs: reached.append((args, kwargs)), with_kwargs=True
        )
        try:
            yield reached
        finally:
            hook.remove()


def _cut(model: nn.Module, names: list[str]) -> tuple[nn.Module, nn.Module, str]:
    """Return the part of a model from the chosen parameters on, its first module and its prefix."""
    if isinstance(model, nn.Sequential):
        children = [name for name, _ in model.named_children()]
        first = min(children.index(name.partition(".")[0]) for name in names)
        return (model[first:], model[first], "") if first else (model, model, "")
    layers = {name.rpartition(".")[0] for name in names}
    if len(layers) > 1:
        return model, model, ""
    layer = layers.pop()
    module = model.get_submodule(layer)
    return module, module, f"{layer}." if layer else ""


@contextmanager
def _observed(model: nn.Module, order: list[str]) -> Iterator[None]:
    """Note the modules with parameters of their own as they run."""
    hooks = [
        module.register_forward_pre_hook(lambda *_, name=name: order.append(name))
        for name, module in model.named_modules()
        if any(True for _ in module.parameters(recurse=False))
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _alike(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    pairs = list(zip(tensors_in(one), tensors_in(other), strict=False))
    return bool(pairs) and all(a.shape == b.shape and torch.allclose(a, b) for a, b in pairs)


def _arguments(inputs: Any) -> Inputs:
    if isinstance(inputs, Mapping):
        return (), dict(inputs)
    return (tuple(inputs), {}) if isinstance(inputs, tuple | list) else ((inputs,), {})


def _flat(chosen: Mapping[str, nn.Parameter], dtype: torch.dtype | None) -> Tensor:
    """Return the parameters one after the other, in a precision that chains can have."""
    kinds = {(p.device, p.dtype) for p in chosen.values()}
    if len({device for device, _ in kinds}) > 1:
        raise InputError("params", "parameters on several devices", "one device")
    wanted = {dtype} if dtype is not None else {kind for _, kind in kinds}
    if len(wanted) > 1 or not wanted <= {torch.float32, torch.float64}:
        found = ", ".join(sorted(map(str, wanted)))
        # Steps of chains in half precision would be rounded away.
        raise InputError("dtype", found, "torch.float32 or torch.float64")
    return torch.cat([p.detach().reshape(-1) for p in chosen.values()]).to(wanted.pop())


def _elements(name: str, shape: torch.Size) -> Iterator[str]:
    for index in np.ndindex(*shape):
        yield f"{name}[{','.join(map(str, index))}]" if index else name
