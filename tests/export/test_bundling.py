import json
import shutil
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime as ort
import pandas as pd
import pytest
from PIL import Image
from small_run import WRONG_LABELS

from data import GENDER
from data.labels import from_table
from export import convert, preparation
from export.bundling import export_winner
from export.champion import Candidate
from export.parity import ParityError
from export.progress import Steps
from export.source import Source
from inference import BundleError, Classifier, bundle, whole_image
from tuning.runs.run_folder import RunFolder


def test_the_bundle_holds_every_form_with_its_speed(exported: Path) -> None:
    info = bundle.find(exported).info
    assert set(info.formats) == {"fp32", "int8", "saved_model"}
    assert info.speed and set(info.speed.timings) == {"keras", "saved_model", "fp32", "int8"}
    for timing in info.speed.timings.values():
        assert timing.latency_ms > 0 and timing.throughput > 0
        assert timing.peak_mb and 20 < timing.peak_mb < 5000
        assert timing.cold_start_s and timing.cold_start_s > 0.05
    serving = info.speed.timings["int8"].peak_mb
    assert serving and serving < (info.speed.timings["keras"].peak_mb or 0)
    assert info.formats["int8"].bytes < info.formats["fp32"].bytes
    assert info.quantization[-1].passed
    assert {file.accuracy for file in info.formats.values()} == {1 - WRONG_LABELS["test"] / 120}


def test_the_target_accuracy_is_that_of_the_export(exported: Path) -> None:
    [label] = bundle.find(exported).info.labels
    assert label.operating_point and label.operating_point.target_accuracy == 0.9


def test_the_audit_is_of_the_test_images(exported: Path) -> None:
    table = pd.read_csv(exported / "vgg16" / "audit.csv").query("feature == 'Eyeglasses'")
    assert table["images"].sum() == 120
    correct = (table["images"] * table["accuracy"]).sum()
    assert round(correct) == 120 - WRONG_LABELS["test"]
    assert len(bundle.find(exported).info.audit)


def test_the_check_images_come_with_what_each_form_gives(exported: Path) -> None:
    found = bundle.find(exported)
    images = found.check_images()
    for precision in ("fp32", "int8"):
        model = Classifier.load(exported, precision=precision, finder=whole_image)
        expected = found.info.checks.expected[precision]
        np.testing.assert_allclose(model.classify(images), expected, atol=1e-5)


def test_int8_runs_integer_convolutions_only(exported: Path, tmp_path: Path) -> None:
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    path = bundle.find(exported).verified("int8")
    ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    kinds = Counter(node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node)
    assert kinds["QLinearConv"] == 3
    assert not kinds["Conv"] and not kinds["FusedConv"]


def test_both_precisions_serve_what_keras_decides(exported: Path, small_run: RunFolder) -> None:
    predictions = pd.read_csv(small_run.predictions("vgg16")).query("split == 'test'")
    manifest = pd.read_csv(small_run.manifest)
    pixels = np.stack(
        [np.asarray(Image.open(path)) for path in manifest["path"].iloc[predictions["row"]]]
    )
    keras_p = from_table([GENDER], predictions)
    for precision, tolerance in (("fp32", 1e-4), ("int8", 0.1)):
        model = Classifier.load(exported, precision=precision, finder=whole_image)
        assert np.abs(model.classify(pixels) - keras_p).max() < tolerance


def test_a_damaged_int8_model_is_refused_and_fp32_stands_in(exported: Path, tmp_path: Path) -> None:
    models = Path(shutil.copytree(exported, tmp_path / "models"))
    shutil.copyfile(models / "vgg16" / "model.onnx", models / "vgg16" / "model.int8.onnx")
    with pytest.raises(BundleError, match=r"vgg16/model\.int8\.onnx .*make export"):
        Classifier.load(models, precision="int8", finder=whole_image)
    assert Classifier.load(models, finder=whole_image).precision == "fp32"


