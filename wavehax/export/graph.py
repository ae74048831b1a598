"""Writes an ONNX graph operator by operator, with Python's arithmetic for that of ONNX."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import wavehax

OPSET = 18
"""Version of the operators: the first with operations on bits. ONNX Runtime 1.15 (2023) has it."""
IR_VERSION = 8
"""Version of the file format: the one that came with those operators."""

DType: TypeAlias = type[np.generic]
"""The type of a tensor's values, such as np.float32."""

_LAST = np.iinfo(np.int64).max
_TYPES: dict[DType, TensorProto.DataType] = {
    np.float32: TensorProto.FLOAT,
    np.float64: TensorProto.DOUBLE,
    np.int64: TensorProto.INT64,
}
_RESULTS: dict[str, DType] = {
    **dict.fromkeys(("Equal", "Greater", "Less", "LessOrEqual", "And"), np.bool_),
    **dict.fromkeys(("Shape", "ArgMax"), np.int64),
}


class Tensor:
    """A result in a graph.

    A number in an operation with it takes its type; an array keeps its own.
    """

    __array_ufunc__ = None  # numpy leaves array + tensor to this class

    def __init__(self, graph: Graph, name: str, dtype: DType) -> None:
        self.graph, self.name, self.dtype = graph, name, dtype

    def op(self, kind: str, *others: Value, **attributes: Any) -> Tensor:
        """The result of an operator that takes this as its first input; see `Graph.op`."""
        return self.graph.op(kind, self, *others, **attributes)

    def __add__(self, other: Value) -> Tensor:
        return self.op("Add", other)

    def __sub__(self, other: Value) -> Tensor:
        return self.op("Sub", other)

    def __mul__(self, other: Value) -> Tensor:
        return self.op("Mul", other)

    def __truediv__(self, other: Value) -> Tensor:
        return self.op("Div", other)

    def __rtruediv__(self, other: Value) -> Tensor:
        return self.graph.op("Div", other, self)

    def __rpow__(self, other: Value) -> Tensor:
        return self.graph.op("Pow", other, self)

    def __floordiv__(self, other: Value) -> Tensor:
        """The quotient of integers that are not negative."""
        return self.op("Div", other)

    def __and__(self, other: Value) -> Tensor:
        return self.op("BitwiseAnd", other)

    def __xor__(self, other: Value) -> Tensor:
        return self.op("BitwiseXor", other)

    __rxor__ = __xor__

    def __gt__(self, other: Value) -> Tensor:
        return self.op("Greater", other)

    def __lt__(self, other: Value) -> Tensor:
        return self.op("Less", other)

    def where(self, yes: Value, no: Value) -> Tensor:
        """`yes` where this is true, `no` elsewhere; two numbers are float32."""
        if not isinstance(yes, Tensor) and not isinstance(no, Tensor):
            yes = np.asarray(yes, np.float32)
        return self.op("Where", yes, no)

    def slice(self, axis: int, first: int, last: int | None = None) -> Tensor:
        """The values `[first:last]` along an axis."""
        if first == 0 and last is None:
            return self
        return self.op(
            "Slice", *(integers(n) for n in (first, _LAST if last is None else last, axis))
        )

    def reshape(self, *shape: int) -> Tensor:
        """The values in another shape; 0 keeps a dimension, and -1 takes all that is left."""
        return self.op("Reshape", integers(*shape))

    def gelu(self) -> Tensor:
        """GELU by the error function, in the order of operators that ONNX Runtime fuses."""
        return ((self / math.sqrt(2)).op("Erf") + 1) * self * 0.5

    def unsqueeze(self, *axes: int) -> Tensor:
        """The values with axes of length 1 inserted at `axes`."""
        return self.op("Unsqueeze", integers(*axes))

    def cast(self, dtype: DType) -> Tensor:
        """The values in another type."""
        return self.op("Cast", dtype=dtype, to=_TYPES[dtype])


Value: TypeAlias = "Tensor | np.ndarray | np.generic | float | None"
"""An input of an operator; None leaves the input out."""


class Graph:
    """Operators in the order of computation, each adding its result under a name of its own."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[Any, ...], onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(
        self, name: str, shape: Sequence[int | str], text: str, dtype: DType = np.float32
    ) -> Tensor:
        """Declare an input, its dimensions by number or by name; `text` documents it."""
        self._inputs.append(helper.make_tensor_value_info(name, _TYPES[dtype], list(shape), text))
        return Tensor(self, name, dtype)

    def output(self, name: str, value: Tensor, shape: Sequence[int | str], text: str) -> None:
        """Declare `value` an output."""
        self._nodes.append(helper.make_node("Identity", [value.name], [name]))
        self._outputs.append(
            helper.make_tensor_value_info(name, _TYPES[value.dtype], list(shape), text)
        )

    def op(
        self, kind: str, *inputs: Value, dtype: DType | None = None, **attributes: Any
    ) -> Tensor:
        """Add an operator, and return its result.

        `dtype` is the type of the result. It is needed only where it is neither always the same nor
        that of the first input.
        """
        alike = inputs[1:] if kind == "Where" else inputs
        typed = (x for x in alike if isinstance(x, (Tensor, np.ndarray, np.generic)))
        taken: DType = np.dtype(next(typed).dtype).type
        name = f"{kind.lower()}_{len(self._nodes)}"
        names = [self._name(value, taken) for value in inputs]
        self._nodes.append(helper.make_node(kind, names, [name], name, **attributes))
        return Tensor(self, name, dtype or _RESULTS.get(kind, taken))

    def model(self, text: str, metadata: dict[str, str]) -> onnx.ModelProto:
        """The finished graph as a file holds it."""
        constants = list(self._constants.values())
        graph = helper.make_graph(
            self._nodes, "wavehax", self._inputs, self._outputs, constants, text
        )
        options = {"opset_imports": [helper.make_opsetid("", OPSET)], "ir_version": IR_VERSION}
        producer = {"producer_name": "wavehax", "producer_version": wavehax.__version__}
        model = helper.make_model(graph, **options, **producer)
        helper.set_model_props(model, metadata)
        return model

    def _name(self, value: Value, dtype: DType) -> str:
        if value is None:
            return ""
        return value.name if isinstance(value, Tensor) else self._constant(value, dtype)

    def _constant(self, value: np.ndarray | np.generic | float, dtype: DType) -> str:
        array = np.asarray(value, None if hasattr(value, "dtype") else dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = numpy_helper.from_array(
                array, f"constant_{len(self._constants)}"
            )
        return self._constants[key].name


def integers(*values: int) -> np.ndarray:
    """Integers in the type in which operators take shapes, axes and indices."""
    return np.array(values, np.int64)
