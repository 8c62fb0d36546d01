"""Which tensors of a model are averaged, under which names, and whether they are still in place.

Averages are held beside the model, never in a copy of it: nothing here calls ``deepcopy``. Names
are canonical: what wrappers add (``module.``, ``_orig_mod.``, …) is taken off, so that averages of
a wrapped model fit the bare one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from surefoot.averaging.batchnorm import tracked_norms
from surefoot.averaging.buffers import listed
from surefoot.ground.errors import InputError

Source = nn.Module | Mapping[str, Tensor] | Iterable[tuple[str, Tensor]]
# Submodules that wrappers put between a module and its own name.
_WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
STATISTICS = ("running_mean", "running_var")


@dataclass(frozen=True)
class Member:
    """An averaged tensor.

    Attributes
    ----------
    name : str
        Canonical name.
    tensor : Tensor
        The parameter or buffer itself, as the model holds it.
    owner : nn.Module or None
        The module that holds it; None for tensors given by name.
    attribute : str
        Its name in the owner.
    sharded : bool
        Whether it is a DTensor, of which each process holds a shard.
    """

    name: str
    tensor: Tensor
    owner: nn.Module | None = None
    attribute: str = ""
    sharded: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sharded", is_sharded(self.tensor))

    @property
    def held(self) -> Any:
        """What the model holds in its place now."""
        if self.owner is None:
            return self.tensor
        return self.owner._parameters.get(self.attribute, self.owner._buffers.get(self.attribute))

    def local(self) -> Tensor:
        """Return the tensor, or this process's shard of it, as a view outside the graph."""
        return local_of(self.tensor)

    def like(self, local: Tensor) -> Tensor:
        """Return a tensor like the model's own from the contents of this process's shard."""
        if not self.sharded:
            return local
        whole: Any = self.tensor
        kind: Any = type(whole.detach())  # DTensor, wherever this torch keeps it
        return kind.from_local(
            local,
            whole.device_mesh,
            whole.placements,
            run_check=False,
            shape=whole.shape,
            stride=whole.stride(),
        )


class Binding:
    """The averaged tensors of a model in a fixed order.

    Parameters
    ----------
    source : nn.Module, or named tensors
    statistics : bool
        Whether running statistics of norms are averaged too.
    only_trainable : bool
        Whether parameters that don't require gradients are left out; they don't move.

    Attributes
    ----------
    model : nn.Module or None
        As it was given; None for named tensors.
    members : list of Member
    aliases : dict
        Further names of tied tensors: alias -> name of the member.
    frozen : list of Member
        Parameters left out by `only_trainable`.
    """

    def __init__(self, source: Source, *, statistics: bool, only_trainable: bool) -> None:
        self.model = source if isinstance(source, nn.Module) else None
        self._kind = {"statistics": statistics, "only_trainable": only_trainable}
        self.aliases: dict[str, str] = {}
        self.frozen: list[Member] = []
        self.members: list[Member] = []
        found = _of_module(source) if isinstance(source, nn.Module) else _of_names(source)
        names: dict[Any, str] = {}
        for member in found:
            _refuse(member)
            if not (member.tensor.is_floating_point() or member.tensor.is_complex()):
                continue  # integers are never averaged
            if (first := names.setdefault(place_of(member.tensor), member.name)) != member.name:
                self.aliases[member.name] = first
            elif only_trainable and self.model is not None and not member.tensor.requires_grad:
                self.frozen.append(member)
            else:
                self.members.append(member)
        if not self.members:
            allowed = "at least one trainable floating-point parameter"
            raise InputError("model", "nothing to average", allowed)
        if statistics and self.model is not None:
            self.members += _statistics(self.model)
        _refuse_overlaps(self.members)
        # Looked at after every step; plain loops over these cost next to nothing.
        self._tensors = [member.tensor for member in self.members]
        self._sharded = any(member.sharded for member in self.members)
        self._places: list[tuple[dict[str, Any], str, Any]] = [
            (store, member.attribute, member.tensor)
            for member in self.members
            if member.owner is not None
            for store in (member.owner._parameters, member.owner._buffers)
            if member.attribute in store
        ]
        modules = [] if self.model is None else list(self.model.modules())
        self._places += [
            (m._modules, name, child) for m in modules for name, child in m._modules.items()
        ]
        self._sizes = [(m._modules, len(m._modules)) for m in modules]

    @property
    def names(self) -> list[str]:
        """Canonical names of the members."""
        return [member.name for member in self.members]

    def check(self) -> None:
        """Raise if the model no longer holds the tensors that are averaged."""
        if self._is_other():
            self.reshard()
            if self._is_other():
                self._look_again()
        thawed = [member.name for member in self.frozen if member.tensor.requires_grad]
        if thawed:
            allowed = "only_trainable=False, for models that are unfrozen in steps"
            raise InputError("model", f"unfrozen since: {listed(thawed)}", allowed)

    def _is_other(self) -> bool:
        """Return whether tensors or modules are others, or more or fewer, than when last seen."""
        return any(held.get(key) is not known for held, key, known in self._places) or any(
            len(held) != size for held, size in self._sizes
        )

    def _look_again(self) -> None:
        """Raise unless the model has the same tensors under the same names, in other places."""
        now = Binding({} if self.model is None else self.model, **self._kind)
        old, new = ({m.name: m.tensor for m in binding.members} for binding in (self, now))
        faults = {
            "replaced tensors": [
                name for name in old if name in new and new[name] is not old[name]
            ],
            "gone": [name for name in old if name not in new],
            "new": [name for name in new if name not in old],
        }
        if any(faults.values()):
            found = "; ".join(f"{kind}: {listed(names)}" for kind, names in faults.items() if names)
            raise InputError("model", found, _REBIND)
        self.members = [member for name in old for member in now.members if member.name == name]
        self.aliases, self.frozen = now.aliases, now.frozen
        self._places, self._sizes = now._places, now._sizes

    def seen(self) -> list[Tensor]:
        """Return the tensors, or this process's shards of them, to be read outside the graph."""
        return [local_of(tensor) for tensor in self._tensors] if self._sharded else self._tensors

    def reshard(self) -> None:
        """Have FSDP drop what it keeps gathered: it stands in the place of the shards meanwhile."""
        for module in self.model.modules() if self.model is not None else ():
            reshard: Any = getattr(module, "reshard", None)
            if reshard is not None and hasattr(module, "unshard"):
                reshard()


