from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from surefoot.confidence import study
from surefoot.confidence.cases import FULL, GAMMAS, STEP_SIZES
from surefoot.ground.study import Results, Settings
from surefoot.ground.verdicts import evaluate


def invented(scale: str) -> pd.DataFrame:
    """Return plausible values for every cell of a scale."""
    rng = np.random.default_rng(0)
    rows = []
    for task, case in study.cases(scale).items():  # type: ignore[arg-type]
        for name, run in case.runs.items():
            methods = [name]
            if run["procedure"] == "refit":
                methods = [f"{name}/sandwich", f"{name}/laplace"]
            methods += [f"{name}/{c}" for c in run.get("companions", ())]
            if run["procedure"] == "literal":
                methods += [f"{name}/{c}" for c in ("plugin", "random_scaling", "batch_means")]
            for method in methods:
                for seed in range(3):
                    values = {"coverage": 0.95, "length": 1.05, "squared_error": 1.1}
                    values |= {"simultaneous": 0.95, "ellipsoid": 0.96, "percentile": 0.94}
                    values["bias_flag"] = float(run["procedure"] == "cold")
                    for metric, value in values.items():
                        noisy = value + 0.002 * rng.normal() * (metric != "bias_flag")
                        row = {"task": task, "method": "all", "variant": "", "seed": seed}
                        rows.append(row | {"metric": f"{method}|{metric}", "value": noisy})
    if scale == "full":
        for seed in range(3):
            row = {"task": "flights stream", "method": "ours", "variant": "", "seed": seed}
            found = {"lowest SE ratio": 0.95, "highest SE ratio": 1.1, "farthest estimate": 0.2}
            found |= {"SE ratio[const]": 1.0, "offset[const]": 0.1}
            rows += [row | {"metric": m, "value": v + 0.001 * seed} for m, v in found.items()]
            row["task"] = "td"
            for method in ("burn-in, i.i.d. states", "burn-in, trajectory", "pilot, trajectory"):
                rows.append(row | {"method": method, "metric": "coverage", "value": 0.94})
            method = "no burn-in, i.i.d. states"
            rows.append(row | {"method": method, "metric": "bias_flag", "value": 1.0})
            rows.append(row | {"method": method, "metric": "coverage", "value": 0.1})
    return study.derive(pd.DataFrame(rows))


@pytest.mark.parametrize("scale", ["quick", "full"])
def test_every_check_finds_its_values(scale: str) -> None:
    table = invented(scale)
    outcomes = {c.name: evaluate(c, table).outcome for c in study.checks(scale)}  # type: ignore[arg-type]
    assert "unknown" not in outcomes.values()
    assert len(outcomes) == len(study.checks(scale))  # type: ignore[arg-type]


@pytest.mark.parametrize("scale", ["quick", "full"])
def test_the_page_is_built_from_any_part_of_the_table(scale: str) -> None:
    table = invented(scale)
    settings = Settings(scale)  # type: ignore[arg-type]
    titles = {s.title for s in study.sections(Results(table, [], [], settings, (0, 1, 2)))}
    assert "Does it cover?" in titles
    assert ("Three million flights" in titles) == (scale == "full")
    for task in table["task"].unique():
        part = Results(table[table["task"] == task], [], [], settings, (0, 1, 2))
        study.sections(part)
        study.lead(part)


def test_the_worst_of_nine_rules_is_the_worst_on_the_whole() -> None:
    rules = [f"ours c0={c0:g} γ={g:g}" for c0 in STEP_SIZES for g in GAMMAS]
    rows = [
        {"task": "any-step", "method": "all", "variant": "", "seed": seed,
         "metric": f"{rule}|coverage", "value": 0.90 + 0.01 * number + 0.001 * seed}
        for number, rule in enumerate(rules) for seed in range(2)
    ]  # fmt: skip
    table = study.derive(pd.DataFrame(rows))
    worst = table[table["method"] == study.ANY_STEP].set_index(["metric", "seed"])["value"]
    assert worst["lowest coverage", 1] == pytest.approx(0.901)
    assert worst["highest coverage", 0] == pytest.approx(0.98)


def test_cells_have_the_seeds_they_are_given() -> None:
    assert {c.seed for c in study.cells("quick", range(3))} == {0, 1, 2}


def test_every_case_is_shown_or_checked() -> None:
    checked = {c.task for c in study.checks("full")}
    shown = set(FULL) - checked
    assert shown <= {
        "linear-100", "logistic-20", "median-20", "uneven-noise", "heavy-noise",
        "median-5, n=100000", "linear-500, n=100000", "logistic-5, published",
        "median-5, published",
    }  # fmt: skip
