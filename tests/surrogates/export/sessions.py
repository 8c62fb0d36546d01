"""Running an exported graph, and surrogates of one member without the cost of a comparison."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime

from surefoot.surrogates.candidates.base import Candidate
from surefoot.surrogates.export.onnx_model import onnx_model
from surefoot.surrogates.members import Member
from surefoot.surrogates.outputs import SeparateOutputs
from surefoot.surrogates.regressor import SurrogateRegressor
from surefoot.surrogates.stack import Predictor


def session_of(content: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def run(model: SurrogateRegressor, feeds: dict[str, Any]) -> list[np.ndarray]:
    """Return mean, std and in_domain of the checked graph of `model`."""
    proto = onnx_model(model)
    onnx.checker.check_model(proto, full_check=True)
    return session_of(proto.SerializeToString()).run(["mean", "std", "in_domain"], feeds)


def mixture(
    X: np.ndarray, y: np.ndarray, members: list[tuple[Candidate, str]], tau: float = 1.3
) -> SurrogateRegressor:
    """Return a surrogate of these members with unequal weights, fitted without a comparison."""
    model = SurrogateRegressor(["mean"], cv=2, warps=["identity"]).fit(X, y)
    Z = model._cube.encode(X)
    fitted = tuple(Member(candidate, warp).fit(Z, y, seed=0) for candidate, warp in members)
    weights = np.arange(1.0, len(fitted) + 1)
    predictor = Predictor(fitted, weights / weights.sum(), np.full(len(fitted), tau))
    model._model = SeparateOutputs((predictor,))
    return model


def assert_agrees(
    model: SurrogateRegressor, X: Any, feeds: dict[str, Any], y: Any, *, rounding: float = 1e-8
) -> None:
    """Assert means within 1e-8 of the responses' spread, deviations within 1e-6 of themselves.

    Deviations may also differ by `rounding` of the spread: where a process is almost singular,
    those of `predict` differ by as much with the number of rows that are asked for at once.
    """
    spread = np.std(y, axis=0)
    expected, sd = model.predict(X, return_std=True, on_extrapolation="ignore")
    mean, std, in_domain = run(model, feeds)
    assert mean.dtype == std.dtype == np.float64
    assert mean.shape == expected.shape == std.shape
    assert (np.abs(mean - expected) <= 1e-8 * spread).all()
    assert (np.abs(std - sd) <= 1e-6 * sd + rounding * spread).all()
    np.testing.assert_array_equal(in_domain, model.in_domain(X))
