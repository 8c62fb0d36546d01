"""From trainings to a comparison: every average picks its learning rate by the same rule."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from surefoot.averaging.cells import SHARES, window
from surefoot.averaging.tasks import RECIPES

DEFAULT = "@default"
RATE = "@rate="
LABELS: Mapping[str, str] = {
    "raw": "last iterate",
    **{window(share): f"{100 * share:g} % window" for share in SHARES},
    "searched": "searched window",
    "two-tailed": "two-tailed",
    "ema-10": "EMA like a 10 % window",
    "cosine-20": "20 % merged as a cosine decay",
    "one-minus-sqrt-20": "20 % merged as a 1 − √ decay",
    "oracle": "best window on the test rows",
}
SCHEDULES: Mapping[str, str] = {
    "constant": "constant rate",
    "cosine": "cosine to zero",
    "wsd": "constant, last 20 % linear to zero",
}
# What these say refers to another average of the same training.
_FOLLOWS = {"oracle": "searched"}
_SAME_RUN = ("steps", "saved")


def select_rates(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row a task, schedule/average, seed and metric.

    The learning rate of each average is the one with the lowest validation loss of that average
    on that seed; time to target is read from the training whose raw iterate is best. Under the
    task's name with ``@default`` are the figures at the default rate, where nothing is chosen,
    and with ``@rate=`` the steps saved at each rate.
    """
    known = table.assign(
        average=table["metric"].str.partition("|")[0], metric=table["metric"].str.partition("|")[2]
    )
    chosen = []
    for (task, schedule, seed), rows in known.groupby(["task", "method", "seed"], sort=False):
        by_variant = dict(list(rows.groupby("variant", sort=False)))
        default = f"learning_rate={RECIPES[task].rates[0]:g}"
        if task.startswith("batchnorm"):
            chosen.append(_named(by_variant.get(default), task, schedule))
            continue
        if len(RECIPES[task].rates) > 1:
            chosen.append(_named(by_variant.get(default), f"{task}{DEFAULT}", schedule))
            for variant, of in by_variant.items():
                rate = variant.removeprefix("learning_rate=")
                saved = of[of["metric"] == "saved"]
                chosen.append(_named(saved, f"{task}{RATE}{rate}", schedule))
        loss = rows[rows["metric"] == "validation_loss"]
        loss = loss.set_index(["average", "variant"])["value"]
        for average in rows["average"].unique():
            judge = _FOLLOWS.get(average, average)
            of = by_variant[loss[judge].idxmin()]
            own = of[(of["average"] == average) & ~of["metric"].isin(_SAME_RUN)]
            raw = by_variant[loss["raw"].idxmin()]
            timed = raw[(raw["average"] == average) & raw["metric"].isin(_SAME_RUN)]
            chosen += [_named(own, task, schedule), _named(timed, task, schedule)]
        del seed
    return pd.concat(chosen, ignore_index=True)


def _named(rows: pd.DataFrame | None, task: str, schedule: str) -> pd.DataFrame:
    columns = ["task", "method", "variant", "seed", "metric", "value"]
    if rows is None:
        return pd.DataFrame(columns=columns)
    method = schedule + "/" + rows["average"]
    return rows.assign(task=task, method=method)[columns]
