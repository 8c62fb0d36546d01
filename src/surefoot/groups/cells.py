"""Cells of a comparison: one training of one method in one configuration on one draw of a task."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from surefoot.ground.errors import one_of
from surefoot.ground.work import Cell
from surefoot.groups.encoding import TableEncoder
from surefoot.groups.methods import measure
from surefoot.groups.preparation import cross_groups
from surefoot.groups.tables import Columns, read_table, split_rows
from surefoot.groups.tasks import SHAPES, TITLES, Part, Task, fingerprint, load_task
from surefoot.groups.tuning import choose

if TYPE_CHECKING:
    import pandas as pd

# Raised when the numbers of a cell change.
_VERSION = 1
_TABLES_VERSION = 2  # 0/1 inputs keep their scale
_SPLIT_VERSION = 3  # logits are recentred

Config = Mapping[str, Any]
_RATES: list[Config] = [{"learning_rate": rate} for rate in (0.1, 0.05, 0.02)]
# The first configuration is the default; `choose` keeps it unless another is clearly better.
CONFIGS: Mapping[str, list[Config]] = {
    "fairdropout": [{}],
    "fairdropout-tuned": [
        {},
        {"learning_rate": 0.05},
        {"p_gen": 0.4},
        {"p_mem": 0.2},
        {"class_weight": "balanced"},
    ],
    "redrawn": [{}],
    **dict.fromkeys(
        ("erm", "dropout", "class-balanced", "jtt", "dfr", "group-reweighted", "groupdro"), _RATES
    ),
}


@dataclass(frozen=True)
class Source:
    """Where the rows of a task come from: a built-in task, or columns of a user's table.

    Attributes
    ----------
    task : str
        Name shown; of a built-in task if there is no `table`.
    fingerprint : str
        Of the data.
    table : mapping, optional
        ``path``, ``target``, ``groups`` and ``drop``.
    """

    task: str
    fingerprint: str
    table: Mapping[str, Any] | None = None

    @classmethod
    def built_in(cls, task: str) -> Source:
        """Return the source of a built-in task."""
        return cls(one_of("task", task, TITLES), fingerprint(task))

    def draw(self, seed: int) -> Task:
        """Return training, validation and test rows for `seed`."""
        return load_task(self.task, seed) if self.table is None else draw_table(self.table, seed)

    @property
    def rarest(self) -> int:
        """Validation rows of the rarest class."""
        return int(np.unique(self.draw(0).validation.y, return_counts=True)[1].min())


def run_cell(
    *, seed: int, task: str, method: str, config: Config, table: Mapping[str, Any] | None = None
) -> dict[str, float]:
    """Train and measure; called by workers."""
    return measure(method, config, seed, Source(task, "", table).draw(seed))


def build_cells(
    sources: Sequence[Source], methods: Sequence[str], seeds: Sequence[int], *, tuned: bool
) -> list[Cell]:
    """Return the cells of sources × methods × configurations × seeds, shared ones once."""
    cells: dict[str, Cell] = {}
    for source, method in itertools.product(sources, methods):
        # Tuning FairDropout tries the default too: the same training, run once.
        base = "fairdropout" if method == "fairdropout-tuned" else method
        for config, seed in itertools.product(CONFIGS[method][: None if tuned else 1], seeds):
            name = f"{source.task}/{base}{_suffix(config)}/seed={seed}"
            params: dict[str, Any] = {"task": source.task, "method": base, "config": dict(config)}
            if source.table is not None:
                params["table"] = dict(source.table)
            function = "surefoot.groups.cells:run_cell"
            version = _version(source, base)
            cells[name] = Cell(name, function, params, seed, version, source.fingerprint)
    return list(cells.values())


def _version(source: Source, method: str) -> int:
    if method in ("fairdropout", "redrawn"):
        return _SPLIT_VERSION
    return _VERSION if source.task in SHAPES else _TABLES_VERSION


@lru_cache(maxsize=2)
def _encoded(path: str, target: str, groups: tuple[str, ...], drop: tuple[str, ...]) -> Any:
    frame = read_table(path)
    columns = Columns.of(frame, target, groups, drop)
    return frame, columns, cross_groups(None, frame[columns.groups])


def draw_table(table: Mapping[str, Any], seed: int) -> Task:
    """Split a user's table for `seed`, encoding it by its training rows."""
    frame, columns, attribute = _encoded(
        table["path"], table["target"], tuple(table["groups"]), tuple(table["drop"])
    )
    y = frame[columns.target].to_numpy()
    rows = split_rows(y, frame[columns.groups], seed)
    encoder = TableEncoder.learn(frame.iloc[rows.train], columns.features)
    _, codes = np.unique(y, return_inverse=True)

    def part(numbers: NDArray) -> Part:
        return Part(encoder.encode(frame.iloc[numbers]), codes[numbers], attribute[numbers])

    return Task(part(rows.train), part(rows.validation), part(rows.test))


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
            if not have or have[0] != variants[0] or (base != method and len(have) < 2):
                continue  # not run, or not tuned
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
    return " ".join(f"{k}={_plain(v)}" for k, v in sorted(config.items()))


def _suffix(config: Config) -> str:
    return f" {variant_of(config)}" if config else ""


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
