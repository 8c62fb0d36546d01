"""The commands on the example project, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from tests.incentives.example_project import example
from typer.testing import CliRunner, Result

from surefoot.ground.errors import InputError, InterruptedRunError, UnmetError
from surefoot.ground.narration import narrated
from surefoot.incentives.agents import Agents
from surefoot.incentives.beliefs import ClassifierBelief, FullInformation, GraphBelief, JointBelief
from surefoot.incentives.commands import app
from surefoot.incentives.costs import LpCost
from surefoot.incentives.people import parts_of, rows_in
from surefoot.incentives.project import Project
from surefoot.incentives.responding import respond
from surefoot.incentives.rule_files import load_rule, save_rule
from surefoot.incentives.rules import LinearRule
from surefoot.incentives.setting import Setting
from surefoot.incentives.workflow import design, frontier, opened

front = typer.Typer()
front.add_typer(app, name="incentives")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return example(tmp_path_factory.mktemp("example"))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def setting(project: Path) -> Setting:
    return Setting.of(Project.load(project))


def run(*arguments: str | Path | float) -> Result:
    return CliRunner().invoke(front, ["incentives", *map(str, arguments)])


def done(*arguments: str | Path | float) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.exception
    return result.stdout


def refused(*arguments: str | Path | float) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, InputError), result.exception
    return str(result.exception)


def test_a_setting_is_what_the_project_says(setting: Setting) -> None:
    assert setting.labels == ["A", "B"]
    assert setting.rule.names == ("age", "bmi", "blood_pressure", "triglycerides", "blood_sugar")
    people = setting.people
    assert setting.graph.units == pytest.approx(people[list(setting.graph.nodes)].std(ddof=0))
    cost = setting.cost().resolve(setting.graph.nodes, people)
    assert cost.weights.tolist() == [1, 0.5, 1, 1]
    lowest = people["bmi"] + cost.lower[:, 0] * setting.graph.units[0]
    assert lowest.to_numpy() == pytest.approx(np.minimum(people["bmi"], 18.5))
    assert np.all(cost.upper[:, 1] == 0) if cost.upper.ndim > 1 else cost.upper[1] == 0
    kinds = {"everything": FullInformation, "rule": GraphBelief, "graph": ClassifierBelief,
             "neither": JointBelief}  # fmt: skip
    assert {know: type(setting.belief(know)) for know in kinds} == kinds  # type: ignore[arg-type]


def test_the_rule_is_the_regression_that_a_design_starts_from(setting: Setting) -> None:
    from surefoot.incentives.designing.design import design
    from surefoot.incentives.workflow import demands

    X, y, asked = demands(setting, 0)
    base = design(X, y, beta=0.0, **asked).base
    assert base.names == setting.rule.names
    assert setting.rule.weights == pytest.approx(base.weights, rel=1e-3)
    assert setting.rule.threshold == pytest.approx(base.threshold, rel=1e-3)


def test_groups_with_costs_and_budgets_of_their_own(tmp_path: Path) -> None:
    path = example(tmp_path, {
        "value = 0.8": "value = 0.8\ngroups = { B = 0.1 }",
        "floors = { bmi = 18.5 }": "[cost.groups.B]\nweights = { blood_pressure = 0.9 }\n#",
    })  # fmt: skip
    found = Setting.of(Project.load(path))
    costs = found.costs()
    assert isinstance(costs, dict)
    assert {k: c.weights for k, c in costs.items() if isinstance(c, LpCost)} == {
        "A": {"blood_pressure": 0.5}, "B": {"blood_pressure": 0.9}
    }  # fmt: skip
    agents = found.agents()
    assert agents.budget == {"A": 0.8, "B": 0.1}
    assert "B" in done("audit", path)
    path.write_text(path.read_text().replace("groups = { B = 0.1 }", "groups = { C = 0.1 }"))
    assert "[budget], group: found 'C'" in refused("audit", path)


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_responses_do_not_hang_on_parts_or_format(
    project: Path, setting: Setting, tmp_path: Path, suffix: str
) -> None:
    flags = ["--csv"] if suffix == ".csv" else []
    told = json.loads(done("respond", project, "--chunk", 50, "--json", *flags))
    file = tmp_path / f"incentives/response{suffix}"
    assert told["file"] == f"incentives/response{suffix}"
    found = pd.read_parquet(file) if suffix == ".parquet" else pd.read_csv(file)
    whole = setting.agents().best_response(setting.rule)
    assert found["row"].tolist() == list(range(442))
    expected = whole.to_frame().reset_index(drop=True)
    pd.testing.assert_frame_equal(found.drop(columns="row"), expected, check_dtype=False)
    assert told["statuses"] == whole.counts
    assert told["agents"] == 442
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_plan_in_doubt_serves_other_people_part_after_part(
    project: Path, setting: Setting, tmp_path: Path
) -> None:
    first = setting.people.head(60).rename(columns={"group: sex": "sex"})
    first.to_parquet(tmp_path / "others.parquet")
    options = ["--table", "others.parquet", "--know", "graph", "--confidence", 0.8]
    told = done("respond", project, *options, "--chunk", 7)
    assert told.startswith("60 people: ")
    found = pd.read_parquet(tmp_path / "incentives/response.parquet")
    whole = setting.agents(know="graph", confidence=0.8).best_response(setting.rule)
    expected = whole.to_frame().head(60).reset_index(drop=True)
    pd.testing.assert_frame_equal(found.drop(columns="row"), expected)


def test_incomplete_rows_are_refused_or_dropped(tmp_path: Path) -> None:
    path = example(tmp_path)
    people = pd.read_csv(tmp_path / "diabetes.csv")
    people.loc[[3, 440], "bmi"] = np.nan
    people.loc[5, "sex"] = np.nan
    people.to_csv(tmp_path / "diabetes.csv", index=False)
    told = refused("respond", path)
    assert "[data] table: diabetes.csv, column 'bmi', row 3: found 'nothing'" in told
    assert told.endswith('or missing = "drop"')
    unlabelled = people.ffill().assign(worse=people["worse"].where(people.index != 7))
    unlabelled.to_csv(tmp_path / "u.csv", index=False)
    own = example(tmp_path, {'"diabetes.csv"': '"u.csv"'})
    assert "[data] target, row 7: found 'nothing'" in refused("audit", own)
    people.to_csv(tmp_path / "diabetes.csv", index=False)
    path = tmp_path / "incentives.toml"
    path.write_text(path.read_text().replace('"u.csv"', '"diabetes.csv"'))
    assert not (tmp_path / "incentives").exists()
    path.write_text(path.read_text().replace('groups = "sex"', 'groups = "sex"\nmissing = "drop"'))
    told = json.loads(done("respond", path, "--json"))
    assert (told["agents"], told["dropped"]) == (439, 3)
    rows = pd.read_parquet(tmp_path / "incentives/response.parquet")["row"].tolist()
    assert rows == [i for i in range(442) if i not in (3, 5, 440)]


def test_nothing_half_is_left_when_something_goes_wrong(project: Path, tmp_path: Path) -> None:
    people = pd.read_csv(project.parent / "diabetes.csv")
    people.loc[400, "age"] = np.inf
    people.to_csv(tmp_path / "bad.csv", index=False)
    assert "row 400: found inf" in refused("respond", project, "--table", "bad.csv", "--chunk", 90)
    assert list((tmp_path / "incentives").iterdir()) == []


def test_an_audit_in_words_and_in_json(project: Path, setting: Setting) -> None:
    told = done("audit", project)
    assert "page: incentives/audit.html" in told
    assert Path("incentives/audit.html").stat().st_size > 10_000
    found = json.loads(done("audit", project, "--json", "--know", "rule", "--confidence", 0.95))
    agents = setting.agents(know="rule", confidence=0.95)
    response = agents.best_response(setting.rule)
    assert found["statuses"] == response.counts
    sizes = np.abs(response.effort).sum(0)
    assert found["shares"]["effort"] == pytest.approx(sizes[0] / sizes.sum())


def test_a_designed_rule_is_written_audited_and_keeps_its_promise(project: Path) -> None:
    told = done("design", project, "--beta", 0.8)
    assert "wanted share, asked for: 80.0% of effort" in told
    assert "certificate: global" in told
    content = json.loads(Path("incentives/rule.json").read_text())
    assert content["origin"]["certificate"]["status"] == "global"
    assert "numpy" in content["origin"]["versions"]
    assert "audit" in told.splitlines()[-1]
    free = example(Path.cwd(), {"floors = { bmi = 18.5 }": ""})
    audit = json.loads(done("audit", free, "--rule", "incentives/rule.json", "--json"))
    assert audit["shares"]["effort"] == pytest.approx(0.8, abs=1e-4)
    assert audit["rule"]["threshold"] == content["threshold"]
    path = example(Path.cwd(), {'fit = "logistic"': 'file = "incentives/rule.json"'})
    again = json.loads(done("audit", path, "--json"))
    assert again["rule"] == audit["rule"]


def test_a_strategic_threshold_is_raised_by_what_the_budget_buys(tmp_path: Path) -> None:
    strategic = {"beta = 0.6": 'beta = 0.6\nthreshold = "strategic"'}
    own = "[cost.groups.A]\nweights = { bmi = 2 }\n[desirable]"
    free = {"floors = { bmi = 18.5 }": ""}
    raised = json.loads(done("design", example(tmp_path, strategic | free), "--json"))
    path = example(tmp_path, free)
    static = json.loads(done("design", path, "--json"))
    assert raised["weights"] == static["weights"]
    assert raised["threshold"] > static["threshold"]
    for more in ({}, free | {"value = 0.8": ""}, free | {"[desirable]": own}):
        path = example(tmp_path, strategic | more)
        assert "[design] threshold: found 'strategic'" in refused("design", path)


def test_scenarios_are_kept(tmp_path: Path) -> None:
    path = example(tmp_path, {"beta = 0.6": "beta = 0.6\nscenarios = 20"})
    assert "drawn graphs: kept in 100.0% of 20 graphs" in done("design", path)
    weights = ', weight = 1.0 },\n    { cause = "bmi", effect = "'
    text = path.read_text().replace(' },\n    { cause = "bmi", effect = "', weights)
    path.write_text(text.replace('"blood_sugar" },', '"blood_sugar", weight = 0.1 },'))
    assert "[design] scenarios: found 20; allowed: 0: the graph is certain" in refused(
        "design", path
    )


def test_an_infeasible_design_says_why_and_exits_3(tmp_path: Path) -> None:
    path = example(tmp_path, {"beta = 0.6": 'beta = 0.9\nforbidden = ["bmi"]'})
    result = run("design", path)
    assert isinstance(result.exception, UnmetError)
    assert result.exception.exit_code == 3
    assert "0.9 can't be reached" in str(result.exception)
    assert not Path("incentives").exists()
    table = json.loads(done("frontier", path, "--beta", 0.1, "--beta", 0.9, "--json"))["frontier"]
    assert [row["status"] for row in table] == ["global", "unmet"]
    report = json.loads(done("report", path, "--json"))
    assert "can't be reached" in report["unmet"]
    assert report["design"] is None
    assert "There is none" in Path("incentives/report.html").read_text()


def test_a_frontier_and_a_ranking_of_what_to_tell(project: Path) -> None:
    told = done("frontier", project)
    assert told.splitlines()[0].split()[:3] == ["beta", "loss", "price"]
    assert Path("incentives/frontier.html").exists()
    ranked = done("reveal", project, "--know", "rule")
    assert ranked.splitlines()[-1] == "tell: effect of bmi"
    found = json.loads(done("reveal", project, "--know", "rule", "--json"))
    assert found["told"][0]["told"] == "effect of bmi"
    assert "[belief] know: found 'everything'; allowed: rule, graph" in refused("reveal", project)
    assert "--at-most: found 0" in refused("reveal", project, "--know", "rule", "--at-most", 0)


def test_a_node_that_the_rule_does_not_score(tmp_path: Path) -> None:
    features = '["age", "bmi", "blood_pressure", "triglycerides", "blood_sugar"]'
    narrow = {features: '["age", "blood_pressure", "triglycerides"]', "beta = 0.6": "beta = 0.25"}
    path = example(tmp_path, narrow)
    found = json.loads(done("design", path, "--json"))
    assert found["weights"]["bmi"] == found["weights"]["blood_sugar"] == 0
    assert found["share"] >= 0.25 - 1e-6, "weight pays through what it moves"


def test_a_rule_that_pays_for_nothing(tmp_path: Path) -> None:
    path = example(tmp_path, {'fit = "logistic"': "weights = { bmi = 0 }\nthreshold = 1"})
    assert "nobody has a way to pass" in done("report", path)
    assert json.loads(done("report", path, "--json"))["disclosure"] is None


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"diabetes.csv"', '"none.csv"', "[data] table: "),
        ('"diabetes.csv"', '"table.py"', "file type: found '.py'"),
        ('"age", "bmi"', '"agee", "bmi"', "[data] features: found 'agee'; allowed:"),
        ('"worse"', '"wors"', "did you mean 'worse'"),
        ("accept = 0", "accept = 2", "[data] accept: found 2, which no row has"),
        ("accept = 0", 'accept = "0"', "[data] accept: found '0', which no row has"),
        ('"age", "bmi"', '"sex", "bmi"', "column 'sex': found ['B']; allowed: numbers"),
        ('["age"]', '["ag"]', "[graph] exogenous: found 'ag'"),
        ('fit = "logistic"', "weights = { bmii = -1.0 }\nthreshold = 0", "[rule] weights: found"),
        ('fit = "logistic"', 'file = "none.json"', "[rule] file: "),
        ("rule.cv = 0.2", "rule.cv = { bmii = 0.2 }", "'bmii'"),
        ('"everything"', '"graph"\n#', "allowed: rule.cv: nothing is in doubt"),
        ('"blood_sugar" },', '"blood_sugar" }, { cause = "blood_sugar", effect = "bmi" }',
         "[graph] edges: found the cycle bmi -> blood_sugar -> bmi"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_table_is_told_by_table_and_key(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    path = example(tmp_path, {"rule.cv = 0.2": ""} if "nothing is in doubt" in says else {})
    path.write_text(path.read_text().replace(old, new, 1))
    message = refused("audit", path)
    assert says in message
    assert message.startswith(str(path))


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        ("worse", 0, "accept: found 0, which every row has; allowed: a label that other rows"),
        ("bmi", "heavy", "column 'bmi': found ['heavy']; allowed: numbers"),
        ("bmi", np.inf, "column 'bmi', row 0: found inf; allowed: a finite number"),
        ("bmi", 1.0, "[graph]: data: found ['bmi']; allowed: columns that vary"),
    ],
)
def test_columns_that_say_nothing(tmp_path: Path, column: str, values: object, says: str) -> None:
    path = example(tmp_path)
    people = pd.read_csv(tmp_path / "diabetes.csv")
    people.assign(**{column: values}).to_csv(tmp_path / "diabetes.csv", index=False)
    assert says in refused("audit", path)


def test_other_people_belong_to_groups_that_are_known(project: Path, tmp_path: Path) -> None:
    people = pd.read_csv(project.parent / "diabetes.csv").assign(sex="C")
    people.to_csv(tmp_path / "others.csv", index=False)
    message = refused("respond", project, "--table", "others.csv")
    assert message == "others.csv: sex: found 'C'; allowed: 'A', 'B'"
    assert not Path("incentives").exists() or not list(Path("incentives").iterdir())


def test_what_is_known_by_option_holds_for_the_whole_report(project: Path) -> None:
    setting, agents = opened(project, None, "neither", 0.6, 0)
    assert isinstance(agents.belief, JointBelief)
    assert setting.project.belief["know"] == "neither"
    assert setting.agents().confidence == agents.confidence == 0.6


def test_groups_that_do_not_differ_are_asked_together(setting: Setting, tmp_path: Path) -> None:
    together = setting.together()
    assert together.agents().groups is None
    found = together.agents(know="rule").best_response(setting.rule).effort
    expected = setting.agents(know="rule").best_response(setting.rule).effort
    assert found == pytest.approx(expected, abs=1e-9)
    own = example(tmp_path, {"value = 0.8": "value = 0.8\ngroups = { A = 2 }"})
    apart = Setting.of(Project.load(own))
    assert apart.together() is apart


def test_a_frontier_tells_accuracy(setting: Setting) -> None:
    table = frontier(setting, [0.0, 0.6]).table
    first = design(setting, 0.6)
    right = setting.rule.accepts(setting.people) == setting.deserving
    assert table["accuracy"][0] == pytest.approx(right.mean(), abs=0.01)
    assert table["accuracy"][1] == (
        (first.rule.accepts(setting.people) == setting.deserving).mean()
    )


def test_a_designed_rule_is_as_strict_as_the_fitted_one(setting: Setting, tmp_path: Path) -> None:
    strict = example(tmp_path, {'fit = "logistic"': 'fit = "logistic"\nprobability = 0.7'})
    there = Setting.of(Project.load(strict))
    before, after = design(setting, 0.0).rule, design(there, 0.0).rule
    assert after.weights.tolist() == before.weights.tolist()
    assert after.threshold - before.threshold == pytest.approx(np.log(7 / 3))
    assert after.threshold == pytest.approx(there.rule.threshold, rel=1e-3)
    right = there.rule.accepts(there.people) == there.deserving
    assert frontier(there, [0.0]).table["accuracy"][0] == pytest.approx(right.mean(), abs=0.01)


def test_wrong_options(project: Path) -> None:
    assert "did you mean 'graph'?" in refused("audit", project, "--know", "grap")
    assert "--confidence: found 1.5" in refused("audit", project, "--confidence", 1.5)
    for command in ("design", "frontier", "report"):
        assert "--beta: found 2.0" in refused(command, project, "--beta", 2)
    assert "--chunk: found 0" in refused("respond", project, "--chunk", 0)
    assert "surefoot incentives init" in refused("audit", "none.toml")


def test_no_design_without_labels(tmp_path: Path) -> None:
    labels = 'target = "worse"         # whether above the median of 442 patients a year later\n'
    path = example(tmp_path, {
        labels: "", "accept = 0\n": "",
        'fit = "logistic"': "weights = { bmi = -0.2, blood_pressure = -0.03 }\nthreshold = -8.0",
    })  # fmt: skip
    assert "Accuracy" not in done("audit", path)
    assert "[data] target: found 'nothing'" in refused("design", path)
    found = json.loads(done("report", path, "--json"))
    assert found["design"] is None
    assert found["frontier"] is None


def test_rules_are_read_back_as_they_were(tmp_path: Path) -> None:
    rule = LinearRule([0.1, -2e-17], 1 / 3, ["b", "a"])
    save_rule(rule, tmp_path / "r.json", {"beta": 0.5})
    found = load_rule(tmp_path / "r.json")
    assert (found.names, found.threshold) == (rule.names, rule.threshold)
    assert found.weights.tolist() == rule.weights.tolist()


@pytest.mark.parametrize(
    "change",
    [
        {"format": "surefoot-rule-2"}, {"features": ["a"]}, {"features": [["a"], "b"]},
        {"features": [], "weights": {}}, {"weights": [1, 2]}, {"weights": {"a": "1", "b": 2}},
        {"threshold": None},
        {"threshold": True}, {"weights": {"a": float("nan"), "b": 1}}, {"threshold": 10**400},
    ],
)  # fmt: skip
def test_other_files_are_no_rules(tmp_path: Path, change: dict[str, object]) -> None:
    save_rule(LinearRule([1.0, 2.0], 0, ["a", "b"]), tmp_path / "r.json", {})
    content = json.loads((tmp_path / "r.json").read_text()) | change
    (tmp_path / "r.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"r\.json"):
        load_rule(tmp_path / "r.json")


def test_labels_of_groups_may_be_numbers(project: Path, tmp_path: Path) -> None:
    people = pd.read_csv(project.parent / "diabetes.csv")
    coded = people.assign(sex=people["sex"].map({"A": 1.0, "B": 2.0}))
    coded.to_parquet(tmp_path / "coded.parquet")
    path = example(tmp_path, {'"diabetes.csv"': '"coded.parquet"'})
    assert Setting.of(Project.load(path)).labels == ["1", "2"]


def test_rows_are_counted_as_they_are_read(tmp_path: Path) -> None:
    for text in ("a\n1\n2\n", "a\n1\n2"):
        (tmp_path / "t.csv").write_text(text)
        assert rows_in(tmp_path / "t.csv") == 2
    parts = list(parts_of(tmp_path / "t.csv", ["a"], 1))
    assert [(p.index[0], p["a"].iloc[0]) for p in parts] == [(0, 1), (1, 2)]
    (tmp_path / "t.csv").write_text("a\n")
    assert rows_in(tmp_path / "t.csv") == 0
    (tmp_path / "t.csv").write_bytes(b"a,b\r1,2\r3,4")
    assert rows_in(tmp_path / "t.csv") == 2


def test_ctrl_c_says_how_to_begin_again() -> None:
    with pytest.raises(InterruptedRunError, match="begin again: surefoot incentives respond"):
        with narrated("surefoot incentives respond", keeps=False):
            raise KeyboardInterrupt


def test_memory_does_not_grow_with_the_table(
    setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more rows are asked for at a time than `size`."""
    sizes = []

    def watched(source: Path, columns: list[str], size: int) -> Iterator[pd.DataFrame]:
        for part in parts_of(source, columns, size):
            sizes.append(len(part))
            yield part

    monkeypatch.setattr("surefoot.incentives.responding.parts_of", watched)
    agents: Agents = setting.agents()
    respond(setting, agents, tmp_path / "r.parquet", size=100)
    assert sizes == [100, 100, 100, 100, 42]
