"""What came of an audit of a card."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from surefoot.ground.numerals import counted


@dataclass(frozen=True)
class Moved:
    """Something that is not as the card says.

    Attributes
    ----------
    field : str
        Its path, and within a value what leads to the part that differs.
    card, recomputed : object
        What the card says and what was found; None where there is nothing.
    sentence : str
    """

    field: str
    card: Any
    recomputed: Any
    sentence: str


@dataclass(frozen=True)
class Audit:
    """What came of an audit.

    Attributes
    ----------
    moved : tuple of Moved
        Empty if everything that was looked at is as the card says.
    checked : tuple of str
        Fields that were measured again.
    trusted : tuple of str
        Measured fields that nobody can measure again: of another machine, at another time.
    reruns : int
        Runs of the simulator that were repeated.
    """

    moved: tuple[Moved, ...]
    checked: tuple[str, ...]
    trusted: tuple[str, ...]
    reruns: int

    @property
    def ok(self) -> bool:
        """Whether nothing moved."""
        return not self.moved

    def __str__(self) -> str:
        verdict = "nothing moved" if self.ok else f"{counted(len(self.moved), 'value')} moved"
        lines = [f"{verdict}; {counted(len(self.checked), 'field')} measured again"]
        lines[0] += f", {counted(self.reruns, 'run')} repeated"
        lines += [f"{found.field}: {found.sentence}" for found in self.moved]
        if self.trusted:
            lines.append(f"taken on trust: {', '.join(self.trusted)}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in JSON's types, with ``ok``."""
        return {"ok": self.ok, **asdict(self)}
