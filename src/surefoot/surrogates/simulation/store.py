"""What a study's ledger holds besides runs: which simulator it is for, and the designs in order.

Both are records like any other work: written once, whole, and by one process at a time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surefoot.ground.errors import ForeignLedgerError
from surefoot.ground.ledger import Identity, Ledger, Outcome, Record
from surefoot.surrogates.simulation.design import Design
from surefoot.surrogates.simulation.runs import FUNCTION, Planned
from surefoot.surrogates.simulation.simulator import Simulator

if TYPE_CHECKING:
    import pandas as pd

PURPOSE = "simulator runs"
_HERE = "surefoot.surrogates.simulation.store"
_LEASE_S = 10.0
_WAIT_S = 0.05


@contextmanager
def opened(folder: Path, simulator: Simulator) -> Iterator[Ledger]:
    """Open the ledger in `folder`, which must be for `simulator` in this or another version.

    Raises
    ------
    ForeignLedgerError
        If it is for another simulator, or for other inputs or outputs.
    """
    with Ledger(folder / "ledger.sqlite", purpose=PURPOSE) as ledger:
        _settle(ledger, simulator)
        yield ledger


def designs(ledger: Ledger) -> list[tuple[Design, dict[str, Any]]]:
    """Return the designs in the order they were made, each with its points and measures."""
    found: list[tuple[Design, dict[str, Any]]] = []
    while record := ledger.get(_design(len(found)).key()):
        found.append((Design(**record.result["design"]), record.result))
    return found


def planned(ledger: Ledger) -> list[Planned]:
    """Return number, kind, points and replicates of the designs, in order."""
    import pandas as pd

    return [
        (number, design.kind, pd.DataFrame(result["points"]), design.replicates)
        for number, (design, result) in enumerate(designs(ledger))
    ]


def add(ledger: Ledger, design: Design, simulator: Simulator) -> Planned:
    """Put `design` behind the others, unless it is there, and return it with its points.

    The points are kept as they were drawn, so that they stay the same when a library changes.
    """
    while True:
        known = designs(ledger)
        for number, (other, _) in enumerate(known):
            if other == design:
                return planned(ledger)[number]
        points = design.points(simulator.space)
        name, identity = f"design {len(known)}", _design(len(known))
        if ledger.claim(name, identity, _LEASE_S):
            result = {"design": design.to_dict(), "points": points.to_dict("list")}
            result |= measures(simulator, points)
            ledger.finish(name, identity, Outcome("ok", result))
        else:
            time.sleep(_WAIT_S)  # another process is writing its design there


def measures(simulator: Simulator, points: pd.DataFrame) -> dict[str, float | None]:
    """Return centred discrepancy and smallest distance of `points` in the unit cube."""
    from surefoot.surrogates.simulation.spread import discrepancy, minimum_distance

    U = simulator.space.to_unit(points)
    return {"discrepancy": discrepancy(U), "minimum_distance": minimum_distance(U)}


def other_versions(ledger: Ledger, simulator: Simulator) -> dict[str, int]:
    """Return how many runs the ledger has of other versions or sources of the simulator."""
    found: dict[str, int] = {}
    for record in ledger.records():
        if record.identity.function == FUNCTION and not _same(record, simulator):
            label = f"{record.identity.params['version']} ({record.identity.data[:8]})"
            found[label] = found.get(label, 0) + 1
    return found


def _same(record: Record, simulator: Simulator) -> bool:
    its = (record.identity.params["version"], record.identity.data)
    return its == (simulator.version, simulator.fingerprint)


def _design(number: int) -> Identity:
    return Identity(f"{_HERE}:design", 1, {"number": number}, "", 0)


def _settle(ledger: Ledger, simulator: Simulator) -> None:
    identity = Identity(f"{_HERE}:simulator", 1, {}, "", 0)
    mine = {
        "simulator": simulator.id,
        "space": simulator.space.to_dict(),
        "outputs": list(simulator.outputs),
        "stochastic": simulator.stochastic,
    }
    while (record := ledger.get(identity.key())) is None:
        if ledger.claim("simulator", identity, _LEASE_S):
            ledger.finish("simulator", identity, Outcome("ok", mine))
        else:
            time.sleep(_WAIT_S)
    theirs, ours = _parts(record.result), _parts(mine)
    for what in theirs:
        if ours.get(what) != theirs[what]:
            where, allowed = f"{ledger.path}, {what}", f"{theirs[what]}, or another store"
            raise ForeignLedgerError(where, ours.get(what, "none"), allowed)


def _parts(declared: dict[str, Any]) -> dict[str, Any]:
    space = declared["space"]
    parts = {name: value for name, value in declared.items() if name != "space"}
    return parts | {"inputs": list(space)} | {f"input {name}": space[name] for name in space}
