"""What is proved about a design."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Proof = Literal["global", "gap"]


@dataclass(frozen=True)
class Certificate:
    """How sure it is that no other rule does better.

    Attributes
    ----------
    status : {"global", "gap"}
        "global": no rule that meets the demands has a smaller loss, to a few parts in a million;
        "gap": none has a loss below `bound`, which is less than that of the rule found.
    bound : float
        Lower bound on the loss of every rule that meets the demands.
    gap : float
        Loss of the rule less the bound.
    method : str
        How it was found, in words.
    programs : int
        Convex programs solved.
    solver_statuses : tuple of (str, int)
        How often the solver ended with which of its words.
    notes : tuple of str
        What the certificate does not cover.
    """

    status: Proof
    bound: float
    gap: float
    method: str
    programs: int
    solver_statuses: tuple[tuple[str, int], ...]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the certificate as plain values."""
        return asdict(self) | {"solver_statuses": dict(self.solver_statuses)}
