from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from PIL import Image
from small_run import RUNS

from inference import Classifier, bundle, whole_image
from inference.runtime.session import open_session
from tuning.runs.run_folder import RunFolder


@pytest.fixture(params=["gender", "three"])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def models(name: str, exported: Path, exported_of: Callable[[str], Path]) -> Path:
    return exported if name == "gender" else exported_of(name)


@pytest.fixture
def pictures(name: str, run_of: Callable[[str], RunFolder]) -> list[Path]:
    return [Path(path) for path in pd.read_csv(run_of(name).manifest)["path"].iloc[-5:]]


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_linear_head_is_explained_exactly_in_each_precision(
    name: str, models: Path, pictures: list[Path], precision: bundle.Precision
) -> None:
    classifier = Classifier.load(models, precision=precision, finder=whole_image)
    for label in RUNS[name]:
        constants: dict[int, list[float]] = {}
        for picture in pictures:
            [why] = classifier.explain(picture, label.name)
            logits = np.log(np.clip(why.prediction.probabilities, 1e-30, 1))
            code = label.classes.index(why.class_name)
            of_class = logits[code] - (logits[1 - code] if label.is_binary else logits.mean())
            constants.setdefault(code, []).append(of_class - float(why.heat_map.values.sum()))
            assert why.heat_map.method == "class activation map"
            p = why.prediction.probabilities
            if np.max(p) > 1 - 1e-6 or np.min(p) < 1e-30:
                constants[code].pop()  # float32 says no more of such a logit
        assert all(np.ptp(of_one) < 0.02 for of_one in constants.values() if of_one)


def test_served_graphs_grow_by_two_small_nodes(models: Path, name: str) -> None:
    found = bundle.find(models)
    for file in ("model.onnx", "model.int8.onnx"):
        path = found.folder / file
        if not path.exists():
            continue
        graph = onnx.load(path).graph
        names = [label.class_activations for label in found.info.labels]
        assert [output.name for output in graph.output] == [
            *(label.output for label in RUNS[name]),
            *names,
        ]
        kinds = [node.op_type for node in graph.node]
        assert kinds.count("Sqrt") == 1  # features are computed once for logits and maps
        assert "Conv" not in kinds[kinds.index("Sqrt") :]


def test_an_onnx_file_alone_explains_itself(models: Path, pictures: list[Path]) -> None:
    alone = Classifier.from_onnx(bundle.find(models).folder / "model.onnx", finder=whole_image)
    [why] = alone.explain(Image.open(pictures[0]))
    assert why.heat_map.method == "class activation map"


def test_names_of_outputs_stay_those_of_the_labels(models: Path, name: str) -> None:
    session = open_session(bundle.find(models).folder / "model.onnx")
    assert [output.name for output in session.get_outputs()][: len(RUNS[name])] == [
        label.output for label in RUNS[name]
    ]
