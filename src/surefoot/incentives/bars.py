"""The bars of the study; they were set before its seeds were looked at."""

from __future__ import annotations

from collections.abc import Sequence

from surefoot.ground.verdicts import Check
from surefoot.incentives import both_cells as both
from surefoot.incentives import doubt_cells as doubt
from surefoot.incentives import outcome_cells as outcome
from surefoot.incentives import people_cells as people

GRAPH, TOLD, PILL = "estimated graph", "what is told", "cheap pill"
KNOWN = {1: "known outcome, p = 1", 2: "known outcome, p = 2"}
DOUBT = "how sure"


def both_task(noise: str) -> str:
    """Return the name of the task with edges of this noise."""
    return f"both in doubt, {noise} edges"


def known_outcome_bars() -> list[Check]:
    """Return the bars of the simulation, at both scales."""
    one, two = KNOWN[1], KNOWN[2]
    return [
        Check(
            "Gaming ruins the plain rule",
            "Once people respond, at p = 1, plain logistic regression is right about less than "
            "60 % of them.",
            one, "accuracy", outcome.PLAIN, None, at_most=0.60,
        ),
        Check(
            "A raised threshold helps the rule, and nobody else",
            "Raising it by what the budget buys wins accuracy back; good outcomes rise by less "
            "than half a point.",
            one, "gain", outcome.RAISED, None, at_most=0.005,
        ),
        Check(
            "The design improves people",
            "Designed and raised, the rule lifts the rate of good outcomes by 4 points or more.",
            one, "gain", outcome.DESIGN_RAISED, 0.04,
        ),
        Check(
            "It ends more accurate, too",
            "After the response it is more accurate than the plain rule with a raised threshold.",
            one, "accuracy", outcome.DESIGN_RAISED, 0.0, against=outcome.RAISED,
        ),
        Check(
            "Accuracy after the response",
            "It is 85 % or more.",
            one, "accuracy", outcome.DESIGN_RAISED, 0.85,
        ),
        Check(
            "At p = 2 people gain too",
            "With half of all effort wanted, good outcomes rise by more than under a plain rule "
            "with a raised threshold.",
            two, "gain", outcome.DESIGN_RAISED, 0.0, against=outcome.RAISED,
        ),
        Check(
            "At p = 2 accuracy holds up",
            "The rule ends no less accurate than that one.",
            two, "accuracy", outcome.DESIGN_RAISED, 0.0, against=outcome.RAISED,
        ),
    ]  # fmt: skip


def people_bars(cases: Sequence[str]) -> list[Check]:
    """Return the bars on tables of people, of those that are looked at."""
    found = []
    for name, beta, fall in (
        ("framingham", ".6", 0.005), ("nhefs", ".8", 0.006), ("diabetes", ".6", 0.02),
    ):  # fmt: skip
        if name in cases:
            found += _designed(name, f"wanted ≥ {beta}", float(beta), fall)
    if "framingham" in cases:
        found += [
            Check(
                "Framingham: the first lever is wanted",
                "Designed for linear costs, the rule makes a habit the best lever in every fold.",
                "framingham",
                "lever wanted",
                people.FLIP,
                1.0,
                statistic="lowest",
            ),
            Check(
                "Framingham: what that costs",
                "AUC falls by .004 or less.",
                "framingham",
                "auc",
                people.FLIP,
                -0.004,
                against=people.LOGISTIC,
            ),
            Check(
                "Through the graph, weight counts more",
                "Of the base rule, the largest ratio of effective to direct weight of a habit is "
                "above 3, in the lowest fold.",
                "framingham",
                "reach",
                people.LOGISTIC,
                3.0,
            ),
            *(_blind(beta) for beta in (".6", ".8")),
        ]
    for name, what in (
        ("cardio", "smoking or drinking"), ("give-me-some-credit", "more debt"),
    ):  # fmt: skip
        if name in cases:
            found += [
                Check(
                    f"{_title(name)}: the plain rule is perverse",
                    f"Through the graph, logistic regression pays for {what}.",
                    name,
                    "perverse",
                    people.LOGISTIC,
                    1.0,
                    statistic="lowest",
                ),
                Check(
                    f"{_title(name)}: no design is",
                    "A directed design pays for the wrong direction nowhere.",
                    name,
                    "perverse",
                    "wanted ≥ .6",
                    None,
                    at_most=0.0,
                ),
            ]
    return found


def doubt_bars() -> list[Check]:
    """Return the bars on Framingham's people in doubt, and on its designer."""
    return [
        Check(
            "Tell people what smoking does",
            "Of six effects, that of smoking is the best to tell, in every split.",
            TOLD, "best first", "cigsPerDay", 1.0, statistic="lowest",
        ),
        Check(
            "Leave out what pressure does",
            "That of blood pressure is the worst, in every split.",
            TOLD, "worst last", "sysBP", 1.0, statistic="lowest",
        ),
        Check(
            "It moves effort",
            "Told what smoking does, the wanted share rises by .10 or more.",
            TOLD, "share", "cigsPerDay", 0.10, against="nothing",
        ),
        Check(
            "Certainty of the wrong lever harms",
            "Told what pressure does, it falls.",
            TOLD, "share", "sysBP", None, against="nothing", at_most=0.0,
        ),
        Check(
            "A design for one graph is not safe",
            "Designed for the mean graph, the share is missed under more than 30 % of others.",
            GRAPH, "violated", doubt.NOMINAL, 0.30,
        ),
        Check(
            "A design for many is",
            "Designed for 300 bootstrap graphs, it is missed under 5 % of 800 others at most.",
            GRAPH, "violated", doubt.SCENARIOS, None, at_most=0.05,
        ),
        Check(
            "What that costs",
            "AUC falls by .003 or less.",
            GRAPH, "auc", doubt.SCENARIOS, -0.003, against=doubt.NOMINAL,
        ),
    ]  # fmt: skip


def both_bars() -> list[Check]:
    """Return the bars where neither rule nor graph is known."""
    found = []
    for noise in both.NOISES:
        found += [
            Check(
                f"Promise kept: {noise} edges",
                "At a calibrated z, between 89.5 and 90.5 % of fresh draws pass.",
                both_task(noise), "pass", "calibrated", 0.895, at_most=0.905,
            ),
            Check(
                f"Whatever the distribution: {noise} edges",
                "At Cantelli's z, 90 % pass in every problem.",
                both_task(noise), "pass", "cantelli", 0.9, statistic="lowest",
            ),
        ]  # fmt: skip
    return found


def _designed(name: str, method: str, beta: float, fall: float) -> list[Check]:
    return [
        Check(
            f"{_title(name)}: the share is met",
            f"Designed for {beta:g} of all effort, the lowest fold has it, through the graph.",
            name, "lowest share", method, beta - 1e-4, statistic="lowest",
        ),
        Check(
            f"{_title(name)}: the price",
            f"AUC on people left out falls by {fall:g} or less.",
            name, "auc", method, -fall, against=people.LOGISTIC,
        ),
    ]  # fmt: skip


def _blind(beta: str) -> Check:
    return Check(
        f"Blind to the graph, {beta} is missed",
        "A design that ignores the graph falls short of the share that it claims.",
        "framingham", "share", f"wanted ≥ {beta}, blind", None, at_most=float(beta) - 0.005,
    )  # fmt: skip


def _title(name: str) -> str:
    return {
        "framingham": "Framingham",
        "nhefs": "NHEFS",
        "cardio": "Examinations",
        "give-me-some-credit": "Give Me Some Credit",
        "taiwan-credit": "Taiwan",
        "diabetes": "Diabetes",
    }[name]
