"""What an audit says on the terminal."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from surefoot.incentives.agents import Agents
from surefoot.incentives.audit_words import (
    ceiling_in_words,
    disclosure_text,
    efforts_of,
    outcome_in_words,
    perverse_in_words,
    report_text,
    share_of,
    shares_in_words,
    target_in_words,
)
from surefoot.incentives.auditing import AuditReport, audit
from surefoot.incentives.beliefs import GraphBelief
from surefoot.incentives.costs import LpCost
from surefoot.incentives.graph import CausalGraph
from surefoot.incentives.revealing import reveal
from surefoot.incentives.rules import LinearRule

NODES = ["smoking", "pressure"]
PEOPLE = pd.DataFrame({"smoking": [0.0, 0, 1, 2], "pressure": [0.0, 4, 0, 1]})


def report(
    smoking: float,
    pressure: float = -1.0,
    *,
    sd: float = 0.0,
    threshold: float = 2.0,
    belief: GraphBelief | None = None,
    **options: object,
) -> AuditReport:
    """Audit a rule of two weights; smoking raises pressure by a half."""
    graph = CausalGraph.from_dag(NODES, {("smoking", "pressure"): 0.5}, sd=sd)
    agents = Agents(PEOPLE, graph, LpCost(2), **({"belief": belief} if belief else {}))
    rule = LinearRule([smoking, pressure], threshold, NODES)
    return audit(rule, agents, {"smoking": -1}, **options)  # type: ignore[arg-type]


def test_shares_name_their_measures() -> None:
    # v = (-1.5, -1): effort in the ratio 3 : 2, cost in that of the squares.
    assert shares_in_words(report(-1.0)) == "60.0% of effort, 69.2% of its cost"
    told = shares_in_words(report(-1.0, outcome={"smoking": -0.5}))
    assert told == "60.0% of effort, 69.2% of its cost", "outcomes are no share of effort"
    assert shares_in_words(report(-1.0, threshold=-99)) == "nobody exerts any effort"


def test_a_perverse_incentive_is_told_with_its_doubt() -> None:
    paid = "The rule pays for more smoking, where less is wanted"
    assert list(perverse_in_words(report(-1.0))) == []
    assert list(perverse_in_words(report(0.75))) == [f"{paid}."]
    assert list(perverse_in_words(report(0.75, sd=0.01))) == [f"{paid}."]
    assert list(perverse_in_words(report(0.75, sd=0.5))) == [f"{paid}, if the graph is right."]
    told = report_text(report(0.75, sd=0.01))
    assert f"{paid}." in told.splitlines()
    assert "perverse, surely" in told


def test_where_effort_goes_at_linear_costs() -> None:
    begun = "Per unit of cost nothing raises the score like "
    assert target_in_words(report(-1.0)) == (
        f"{begun}smoking, which is wanted; pressure would, were smoking 1.50 times as dear."
    )
    assert target_in_words(report(-0.5)) == (
        "Per unit of cost smoking and pressure raise the score alike: a tie, and effort may go to "
        "either, some of it wanted."
    )
    assert target_in_words(report(0.5)) == (
        f"{begun}pressure, which is not wanted; nothing else raises it at all."
    )
    assert target_in_words(report(0.0, 0.0)) == (
        "No effort that is allowed raises the score: nobody has a way to pass."
    )


def test_a_ceiling_is_told_if_there_is_one() -> None:
    assert ceiling_in_words(report(-1.0)) == ""
    doubtful = report(-1.0, belief=GraphBelief(cv={"smoking": 1.0, "pressure": 1.0}))
    # Two levers, each one standard deviation above 0: together √2.
    assert ceiling_in_words(doubtful) == (
        "However large the effort, acceptance gets no surer than 92.1%."
    )
    assert ceiling_in_words(doubtful) in report_text(doubtful).splitlines()


def test_all_of_it_in_lines_that_fit() -> None:
    labels = np.array([1, 0, 1, 0])
    found = report(-1.0, sd=0.1, y=labels, outcome={"smoking": -0.5})
    lines = report_text(found).splitlines()
    assert lines[0] == "4 people: 4 moves"
    assert max(map(len, lines)) <= 100
    assert "Accuracy: 50.0% before people respond, 50.0% after." in lines
    assert any(line.startswith("Outcome: ") for line in lines)
    assert any("[" in line and line.startswith("smoking") for line in lines)
    assert str(found) == report_text(found)


def test_groups_stand_below() -> None:
    graph = CausalGraph.identity(NODES)
    agents = Agents(PEOPLE, graph, LpCost(2), groups=["a", "a", "b", "b"])
    found = audit(LinearRule([-1.0, -1.0], 0.0, NODES), agents, {"smoking": -1})
    last = report_text(found).splitlines()[-2:]
    assert [line.split()[0] for line in last] == ["a", "b"]
    assert target_in_words(found).endswith("Where costs go by group, this is by those of a.")
    assert "by group" not in target_in_words(report(-1.0))


def test_outcomes_have_a_sentence_of_their_own() -> None:
    assert outcome_in_words(report(-1.0)) == ""
    # Everybody lacks 2: effort (12/13, 8/13) on smoking and pressure, of which smoking counts.
    found = outcome_in_words(report(-1.0, outcome={"smoking": -0.5}, threshold=2.0))
    assert found.endswith("0.231 for each point of score won; 30.8% of the score won does the "
                          "outcome no good.")  # fmt: skip
    assert outcome_in_words(report(-1.0, outcome={"smoking": -0.5}, threshold=-99)) == ""


def test_rounding_is_no_effort_and_no_share() -> None:
    assert efforts_of([1.0, 1e-12]) == [1.0, 0.0]
    assert efforts_of([0.0, 0.0]) == [0.0, 0.0]
    assert share_of(3e-8) == "0.0%"
    assert share_of(0.0149, 2) == "1.49%"
    assert share_of(float("nan")) == "no value"


@pytest.mark.parametrize(("cv", "best"), [({"smoking": 0.8}, "smoking"), ({"pressure": 0.8}, "")])
def test_what_to_tell(cv: dict[str, float], best: str) -> None:
    graph = CausalGraph.from_dag(NODES, {("smoking", "pressure"): 0.5})
    agents = Agents(PEOPLE, graph, LpCost(2), belief=GraphBelief(cv=cv))
    rule = LinearRule([-1.0, -1.0], 2.0, NODES)
    told = disclosure_text(reveal(rule, agents, {"smoking": -1})).splitlines()
    assert told[0].split()[:3] == ["told", "wanted,", "of"]
    assert told[-1] == (f"tell: effect of {best}" if best else "better left unsaid, all of it")
