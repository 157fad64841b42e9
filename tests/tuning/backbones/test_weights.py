import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from tuning.backbones import weights
from tuning.backbones.registry import BACKBONES, bgr_to_rgb
from tuning.backbones.weights import WeightsError

GOOGLENET = BACKBONES["googlenet"]


@pytest.fixture(scope="module")
def zoo_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ONNX file with random initializers under Caffe's names, as the Model Zoo has them."""
    image = keras.Input((None, None, 3))
    model = keras.Model(image, GOOGLENET.build(image))
    rng = np.random.default_rng(0)
    initializers = []
    for layer in model.layers:
        if layer.weights:
            kernel, bias = (rng.random(w.shape, dtype=np.float32) for w in layer.weights)
            name = caffe_name(layer.name)
            initializers += [
                numpy_helper.from_array(kernel.transpose(3, 2, 0, 1).copy(), f"{name}_w_0"),
                numpy_helper.from_array(bias, f"{name}_b_0"),
            ]
    path = tmp_path_factory.mktemp("zoo") / "googlenet-12.onnx"
    graph = helper.make_graph([], "googlenet", [], [], initializers)
    onnx.save(helper.make_model(graph), path)
    return path


def caffe_name(name: str) -> str:
    head, _, tail = name.removeprefix("inception_").partition("_")
    return f"inception_{head}/{tail}" if name.startswith("inception") else f"{head}/{tail}"


@pytest.fixture
def server(zoo_file: Path) -> Iterator[str]:
    handler = partial(SimpleHTTPRequestHandler, directory=str(zoo_file.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


def test_onnx_initializers_become_rgb_keras_weights(zoo_file: Path) -> None:
    loaded = weights.load(GOOGLENET, str(zoo_file.parent))
    found = {i.name: numpy_helper.to_array(i) for i in onnx.load(zoo_file).graph.initializer}
    expected = found["conv1/7x7_s2_w_0"].transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(loaded.layers["conv1_7x7_s2"][0], bgr_to_rgb(expected))
    inner = found["inception_4b/3x3_reduce_w_0"].transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(loaded.layers["inception_4b_3x3_reduce"][0], inner)


def test_googlenet_is_downloaded_from_the_zoo(
    server: str, zoo_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(weights, "GOOGLENET_URL", f"{server}/{zoo_file.name}")
    downloaded = weights.load(GOOGLENET, "imagenet")
    assert downloaded.source == "imagenet"
    assert downloaded.fingerprint == weights.load(GOOGLENET, str(zoo_file.parent)).fingerprint


def test_a_failed_download_names_the_ways_out(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(weights, "GOOGLENET_URL", f"{server}/nothing.onnx")
    with pytest.raises(WeightsError, match=r"WEIGHTS=<folder>.*googlenet\*.onnx.*WEIGHTS=none"):
        weights.load(GOOGLENET, "imagenet")


def test_missing_folder_and_missing_file_are_reported(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is not a folder"):
        weights.load(GOOGLENET, str(tmp_path / "nowhere"))
    with pytest.raises(WeightsError, match=r"no weights of VGG16 .* vgg16.weights.h5"):
        weights.load(BACKBONES["vgg16"], str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"not HDF5 at all"])
def test_a_foreign_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "resnet50.weights.h5").write_bytes(content)
    with pytest.raises(WeightsError, match=r"resnet50\.weights\.h5 does not hold ResNet50"):
        weights.load(BACKBONES["resnet50"], str(tmp_path))


def test_weights_of_another_backbone_are_refused(tmp_path: Path) -> None:
    image = keras.Input((64, 64, 3))
    vgg = keras.Model(image, BACKBONES["vgg16"].build(image))
    vgg.save_weights(tmp_path / "vgg19.weights.h5")
    with pytest.raises(WeightsError, match="does not hold VGG19"):
        weights.load(BACKBONES["vgg19"], str(tmp_path))


def test_random_weights_follow_the_seed() -> None:
    first, again, other = (weights.load(GOOGLENET, "none", seed) for seed in (1, 1, 2))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert first.count == 5_973_552  # of the paper's seven million; the classifier has the rest
