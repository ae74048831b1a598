"""An ONNX graph written operator by operator, with arithmetic where there is some."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import wavehax

OPSET = 20
"""Of onnx 1.15 (2023): the first with Gelu."""
IR_VERSION = 9
"""The file format that came with it."""

_LAST = np.iinfo(np.int64).max
_TYPES = {np.float32: TensorProto.FLOAT, np.float64: TensorProto.DOUBLE}
_RESULTS = {
    **dict.fromkeys(("Equal", "Greater", "Less", "LessOrEqual", "And"), np.bool_),
    **dict.fromkeys(("Shape", "ArgMax"), np.int64),
}


class Tensor:
    """A result in a graph. Numbers that meet it take its type; arrays have their own."""

    __array_ufunc__ = None  # array + tensor is ours

    def __init__(self, graph: Graph, name: str, dtype: type) -> None:
        self.graph, self.name, self.dtype = graph, name, dtype

    def op(self, kind: str, *others: Value, **attributes: Any) -> Tensor:
        """The result of an operator whose first input this is; see `Graph.op`."""
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

    def __gt__(self, other: Value) -> Tensor:
        return self.op("Greater", other)

    def __lt__(self, other: Value) -> Tensor:
        return self.op("Less", other)

    def where(self, yes: Value, no: Value) -> Tensor:
        """`yes` where this is true, `no` elsewhere; two numbers are float32."""
        if not any(isinstance(value, Tensor) for value in (yes, no)):
            yes = np.float32(yes)
        return self.op("Where", yes, no)

    def slice(self, axis: int, first: int, last: int | None = None) -> Tensor:
        """`[first:last]` along an axis."""
        if first == 0 and last is None:
            return self
        return self.op(
            "Slice", *(integers(n) for n in (first, _LAST if last is None else last, axis))
        )

    def reshape(self, *shape: int) -> Tensor:
        """0 keeps a dimension as it is, -1 stands for what is left."""
        return self.op("Reshape", integers(*shape))

    def unsqueeze(self, *axes: int) -> Tensor:
        """With axes of length 1."""
        return self.op("Unsqueeze", integers(*axes))

    def cast(self, dtype: type) -> Tensor:
        """In another type."""
        return self.op("Cast", dtype=dtype, to=_TYPES[dtype])


Value: TypeAlias = "Tensor | np.ndarray | np.generic | float | None"
"""What an operator takes; None is an input left out."""


class Graph:
    """Operators in the order of computation, each adding its result under a name of its own."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[Any, ...], onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(
        self, name: str, shape: Sequence[int | str], text: str, dtype: type = np.float32
    ) -> Tensor:
        """Declare an input, dimensions by number or by symbol; `text` says what it holds."""
        self._inputs.append(helper.make_tensor_value_info(name, _TYPES[dtype], list(shape), text))
        return Tensor(self, name, dtype)

    def output(self, name: str, value: Tensor, shape: Sequence[int | str], text: str) -> None:
        """Declare `value` an output."""
        self._nodes.append(helper.make_node("Identity", [value.name], [name]))
        self._outputs.append(
            helper.make_tensor_value_info(name, _TYPES[value.dtype], list(shape), text)
        )

    def op(self, kind: str, *inputs: Value, dtype: type | None = None, **attributes: Any) -> Tensor:
        """Add an operator; `dtype`, of the result, where it is neither known nor that of the first
        input."""
        alike = inputs[1:] if kind == "Where" else inputs
        taken = next(np.dtype(x.dtype).type for x in alike if hasattr(x, "dtype"))
        name = f"{kind.lower()}_{len(self._nodes)}"
        names = [self._name(value, taken) for value in inputs]
        self._nodes.append(helper.make_node(kind, names, [name], name, **attributes))
        return Tensor(self, name, dtype or _RESULTS.get(kind, taken))

    def model(self, text: str, metadata: dict[str, str]) -> onnx.ModelProto:
        """The whole as a file holds it."""
        constants = list(self._constants.values())
        graph = helper.make_graph(
            self._nodes, "wavehax", self._inputs, self._outputs, constants, text
        )
        options = {"opset_imports": [helper.make_opsetid("", OPSET)], "ir_version": IR_VERSION}
        producer = {"producer_name": "wavehax", "producer_version": wavehax.__version__}
        model = helper.make_model(graph, **options, **producer)
        helper.set_model_props(model, metadata)
        return model

    def _name(self, value: Value, dtype: type) -> str:
        if value is None:
            return ""
        return value.name if isinstance(value, Tensor) else self._constant(value, dtype)

    def _constant(self, value: np.ndarray | np.generic | float, dtype: type) -> str:
        array = np.asarray(value, None if hasattr(value, "dtype") else dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = numpy_helper.from_array(
                array, f"constant_{len(self._constants)}"
            )
        return self._constants[key].name


def integers(*values: int) -> np.ndarray:
    """Numbers as operators take shapes, axes and indices."""
    return np.array(values, np.int64)
