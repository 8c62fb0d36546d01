"""The figures of a card's page, each only where the card has what it shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from surefoot.ground.blocks import Figure
from surefoot.ground.figures import (
    BarRow,
    Point,
    Reference,
    Series,
    bar_plot,
    line_plot,
    scatter_plot,
)
from surefoot.surrogates.card.document import Card

Row = Mapping[str, Any]

# Five kinds can be told apart in one figure; the table below it has all.
_MOST_OUTPUTS = 5


def figures(card: Card) -> list[Figure]:
    """Return parity, coverage, PIT, learning curve and sensitivity, as far as they are known."""
    makers = (_parity, _coverage, _pit, _learning_curve, _sensitivity)
    return [figure for make in makers for figure in make(card)]


def _parity(card: Card) -> Iterator[Figure]:
    for output, rows in _by_output(card, "evaluation.parity", "observed", "predicted").items():
        points = [Point(row["observed"], row["predicted"], kind="ours") for row in rows]
        drawing = scatter_plot(
            points,
            title=f"Predicted and simulated {output}",
            x_axis=f"{output}, simulated",
            y_axis=f"{output}, predicted",
            diagonal="equal",
        )
        yield Figure(drawing, "Every run is predicted by a surrogate that has not seen it.")


def _coverage(card: Card) -> Iterator[Figure]:
    outputs = _by_output(card, "evaluation.coverage", "level", "estimate")
    levels = sorted({row["level"] for rows in outputs.values() for row in rows})
    if not levels:
        return
    series = [
        Series(
            output,
            [row["level"] for row in rows],
            [row["estimate"] for row in rows],
            ([row.get("low") for row in rows], [row.get("high") for row in rows]),
            kind="ours",
        )
        for output, rows in outputs.items()
    ]
    series.append(Series("as promised", levels, levels))
    drawing = line_plot(
        series,
        title="Coverage of the intervals",
        x_axis="promised",
        y_axis="share of runs inside",
        percent_axis=True,
    )
    yield Figure(drawing, "Above the promised line intervals are too wide, below it too narrow.")


def _pit(card: Card) -> Iterator[Figure]:
    for output, rows in _by_output(card, "evaluation.pit", "low", "high", "runs").items():
        total = sum(row["runs"] for row in rows)
        bars = [BarRow(f"{row['low']:g} to {row['high']:g}", row["runs"], kind="ours")
                for row in rows]  # fmt: skip
        drawing = bar_plot(
            bars,
            title=f"Where {output} falls in its predicted distribution",
            axis="runs",
            references=[Reference(total / len(rows), "if calibrated")],
            digits=0,
        )
        caption = (
            "Even bars: calibrated. High at both ends: too sure. High in the middle: too wide."
        )
        yield Figure(drawing, caption)


def _learning_curve(card: Card) -> Iterator[Figure]:
    outputs = _by_output(card, "evaluation.learning_curve", "runs", "nrmse")
    if outputs:
        series = [
            Series(output, [row["runs"] for row in rows], [row["nrmse"] for row in rows],
                   ([row.get("low") for row in rows], [row.get("high") for row in rows]),
                   kind="ours")
            for output, rows in outputs.items()
        ]  # fmt: skip
        drawing = line_plot(
            series, title="What more runs bring", x_axis="runs", y_axis="nrmse",
            log_x=True, log_y=True, best="min",
        )  # fmt: skip
        yield Figure(drawing, "Refitted on parts of the runs.")


def _sensitivity(card: Card) -> Iterator[Figure]:
    for output, rows in _by_output(card, "evaluation.sensitivity", "total").items():
        bars = [
            BarRow(f"{row['input']}, {index.replace('_', ' ')}", row[index], kind=kind)
            for row in rows
            for index, kind in (("total", "ours"), ("first_order", "baseline"))
            if row.get(index) is not None
        ]
        drawing = bar_plot(
            bars, title=f"Which inputs {output} depends on", axis="share of the variance"
        )
        yield Figure(
            drawing, "First order: the input alone. Total: with all that it takes part in."
        )


def _by_output(card: Card, path: str, *numbers: str) -> dict[str, list[Row]]:
    """Return the rows of a table that have these numbers, by output."""
    found: dict[str, list[Row]] = {}
    for row in card.rows(path):
        if all(isinstance(row.get(name), int | float) for name in numbers):
            found.setdefault(str(row.get("output")), []).append(row)
    return dict(list(found.items())[:_MOST_OUTPUTS])
