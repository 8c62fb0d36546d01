from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.ground.errors import InputError
from surefoot.ground.figures import (
    BarRow,
    DotRow,
    Drawing,
    Point,
    Reference,
    Series,
    bar_plot,
    dot_plot,
    line_plot,
    scatter_plot,
)
from surefoot.ground.figures.axis import fitted
from surefoot.ground.figures.lines import spread
from surefoot.ground.figures.text import shortened, width_of, wrapped
from surefoot.ground.intervals import Interval
from surefoot.ground.numerals import number, percent

NAN = float("nan")
numbers = st.floats(-1e100, 1e100) | st.sampled_from([0.0, 5e-324, -1e-310, 1e100, -1e100])
maybe = numbers | st.sampled_from([None, NAN, math.inf])


def dots(*rows: DotRow, **options: Any) -> Drawing:
    return dot_plot(rows, title="Title", axis="accuracy", **options)


def bars(*rows: BarRow, **options: Any) -> Drawing:
    return bar_plot(rows, title="Title", axis="minutes", **options)


def lines(*series: Series, **options: Any) -> Drawing:
    return line_plot(series, title="Title", x_axis="step", y_axis="loss", **options)


def points(*given: Point, **options: Any) -> Drawing:
    return scatter_plot(given, title="Title", x_axis="x", y_axis="y", **options)


def elements(svg: str, look: str) -> list[ET.Element]:
    """Return the elements of `svg` that have class `look`."""
    return [node for node in ET.fromstring(svg).iter() if look in node.get("class", "").split()]


def texts(svg: str) -> list[str]:
    return [node.text or "" for node in ET.fromstring(svg).iter("text")]


def positive(value: float) -> float:
    return max(abs(value), 1e-100)


def sound(drawing: Drawing) -> None:
    """Both layouts are XML, have finite coordinates, keep to the sheet and say what they show."""
    for svg in (drawing.wide, drawing.narrow):
        root = ET.fromstring(svg)
        _, _, width, height = map(float, root.get("viewBox", "").split())
        assert root.get("role") == "img"
        assert [root[0].tag, root[1].tag] == ["title", "desc"]
        assert root[1].text == drawing.words
        for node in root.iter():
            for name, value in node.attrib.items():
                assert "nan" not in value
                assert "inf" not in value.replace("inside", "")
                if name in {"x", "x1", "x2", "cx"}:
                    assert -1 <= float(value) <= width + 1
                if name in {"y", "y1", "y2", "cy"}:
                    assert -1 <= float(value) <= height + 1
    ET.fromstring(drawing.standalone())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(maybe, max_size=4), min_size=1, max_size=4))
def test_dot_plots_bear_any_numbers(rows: list[list[float | None]]) -> None:
    given_rows = [DotRow(f"row {i}", values) for i, values in enumerate(rows)]
    if any(value is not None and math.isfinite(value) for values in rows for value in values):
        sound(dots(*given_rows))
    else:
        with pytest.raises(InputError, match="at least one finite number"):
            dots(*given_rows)


@settings(max_examples=60, deadline=None)
@given(st.lists(maybe, min_size=1, max_size=8))
def test_bar_plots_bear_any_numbers(values: list[float | None]) -> None:
    values.append(1.0)
    sound(bars(*[BarRow(f"row {i}", value) for i, value in enumerate(values)]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(numbers, maybe), min_size=1, max_size=8), st.booleans())
def test_line_plots_bear_any_numbers(pairs: list[tuple[float, float | None]], log: bool) -> None:
    pairs.append((1.0, 1.0))
    if log:
        pairs = [(positive(x), y if y is None else positive(y)) for x, y in pairs]
    xs, ys = zip(*pairs, strict=True)
    sound(lines(Series("a", xs, ys), Series("b", xs, ys[::-1]), log_x=log, log_y=log))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(maybe, maybe), max_size=8), st.booleans())
def test_scatter_plots_bear_any_numbers(
    pairs: list[tuple[float | None, float | None]], diagonal: bool
) -> None:
    pairs.append((0.5, 0.5))
    named = [Point(x, y, f"p{i}") for i, (x, y) in enumerate(pairs)]
    sound(points(*named, diagonal="same" if diagonal else ""))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_only_text(text: str) -> None:
    drawings = [
        dots(DotRow(text, [1.0], kind=text, group=text), references=[Reference(0, text)]),
        bars(BarRow(text, parts={text: 1.0})),
        lines(Series(text, [1], [1]), y_references=[Reference(1, text)]),
        points(Point(1, 1, text), diagonal=text),
    ]
    for drawing in drawings:
        sound(drawing)
        tags = {node.tag for node in ET.fromstring(drawing.wide).iter()}
        assert tags <= {"svg", "title", "desc", "text", "line", "path", "circle", "rect"}


