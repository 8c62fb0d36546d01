"""Counter-based random numbers keyed by what they belong to.

A stream depends only on its seed and its names, never on what was drawn before. Results therefore
do not change with chunking, worker count or order.

Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011 (Philox).
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from surefoot.ground.errors import InputError

if TYPE_CHECKING:
    import numpy as np

Name = str | int
_FORMAT = "surefoot-stream-1"


def digest(seed: int, *names: Name) -> bytes:
    """Return the 32 bytes that identify the stream of `seed` and `names`."""
    if isinstance(seed, bool) or not hasattr(seed, "__index__"):
        raise InputError("seed", seed, "an integer")
    for name in names:
        if isinstance(name, bool) or not (isinstance(name, str) or hasattr(name, "__index__")):
            raise InputError("stream name", name, "text or an integer")
    # JSON keeps ("1",) apart from (1,) and ("a", "b") apart from ("ab",).
    parts = [_FORMAT, seed.__index__()]
    parts += [name if isinstance(name, str) else name.__index__() for name in names]
    return hashlib.sha256(json.dumps(parts).encode()).digest()


def stream(seed: int, *names: Name) -> np.random.Generator:
    """Return the Philox generator that belongs to `seed` and `names`.

    Examples
    --------
    >>> a = stream(0, "split", 3).random()
    >>> _ = stream(0, "noise").random(1000)
    >>> a == stream(0, "split", 3).random()
    True
    """
    import numpy as np

    key = np.frombuffer(digest(seed, *names)[:16], dtype="<u8")
    return np.random.Generator(np.random.Philox(key=key))


def subseed(seed: int, *names: Name) -> int:
    """Return a 63-bit seed for a library that wants an integer (torch, scikit-learn takes 32)."""
    return int.from_bytes(digest(seed, *names)[16:24], "little") >> 1
