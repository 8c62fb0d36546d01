"""A designed rule as a project asked for it: in words, and as a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surefoot.ground.numerals import counted, number, percent
from surefoot.ground.study import environment
from surefoot.incentives.audit_words import share_of
from surefoot.incentives.designing.design import Design
from surefoot.incentives.rule_files import save_rule
from surefoot.incentives.rules import LinearRule

_PROOFS = {
    "global": "no rule that meets the demand has a smaller loss",
    "gap": "no rule that meets the demand has a smaller loss than the bound",
    "local": "no bound: a better rule may exist far away",
}


@dataclass(frozen=True, eq=False)
class Designed:
    """A rule, its certificate, and what the project's people do about it.

    Attributes
    ----------
    design : Design
    rule : LinearRule
        Its threshold higher by the log-odds of the project's ``probability``, and by what a
        strategic one asks for.
    shares : mapping of measure to float
        Wanted share of what people do under `rule`, limits and doubts and all.
    measure : str
        The one that was asked for.
    seed : int
    """

    design: Design
    rule: LinearRule
    shares: Mapping[str, float]
    measure: str
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Return all of it in JSON's types."""
        return {
            **self.design.to_dict(), "threshold": self.rule.threshold, "measure": self.measure,
            "shares of the people": dict(self.shares), "seed": self.seed,
        }  # fmt: skip

    def save(self, path: Path) -> None:
        """Write the rule as JSON, with its certificate."""
        origin = {**self.to_dict(), "versions": environment()}
        del origin["weights"], origin["threshold"]
        save_rule(self.rule, path, origin)

    def facts(self) -> Iterator[tuple[str, str]]:
        """Yield what there is to know of it, as names and values."""
        design, proof = self.design, self.design.certificate
        yield "wanted share, asked for", f"{percent(design.beta)} of {self.measure}"
        least = ", in the group that has least" if design.shares else ""
        yield "wanted share, by the model", f"{share_of(design.share)} of {self.measure}{least}"
        people = f"{share_of(self.shares[self.measure])} of {self.measure}"
        yield "wanted share, of these people", f"{people}, with their limits and doubts"
        rise = share_of(design.price, 2)
        yield "loss", f"{number(design.loss, 5)}, {rise} above the least of any rule"
        yield "certificate", f"{proof.status}: {_PROOFS[proof.status]}"
        yield "method", f"{proof.method}; convex programs solved: {proof.programs}"
        gap = number(proof.gap, 7) if round(proof.gap, 7) else "0"
        yield "lower bound of the loss", f"{number(proof.bound, 5)}, gap {gap}"
        if design.scenarios is not None:
            yield "drawn graphs", scenarios_in_words(design)
        for note in proof.notes:
            yield "not covered", note
        yield "seed", str(self.seed)

    def __str__(self) -> str:
        named = zip(self.rule.names, self.rule.weights.tolist(), strict=True)
        told = ", ".join(f"{name} {number(weight)}" for name, weight in named)
        facts = [f"{name}: {value}" for name, value in self.facts()]
        return "\n".join([f"accept at {number(self.rule.threshold)} or more of: {told}", *facts])


def scenarios_in_words(design: Design) -> str:
    """Return how the share fares in drawn graphs."""
    found = design.scenarios
    if found is None:
        return "none"
    told = f"kept in {percent(1 - found.violated)} of {counted(found.count, 'graph')}"
    if found.probability is None:
        return told
    return f"{told}; broken in a new one with a chance of at most {percent(found.probability)}"
