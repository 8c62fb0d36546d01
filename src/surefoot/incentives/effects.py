"""What effort does to features: the contract of graphs and effort matrices."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Effects(Protocol):
    """A linear map from efforts to features, known or uncertain: ``x' = x + C'e``.

    ``m`` effort nodes can be worked on; ``n`` features move.
    """

    @property
    def efforts(self) -> tuple[str, ...]:
        """Names of the effort nodes."""
        ...

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features."""
        ...

    @property
    def certain(self) -> bool:
        """Whether C is known."""
        ...

    def contribution(self) -> Floats:
        """Return the mean of C, shape (m, n): what one unit of each effort adds to features."""
        ...

    def second_moment(self, M: Floats) -> Floats:
        """Return ``E[C M C']``, shape (m, m), for a symmetric M of shape (n, n)."""
        ...

    def draws(self, n: int, generator: np.random.Generator) -> Floats:
        """Return draws of C, shape (n draws, m, n features)."""
        ...