def test_a_row_shows_its_seeds_their_mean_and_its_interval() -> None:
    drawing = dots(
        DotRow("ours", [0.25, 0.75, NAN, None], (0.25, 0.75), "ours", "Birds"),
        DotRow("plain", [], kind="baseline", group="Birds"),
        references=[Reference(0.5, "chance")],
        best="max",
        percent_axis=True,
    )
    for svg in (drawing.wide, drawing.narrow):
        seeds = [float(dot.get("cx", "")) for dot in elements(svg, "seed")]
        reference = float(elements(svg, "reference")[0].get("x1", ""))
        assert sum(seeds) / 2 == pytest.approx(reference, abs=0.2)  # mean 0.5 is at the line 0.5
        assert len(seeds) == 2
        assert len(elements(svg, "interval")) == 3
        assert {"50.0% [25.0%, 75.0%]", "no value", "Birds", "chance"} <= set(texts(svg))
    assert drawing.words == (
        "Dot plot of accuracy (higher is better), 2 rows. Line at 50.0%: chance. "
        "Birds, ours (ours): 50.0%, interval 25.0% to 75.0%; 2 seeds, 2 without a value. "
        "Birds, plain (baseline): no value; 0 seeds."
    )
    cells = [[cell.text for cell in row] for row in drawing.data.cells()]
    assert cells[0][3:] == ["50.0%", "25.0%", "75.0%", "25.0%, 75.0%, no value, no value"]


def test_an_interval_of_the_ground_can_be_drawn() -> None:
    drawn = dots(DotRow("a", [0.5], Interval(0.5, 0.4, 0.6, 0.95, "t", 5)))
    assert "0.500 [0.400, 0.600]" in texts(drawn.wide)
    unknown = dots(DotRow("a", [0.5], Interval(0.5, NAN, NAN, 0.95, "t", 1)))
    assert elements(unknown.wide, "interval") == []


def test_kinds_differ_in_colour_and_in_shape() -> None:
    kinds = ["baseline", "ours", "uses group labels", "oracle", "random"]
    drawing = dots(*[DotRow(kind, [0.1], kind=kind) for kind in kinds])
    legend = elements(drawing.wide, "mark")[:5]
    looks = [mark.get("class", "") for mark in legend]
    assert looks == [
        "mark circle kind-0",
        "mark square kind-1",
        "mark diamond kind-2",
        "mark triangle kind-3",
        "mark cross kind-4",
    ]
    with pytest.raises(InputError, match="at most 5 in one figure"):
        dots(*[DotRow("a", [0.1], kind=str(i)) for i in range(6)])
    alone = dots(DotRow("a", [0.1], kind="mine"))
    assert "kind-0" not in alone.wide  # the accent colour is kept for "ours"
    assert "mine" not in texts(alone.wide)  # no legend for one kind


def test_bars_start_at_zero_and_go_both_ways() -> None:
    drawing = bars(BarRow("up", 2.0, (1.5, 2.5)), BarRow("down", -1.0))
    zero = float(elements(drawing.wide, "zero")[0].get("x1", ""))
    up, down = elements(drawing.wide, "bar")
    assert float(up.get("x", "")) == pytest.approx(zero, abs=0.1)
    assert float(down.get("x", "")) + float(down.get("width", "")) == pytest.approx(zero, abs=0.2)
    assert float(up.get("width", "")) == pytest.approx(2 * float(down.get("width", "")), abs=0.3)


def test_parts_are_stacked_in_the_order_of_the_legend() -> None:
    drawing = bars(
        BarRow("a", parts={"train": 1.0, "tune": 2.0, "test": None}), BarRow("b", parts={"tune": 1})
    )
    shown = elements(drawing.wide, "bar")[2:]  # after the legend
    edges = [(float(bar.get("x", "")), float(bar.get("width", ""))) for bar in shown]
    assert edges[0][0] + edges[0][1] == pytest.approx(edges[1][0], abs=0.2)
    assert edges[1][1] == pytest.approx(2 * edges[0][1], abs=0.3)
    assert shown[1].get("class") == shown[2].get("class")
    assert "a (baseline): 3.000, made of train 1.000, tune 2.000." in drawing.words


def test_a_missing_y_breaks_the_line_and_its_band() -> None:
    ys = [1.0, 2.0, None, 3.0, 4.0, NAN, 5.0]
    drawing = lines(Series("a", range(7), ys, (ys, ys)))
    path = elements(drawing.wide, "line")[0].get("d", "")
    assert path.count("M") == 3
    assert len(elements(drawing.wide, "band")) == 3
    assert len(elements(drawing.wide, "dot")) == 2  # a point of its own, and the end of the line
    assert "from 1.000 at 0 to 5.000 at 6" in drawing.words
    assert "2 without a value" in drawing.words


