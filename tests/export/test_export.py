import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from itertools import chain, repeat
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime as ort
import pandas as pd
import pytest
from PIL import Image

from export import bundling, int8_gate, parity, quantize, speed
from export.champion import Limits
from export.convert import to_onnx
from export.export_run import export_run
from export.quantize import Quantizer, Recipe
from inference import BundleError, Classifier, bundle, whole_image
from tuning.runs.run_folder import RunError, RunFolder

ROOT = Path(__file__).parents[2]


@pytest.fixture
def no_fresh_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four fresh processes take as long as all else; `exported` measured in real ones."""
    monkeypatch.setattr(speed, "_fresh", lambda *_: {"cold_start_s": 1.0, "peak_mb": 1.0})


@pytest.fixture
def copied(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "models"))


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


def test_the_comparison_and_the_plot_lie_beside_the_bundles(exported: Path) -> None:
    table = pd.read_csv(exported / "comparison.csv")
    assert table["champion"].tolist() == [True]
    assert table["pareto_front"].tolist() == [True]
    latency = table["int8_latency_ms"][0] / table["fp32_latency_ms"][0]
    assert table["served"].tolist() == ["int8" if latency <= bundle.MARGIN else "fp32"]
    with Image.open(exported / "pareto.png") as plot:
        assert plot.width > 500


def test_the_band_follows_the_target_asked_of_the_export(
    exported: Path, small_run: RunFolder
) -> None:
    band = bundle.find(exported).info.band
    assert band and band.target_accuracy == 0.9
    predictions = pd.read_csv(small_run.predictions("vgg16"))
    val = predictions[predictions["split"] == "val"]
    given = val[(val["p_man"] <= band.low) | (val["p_man"] >= band.high)]
    right = (given["p_man"] >= 0.5) == (given["label"] == 1)
    assert right.mean() == pytest.approx(band.accuracy) and right.mean() >= 0.9
    assert 1 - len(given) / len(val) == pytest.approx(band.share_uncertain)


def test_the_card_comes_from_the_files_of_the_run(exported: Path, small_run: RunFolder) -> None:
    card = bundle.find(exported).card
    assert card
    facts = small_run.read_metrics().winners["vgg16"]
    for words in (
        "synthetic, drawn portraits",
        "random start",
        "not a person's gender",
        f"{100 * facts.test.accuracy:.2f} %",
        "| Eyeglasses: yes | 40 |",
        "| ONNX INT8",
        " (served) |",
        "| minmax |",
    ):
        assert words in card
    assert "None" not in card and "nan" not in card


def test_int8_runs_integer_convolutions_only(exported: Path, tmp_path: Path) -> None:
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    path = bundle.find(exported).verified("int8")
    ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    kinds = Counter(node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node)
    assert kinds["QLinearConv"] == 3
    assert not kinds["Conv"] and not kinds["FusedConv"]


def test_both_precisions_serve_what_keras_decides(exported: Path, small_run: RunFolder) -> None:
    predictions = pd.read_csv(small_run.predictions("vgg16")).query("split == 'test'")
    manifest = pd.read_csv(small_run.manifest)
    pixels = np.stack(
        [np.asarray(Image.open(path)) for path in manifest["path"].iloc[predictions["row"]]]
    )
    keras_p = predictions["p_man"].to_numpy()
    for precision, tolerance in (("fp32", 1e-4), ("int8", 0.1)):
        model = Classifier.load(exported, precision=precision, finder=whole_image)
        assert np.abs(model.classify(pixels) - keras_p).max() < tolerance


@pytest.mark.parametrize("name", ["model.onnx", "model.int8.onnx"])
def test_the_lines_in_the_readme_give_the_answer_of_the_program(
    exported: Path, small_run: RunFolder, name: str
) -> None:
    picture = pd.read_csv(small_run.manifest)["path"].iloc[-1]
    precision = "int8" if "int8" in name else "fp32"
    [face] = Classifier.load(exported, precision=precision, finder=whole_image).predict(picture)
    readme = Path(__file__).parents[2].joinpath("README.md").read_text(encoding="utf-8")
    blocks = [part.split("```")[0] for part in readme.split("```python")[1:]]
    [lines] = [block for block in blocks if "import onnxruntime" in block]
    command = [sys.executable, "-c", lines, str(exported / "vgg16" / name), picture]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    p_man, label = done.stdout.split()
    assert float(p_man) == pytest.approx(face.p_man, abs=1e-6)
    assert label == face.label


def test_converting_and_quantising_twice_gives_the_same_bytes(
    small_run: RunFolder, tmp_path: Path
) -> None:
    import keras

    model = keras.models.load_model(small_run.winner("vgg16"))
    images = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), np.uint8)
    files: dict[str, list[bytes]] = {"fp32": [], "int8": []}
    for turn in ("first", "second"):
        folder = tmp_path / turn
        folder.mkdir()
        to_onnx(model, {"b": "2", "a": "1"}, folder / "model.onnx")
        quantizer = Quantizer(folder / "model.onnx", images, np.arange(40), folder)
        quantizer.quantize(Recipe("percentile", float_ends=1), folder / "int8.onnx")
        files["fp32"].append((folder / "model.onnx").read_bytes())
        files["int8"].append((folder / "int8.onnx").read_bytes())
    assert files["fp32"][0] == files["fp32"][1]
    assert files["int8"][0] == files["int8"][1]


def test_noisy_layers_stay_float_on_demand(small_run: RunFolder, tmp_path: Path) -> None:
    import keras

    model = keras.models.load_model(small_run.winner("vgg16"))
    to_onnx(model, {}, tmp_path / "model.onnx")
    images = np.random.default_rng(0).integers(0, 256, (16, 32, 32, 3), np.uint8)
    quantizer = Quantizer(tmp_path / "model.onnx", images, np.arange(16), tmp_path)
    quantizer.quantize(Recipe("minmax", float_noisy=2 / 3), tmp_path / "int8.onnx")
    graph = onnx.load(tmp_path / "int8.onnx").graph
    quantised = {out for node in graph.node if "Dequantize" in node.op_type for out in node.output}
    layers = [node for node in graph.node if node.op_type == "Conv"]
    assert sum(node.input[1] in quantised for node in layers) == len(layers) - 2


def test_convolutions_of_equal_weights_are_quantised_apart(tmp_path: Path) -> None:
    """The converter lets them share a tensor, which some kernels of onnxruntime can't open."""
    image = keras.Input((32, 32, 3), dtype="uint8", name="image")
    x = keras.layers.Rescaling(1.0)(image)
    for _ in range(3):
        x = keras.layers.Conv2D(3, 3, padding="same", activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, keras.layers.Dense(1, activation="sigmoid", name="p_man")(x))
    first, *others = (layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
    for layer in others:
        layer.set_weights(first.get_weights())
    to_onnx(model, {}, tmp_path / "model.onnx")
    images = np.random.default_rng(0).integers(0, 256, (16, 32, 32, 3), np.uint8)
    Quantizer(tmp_path / "model.onnx", images, np.arange(16), tmp_path).quantize(
        Recipe("minmax"), tmp_path / "int8.onnx"
    )
    graph = onnx.load(tmp_path / "int8.onnx").graph
    weights = [node.input[1] for node in graph.node if node.op_type == "Conv"]
    of = {node.output[0]: node.input[0] for node in graph.node if "Dequantize" in node.op_type}
    assert len({of[name] for name in weights}) == 3


@pytest.mark.usefixtures("no_fresh_processes")
def test_if_no_recipe_passes_fp32_is_served_and_said(
    small_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from export.champion import Limits
    from export.export_run import export_run

    monkeypatch.setattr(int8_gate, "MAX_CHANGED", -1.0)
    monkeypatch.setattr(quantize, "RECIPES", quantize.RECIPES[:2])
    [item] = export_run(small_run, tmp_path / "models", tmp_path / "cache", Limits())
    assert [attempt.passed for attempt in item.info.quantization] == [False, False]
    found = bundle.find(tmp_path / "models")
    assert found.choose() == "fp32"
    assert "int8" not in found.info.formats
    assert not (found.folder / "model.int8.onnx").exists()
    assert found.card and "No setting passed" in found.card


@pytest.mark.usefixtures("no_fresh_processes")
def test_an_int8_model_that_decides_otherwise_is_not_served(
    small_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quantize_well = Quantizer.quantize

    def quantize_badly(quantizer: Quantizer, recipe: Recipe, path: Path) -> None:
        quantize_well(quantizer, recipe, path)
        model = onnx.load(path)
        [head] = [tensor for tensor in model.graph.initializer if len(tensor.dims) == 2]
        head.CopyFrom(onnx.numpy_helper.from_array(-onnx.numpy_helper.to_array(head), head.name))
        onnx.save(model, path)

    monkeypatch.setattr(Quantizer, "quantize", quantize_badly)
    monkeypatch.setattr(quantize, "RECIPES", quantize.RECIPES[:1])
    [item] = export_run(small_run, tmp_path / "models", tmp_path / "cache", Limits())
    [attempt] = item.info.quantisation
    assert not attempt.passed and attempt.accuracy_lost > 0.4
    assert bundle.find(tmp_path / "models").precisions() == ("fp32",)


def change_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def swap(path: Path) -> None:
    shutil.copyfile(path.with_name("model.onnx"), path)


@pytest.mark.parametrize("damage", [change_byte, cut_off, swap, Path.unlink])
def test_a_damaged_int8_model_is_refused_by_name(
    copied: Path, damage: Callable[[Path], None]
) -> None:
    damage(copied / "vgg16" / "model.int8.onnx")
    with pytest.raises(BundleError, match=r"vgg16/model\.int8\.onnx .*make export"):
        Classifier.load(copied, precision="int8", finder=whole_image)
    assert Classifier.load(copied, finder=whole_image).precision == "fp32"


def test_an_older_schema_is_refused_with_the_way_out(copied: Path) -> None:
    path = copied / "vgg16" / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 0}))
    with pytest.raises(BundleError, match=r"schema version 0, .*make export"):
        bundle.find(copied)


