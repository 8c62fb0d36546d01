"""The page of one fitted table: coefficients, how sure they are, and whether to trust that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from surefoot.confidence.bias import BIAS_LIMIT, DEVIATION_LIMIT, DRIFT_LIMIT, KURTOSIS_LIMIT
from surefoot.confidence.health import FEWEST_STEPS
from surefoot.confidence.hypotheses import p_written
from surefoot.ground.blocks import (
    Block,
    Code,
    Column,
    Facts,
    Figure,
    Highlight,
    Note,
    Outcome,
    Page,
    Prose,
    Section,
    Table,
    Verdict,
    VerdictList,
)
from surefoot.ground.figures import DotRow, Reference, dot_plot
from surefoot.ground.study import environment

if TYPE_CHECKING:
    import pandas as pd

    from surefoot.confidence.result import InferenceResult

_MOST_ROWS = 40
_COMPANIONS = {
    "plugin": "plug-in",
    "random_scaling": "random scaling",
    "batch_means": "batch means",
    "score_bootstrap": "score bootstrap",
}


def fit_page(
    result: InferenceResult,
    frame: pd.DataFrame,
    remarks: Sequence[str],
    model: Any,
    words: Mapping[str, str],
    command: str | None,
) -> Page:
    """Return the page of a fit.

    Parameters
    ----------
    result : InferenceResult
    frame : DataFrame
        Of `surefoot.confidence.workflow.coefficients`.
    remarks : sequence of str
        What was warned of.
    model : SGDInferenceRegressor or SGDInferenceClassifier
    words : mapping
        "table", "target", and "what" the coefficients describe.
    command : str or None
    """
    level = f"{100 * result.confidence_level:g} %"
    sure, how = _not_zero(frame, result.confidence_level)
    doubts = (
        f" **{len(remarks)} remark{'s' * (len(remarks) != 1)}** below say why to doubt it."
        if remarks
        else " Nothing about the run speaks against it."
    )
    lead = (
        f"One pass over {result.n_seen:,} rows describes {words['what']}. With {level} confidence "
        f"**{sure} of {len(frame)}** coefficients are not zero, {how}.{doubts}"
    )
    highlights = [
        Highlight(f"{result.n_seen:,}", "rows", f"{result.n_steps:,} steps"),
        Highlight(f"{len(frame)}", "coefficients", f"{sure} differ from 0 at {level}"),
        Highlight(f"{result.n_chains}", "perturbed copies", "of the same run"),
        Highlight(str(len(remarks)), "remarks", "on whether to trust the intervals"),
    ]
    made: list[Block] = [Facts(_settings(model))]
    if command:
        made.append(Code(command))
    return Page(
        title=f"Confidence: {words['table']}",
        question="How sure are these coefficients?",
        lead=lead,
        highlights=highlights,
        sections=[
            Section("Coefficients", [*_figures(frame, level), _table(frame, words["target"])]),
            Section("Can this be trusted?", _health(result, remarks)),
            Section("How this was made", made),
        ],
        facts=list(environment().items()),
    )


_READING = (
    "Every dot is a coefficient in units of its own standard error, so that all fit on one axis: "
    "the further from 0, the surer that it is not. Lines reach as far as the interval of a single "
    "coefficient. Asked about **all** at once, use the simultaneous bounds in the table."
)


def _not_zero(frame: pd.DataFrame, level: float) -> tuple[int, str]:
    """Return how many coefficients are not zero, and in which sense."""
    alone = int((frame["p_value"] < 1 - level).sum())
    if "all lower" not in frame:  # too few chains
        return alone, f"each looked at alone: {len(frame) * (1 - level):.2g} would be by chance"
    together = int(((frame["all lower"] > 0) | (frame["all upper"] < 0)).sum())
    return together, f"all looked at together ({alone} if each is looked at alone)"


def _figures(frame: pd.DataFrame, level: str) -> list[Block]:
    known = frame[(frame["std_error"] > 0) & (frame.index != "const")]
    if known.empty:
        return []
    shown = known.reindex(known["t"].abs().sort_values(ascending=False).index)[:_MOST_ROWS]
    rows = [
        DotRow(
            str(name),
            [row["t"]],
            (row["lower"] / row["std_error"], row["upper"] / row["std_error"]),
            "ours",
        )
        for name, row in shown.iterrows()
    ]
    drawing = dot_plot(
        rows,
        title="Coefficients in their standard errors",
        axis="coefficient / standard error",
        references=[Reference(0.0, "no effect")],
        digits=1,
    )
    left = f" The {_MOST_ROWS} surest of {len(known)}." if len(known) > _MOST_ROWS else ""
    return [Figure(drawing, f"Lines are {level} intervals.{left}"), Note(_READING)]


def _table(frame: pd.DataFrame, target: str) -> Table:
    columns = [
        Column("parameter", "parameter"),
        Column("estimate", "estimate", "number", 4),
        Column("std_error", "standard error", "number", 4),
        Column("lower", "from", "number", 4),
        Column("upper", "to", "number", 4),
    ]
    if "all lower" in frame:
        columns += [
            Column("all lower", "all at once, from", "number", 4),
            Column("all upper", "to", "number", 4),
        ]
    columns.append(Column("p", "p"))
    columns += [
        Column(f"std_error_{name}", f"{label}, standard error", "number", 4)
        for name, label in _COMPANIONS.items()
        if f"std_error_{name}" in frame
    ]
    rows = [
        {"parameter": str(name), "p": p_written(row["p_value"]), **row}
        for name, row in frame.iterrows()
    ]
    note = "In the units of the table. p is that of the t test that the coefficient is 0."
    return Table(f"Coefficients of {target}", columns, rows, note)


def _health(result: InferenceResult, remarks: Sequence[str]) -> list[Block]:
    found = result.diagnostics
    verdicts = [
        _limit(
            "The start is forgotten",
            "Predicted bias left over from the start, in standard errors.",
            found["predicted bias / SD"], BIAS_LIMIT,
        ),
        _limit(
            "The stream does not drift",
            "Difference between the halves of the run, in standard errors.",
            found["drift between halves / SD"], DRIFT_LIMIT,
        ),
        _limit(
            "No copy is wild",
            "Farthest copy, in standard deviations of the copies.",
            found["farthest chain / SD"], DEVIATION_LIMIT,
        ),
        _limit(
            "No tail is heavy",
            "Largest excess kurtosis of the copies.",
            found["largest kurtosis of the chains"], KURTOSIS_LIMIT,
        ),
        _limit(
            "Later rows are like the first",
            "Rows unlike any of those that the warm start was fitted to.",
            found["rows unlike the pilot"], 0,
        ),
        Verdict(
            "Enough steps",
            f"At least {FEWEST_STEPS} minibatches, or intervals may be too short.",
            "holds" if result.n_steps >= FEWEST_STEPS else "fails",
            f"{result.n_steps:,} steps",
        ),
    ]  # fmt: skip
    blocks: list[Block] = [VerdictList(verdicts)]
    if remarks:
        blocks.append(Note("\n\n".join(remarks), title="Remarks"))
    blocks.append(Prose(_MEANING))
    rest = [(str(name), _shown(value)) for name, value in found.items()]
    return [*blocks, Facts(rest)]


_MEANING = (
    "Confidence is about the coefficients that a fit to endless rows of this kind would have. It "
    "does not say that the model is right, that effects are causes, or where a new observation "
    "will fall."
)


def _limit(name: str, sentence: str, value: Any, limit: float) -> Verdict:
    number = float(value)
    outcome: Outcome = "holds" if number <= limit else "fails"
    return Verdict(name, sentence, outcome, f"{number:.3g}; limit {limit:g}")


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _settings(model: Any) -> list[tuple[str, str]]:
    needed = model.memory_needed(model.n_features_in_) / 1e6
    facts = {"model": type(model).__name__, "memory of the run": f"{needed:,.1f} MB, any rows"}
    return [*facts.items(), *((k, str(v)) for k, v in model.get_params().items())]
