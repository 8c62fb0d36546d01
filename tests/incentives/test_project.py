"""What a project file may say, and how it is told that something in it is wrong."""

from __future__ import annotations

import contextlib
import math
import re
import tomllib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from surefoot.ground.errors import InputError
from surefoot.incentives import project_keys as keys
from surefoot.incentives.project import Project
from surefoot.incentives.project_template import write_template

PARTS = {
    "data": 'table = "p.csv"\ntarget = "ill"\naccept = 0\nfeatures = ["age", "bmi", "bp"]\n'
    'groups = "sex"',
    "graph": 'nodes = ["bmi", "bp", "sport"]\nedges = [{ cause = "sport", effect = "bmi" },\n'
    '{ cause = "bmi", effect = "bp", weight = 0.5, sd = 0.1 }]\nexogenous = ["age"]',
    "cost": 'p = 1\nweights = { bp = 0.5 }\ndirections = { bmi = "less" }\nfloors = { bmi = 18.5 }',
    "cost.groups.2": 'weights = { bp = 0.4 }\nimmutable = ["bp"]',
    "desirable": 'bmi = "less"\nsport = 1',
    "belief": 'know = "rule"\nconfidence = 0.8\nmethod = "cantelli"\ngraph.cv = { bmi = 0.8 }\n'
    "rule.cv = 0.2",
    "budget": 'value = 3\ngroups = { 2 = 4.5 }\naim = "budget"',
    "rule": 'fit = "logistic"\npenalty = 0.01\nprobability = 0.7',
    "outcome": "bmi = -0.3",
    "design": 'beta = 0.6\nbetas = [0.2, 0.9]\nmeasure = "cost"\nforbidden = ["age"]\n'
    'monotone = { bp = "less" }\nscenarios = 50',
}
NEEDED = ("data", "graph", "desirable", "rule")


def project(folder: Path, extra: str = "", **changes: str | None) -> Project:
    """Load the project of `PARTS` with some tables replaced, or left out by None."""
    parts = PARTS | {name.replace("__", "."): text for name, text in changes.items()}
    text = "\n".join(f"[{name}]\n{text}" for name, text in parts.items() if text is not None)
    (folder / "incentives.toml").write_text(f"{text}\n{extra}")
    return Project.load(folder / "incentives.toml")


def refused(folder: Path, extra: str = "", **changes: str | None) -> str:
    with pytest.raises(InputError, match=r"incentives\.toml") as caught:
        project(folder, extra, **changes)
    return str(caught.value).removeprefix(f"{folder}/")


def test_everything_a_project_says(tmp_path: Path) -> None:
    found = project(tmp_path)
    assert found.table == tmp_path / "p.csv"
    assert found.data["missing"] == "refuse"
    assert [edge["effect"] for edge in found.graph["edges"]] == ["bmi", "bp"]
    assert found.graph["units"] == "sd"
    assert found.cost == {
        "kind": "norm", "p": 1, "weights": {"bp": 0.5}, "directions": {"bmi": -1},
        "floors": {"bmi": 18.5},
    }  # fmt: skip
    own = {"weights": {"bp": 0.4}, "immutable": ["bp"]}
    assert found.groups == {"2": {**found.cost, **own}}, "the rest is as for everybody"
    assert found.desirable == {"bmi": -1, "sport": 1}
    assert found.belief["know"] == "rule"
    assert found.belief["graph"] == {"cv": {"bmi": 0.8}}
    assert found.budget == {"value": 3, "groups": {"2": 4.5}, "aim": "budget"}
    assert found.rule == {"fit": "logistic", "penalty": 0.01, "probability": 0.7}
    assert found.outcome == {"bmi": -0.3}
    assert found.design["monotone"] == {"bp": -1}
    assert found.design["loss"] == "logistic"


def test_what_may_be_left_out(tmp_path: Path) -> None:
    left_out = dict.fromkeys(set(PARTS) - set(NEEDED))
    found = project(tmp_path, **left_out)  # type: ignore[arg-type]
    assert found.cost == {"kind": "norm", "p": 2.0}
    assert found.belief["know"] == "everything"
    assert found.budget["value"] == math.inf
    assert found.outcome is None
    assert "beta" not in found.design


