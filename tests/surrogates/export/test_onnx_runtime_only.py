"""The file in an interpreter that has nothing but NumPy and ONNX Runtime."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from tests.surrogates.export.sessions import mixture

from surefoot.surrogates.candidates.registry import by_name
from surefoot.surrogates.export.onnx_model import to_onnx

SCRIPT = """
import json, sys
import numpy, onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
about = json.loads(session.get_modelmeta().custom_metadata_map["surefoot"])
columns = about["inputs"][0]["columns"]
X = numpy.random.default_rng(0).uniform(
    [c["low"] for c in columns], [c["high"] for c in columns], (200, len(columns))
)
mean, std, in_domain = session.run(None, {"X": X})
loaded = sorted({"surefoot", "onnx", "scipy", "sklearn", "pandas"} & set(sys.modules))
print(json.dumps({"X": X.tolist(), "mean": mean.tolist(), "std": std.tolist(), "loaded": loaded}))
"""


def test_predictions_need_numpy_and_onnxruntime_only(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    X = rng.random((50, 3))
    y = np.exp(np.sin(4 * X[:, 0]) + X[:, 1])
    members = [("pc-kriging", "log"), ("random-forest", "identity"), ("gp-se", "yeo-johnson")]
    model = mixture(X, y, [(by_name(family), warp) for family, warp in members])
    to_onnx(model, tmp_path / "model.onnx")
    done = subprocess.run(
        [sys.executable, "-I", "-c", SCRIPT, "model.onnx"],
        cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert told["loaded"] == []
    mean, sd = model.predict(np.array(told["X"]), return_std=True, on_extrapolation="ignore")
    assert np.abs(mean - told["mean"]).max() < 1e-8 * y.std()
    np.testing.assert_allclose(told["std"], sd, rtol=1e-6)
