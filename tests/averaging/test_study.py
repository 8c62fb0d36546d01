"""The room's study: trainings, selection by validation data, sections of the page."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from surefoot.averaging import cells, tasks
from surefoot.averaging.cells import build_cells, measure, measure_batchnorm
from surefoot.averaging.networks import CharacterModel, convolutional, perceptron
from surefoot.averaging.selection import DEFAULT, select_rates
from surefoot.averaging.study import STUDY
from surefoot.averaging.tasks import RECIPES
from surefoot.averaging.training import factor
from surefoot.ground.errors import InputError, UnmetError
from surefoot.ground.study import Settings, run_study


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings of few steps; cells run in this process, so that they see it."""
    for name in ("fashion-small", "batchnorm-small"):
        recipe = dataclasses.replace(RECIPES[name], steps=60)
        monkeypatch.setitem(tasks.RECIPES, name, recipe)  # type: ignore[arg-type]
    monkeypatch.setattr(cells, "_EVALUATIONS", 6)


def test_learning_rate_schedules() -> None:
    for schedule in ("constant", "cosine", "wsd"):
        shares = [factor(schedule, step, 1000) for step in range(1000)]
        assert shares[0] == pytest.approx(1 / 20)
        assert max(shares) == 1
        assert min(np.diff(shares[:20])) > 0
    assert factor("constant", 999, 1000) == 1
    assert factor("cosine", 510, 1000) == pytest.approx(0.5)
    assert factor("wsd", 800, 1000) == 1
    assert factor("wsd", 900, 1000) == pytest.approx(0.5)
    for schedule in ("cosine", "wsd"):
        assert factor(schedule, 999, 1000) < 0.01
    with pytest.raises(InputError, match="did you mean 'cosine'"):
        factor("cosin", 1, 2)


def test_networks_have_the_shapes_of_their_tasks() -> None:
    assert perceptron(196, 6)(torch.zeros(5, 196)).shape == (5, 6)
    assert convolutional(10, 2)(torch.zeros(5, 1, 28, 28)).shape == (5, 10)
    model = CharacterModel(alphabet=65, length=12).eval()
    text = torch.randint(0, 65, (3, 12))
    logits = model(text)
    assert logits.shape == (3, 12, 65)
    changed = text.clone()
    changed[:, 7:] = 0  # the future must not be seen
    torch.testing.assert_close(model(changed)[:, :7], logits[:, :7])


def test_the_draw_of_a_task_depends_on_its_seed_only() -> None:
    one, again, other = (RECIPES["fashion-small"].make(seed) for seed in (3, 3, 4))
    assert torch.equal(one.train.X, again.train.X)
    assert not torch.equal(one.train.y, other.train.y)
    assert torch.equal(one.test.y, other.test.y)
    rows = {name: len(getattr(one, name).y) for name in ("train", "validation", "test")}
    assert rows == {"train": 30_000, "validation": 3000, "test": 6000}


@pytest.mark.usefixtures("short")
def test_a_training_is_the_same_twice_and_leaves_the_global_generator_alone() -> None:
    arguments = {"task": "fashion-small", "method": "constant", "config": {"learning_rate": 2e-3}}
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first, second = (measure(seed=1, **arguments) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert first.result == second.result
    assert first.arrays["raw"].shape == (6,)
    metrics = first.result
    windows = [metrics[f"{name}|test_loss"] for name in ("raw", "window-1", "window-10")]
    assert metrics["oracle|test_loss"] <= min(windows)
    assert 0 <= metrics["searched|share"] <= 1
    assert metrics["raw|saved"] == 0
    assert 10 <= metrics["raw|steps"] <= 60


@pytest.mark.usefixtures("short")
def test_policies_for_batchnorm_differ_and_the_model_is_left_as_it_was() -> None:
    metrics = measure_batchnorm(
        seed=0, task="batchnorm-small", method="constant", config={"learning_rate": 1e-2}
    )
    wide = [metrics[f"tail-90-{policy}|test_accuracy"] for policy in cells.POLICIES]
    assert len(set(wide)) == 3
    assert set(metrics) == {"raw|test_accuracy"} | {
        f"{cells.tail(share, policy)}|test_accuracy"
        for share in cells.TAILS
        for policy in cells.POLICIES
    }


def test_a_diverged_training_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = dataclasses.replace(RECIPES["fashion-small"], steps=20)
    monkeypatch.setitem(tasks.RECIPES, "fashion-small", recipe)  # type: ignore[arg-type]
    with pytest.raises(UnmetError, match=r"diverged at step \d+: lower learning_rate=1e\+30"):
        measure(seed=0, task="fashion-small", method="constant", config={"learning_rate": 1e30})


def test_full_scale_tunes_and_quick_scale_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "fingerprint", lambda task: task)  # its data may not be here
    full = build_cells(["characters"], [0, 1], tuned=True)
    assert len(full) == 2 * 2 * 2
    assert len({cell.key for cell in full}) == len(full)
    quick = build_cells(["fashion-small", "batchnorm-small"], [0], tuned=False)
    assert [cell.params["method"] for cell in quick] == ["constant", "cosine", "constant"]


def test_every_average_picks_its_rate_on_validation_data() -> None:
    def rows(rate: str, average: str, **metrics: float) -> list[dict[str, object]]:
        row = {"task": "fashion", "method": "constant", "variant": f"learning_rate={rate}"}
        return [
            row | {"seed": 0, "metric": f"{average}|{metric}", "value": value}
            for metric, value in metrics.items()
        ]

    table = pd.DataFrame(
        rows("0.002", "raw", validation_loss=0.5, test_accuracy=0.80, saved=0.0)
        + rows("0.002", "searched", validation_loss=0.2, test_accuracy=0.90, saved=0.3)
        + rows("0.002", "oracle", test_accuracy=0.95)
        + rows("0.001", "raw", validation_loss=0.4, test_accuracy=0.70, saved=0.0)
        + rows("0.001", "searched", validation_loss=0.3, test_accuracy=0.99, saved=0.6)
        + rows("0.001", "oracle", test_accuracy=0.99)
    )
    chosen = select_rates(table).set_index(["task", "method", "metric"])["value"]
    # The better test accuracy of the other rate is not looked at.
    assert chosen["fashion", "constant/raw", "test_accuracy"] == 0.70
    assert chosen["fashion", "constant/searched", "test_accuracy"] == 0.90
    assert chosen["fashion", "constant/oracle", "test_accuracy"] == 0.95
    assert chosen["fashion", "constant/searched", "saved"] == 0.6  # timed where raw is best
    assert chosen[f"fashion{DEFAULT}", "constant/raw", "test_accuracy"] == 0.80
    assert chosen[f"fashion{DEFAULT}", "constant/searched", "saved"] == 0.3


@pytest.mark.usefixtures("short")
def test_the_page_tells_what_was_measured(tmp_path: Path) -> None:
    settings = Settings("quick", 2, "serial", tmp_path)
    results = run_study(STUDY, settings, progress=False)
    assert not results.failed
    assert {finding.outcome for finding in results.findings} <= {"holds", "fails", "undecided"}
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    for heading in ("The horizon curve", "Steps to the target", "Along the way", "BatchNorm"):
        assert heading in page
    assert STUDY.lead(results).startswith("At a constant learning rate")
    none = dataclasses.replace(results, table=results.table[:0])
    assert "Not enough cells" in STUDY.lead(none)
    assert STUDY.sections(none)
