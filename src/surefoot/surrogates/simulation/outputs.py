"""What a simulator returned, read as its declared outputs: numbers, and fields of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import InputError

Floats = NDArray[np.float64]


def read(returned: Any, names: Sequence[str]) -> dict[str, float | Floats]:
    """Return the outputs called `names`.

    Parameters
    ----------
    returned : mapping, number, sequence or array
        Outputs by name, among which others are ignored; or one value for each name in order; or,
        for a single output, the number or field itself.
    names : sequence of str
        The outputs that were declared.

    Returns
    -------
    dict of str to float or ndarray of shape (q,)
        A number for a scalar output, an array for a field.

    Raises
    ------
    InputError
        If an output is missing, is neither a number nor a field of numbers, or holds NaN or
        infinity. A run that ends so is ``invalid``.
    """
    return {name: _value(value, name) for name, value in _by_name(returned, names).items()}


def _by_name(returned: Any, names: Sequence[str]) -> dict[str, Any]:
    if isinstance(returned, Mapping):
        if missing := [name for name in names if name not in returned]:
            raise InputError(f"output {missing[0]}", f"only {list(returned)}", "every output")
        return {name: returned[name] for name in names}
    if len(names) == 1:
        return {names[0]: returned}
    if isinstance(returned, str) or not hasattr(returned, "__len__"):
        raise InputError("outputs", returned, f"a mapping or sequence of {list(names)}")
    if len(returned) != len(names):
        raise InputError("outputs", f"{len(returned)} values", f"one each of {list(names)}")
    return dict(zip(names, returned, strict=True))


def _value(value: Any, name: str) -> float | Floats:
    where = f"output {name}"
    try:
        found = np.asarray(value)
        if found.dtype.kind not in "biuf":
            raise ValueError
    except ValueError as error:  # ragged, text, complex, None
        raise InputError(where, value, "a number, or a list of numbers") from error
    if found.ndim > 1:
        raise InputError(where, f"an array of shape {found.shape}", "one dimension: flatten it")
    if found.size == 0:
        raise InputError(where, "an empty field", "one number or more")
    found = found.astype(np.float64)
    if not np.isfinite(found).all():
        at = int(np.argmin(np.isfinite(found)))
        wrong = float(found.flat[at])
        raise InputError(
            where, f"{wrong} at position {at}" if found.ndim else wrong, "finite numbers"
        )
    return found if found.ndim else float(found)