GRAPH = 'nodes = ["bmi", "bp", "sport"]\n'


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"desireable": "bmi = 1"}, "table key: found 'desireable'"),
        ({"rule": None}, "table rule: found 'nothing'"),
        ({"data": 'tabel = "p.csv"'}, "did you mean 'table'?"),
        ({"data": 'table = "p.csv"\ntarget = "ill"'}, "[data] accept: found 'nothing'"),
        ({"data": 'table = "p.csv"\nmissing = "keep"'}, "[data] missing: found 'keep'"),
        ({"data": 'table = "p.csv"\nfeatures = []'}, "[data] features: found []"),
        ({"data": 'table = "p.csv"\nfeatures = ["a", "a"]'}, "each name once"),
        ({"data": 'table = "p.csv"'}, "allowed: also `groups` in [data]"),
        (
            {"data": 'table = "p.csv"\ntarget = "a"\naccept = 1\nfeatures = ["a"]'},
            "[data] features: found 'a'; allowed: columns other than the target",
        ),
        (
            {"data": 'table = "p.csv"\ntarget = "bmi"\naccept = 1'},
            "[graph] nodes: found 'bmi'; allowed: columns other than the target",
        ),
        (
            {
                "graph": GRAPH + 'edges = [{ cause = "bmi", effect = "bp" }, '
                '{ cause = "bp", effect = "bmi" }]'
            },
            "[graph] edges: found the cycle",
        ),
        ({"graph": "nodes = 3"}, "[graph] nodes: found 3"),
        ({"graph": GRAPH + 'edges = [{ cause = "bmi" }]'}, "edges, number 1, effect: found 'noth"),
        ({"graph": GRAPH + 'edges = [{ cause = "bm", effect = "bp" }]'}, "did you mean 'bmi'?"),
        ({"graph": GRAPH + 'edges = [{ cause = "bp", effect = "bp" }]'}, "found bp -> bp"),
        ({"graph": GRAPH + 'edges = [{ cause = "bmi", effect = "bp", sd = 1 }]'}, "1, sd: found 1"),
        ({"graph": GRAPH + 'edges = [{ cause = "bmi", effect = "bp", weight = "x" }]'}, "weight"),
        ({"graph": GRAPH + 'edges = [{ cause = "bmi", effect = "bp", wieght = 1 }]'}, "'weight'?"),
        ({"graph": GRAPH + "edges = [1]"}, "[graph] edges: found [1]"),
        ({"graph": GRAPH + 'exogenous = ["bp"]'}, "[graph] exogenous: found ['bp']"),
        ({"graph": GRAPH + 'units = "metres"'}, "[graph] units: found 'metres'"),
        ({"graph": GRAPH + "units = { bp = 0 }"}, "[graph] units"),
        ({"cost": "p = 0.5"}, "[cost] p: found 0.5"),
        ({"cost": "weights = { bp = 0 }"}, "[cost] weights"),
        ({"cost": "weights = { pb = 1 }"}, "[cost] weights: found 'pb'"),
        ({"cost": 'directions = { bp = "down" }'}, "[cost] directions"),
        ({"cost": 'kind = "quadratic"\np = 1'}, "[cost] p: found 1"),
        ({"cost": 'immutable = ["bp", "bp"]'}, "each name once"),
        ({"cost.groups.2": "q = 1"}, "[cost.groups.2] key: found 'q'"),
        ({"desirable": ""}, "[desirable]: found 'nothing'"),
        ({"desirable": 'bmi = "less"\nbp = "less"\nsport = "more"'}, "found every node"),
        ({"desirable": "bmi = 0"}, "[desirable] bmi: found 0"),
        ({"desirable": "bmi = true"}, "[desirable] bmi: found True"),
        ({"belief": 'know = "all"'}, "[belief] know: found 'all'"),
        ({"belief": "confidence = 0.4"}, "[belief] confidence: found 0.4"),
        ({"belief": "graph.cv = { bpm = 1 }"}, "[belief.graph] cv: found 'bpm'"),
        ({"belief": "rule.cv = -1"}, "[belief.rule] cv: found -1"),
        ({"belief": "rule = 1"}, "[belief] rule: found 1"),
        ({"budget": "value = -1"}, "[budget] value: found -1"),
        ({"outcome": f"bmi = {10**400}"}, "[outcome] bmi: found 1000"),
        ({"outcome": "bmi = inf"}, "[outcome] bmi: found inf"),
        ({"graph": GRAPH + "units = { bmi = nan }"}, "[graph] units"),
        ({"budget": 'aim = "budget"'}, "[budget] value: found 'none'"),
        ({"budget": 'aim = "utility"'}, "[budget] aim: found 'utility'"),
        ({"cost": 'immutable = ["bmi"]'}, "[desirable] bmi: found 'less'"),
        ({"cost": 'directions = { bmi = "more" }'}, "[desirable] bmi: found 'less'"),
        ({"cost.groups.2": "directions = { sport = -1 }"}, "[desirable] sport: found 1"),
        ({"rule": ""}, "[rule]: found none of them"),
        ({"rule": 'fit = "logistic"\nfile = "r.json"'}, "[rule]: found fit and file"),
        ({"rule": "weights = { bp = 1.0 }"}, "[rule] threshold: found 'nothing'"),
        ({"rule": 'fit = "logistic"\nthreshold = 1'}, "[rule] threshold: found 1"),
        ({"rule": 'file = "r.json"\npenalty = 1'}, "[rule] penalty: found 1"),
        ({"rule": "weights = {}\nthreshold = 1"}, "[rule] weights: found 'nothing'"),
        ({"rule": 'fit = "logistic"\nprobability = 1'}, "[rule] probability: found 1"),
        ({"outcome": "age = 1"}, "[outcome] key: found 'age'"),
        ({"design": "beta = 1.5"}, "[design] beta: found 1.5"),
        ({"design": "scenarios = -1"}, "[design] scenarios: found -1"),
        ({"design": 'forbidden = ["agee"]'}, "[design] forbidden: found 'agee'"),
        ({"design": 'forbidden = ["age", "bmi", "bp"]'}, "found every feature"),
    ],
)
def test_wrong_projects_are_told_by_table_and_key(
    tmp_path: Path, changes: dict[str, str | None], says: str
) -> None:
    message = refused(tmp_path, **changes)
    assert says in message
    assert message.startswith("incentives.toml")


