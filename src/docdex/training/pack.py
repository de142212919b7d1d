"""Keep a model's weights as 8-bit integers: a quarter of the file, and all is still computed in float32."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

_LEAST_ROW = 32
"""Rows of fewer numbers stay as they are: spatial kernels, which are few, and first layers, which matter."""


def pack_model(model: bytes) -> bytes:
    """The same ONNX model with the weights of its convolutions and matrices packed (`pack_weights`)."""
    import onnx

    loaded = onnx.load_model_from_string(model)
    graph = loaded.graph
    pack_weights(graph, [node for node in graph.node if node.op_type in {"Conv", "Gemm"}])
    content: bytes = loaded.SerializeToString()
    return content


def pack_weights(graph: Any, nodes: Iterable[Any]) -> None:
    """Store the weights of some nodes of an ONNX graph, in place, as int8 with a scale for each row.

    What makes them float again depends on nothing but constants, so ONNX Runtime does it once, when it opens
    the file: a run takes no longer. nodes: `Conv` or `Gemm`, whose second input is (rows, ...).
    """
    import onnx

    weights = {part.name: part for part in graph.initializer}
    for node in nodes:
        name = node.input[1]
        if name not in weights:
            continue
        values = onnx.numpy_helper.to_array(weights[name])
        if values[0].size < _LEAST_ROW:
            continue
        largest = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True)
        scales = np.maximum(largest, np.finfo(np.float32).tiny).astype(np.float32) / np.float32(127)
        steps = np.round(values / scales).astype(np.int8)
        graph.initializer.remove(weights.pop(name))
        graph.initializer.extend(
            [
                onnx.numpy_helper.from_array(steps, f"{name}.int8"),
                onnx.numpy_helper.from_array(scales, f"{name}.scale"),
            ]
        )
        restoring = [
            onnx.helper.make_node("Cast", [f"{name}.int8"], [f"{name}.steps"], to=onnx.TensorProto.FLOAT),
            onnx.helper.make_node("Mul", [f"{name}.steps", f"{name}.scale"], [name]),
        ]
        place = list(graph.node).index(node)
        for restore in reversed(restoring):
            graph.node.insert(place, restore)


def unpack(initialisers: dict[str, Any]) -> dict[str, Any]:
    """Initialisers by name, arrays, those packed as (rows, ...) float32 again under their own names."""
    packed = {name.removesuffix(".int8") for name in initialisers if name.endswith(".int8")}
    whole = {
        name: value
        for name, value in initialisers.items()
        if name.removesuffix(".int8") not in packed and name.removesuffix(".scale") not in packed
    }
    for name in packed:
        whole[name] = initialisers[f"{name}.int8"].astype(np.float32) * initialisers[f"{name}.scale"]
    return whole
