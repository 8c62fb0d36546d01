from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.surrogates.card.examples import complete, declared, edited, evidence

from surefoot.surrogates.card import html, latex, markdown
from surefoot.surrogates.card.build import build_card
from surefoot.surrogates.card.document import Card
from surefoot.surrogates.card.fields import FIELDS
from surefoot.surrogates.card.words import field_words, value_words

FIGURES = {
    "evaluation.parity": "Predicted and simulated flow",
    "evaluation.coverage": "Coverage of the intervals",
    "evaluation.pit": "Where flow falls in its predicted distribution",
    "evaluation.learning_curve": "What more runs bring",
    "evaluation.sensitivity": "Which inputs flow depends on",
}


def test_markdown_is_one_page_and_begins_with_the_counts() -> None:
    lines = markdown.render(complete()).splitlines()
    assert lines[0] == "37 measured · 13 declared · 3 not applicable · 0 missing"
    assert lines[2] == "# Surrogate of solver 1.3"
    assert len(lines) <= 80
    assert max(map(len, lines)) <= 180


def test_markdown_stays_one_page_however_much_there_is() -> None:
    rows = evidence()["evaluation.scores"] * 500
    card = build_card(evidence(evaluation__scores=rows), declared(need__purpose="long " * 500))
    lines = markdown.render(card).splitlines()
    assert len(lines) <= 80
    assert max(map(len, lines)) <= 180
    assert any(line.startswith("- scores: ") and line.endswith(" more") for line in lines)


def test_markdown_marks_what_is_declared_and_names_what_is_missing() -> None:
    card = build_card(evidence(learning__seeds=None), declared(need__purpose=None))
    text = markdown.render(card)
    assert "- licence†: CC BY 4.0" in text
    assert "- n runs: 77\n" in text
    assert "- sources: not applicable: one simulator" in text
    assert "- *missing: purpose*" in text
    assert "- *missing: seeds*" in text


def test_markdown_shows_a_score_with_its_interval() -> None:
    assert "flow nrmse 0.0018 \\[0.0013, 0.0024\\]; flow nlpd −5.1" in markdown.render(complete())


@pytest.mark.parametrize("text", ["<script>", "*a* _b_", "# h", "[x](y)", "a|b", "`c`", "$d$"])
def test_markdown_shows_texts_as_they_stand(text: str) -> None:
    shown = markdown.render(edited(complete(), "need.purpose", value=text))
    line = next(line for line in shown.splitlines() if line.startswith("- purpose"))
    assert re.sub(r"\\(.)", r"\1", line) == f"- purpose†: {text}"
    assert not re.search(r"(?<!\\)[<>*_#\[\]|`$]", line)


def test_fields_in_words() -> None:
    card = complete()
    assert field_words(card["need.run_cost"]) == "median 41.2, p95 63, total 3,300 s"
    assert field_words(card["need.runs_needed"]) == "100,000"
    assert field_words(card["model.probabilistic"]) == "yes"
    assert field_words(card["data.failures"]) == "n 3, by reason exit 1 1, time-out 2"
    assert field_words(card["data.inputs"]) == "rw real m [0.05, 0.15]"
    assert field_words({"value": [], "status": "measured"}) == "none"
    assert value_words("many\n  words") == "many words"


VALUES = st.recursive(
    st.none() | st.text() | st.integers() | st.floats(-1e300, 1e300),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES, st.integers(20, 200))
def test_words_keep_to_their_length(value: object, longest: int) -> None:
    # "; 1,234 more" may come on top.
    assert len(value_words(value, longest)) <= longest + 20


HOSTILE = '50% of {a_b} & $c #d ~e^f \\g <h> |i| "j" 2×10⁻⁵ − é'


def test_latex_escapes_every_special_character() -> None:
    shown = latex.escaped(HOSTILE)
    assert shown == (
        r"50\% of \{a\_b\} \& \$c \#d \textasciitilde{}e\textasciicircum{}f \textbackslash{}g "
        r"\textless{}h\textgreater{} \textbar{}i\textbar{} \textquotedbl{}j\textquotedbl{} "
        r"2$\times$10$^{-5}$ $-$ é"
    )


def test_latex_is_one_table_with_balanced_braces() -> None:
    text = latex.render(edited(complete(), "need.purpose", value=HOSTILE))
    body = re.sub(r"\\[{}]", "", text)
    assert body.count("{") == body.count("}")
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    fields = [row for row in rows if "multicolumn" not in row]
    assert len(fields) == sum(
        f.legible
        for p, f in FIELDS.items()
        if complete()[p]["value"] or complete()[p].get("reason") or p == "data.duplicates"
    )
    assert all(len(re.findall(r"(?<!\\)&", row)) == 1 for row in fields)
    assert text.startswith("% 37 measured")
    assert r"A. Müller; B. \& Sons" in text


class Outside(HTMLParser):
    """Collects whatever would be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [str(v) for k, v in attrs if k in ("src", "href") and v and "://" in v]


def test_the_page_needs_nothing_outside_itself_and_shows_every_figure() -> None:
    text = html.render(complete())
    reader = Outside()
    reader.feed(text)
    assert reader.found == []
    assert all(title in text for title in FIGURES.values())
    assert "A reviewer has nothing left to ask." in text


@pytest.mark.parametrize("path", FIGURES)
def test_a_figure_is_left_out_where_there_is_nothing_to_show(path: str) -> None:
    text = html.render(build_card(evidence(**{path.replace(".", "__"): None}), declared()))
    assert FIGURES[path] not in text
    assert all(title in text for other, title in FIGURES.items() if other != path)


def test_rows_without_numbers_are_not_drawn() -> None:
    rows = [{"output": "flow", "observed": "high"}, {"output": "flow"}]
    text = html.render(build_card(evidence(evaluation__parity=rows), declared()))
    assert FIGURES["evaluation.parity"] not in text


def test_the_page_lists_what_a_reviewer_would_ask() -> None:
    text = html.render(build_card(evidence(learning__seeds=None), declared(need__purpose=None)))
    assert "A reviewer would ask about <strong>2</strong> more, 1 of them an error." in text
    assert "nobody can fit the same surrogate again" in text


def test_the_page_of_an_empty_card_is_all_questions() -> None:
    text = html.render(Card({"schema": "smrs-card/1.0"}))
    assert "How good is it?" not in text
    assert "What a reviewer would ask" in text


def test_texts_never_become_markup() -> None:
    text = html.render(edited(complete(), "need.purpose", value="<b>bold</b>"))
    assert "<b>bold" not in text
    assert "&lt;b&gt;bold" in text
