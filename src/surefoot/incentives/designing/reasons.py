"""Why no rule induces what is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from surefoot.incentives.designing.branching import Search
from surefoot.incentives.designing.cells import whole
from surefoot.incentives.designing.losses import QuadraticLoss
from surefoot.incentives.designing.programs import Piece, minimise
from surefoot.incentives.designing.regions import Region
from surefoot.incentives.implementation import cheapest_substitute, named

_LIMIT = 200
_HALVINGS = 10


def why_nothing(regions: Sequence[Region], common: Piece) -> str | None:
    """Return why no rule of these regions pays for wanted effort; None if some rule does."""
    if _reached(regions, common):
        return None
    first = regions[0]
    if np.isinf(first.power):
        return "; ".join(_dominated(first, common))
    low, high = 0.0, first.beta
    if not _reached([replace(region, beta=1e-6) for region in regions], common):
        return "no rule of these features pays for wanted effort"
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        reached = _reached([replace(region, beta=middle) for region in regions], common)
        low, high = (middle, high) if reached else (low, middle)
    return f"the largest share that a rule of these features induces is about {low:.2f}"


def _reached(regions: Sequence[Region], common: Piece) -> bool:
    """Whether some rule pays for wanted effort: whether one comes nearer to doing so than zero."""
    first = regions[0]
    for row, ways in zip(first.wanted, first.useful, strict=True):
        length = float(np.linalg.norm(row))
        for way in ways if length > 0 else ():
            pull = way * row / length
            objective = QuadraticLoss(np.eye(first.n), pull, tuple(map(str, range(first.n))))
            base = minimise(objective, common, np.zeros(first.n))
            search = Search(objective, common, base, _LIMIT)
            if search.best([whole(region) for region in regions]).value < 1 - 1e-6:
                return True
    return False


def _dominated(region: Region, common: Piece) -> list[str]:
    """Say of each wanted node which mixture of others does as much at no more cost."""
    used = ~common.equal.any(axis=0)
    signs = -np.sign(common.at_most.sum(axis=0)).astype(int)[used]
    rivals = np.vstack([region.unwanted, -region.unwanted[region.free]])[:, used]
    wanted, others = region.names
    labels = [
        *others,
        *(f"-{name}" for name, free in zip(others, region.free, strict=True) if free),
    ]
    reasons = []
    for name, row, ways in zip(wanted, region.wanted[:, used], region.useful, strict=True):
        factor, mixture = min(
            (cheapest_substitute(way * row, rivals, signs) for way in ways),
            key=lambda found: found[0],
        )
        parts = " + ".join(f"{part:.2g} {other}" for other, part in named(mixture, labels).items())
        if not row.any() or factor == 0:
            reasons.append(f"no rule of these features pays for {name}")
        elif np.isfinite(factor):
            reasons.append(f"all that {name} does, {parts} does at {factor:.2g} of its cost")
        else:
            reasons.append(f"{name} can't lead while all wanted nodes keep their directions")
    return reasons