def test_a_fitted_rule_needs_features_and_a_target(tmp_path: Path) -> None:
    data = 'table = "p.csv"\ngroups = "sex"\n'
    assert "[data] features: found 'nothing'" in refused(tmp_path, data=data)
    data += 'features = ["bmi"]'
    assert "[data] target: found 'nothing'" in refused(tmp_path, data=data, design=None)


def test_no_file_no_toml_no_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="surefoot incentives init"):
        Project.load(tmp_path / "none.toml")
    for content in (b"[data", b"\xff\xfe", b"a = " + b"[" * 5000):
        (tmp_path / "p.toml").write_bytes(content)
        with pytest.raises(InputError, match=r"p\.toml: .*allowed: TOML"):
            Project.load(tmp_path / "p.toml")


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_text(k)} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return _text(value) if isinstance(value, str) else str(value)


def _text(value: str) -> str:
    escaped = (f"\\u{ord(c):04x}" if ord(c) < 65536 else f"\\U{ord(c):08x}" for c in value)
    return '"' + "".join(escaped) + '"'


_WORDS = st.sampled_from(
    ["bmi", "bp", "sport", "age", "less", "more", "sd", "raw", "norm", "logistic", "cv", "p.csv",
     "everything", "rule", "weight", "cause", "effect", "inf", "2", ""]
)  # fmt: skip
_SCALARS = (
    _WORDS | st.text(st.characters(codec="utf-8"), max_size=5) | st.booleans()
    | st.integers() | st.sampled_from([10**400, -(10**400)]) | st.floats()
)  # fmt: skip
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=3),
    max_leaves=6,
)


def _paths(content: dict[str, Any], at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = []
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in items:
        found.append((*at, key))
        if isinstance(value, dict | list):
            found += _paths(value, (*at, key))  # type: ignore[arg-type]
    return found


CONTENT = tomllib.loads("\n".join(f"[{name}]\n{text}" for name, text in PARTS.items()))
PATHS = _paths(CONTENT)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PATHS), _VALUES)
@example(("desirable", "bmi"), [1])
@example(("graph", "units"), {"bmi": 10**400})
def test_any_value_anywhere_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, place: tuple[Any, ...], value: Any
) -> None:
    content = _copy(CONTENT)
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    path = tmp_path_factory.mktemp("fuzz") / "p.toml"
    text = "\n".join(f"{_text(key)} = {_toml(table)}" for key, table in content.items())
    path.write_text(text, encoding="utf-8")
    with contextlib.suppress(InputError):  # and no other error
        assert set(Project.load(path).desirable.values()) <= {1, -1}


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value


KINDS = {
    "data": keys.DATA, "graph": keys.GRAPH, "cost": keys.COST, "belief": keys.BELIEF,
    "budget": keys.BUDGET, "rule": keys.RULE, "design": keys.DESIGN,
}  # fmt: skip


def test_a_template_is_a_project_once_it_says_what_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "incentives.toml"
    write_template(path)
    with pytest.raises(InputError, match=r"\[desirable\]: found 'nothing'"):
        Project.load(path)
    path.write_text(path.read_text().replace('# smoking = "less"', 'smoking = "less"'))
    assert Project.load(path).desirable == {"smoking": -1}
    with pytest.raises(InputError, match="a place where there is none"):
        write_template(path)


def test_a_template_of_a_table_knows_its_columns(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    table = tmp_path / "people.csv"
    rows = {"name": ["x", "y"], 'high "bp"': [1.0, 2], "bmi": [3, 4], "ill": ["yes", "no"]}
    pd.DataFrame(rows).to_csv(table)  # with the numbers of rows, a column without a name
    path = tmp_path / "deep/p.toml"
    write_template(path, table=table)
    content = tomllib.loads(path.read_text())
    assert content["data"] == {
        "table": "../people.csv", "target": "ill", "accept": "yes", "features": ['high "bp"', "bmi"]
    }  # fmt: skip
    assert "accept" in next(x for x in path.read_text().splitlines() if x.endswith('or "no"?'))
    with pytest.raises(InputError, match="did you mean 'bmi'"):
        write_template(tmp_path / "q.toml", table=table, target="bmj")


def test_every_option_in_the_template_exists(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    write_template(path)
    table, seen = "", set()
    for line in path.read_text().splitlines():
        if found := re.match(r"(?:# )?\[([\w.]+)\]", line):
            table = found[1].removesuffix(".groups.north")
        elif (found := re.match(r"(?:# )?(\w+)[.\w]* = ", line)) and table in KINDS:
            assert found[1] in KINDS[table], line
            seen.add(table)
    assert seen == set(KINDS)
