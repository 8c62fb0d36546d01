"""How much memory there is, and sizes in words."""

from __future__ import annotations

import re
from pathlib import Path

import torch

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def available_bytes(device: torch.device) -> int | None:
    """Return how many bytes are free on a device, or None where that is not known."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type != "cpu":
        return None
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:  # not Linux
        return None
    found = re.search(r"MemAvailable:\s+(\d+) kB", text)
    return int(found[1]) * 1024 if found else None


def in_bytes(count: int) -> str:
    """Write a number of bytes with three digits.

    Examples
    --------
    >>> in_bytes(999), in_bytes(29_300_000)
    ('999 bytes', '29.3 MB')
    """
    amount, unit = float(count), 0
    while amount >= 1000 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.3g} {_UNITS[unit]}"
