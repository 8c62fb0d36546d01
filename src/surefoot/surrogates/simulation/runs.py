"""Simulator runs as cells of the work runner, and the table of what became of them."""

from __future__ import annotations

import json
import resource
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from surefoot.ground.identity import Identity
from surefoot.ground.ledger import Ledger, Record
from surefoot.ground.streams import subseed
from surefoot.ground.work import Cell, Output
from surefoot.surrogates.simulation import outputs as readings
from surefoot.surrogates.simulation.calls import Call
from surefoot.surrogates.simulation.simulator import BOOKKEEPING, Simulator

if TYPE_CHECKING:
    import pandas as pd

FUNCTION = "surefoot.surrogates.simulation.runs:simulate"
_TIME_IS_UP = "TimeoutError: "
_PLAIN = ("CommandError: ", _TIME_IS_UP)  # the rest of the reason says it all
_SEEDS = 2**31  # many programs take no larger ones

Planned = tuple[int, str, "pd.DataFrame", int]  # number, kind, points and replicates of a design


@dataclass(frozen=True)
class Run(Cell):
    """A run of a simulator.

    Its parameter ``call`` says how to reach the simulator and is no part of the identity: a solver
    in another folder is the same solver. What it computes is in ``data``, its fingerprint.
    """

    @cached_property
    def identity(self) -> Identity:
        """The fields that determine the result."""
        params = {name: value for name, value in self.params.items() if name != "call"}
        return Identity(self.function, self.version, params, self.data, self.seed)


def simulate(
    *,
    call: Call,
    inputs: Mapping[str, Any],
    outputs: Sequence[str],
    stochastic: bool,
    seed: int,
    **identity: Any,
) -> Output:
    """Run a simulator once: the cell function.

    Parameters
    ----------
    call : Call
    inputs, outputs, stochastic, seed
        See `Simulator`.
    **identity
        Tells runs apart and is not used here.
    """
    cpu, began = _cpu_s(), time.perf_counter()
    returned = call(inputs, seed if stochastic else None)
    times = {"wall_s": time.perf_counter() - began, "cpu_s": _cpu_s() - cpu}
    return recorded(readings.read(returned, outputs), times)


def recorded(values: Mapping[str, Any], times: Mapping[str, float | None]) -> Output:
    """Return outputs and times as they are kept: numbers in the result, fields as arrays."""
    fields = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    numbers = {name: value for name, value in values.items() if name not in fields}
    return Output({"outputs": numbers, **times}, fields)


def cells(simulator: Simulator, planned: Planned) -> list[Run]:
    """Return the runs that a design asks for, each once.

    A point that comes twice is one run of a deterministic simulator, and replicates of a
    stochastic one.
    """
    number, _, points, replicates = planned
    found: dict[str, Run] = {}
    times: Counter[str] = Counter()
    for row, inputs in enumerate(simulator.space.records(points)):
        point = json.dumps(inputs)
        for _ in range(replicates):
            replicate = times[point] if simulator.stochastic else 0
            times[point] += 1
            run = _run(simulator, inputs, point, replicate, f"design {number}, row {row}")
            found.setdefault(run.key, run)
    return list(found.values())


def _run(
    simulator: Simulator, inputs: dict[str, Any], point: str, replicate: int, name: str
) -> Run:
    seed = subseed(0, "replicate", point, replicate) % _SEEDS if simulator.stochastic else 0
    return Run(
        name=f"{name}, replicate {replicate}" if simulator.stochastic else name,
        function=FUNCTION,
        params={
            "call": simulator.call,
            "simulator": simulator.id,
            "version": simulator.version,
            "inputs": inputs,
            "outputs": list(simulator.outputs),
            "stochastic": simulator.stochastic,
            "replicate": replicate,
        },
        seed=seed,
        data=simulator.fingerprint,
        timeout_s=simulator.timeout,
    )