def test_lines_of_one_kind_differ_in_dashes() -> None:
    drawing = lines(*[Series(name, [0, 1], [0, i]) for i, name in enumerate("abc")])
    looks = {line.get("class") for line in elements(drawing.wide, "line")}
    assert looks == {"line kind-1 dash-0", "line kind-1 dash-1", "line kind-1 dash-2"}


def test_logarithmic_axes_map_ratios_to_distances() -> None:
    drawing = lines(Series("a", [1, 10, 100], [1, 10, 100]), log_x=True, log_y=True)
    path = elements(drawing.wide, "line")[0].get("d", "")
    places = [tuple(map(float, place.split())) for place in re.split("[ML]", path)[1:]]
    assert places[1][0] - places[0][0] == pytest.approx(places[2][0] - places[1][0], abs=0.2)
    assert places[0][1] - places[1][1] == pytest.approx(places[1][1] - places[2][1], abs=0.2)


def test_the_diagonal_is_where_both_axes_agree() -> None:
    drawing = points(Point(0.0, 4.0), Point(4.0, 0.0), Point(2.0, 2.0, "even"), diagonal="same")
    ends = [
        elements(drawing.wide, "reference")[0].get(name, "") for name in ("x1", "y1", "x2", "y2")
    ]
    x1, y1, x2, y2 = map(float, ends)
    middle = elements(drawing.wide, "mark")[2].get("d", "")
    left, top = map(float, re.findall(r"[\d.]+", middle)[:2])
    radius = float(re.findall(r"h([\d.]+)", middle)[0]) / 2
    assert left + radius == pytest.approx((x1 + x2) / 2, abs=0.2)
    assert top + radius == pytest.approx((y1 + y2) / 2, abs=0.2)
    assert "Diagonal: same; 1 above it, 1 below." in drawing.words


def test_large_data_is_drawn_in_full_and_listed_in_part() -> None:
    drawing = points(*[Point(i, i % 7) for i in range(2000)])
    assert len(elements(drawing.wide, "mark")) == 2000
    assert len(drawing.data.rows) == 500
    assert drawing.data.note == "One in 4 of 2,000 rows is listed."
    assert "And 1,960 more" in drawing.words


@pytest.mark.parametrize("label", ["word " * 40, "x" * 300])
def test_long_labels_are_cut_and_can_be_hovered(label: str) -> None:
    drawing = dots(DotRow(label, [0.5]))
    sound(drawing)
    for svg in (drawing.wide, drawing.narrow):
        cut = [node for node in elements(svg, "label") if (node.text or node[-1].tail or "")]
        assert cut
        assert label.strip() in {
            (node.text or "").strip() for node in ET.fromstring(svg).iter("title")
        }
        assert max(width_of(text, 14.5) for text in texts(svg)) < 360


def test_a_phone_gets_labels_above_the_rows() -> None:
    drawing = dots(DotRow("method", [0.25, 0.75]))
    label = elements(drawing.narrow, "label")[0]
    seed = elements(drawing.narrow, "seed")[0]
    assert label.get("x") == "0"
    assert float(label.get("y", "")) < float(seed.get("cy", "")) - 10
    assert ET.fromstring(drawing.narrow).get("viewBox", "").startswith("0 0 360 ")


def test_a_drawing_stands_alone_with_its_colours() -> None:
    svg = dots(DotRow("a", [0.5])).standalone()
    root = ET.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    style = root[0].text or ""
    assert set(re.findall(r"var\((--[\w-]+)\)", style)) <= set(re.findall(r"(--[\w-]+):", style))
    assert dots(DotRow("a", [0.5]))._repr_svg_() == svg


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (dots, "at least one DotRow"),
        (bars, "at least one BarRow"),
        (lines, "at least one Series"),
        (points, "at least one Point"),
        (lambda: dots(DotRow("a", [NAN, None])), "at least one finite number"),
        (lambda: bars(BarRow("a")), "at least one finite number"),
        (lambda: lines(Series("a", [1], [None])), "at least one finite number"),
        (lambda: points(Point(1, NAN)), "at least one finite pair"),
        (lambda: dots(DotRow("a", ["0.5"])), "values of 'a': found '0.5'; allowed: a number"),  # type: ignore[list-item]
        (lambda: dots(DotRow("a", [0.5], (0.6, 0.4))), "low <= high"),
        (lambda: bars(BarRow("a", parts={"p": -1.0})), "part 'p' of 'a': found -1.0"),
        (lambda: bars(BarRow("a", 1.0, parts={"p": 1.0})), "value of 'a': found 1.0"),
        (lambda: bars(BarRow("a", parts=dict.fromkeys("abcdefg", 1.0))), "at most 6"),
        (lambda: lines(Series("a", [1, 2], [1])), "2 x, 1 y, 2 low, 2 high"),
        (lambda: lines(Series("a", [NAN], [1])), "x of series 'a': found nan"),
        (lambda: lines(Series("a", [1], [0]), log_y=True), "above 0 on a logarithmic axis"),
        (lambda: points(Point(1, 1), diagonal="d", log_x=True), "no diagonal unless"),
        (lambda: points(Point(1e101, 1)), "between 1e-100 and 1e100"),
        (lambda: Reference(NAN, "x"), "Reference.value: found nan"),
    ],
)
def test_what_a_figure_refuses(draw: Callable[[], Drawing], message: str) -> None:
    with pytest.raises(InputError, match=message):
        draw()