@pytest.mark.usefixtures("no_fresh_processes")
@pytest.mark.parametrize("change", ["p_man", "row"])
def test_a_record_that_does_not_hold_is_not_trusted(
    small_run: RunFolder, tmp_path: Path, change: str
) -> None:
    run = RunFolder(Path(shutil.copytree(small_run.path, tmp_path / "run")))
    table = pd.read_csv(run.predictions("vgg16"))
    table[change] = table[change].to_numpy()[::-1]
    table.to_csv(run.predictions("vgg16"), index=False)
    [item] = export_run(run, tmp_path / "models", tmp_path / "cache", Limits())
    assert item.info.formats["fp32"].accuracy == 1.0  # by Keras anew: else parity had failed


def test_a_run_without_predictions_is_refused(small_run: RunFolder, tmp_path: Path) -> None:
    folder = RunFolder(Path(shutil.copytree(small_run.path, tmp_path / "run")))
    folder.predictions("vgg16").unlink()
    with pytest.raises(bundling.RunError, match=r"vgg16\.csv can't be read"):
        bundling._predictions(folder, "vgg16")


@pytest.mark.parametrize("setting", ["TARGET_ACCURACY=0.3", "MIN_ACCURACY=101"])
def test_a_share_that_makes_no_sense_is_refused(setting: str, tmp_path: Path) -> None:
    name, _, value = setting.partition("=")
    done = subprocess.run(
        [sys.executable, "-m", "export", "--artifacts", str(tmp_path)],
        cwd=ROOT,
        env={"PATH": "", name: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {name}=")


@pytest.mark.parametrize("name", ["index.json", "comparison.csv", "pareto.png", "vgg16/notes.txt"])
def test_nothing_is_overwritten_that_no_export_wrote(
    small_run: RunFolder, tmp_path: Path, name: str
) -> None:
    foreign = tmp_path / "mine" / name
    foreign.parent.mkdir(parents=True)
    foreign.write_text("years of work")
    with pytest.raises(RunError, match=r"was not written by an export .*MODELS="):
        export_run(small_run, tmp_path / "mine", tmp_path / "cache", Limits())
    assert foreign.read_text() == "years of work"
    assert [path for path in (tmp_path / "mine").rglob("*") if path.is_file()] == [foreign]


@pytest.mark.usefixtures("no_fresh_processes")
@pytest.mark.parametrize(
    ("form", "conversion"), [("fp32", "to_onnx"), ("saved_model", "to_saved_model")]
)
def test_a_model_that_differs_does_not_stop_the_others(
    small_run: RunFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
    conversion: str,
) -> None:
    run = RunFolder(Path(shutil.copytree(small_run.path, tmp_path / "run")))
    metrics = run.read_metrics()
    for path in (run.winner("vgg16"), run.predictions("vgg16")):
        shutil.copyfile(path, path.with_name(path.name.replace("vgg16", "vgg19")))
    second = metrics.winners["vgg16"].model_copy(update={"backbone": "vgg19"})
    winners = {**metrics.winners, "vgg19": second}
    run.write_metrics(metrics.model_copy(update={"winners": winners}))
    convert = getattr(bundling.convert, conversion)
    kept_of_weights = chain([0.0], repeat(1.0))  # the first model loses its head on the way

    def lossy(classifier: keras.Model, *arguments: object) -> None:
        weights, bias = classifier.layers[-1].get_weights()
        classifier.layers[-1].set_weights([next(kept_of_weights) * weights, bias])
        convert(classifier, *arguments)
        classifier.layers[-1].set_weights([weights, bias])

    monkeypatch.setattr(bundling.convert, conversion, lossy)
    with pytest.raises(parity.ParityError, match=f"vgg16 as {form} differs"):
        export_run(run, tmp_path / "models", tmp_path / "cache", Limits())
    assert bundle.find(tmp_path / "models").info.backbone == "vgg19"
    assert not (tmp_path / "models" / "vgg16").exists()
