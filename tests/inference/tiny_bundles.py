"""Real, tiny bundles: a graph that answers by how much redder than blue an image is."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from inference import bundle

SIZE = 16


def make_info(backbone: str = "vgg16", **changes: object) -> bundle.BundleInfo:
    facts = {
        "backbone": backbone,
        "input": {"size": SIZE, "framing": "stretch"},
        "band": {"low": 0.3, "high": 0.7, "target_accuracy": 0.98},
        "data": {"name": "drawn", "fingerprint": "d1", "counts": {"train": 8, "test": 4}},
        "weights": {"source": "random", "fingerprint": "w1"},
        "metrics": {"test_accuracy": 0.95, "test_accuracy_interval": (0.93, 0.97)},
        "hyperparameters": {"depth": 2, "learning_rate": 1e-4},
    }
    return bundle.BundleInfo.model_validate(facts | changes)


def save_onnx(path: Path, info: bundle.BundleInfo, slope: float = 0.1, slow: bool = False) -> Path:
    """p_man = sigmoid(slope * (mean red - mean blue)); a `slow` one takes milliseconds for it."""
    weights = np.array([[slope], [0], [-slope]], np.float32)
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("MatMul", ["means", "weights"], ["sum"]),
        *(_waste() if slow else [helper.make_node("Identity", ["sum"], ["logit"])]),
        helper.make_node("Sigmoid", ["logit"], ["p_man"]),
    ]
    size = info.input.size
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", size, size, 3])],
        [helper.make_tensor_value_info("p_man", TensorProto.FLOAT, ["N", 1])],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array([1, 20, 20, 1]), "repeats"),
            numpy_helper.from_array(np.zeros(1, np.float32), "nothing"),
            numpy_helper.from_array(np.array([1]), "one"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    helper.set_model_props(model, bundle.to_metadata(info))
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def _waste() -> list[onnx.NodeProto]:
    """Add nothing to "sum", by a long way."""
    return [
        helper.make_node("Tile", ["float", "repeats"], ["tiled"]),
        helper.make_node("Sin", ["tiled"], ["sines"]),
        helper.make_node("ReduceMean", ["sines"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "one"], ["column"]),
        helper.make_node("Mul", ["column", "nothing"], ["zero"]),
        helper.make_node("Add", ["sum", "zero"], ["logit"]),
    ]


def save_checks(path: Path, slope: float) -> bundle.CheckImages:
    """Write six images of one color each, and what models of that slope give for them."""
    reds = np.arange(90, 150, 10)
    images = np.full((len(reds), SIZE, SIZE, 3), 120, np.uint8)
    images[..., 0] = reds[:, None, None]
    Image.fromarray(images.reshape(-1, SIZE, 3)).save(path)
    expected = {
        form: tuple((1 / (1 + np.exp(-factor * slope * (reds - 120.0)))).tolist())
        for form, factor in (("fp32", 1), ("int8", 0.99))
    }
    return bundle.CheckImages(file=path.name, sha256=bundle.digest(path), expected=expected)


def add_bundle(
    models: Path, workshop: Path, backbone: str, slope: float, **changes: object
) -> None:
    info = make_info(backbone, **changes)
    files = {
        "model.onnx": save_onnx(workshop / "model.onnx", info, slope, slow=True),
        "model.int8.onnx": save_onnx(workshop / "model.int8.onnx", info, slope * 0.99),
        "MODEL_CARD.md": workshop / "MODEL_CARD.md",
        "checks.png": workshop / "checks.png",
    }
    checks = save_checks(files["checks.png"], slope)
    files["MODEL_CARD.md"].write_text(f"# Model card of {backbone}\n\nAnswers by red and blue.\n")
    formats = {
        "fp32": bundle.ModelFile.of(files["model.onnx"], accuracy=0.95, latency_ms=12.0),
        "int8": bundle.ModelFile.of(files["model.int8.onnx"], accuracy=0.94, latency_ms=4.0),
    }
    info = info.model_copy(update={"formats": formats, "checks": checks})
    bundle.write(models / backbone, info, files)


def add_models(folder: Path) -> Path:
    """A models folder: the champion resnet50, and vgg16, which answers the other way round."""
    models, workshop = folder / "models", folder / "workshop"
    workshop.mkdir()
    add_bundle(models, workshop, "resnet50", 0.1)
    add_bundle(models, workshop, "vgg16", -0.1, metrics={"test_accuracy": 0.91}, synthetic=True)
    bundle.write_index(models, "resnet50", ["resnet50", "vgg16"])
    return models
