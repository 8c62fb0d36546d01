"""What a card says of the runs, measured on the store."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from surefoot.ground.errors import InputError
from surefoot.ground.files import finite
from surefoot.surrogates.card.document import canonical
from surefoot.surrogates.simulation import store

if TYPE_CHECKING:
    import pandas as pd

    from surefoot.surrogates.simulation.study import Study


def run_evidence(study: Study) -> dict[str, Any]:
    """Return the fields that follow from the runs alone, by path; nothing is run for it.

    Raises
    ------
    InputError
        If no run ended well.
    """
    simulator, table = study.simulator, study.runs()
    good = table[table["status"] == "ok"]
    if not len(good):
        raise InputError("study", "no run that ended well", "runs; see Study.run")
    need = study.need(pilot=1, progress=False)  # of the runs there are
    found: dict[str, Any] = {
        "need.smoothness": [
            {"output": name, "learnable": need.learnable[name], "noise": need.noise[name]}
            for name in simulator.outputs
        ],
        "data.mode": "table of finished runs" if simulator.table else "computed beforehand",
        "data.simulator": {
            "name": simulator.id,
            "version": simulator.version,
            "source": f"sha256:{simulator.fingerprint}",
            "stochastic": simulator.stochastic,
        },
        "data.inputs": _inputs(study, good),
        "data.outputs": [_output(name, good[name]) for name in simulator.outputs],
        "data.designs": _designs(study, good),
        "data.n_runs": len(good),
        "data.failures": _failures(table),
        "data.duplicates": int(good.duplicated(simulator.space.names).sum()),
        "data.noise": _noise(study, good),
        "artefacts.store": runs_fingerprint(table),
    }
    if hosts := _hosts(study):
        found["data.hosts"] = hosts
    times = good["wall_s"].dropna()
    if len(times):
        found["need.run_cost"] = {
            "median": float(times.median()),
            "p95": float(times.quantile(0.95)),
            "total": float(table["wall_s"].sum()),
        }
    return found


def runs_fingerprint(table: pd.DataFrame) -> str:
    """Return the SHA-256 of a table of runs: what was asked, what came of it, what it cost."""
    rows = finite(table.to_dict("split"))
    content = canonical({"columns": rows["columns"], "rows": rows["data"]})
    return f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"


def _inputs(study: Study, good: pd.DataFrame) -> list[dict[str, Any]]:
    declared = study.simulator.space.to_dict()
    rows = []
    for name, dimension in declared.items():
        row = {"name": name, **dimension}
        if good[name].dtype.kind in "if":
            row |= {"lowest_run": good[name].min(), "highest_run": good[name].max()}
        rows.append(row)
    return rows


def _output(name: str, column: pd.Series) -> dict[str, Any]:
    values = np.array(column.tolist(), np.float64)
    row: dict[str, Any] = {"name": name}
    if values.ndim > 1:
        row["values_per_run"] = values.shape[1]
    row |= {"low": values.min(), "high": values.max()}
    return row | {"mean": values.mean(), "sd": values.std()}


def _designs(study: Study, good: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the designs; how even they are is computed again from their points."""
    import pandas as pd

    simulator = study.simulator
    if simulator.table is not None:
        measures = store.measures(simulator, good[simulator.space.names])
        return [{"kind": "table", "n": len(good), **measures}]
    rows = []
    for design, record in study.designs():
        row = {"kind": design.kind, "n": design.n, "seed": design.seed}
        row |= {"reason": design.reason, "replicates": design.replicates}
        rows.append(row | store.measures(simulator, pd.DataFrame(record["points"])))
    return rows


def _failures(table: pd.DataFrame) -> dict[str, Any]:
    failed = table[~table["status"].isin(["ok", "missing"])]
    reasons = failed["reason"].str.partition(":")[0] if len(failed) else failed["reason"]
    counts = reasons.value_counts().sort_index()
    return {"n": len(failed), "by_reason": {str(name): int(n) for name, n in counts.items()}}


def _noise(study: Study, good: pd.DataFrame) -> dict[str, Any]:
    """Return the pooled standard deviation of replicates, by output."""
    groups = good.groupby(study.simulator.space.names, observed=True, sort=False).ngroup()
    sizes = groups.map(groups.value_counts())
    repeated = good[sizes > 1]
    found: dict[str, Any] = {
        "stochastic": study.simulator.stochastic,
        "repeated_points": int(groups[sizes > 1].nunique()),
    }
    degrees = len(repeated) - found["repeated_points"]
    if study.simulator.stochastic and degrees:
        found["sd"] = {
            name: float(np.sqrt(_scatter(repeated[name], groups[sizes > 1]) / degrees))
            for name in study.simulator.outputs
        }
    return found


def _scatter(column: pd.Series, groups: pd.Series) -> float:
    """Return the sum of squared deviations from the means of the groups; of a field on average."""
    values = np.array(column.tolist(), np.float64).reshape(len(column), -1)
    total = 0.0
    for group in groups.unique():
        rows = values[(groups == group).to_numpy()]
        total += float(((rows - rows.mean(axis=0)) ** 2).mean(axis=1).sum())
    return total


def _hosts(study: Study) -> list[str]:
    with store.opened(study.folder, study.simulator) as ledger:
        return sorted({record.host for record in ledger.records()})
