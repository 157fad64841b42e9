import json
import shutil
from pathlib import Path

import pytest
from tiny_bundles import HAIR, SEVERAL, add_models, save_onnx

from data import Label
from inference import BundleError, Classifier, bundle, whole_image


@pytest.fixture(autouse=True)
def nothing_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def load(models: Path, *choice: str) -> Classifier:
    return Classifier.load(models, *choice, finder=whole_image)


def rewrite(folder: Path, **changes: object) -> None:
    """Change facts of a bundle, its files with their SHA-256 included, as a new export would."""
    path = folder / "bundle.json"
    info = bundle.read(folder).info.model_copy(update=changes)
    path.write_text(info.model_dump_json())


def replace_form(folder: Path, form: bundle.Precision, slope: float) -> None:
    """Put in a model of another slope, of which bundle.json knows the SHA-256."""
    info = bundle.read(folder).info
    path = save_onnx(folder / info.formats[form].file, info, slope)
    rewrite(folder, formats=info.formats | {form: bundle.ModelFile.of(path)})


def test_a_form_that_gives_other_answers_here_is_replaced(
    models: Path, caplog: pytest.LogCaptureFixture
) -> None:
    replace_form(models / "resnet50", "int8", 0.12)
    assert load(models).precision == "fp32"
    assert "resnet50: int8 does not give on this processor what it gave" in caplog.text
    with pytest.raises(BundleError, match=r"int8 does not give .*a probability off by 0\.\d\d"):
        load(models, "resnet50", "int8")


def test_fp32_is_checked_as_well(models: Path) -> None:
    replace_form(models / "resnet50", "fp32", 0.11)
    assert load(models, "resnet50").precision == "int8"
    replace_form(models / "resnet50", "int8", 0.12)
    with pytest.raises(BundleError, match="fp32 does not give"):
        load(models, "resnet50")


def test_what_passed_is_remembered_for_the_file(models: Path) -> None:
    load(models)
    (models / "resnet50" / "checks.png").unlink()
    assert load(models).precision == "int8"
    replace_form(models / "resnet50", "int8", 0.0991)  # another file: it proves itself anew
    assert load(models, "resnet50", "fp32")
    with pytest.raises(BundleError, match=r"checks\.png is missing"):
        load(models, "resnet50", "int8")


def test_what_failed_is_tried_again(models: Path) -> None:
    checks = bundle.read(models / "resnet50").info.checks
    assert checks
    wrong = {
        form: tuple((second, first) for first, second in answers)
        for form, answers in checks.expected.items()
    }
    rewrite(models / "resnet50", checks=checks.model_copy(update={"expected": wrong}))
    with pytest.raises(BundleError, match="does not give"):
        load(models, "resnet50")
    rewrite(models / "resnet50", checks=checks)
    assert load(models, "resnet50").precision == "int8"


def test_a_memory_that_cannot_be_written_or_read_is_done_without(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(models)
    for file in (tmp_path / "cache").rglob("*.json"):
        file.write_text('{"key": []')
    assert load(models).precision == "int8"
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert load(models).precision == "int8"


def test_the_faster_form_is_served_and_remembered(models: Path, tmp_path: Path) -> None:
    folder = models / "resnet50"
    assert load(models).precision == "int8"
    info = bundle.read(folder).info
    fast, slow = (
        save_onnx(tmp_path / "fast.onnx", info, 0.1),
        save_onnx(tmp_path / "slow.onnx", info, 0.099, slow=True),
    )
    shutil.copyfile(fast, folder / "model.onnx")
    shutil.copyfile(slow, folder / "model.int8.onnx")
    formats = {
        "fp32": bundle.ModelFile.of(folder / "model.onnx"),
        "int8": bundle.ModelFile.of(folder / "model.int8.onnx"),
    }
    rewrite(folder, formats=info.formats | formats)
    assert load(models).precision == "fp32"
    known = [json.loads(file.read_text())["value"] for file in (tmp_path / "cache").rglob("*.json")]
    assert ["int8", "cpu"] in known and ["fp32", "cpu"] in known


def test_without_check_images_fp32_is_served(
    models: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rewrite(models / "resnet50", checks=None)
    assert load(models).precision == "fp32"
    assert "without check images" in caplog.text
    assert load(models, "resnet50", "int8").precision == "int8"


def test_a_form_that_failed_at_export_is_never_served(models: Path) -> None:
    info = bundle.read(models / "resnet50").info
    failed = {form: one.model_copy(update={"passed": False}) for form, one in info.formats.items()}
    rewrite(models / "resnet50", formats=info.formats | {"int8": failed["int8"]})
    assert load(models, "resnet50").precision == "fp32"
    with pytest.raises(BundleError, match="int8 failed its check at export"):
        load(models, "resnet50", "int8")
    rewrite(models / "resnet50", formats=failed)
    with pytest.raises(BundleError, match="failed its check at export"):
        load(models, "resnet50")


@pytest.mark.parametrize("file", ["bundle.json", "model.onnx", "checks.png"])
def test_the_next_in_rank_stands_in_for_a_damaged_champion(
    models: Path, file: str, caplog: pytest.LogCaptureFixture
) -> None:
    for name in {file, "model.int8.onnx"} if file == "model.onnx" else {file}:
        (models / "resnet50" / name).write_bytes(b"\xff")
    assert load(models).info.backbone == "vgg16"
    assert "the model next in rank is used" in caplog.text
    with pytest.raises(BundleError, match="resnet50"):
        load(models, "resnet50")


def test_check_images_of_another_number_are_refused(models: Path) -> None:
    checks = bundle.read(models / "resnet50").info.checks
    assert checks
    fewer = {form: answers[:-1] for form, answers in checks.expected.items()}
    rewrite(models / "resnet50", checks=checks.model_copy(update={"expected": fewer}))
    with pytest.raises(BundleError, match="6 check images, but 5 expected"):
        load(models, "resnet50")


@pytest.mark.parametrize("labels", [(HAIR,), SEVERAL], ids=["many", "several"])
def test_all_classes_of_all_labels_are_compared(
    tmp_path: Path, labels: tuple[Label, ...], caplog: pytest.LogCaptureFixture
) -> None:
    """The last class of the last label too."""
    models = add_models(tmp_path, labels)
    assert load(models, "resnet50").precision == "int8"
    checks = bundle.read(models / "resnet50").info.checks
    assert checks
    off = {
        form: (*rows[:-1], (*rows[-1][:-1], abs(rows[-1][-1] - 0.1)))
        for form, rows in checks.expected.items()
    }
    for file in (tmp_path / "cache").rglob("*.json"):
        file.unlink()
    rewrite(models / "resnet50", checks=checks.model_copy(update={"expected": off}))
    with pytest.raises(BundleError, match=r"does not give .*a probability off by 0\.1"):
        load(models, "resnet50")
