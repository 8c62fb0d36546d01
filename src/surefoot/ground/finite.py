"""Arrays without NaN and infinities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from surefoot.ground.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def all_finite(where: str, values: NDArray[np.floating[Any]]) -> NDArray[Any]:
    """Refuse NaN and infinities, saying where the first one stands."""
    import numpy as np

    if not np.isfinite(values).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise InputError(where, f"NaN or infinity at {place}", "finite numbers; drop or impute")
    return values
