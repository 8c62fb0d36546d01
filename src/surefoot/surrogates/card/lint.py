"""What a reviewer would ask first: the short list, as findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from surefoot.surrogates.card.document import STATUSES, Card
from surefoot.surrogates.card.fields import FAMILIES, FIELDS

Severity = Literal["info", "warning", "error"]

_POINT_SCORES = {"mse", "rmse", "nrmse", "mae", "r2", "max_error", "p95_error"}
_POINT_SCORES |= {"mae_bottom_decile", "mae_top_decile"}
_COMPARABLE = ("comparable", "partly", "not")


@dataclass(frozen=True)
class Finding:
    """One thing that a reviewer would ask about.

    Attributes
    ----------
    rule : str
        Its name, such as ``"no-baseline"``.
    severity : {"info", "warning", "error"}
    field : str
        Path of the field.
    sentence : str
        What was found.
    remedy : str
        What to do.
    """

    rule: str
    severity: Severity
    field: str
    sentence: str
    remedy: str


# What it means when one of these is missing; for the other required fields see `_missing`.
_ABSENT: Mapping[str, tuple[str, Severity, str, str]] = {
    "need.run_cost": (
        "no-run-cost", "error", "Nothing says what one run of the simulator costs.",
        "Time the simulator: without its cost nobody can say that a surrogate is needed."),
    "need.alternatives": (
        "no-alternatives", "warning", "No alternative to a surrogate was considered.",
        "Say what was weighed: faster code, parallel runs, a coarser model, other surrogates."),
    "data.design_reason": (
        "no-design-reason", "warning", "Nothing says why the runs were chosen as they were.",
        "Give the reason for the design."),
    "learning.seeds": (
        "no-seeds", "error", "No seed is given: nobody can fit the same surrogate again.",
        "Record every seed."),
    "evaluation.selected_on": (
        "no-selection-rows", "warning", "Nothing says on which rows the surrogate was chosen.",
        "State whether out-of-fold, validation or test rows decided."),
    "evaluation.baselines": (
        "no-baseline", "error", "It is compared with no naive model.",
        "Score the mean, a linear model and the nearest run on the same rows."),
    "evaluation.stress": (
        "no-stress", "warning", "It was never tried where it must extrapolate.",
        "Refit without the outer runs, or without a corner, and score it there."),
    "evaluation.tasks": (
        "no-task", "warning", "It was not scored on the task it is for.",
        "Score the optimum, indices, posterior or probability that it will be used for."),
    "downstream.out_of_scope": (
        "no-out-of-scope", "warning", "Nothing says what it may not be used for.",
        "State the uses it was not made or checked for."),
    "downstream.limitations": (
        "no-limits", "warning", "No limit is admitted.",
        "List the known limits: where it fails, what it was never shown."),
}  # fmt: skip


def lint(card: Card) -> list[Finding]:
    """Return what a reviewer would ask about, errors first; an empty list is a complete card."""
    found = [finding for rule in _RULES for finding in rule(card)]
    order = ("error", "warning", "info")
    return sorted(found, key=lambda finding: order.index(finding.severity))


def _missing(card: Card) -> Iterator[Finding]:
    for path, field in FIELDS.items():
        if not field.required or card[path].get("status") in STATUSES[:3]:
            continue
        if path in _ABSENT:
            rule, severity, sentence, remedy = _ABSENT[path]
            yield Finding(rule, severity, path, sentence, remedy)
        elif field.by == "author":
            remedy = "Declare it, or say why it does not apply."
            yield Finding("missing", "warning", path, f"Not answered: {field.question}", remedy)
        else:
            remedy = "Let the study measure it."
            yield Finding("missing", "error", path, f"Not measured: {field.question}", remedy)


def _unreasoned(card: Card) -> Iterator[Finding]:
    for path, field in card.fields():
        if field.get("status") == "not_applicable" and not field.get("reason"):
            sentence, remedy = "Said not to apply, without a reason.", "Give the reason."
            yield Finding("no-reason", "error", path, sentence, remedy)


def _only_declared(card: Card) -> Iterator[Finding]:
    for path, field in FIELDS.items():
        if field.by != "author" and card[path].get("status") == "declared":
            sentence = "Declared, though it can be measured."
            remedy = "Let the study measure it: what is measured can be verified."
            yield Finding("declared-not-measured", "warning", path, sentence, remedy)


def _unknown(card: Card) -> Iterator[Finding]:
    for path, _ in card.fields():
        if path not in FIELDS:
            remedy = "Correct the name, or let it begin with x-."
            yield Finding("unknown-field", "warning", path, "Not a field of the standard.", remedy)


def _only_point_scores(card: Card) -> Iterator[Finding]:
    metrics = {str(row.get("metric")) for row in card.rows("evaluation.scores")}
    if metrics and metrics <= _POINT_SCORES:
        yield Finding(
            "only-point-scores", "warning", "evaluation.scores",
            "Nothing beyond the error of the mean was scored.",
            "Add a proper score (nlpd, crps), which rewards honest uncertainty.",
        )  # fmt: skip


def _no_intervals(card: Card) -> Iterator[Finding]:
    rows = [row for row in card.rows("evaluation.scores") if "metric" in row]
    if rows and all(row.get("low") is None for row in rows):
        remedy = "Give intervals, such as by resampling the rows that were scored."
        sentence = "No score has an interval."
        yield Finding("no-intervals", "warning", "evaluation.scores", sentence, remedy)


def _no_uncertainty(card: Card) -> Iterator[Finding]:
    if card["model.probabilistic"]["value"] is not False:
        return
    if card["model.uncertainty"].get("status") not in STATUSES[:3]:
        yield Finding(
            "no-uncertainty", "error", "model.uncertainty",
            "It predicts no distribution, and nothing says why.",
            "Add an uncertainty (an ensemble, conformal intervals), or say why there is none.",
        )  # fmt: skip


def _chosen_on_test(card: Card) -> Iterator[Finding]:
    if str(card["evaluation.selected_on"]["value"]).lower().startswith("test"):
        yield Finding(
            "chosen-on-test", "error", "evaluation.selected_on",
            "It was chosen on the rows that it was then scored on.",
            "Choose out of fold or on validation rows, and score on rows without a say.",
        )  # fmt: skip


def _incomplete_family(card: Card) -> Iterator[Finding]:
    family = card["learning.family"]["value"]
    if family is None:
        return
    if not isinstance(family, str) or family not in FAMILIES:
        remedy = f"Name one of: {', '.join(FAMILIES)}."
        sentence = f"{family!r} is not a known family of learning."
        yield Finding("unknown-family", "warning", "learning.family", sentence, remedy)
        return
    details = card["learning.details"]["value"]
    details = details if isinstance(details, Mapping) else {}
    for name in FAMILIES[family]:
        if details.get(name) in (None, ""):
            sentence = f"Learning by {family} must report its {name.replace('_', ' ')}."
            path = f"learning.details.{name}"
            yield Finding("incomplete-family", "warning", path, sentence, "Report it.")


def _uncompared_sources(card: Card) -> Iterator[Finding]:
    rows = card.rows("data.sources")
    for row in rows if len(rows) > 1 else ():
        if row.get("comparability") not in _COMPARABLE:
            sentence = f"Nothing says whether {row.get('name', 'a source')} compares with others."
            remedy = f"Set its comparability to one of: {', '.join(_COMPARABLE)}."
            yield Finding("uncompared-sources", "warning", "data.sources", sentence, remedy)


def _no_gain(card: Card) -> Iterator[Finding]:
    scores = {
        (str(row.get("output")), row.get("metric")): row.get("estimate")
        for row in card.rows("evaluation.scores")
        if isinstance(row.get("metric"), str)
    }
    for row in card.rows("evaluation.baselines"):
        ours, naive = scores.get((str(row.get("output")), "nrmse")), row.get("estimate")
        if row.get("metric") != "nrmse" or not isinstance(naive, int | float):
            continue
        if isinstance(ours, int | float) and ours >= naive:
            sentence = f"For {row.get('output')} it does no better than: {row.get('baseline')}."
            remedy = "Use the naive model, or get more runs."
            yield Finding("no-gain", "error", "evaluation.baselines", sentence, remedy)


def _not_warranted(card: Card) -> Iterator[Finding]:
    found = card["need.verdict"]["value"]
    if isinstance(found, Mapping) and found.get("verdict") == "not warranted":
        sentence = "The runs say that no surrogate is needed, or that none can work."
        remedy = "Run the simulator itself, or say in need.purpose why not."
        yield Finding("not-warranted", "warning", "need.verdict", sentence, remedy)


_RULES: tuple[Callable[[Card], Iterator[Finding]], ...] = (
    _missing, _not_warranted, _unreasoned, _only_declared, _unknown, _only_point_scores,
    _no_intervals, _no_uncertainty, _chosen_on_test, _incomplete_family, _uncompared_sources,
    _no_gain,
)  # fmt: skip
