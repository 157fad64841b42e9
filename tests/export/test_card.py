from pathlib import Path

import pandas as pd
import pytest

from export import card
from inference import bundle
from inference.bundle import BundleInfo
from tuning.runs.run_folder import RunFolder


@pytest.fixture
def info(exported: Path) -> BundleInfo:
    return bundle.find(exported).info


@pytest.fixture
def groups(exported: Path) -> pd.DataFrame:
    return pd.read_csv(exported / "vgg16" / "audit.csv")


def render(run: RunFolder, info: BundleInfo, groups: pd.DataFrame, served: str = "int8") -> str:
    facts = run.read_metrics().winners["vgg16"]
    return card.render(info, facts, run.read_config(), groups, served)


def test_the_card_has_the_figures_of_the_run(
    exported: Path, small_run: RunFolder, info: BundleInfo
) -> None:
    text = bundle.find(exported).card
    assert text
    for words in (
        "only show that the pipeline works",
        "random start",
        "not a person's gender",
        "96 images for training, 120 for validation, 120\nfor testing",
        "| accuracy | 90.00 % (95 % interval 83.3 to 94.2 %) |",
        "| Eyeglasses: yes | 40 |",
        "| ONNX INT8",
        " (served) |",
        "| minmax | +0.00 | 0.00 % of 120 | passed |",
        f"for an accuracy of {100 * info.band.target_accuracy:.2f} % on",
    ):
        assert words in text
    assert "None" not in text and "nan" not in text


def test_what_does_not_hold_is_not_said(
    small_run: RunFolder, info: BundleInfo, groups: pd.DataFrame
) -> None:
    weights = info.weights.model_copy(update={"source": "imagenet", "fingerprint": "f" * 64})
    real = info.model_copy(update={"synthetic": False, "weights": weights})
    text = render(small_run, real, groups)
    assert "pipeline works" not in text and "random start" not in text
    assert "`imagenet`, fingerprint `ffffffffffffffff`" in text


@pytest.mark.parametrize("served", ["fp32", "int8"])
def test_one_form_is_marked_as_served(
    small_run: RunFolder, info: BundleInfo, groups: pd.DataFrame, served: str
) -> None:
    text = render(small_run, info, groups, served)
    title = {"fp32": "ONNX fp32", "int8": "ONNX INT8"}[served]
    assert text.count("(served)") == 1
    assert f"| {title} (served) |" in text


def test_without_int8_the_card_says_so(
    small_run: RunFolder, info: BundleInfo, groups: pd.DataFrame
) -> None:
    formats = {name: file for name, file in info.formats.items() if name != "int8"}
    failed = info.quantization[0].model_copy(update={"passed": False})
    text = render(
        small_run, info.model_copy(update={"formats": formats, "quantization": (failed,)}), groups
    )
    assert "No recipe passed" in text and "| failed |" in text
    assert "No recipe passed" not in render(small_run, info, groups)


def test_without_groups_the_card_says_so(small_run: RunFolder, info: BundleInfo) -> None:
    text = render(small_run, info, pd.DataFrame(columns=["feature", "group", "gap"]))
    assert "No attribute splits the test images" in text
