"""An audit finds every tampering, and nothing in a card that is as it was made."""

from __future__ import annotations

import copy
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import Ridge
from tests.surrogates.card import examples
from tests.surrogates.card.examples import HASH, PROBES, SPACE, Project, edited, project, study_in

from surefoot.ground.errors import InputError
from surefoot.ground.files import file_fingerprint
from surefoot.surrogates.card import verify as checking
from surefoot.surrogates.card.audit import Audit
from surefoot.surrogates.card.document import Card
from surefoot.surrogates.card.evidence import make_card
from surefoot.surrogates.card.fields import FIELDS
from surefoot.surrogates.card.verify import verify
from surefoot.surrogates.regressor import SurrogateRegressor
from surefoot.surrogates.simulation.comparing import failed_inputs
from surefoot.surrogates.simulation.design import Design
from surefoot.surrogates.simulation.simulator import Simulator
from surefoot.surrogates.simulation.study import Study


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def copied(made: Project, tmp_path: Path) -> Project:
    """Return the project in a folder of its own, for tests that change its files."""
    shutil.copytree(made.folder, tmp_path / "copy")
    folder = tmp_path / "copy"
    return Project(folder, study_in(folder), made.model, folder / "surrogate.npz", made.card)


def audit(of: Project, card: Card | None = None, **options: Any) -> Audit:
    return verify(card or of.card, of.study, of.artefact, **{"probes": PROBES} | options)


def test_an_honest_card_stands(made: Project) -> None:
    made.card.validate()
    found = audit(made, rerun=5)
    assert found.ok
    assert found.moved == ()
    assert found.reruns == 5
    assert set(found.trusted) == {p for p, f in FIELDS.items() if f.by == "machine"}
    measured = [p for p, field in made.card.fields() if field["status"] == "measured"]
    assert {*found.checked, *found.trusted} == set(measured)
    assert str(found).startswith(f"nothing moved; {len(found.checked)} fields measured again, 5")
    assert json.loads(json.dumps(found.to_dict()))["ok"] is True


def test_an_honest_card_stands_in_another_folder(copied: Project) -> None:
    assert audit(copied).ok


def change(path: str, *place: str | int, by: float = 0.0, to: Any = None) -> Any:
    """Return a tampering: a part of a value multiplied by 1 + `by`, or set to `to`."""

    def tamper(card: Card) -> Card:
        value = copy.deepcopy(card[path]["value"])
        if not place:
            return edited(card, path, value=to)
        holder = value
        for key in place[:-1]:
            holder = holder[key]
        holder[place[-1]] = holder[place[-1]] * (1 + by) if by else to
        return edited(card, path, value=value)

    return tamper


def without_a_row(card: Card) -> Card:
    return edited(card, "evaluation.scores", value=card["evaluation.scores"]["value"][1:])


