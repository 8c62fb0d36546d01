"""The multiplier of the spread."""

from __future__ import annotations

import numpy as np
import pytest

from surefoot.incentives.uncertain.multiplier import multiplier


@pytest.mark.parametrize("z", [1e-9, 0.3, 0.999999, 1e-300])
@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_it_solves_its_equation(z: float, scale: float) -> None:
    def spread(tau: float) -> float:  # τ spread(τ) rises to 1
        return scale / (1 + tau * scale)

    tau = multiplier(spread, z)
    assert tau * spread(tau) == pytest.approx(z, rel=1e-9)


def test_nothing_asked_nothing_counted() -> None:
    assert multiplier(lambda tau: np.nan, 0.0) == 0
