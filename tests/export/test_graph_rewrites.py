import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.graph_rewrites import rewrite

SHAPE = (1, 12, 7, 7)


def model(nodes: list[onnx.NodeProto], **constants: np.ndarray) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


def run(model: onnx.ModelProto) -> np.ndarray:
    x = np.random.default_rng(0).normal(0, 30, SHAPE).astype(np.float32)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


@pytest.mark.parametrize("size", [3, 5])
def test_normalisation_spelled_out_gives_the_same(size: int) -> None:
    before = model(
        [
            helper.make_node("Relu", ["x"], ["r"]),
            helper.make_node("LRN", ["r"], ["n"], name="n", size=size, alpha=0.01, beta=0.75),
            helper.make_node("Relu", ["n"], ["y"]),
        ]
    )
    after = onnx.ModelProto.FromString(before.SerializeToString())
    rewrite(after.graph)
    assert "LRN" not in kinds(after)
    np.testing.assert_allclose(run(after), run(before), rtol=1e-5)


def test_normalisation_with_another_exponent_stays() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("LRN", ["r"], ["y"], size=5, beta=0.5),
    ]
    after = model(nodes)
    rewrite(after.graph)
    assert kinds(after) == ["Relu", "LRN"]


def padded_pool(first: str, value: float = 0.0) -> onnx.ModelProto:
    return model(
        [
            helper.make_node(first, ["x"], ["r"]),
            helper.make_node("Pad", ["r", "pads", "value"], ["p"]),
            helper.make_node("MaxPool", ["p"], ["y"], kernel_shape=[3, 3], strides=[2, 2]),
        ],
        pads=np.array([0, 0, 1, 0, 0, 0, 1, 2]),
        value=np.array(value, np.float32),
    )


def test_a_pool_pads_for_itself_where_nothing_is_negative() -> None:
    before, after = padded_pool("Relu"), padded_pool("Relu")
    rewrite(after.graph)
    assert kinds(after) == ["Relu", "MaxPool"]
    np.testing.assert_array_equal(run(after), run(before))


@pytest.mark.parametrize(("first", "value"), [("Neg", 0.0), ("Relu", 1.0)])
def test_padding_that_counts_stays(first: str, value: float) -> None:
    after = padded_pool(first, value)
    rewrite(after.graph)
    assert kinds(after) == [first, "Pad", "MaxPool"]
