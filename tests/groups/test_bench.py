from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from surefoot import InputError
from surefoot.ground.errors import UnmetError
from surefoot.ground.study import Settings
from surefoot.groups.bench import bench, parse_requirement, table_source
from surefoot.groups.cells import CONFIGS, Source, build_cells, select_configurations, variant_of
from surefoot.groups.methods import METHODS


@pytest.mark.parametrize(
    ("text", "method", "against", "bar"),
    [
        ("fairdropout >= erm + 0.05", "fairdropout", "erm", 0.05),
        ("fairdropout>=erm", "fairdropout", "erm", 0.0),
        ("erm >= groupdro - 0.1", "erm", "groupdro", -0.1),
        ("group-reweighted >= 0.7", "group-reweighted", None, 0.7),
    ],
)
def test_requirements(text: str, method: str, against: str | None, bar: float) -> None:
    check = parse_requirement(text, "celeba", "worst_group")
    assert (check.method, check.against, check.at_least) == (method, against, bar)


@pytest.mark.parametrize("text", ["fairdropout > erm", "0.7 >= erm", "", "erm >= + 0.1"])
def test_bad_requirements(text: str) -> None:
    with pytest.raises(InputError, match="require"):
        parse_requirement(text, "celeba", "worst_group")


def test_unknown_methods_are_named() -> None:
    with pytest.raises(InputError, match="did you mean 'fairdropout'"):
        parse_requirement("fairdroput >= erm", "celeba", "worst_group")


def test_every_method_has_configurations_and_shared_cells_run_once() -> None:
    assert set(CONFIGS) == set(METHODS)
    cells = build_cells([Source("celeba", "f")], list(METHODS), (0, 1), tuned=True)
    assert len({cell.key for cell in cells}) == len(cells)
    own = [c for c in cells if c.params["method"] == "fairdropout" and c.seed == 0]
    assert len(own) == len(CONFIGS["fairdropout-tuned"])


def _tidy(scores: dict[tuple[str, str], float]) -> pd.DataFrame:
    rows = []
    for (method, variant), score in scores.items():
        for metric in (
            "validation",
            "validation_threshold",
            "worst_group",
            "worst_group_threshold",
        ):
            rows.append(
                {"task": "t", "method": method, "variant": variant, "seed": 0, "metric": metric,
                 "value": score}
            )  # fmt: skip
    return pd.DataFrame(rows)


def test_selection_reads_validation_only() -> None:
    variants = [variant_of(config) for config in CONFIGS["erm"]]
    table = _tidy({("erm", variants[0]): 0.5, ("erm", variants[1]): 0.6, ("erm", variants[2]): 0.9})
    # A test score that begs to be chosen.
    begging = (table["variant"] == variants[1]) & table["metric"].str.startswith("worst")
    table.loc[begging, "value"] = 1.0
    chosen = select_configurations(table, {"t": 500}, ["erm"])
    assert set(chosen["variant"]) == {variants[2]}
    assert chosen.set_index("metric").loc["worst_group", "value"] == 0.9


@pytest.fixture
def loans(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    n = 600
    sex = generator.choice(["f", "m"], n, p=[0.2, 0.8])
    income = generator.normal(size=n)
    paid = income + 0.5 * generator.normal(size=n) + 0.4 * (sex == "m") > 0.8
    frame = pd.DataFrame({"income": income, "noise": generator.normal(size=n), "sex": sex})
    frame.assign(paid=np.where(paid, "yes", "no")).to_csv(tmp_path / "loans.csv", index=False)
    return tmp_path / "loans.csv"


def test_a_users_table_is_compared_and_bars_are_checked(loans: Path, tmp_path: Path) -> None:
    source = table_source(loans, target="paid", groups=["sex"])
    settings = Settings("full", 2, "serial", tmp_path / "out", "surefoot groups bench …")
    results = bench(
        [source], ["fairdropout", "erm"], settings, tuned=False, require=["erm >= 0.01"]
    )
    assert set(results.table["method"]) == {"fairdropout", "erm"}
    assert results.findings[0].outcome == "holds"
    assert "loans" in (tmp_path / "out" / "index.html").read_text()
    with pytest.raises(UnmetError, match="erm >= 0.999"):
        bench([source], ["fairdropout", "erm"], settings, tuned=False, require=["erm >= 0.999"])


def test_bad_columns_fail_before_anything_runs(loans: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'paid'"):
        table_source(loans, target="payd", groups=["sex"])
    source = table_source(loans, target="paid", groups=["sex"])
    settings = Settings("full", 1, "serial", tmp_path / "out")
    with pytest.raises(InputError, match="method in require"):
        bench([source], ["erm"], settings, require=["fairdropout >= erm"])
    with pytest.raises(InputError, match="metric"):
        bench([source], ["erm"], settings, metric="f1")
    assert not (tmp_path / "out").exists()
