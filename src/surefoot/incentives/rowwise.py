"""Products whose rows do not depend on their company.

BLAS sums in another order for another number of rows. Here an agent's numbers are the same to the
last bit in whatever chunk it comes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def rowwise(X: Floats, A: Floats) -> Floats:
    """Return ``X @ A`` for X of shape (N, n) and A of shape (n,) or (n, m)."""
    return np.einsum("ni,i->n" if A.ndim == 1 else "ni,ij->nj", X, A)