def table(simulator: Simulator, designs: Sequence[Planned], ledger: Ledger) -> pd.DataFrame:
    """Return one row for each run that the designs ask for, in their order.

    Returns
    -------
    DataFrame
        Columns ``run`` (its name), the inputs, the outputs (NaN unless ``ok``; a field is an
        array), ``status``: ``ok``, ``failed``, ``timed_out``, ``invalid`` or ``missing`` (not run
        yet), ``reason``, ``wall_s`` and ``cpu_s`` of the simulator alone, ``replicate``, and
        ``design``, the kind of the design that asked first.
    """
    rows: dict[str, dict[str, Any]] = {}
    for planned in designs:
        for run in cells(simulator, planned):
            if run.key not in rows:
                rows[run.key] = _row(simulator, run, planned[1], ledger)
    found = list(rows.values())
    _mark_odd_lengths(found, simulator.outputs)
    return _frame(simulator, found)


def table_of_rows(simulator: Simulator) -> pd.DataFrame:
    """Return the table of runs of a simulator that is itself a table."""
    assert simulator.table is not None
    X, y = simulator.table
    rows = []
    for row, (inputs, values) in enumerate(
        zip(simulator.space.records(X), y.to_dict("records"), strict=True)
    ):
        lacking = [name for name, value in values.items() if not np.isfinite(value)]
        status, reason = "ok", ""
        if lacking:
            every = len(lacking) == len(values)
            status = "failed" if every else "invalid"
            reason = "no outputs" if every else f"output {lacking[0]}: no finite number"
            values = dict.fromkeys(values, float("nan"))
        rows.append(
            {"run": f"row {row}", **inputs, **values, "status": status, "reason": reason}
            | {"wall_s": float("nan"), "cpu_s": float("nan"), "replicate": 0, "design": "table"}
        )
    return _frame(simulator, rows)


def _row(simulator: Simulator, run: Run, kind: str, ledger: Ledger) -> dict[str, Any]:
    record = ledger.get(run.key)
    row = {"run": run.name, **run.params["inputs"]}
    row |= dict.fromkeys(simulator.outputs, float("nan"))
    row |= {"status": "missing", "reason": "", "wall_s": float("nan"), "cpu_s": float("nan")}
    if record is not None:
        row |= _became(record, ledger)
    return row | {"replicate": run.params["replicate"], "design": kind}


def _became(record: Record, ledger: Ledger) -> dict[str, Any]:
    if record.status == "ok":
        times = {name: record.result[name] for name in ("wall_s", "cpu_s")}
        return record.result["outputs"] | ledger.arrays(record) | times | {"status": "ok"}
    reason = record.reason or ""
    # Off the main thread the runner can't limit time; there the call has noticed it by itself.
    status = "timed_out" if reason.startswith(_TIME_IS_UP) else record.status
    for prefix in _PLAIN:
        reason = reason.removeprefix(prefix)
    return {
        "status": status,
        "reason": reason,
        "wall_s": record.wall_s,
        "cpu_s": record.cpu_s,
    }


def _mark_odd_lengths(rows: list[dict[str, Any]], outputs: Sequence[str]) -> None:
    """Make runs invalid in which an output is longer or shorter than in most."""
    good = [row for row in rows if row["status"] == "ok"]
    for name in outputs:
        sizes = Counter(np.shape(row[name]) for row in good)
        if len(sizes) < 2:
            continue
        usual = sizes.most_common(1)[0][0]
        example = next(row["run"] for row in good if np.shape(row[name]) == usual)
        for row in good:
            if (shape := np.shape(row[name])) != usual:
                reason = f"output {name}: {_length(shape)}, but {_length(usual)} in {example}"
                row |= {"status": "invalid", "reason": reason}
    for row in good:
        if row["status"] == "invalid":
            row |= dict.fromkeys(outputs, float("nan"))


def _length(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} values" if shape else "one number"


def _frame(simulator: Simulator, rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    columns = ["run", *simulator.space.names, *simulator.outputs, *BOOKKEEPING]
    return pd.DataFrame(rows, columns=columns)


def _cpu_s() -> float:
    # Programs count as children once they have ended; threads of one process can't be told apart.
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
