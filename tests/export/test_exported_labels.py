"""Four classes, and three labels in one model, through the whole export and into serving."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pandas as pd
import pytest
from PIL import Image
from small_run import LACKING, RUNS

from data.labels import from_outputs, from_table
from export import convert
from export.bundling import export_winner
from export.parity import ParityError
from export.progress import Steps
from export.source import Source
from inference import Classifier, bundle, whole_image
from inference.runtime.self_check import TOLERANCE
from tuning.runs.run_folder import RunFolder

NAMES = ("color", "three")


@pytest.mark.parametrize("name", NAMES)
def test_both_precisions_serve_what_keras_says_of_each_class(
    exported_of: Callable[[str], Path], run_of: Callable[[str], RunFolder], name: str
) -> None:
    run, models = run_of(name), exported_of(name)
    assert bundle.find(models).info.classes == RUNS[name]
    predictions = pd.read_csv(run.predictions("vgg16")).query("split == 'test'")
    paths = pd.read_csv(run.manifest)["path"].iloc[predictions["row"]]
    pixels = np.stack([np.asarray(Image.open(path)) for path in paths])
    keras_p = from_table(RUNS[name], predictions)
    for precision, tolerance in (("fp32", 1e-4), ("int8", 0.2)):
        model = Classifier.load(models, precision=precision, finder=whole_image)
        assert np.abs(model.classify(pixels) - keras_p).max() < tolerance


@pytest.mark.parametrize("name", NAMES)
def test_a_face_gets_a_class_of_each_label(
    exported_of: Callable[[str], Path], run_of: Callable[[str], RunFolder], name: str
) -> None:
    row = pd.read_csv(run_of(name).manifest).iloc[-LACKING - 1]
    [face] = Classifier.load(exported_of(name), finder=whole_image).predict(row["path"])
    for label, prediction in zip(RUNS[name], face.predictions, strict=True):
        code = row["label" if len(RUNS[name]) == 1 else f"label:{label.name}"]
        assert prediction.decision == label.classes[code]


@pytest.mark.parametrize("name", NAMES)
def test_the_check_images_have_a_number_for_each_class(
    exported_of: Callable[[str], Path], name: str
) -> None:
    found = bundle.find(exported_of(name))
    assert found.info.checks
    classes = sum(len(label.classes) for label in RUNS[name])
    for precision, expected in found.info.checks.expected.items():
        assert {len(of_image) for of_image in expected} == {classes}
        model = Classifier.load(found.folder.parent, precision=precision, finder=whole_image)
        difference = np.abs(model.classify(found.check_images()) - np.array(expected)).max()
        assert difference < TOLERANCE[precision]


@pytest.mark.parametrize("name", NAMES)
def test_int8_keeps_the_head_and_what_comes_behind_it_exact(
    exported_of: Callable[[str], Path], name: str
) -> None:
    graph = onnx.load(exported_of(name) / "vgg16" / "model.int8.onnx").graph
    kinds = [node.op_type for node in graph.node]
    behind = kinds[kinds.index("Sqrt") :]
    assert "Softmax" in behind and not [kind for kind in behind if "Quantize" in kind]
    made = {out: node for node in graph.node for out in node.output}
    predicted = [one for one in graph.output if not one.name.endswith("_activations")]
    kinds = [made[value.name].op_type for value in predicted]
    assert kinds == ["Sigmoid" if label.is_binary else "Softmax" for label in RUNS[name]]


@pytest.mark.parametrize("name", NAMES)
def test_an_onnx_file_alone_says_what_its_numbers_are(
    exported_of: Callable[[str], Path], name: str
) -> None:
    path = exported_of(name) / "vgg16" / "model.onnx"
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    labels = json.loads(session.get_modelmeta().custom_metadata_map["labels"])
    assert [label["name"] for label in labels] == [label.name for label in RUNS[name]]
    image = np.zeros((1, 64, 64, 3), np.uint8)
    outputs = session.run([label["output"] for label in labels], {"image": image})
    p = from_outputs(RUNS[name], outputs)
    model = Classifier.load(exported_of(name), precision="fp32", finder=whole_image)
    np.testing.assert_allclose(p, model.classify(image), atol=1e-6)


def test_the_audit_is_of_each_label_on_the_images_that_have_it(
    exported_of: Callable[[str], Path],
) -> None:
    table = pd.read_csv(exported_of("three") / "vgg16" / "audit.csv")
    images = table.groupby(["label", "feature"])["images"].sum()
    assert images["gender", "Eyeglasses"] == images["Bright", "gender"] == 120
    assert images["green|amount", "Eyeglasses"] == 120 - LACKING
    assert {gap.label for gap in bundle.find(exported_of("three")).info.audit} == {"gender"}


def test_a_label_whose_graph_differs_stops_the_export_by_name(
    run_of: Callable[[str], RunFolder],
    image_cache: Path,
    tmp_path: Path,
    steps: Steps,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    converted = convert.to_onnx

    def lossy(
        classifier: object, labels: object, metadata: object, path: Path, *more: object
    ) -> None:
        converted(classifier, labels, metadata, path, *more)
        model = onnx.load(path)
        [bias] = [tensor for tensor in model.graph.initializer if tuple(tensor.dims) == (7,)]
        values = onnx.numpy_helper.to_array(bias).copy()
        values[4] += 0.5  # of the third label, of its third class
        bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
        onnx.save(model, path)

    monkeypatch.setattr(convert, "to_onnx", lossy)
    run = run_of("three")
    facts, source = run.read_metrics().winners["vgg16"], Source.open(run, image_cache)
    with pytest.raises(ParityError, match=r"vgg16 as fp32 differs .* in 'green\|amount'"):
        export_winner(source, facts, tmp_path / "vgg16", steps)