@settings(max_examples=200, deadline=None)
@given(numbers, numbers, st.booleans())
def test_ticks_are_within_the_axis_and_apart(a: float, b: float, log: bool) -> None:
    values = [positive(a), positive(b)] if log else [a, b]
    axis = fitted(values, 0.0, 400.0, where="v", log=log)
    places = [axis(tick) for tick in axis.ticks]
    assert places == sorted(set(places))
    assert all(0 <= place <= 400 for place in places)
    assert len(axis.ticks) == len(axis.labels)
    assert axis.low <= min(values) <= max(values) <= axis.high


@pytest.mark.parametrize(
    ("values", "options", "labels"),
    [
        ([0.0, 1.0], {}, ("0", "0.2", "0.4", "0.6", "0.8", "1.0")),
        ([0.5, 0.9], {"percent": True}, ("50%", "60%", "70%", "80%", "90%")),
        ([-3.0, 12.0], {}, ("−2.5", "0", "2.5", "5.0", "7.5", "10.0", "12.5")),
        ([7.0, 7.0], {}, ("6.4", "6.6", "6.8", "7.0", "7.2", "7.4", "7.6")),
        ([1.0, 1e6], {"log": True}, ("1", "10", "100", "1,000", "10,000", "10⁵", "10⁶")),
        ([0.02, 0.7], {"log": True}, ("0.02", "0.05", "0.1", "0.2", "0.5")),
        ([0.0, 5e7], {}, ("0", "10⁷", "2×10⁷", "3×10⁷", "4×10⁷", "5×10⁷")),
    ],
)
def test_ticks_are_round(values: list[float], options: Any, labels: tuple[str, ...]) -> None:
    assert fitted(values, 0.0, 480.0, where="v", **options).labels == labels


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=8))
def test_spread_keeps_boxes_apart_and_in_order(wants: list[float]) -> None:
    heights = [10.0] * len(wants)
    places = spread(wants, heights, 0.0, 100.0)
    order = sorted(range(len(wants)), key=wants.__getitem__)
    for before, after in pairwise(order):
        assert places[after] - places[before] >= 10 - 1e-9
    assert min(places) >= 5 - 1e-9
    assert max(places) <= 95 + 1e-9


def test_spread_leaves_alone_what_does_not_touch() -> None:
    assert spread([20.0, 80.0], [10.0, 10.0], 0.0, 100.0) == [20.0, 80.0]
    assert spread([50.0, 50.0], [10.0, 10.0], 0.0, 100.0) == [45.0, 55.0]


@given(st.text(max_size=80), st.floats(20, 300))
def test_text_keeps_to_its_room(text: str, room: float) -> None:
    assert width_of(shortened(text, room, 14), 14) <= room
    assert all(width_of(line, 14) <= room for line in wrapped(text, room, 14))


def test_numbers_are_written_for_readers() -> None:
    assert number(-0.0004) == "−4×10⁻⁴"
    assert number(-0.0) == "0.000"
    assert number(12) == "12"
    assert number(1e12) == "10¹²"
    assert percent(0.12345, 2) == "12.35%"
    assert percent(None) == "no value"


def test_a_dot_row_shows_where_it_should_be() -> None:
    drawing = dots(DotRow("ours", [0.95, 0.96], expected=(0.93, 0.97)), DotRow("bare", [0.5]))
    sound(drawing)
    assert len(elements(drawing.wide, "expected")) == 1
    assert "expected 0.930 to 0.970" in drawing.words
    assert [column.label for column in drawing.data.columns][-2:] == ["Expected from", "To"]
