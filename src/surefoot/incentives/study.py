"""The room's study: what will people do to pass, and what does wanting something else cost?"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from surefoot.ground.datasets import files_of, where
from surefoot.ground.intervals import mean_interval
from surefoot.ground.study import Results, Scale, Study
from surefoot.ground.verdicts import Check
from surefoot.ground.work import Cell
from surefoot.incentives import bars
from surefoot.incentives import both_cells as both
from surefoot.incentives import doubt_cells as doubt
from surefoot.incentives import outcome_cells as outcome
from surefoot.incentives import people_cells as people
from surefoot.incentives.cases import CASES
from surefoot.incentives.sections import sections

_VERSION = 1
_PEOPLE = {"quick": 20_000, "full": 100_000}
_FRESH = {"quick": 50_000, "full": 300_000}
_READINGS = ("cigsPerDay", "BMI", "glucose", "totChol", "heartRate", "sysBP")
_FRAMINGHAM = {
    bars.TOLD: ("told", ("nothing", *_READINGS, "everything")),
    bars.DOUBT: ("in_doubt", tuple(f"{c:g}" for c in doubt.CONFIDENCES)),
    bars.GRAPH: ("estimated_graph", (doubt.NOMINAL, doubt.SCENARIOS)),
    bars.PILL: ("cheap_pill", tuple(f"{weight:g}" for weight in doubt.PILL_WEIGHTS)),
}


def cells(scale: Scale, seeds: Sequence[int]) -> list[Cell]:
    """Return the cells; of real people, those whose table is on this machine."""
    found = [
        _cell("outcome_cells:rule_with_known_outcome", task, method, seed, p=p, n=_PEOPLE[scale])
        for p, task in bars.KNOWN.items()
        for seed in seeds
        for method in outcome.METHODS
    ]
    found += [
        _cell("people_cells:rule_on_people", case, method, seed, data=_files(case))
        for case in _cases(scale)
        for seed in seeds
        for method in people.METHODS
    ]
    found += [
        _cell("both_cells:pass_rate", bars.both_task(noise), method, seed, noise=noise,
              fresh=_FRESH[scale])
        for noise in (both.NOISES if scale == "full" else both.NOISES[:1])
        for seed in seeds
        for method in both.METHODS
    ]  # fmt: skip
    if "framingham" in _cases(scale) and scale == "full":
        found += [
            _cell(f"doubt_cells:{function}", task, method, seed, data=_files("framingham"))
            for task, (function, methods) in _FRAMINGHAM.items()
            for seed in seeds
            for method in methods
        ]
    return found


def derive(table: pd.DataFrame) -> pd.DataFrame:
    """Add whether the best and the worst thing to tell are what they are expected to be."""
    ranks = table[(table["task"] == bars.TOLD) & (table["metric"] == "rank")]
    if ranks.empty:
        return table
    first = ranks[ranks["method"] == "cigsPerDay"]
    last = ranks[ranks["method"] == "sysBP"]
    added = [
        first.assign(metric="best first", value=(first["value"] == 1).astype(float)),
        last.assign(metric="worst last", value=(last["value"] == len(_READINGS)).astype(float)),
    ]
    return pd.concat([table.drop(ranks.index), *added], ignore_index=True)


def checks(scale: Scale) -> list[Check]:
    """Return the bars of a scale; those on people whose table is not here are left out."""
    here = _cases(scale)
    found = [*bars.known_outcome_bars(), *bars.people_bars(here)]
    if scale == "quick":
        return [*found, bars.both_bars()[1]]
    if "framingham" in here:
        found += bars.doubt_bars()
    return [*found, *bars.both_bars()]


def lead(results: Results) -> str:
    """Answer the question from the measured table."""
    task = bars.KNOWN[1]
    measured = {
        method: {
            metric: mean_interval(values).estimate
            for metric in ("accuracy", "gain")
            if (values := results.values(task, method, metric))
        }
        for method in (outcome.PLAIN, outcome.RAISED, outcome.DESIGN_RAISED)
    }
    if not all(measured.values()):
        return "Not enough cells have finished to answer."
    plain, raised, designed = measured.values()
    return (
        f"They pull the cheapest lever. Where the outcome is known, a plain rule is right about "
        f"**{100 * plain['accuracy']:.0f} %** of people once they respond. Raising its threshold "
        f"restores that to {100 * raised['accuracy']:.0f} % and improves nobody "
        f"({100 * raised['gain']:+.1f} points of good outcomes). A rule designed so that wanted "
        f"effort pays ends at **{100 * designed['accuracy']:.0f} %**, with "
        f"**{100 * designed['gain']:+.1f} points**."
    )


def _cases(scale: Scale) -> list[str]:
    """Return the cases whose table is on this machine; at quick scale one that needs none."""
    if scale == "quick":
        return ["diabetes"]
    return [
        name for name in CASES if name == "diabetes" or where(name).kind in ("folder", "packaged")
    ]


def _files(case: str) -> str:
    """Return what identifies the table of a case; that of one comes with scikit-learn."""
    return "" if case == "diabetes" else files_of(case)


def _cell(
    function: str, task: str, method: str, seed: int, data: str = "", **params: object
) -> Cell:
    return Cell(
        f"{task}/{method}/{seed}",
        f"surefoot.incentives.{function}",
        {"task": task, "method": method, **params},
        seed=seed,
        version=_VERSION,
        data=data,
    )


STUDY = Study(
    room="incentives",
    title="What will people do to pass?",
    question="What will people do to pass, and is it what we want?",
    claim=(
        "what people do to be accepted depends on the causal graph, on costs and on what they "
        "know; a rule can be designed so that the effort it calls forth is wanted."
    ),
    source=(
        "the model of Efthymiou, Podimata, Sen & Ziani, arXiv 2502.06749 (2025); the open "
        "computational cases, the data and all figures are ours."
    ),
    seeds={"quick": 3, "full": 10},
    cells=cells,
    checks=checks,
    sections=sections,
    lead=lead,
    derive=derive,
)
