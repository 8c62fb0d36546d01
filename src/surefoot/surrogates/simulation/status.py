"""How far a study is: what its runs came to, and what they cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from textwrap import shorten
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_LONG = 100


@dataclass(frozen=True)
class Status:
    """Counts of runs, and time spent in the simulator.

    Attributes
    ----------
    runs : int
        All that the designs ask for.
    counts : mapping of status to int
        How many are ``ok``, ``failed``, ``timed_out``, ``invalid`` and ``missing`` (not run yet).
    reasons : mapping of str to int
        Why runs did not succeed, up to the first colon, the commonest first.
    examples : mapping of str to str
        The first such reason in full.
    wall_s, cpu_s : float
        Time of all finished runs together, in seconds.
    other_versions : mapping of str to int
        Runs of other versions of the simulator in the same store; they are left out everywhere.
    """

    runs: int
    counts: Mapping[str, int]
    reasons: Mapping[str, int]
    examples: Mapping[str, str]
    wall_s: float
    cpu_s: float
    other_versions: Mapping[str, int]

    @classmethod
    def of(cls, table: pd.DataFrame, other_versions: Mapping[str, int]) -> Status:
        """Return the status of a table of runs."""
        counts = Counter(table["status"])
        states = ("ok", "failed", "timed_out", "invalid", "missing")
        unsuccessful = table.loc[~table["status"].isin(["ok", "missing"]), "reason"]
        heads = [reason.partition(":")[0] for reason in unsuccessful]
        reasons = Counter(heads)
        pairs = list(zip(heads, unsuccessful, strict=True))
        return cls(
            runs=len(table),
            counts={state: counts[state] for state in states},
            reasons=dict(reasons.most_common()),
            examples=dict(reversed(pairs)),  # of several the first stays
            wall_s=float(table["wall_s"].sum()),
            cpu_s=float(table["cpu_s"].sum()),
            other_versions=dict(other_versions),
        )

    def __str__(self) -> str:
        counts = ", ".join(f"{n} {state}" for state, n in self.counts.items() if n)
        lines = [f"{self.runs} runs: {counts or 'no design yet'}; {self.wall_s:.3g} s of simulator"]
        lines += [
            f"{n} × {shorten(self.examples[head], _LONG, placeholder=' …')}"
            for head, n in self.reasons.items()
        ]
        lines += [f"{n} runs of version {v}, left out" for v, n in self.other_versions.items()]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in JSON's types."""
        return asdict(self)
