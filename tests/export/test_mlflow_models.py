"""An exported model on a tracking server, and an export beside one that fails."""

from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from rich.console import Console

from data import GENDER
from export import mlflow_models
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import RunConfig, WinnerFacts
from tuning.runs.settings import Settings
from tuning.tracking import mlflow_server

mlflow = pytest.importorskip("mlflow", reason="needs the extra mlflow")

SIZE = 64
SCORES = {
    "count": 10, "accuracy": 0.8, "accuracy_interval": (0.49, 0.94), "balanced_accuracy": 0.8,
    "auc": 0.9, "brier": 0.1, "calibration_error": 0.02, "log_loss": 0.4,
    "confusion": ((4, 1), (1, 4)),
}  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = RunFolder(tmp_path / "faces")
    run.path.mkdir()
    config = RunConfig(
        settings=Settings(data="faces", backbones=("vgg16",), size=SIZE),
        data={"name": "CelebA", "synthetic": False, "fingerprint": "0a"},
        images={"framing": "face", "splits": {}}, weights="none", versions={},
    )  # fmt: skip
    run.config.write_text(config.model_dump_json())
    point = {"least": (0.7, 0.7), "target_accuracy": 0.9, "accuracy": 0.9, "share_uncertain": 0.0}
    scores = SCORES | {"uncalibrated": SCORES}
    label = {"label": GENDER, "calibration": {"slope": 1, "bias": [0]}, "operating_point": point}
    run.write_winner(
        WinnerFacts(
            backbone="vgg16", trial="0004", score=0.1, size=SIZE,
            hyperparameters={
                "stages": 4, "depth": 1, "grid": 1, "learning_rate": 1e-3, "head_units": 64,
                "dropout": 0.3,
            },
            weights={"source": "none", "fingerprint": "0a"},
            latency_ms=5.0, parameters=10**6, bytes=10**7, seconds=2.0, trained=1000,
            created="2026-11-26T19:00:00+00:00",
            labels=[{**label, "val": scores, "test": scores}],
        )
    )  # fmt: skip
    run.winner("vgg16").touch()
    return run


@pytest.fixture
def exported(tmp_path: Path) -> Any:
    """A graph that says how bright an image is, in place of a bundle."""
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", SIZE, SIZE, 3])
    output = helper.make_tensor_value_info("p_man", TensorProto.FLOAT, ["n", 1])
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["pixels"], ["row"]),
        helper.make_node("ReduceMean", ["row", "axis"], ["p_man"]),
    ]
    axis = helper.make_tensor("axis", TensorProto.INT64, [1], [1])
    graph = helper.make_graph(nodes, "bright", [image], [output], [axis])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    (tmp_path / "models" / "vgg16").mkdir(parents=True)
    onnx.save(model, tmp_path / "models" / "vgg16" / "model.onnx")
    info = SimpleNamespace(
        formats={"fp32": SimpleNamespace(file="model.onnx")},
        input=SimpleNamespace(size=SIZE, framing="face"),
    )
    return SimpleNamespace(candidate=SimpleNamespace(backbone="vgg16"), info=info)


def log(run: RunFolder, exported: Any) -> str:
    console = Console(file=StringIO(), width=200)
    mlflow_models.log(run, [exported], run.path.parent / "models", console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_a_model_can_be_loaded_with_its_signature(
    run: RunFolder, exported: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = (run.path.parent / "store").as_uri()
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv(mlflow_server.URI, store)
    example = np.zeros((3, SIZE, SIZE, 3), np.uint8)
    monkeypatch.setattr(mlflow_models.check_images, "draw", lambda *_: example)
    for _ in range(2):
        assert log(run, exported) == f"models logged to MLflow at {store}\n"
    (model,) = mlflow.search_logged_models(output_format="list")
    loaded = mlflow.pyfunc.load_model(model.model_uri)
    assert [(part.name, part.shape) for part in loaded.metadata.signature.outputs.inputs] == [
        ("p_man", (-1, 1))
    ]
    image = np.full((2, SIZE, SIZE, 3), 7, np.uint8)
    np.testing.assert_allclose(loaded.predict(image)["p_man"], 7.0)
    winner = mlflow.get_run(model.source_run_id)
    assert winner.info.status == "FINISHED" and winner.info.run_name == "vgg16 winner"


def test_a_server_that_is_down_costs_a_line(
    run: RunFolder, exported: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv(mlflow_server.URI, "http://ann:s3cret@127.0.0.1:9")
    said = log(run, exported)
    assert said.startswith("MLflow at http://127.0.0.1:9: ") and said.count("\n") == 1
    assert "the models are not logged there" in said and "s3cret" not in said


def test_without_an_address_nothing_is_said(
    run: RunFolder, exported: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(mlflow_server.URI, raising=False)
    assert log(run, exported) == "" and not run.mlflow.exists()
