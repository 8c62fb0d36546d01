"""ONNX graphs written as formulas: tensors with operators, every node and constant made once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.ground.errors import InputError, need

Floats = NDArray[np.float64]
Operand: TypeAlias = "Tensor | ArrayLike"
Size = int | str

# Of ONNX 1.16, the first release whose trees are in double precision throughout.
_OPSET, _ML_OPSET, _IR_VERSION = 21, 5, 10
_ML = "ai.onnx.ml"
_OWN = "%"  # begins the name of whatever is neither input nor output
_LARGEST = 2**31 - 1  # bytes of a protobuf message


class Graph:
    """A graph under construction; equal nodes and equal constants are made once.

    So members that share rows, distances or polynomials share them in the file, and no formula
    has to know of another.
    """

    def __init__(self) -> None:
        self._onnx = need("onnx", "onnx")
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._made: dict[bytes, str] = {}
        self._bytes = 0

    def input(self, name: str, kind: str, shape: Sequence[Size]) -> Tensor:
        """Return a new input of the graph; `kind` is ``"double"``, ``"int64"`` or ``"string"``."""
        if name.startswith(_OWN):
            raise InputError("input to export", name, f"names that don't begin with {_OWN}")
        self._inputs.append(self._information(name, kind, shape))
        return Tensor(self, name)

    def output(self, name: str, kind: str, shape: Sequence[Size], tensor: Tensor) -> None:
        """Make `tensor` an output of the graph."""
        self._outputs.append(self._information(name, kind, shape))
        self._nodes.append(self._onnx.helper.make_node("Identity", [tensor.name], [name]))

    def node(self, op: str, *inputs: Operand, domain: str = "", **attributes: Any) -> Tensor:
        """Return what the operator `op` makes of tensors and constants.

        Attributes that are floating-point or byte arrays become tensors, others lists.
        """
        names = [self.tensor(each).name for each in inputs]
        node = self._onnx.helper.make_node(op, names, [], domain=domain)
        for key, value in attributes.items():
            if isinstance(value, np.ndarray):
                value = value.tolist() if value.dtype == np.int64 else self._array(value)
            node.attribute.append(self._onnx.helper.make_attribute(key, value))
        name, is_new = self._name(node)
        if is_new:
            node.output.append(name)
            self._nodes.append(node)
        return Tensor(self, name)

    def trees(self, Z: Tensor, **attributes: Any) -> Tensor:
        """Return what the operator for tree ensembles makes of the rows of `Z`."""
        return self.node("TreeEnsemble", Z, domain=_ML, **attributes)

    def tensor(self, value: Operand) -> Tensor:
        """Return `value`, a constant if it is not a tensor yet; plain numbers are doubles."""
        if isinstance(value, Tensor):
            return value
        is_plain = isinstance(value, int | float)
        proto = self._array(np.asarray(value, np.float64 if is_plain else None))
        name, is_new = self._name(proto)
        if is_new:
            proto.name = name
            self._constants.append(proto)
        return Tensor(self, name)

    def concatenate(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return matrices of as many rows side by side."""
        return self.node("Concat", *tensors, axis=1)

    def cast(self, tensor: Tensor, kind: str) -> Tensor:
        """Return the elements as ``"double"`` or ``"float"``."""
        return self.node("Cast", tensor, to=self._element(kind))

    def where(self, condition: Tensor, yes: Operand, no: Operand) -> Tensor:
        """Return `yes` where the condition holds, elsewhere `no`."""
        return self.node("Where", condition, yes, no)

    def model(self, name: str, version: str, told: str, metadata: dict[str, str]) -> Any:
        """Return the finished ``onnx.ModelProto``.

        Parameters
        ----------
        name, version : str
            Of the graph and of what produced it.
        told : str
            For people.
        metadata : dict of str to str
            For programs.
        """
        helper = self._onnx.helper
        graph = helper.make_graph(
            self._nodes, name, self._inputs, self._outputs, self._constants, told
        )
        opsets = [helper.make_opsetid("", _OPSET)]
        if any(node.domain == _ML for node in self._nodes):
            opsets.append(helper.make_opsetid(_ML, _ML_OPSET))
        model = helper.make_model(
            graph, opset_imports=opsets, ir_version=_IR_VERSION, doc_string=told,
            producer_name="surefoot", producer_version=version,
        )  # fmt: skip
        helper.set_model_props(model, metadata)
        return model

    def _array(self, array: NDArray[Any]) -> Any:
        if array.dtype.kind == "U":
            array = array.astype(object)
        return self._onnx.numpy_helper.from_array(array)

    def _information(self, name: str, kind: str, shape: Sequence[Size]) -> Any:
        return self._onnx.helper.make_tensor_value_info(name, self._element(kind), shape)

    def _element(self, kind: str) -> int:
        found: int = getattr(self._onnx.TensorProto, kind.upper())
        return found

    def _name(self, proto: Any) -> tuple[str, bool]:
        """Return the name of a node or constant that has none yet, and whether it is a new one."""
        content = proto.SerializeToString(deterministic=True)
        key = hashlib.sha256(type(proto).__name__.encode() + content).digest()
        is_new = key not in self._made
        if is_new:
            self._bytes += len(content)
            if self._bytes > _LARGEST:
                raise InputError("model", "more than 2 GiB", "what one ONNX file can hold: 2 GiB")
        return self._made.setdefault(key, f"{_OWN}{len(self._made)}"), is_new


