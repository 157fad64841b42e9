"""The documentation's lines that use an ONNX file without this project."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from inference import Classifier, whole_image
from tuning.runs.run_folder import RunFolder

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "prediction.md"


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("name", ["gender", "color", "three"])
def test_the_lines_on_the_page_predict_what_the_program_does(
    exported_of: Callable[[str], Path],
    run_of: Callable[[str], RunFolder],
    name: str,
    precision: str,
) -> None:
    models, picture = exported_of(name), pd.read_csv(run_of(name).manifest)["path"].iloc[-1]
    [face] = Classifier.load(models, precision=precision, finder=whole_image).predict(picture)
    blocks = [part.split("```")[0] for part in PAGE.read_text("utf-8").split("```python")[1:]]
    [lines] = [block for block in blocks if "import onnxruntime" in block]
    file = models / "vgg16" / {"fp32": "model.onnx", "int8": "model.int8.onnx"}[precision]
    command = [sys.executable, "-c", lines, str(file), picture]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for line, prediction in zip(done.stdout.splitlines(), face.predictions, strict=True):
        said, p = line.rsplit(" ", 1)
        assert said == f"{prediction.label.name} {prediction.decision}"
        assert float(p) == pytest.approx(prediction.probability, abs=1e-6)
