"""The table of estimates, in the words of statsmodels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from surefoot.confidence.hypotheses import p_written
from surefoot.confidence.intervals_of_chains import bounds, listed, t_ratio
from surefoot.ground.numerals import MISSING, counted, number

if TYPE_CHECKING:
    import pandas as pd

    from surefoot.confidence.result import InferenceResult

_WIDTH = 11
_LONGEST_NAME = 30
_MOST_DECIMALS = 8
_FEW_CHAINS = 50


def coefficient_frame(result: InferenceResult, level: float) -> pd.DataFrame:
    """Return a row a parameter; NaN where a chain is not finite."""
    import pandas as pd

    good = np.flatnonzero(result.nonfinite == 0)
    lower, upper = np.full((2, len(result.center)), np.nan)
    deviations = result.chains[:, good] - result.center[good]
    lower[good], upper[good] = bounds(result.center[good], deviations, level, "t")
    columns = {
        "estimate": result.center,
        "std_error": result.std_errors,
        "t": t_ratio(result.center, result.std_errors),
        "p_value": result.pvalues,
        "lower": lower,
        "upper": upper,
        **{f"std_error_{name}": errors for name, errors in result.companions.items()},
    }
    return pd.DataFrame(columns, index=pd.Index(list(result.names)))


def summary_text(result: InferenceResult, level: float) -> str:
    """Return facts, the table, and what there is to say about the run."""
    width = min(_LONGEST_NAME, max(map(len, result.names)))
    tails = [f"[{(1 - level) / 2:.4g}", f"{(1 + level) / 2:.4g}]"]
    heads = ["coef", "std err", "t", "P>|t|", *tails]
    header = f"{'':<{width}} " + " ".join(f"{head:>{_WIDTH}}" for head in heads)
    double, single = "=" * len(header), "-" * len(header)
    sizes = [(result.n_seen, "row"), (result.n_steps, "step"), (result.n_chains, "chain")]
    facts = " · ".join(counted(count, noun) for count, noun in sizes)
    lines = ["SGD with averaging, inference by multiplier bootstrap", facts]
    lines += [double, header, single]
    for row in coefficient_frame(result, level).itertuples():
        numbers = _in_unit_of(row.std_error, row.estimate, row.std_error, row.lower, row.upper)
        cells = [*numbers[:2], _ratio(row.t), p_written(row.p_value), *numbers[2:]]
        name = _shortened(str(row.Index))
        lines.append(f"{name:<{width}} " + " ".join(f"{cell:>{_WIDTH}}" for cell in cells))
    return "\n".join([*lines, double, *_remarks(result)])


def _remarks(result: InferenceResult) -> list[str]:
    """Return what a reader should know about the chains, and what checks of the run said."""
    remarks = [f"{name}: {_said(value)}" for name, value in result.diagnostics.items()]
    known = result.std_errors > 0
    for name, errors in result.companions.items():
        ratios = errors[known] / result.std_errors[known]
        if ratios.size:
            span = f"{number(float(ratios.min()), 2)} to {number(float(ratios.max()), 2)}"
            remarks.append(f"standard errors by {name}: {span} times these")
    if (bad := result.nonfinite).any():
        names = [name for name, count in zip(result.names, bad, strict=True) if count]
        chains = f"{int(bad.max())} of {counted(result.n_chains, 'chain')}"
        remarks.append(f"no inference for {listed(names)}: {chains} not finite")
    if (certain := result.std_errors == 0).any():
        names = [name for name, zero in zip(result.names, certain, strict=True) if zero]
        remarks.append(f"all chains agree with the run on {listed(names)}: no standard error")
    if result.n_chains < _FEW_CHAINS:
        remarks.append(f"standard errors rest on {result.n_chains} chains: 50 or more are steadier")
    return remarks


def _in_unit_of(std_error: float, *values: float) -> list[str]:
    """Write values with as many decimals as show three digits of the standard error."""
    if not (math.isfinite(std_error) and std_error > 0):
        return [MISSING if math.isnan(value) else f"{value:.6g}" for value in values]
    decimals = max(0, 2 - math.floor(math.log10(std_error)))
    if decimals > _MOST_DECIMALS or max(map(abs, values)) >= 1e7:
        return [f"{value:.3e}" for value in values]
    return [f"{value:z.{decimals}f}" for value in values]


def _ratio(t: float) -> str:
    if math.isnan(t):
        return MISSING
    return f"{t:z.3f}" if abs(t) < 1e6 else f"{t:.3g}"


def _said(value: object) -> str:
    return number(value) if isinstance(value, int | float) else str(value)


def _shortened(name: str) -> str:
    # The end tells levels of a category apart.
    end = _LONGEST_NAME // 2
    return (
        name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - end - 1]}…{name[-end:]}"
    )
