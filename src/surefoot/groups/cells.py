"""Cells of a comparison: one training of one method in one configuration on one draw of a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from surefoot.ground.errors import UnmetError
from surefoot.ground.work import Cell
from surefoot.groups.methods import METHODS, measure
from surefoot.groups.tasks import fingerprint, load_task
from surefoot.groups.tuning import choose

if TYPE_CHECKING:
    import pandas as pd

VERSION = 1  # raised when the numbers of a cell change

Config = Mapping[str, Any]
_RATES: list[Config] = [{"learning_rate": rate} for rate in (0.05, 0.02, 0.1)]
# The first configuration is the default; `choose` keeps it unless another is clearly better.
CONFIGS: Mapping[str, list[Config]] = {
    "fairdropout": [{}],
    "fairdropout-tuned": [
        {},
        {"learning_rate": 0.1},
        {"p_gen": 0.4},
        {"p_mem": 0.2},
        {"class_weight": "balanced"},
    ],
    "redrawn": [{}],
    **dict.fromkeys(
        ("erm", "dropout", "class-balanced", "jtt", "dfr", "group-reweighted", "groupdro"), _RATES
    ),
}


def run_cell(*, seed: int, task: str, method: str, config: Config) -> dict[str, float]:
    """Train and measure; called by workers."""
    return measure(method, config, seed, load_task(task, seed))


def build_cells(
    tasks: Sequence[str], methods: Sequence[str], seeds: Sequence[int], *, tuned: bool
) -> list[Cell]:
    """Return the cells of tasks × methods × configurations × seeds, shared ones once."""
    cells: dict[str, Cell] = {}
    for task in tasks:
        data = fingerprint(task)
        for method in methods:
            for config in CONFIGS[method] if tuned else CONFIGS[method][:1]:
                # Tuning FairDropout tries the default too: the same training, run once.
                base = "fairdropout" if method == "fairdropout-tuned" else method
                for seed in seeds:
                    name = f"{task}/{base}{_suffix(config)}/seed={seed}"
                    params = {"task": task, "method": base, "config": dict(config)}
                    function = "surefoot.groups.cells:run_cell"
                    cells[name] = Cell(name, function, params, seed, VERSION, data)
    return list(cells.values())


def select_configurations(
    table: pd.DataFrame, rarest: Mapping[str, int], methods: Sequence[str]
) -> pd.DataFrame:
    """Return one row a task, method, seed and metric: that of the configuration chosen there.

    Every method chooses by the same rule, `surefoot.groups.tuning.choose`, on the worst-class
    validation accuracy of that seed; metrics with thresholds by that accuracy with thresholds.
    """
    import pandas as pd

    chosen = []
    for (task, seed), rows in table.groupby(["task", "seed"], sort=False):
        wide = rows.pivot_table(index=["method", "variant"], columns="metric", values="value")
        for method in methods:
            base = "fairdropout" if method == "fairdropout-tuned" else method
            variants = [variant_of(config) for config in CONFIGS[method]]
            have = [v for v in variants if (base, v) in wide.index]
            if not have or have[0] != variants[0]:
                continue
            for suffix in ("", "_threshold"):
                scores = wide.loc[[(base, v) for v in have], f"validation{suffix}"].to_numpy()
                best = have[choose(scores[:, None], rarest[task]).index]
                metrics = wide.loc[(base, best)].dropna()
                own = [m for m in metrics.index if m.endswith("_threshold") == bool(suffix)]
                chosen += [
                    {"task": task, "method": method, "variant": best, "seed": seed}
                    | {"metric": metric, "value": metrics[metric]}
                    for metric in own
                ]
    return pd.DataFrame(chosen, columns=list(table.columns))


def variant_of(config: Config) -> str:
    """Return how `surefoot.ground.study.tidy` writes a configuration."""
    return f"config={' '.join(f'{k}={_plain(v)}' for k, v in sorted(config.items()))}"


def rarest_class(task: str, seed: int = 0) -> int:
    """Return the number of validation rows of the rarest class."""
    return int(np.bincount(load_task(task, seed).validation.y).min())


def known_methods(methods: Sequence[str]) -> list[str]:
    """Return `methods` without repetitions, or say which one is unknown."""
    from surefoot.ground.errors import one_of

    if not methods:
        msg = "no method to compare"
        raise UnmetError(msg)
    return list(dict.fromkeys(one_of("method", m, METHODS) for m in methods))


def _suffix(config: Config) -> str:
    return "".join(f" {k}={_plain(v)}" for k, v in sorted(config.items()))


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