# By what was tampered with: the field that an audit must name, and the tampering.
CARDS: dict[str, tuple[str, Callable[[Card], Card]]] = {
    "cost of a run": ("need.run_cost.median", change("need.run_cost", "median", by=1e-5)),
    "smoothness": (
        "need.smoothness.y.learnable", change("need.smoothness", 0, "learnable", by=1e-5)),
    "mode": ("data.mode", change("data.mode", to="measured in the world")),
    "version of the simulator": (
        "data.simulator.version", change("data.simulator", "version", to="3")),
    "source of the simulator": (
        "data.simulator.source", change("data.simulator", "source", to=HASH)),
    "range of an input": ("data.inputs", change("data.inputs", 0, "high", by=1e-5)),
    "mean of an output": ("data.outputs.y.mean", change("data.outputs", 0, "mean", by=1e-5)),
    "discrepancy": ("data.designs", change("data.designs", 0, "discrepancy", by=1e-5)),
    "seed of the design": ("data.designs", change("data.designs", 0, "seed", to=2)),
    "number of runs": ("data.n_runs", change("data.n_runs", to=1000)),
    "reasons of failures": (
        "data.failures.by_reason.ArithmeticError",
        change("data.failures", "by_reason", to={"time-out": 1})),
    "duplicates": ("data.duplicates", change("data.duplicates", to=1)),
    "noise": ("data.noise.stochastic", change("data.noise", "stochastic", to=True)),
    "uncertainty": ("model.uncertainty", change("model.uncertainty", to="proven")),
    "weight": ("model.members", change("model.members", 0, "weight", by=1e-5)),
    "temperature": ("model.members", change("model.members", 0, "temperature", by=1e-5)),
    "score of a loser": ("learning.candidates", change("learning.candidates", 1, "nlpd", by=1e-5)),
    "seed of the fit": ("evaluation.scores", change("learning.seeds", to=[4])),
    "several seeds": ("learning.settings", change("learning.seeds", to=[3, 4])),
    "folds": ("evaluation.protocol.folds", change("learning.settings", "cv", to=5)),
    "setting that is none": ("learning.settings", change("learning.settings", "depth", to=5)),
    "seed that is none": ("learning.settings", change("learning.seeds", to=["x"])),
    "candidates that are none": (
        "learning.settings", change("learning.settings", "candidates", to=5)),
    "output that is a list": (
        "learning.settings", change("learning.settings", "outputs", to=[["y"]])),
    "output that is none": (
        "learning.settings", change("learning.settings", "outputs", to=["z"])),
    "settings that are none": ("learning.settings", change("learning.settings", to=[])),
    "score by a hair": (
        "evaluation.scores.y nrmse.estimate",
        change("evaluation.scores", 0, "estimate", by=-1e-5)),
    "interval of a score": (
        "evaluation.scores.y nrmse.high", change("evaluation.scores", 0, "high", by=-1e-5)),
    "score left out": ("evaluation.scores.y nrmse", without_a_row),
    "corrected score": ("evaluation.corrected", change("evaluation.corrected", 0, "low", by=1e-5)),
    "coverage": ("evaluation.coverage", change("evaluation.coverage", 3, "estimate", to=0.95)),
    "PIT": ("evaluation.pit", change("evaluation.pit", 0, "runs", to=9)),
    "parity": ("evaluation.parity", change("evaluation.parity", 2, "predicted", by=1e-5)),
    "baseline": ("evaluation.baselines", change("evaluation.baselines", 0, "estimate", by=0.5)),
    "task": ("evaluation.tasks.middle y.error", change("evaluation.tasks", 0, "error", by=0.5)),
    "domain": ("downstream.domain.radius", change("downstream.domain", "radius", by=0.5)),
    "hash of the store": ("artefacts.store", change("artefacts.store", to=HASH)),
    "hash of the file": ("artefacts.model", change("artefacts.model", to=HASH)),
    "declared as measured": (
        "need.purpose", lambda card: edited(card, "need.purpose", status="measured")),
    "measured as declared": (
        "evaluation.scores", lambda card: edited(card, "evaluation.scores", status="declared")),
    "measured as missing": (
        "data.failures", lambda card: edited(card, "data.failures", status="missing", value=None)),
    "optional field taken out": (
        "evaluation.pit",
        lambda card: edited(card, "evaluation.pit", status="missing", value=None)),
    "cited hash": (
        "data.n_runs", lambda card: edited(card, "data.n_runs", evidence={"store": HASH})),
    "content under the old id": (
        "id", lambda card: Card({**card.content, "x-note": "added afterwards"})),
}  # fmt: skip


@pytest.fixture(scope="module")
def refits() -> dict[str, Any]:
    return {}


@pytest.fixture
def refitted_once(monkeypatch: pytest.MonkeyPatch, refits: dict[str, Any]) -> None:
    """Refit for each setting and seed, and measure each refit, once: both are deterministic."""

    def once(function: Callable[..., Any], key: Callable[..., str]) -> Callable[..., Any]:
        def wrapped(*arguments: Any) -> Any:
            name = key(*arguments)
            if name not in refits:
                refits[name] = function(*arguments)
            return copy.copy(refits[name])

        return wrapped

    def fit_key(card: Card, *_: Any) -> str:
        return str([card["learning.seeds"], card["learning.settings"]])

    monkeypatch.setattr(checking, "_refit", once(checking._refit, fit_key))
    measure = once(checking.model_evidence, lambda _, model, __: str(model.get_params()))
    monkeypatch.setattr(checking, "model_evidence", measure)