_REBIND = (
    "the tensors that were bound: move or convert a model before it is bound, and call rebind() "
    "after putting tensors of the same form in their place"
)


def canonical_names(model: nn.Module) -> dict[str, str]:
    """Return the prefix of every module of `model`, without what wrappers add, by its real name."""
    names = {}
    parallel = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    modules = dict(model.named_modules(remove_duplicate=False))
    for name in modules:
        parts, path = [], ""
        for part in name.split(".") if name else []:
            parent, path = path, f"{path}.{part}" if path else part
            wrapped = part == "module" and isinstance(modules[parent], parallel)
            if not wrapped and part not in _WRAPPERS:
                parts.append(part)
        names[name] = ".".join(parts)
    return names


def canonical_state(model: nn.Module) -> dict[str, Any]:
    """Return ``model.state_dict()`` under canonical names."""
    names = canonical_names(model)
    state = {}
    for key, value in model.state_dict().items():
        path, _, attribute = key.rpartition(".")
        prefix = names.get(path, plain_name(path))
        state[f"{prefix}.{attribute}" if prefix else attribute] = value
    return state


def plain_name(name: str) -> str:
    """Return `name` without what `torch.compile`, FSDP and checkpointing add."""
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def plain_names(named: Mapping[str, Any]) -> dict[str, Any]:
    """Return `named` under canonical names; ``module.`` goes if every name starts with it."""
    plain = {plain_name(name): value for name, value in named.items()}
    if plain and all(name.startswith("module.") for name in plain):
        plain = {name.removeprefix("module."): value for name, value in plain.items()}
    return plain


def is_sharded(tensor: Tensor) -> bool:
    """Return whether `tensor` is a DTensor, of which a process holds a shard."""
    return hasattr(tensor, "to_local") and hasattr(tensor, "placements")


def local_of(tensor: Tensor) -> Tensor:
    """Return `tensor`, or this process's shard of it, as a view outside the graph.

    Writing through it bumps the version counter, so that autograd notices; writing through
    ``.data`` would corrupt gradients silently.
    """
    local: Any = tensor.detach()
    return local.to_local() if is_sharded(tensor) else local


def _of_module(model: nn.Module) -> Iterator[Member]:
    names = canonical_names(model)
    for path, module in model.named_modules(remove_duplicate=False):
        for attribute, tensor in module._parameters.items():
            if tensor is not None:
                prefix = names[path]
                name = f"{prefix}.{attribute}" if prefix else attribute
                yield Member(name, tensor, module, attribute)


def _of_names(source: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]]) -> Iterator[Member]:
    try:
        pairs = list(source.items()) if isinstance(source, Mapping) else list(source)
        tensors = dict(pairs)
    except (TypeError, ValueError) as error:
        allowed = "a module, or named tensors such as model.named_parameters()"
        raise InputError("model", type(source).__name__, allowed) from error
    if len(tensors) < len(pairs):
        raise InputError("model", "a name given twice", "a name of its own for each tensor")
    for name, tensor in tensors.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise InputError("model", f"{name!r}: {type(tensor).__name__}", "tensors by name")
    for name, tensor in plain_names(tensors).items():
        yield Member(name, tensor)


def _statistics(model: nn.Module) -> Iterator[Member]:
    names = canonical_names(model)
    for path, norm in tracked_norms(model).items():
        for attribute in STATISTICS:
            name = f"{names[path]}.{attribute}" if names[path] else attribute
            yield Member(name, norm.get_buffer(attribute), norm, attribute)


def _refuse(member: Member) -> None:
    tensor = member.tensor
    problem = None
    if nn.parameter.is_lazy(tensor):
        problem = "not initialised yet: run a first batch"
    elif tensor.is_meta:
        problem = "on the meta device: materialise the model first"
    elif tensor.layout is not torch.strided:
        problem = f"of layout {tensor.layout}"
    elif tensor.is_quantized:
        problem = "quantised"
    if problem:
        raise InputError(f"parameter {member.name!r}", problem, "a dense tensor with contents")


def place_of(tensor: Tensor) -> Any:
    """Return what tied tensors have in common: identity, or the same piece of memory."""
    if is_sharded(tensor) or tensor.numel() == 0:
        return id(tensor)
    return tensor.device, tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype


def _refuse_overlaps(members: list[Member]) -> None:
    """Raise where two tensors share part of their memory: contents could not be swapped."""
    spans = []
    for member in members:
        tensor = member.local()
        if tensor.numel():
            last = sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride(), strict=True))
            start = tensor.data_ptr()
            end = start + (last + 1) * tensor.element_size()
            spans.append((str(tensor.device), start, end, member.name, last + 1 == tensor.numel()))
    spans.sort()
    for (device, _, end, name, whole), (other, start, _, twin, also) in pairwise(spans):
        # Tensors with gaps (columns of one matrix) may interleave without sharing an element.
        if device == other and start < end and whole and also:
            allowed = "tensors that are the same or apart"
            raise InputError("model", f"{name!r} and {twin!r} share part of their memory", allowed)
