"""Which members are tried on a table: the candidates asked for, under the warps worth trying."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_regressor

from surefoot.ground.errors import InputError
from surefoot.surrogates.candidates.adapter import SklearnCandidate
from surefoot.surrogates.candidates.base import Candidate
from surefoot.surrogates.candidates.registry import baselines, by_name, default_candidates
from surefoot.surrogates.ensemble.warps import applicable_warps
from surefoot.surrogates.members import Member
from surefoot.surrogates.screening import screen

Floats = NDArray[np.float64]

DEFAULT = "default"
# `Candidate.cost` of trees, which see the order of the responses more than their scale.
_TREES = 4
CONSTANT = "all responses are equal: the surrogate is that constant"


def choose_members(
    candidates: str | Sequence[Any],
    warps: str | Sequence[str],
    Z: Floats,
    y: Floats,
    *,
    noisy: bool,
    noise: str,
    seed: int,
) -> tuple[list[Member], list[str]]:
    """Return the members to try on a table, baselines first, and what was seen in the table.

    Parameters
    ----------
    candidates : "default" or sequence
        See `SurrogateRegressor`.
    warps : "auto" or sequence of str
    Z : ndarray of shape (n, d)
    y : ndarray of shape (n,)
    noisy : bool
        Whether repeated inputs have shown noise, or it was declared.
    noise : {"auto", "none", "free"}
    seed : int
    """
    plain = [Member(candidate, "identity") for candidate in baselines()]
    if np.ptp(y) == 0:
        return plain[:1], [CONSTANT]
    asked = [candidates] if isinstance(candidates, str) else list(candidates)
    remarks: list[str] = []
    chosen: list[Candidate] = []
    for one in asked:
        if isinstance(one, str) and one == DEFAULT:
            look = screen(Z, y, seed=seed)
            if look.noisy and noise == "auto" and not noisy:
                noisy = True
                remarks.append(f"{look.noise_share:.1%} of the variance looks like noise")
            if not look.smooth:
                remarks.append("the response looks rough: trees do as well as a smooth process")
            chosen += default_candidates(len(Z), Z.shape[1], noisy=noisy, smooth=look.smooth)
        else:
            chosen.append(_candidate(one))
    named = {candidate.name: candidate for candidate in chosen}
    if len(named) < len(chosen) and DEFAULT not in asked:
        names = [candidate.name for candidate in chosen]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError("candidates", f"two named {twice!r}", "a name of its own for each")
    known = {member.candidate.name for member in plain}
    wanted = applicable_warps(y) if isinstance(warps, str) and warps == "auto" else _listed(warps)
    tried = [
        Member(candidate, warp)
        for name, candidate in named.items()
        if name not in known
        for warp in (wanted if candidate.cost != _TREES or warps != "auto" else wanted[:1])
    ]
    return [*plain, *tried], remarks


def _candidate(one: Any) -> Any:
    if isinstance(one, str):
        return by_name(one)
    if all(hasattr(one, name) for name in ("fit", "restore", "name", "cost")):
        return one
    name, estimator = one if isinstance(one, tuple) and len(one) == 2 else (None, one)
    if isinstance(estimator, BaseEstimator) and is_regressor(estimator):
        return SklearnCandidate(estimator, name or type(estimator).__name__)
    allowed = "a name, a Candidate, a scikit-learn regressor or a pair (name, regressor)"
    raise InputError("candidates", one, allowed)


def _listed(warps: str | Sequence[str]) -> list[str]:
    return [warps] if isinstance(warps, str) else list(warps)
