from __future__ import annotations

import pandas as pd
import pytest

from surefoot.ground.blocks import Table
from surefoot.ground.study import Results, Settings
from surefoot.ground.verdicts import evaluate
from surefoot.incentives import bars, both_cells, doubt_cells, outcome_cells, people_cells
from surefoot.incentives import study as module
from surefoot.incentives.study import STUDY, cells, checks, derive


@pytest.fixture
def everything(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = ["framingham", "nhefs", "cardio", "diabetes", "give-me-some-credit", "taiwan-credit"]
    monkeypatch.setattr(module, "_files", lambda case: case)
    monkeypatch.setattr(module, "_cases", lambda scale: cases if scale == "full" else ["diabetes"])


@pytest.mark.usefixtures("everything")
@pytest.mark.parametrize("scale", ["quick", "full"])
def test_cells_are_one_a_task_method_and_seed(scale: str) -> None:
    found = cells(scale, [0, 1])  # type: ignore[arg-type]
    assert len({cell.name for cell in found}) == len(found)
    assert len({cell.key for cell in found}) == len(found)
    assert {cell.seed for cell in found} == {0, 1}


@pytest.mark.usefixtures("everything")
@pytest.mark.parametrize("scale", ["quick", "full"])
def test_every_check_finds_its_values(scale: str) -> None:
    """All metrics of all cells, as made-up numbers: no bar asks for what no cell gives."""
    metrics = {
        "rule_with_known_outcome": ("static", "accuracy", "share", "gain", "real"),
        "rule_on_people": (
            "auc", "share", "lowest share", "claimed", "perverse", "lever wanted", "reach",
        ),
        "pass_rate": ("pass", "cost"),
        "told": ("share", "cost", "rank"),
        "in_doubt": ("share", "price", "levers"),
        "estimated_graph": ("violated", "worst", "auc"),
        "cheap_pill": ("base share", "share", "auc", "base auc"),
    }  # fmt: skip
    rows = [
        {"task": c.params["task"], "method": c.params["method"], "variant": "", "seed": c.seed}
        | {"metric": metric, "value": 0.5 + 0.01 * c.seed}
        for c in cells(scale, [0, 1, 2])  # type: ignore[arg-type]
        for metric in metrics[c.function.partition(":")[2]]
    ]
    table = derive(pd.DataFrame(rows))
    found = [evaluate(check, table) for check in checks(scale)]  # type: ignore[arg-type]
    assert [finding.check.name for finding in found if finding.outcome == "unknown"] == []
    assert len({check.name for check in checks(scale)}) == len(found)  # type: ignore[arg-type]
    results = Results(table, found, [], Settings(scale), (0, 1, 2))  # type: ignore[arg-type]
    for section in STUDY.sections(results):
        assert section.blocks, section.title
        for block in section.blocks:
            if isinstance(block, Table):
                assert block.rows, section.title
    assert "**50 %**" in STUDY.lead(results) or "**51 %**" in STUDY.lead(results)


def test_an_unfinished_study_says_so() -> None:
    empty = pd.DataFrame(columns=["task", "method", "variant", "seed", "metric", "value"])
    results = Results(empty, [], [], Settings("quick"), (0,))
    assert "Not enough cells" in STUDY.lead(results)
    assert STUDY.sections(results)


def test_the_rank_of_what_is_told_becomes_first_and_last() -> None:
    row = {"task": bars.TOLD, "variant": "", "seed": 0, "metric": "rank"}
    table = pd.DataFrame(
        [row | {"method": "cigsPerDay", "value": 1.0}, row | {"method": "sysBP", "value": 5.0}]
    )
    found = derive(table).set_index("metric")["value"]
    assert found["best first"] == 1
    assert found["worst last"] == 0


def test_a_design_beats_a_raised_threshold_where_the_outcome_is_known() -> None:
    found = {
        method: outcome_cells.rule_with_known_outcome("t", method, 100, p=1, n=4_000)
        for method in (outcome_cells.PLAIN, outcome_cells.RAISED, outcome_cells.DESIGN_RAISED)
    }
    plain, raised, designed = found.values()
    assert plain["accuracy"] < 0.6 < 0.8 < plain["static"]
    assert raised["gain"] == 0
    assert raised["share"] == 0
    assert designed["share"] == 1
    assert designed["gain"] > 0.03
    assert designed["accuracy"] > raised["accuracy"]


def test_a_loop_of_refits_settles_between() -> None:
    method = outcome_cells.REFITTED
    found = outcome_cells.rule_with_known_outcome("t", method, 100, p=1, n=4_000)
    assert 0.6 < found["accuracy"] < 0.8


def test_a_rule_on_people_meets_its_share_in_every_fold() -> None:
    base = people_cells.rule_on_people("diabetes", people_cells.LOGISTIC, 100)
    found = people_cells.rule_on_people("diabetes", "wanted ≥ .6", 100)
    assert base["share"] < 0.4
    assert found["lowest share"] == pytest.approx(0.6, abs=1e-4)
    assert found["claimed"] == pytest.approx(found["share"])
    assert found["auc"] > base["auc"] - 0.03
    blind = people_cells.rule_on_people("diabetes", "wanted ≥ .6, blind", 100)
    assert blind["claimed"] == pytest.approx(0.6, abs=1e-4)
    assert abs(blind["share"] - blind["claimed"]) > 0.01


def test_a_promise_to_people_in_doubt_of_everything() -> None:
    found = {
        method: both_cells.pass_rate("t", method, 100, noise="exponential", fresh=20_000)
        for method in ("gaussian", "calibrated", "cantelli")
    }
    assert found["gaussian"]["pass"] > 0.92
    assert found["calibrated"]["pass"] == pytest.approx(0.9, abs=0.01)
    assert found["cantelli"]["pass"] > 0.98
    assert found["calibrated"]["cost"] < found["gaussian"]["cost"] < found["cantelli"]["cost"]


def test_framingham_in_doubt() -> None:
    if "framingham" not in module._cases("full"):
        pytest.skip("the table is not on this machine")
    nothing, smoking, pressure = (
        doubt_cells.told("t", method, 100) for method in ("nothing", "cigsPerDay", "sysBP")
    )
    assert smoking["share"] > nothing["share"] + 0.05
    assert pressure["share"] < nothing["share"]
    shares = [doubt_cells.in_doubt("t", f"{c:g}", 100)["share"] for c in doubt_cells.CONFIDENCES]
    assert shares == sorted(shares, reverse=True)
    nominal = doubt_cells.estimated_graph("t", doubt_cells.NOMINAL, 100)
    safe = doubt_cells.estimated_graph("t", doubt_cells.SCENARIOS, 100)
    assert safe["violated"] < 0.05 < 0.3 < nominal["violated"]
    cheap = doubt_cells.cheap_pill("t", "0.2", 100)
    assert cheap["base share"] < 0.1
    assert cheap["share"] == pytest.approx(0.6, abs=1e-4)