def test_int8_is_calibrated_on_training_images(
    small_run: RunFolder,
    image_cache: Path,
    tmp_path: Path,
    steps: Steps,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class SeenError(Exception):
        pass

    def calibrate(model: Path, images: np.ndarray, rows: np.ndarray, scratch: Path) -> None:
        raise SeenError(rows.tolist())

    monkeypatch.setattr(preparation.quantize, "Quantizer", calibrate)
    facts = small_run.read_metrics().winners["vgg16"]
    source = Source.open(small_run, image_cache)
    with pytest.raises(SeenError) as seen:
        export_winner(source, facts, tmp_path / "vgg16", steps)
    assert seen.value.args[0] == source.split("train").rows.tolist()


def test_the_facts_in_the_onnx_files_are_those_of_the_bundle(exported: Path) -> None:
    info = bundle.find(exported).info
    for name in ("model.onnx", "model.int8.onnx"):
        path = exported / "vgg16" / name
        entries = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
        assert entries == bundle.to_metadata(info)
        [label] = json.loads(entries["labels"])
        assert (label["classes"], label["output"]) == (["woman", "man"], "p_man")


@pytest.mark.parametrize(
    ("form", "conversion"), [("fp32", "to_onnx"), ("saved_model", "to_saved_model")]
)
def test_each_form_is_compared_with_keras(
    small_run: RunFolder,
    image_cache: Path,
    tmp_path: Path,
    steps: Steps,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
    conversion: str,
) -> None:
    converted = getattr(convert, conversion)

    def lossy(classifier: keras.Model, *arguments: object) -> None:
        logit = classifier.get_layer("head").get_layer("logit")
        weights, bias = logit.get_weights()
        logit.set_weights([0 * weights, bias])
        converted(classifier, *arguments)
        logit.set_weights([weights, bias])

    monkeypatch.setattr(preparation.convert, conversion, lossy)
    facts = small_run.read_metrics().winners["vgg16"]
    source = Source.open(small_run, image_cache)
    with pytest.raises(ParityError, match=f"vgg16 as {form} differs"):
        export_winner(source, facts, tmp_path / "vgg16", steps)
    assert not (tmp_path / "vgg16").exists()


@pytest.mark.usefixtures("no_fresh_processes")
def test_a_record_of_another_model_is_not_trusted(
    run_copy: RunFolder, image_cache: Path, tmp_path: Path, steps: Steps
) -> None:
    path = run_copy.predictions("vgg16")
    table = pd.read_csv(path)
    table.assign(p_man=1 - table["p_man"]).to_csv(path, index=False)
    facts = run_copy.read_metrics().winners["vgg16"]
    item = export_winner(Source.open(run_copy, image_cache), facts, tmp_path / "vgg16", steps)
    assert item.candidate.val_accuracy == 1 - WRONG_LABELS["val"] / 120
    assert item.info.formats["fp32"].accuracy == 1 - WRONG_LABELS["test"] / 120


@pytest.mark.usefixtures("no_fresh_processes")
def test_an_int8_model_that_decides_otherwise_is_not_served(
    small_run: RunFolder,
    image_cache: Path,
    tmp_path: Path,
    steps: Steps,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def quantize_badly(quantizer: object, recipe: object, path: Path) -> None:
        model = onnx.load(path.with_name("model.onnx"))
        [head] = [tensor for tensor in model.graph.initializer if tensor.name == "logit/kernel"]
        head.CopyFrom(onnx.numpy_helper.from_array(-onnx.numpy_helper.to_array(head), head.name))
        onnx.save(model, path)

    monkeypatch.setattr(preparation.quantize.Quantizer, "quantize", quantize_badly)
    facts = small_run.read_metrics().winners["vgg16"]
    item = export_winner(Source.open(small_run, image_cache), facts, tmp_path / "vgg16", steps)
    assert len(item.info.quantization) == len(preparation.quantize.RECIPES)
    assert not any(trial.passed for trial in item.info.quantization)
    facts_of_val = facts.labels[0].val
    fp32 = item.info.formats["fp32"]
    assert item.candidate == Candidate(
        backbone="vgg16",
        precision="fp32",
        score=pytest.approx(facts.score),
        val_accuracy=facts_of_val.accuracy,
        latency_ms=fp32.latency_ms,
        size_mb=fp32.bytes / 1e6,
    )
    found = bundle.read(tmp_path / "vgg16")
    assert found.precisions() == ("fp32",)
    assert not (tmp_path / "vgg16" / "model.int8.onnx").exists()
    assert found.card and "No recipe passed" in found.card