@pytest.mark.usefixtures("refitted_once")
@pytest.mark.parametrize("case", CARDS)
def test_a_tampered_card_falls(made: Project, case: str) -> None:
    field, tamper = CARDS[case]
    found = audit(made, tamper(made.card))
    assert not found.ok
    assert any(moved.field.startswith(field) for moved in found.moved), str(found)


def test_a_tampering_is_told_with_both_values(made: Project) -> None:
    moved = audit(made, change("data.n_runs", to=1000)(made.card)).moved
    runs = made.card["data.n_runs"]["value"]
    assert [(m.field, m.card, m.recomputed) for m in moved] == [("data.n_runs", 1000, runs)]
    assert moved[0].sentence == f"1,000 on the card, {runs} now"


def test_what_nobody_can_measure_again_is_named_not_vouched_for(made: Project) -> None:
    found = audit(made, change("learning.fit_cpu", to=1e-9)(made.card))
    assert found.ok
    assert "learning.fit_cpu" in found.trusted
    assert "taken on trust: need.verdict, learning.fit_cpu" in str(found)


SQL: dict[str, tuple[str, str]] = {
    "output of a run": (
        "data.outputs.y",
        "UPDATE attempt SET result = json_set(result, '$.outputs.y', 9.5) WHERE id = 5"),
    "output by a hair": (
        "artefacts.store",
        """UPDATE attempt SET result = json_set(result, '$.outputs.y',
        json_extract(result, '$.outputs.y') + 1e-9) WHERE id = 5"""),
    "time of a run": (
        "need.run_cost.total",
        "UPDATE attempt SET result = json_set(result, '$.wall_s', 60.0) WHERE id = 5"),
    "a run taken out": ("data.n_runs", "DELETE FROM attempt WHERE id = 5"),
    "a failure taken out": ("data.failures.n", "DELETE FROM attempt WHERE status = 'failed'"),
    "reason of a failure": (
        "data.failures.by_reason",
        "UPDATE attempt SET reason = 'bad luck' WHERE status = 'failed'"),
    "inputs of a run": (
        "artefacts.store",
        """UPDATE work SET identity = json_set(identity, '$.params.inputs.x', 0.5)
        WHERE key = (SELECT key FROM attempt WHERE id = 5)"""),
    "a point of the design": (
        "data.designs",
        """UPDATE attempt SET result = json_set(result, '$.points.x[0]', 0.5)
        WHERE key = (SELECT key FROM work WHERE name = 'design 0')"""),
    "all runs taken out": (
        "artefacts.store",
        "DELETE FROM attempt WHERE key IN (SELECT key FROM work WHERE name LIKE 'design 0,%')"),
}  # fmt: skip


@pytest.mark.parametrize("case", SQL)
def test_a_tampered_store_falls(copied: Project, case: str) -> None:
    field, statement = SQL[case]
    with sqlite3.connect(copied.folder / "store" / "ledger.sqlite") as database:
        assert database.execute(statement).rowcount >= 1
    database.close()
    found = audit(copied)
    named = [moved.field for moved in found.moved]
    assert "artefacts.store" in named
    assert any(name.startswith(field) for name in named), str(found)


def test_a_run_that_was_added_later_is_found(copied: Project) -> None:
    copied.study.run(Design("random", 1, seed=8), executor="serial", progress=False)
    assert {"artefacts.store", "data.n_runs"} <= {moved.field for moved in audit(copied).moved}


@pytest.mark.parametrize("place", [0, 300, -1])
def test_a_flipped_bit_of_the_file_is_found(copied: Project, place: int) -> None:
    content = bytearray(copied.artefact.read_bytes())
    content[place] ^= 1
    copied.artefact.write_bytes(content)
    assert "artefacts.model" in {moved.field for moved in audit(copied).moved}


