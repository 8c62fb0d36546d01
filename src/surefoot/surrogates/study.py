"""The room's study: how near is the surrogate, does it know, and is it any use?"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from surefoot.ground.datasets import where
from surefoot.ground.study import Results, Scale, Study
from surefoot.ground.verdicts import Check
from surefoot.ground.work import Cell
from surefoot.surrogates.bars import full_bars, quick_bars
from surefoot.surrogates.cases import CASES, GROUPS, TITLES, TableCase
from surefoot.surrogates.cells import OURS, PEERS, TUNED, methods_of
from surefoot.surrogates.measured import mean
from surefoot.surrogates.sections import sections
from surefoot.surrogates.summaries import AT_BEST, DEFAULTS, derive, is_exact
from surefoot.surrogates.task_cells import (
    BEST_RUN,
    CONSERVATION,
    INVERSE,
    OPTIMA,
    SENSITIVITY,
    SEPARATE,
)

_VERSION = 1

_QUICK = ("branin", "ishigami", "friedman", "engineering1")
_QUICK_METHODS = (OURS, "sklearn-gp", "smt-kriging")

# Seeds of each part; the study's own number only if that is less. The dear ones have fewer.
_SEEDS = {
    "development": 10,
    "once": 3,
    "fresh": 5,
    "real": 5,
    SENSITIVITY: 5,
    "optimum of branin": 10,
    "optimum of hartmann6": 5,
    **dict.fromkeys(INVERSE, 5),
    CONSERVATION: 5,
}
# Guards against getting worse, and no evidence: tuned peers would double the cost of the study.
_AGAINST_DEFAULTS = ("development", "once")
_TASK_METHODS = {
    SENSITIVITY: (OURS, "sklearn-gp", "sklearn-gp-tuned"),
    **dict.fromkeys(OPTIMA, (OURS, *PEERS)),
    **dict.fromkeys(INVERSE, (OURS,)),
    CONSERVATION: (OURS, SEPARATE),
}


def cells(scale: Scale, seeds: Sequence[int]) -> list[Cell]:
    """Return a cell for each case or task, method and seed.

    At quick scale a real table is looked at only where it is on this machine.
    """
    if scale == "quick":
        here = [task for task in _QUICK if _is_here(task)]
        return [
            _cell(task, method, seed)
            for task in here
            for seed in seeds
            for method in _QUICK_METHODS
        ]
    found = [
        _cell(task, method, seed)
        for group, cases in GROUPS.items()
        for task, case in cases.items()
        for seed in seeds[: _SEEDS[group]]
        for method in methods_of(case)
        if not (group in _AGAINST_DEFAULTS and method in TUNED.values())
    ]
    return found + [
        _task_cell(task, method, seed)
        for task, methods in _TASK_METHODS.items()
        for seed in seeds[: _SEEDS[task]]
        for method in methods
    ]


def _cell(task: str, method: str, seed: int) -> Cell:
    name, function = f"{task}/{method}/seed={seed}", "surefoot.surrogates.cells:measure"
    params = {"task": task, "method": method}
    return Cell(name, function, params, seed, _VERSION, CASES[task].data)


def _task_cell(task: str, method: str, seed: int) -> Cell:
    name, function = f"{task}/{method}/seed={seed}", "surefoot.surrogates.task_cells:measure"
    return Cell(name, function, {"task": task, "method": method}, seed, _VERSION)


def _is_here(task: str) -> bool:
    case = CASES[task]
    return not isinstance(case, TableCase) or where(case.table).kind in ("folder", "packaged")


def checks(scale: Scale) -> list[Check]:
    """Return the bars of a scale."""
    return quick_bars(_QUICK_METHODS[1:]) if scale == "quick" else full_bars()


def lead(results: Results) -> str:
    """Answer the question from the measured table: what is won, and what is not."""
    group = next(
        (g for g in ("fresh", "development") if mean(results, g, OURS, "coverage_95")), None
    )
    against = AT_BEST if group == "fresh" else DEFAULTS
    ratio = group and mean(results, group, OURS, f"nrmse ÷ {against}")
    covers = group and mean(results, group, OURS, "coverage_95")
    if not (group and ratio and covers):
        return "Not enough cells have finished to answer."
    gains = [
        gain.estimate
        for peer in (*PEERS, *TUNED.values())
        if (gain := mean(results, group, peer, "nats behind ours"))
    ]
    rivals = "the best peer, tuned" if against == AT_BEST else "the best peer with its defaults"
    # Two seeds say next to nothing of a spread.
    spread = f" ({ratio.low:.2f} to {ratio.high:.2f})" if ratio.n > 2 else ""
    lost = [
        CASES[task].title
        for task in GROUPS[group]
        if (one := mean(results, task, OURS, f"nrmse ÷ {against}")) and one.estimate > 1
    ]
    losses = f"It is further off on: {'; '.join(lost)}." if lost else "It is further off on none."
    exact = [
        CASES[task].title for task in GROUPS[group] if is_exact(results.values(task, OURS, "nrmse"))
    ]
    without = (
        f" Left out of these figures, as ours is exact there: {'; '.join(exact)}." if exact else ""
    )
    worse = "" if min(gains) > 0 else " (not better than each)"
    each = [
        one.estimate
        for task in GROUPS[group]
        if (one := mean(results, task, OURS, f"nrmse ÷ {against}"))
    ]
    # A mean of ratios can be decided by one case that suits a method very well.
    middle = f", and **{median(each):.2f}** times in the middle case" if len(each) > 1 else ""
    text = (
        f"On {TITLES[group].lower()}, its errors are **{ratio.estimate:.2f}** times those of "
        f"{rivals}{spread} in the geometric mean{middle}. {losses} By log score it leads by "
        f"**{min(gains):.1f} to {max(gains):.1f} nats**{worse}; intervals of 95 % hold "
        f"**{100 * covers.estimate:.1f} %** of new responses.{without}{_optima(results)}"
    )
    return text.replace("-", "−")


def _optima(results: Results) -> str:
    """Say where looking for an optimum with the surrogate was of no use."""
    useless = [
        CASES[of].title
        for task, of in OPTIMA.items()
        if (gain := results.difference(task, "regret", OURS, BEST_RUN)) and gain.estimate >= 0
    ]
    return f" No help in finding the minimum of: {'; '.join(useless)}." if useless else ""


STUDY = Study(
    room="surrogates",
    title="Can a fast model stand in?",
    question="Can a fast model stand in for the simulator, and who checked?",
    claim=(
        "surrogates should be built and reported in one pipeline, whatever the model: need, data, "
        "model, learning, evaluation by diagnostics and by the task they are wanted for, limits. "
        "The paper says what to report and measures nothing; the bars here are ours."
    ),
    source="Semenova, Sheinkman, Hitge, Hall & Cockayne, arXiv 2502.06753 (2025).",
    seeds={"quick": 2, "full": 10},
    cells=cells,
    checks=checks,
    sections=sections,
    lead=lead,
    derive=derive,
)
