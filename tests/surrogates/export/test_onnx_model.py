"""Whole surrogates as graphs: comparisons, spaces, several responses, and bad inputs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from tests.surrogates.export.sessions import assert_agrees, mixture, run, session_of

import surefoot
from surefoot.ground.errors import InputError
from surefoot.surrogates.candidates.registry import by_name
from surefoot.surrogates.export.onnx_model import onnx_model, to_onnx
from surefoot.surrogates.regressor import SurrogateRegressor
from surefoot.surrogates.simulation.space import Categorical, Integer, Real, Space

RNG = np.random.default_rng(5)
X = RNG.random((40, 2))
NEW = RNG.uniform(-0.1, 1.1, (2000, 2))
Y = np.exp(np.sin(4 * X[:, 0])) / (0.4 + X[:, 1])
SPACE = Space(
    rate=Real(1e-3, 10.0, scale="log", unit="1/s"),
    mesh=Categorical(["coarse", "fine", "médium"]),
    cores=Integer(1, 9),
    scheme=Categorical([2, 4]),
    width=Real(2.0, 3.0),
)


def table(n: int) -> pd.DataFrame:
    return SPACE.from_unit(RNG.random((n, len(SPACE))))


def feeds(frame: pd.DataFrame) -> dict[str, Any]:
    return {name: np.array(frame[name].tolist()) for name in frame.columns}


FRAME = table(60)
TIME = (
    np.log(FRAME["rate"]) + FRAME["cores"] ** 0.5 * (FRAME["mesh"] == "fine")
    + FRAME["scheme"] * FRAME["width"]
).to_numpy(float)  # fmt: skip
ON_SPACE = SurrogateRegressor(["gp-matern52", "pce"], cv=5, space=SPACE).fit(FRAME, TIME)


def test_compared_mixture() -> None:
    model = SurrogateRegressor(["gp-se", "pc-kriging", "random-forest"], cv=5).fit(X, Y)
    assert_agrees(model, NEW, {"X": NEW}, Y)


def test_mixture_of_many_families_and_warps() -> None:
    members = [
        (by_name(family), warp)
        for family in ("linear", "pce", "boosted-trees", "gp-matern12", "gp-noise")
        for warp in ("log", "identity", "yeo-johnson")
    ]
    assert_agrees(mixture(X, Y, members), NEW, {"X": NEW}, Y)


def test_large_offset_keeps_its_digits() -> None:
    y = 1e9 + 1e-3 * Y
    model = mixture(X, y, [(by_name("gp-matern52"), "yeo-johnson"), (by_name("pce"), "identity")])
    mean, _, _ = run(model, {"X": NEW})
    expected = model.predict(NEW, on_extrapolation="ignore")
    assert np.abs(mean - expected).max() <= 2 * np.spacing(1e9)


def test_inputs_as_they_stand_in_a_table() -> None:
    new = table(2000)
    assert_agrees(ON_SPACE, new, feeds(new), TIME)


def test_declared_box_is_part_of_the_domain() -> None:
    rows = FRAME.iloc[:3].assign(width=[1.999, 2.5, 3.001]).reset_index(drop=True)
    mean, _, in_domain = run(ON_SPACE, feeds(rows))
    assert not in_domain[[0, 2]].any()
    assert np.isfinite(mean).all()
    np.testing.assert_array_equal(in_domain, ON_SPACE.in_domain(rows))


@pytest.mark.parametrize(
    ("column", "value"),
    [("width", np.nan), ("width", np.inf), ("rate", 0.0), ("rate", -1.0), ("mesh", "superfine"),
     ("scheme", 3)],
)  # fmt: skip
def test_what_would_be_refused_is_blank(column: str, value: Any) -> None:
    some = feeds(table(3))
    some[column] = some[column].copy()
    some[column][1] = value
    mean, std, in_domain = run(ON_SPACE, some)
    assert np.isnan([mean[1], std[1]]).all()
    assert np.isfinite([mean[[0, 2]], std[[0, 2]]]).all()
    assert not in_domain[1]


@pytest.mark.parametrize("family", ["mean", "nearest", "boosted-trees", "random-forest"])
def test_not_a_number_never_reaches_a_leaf(family: str) -> None:
    mean, std, in_domain = run(mixture(X, Y, [(by_name(family), "log")]), {
        "X": np.array([[0.5, np.nan], [0.5, 0.5]])
    })  # fmt: skip
    assert np.isnan([mean[0], std[0]]).all()
    assert np.isfinite([mean[1], std[1]]).all()
    assert in_domain.tolist() == [False, True]


def test_constant_columns_are_fed_and_have_no_part() -> None:
    wide = np.insert(X, 1, 7.0, axis=1)
    model = SurrogateRegressor(["gp-se"], cv=4).fit(wide, Y)
    new = np.insert(np.vstack([X[:2], NEW]), 1, 7.0, axis=1)
    new[1, 1] = 8.0
    assert_agrees(model, new, {"X": new}, Y)
    mean, _, in_domain = run(model, {"X": new})
    assert np.isfinite(mean[:2]).all()
    assert in_domain[:2].tolist() == [True, False]
    new[0, 1] = np.nan
    mean, _, in_domain = run(model, {"X": new})
    assert np.isnan(mean[0])
    assert not in_domain[0]


@pytest.mark.parametrize("settings", [{}, {"linear_constraints": "preserve"}, {"field": True}])
def test_several_responses(settings: dict[str, Any]) -> None:
    parts = np.stack([X[:, 0] * X[:, 1], np.sin(3 * X[:, 0]), np.exp(X[:, 1])], axis=1)
    shares = np.column_stack([parts, 5 - parts.sum(axis=1)])
    model = SurrogateRegressor(["gp-matern52", "pce"], cv=4, **settings).fit(X, shares)
    assert_agrees(model, NEW, {"X": NEW}, shares)
    if "linear_constraints" in settings:
        assert np.abs(run(model, {"X": NEW})[0].sum(axis=1) - 5).max() < 1e-9


def test_table_of_numbers_is_one_matrix_with_named_columns() -> None:
    frame = pd.DataFrame(X, columns=["length", "mean"])
    model = SurrogateRegressor(["pce"], cv=4).fit(frame, Y)
    new = pd.DataFrame(NEW, columns=frame.columns)
    assert_agrees(model, new, {"X": NEW}, Y)
    columns = about(model)["inputs"][0]["columns"]
    assert [column["name"] for column in columns] == ["length", "mean"]
    assert columns[1]["high"] == X[:, 1].max()


@pytest.mark.parametrize("m", [0, 1])
@pytest.mark.parametrize("family", ["gp-se", "random-forest", "nearest", "mean"])
def test_no_row_and_one_row(m: int, family: str) -> None:
    model = mixture(X, Y, [(by_name(family), "log")])
    assert [part.shape for part in run(model, {"X": NEW[:m]})] == [(m,)] * 3


def test_loaded_surrogate_gives_the_same_file(tmp_path: Path) -> None:
    ON_SPACE.save(tmp_path / "fit.npz")
    loaded = SurrogateRegressor.load(tmp_path / "fit.npz")
    for model, name in ((ON_SPACE, "a.onnx"), (loaded, "b.onnx")):
        to_onnx(model, tmp_path / name)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def about(model: SurrogateRegressor) -> dict[str, Any]:
    session = session_of(onnx_model(model).SerializeToString())
    found: dict[str, Any] = json.loads(session.get_modelmeta().custom_metadata_map["surefoot"])
    return found


def test_metadata_says_what_to_feed_and_what_comes_out() -> None:
    told = about(ON_SPACE)
    assert told["version"] == surefoot.__version__
    inputs = {one["name"]: one for one in told["inputs"]}
    assert list(inputs) == SPACE.names
    assert inputs["rate"] == {
        "name": "rate", "type": "double", "shape": ["m"], "kind": "real",
        "low": 1e-3, "high": 10.0, "scale": "log", "unit": "1/s",
    }  # fmt: skip
    assert inputs["mesh"]["levels"] == ["coarse", "fine", "médium"]
    assert {one["type"] for one in told["inputs"]} == {"double", "string", "int64"}
    assert told["responses"] == ["y0"]
    assert told["members"] == ON_SPACE.weights_
    assert told["domain"]["rows"] == len(FRAME)


def test_declared_types_are_those_of_the_metadata() -> None:
    session = session_of(onnx_model(ON_SPACE).SerializeToString())
    declared = [(one.name, one.type, one.shape) for one in session.get_inputs()]
    assert declared == [
        (one["name"], f"tensor({one['type']})", one["shape"]) for one in about(ON_SPACE)["inputs"]
    ]


def test_file_is_a_protobuf_of_standard_operators_and_nothing_else(tmp_path: Path) -> None:
    model = mixture(X, Y, [(by_name("random-forest"), "log"), (by_name("gp-se"), "identity")])
    to_onnx(model, tmp_path / "model.onnx")
    content = (tmp_path / "model.onnx").read_bytes()
    proto = onnx.load_from_string(content)
    assert proto.SerializeToString(deterministic=True) == content  # no byte beside the message
    assert {node.domain for node in proto.graph.node} == {"", "ai.onnx.ml"}
    assert not proto.functions
    kinds = {constant.data_type for constant in proto.graph.initializer}
    assert kinds <= {onnx.TensorProto.DOUBLE, onnx.TensorProto.INT64}
    assert not any(constant.external_data for constant in proto.graph.initializer)
    assert [json.loads(prop.value)["version"] for prop in proto.metadata_props]
    assert not re.search(rb"pickle|joblib|sklearn|numpy\.core", content)


def test_trees_alone_ask_for_the_operators_of_trees() -> None:
    plain = onnx_model(mixture(X, Y, [(by_name("gp-se"), "log")]))
    assert [opset.domain for opset in plain.opset_import] == [""]


def test_input_with_the_name_of_an_output_is_refused() -> None:
    frame = pd.DataFrame({"mean": X[:, 0], "b": X[:, 1]})
    space = Space(mean=Real(0, 1), b=Real(0, 1))
    model = SurrogateRegressor(["linear"], cv=4, space=space).fit(frame, Y)
    with pytest.raises(InputError, match="input to export: found 'mean'; allowed: .*in_domain"):
        onnx_model(model)
