"""A fitted surrogate as one ONNX graph: predictions wherever an ONNX runtime is, without Surefoot.

::

    session = onnxruntime.InferenceSession("model.onnx")
    mean, std, in_domain = session.run(None, {"X": X})
    about = json.loads(session.get_modelmeta().custom_metadata_map["surefoot"])
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sklearn.utils.validation import check_is_fitted

from surefoot import __version__
from surefoot.ground.files import replacing
from surefoot.ground.saved import PathName
from surefoot.surrogates.export.onnx_graph import Graph, Size
from surefoot.surrogates.export.onnx_inputs import describe_inputs, unit_cube
from surefoot.surrogates.export.onnx_mixture import inside, moments

if TYPE_CHECKING:
    from surefoot.surrogates.regressor import SurrogateRegressor

_TOLD = (
    "A surrogate model. Inputs are raw values, m rows of them. mean and std are those of its "
    "predictive law; in_domain says whether its scores speak for a row. Where an input is not "
    "finite or an unknown level, mean and std are NaN. Names, ranges, units and members are in "
    "the metadata 'surefoot', as JSON. Where runs failed is not in the graph. Memory grows with m: "
    "ask for some thousand rows at a time."
)


def to_onnx(model: SurrogateRegressor, path: PathName) -> None:
    """Write the graph of `onnx_model` into a file, whole or not at all.

    Raises
    ------
    InputError
        As in `onnx_model`.
    StorageError
    """
    content = onnx_model(model).SerializeToString(deterministic=True)
    with replacing(path) as part:
        part.write_bytes(content)


def onnx_model(model: SurrogateRegressor) -> Any:
    """Return a fitted surrogate as an ``onnx.ModelProto``.

    Inputs
        A surrogate fitted to an array or a table of numbers has one input ``X``, double (m, k),
        the columns in the order of the fit. One with a space has an input a dimension, under its
        name and of shape (m,): double for a `Real`, int64 for an `Integer`, string or int64 for a
        `Categorical`. Scaling, logarithms and categories are in the graph.
    Outputs
        ``mean`` and ``std``, double (m,) or (m, p), as `SurrogateRegressor.predict` returns them;
        ``in_domain``, bool (m,), as `SurrogateRegressor.in_domain` does if no run failed: where
        others would fail is not in the graph. Nothing raises: where an
        input is not finite, not positive on a log scale or an unknown level, mean and std are NaN.
    Metadata
        Under ``surefoot`` a JSON document: ``version``, ``inputs`` with ranges, scales, units and
        levels, ``responses``, ``members`` with their shares, ``domain``.

    Everything is computed in double precision with standard operators (opset 21; trees also need
    ai.onnx.ml 5, in ONNX Runtime from 1.21). Means agree within 1e-8 standard deviations of the
    response. So do deviations, and most within 1e-6 of themselves; near the rows of an almost
    singular process they are as uncertain as `SurrogateRegressor.predict` is, from the rounding of
    one matrix product.

    Parameters
    ----------
    model : SurrogateRegressor
        Fitted or loaded.

    Raises
    ------
    InputError
        If a member is not one of Surefoot's own candidates, an input has the name of an output,
        or the arrays are beyond the 2 GiB that a file can hold.
    MissingExtraError
        Without the library onnx.
    """
    check_is_fitted(model)
    graph = Graph()
    Z, blank, strayed = unit_cube(graph, model._cube)
    mean, std = moments(graph, model._model, Z, blank)
    domain = inside(model.domain_, Z, blank, strayed)
    axes: list[Size] = ["m"] if model._single else ["m", len(model.output_names_)]
    for name, moment in (("mean", mean), ("std", std)):
        graph.output(name, "double", axes, moment.squeeze() if model._single else moment)
    graph.output("in_domain", "bool", ["m"], domain.squeeze())
    return graph.model("surrogate", __version__, _TOLD, {"surefoot": json.dumps(_about(model))})


def _about(model: SurrogateRegressor) -> dict[str, Any]:
    return {
        "version": __version__,
        "inputs": describe_inputs(model._cube),
        "responses": list(model.output_names_),
        "members": model.weights_,
        "domain": model.domain_.describe(),
    }
