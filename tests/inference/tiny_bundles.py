"""Real, tiny bundles: graphs that answer by the mean red, green and blue of an image."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from data import GENDER, Label
from inference import bundle

SIZE = 16
SMILING = Label(name="Smiling", classes=("no", "yes"))
HAIR = Label(name="hair color", classes=("red", "green", "blue"))
"""A label of many classes: the color of which an image has most."""

SEVERAL = (SMILING, Label(name="Eyeglasses", classes=("no", "yes")), HAIR)


def label_info(label: Label, **changes: object) -> bundle.LabelInfo:
    """What a bundle says of a label; a class needs 0.7, or of many classes 0.5."""
    least = (0.7 if label.is_binary else 0.5,) * len(label.classes)
    facts = {
        "name": label.name,
        "classes": label.classes,
        "output": label.output,
        "operating_point": {"least": least, "target_accuracy": 0.98},
        "metrics": {"test_accuracy": 0.95, "test_accuracy_interval": (0.93, 0.97)},
    }
    return bundle.LabelInfo.model_validate(facts | changes)


def make_info(
    backbone: str = "vgg16", of: Sequence[Label] = (GENDER,), **changes: object
) -> bundle.BundleInfo:
    facts = {
        "backbone": backbone,
        "labels": [label_info(label) for label in of],
        "input": {"size": SIZE, "framing": "stretch"},
        "data": {"name": "drawn", "fingerprint": "d1", "counts": {"train": 8, "test": 4}},
        "weights": {"source": "random", "fingerprint": "w1"},
        "metrics": {"test_accuracy": 0.95, "test_accuracy_interval": (0.93, 0.97)},
        "hyperparameters": {"depth": 2, "learning_rate": 1e-4},
    }
    return bundle.BundleInfo.model_validate(facts | changes)


def kernel(labels: Sequence[Label], index: int, slope: float) -> np.ndarray:
    """Weights of a label's logits, float32 [3, width], of the means of red, green and blue.

    Of two classes the second is likelier the redder than blue an image is; of a second label of
    two classes, the greener than red. Of many classes the first is red, then green, blue, and
    less red, less green, ….
    """
    label = labels[index]
    if label.is_binary:
        return np.roll(np.array([[slope], [0], [-slope]], np.float32), index, axis=0)
    classes = np.arange(label.width)
    weights = np.zeros((3, label.width), np.float32)
    weights[classes % 3, classes] = slope / (1 + classes // 3)
    return weights


def save_onnx(path: Path, info: bundle.BundleInfo, slope: float = 0.1, slow: bool = False) -> Path:
    """A graph with the outputs of `info`, see `kernel`; a `slow` one takes milliseconds for it."""
    size = info.input.size
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float"], ["fast"], axes=[1, 2], keepdims=0),
        *(_waste() if slow else [helper.make_node("Identity", ["fast"], ["means"])]),
    ]
    outputs, constants = [], _constants()
    for index, label in enumerate(info.labels):
        name, width = label.output, label.label.width
        constants.append(
            numpy_helper.from_array(kernel(info.classes, index, slope), f"weights{index}")
        )
        logit = "logit" if index == 0 else f"logit{index}"
        nodes.append(helper.make_node("MatMul", ["means", f"weights{index}"], [logit]))
        nodes.append(helper.make_node("Sigmoid" if width == 1 else "Softmax", [logit], [name]))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", width]))
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", size, size, 3])
    graph = helper.make_graph(nodes, "tiny", [image], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    helper.set_model_props(model, bundle.to_metadata(info))
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def _constants() -> list[onnx.TensorProto]:
    return [
        numpy_helper.from_array(np.array([1, 20, 20, 1]), "repeats"),
        numpy_helper.from_array(np.zeros(1, np.float32), "nothing"),
        numpy_helper.from_array(np.array([1]), "one"),
    ]


def _waste() -> list[onnx.NodeProto]:
    """Add nothing to the means, by a long way."""
    return [
        helper.make_node("Tile", ["float", "repeats"], ["tiled"]),
        helper.make_node("Sin", ["tiled"], ["sines"]),
        helper.make_node("ReduceMean", ["sines"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "one"], ["column"]),
        helper.make_node("Mul", ["column", "nothing"], ["zero"]),
        helper.make_node("Add", ["fast", "zero"], ["means"]),
    ]


def expected(labels: Sequence[Label], means: np.ndarray, slope: float) -> np.ndarray:
    """What a graph of that slope gives: class probabilities, float64 [N, K], of means [N, 3]."""
    columns = []
    for index, label in enumerate(labels):
        logits = means.astype(np.float64) @ kernel(labels, index, slope)
        if label.is_binary:
            logits = np.hstack([0 * logits, logits])
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        columns.append(powers / powers.sum(axis=1, keepdims=True))
    return np.hstack(columns)


def save_checks(
    path: Path, slope: float, labels: Sequence[Label] = (GENDER,)
) -> bundle.CheckImages:
    """Write six images of one color each, and what models of that slope give for them."""
    reds = np.arange(90, 150, 10)
    images = np.full((len(reds), SIZE, SIZE, 3), 120, np.uint8)
    images[..., 0] = reds[:, None, None]
    Image.fromarray(images.reshape(-1, SIZE, 3)).save(path)
    means = images.mean(axis=(1, 2))
    gives = {
        form: expected(labels, means, slope * factor).tolist()
        for form, factor in (("fp32", 1), ("int8", 0.99))
    }
    return bundle.CheckImages(file=path.name, sha256=bundle.digest(path), expected=gives)


def add_bundle(
    models: Path,
    workshop: Path,
    backbone: str,
    slope: float,
    of: Sequence[Label] = (GENDER,),
    **changes: object,
) -> None:
    info = make_info(backbone, of, **changes)
    workshop.mkdir(parents=True, exist_ok=True)
    files = {
        "model.onnx": save_onnx(workshop / "model.onnx", info, slope, slow=True),
        "model.int8.onnx": save_onnx(workshop / "model.int8.onnx", info, slope * 0.99),
        "MODEL_CARD.md": workshop / "MODEL_CARD.md",
        "checks.png": workshop / "checks.png",
    }
    checks = save_checks(files["checks.png"], slope, info.classes)
    files["MODEL_CARD.md"].write_text(f"# Model card of {backbone}\n\nAnswers by red and blue.\n")
    formats = {
        "fp32": bundle.ModelFile.of(files["model.onnx"], accuracy=0.95, latency_ms=12.0),
        "int8": bundle.ModelFile.of(files["model.int8.onnx"], accuracy=0.94, latency_ms=4.0),
    }
    info = info.model_copy(update={"formats": formats, "checks": checks})
    bundle.write(models / backbone, info, files)


def add_models(folder: Path, of: Sequence[Label] = (GENDER,)) -> Path:
    """A models folder: the champion resnet50, and vgg16, which answers the other way round."""
    models, workshop = folder / "models", folder / "workshop"
    add_bundle(models, workshop, "resnet50", 0.1, of)
    add_bundle(models, workshop, "vgg16", -0.1, of, metrics={"test_accuracy": 0.91}, synthetic=True)
    bundle.write_index(models, "resnet50", ["resnet50", "vgg16"])
    return models