class Tensor:
    """A named result in a graph; its operators add nodes. NumPy arrays become constants.

    Matrices are of shape (m, k), or (1, k) for what is the same in all rows.
    """

    __array_ufunc__ = None  # so that array - tensor is left to the tensor

    def __init__(self, graph: Graph, name: str) -> None:
        self.graph, self.name = graph, name

    def __add__(self, other: Operand) -> Tensor:
        return self.graph.node("Add", self, other)

    def __radd__(self, other: Operand) -> Tensor:
        return self.graph.node("Add", other, self)

    def __sub__(self, other: Operand) -> Tensor:
        return self.graph.node("Sub", self, other)

    def __rsub__(self, other: Operand) -> Tensor:
        return self.graph.node("Sub", other, self)

    def __mul__(self, other: Operand) -> Tensor:
        return self.graph.node("Mul", self, other)

    def __rmul__(self, other: Operand) -> Tensor:
        return self.graph.node("Mul", other, self)

    def __truediv__(self, other: Operand) -> Tensor:
        return self.graph.node("Div", self, other)

    def __matmul__(self, other: Operand) -> Tensor:
        return self.graph.node("MatMul", self, other)

    def __pow__(self, power: float) -> Tensor:
        return self * self if power == 2 else self.graph.node("Pow", self, power)

    def __neg__(self) -> Tensor:
        return self.graph.node("Neg", self)

    def __le__(self, other: Operand) -> Tensor:
        return self.graph.node("LessOrEqual", self, other)

    def __ge__(self, other: Operand) -> Tensor:
        return self.graph.node("GreaterOrEqual", self, other)

    def __and__(self, other: Tensor) -> Tensor:
        return self.graph.node("And", self, other)

    def equals(self, other: Operand) -> Tensor:
        """Return where this equals `other`."""
        return self.graph.node("Equal", self, other)

    def abs(self) -> Tensor:
        """Return the absolute values."""
        return self.graph.node("Abs", self)

    def sqrt(self) -> Tensor:
        """Return the square roots."""
        return self.graph.node("Sqrt", self)

    def exp(self) -> Tensor:
        """Return the exponentials."""
        return self.graph.node("Exp", self)

    def log(self) -> Tensor:
        """Return the natural logarithms."""
        return self.graph.node("Log", self)

    def at_least(self, bound: float) -> Tensor:
        """Return the larger of each element and `bound`."""
        return self.graph.node("Max", self, bound)

    def at_most(self, bound: float) -> Tensor:
        """Return the smaller of each element and `bound`."""
        return self.graph.node("Min", self, bound)

    def squeeze(self) -> Tensor:
        """Return the only column as a vector, (m,)."""
        return self.graph.node("Squeeze", self, np.array([1]))

    def columns(self, index: ArrayLike) -> Tensor:
        """Return the columns of that index, in its order."""
        return self.graph.node("Gather", self, np.asarray(index, np.int64), axis=1)

    def row_sum(self) -> Tensor:
        """Return the sum of every row, (m, 1)."""
        return self.graph.node("ReduceSum", self, np.array([1]))

    def row_sum_of_squares(self) -> Tensor:
        """Return the sum of the squares of every row, (m, 1)."""
        return self.graph.node("ReduceSumSquare", self, np.array([1]))

    def row_min(self) -> Tensor:
        """Return the smallest of every row, (m, 1)."""
        return self.graph.node("ReduceMin", self, np.array([1]))

    def row_max(self) -> Tensor:
        """Return the largest of every row, (m, 1)."""
        return self.graph.node("ReduceMax", self, np.array([1]))

    def row_argmin(self) -> Tensor:
        """Return the column of the smallest of every row, the first of several, (m, 1)."""
        return self.graph.node("ArgMin", self, axis=1)