def test_another_surrogate_under_its_own_hash_is_found(copied: Project) -> None:
    other = SurrogateRegressor(["gp-se"], cv=4, warps="identity", space=SPACE)
    other.fit(*copied.study.data()).save(copied.artefact)
    card = edited(
        copied.card, "artefacts.model", value=f"sha256:{file_fingerprint(copied.artefact)}"
    )
    found = [moved for moved in audit(copied, card).moved if moved.field == "artefacts.model"]
    assert [moved.sentence for moved in found] == ["its predictions are not those of a refit"]


def test_a_file_that_is_not_there_is_found(made: Project, tmp_path: Path) -> None:
    found = verify(made.card, made.study, tmp_path / "none.npz", probes=PROBES)
    assert {moved.field for moved in found.moved} == {"artefacts.model"}


def test_a_probe_that_is_not_given_leaves_its_field_unproven(made: Project) -> None:
    found = audit(made, probes={})
    assert [moved.field for moved in found.moved] == ["evaluation.tasks"]
    assert "could not be measured again" in found.moved[0].sentence


def test_a_simulator_that_gives_something_else_is_found(
    made: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examples, "simulator", lambda x, z: x + z**2)
    # The source is what was recorded: only running it again can tell.
    found = [moved for moved in audit(made, rerun=3).moved if moved.field == "data.outputs.y"]
    assert len(found) == 3
    assert "when run again" in found[0].sentence


def test_more_reruns_than_runs_are_refused(made: Project) -> None:
    with pytest.raises(InputError, match=r"rerun: found 99; allowed: up to the \d+ successful"):
        audit(made, rerun=99)


def test_tables_can_be_verified_and_not_run_again(made: Project, tmp_path: Path) -> None:
    X, y = made.study.data()
    table = Simulator.from_table(X.join(y), ["y"], SPACE)
    study = Study(table, tmp_path / "store")
    model = SurrogateRegressor(["pce"], cv=4, space=SPACE).fit(*study.data())
    model.save(tmp_path / "model.npz")
    card = make_card(study, model, tmp_path / "model.npz", {}, {})
    card.validate()
    assert card["need.run_cost"]["status"] == "missing"
    assert card["need.verdict"]["value"]["verdict"] == "undecided"
    assert card["data.designs"]["value"][0]["kind"] == "table"
    assert verify(card, study, tmp_path / "model.npz", probes={}).ok
    with pytest.raises(InputError, match="rerun: found a table of finished runs"):
        verify(card, study, tmp_path / "model.npz", rerun=1)


def test_somebody_elses_candidates_are_refitted_from_the_given_model(
    made: Project, tmp_path: Path
) -> None:
    model = SurrogateRegressor([("ridge", Ridge())], cv=4, space=SPACE, warps="identity")
    model.fit(*made.study.data(), failed=failed_inputs(made.study))
    card = make_card(made.study, model, made.artefact, {}, {})
    assert card["learning.settings"]["value"]["candidates"] == ["('ridge', Ridge())"]
    without = verify(card, made.study, made.artefact, probes={})
    assert "learning.settings" in {moved.field for moved in without.moved}
    given = SurrogateRegressor([("ridge", Ridge())], cv=4, space=SPACE, warps="identity")
    found = verify(card, made.study, made.artefact, model=given, probes={})
    # The file is another surrogate's, and that is all there is to find.
    assert {moved.field for moved in found.moved} == {"artefacts.model"}


def test_numbers_of_tiny_outputs_are_compared_in_their_own_unit(made: Project) -> None:
    found = {"data.outputs": [{"name": "y", "low": 1e-13, "high": 3e-13, "mean": 2e-13}]}
    rows = [{"name": "y", "low": 1e-13, "high": 3e-13, "mean": 1e-13}]
    card = edited(made.card, "data.outputs", value=rows)
    assert "data.outputs.y.mean" in {moved.field for moved in checking._compare(card, found, 1e-6)}
