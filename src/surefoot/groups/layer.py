"""FairDropout: every training example owns a fixed random part of a memorising block of units.

While the network trains on an example only that example's own memorising units are on; at
inference the whole block is off. What is special to few examples can settle in units that
inference never uses.

Source: Nanfack & Belilovsky, "FairDropout: Using Example-Tied Dropout to Enhance Generalization of
Minority Groups", arXiv 2502.06695 (2025), section 3.3; Maini et al., "Can Neural Network
Memorization Be Localized?", ICML 2023. Written from the description; the paper has no public code.
"""

from __future__ import annotations

import json
import math
import numbers
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from surefoot.ground.errors import InputError, one_of
from surefoot.ground.streams import subseed
from surefoot.groups.masks import bernoulli_mask, fixed_mask, pack_bits, unpack_bits
from surefoot.groups.recompute import Recomputation, running_backward

Allocation = Literal["fixed", "bernoulli", "one"]
Memory = Literal["drop", "keep", "own"]
Rescale = Literal["active", "reference", "none"]
OnMissing = Literal["raise", "drop"]

UNKNOWN = -1  # the id of an example that owns no memory
_STATE_FORMAT = 1
_TABLE_CHUNK = 16_384


class FairDropout(nn.Module):
    """Example-tied dropout over the units (channels) of one activation.

    Of H = `num_features` units the first G = max(1, ⌊p_gen·H⌋) generalise and are always on. The
    other M = H − G memorise: example i uses the subset mᵢ ∈ {0, 1}^M that belongs to its id.

    ========================  =====================  ==============================
    mode                      generalising units     memorising units
    ========================  =====================  ==============================
    ``train()``               z                      mᵢ · z
    ``train()``, id −1        s · z                  0
    ``eval()``, drop          s · z                  0
    ``eval()``, keep          z                      z · (mean share that is on)
    ``eval()``, own           z                      mᵢ · z
    ========================  =====================  ==============================

    Unlike `torch.nn.Dropout`, masks do not change between epochs, active units are not scaled up in
    training, and inference uses fewer units than training did.

    Parameters
    ----------
    num_features : int
        H, the size of axis `feature_dim` of the input.
    p_gen : float, default 0.2
        Share of generalising units, in (0, 1]. With 1 the layer is the identity.
    p_mem : float, default 0.5
        Share of the memorising units that one example uses, in [0, 1]. A memorising unit is shared
        by about p_mem·N of N training examples. The paper discloses one setting (0.2, 0.2); the
        default here is our own, measured stronger.
    allocation : {"fixed", "bernoulli", "one"}
        Every example owns exactly max(1, round(p_mem·M)) units (the "fair" of the name), each unit
        independently with probability p_mem, or exactly one unit. None at all with p_mem = 0.
    memory : {"drop", "keep", "own"}
        What ``eval()`` does with the memorising block; see the table. "keep" and "own" diagnose.
    rescale : {"active", "reference", "none"}
        The scale s. "active": (G + mean number of active memorising units) / G, so that the next
        layer sees as many active units as in training. "reference": (p_gen + p_mem) / p_gen, as the
        code of Maini et al. does. "none": 1.
    n_examples : int, optional
        Keep the masks of ids 0 … n_examples − 1 in a bit table (rebuilt, never saved) instead of
        hashing at each forward: faster, n_examples·M/8 bytes, the very same masks.
    on_missing : {"raise", "drop"}
        A training forward without ids is an error, or is computed with the memory off.
    feature_dim : int, default 1
        Axis of the units, e.g. −1 for tokens (B, T, H). Axis 0 is the batch; other axes share the
        mask.
    seed : int, default 0
        Selects the family of masks.
    key : str, default ""
        Name of the layer. Layers of one model need different keys to have different masks.

    Notes
    -----
    The ids come with the call, ``layer(x, example_ids)``, or from `surefoot.groups.tied`, which
    announces them to every layer of a model. Id −1 marks an example without memory: its row is
    computed as at inference. Behind the layer the statistics differ between training and inference,
    so a BatchNorm there must be frozen or passed through `surefoot.groups.recalibrate_batchnorm`.
    Mixup and CutMix blend two examples in one row, which has no single id: give such rows −1 or do
    not combine them.

    References
    ----------
    .. [1] Nanfack & Belilovsky, arXiv 2502.06695, 2025, section 3.3.
    .. [2] Maini et al., "Can Neural Network Memorization Be Localized?", ICML 2023.

    Examples
    --------
    >>> import torch
    >>> layer = FairDropout(10, p_gen=0.2, p_mem=0.5)
    >>> x = torch.ones(2, 10)
    >>> layer(x, torch.tensor([7, 7])).sum(1)
    tensor([6., 6.])
    >>> layer.eval()(x).sum(1)
    tensor([6., 6.])
    """

    def __init__(
        self,
        num_features: int,
        p_gen: float = 0.2,
        p_mem: float = 0.5,
        *,
        allocation: Allocation = "fixed",
        memory: Memory = "drop",
        rescale: Rescale = "active",
        n_examples: int | None = None,
        on_missing: OnMissing = "raise",
        feature_dim: int = 1,
        seed: int = 0,
        key: str = "",
    ) -> None:
        super().__init__()
        self.num_features = _positive("num_features", num_features)
        self.p_gen = _share("p_gen", p_gen, "(0, 1]")
        self.p_mem = _share("p_mem", p_mem, "[0, 1]")
        self.allocation = one_of("allocation", allocation, get_args(Allocation))
        self.memory = one_of("memory", memory, get_args(Memory))
        self.rescale = one_of("rescale", rescale, get_args(Rescale))
        self.on_missing = one_of("on_missing", on_missing, get_args(OnMissing))
        self.n_examples = None if n_examples is None else _positive("n_examples", n_examples)
        if isinstance(feature_dim, bool) or not isinstance(feature_dim, int) or feature_dim == 0:
            allowed = "the axis of the units, an integer; axis 0 is the batch"
            raise InputError("feature_dim", feature_dim, allowed)
        self.feature_dim = feature_dim
        self._hash_key = subseed(seed, "fairdropout", key)
        self.seed, self.key = int(seed), key

        self.num_generalizing = max(1, math.floor(self.p_gen * self.num_features + 1e-9))
        self.num_memorizing = self.num_features - self.num_generalizing
        if self.num_memorizing == 0 and self.p_gen < 1:
            found = f"all {self.num_features} units at p_gen = {self.p_gen:g}"
            raise InputError("generalising units", found, "fewer, or p_gen = 1 for no memory")
        self.ids: Tensor | None = None  # announced by `tied`
        self.ran = False  # since `tied` announced them
        self.norms_checked = False  # by `tied`: which BatchNorms run behind this layer
        self._recomputation = Recomputation()
        # No buffer: DistributedDataParallel would send it from rank 0 before every forward.
        self._table = self._build_table()

    @property
    def mean_active(self) -> float:
        """Mean number of memorising units that an example uses."""
        if self.p_mem == 0 or self.num_memorizing == 0:
            return 0.0
        if self.allocation == "one":
            return 1.0
        if self.allocation == "fixed":
            return float(self._fixed_count)
        return self.p_mem * self.num_memorizing

    @property
    def scale(self) -> float:
        """s, the factor on the generalising units when the memory is dropped."""
        if self.rescale == "none" or self.mean_active == 0:
            return 1.0
        if self.rescale == "reference":
            return (self.p_gen + self.p_mem) / self.p_gen
        return (self.num_generalizing + self.mean_active) / self.num_generalizing

    def mask(self, ids: Tensor) -> Tensor:
        """Return m, the memorising units of each example: (B,) int64 -> (B, M) bool."""
        if self._table is None:
            mask = self._hashed_mask(ids)
        else:
            if self._table.device != ids.device:
                self._table = self._table.to(ids.device)
            mask = unpack_bits(self._table[ids.clamp(min=0)], self.num_memorizing)
        return mask & (ids != UNKNOWN)[:, None]

    def forward(self, x: Tensor, example_ids: Tensor | None = None) -> Tensor:
        """Apply the layer.

        Parameters
        ----------
        x : Tensor of shape (B, …) with H units along `feature_dim`
        example_ids : int64 Tensor of shape (B,), optional
            One id in [0, 2^63) for each row, or −1. Only needed in training and for memory "own".

        Returns
        -------
        Tensor
            Same shape, dtype and memory format; the input is never changed.
        """
        self._check_input(x)
        self.ran = True
        if self.num_memorizing == 0:
            return x
        if self.training or self.memory == "own":
            return x * self._broadcast(self._own_units(x, example_ids), x)
        if self.memory == "keep":
            share = self.mean_active / self.num_memorizing
            return x * self._broadcast(self._blocks(x, 1.0, share), x)
        return x * self._broadcast(self._blocks(x, self.scale, 0.0), x)

    def _own_units(self, x: Tensor, example_ids: Tensor | None) -> Tensor:
        ids = self._resolve_ids(x, example_ids)
        if ids is None:
            return self._blocks(x, self.scale, 0.0)
        generalizing = x.new_ones(1, 1).where(ids[:, None] != UNKNOWN, self.scale)
        generalizing = generalizing.expand(-1, self.num_generalizing)
        return torch.cat([generalizing, self.mask(ids).to(x.dtype)], dim=1)

    def _resolve_ids(self, x: Tensor, example_ids: Tensor | None) -> Tensor | None:
        eager = not torch.compiler.is_compiling()
        ids = self.ids if example_ids is None else example_ids
        if example_ids is None and eager and running_backward():
            # A checkpoint recomputes this forward; what is announced now may be the next batch.
            ids = self._recomputation.ids_of(x)
        if ids is None:
            if self.on_missing == "drop":
                return None
            where = f"example ids of FairDropout {self.key!r}"
            how = "layer(x, example_ids), or `with tied(model, ids):` around the forward"
            raise InputError(where, None, how)
        ids = check_ids(ids, self.n_examples)
        if len(ids) != len(x):
            raise InputError("example ids", f"{len(ids)} ids", f"one for each of the {len(x)} rows")
        ids = ids.to(x.device, non_blocking=True)
        if eager:
            self._recomputation.remember(x, ids)
        return ids

    def _blocks(self, x: Tensor, generalizing: float, memorizing: float) -> Tensor:
        left = x.new_full((1, self.num_generalizing), generalizing)
        right = x.new_full((1, self.num_memorizing), memorizing)
        return torch.cat([left, right], dim=1)

    def _broadcast(self, factors: Tensor, x: Tensor) -> Tensor:
        shape = [1] * x.ndim
        shape[0], shape[self.feature_dim] = factors.shape
        return factors.view(shape)

    def _hashed_mask(self, ids: Tensor) -> Tensor:
        if self.allocation == "bernoulli":
            return bernoulli_mask(ids, self.num_memorizing, self.p_mem, self._hash_key)
        return fixed_mask(ids, self.num_memorizing, round(self.mean_active), self._hash_key)

    @property
    def _fixed_count(self) -> int:
        return max(1, round(self.p_mem * self.num_memorizing))

    def _build_table(self) -> Tensor | None:
        if self.n_examples is None or self.num_memorizing == 0:
            return None
        chunks = torch.arange(self.n_examples).split(_TABLE_CHUNK)
        return torch.cat([pack_bits(self._hashed_mask(ids)) for ids in chunks])

    def _check_input(self, x: Tensor) -> None:
        if x.ndim < 2 or not -x.ndim < self.feature_dim < x.ndim:
            allowed = f"a batch (B, …) with units along axis {self.feature_dim}"
            raise InputError("input of FairDropout", f"shape {tuple(x.shape)}", allowed)
        if not x.is_floating_point():
            raise InputError("input of FairDropout", f"dtype {x.dtype}", "floating point")
        if x.shape[self.feature_dim] != self.num_features:
            found = f"{x.shape[self.feature_dim]} units along axis {self.feature_dim}"
            raise InputError("input of FairDropout", found, f"num_features = {self.num_features}")

    def settings(self) -> dict[str, Any]:
        """Return what decides the function; a saved layer and the one loaded into must agree."""
        names = (
            "num_features", "p_gen", "p_mem", "allocation", "rescale", "feature_dim", "seed", "key",
        )  # fmt: skip
        return {"format": _STATE_FORMAT} | {name: getattr(self, name) for name in names}

    def get_extra_state(self) -> Tensor:
        """Return the settings as bytes in a tensor, so that safetensors can hold them."""
        text = json.dumps(self.settings(), sort_keys=True)
        return torch.tensor(list(text.encode()), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Refuse weights that were trained with other masks."""
        saved = json.loads(bytes(state.tolist()))
        here = self.settings()
        differing = [name for name in here if saved.get(name) != here[name]]
        if differing:
            found = ", ".join(f"{name} = {saved.get(name)!r}" for name in differing)
            allowed = ", ".join(f"{name} = {here[name]!r}" for name in differing)
            raise InputError(f"saved FairDropout {self.key!r}", found, allowed)

    def __getstate__(self) -> dict[str, Any]:
        # A copy has been told no ids and has seen no forward.
        return self.__dict__ | {"ids": None, "_recomputation": Recomputation()}

    def extra_repr(self) -> str:
        """Describe the split in ``print(model)``."""
        return (
            f"{self.num_features} = {self.num_generalizing} generalising + "
            f"{self.num_memorizing} memorising, p_mem={self.p_mem}, {self.allocation}, "
            f"memory={self.memory!r}, key={self.key!r}"
        )


def check_ids(ids: Any, n_examples: int | None = None) -> Tensor:
    """Return example ids as an int64 tensor of shape (B,), or say what is wrong with them.

    Parameters
    ----------
    ids : array-like of int of shape (B,)
    n_examples : int, optional
        Ids must be below it, where masks come from a table.
    """
    if not isinstance(ids, Tensor):
        try:
            ids = torch.from_numpy(np.array(ids))  # a copy: the array may be read-only
        except (TypeError, ValueError) as error:
            raise InputError("example ids", ids, "integers, an id for each row") from error
    if ids.dtype == torch.bool or ids.is_floating_point() or ids.is_complex():
        raise InputError("example ids", f"dtype {ids.dtype}", "integers")
    if ids.ndim != 1:
        raise InputError("example ids", f"shape {tuple(ids.shape)}", "one axis, an id for each row")
    lowest = UNKNOWN if ids.dtype.is_signed else 0  # 2^64 − 1 must not wrap to −1
    highest = 2**63 - 1 if n_examples is None else n_examples - 1
    allowed = f"−1 (no memory) or 0 … {highest}"
    ids = ids.long()
    if torch.compiler.is_compiling() or ids.is_cuda:
        # Reading a value would break the graph or wait for the device.
        torch._assert_async(((ids >= lowest) & (ids <= highest)).all(), f"example ids: {allowed}")
    elif len(ids) and not lowest <= int(ids.min()) <= int(ids.max()) <= highest:
        outside = int(ids[(ids < lowest) | (ids > highest)][0])
        raise InputError("example ids", outside if lowest else outside % 2**64, allowed)
    return ids


def _share(where: str, value: float, interval: str) -> float:
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not number or not 0 <= value <= 1 or (value == 0 and interval.startswith("(")):
        raise InputError(where, value, f"a number in {interval}")
    return float(value)


def _positive(where: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 1:
        raise InputError(where, value, "a positive integer")
    return int(value)
