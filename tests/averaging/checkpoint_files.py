"""Checkpoints for tests, written by the safetensors library."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

FLOATS = (
    torch.float64, torch.float32, torch.float16, torch.bfloat16,
    torch.float8_e4m3fn, torch.float8_e5m2,
)  # fmt: skip


def state(seed: int, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Return a small model: two matrices, a scalar, an empty tensor, a count and a mask."""
    generator = torch.Generator().manual_seed(seed)

    def values(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)

    return {
        "embed.weight": values(7, 5),
        "head.weight": values(3, 5),
        "scale": values(),
        "empty": values(0, 4),
        "norm.num_batches_tracked": torch.tensor(100 * seed),
        "mask": torch.tensor([True, False, seed % 2 == 0]),
    }


def save(path: Path, tensors: Mapping[str, Tensor], **metadata: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(dict(tensors), path, metadata or None)
    return path


def save_sharded(
    folder: Path, tensors: Mapping[str, Tensor], shards: int = 2, **metadata: str
) -> Path:
    """Write a checkpoint as Hugging Face libraries shard it; return its folder."""
    names = list(tensors)
    weight_map = {}
    for i in range(shards):
        file = f"model-{i + 1:05d}-of-{shards:05d}.safetensors"
        own = names[i::shards]
        save(folder / file, {name: tensors[name] for name in own}, format="pt", **metadata)
        weight_map |= dict.fromkeys(own, file)
    size = sum(t.nbytes for t in tensors.values())
    write_index(folder, weight_map, total_size=size)
    return folder


def write_index(folder: Path, weight_map: object, **metadata: object) -> Path:
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps({"metadata": metadata, "weight_map": weight_map}))
    return path


def mean(states: Sequence[Mapping[str, Tensor]], weights: Sequence[float]) -> dict[str, Tensor]:
    """Return the weighted mean, computed in float64 in order; integers are those of the last."""
    result = {}
    for name, newest in states[-1].items():
        if not newest.is_floating_point():
            result[name] = newest
            continue
        total = weights[0] * states[0][name].double()
        for values, weight in zip(states[1:], weights[1:], strict=True):
            total = total + weight * values[name].double()
        result[name] = total.to(newest.dtype)
    return result


def assert_same(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Compare dtypes, shapes and bits."""
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name].dtype == values.dtype, name
        assert found[name].shape == values.shape, name
        pair = [t.reshape(-1).contiguous().view(torch.uint8) for t in (found[name], values)]
        assert torch.equal(*pair), name
