import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from data import GENDER
from export.int8 import quantize_model
from export.progress import Steps
from export.quantize import Recipe
from export.source import Split

GOOD, BAD = Recipe("minmax"), Recipe("percentile")
ROWS = np.arange(40)


class Quantizer:
    """Stands in for `Quantizer`: a copy of the model, which decides the opposite if it is bad."""

    def __init__(self, model: Path) -> None:
        self._model = model

    def quantize(self, recipe: Recipe, path: Path) -> None:
        shutil.copyfile(self._model, path)
        if recipe == BAD:
            invert(path)


def invert(path: Path) -> None:
    """Change the sign of the head's weights in an ONNX file."""
    model = onnx.load(path)
    [head] = [tensor for tensor in model.graph.initializer if tensor.name == "logit/kernel"]
    head.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(head), head.name))
    onnx.save(model, path)


@pytest.fixture(scope="module")
def val() -> Split:
    codes = ROWS[:, None] % 2
    images = np.full((40, 64, 64, 3), 30, np.uint8)
    images[ROWS % 2 == 1, ..., 0] = images[ROWS % 2 == 0, ..., 2] = 130
    return Split("val", images, ROWS, codes)


@pytest.fixture
def fp32_p(val: Split) -> np.ndarray:
    return np.eye(2)[val.codes[:, 0]]


@pytest.mark.parametrize(
    ("recipes", "verdicts"), [([GOOD, BAD], [True]), ([BAD, GOOD, BAD], [False, True])]
)
def test_the_first_recipe_that_passes_is_taken(
    onnx_file: Path,
    val: Split,
    fp32_p: np.ndarray,
    tmp_path: Path,
    steps: Steps,
    recipes: list,
    verdicts: list,
) -> None:
    result = quantize_model(Quantizer(onnx_file), [GENDER], val, fp32_p, tmp_path, steps, recipes)
    assert [trial.passed for trial in result.trials] == verdicts
    assert [trial.settings for trial in result.trials] == [str(r) for r in recipes[: len(verdicts)]]
    assert result.form and result.form.name == "int8"
    assert (result.val_p.argmax(axis=1) == val.codes[:, 0]).all()
    assert np.array_equal(result.form.predict(val.images), result.val_p)


def test_if_no_recipe_passes_there_is_no_model(
    onnx_file: Path,
    val: Split,
    fp32_p: np.ndarray,
    tmp_path: Path,
    steps: Steps,
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = quantize_model(
        Quantizer(onnx_file), [GENDER], val, fp32_p, tmp_path, steps, [BAD, BAD]
    )
    assert [trial.passed for trial in result.trials] == [False, False]
    assert result.form is None
    printed = capsys.readouterr().out
    assert "+100.00 points of accuracy lost, 100.00% of 32 decisions changed" in printed
    assert "no INT8 recipe passed, fp32 is served" in printed
