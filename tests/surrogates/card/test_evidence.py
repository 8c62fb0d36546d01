from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import qmc
from tests.surrogates.card.examples import SPACE, Project, declared, project, simulator

from surefoot.ground.errors import InputError
from surefoot.surrogates.card.evidence import make_card
from surefoot.surrogates.card.fields import FIELDS
from surefoot.surrogates.card.lint import lint
from surefoot.surrogates.card.run_evidence import run_evidence
from surefoot.surrogates.card.verify import verify
from surefoot.surrogates.leaderboard import scores_of
from surefoot.surrogates.regressor import SurrogateRegressor
from surefoot.surrogates.simulation.design import Design
from surefoot.surrogates.simulation.simulator import Simulator
from surefoot.surrogates.simulation.space import Categorical, Real, Space
from surefoot.surrogates.simulation.study import Study
from surefoot.surrogates.tasks.optimum import Optimum


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return project(tmp_path_factory.mktemp("project"))


def study_of(function: Any, folder: Path, space: Space = SPACE, **options: Any) -> Study:
    outputs = options.pop("outputs", ["y"])
    return Study(Simulator.from_callable(function, space, outputs, **options), folder / "store")


def run(study: Study, n: int, **options: Any) -> Study:
    study.run(Design("lhs", n, **options), executor="serial", progress=False)
    return study


def test_whatever_can_be_measured_is_measured_unasked_and_stands(
    made: Project, tmp_path: Path
) -> None:
    study = Study(made.study.simulator, made.study.folder, tasks=[Optimum("y")])
    model = study.compare(candidates=["linear"], cv=3, warps="identity")
    model.save(tmp_path / "linear.npz")
    card = study.card(model, tmp_path / "linear.npz", {})
    card.validate()
    measurable = {path for path, field in FIELDS.items() if field.by != "author"}
    assert {p for p, f in card.fields() if f["status"] == "measured"} == measurable
    assert {FIELDS[finding.field].by for finding in lint(card)} <= {"author"}
    assert verify(card, study, tmp_path / "linear.npz").ok
    card.save(tmp_path / "card.html")
    page = (tmp_path / "card.html").read_text()
    for title in ("Predicted and simulated y", "What more runs bring", "Which inputs y depends on"):
        assert title in page


def test_a_probe_that_finds_nothing_leaves_its_field_missing(made: Project) -> None:
    card = make_card(made.study, made.model, made.artefact, {}, {"evaluation.tasks": lambda *_: []})
    assert card["evaluation.tasks"]["status"] == "missing"


def test_some_outputs_of_many_can_be_asked_for(tmp_path: Path) -> None:
    study = run(study_of(lambda x, z: {"a": x, "b": x + z}, tmp_path, outputs=["a", "b"]), 12)
    model = study.compare(["b"], candidates=["linear"], cv=3)
    model.save(tmp_path / "b.npz")
    card = make_card(study, model, tmp_path / "b.npz", {}, {})
    assert {row["output"] for row in card.rows("evaluation.scores")} == {"b"}
    assert verify(card, study, tmp_path / "b.npz", probes={}).ok


def test_runs_are_told_as_they_are(made: Project) -> None:
    table = made.study.runs()
    good = table[table["status"] == "ok"]
    found = {path: field["value"] for path, field in made.card.fields()}
    assert found["data.n_runs"] == len(good)
    assert found["data.failures"] == {
        "n": 24 - len(good), "by_reason": {"ArithmeticError": 24 - len(good)}
    }  # fmt: skip
    assert found["need.run_cost"] == pytest.approx(
        {"median": good["wall_s"].median(), "p95": good["wall_s"].quantile(0.95),
         "total": table["wall_s"].sum()}
    )  # fmt: skip
    (output,) = found["data.outputs"]
    assert output["sd"] == pytest.approx(np.std(good["y"].to_numpy()))
    (design,) = found["data.designs"]
    points = SPACE.to_unit(made.study.designs()[0][1]["points"])
    assert design["discrepancy"] == pytest.approx(qmc.discrepancy(points))
    assert design["seed"] == 1
    x, _ = found["data.inputs"]
    assert (x["name"], x["low"], x["high"], x["unit"]) == ("x", 0.0, 1.0, "m")
    assert x["highest_run"] == good["x"].max()


