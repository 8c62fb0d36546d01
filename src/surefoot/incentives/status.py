"""What became of each agent. Nobody is left with NaN: whoever stays put, stays for a reason."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """Why an agent moved, or did not.

    ================= ===========================================================================
    `PASSES`          accepted as it stands (and sure enough of it): no effort
    `MOVES`           invests effort
    `TOO_EXPENSIVE`   could pass, at a cost above what passing is worth to it
    `OUT_OF_REACH`    no effort within its limits makes up for the gap
    `NEVER_SURE`      no effort, however large, gives the confidence it asks for
    ================= ===========================================================================
    """

    PASSES = 0
    MOVES = 1
    TOO_EXPENSIVE = 2
    OUT_OF_REACH = 3
    NEVER_SURE = 4

    @property
    def words(self) -> str:
        """Return the status as a reader meets it."""
        return _WORDS[self]


_WORDS = {
    Status.PASSES: "passes already",
    Status.MOVES: "moves",
    Status.TOO_EXPENSIVE: "too expensive",
    Status.OUT_OF_REACH: "out of reach",
    Status.NEVER_SURE: "never sure enough",
}
