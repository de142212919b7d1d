"""Make `tiny.onnx`, a model that tells pages apart by their coarse layout, where tests need no real one.

Run it from anywhere: it writes `tiny.onnx` and its passport `tiny.json` beside itself, the same bytes every
time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from docdex.embedder import issue_passport

SIDE, CELLS, DIMENSION = 64, 8, 32


def main() -> None:
    """Write the model and its passport."""
    weights = np.random.default_rng(7).standard_normal((3 * CELLS * CELLS, DIMENSION)).astype(np.float32)
    pool = SIDE // CELLS
    graph = helper.make_graph(
        [
            helper.make_node(
                "AveragePool", ["images"], ["cells"], kernel_shape=[pool, pool], strides=[pool, pool]
            ),
            helper.make_node("Flatten", ["cells"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["projected"]),
            helper.make_node("LpNormalization", ["projected"], ["vectors"], axis=1, p=2),
        ],
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["N", DIMENSION])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    path = Path(__file__).parent / "tiny.onnx"
    onnx.save(model, path)
    issue_passport(path, name="tiny", licence="CC0-1.0", default_threshold=0.8, default_margin=0.02)


if __name__ == "__main__":
    main()