def test_the_fit_is_told_as_it_is(made: Project) -> None:
    (comparison,) = made.model.comparisons_
    names = [row["name"] for row in made.card.rows("learning.candidates")]
    assert names == comparison.names
    nrmse = made.card.rows("evaluation.scores")[0]
    assert nrmse["metric"] == "nrmse"
    assert nrmse["estimate"] == made.model.scores_[0]["nrmse"]
    assert nrmse["low"] < nrmse["estimate"] < nrmse["high"]
    mean = made.card.rows("evaluation.baselines")[0]
    assert (mean["baseline"], mean["estimate"]) == ("mean", scores_of(comparison, 0)["nrmse"])
    assert sum(row["weight"] for row in made.card.rows("model.members")) == pytest.approx(1)
    assert sum(row["runs"] for row in made.card.rows("evaluation.pit")) == len(comparison.y)
    assert made.card["learning.seeds"]["value"] == [3]
    assert made.card["learning.settings"]["value"]["cv"] == 4
    assert made.card["learning.fit_cpu"]["value"] > 0


def test_the_reason_of_a_design_is_a_declaration_and_a_given_one_counts_more(
    made: Project,
) -> None:
    field = made.card["data.design_reason"]
    assert (field["status"], field["value"]) == ("declared", "nothing is known of the response")
    said = declared(data__design_reason="It was cheap.")
    card = make_card(made.study, made.model, made.artefact, said, {})
    assert card["data.design_reason"]["value"] == "It was cheap."


def test_replicates_tell_the_noise(tmp_path: Path) -> None:
    def noisy(x: float, z: float, seed: int) -> float:
        return float(x + np.random.default_rng(seed).normal())

    study = run(study_of(noisy, tmp_path, stochastic=True), 6, replicates=3)
    groups = study.runs().groupby(["x", "z"])["y"]
    pooled = np.sqrt(((groups.std() ** 2) * 2).sum() / 12)
    assert run_evidence(study)["data.noise"] == {
        "stochastic": True, "repeated_points": 6, "sd": {"y": pytest.approx(pooled)}
    }  # fmt: skip
    assert run_evidence(study)["data.duplicates"] == 12


def test_a_stochastic_simulator_without_replicates_has_no_known_noise(tmp_path: Path) -> None:
    study = run(study_of(lambda x, z: x + z, tmp_path, stochastic=True), 5)
    assert run_evidence(study)["data.noise"] == {"stochastic": True, "repeated_points": 0}


def test_curves_and_several_outputs_and_levels_fit_on_a_card(tmp_path: Path) -> None:
    def curve(x: float, mesh: str) -> dict[str, Any]:
        times = np.linspace(0, 1, 4)
        return {"heat": np.exp(-x * times) * (2 if mesh == "fine" else 1), "peak": 1 + x}

    space = Space(x=Real(0.5, 2), mesh=Categorical(["coarse", "fine"]))
    study = run(study_of(curve, tmp_path, space, outputs=["heat", "peak"]), 16)
    model = SurrogateRegressor(["linear"], cv=3, space=space, field=True).fit(*study.data())
    model.save(tmp_path / "model.npz")
    card = make_card(study, model, tmp_path / "model.npz", {}, {})
    card.validate()
    heat, peak = card.rows("data.outputs")
    assert (heat["values_per_run"], "values_per_run" in peak) == (4, False)
    outputs = {row["output"] for row in card.rows("evaluation.scores")}
    assert outputs == {"heat[0]", "heat[1]", "heat[2]", "heat[3]", "peak"}
    assert card["evaluation.parity"]["status"] == "missing"  # of coordinates nobody asked for
    assert verify(card, study, tmp_path / "model.npz", probes={}).ok
    card.save(tmp_path / "card.html")


def test_a_loaded_surrogate_can_not_be_measured(made: Project) -> None:
    loaded = SurrogateRegressor.load(made.artefact)
    with pytest.raises(InputError, match="surrogate: found one that was loaded"):
        make_card(made.study, loaded, made.artefact, {}, {})


def test_a_study_without_runs_has_no_evidence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="study: found no run that ended well"):
        run_evidence(study_of(simulator, tmp_path))


def test_a_probe_fills_a_field_of_its_own(made: Project) -> None:
    for path in ("evaluation.scores", "need.purpose"):
        with pytest.raises(InputError, match=f"probe: found '{path}'"):
            make_card(made.study, made.model, made.artefact, {}, {path: lambda *_: [{}]})
