"""What a run on a loss written in torch says about itself, which has no rows x to look at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from surefoot.confidence.averages import Averages
from surefoot.confidence.bias import (
    TransientBias,
    chain_tails,
    half_sample_drift,
    relative_spreads,
    transient_bias,
)
from surefoot.confidence.health import RunHealth
from surefoot.confidence.modules.chains import TorchChains
from surefoot.confidence.pilot import Pilot

HEURISTIC = "heuristic: no theory for non-convex losses"
_ALIKE = 1e-13
_NO_CURVATURE = 1e-10
_ROUNDING_LIMIT = 0.1
_SAID_OF_ROWS = ("rows unlike the pilot", "constant in the pilot", "pilot separated")


def checked(
    chains: TorchChains, averages: Averages, *, convex: bool
) -> tuple[dict[str, float | str], dict[str, str]]:
    """Check a run.

    Parameters
    ----------
    chains : TorchChains
    averages : Averages
        Of these chains.
    convex : bool
        Whether the theory holds for the loss.

    Returns
    -------
    diagnostics : dict of str to float or str
    remarks : dict of str to str
        On what is off, by topic.
    """
    known = convex and chains.pilot.curvature.ndim == 2
    health = _health(chains, averages, predictable=known)
    diagnostics = {k: v for k, v in health.diagnostics.items() if k not in _SAID_OF_ROWS}
    remarks = health.of_rows() | health.of_run()
    pilot = chains.pilot
    if not known:
        diagnostics["predicted bias / SD"] = "not known"
    if not convex:
        diagnostics["theory"] = remarks["theory"] = HEURISTIC
    if pilot.rank < pilot.d:
        remarks["rank"] = (
            f"the loss of the pilot rows is curved in {pilot.rank} of {pilot.d} directions: along "
            "the others (collinear inputs, the common shift of a softmax) a parameter is one of "
            "many solutions, though predictions stand; alpha > 0 picks one, but for biases"
        )
    if (rounding := _rounding(chains, averages)) > _ROUNDING_LIMIT:
        remarks["rounding"] = (
            f"{chains.phi.dtype} may have moved the run by {rounding:.2g} standard errors: use "
            "torch.float64, or centre the targets"
        )
    return diagnostics, remarks


def _health(chains: TorchChains, averages: Averages, *, predictable: bool) -> RunHealth:
    pilot, steps = chains.pilot, chains.n_steps
    nothing = TransientBias(np.zeros(pilot.d), 0.0)
    alike = bool((relative_spreads(averages, pilot) <= _ALIKE).all())
    bias = nothing
    if predictable and not alike:
        seen = _without_flat(averages, pilot)
        bias = transient_bias(seen, pilot, chains.schedule, chains.first_averaged, steps)
    return RunHealth(
        n_steps=steps,
        n_chains=chains.options.n_chains,
        d=pilot.d,
        bias=bias,
        drift=0.0 if alike else half_sample_drift(chains.path, pilot, averages),
        tails=chain_tails(averages),
        rank=pilot.rank,
        condition=pilot.condition,
        constant=(),
        separated=False,
        growing=False,
        rows_outside=0,
        penalised=bool(chains.ridge.any()),
        alike=alike,
        rounding=0.0,
    )


def _without_flat(averages: Averages, pilot: Pilot) -> Averages:
    """Return the averages as if the run had not moved where the loss is flat.

    There is nothing to learn there, so that nothing is left to learn.
    """
    values, vectors = np.linalg.eigh(pilot.quadratic_to_whitened(pilot.curvature))
    flat = vectors[:, values <= _NO_CURVATURE * values[-1]]
    moved = flat @ (flat.T @ pilot.to_whitened(averages.estimate - pilot.theta))
    return replace(averages, estimate=averages.estimate - pilot.to_user(moved))


def _rounding(chains: TorchChains, averages: Averages) -> float:
    """Return what the precision of the chains may have changed, in standard errors."""
    spreads = relative_spreads(averages, chains.pilot)[: chains.pilot.rank]
    eps = torch.finfo(chains.phi.dtype).eps
    return float(eps / 2 / spreads[spreads > 0].min(initial=np.inf))
