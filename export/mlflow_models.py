"""Exported models on the MLflow server that a run was logged to."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import onnxruntime
from rich.console import Console

from export import check_images
from export.bundling import Exported
from inference import bundle
from tuning.runs.run_folder import RunFolder
from tuning.tracking import mlflow_server
from tuning.tracking.mlflow_log import MlflowLog

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from inference.bundle import BundleInfo

_NAME = "model"
_NEEDED = ("onnx", "onnxruntime", "numpy")
_DIGEST = "model.sha256"  # tag of a winner's run: what was logged last


def log(run: RunFolder, exported: Sequence[Exported], models: Path, console: Console) -> None:
    """Log ONNX models to their winners' MLflow runs, where MLFLOW_TRACKING_URI is set.

    What the search could not log is logged first. An export does not fail by a tracking server:
    what goes wrong is said in a line, and the next export logs what is missing.

    Args:
        run: Folder of the finished run.
        exported: What was exported.
        models: Folder of the bundles.
        console: Console to print to.
    """
    server = mlflow_server.server()
    if server is None:
        return
    try:
        client = mlflow_server.client()
        tracked = MlflowLog(run, client, server)
        tracked.update("FINISHED")
        for item in exported:
            child = tracked.child(f"{item.candidate.backbone}/winner")
            if child:
                _log_model(client, child, models / item.candidate.backbone, item.info)
        said = f"models logged to MLflow at {server}"
    except Exception as error:  # whatever a server or its client comes up with
        said = f"MLflow at {server}: {mlflow_server.reason(error)}; the models are not logged there"
    console.print(said, markup=False, soft_wrap=True)


def _log_model(client: MlflowClient, child: str, folder: Path, info: BundleInfo) -> None:
    """Log a bundle's fp32 model with signature and a drawn example, unless it is there."""
    import mlflow.onnx
    from mlflow.models import Model, infer_signature

    path = folder / info.formats["fp32"].file
    digest = bundle.digest(path)
    logged = client.get_run(child)
    if logged.data.tags.get(_DIGEST) == digest:
        return
    example = check_images.draw(info.input.size, info.input.framing)[:1]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    outputs = session.run(names, {session.get_inputs()[0].name: example})
    mlflow.set_tracking_uri(mlflow_server.uri())
    mlflow.set_experiment(experiment_id=logged.info.experiment_id)
    Model.log(
        None, mlflow.onnx, name=_NAME, run_id=child, onnx_model=onnx.load(path),
        signature=infer_signature(example, dict(zip(names, outputs, strict=True))),
        input_example=example, save_as_external_data=False,
        onnx_execution_providers=["CPUExecutionProvider"],
        pip_requirements=[f"{package}=={version(package)}" for package in _NEEDED],
    )  # fmt: skip
    client.set_tag(child, _DIGEST, digest)
