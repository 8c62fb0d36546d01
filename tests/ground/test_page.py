from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.browser import open_page
from tests.ground.sample_page import build

from surefoot.ground import page as pages
from surefoot.ground.errors import InputError
from surefoot.ground.figures import BarRow, DotRow, bar_plot, dot_plot
from surefoot.ground.intervals import Interval
from surefoot.ground.page import (
    Code,
    Column,
    Details,
    Facts,
    Figure,
    Highlight,
    Note,
    Page,
    Prose,
    Section,
    Table,
    Verdict,
    VerdictList,
    render,
    write,
)

VOID = {"meta", "link", "img", "br"}
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "</style></title></desc></svg><b>out",
    "]]> <!-- {{ 7 * 7 }} {% raw %} -->",
    '[x](javascript:alert(1)) [y](#"onclick=alert(1))',
    "`<b>` **<i>**",
    "\ud800 \x00 \x0b \u202e",
]


class Skeleton(HTMLParser):
    """The tags and attributes of a document, and whether every tag is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(sorted(name for name, _ in attrs))))
        given = dict(attrs)
        self.ids += [given["id"]] if given.get("id") else []
        if tag == "a":
            self.links.append(given["href"] or "")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


def skeleton(html: str) -> Skeleton:
    return Skeleton(html)


def body(*blocks: Any, **fields: Any) -> str:
    """Return the HTML of one section with `blocks`."""
    html = render(Page("Title", "Question?", "Lead.", [Section("Part", blocks)], **fields))
    return html[html.index("<section") : html.index("</section>")]


def page_of(text: str) -> Page:
    """Return a page that shows `text` in every place a text can stand."""
    rows = [{"name": text, "value": 0.5}, {"name": "other", "value": 0.25}]
    return Page(
        text,
        text,
        text,
        [
            Section(
                text,
                [
                    Prose(text),
                    Note(text, text),
                    VerdictList([Verdict(text, text, "holds", text)]),
                    Table(
                        text, [Column("name", text), Column("value", text, "number")], rows, text
                    ),
                    Figure(
                        dot_plot(
                            [DotRow(text, [0.1, 0.2], kind=text, group=text)], title=text, axis=text
                        ),
                        text,
                    ),
                    Figure(
                        bar_plot([BarRow(text, parts={text: 1.0})], title=text, axis=text), text
                    ),
                    Facts([(text, text)]),
                    Code(text, text),
                    Details(text, [Prose(text)]),
                ],
                text,
            )
        ],
        [Highlight(text, text, text)],
        [(text, text)],
    )


def test_the_sample_is_well_formed_and_asks_for_nothing_outside() -> None:
    html = render(build())
    shape = skeleton(html)
    assert len(shape.ids) == len(set(shape.ids))
    assert {link.removeprefix("#") for link in shape.links} <= set(shape.ids)
    assert [tag for tag, _ in shape.tags].count("h1") == 1
    assert {"header", "main", "nav", "footer"} <= {tag for tag, _ in shape.tags}
    assert not re.search(r"(?:src|href)=\"(?!#|data:)", html)
    assert "url(" not in html
    assert "@import" not in html
    assert not any(name in {"style"} or name.startswith("on") for _, n in shape.tags for name in n)


def test_the_policy_lets_only_our_script_run() -> None:
    html = render(build())
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    script = re.search(r"<script>(.*?)</script>", html, re.S)
    assert policy is not None
    assert script is not None
    assert policy[1].startswith("default-src 'none'; ")
    assert f"script-src '{pages._hash(script[1])}'" in policy[1]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_adds_no_markup(text: str) -> None:
    # The marks of Prose are harmless; everything else must leave the skeleton as it was.
    marks = {"strong", "code", "b", "i"}
    hostile = [tag for tag in skeleton(render(page_of(text))).tags if tag[0] not in marks]
    plain = [tag for tag in skeleton(render(page_of("plain words"))).tags if tag[0] not in marks]
    # A cut label gains a <title> to hover over, a wrapped one more lines.
    loose = {"title", "text", "tspan"}
    assert [t for t in hostile if t[0] not in loose] == [t for t in plain if t[0] not in loose]
    assert {tag for tag in hostile if tag[0] in loose} == {tag for tag in plain if tag[0] in loose}


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=40))
def test_any_text_can_stand_anywhere(text: str) -> None:
    html = render(page_of(text))
    html.encode("utf-8")
    allowed = {"strong", "code"}
    extra = {tag for tag, _ in skeleton(html).tags} - {
        tag for tag, _ in skeleton(render(page_of("plain"))).tags
    }
    assert extra <= allowed


def test_prose_knows_three_marks_and_nests_them() -> None:
    html = body(Prose("One `a<b` and **bold `c`**.\n\nSee [the part](#part), not [x](http://x)."))
    assert "<code>a&lt;b</code>" in html
    assert "<strong>bold <code>c</code></strong>" in html
    assert '<a href="#part">the part</a>' in html
    assert "[x](http://x)" in html
    assert html.count("<p>") == 2


def test_verdicts_are_counted_and_worded() -> None:
    outcomes = ["holds", "holds", "holds", "fails", "undecided", "undecided"]
    verdicts = VerdictList([Verdict("n", "s", outcome) for outcome in outcomes])  # type: ignore[arg-type]
    assert verdicts.summary == "3 hold · 1 fails · 2 undecided"
    assert VerdictList([]).summary == "no checks"
    assert "</svg>Undecided</span>" in body(verdicts)
    with pytest.raises(InputError, match="did you mean 'holds'"):
        Verdict("n", "s", "hold")  # type: ignore[arg-type]


def test_cells_show_each_kind_as_a_reader_expects() -> None:
    columns = [
        Column("t", "t"),
        Column("n", "n", "number"),
        Column("p", "p", "percent"),
        Column("i", "i", "interval", 2),
    ]
    rows = [
        {"t": "a", "n": 1234567, "p": 0.1234, "i": (0.5, 0.4, 0.6)},
        {"t": None, "n": float("nan"), "p": pd.NA, "i": None},
        {"t": "", "n": 1e-7, "p": 1, "i": Interval(0.5, 0.45, 0.55, 0.95, "t", 5)},
        {"t": "b", "n": -0.5, "p": 0.0, "i": (0.5, None, None)},
    ]
    texts = [[cell.text for cell in row] for row in Table("c", columns, rows).cells()]
    assert texts == [
        ["a", "1,234,567", "12.3%", "0.50 [0.40, 0.60]"],
        ["no value", "no value", "no value", "no value"],
        ["no value", "10⁻⁷", "100.0%", "0.50 [0.45, 0.55]"],
        ["b", "−0.500", "0.0%", "0.50"],
    ]


def test_the_best_value_is_marked_with_its_ties_and_without_the_missing() -> None:
    columns = [
        Column("up", "up", "number", 2, best="max"),
        Column("down", "down", "number", 2, best="min"),
    ]
    rows = [{"up": 0.901, "down": 3.0}, {"up": 0.899, "down": None}, {"up": 0.5, "down": 1.0}]
    best = [[cell.best for cell in row] for row in Table("c", columns, rows).cells()]
    assert best == [[True, False], [True, False], [False, True]]


def test_a_frame_becomes_a_table_without_its_index() -> None:
    frame = pd.DataFrame({"worst_group": [0.5, None], "ok": [True, False], "method": ["a", None]})
    table = Table.from_frame(frame, "From a frame")
    assert [(c.label, c.kind) for c in table.columns] == [
        ("worst group", "number"),
        ("ok", "text"),
        ("method", "text"),
    ]
    assert [[c.text for c in row] for row in table.cells()] == [
        ["0.500", "True", "a"],
        ["no value", "False", "no value"],
    ]


def test_a_table_without_rows_says_so() -> None:
    assert "No rows." in body(Table("Failures", [Column("cell", "Cell")], []))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Table("c", [], []), r"Table\.columns: found 'none'"),
        (lambda: Table("c", [Column("b", "b")], [{"a": 1}]), r"found 'b'; allowed: one of \['a'\]"),
        (lambda: Column("a", "a", "numbr"), "did you mean 'number'"),
        (lambda: Column("a", "a", best="max"), "holds text"),
        (lambda: body(Table("c", [Column("a", "a", "number")], [{"a": "x"}])), "column 'a'"),
        (lambda: body(Table("c", [Column("a", "a", "interval")], [{"a": 1.0}])), "triple"),
        (lambda: body("text"), r"section 'Part': found 'text'; allowed: blocks: Prose"),
        (lambda: body(Details("more", ["text"])), "allowed: blocks"),
    ],
)
def test_what_a_page_refuses(make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


def test_anchors_are_readable_and_never_meet() -> None:
    titles = ["Our claim!", "Our claim", "Content", "¿?", "Größe"]
    html = render(Page("t", "q", "", [Section(title, []) for title in titles]))
    ids = re.findall(r'<section id="([^"]+)"', html)
    assert ids == ["our-claim", "our-claim-2", "content-2", "section", "größe"]
    assert html.count('<li><a href="#') == len(titles)


def test_only_long_pages_have_contents() -> None:
    assert "<nav" not in render(Page("t", "q", "", [Section(str(i), []) for i in range(4)]))


def test_writing_gives_the_rendered_page(tmp_path: Any) -> None:
    write(build(), tmp_path / "deep" / "index.html")
    assert (tmp_path / "deep" / "index.html").read_text("utf-8") == render(build())


def test_importing_the_page_loads_nothing_heavy() -> None:
    import subprocess

    code = "import sys, surefoot.ground.page; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    assert not {"jinja2", "pandas", "numpy", "scipy", "torch", "matplotlib"} & set(loaded)


# What only a browser can tell.

CONTRAST = """() => {
  const channel = (v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = parse(getComputedStyle(node).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
  };
  const found = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    if (!own || !node.checkVisibility() || node.closest(".unseen, title, desc, script")) continue;
    // Text inside a bar stands on the bar.
    if (node.matches(".inside")) continue;
    const svg = node.closest("svg.figure");
    const front = parse(getComputedStyle(node)[svg ? "fill" : "color"]);
    const both = [light(front), light(behind(svg ? svg.parentElement : node))];
    const [a, b] = both.sort((x, y) => y - x);
    found.push([(a + 0.05) / (b + 0.05), node.tagName + "." + node.getAttribute("class")]);
  }
  return found;
}"""
WORST = ".table:not(figure .table) tbody td:nth-child(4)"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("page") / "index.html"
    write(build(), path)
    return path


@pytest.mark.browser
def test_headings_sort_by_click_and_by_keyboard(sample: Any) -> None:
    with open_page(sample) as page:
        table = page.locator(".table:not(figure .table)")
        minutes = "cells => cells.map(cell => cell.dataset.value ?? null)"

        def column() -> list[float | None]:
            shown = table.locator("tbody td:nth-child(6)").evaluate_all(minutes)
            return [None if value is None else float(value) for value in shown]

        values = sorted(value for value in column() if value is not None)
        missing = [None] * 3
        heading = table.get_by_role("columnheader", name="Minutes")
        heading.get_by_role("button").click()
        assert column() == values + missing
        assert heading.get_attribute("aria-sort") == "ascending"
        heading.get_by_role("button").press("Enter")
        assert column() == values[::-1] + missing
        assert heading.get_attribute("aria-sort") == "descending"
        table.get_by_role("button", name="Method").focus()
        page.keyboard.press("Space")
        names = table.locator("tbody tr > :nth-child(2)").all_text_contents()
        assert names == sorted(names)
        assert heading.get_attribute("aria-sort") is None


@pytest.mark.browser
def test_numbers_sort_by_value_and_not_as_they_are_written(tmp_path: Any) -> None:
    values = [1200.0, None, -2.0, 0.5, 1e-7, 90.0]
    table = Table("Signs and sizes", [Column("v", "V", "number")], [{"v": v} for v in values])
    write(Page("t", "q", "", [Section("s", [table])]), tmp_path / "index.html")
    with open_page(tmp_path / "index.html") as page:
        page.get_by_role("button", name="V", exact=True).click()
        shown = page.locator("tbody td").all_text_contents()
        assert shown == ["−2.000", "10⁻⁷", "0.500", "90.000", "1,200.000", "no value"]


@pytest.mark.browser
def test_nothing_makes_the_page_scroll_sideways(sample: Any) -> None:
    with open_page(sample, width=360) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        for details in page.locator("summary").all():
            details.click()
        for width in (320, 360, 768, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.browser
def test_text_in_figures_stays_legible_on_a_phone(sample: Any) -> None:
    sizes = """() => [...document.querySelectorAll("svg.figure text")]
        .filter((text) => text.checkVisibility())
        .map((text) => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a)"""
    with open_page(sample) as page:
        for width in (360, 700, 1200):
            page.set_viewport_size({"width": width, "height": 800})
            shown = page.evaluate(sizes)
            assert len(shown) > 100
            assert min(shown) >= 11


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True])
def test_contrast_in_both_themes(sample: Any, dark: bool) -> None:
    with open_page(sample, dark=dark) as page:
        found = page.evaluate(CONTRAST)
        assert len(found) > 200
        assert [item for item in found if item[0] < 4.5] == []


@pytest.mark.browser
def test_the_theme_button_toggles_and_forgets(sample: Any) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    with open_page(sample) as page:
        light = page.evaluate(paper)
        button = page.get_by_role("button", name="Dark theme")
        button.click()
        dark = page.evaluate(paper)
        assert dark != light
        page.get_by_role("button", name="Light theme").click()
        assert page.evaluate(paper) == light
        page.get_by_role("button", name="Dark theme").click()
        page.reload()
        assert page.evaluate(paper) == light
    with open_page(sample, dark=True) as page:
        assert page.evaluate(paper) == dark


@pytest.mark.browser
def test_paper_shows_what_is_folded_in_ink_on_white(sample: Any) -> None:
    with open_page(sample, dark=True) as page:
        hidden = page.get_by_text("Learning rate")
        assert not hidden.is_visible()
        page.emulate_media(media="print")
        assert hidden.is_visible()
        assert hidden.bounding_box()["height"] > 5  # type: ignore[index]
        assert not page.locator(".theme").is_visible()
        assert (
            page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        )


@pytest.mark.browser
def test_without_javascript_everything_is_there_and_nothing_is_dead(sample: Any) -> None:
    with open_page(sample, javascript=False) as page:
        assert page.get_by_role("columnheader", name="Minutes").is_visible()
        assert page.get_by_role("button").count() == 0
        assert page.get_by_role("img", name="Training loss on the minority groups").count() == 1


@pytest.mark.browser
def test_figures_are_announced_with_name_and_description(sample: Any) -> None:
    with open_page(sample) as page:
        session = page.context.new_cdp_session(page)
        nodes = session.send("Accessibility.getFullAXTree")["nodes"]
        figures = [
            (node["name"]["value"], node["description"]["value"])
            for node in nodes
            if node.get("role", {}).get("value") in {"img", "image"} and "description" in node
        ]
        names = dict(figures)
        assert len(figures) == 5  # each drawn twice, one of them shown
        assert (
            "Empirical risk minimisation (baseline): 73.9%"
            in names["Worst-group accuracy by method and task"]
        )


@pytest.mark.browser
def test_the_skip_link_comes_first_and_leads_to_the_content(sample: Any) -> None:
    with open_page(sample) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "content"


@pytest.mark.browser
def test_the_command_can_be_copied_from_a_local_file(sample: Any) -> None:
    with open_page(sample) as page:
        page.get_by_role("button", name="Copy").click()
        page.get_by_role("button", name="Copied").wait_for(timeout=2000)


@pytest.mark.browser
def test_hostile_names_are_inert(tmp_path: Any) -> None:
    write(page_of(" ".join(HOSTILE)), tmp_path / "index.html")
    with open_page(tmp_path / "index.html", width=360) as page:
        page.get_by_role("columnheader").nth(0).get_by_role("button").click()
        assert page.locator("img, b, i, [onclick], [onerror], [onload]").count() == 0
        assert page.locator("script").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.browser
@pytest.mark.parametrize(
    ("html", "complaint"),
    [
        ("<script>console.error('no')</script>", "console error: no"),
        ("<script>throw new Error('no')</script>", "page error: no"),
        ("<img src='other.png'>", r"request: file:.*other\.png"),
    ],
)
def test_the_helper_fails_on_a_page_that_is_not_clean(
    tmp_path: Any, html: str, complaint: str
) -> None:
    (tmp_path / "bad.html").write_text(f"<!doctype html><link rel=icon href='data:,'>{html}")
    with pytest.raises(AssertionError, match=complaint), open_page(tmp_path / "bad.html"):
        pass


def test_a_number_keeps_its_percent_sign() -> None:
    page = Page(title="t", question="q", lead="At **95 %** of `5 % x`.", sections=[])
    assert "<strong>95\u00a0%</strong>" in render(page)
