"""The bars of the study; they were set before the fresh functions were looked at."""

from __future__ import annotations

from collections.abc import Sequence

from surefoot.ground.verdicts import Check
from surefoot.surrogates.cells import LABELS, OURS, PEERS, TUNED
from surefoot.surrogates.summaries import AT_BEST, DEFAULTS
from surefoot.surrogates.task_cells import BEST_RUN, CONSERVATION, INVERSE, SENSITIVITY


def quick_bars(peers: Sequence[str]) -> list[Check]:
    """Return what two seeds can show: in each of them ours is ahead of each of `peers`."""
    return [
        check
        for peer in peers
        for check in (
            Check(
                f"Nearer than {LABELS[peer]}",
                "On three smooth functions, in each seed, its errors are larger than ours.",
                "development", "nrmse ÷ ours", peer, 1.0, statistic="lowest",
            ),
            Check(
                f"Better laws than {LABELS[peer]}",
                "In each seed its predictive laws are worse, by log score.",
                "development", "nats behind ours", peer, 0.0, statistic="lowest",
            ),
        )
    ]  # fmt: skip


def full_bars() -> list[Check]:
    """Return the bars of the full scale."""
    return [*_on_fresh(), *_on_development(), *_on_real(), *_on_tasks()]


def _on_fresh() -> list[Check]:
    return [
        Check(
            "Fresh functions: as near as the best peer, tuned",
            "On functions never looked at before, the error is no larger than that of the best of "
            "three tuned peers, chosen for each function after the fact.",
            "fresh", f"nrmse ÷ {AT_BEST}", OURS, None, at_most=1.0,
        ),
        *(
            Check(
                f"Fresh functions: better laws than {LABELS[peer]}",
                "The log score there is no worse.",
                "fresh", "nats behind ours", peer, 0.0,
            )
            for peer in (*PEERS, *TUNED.values())
        ),
        *_laws("fresh"),
    ]  # fmt: skip


def _on_development() -> list[Check]:
    return [
        Check(
            "Developed on: half the error",
            "On seven functions we developed on, errors are at most half those of the best peer "
            "with its defaults. A guard against getting worse, no evidence.",
            "development", f"nrmse ÷ {DEFAULTS}", OURS, None, at_most=0.5,
        ),
        Check(
            "Developed on: never far behind",
            "On the worst of the seven at most 5 % more.",
            "development", f"highest nrmse ÷ {DEFAULTS}", OURS, None, at_most=1.05,
        ),
        *(
            Check(
                f"Developed on: better laws than {LABELS[peer]}",
                "By 0.7 nats or more.",
                "development", "nats behind ours", peer, 0.7,
            )
            for peer in PEERS
        ),
        Check(
            "Developed on: CRPS",
            "At most 0.6 of the best peer's with its defaults.",
            "development", f"crps ÷ {DEFAULTS}", OURS, None, at_most=0.6,
        ),
        *_laws("development"),
    ]  # fmt: skip


def _laws(group: str) -> list[Check]:
    """Return what must be true of a group's intervals and of what is reported."""
    where = {"fresh": "Fresh functions", "development": "Developed on"}[group]
    return [
        Check(
            f"{where}: intervals cover",
            "Intervals of 95 % hold 93 to 98.5 % of new responses.",
            group, "coverage_95", OURS, 0.93, at_most=0.985,
        ),
        Check(
            f"{where}: everywhere",
            "On the worst function 88 % or more.",
            group, "lowest coverage_95", OURS, 0.88,
        ),
        Check(
            f"{where}: reports its error honestly",
            "The NRMSE reported from the folds is 0.9 to 1.6 times the true one.",
            group, "reported / true", OURS, 0.9, at_most=1.6,
        ),
        Check(
            f"{where}: never flatters itself",
            "On no function is it below 0.8.",
            group, "lowest reported / true", OURS, 0.8,
        ),
    ]  # fmt: skip


def _on_real() -> list[Check]:
    return [
        Check(
            "Real tables: nearer than the best peer",
            "Errors are at most 0.95 of those of the best peer with its defaults.",
            "real", f"nrmse ÷ {DEFAULTS}", OURS, None, at_most=0.95,
        ),
        Check(
            "Real tables: never far behind",
            "On the worst table at most 15 % more.",
            "real", f"highest nrmse ÷ {DEFAULTS}", OURS, None, at_most=1.15,
        ),
        Check(
            "Real tables: intervals cover",
            "Intervals of 95 % hold 92 to 99 % of rows not seen.",
            "real", "coverage_95", OURS, 0.92, at_most=0.99,
        ),
    ]  # fmt: skip


def _on_tasks() -> list[Check]:
    few, many = INVERSE
    return [
        Check(
            "Sensitivity",
            "From 100 runs of Ishigami's function the Sobol' index that is furthest off misses by "
            "0.01 at most, on average over seeds.",
            SENSITIVITY, "error", OURS, None, at_most=0.01,
        ),
        Check(
            "Inverse problem, 30 runs",
            "The posterior of an epidemic's two rates is within 0.05 of the true one, in total "
            "variation and on average.",
            few, "tv", OURS, None, at_most=0.05,
        ),
        Check(
            "Inverse problem, 60 runs",
            "From twice the runs within 0.01.",
            many, "tv", OURS, None, at_most=0.01,
        ),
        Check(
            "Optimum",
            "The minimum of Branin's function found from 20 runs is within 0.03 standard "
            "deviations of the true one.",
            "optimum of branin", "regret", OURS, None, at_most=0.03,
        ),
        Check(
            "Optimum: worth a surrogate",
            "It is lower than the best of those runs.",
            "optimum of branin", "regret", OURS, None, BEST_RUN, at_most=0.0,
        ),
        Check(
            "Conservation",
            "Four shares that sum to one in every run do so in every prediction, to nine digits.",
            CONSERVATION, "log10 residual", OURS, None, at_most=-9.0,
        ),
    ]  # fmt: skip
