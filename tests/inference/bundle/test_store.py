import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_bundles import make_info, save_onnx

from inference import BundleError, bundle


def test_a_card_that_is_not_utf_8_is_shown_all_the_same(models: Path) -> None:
    (models / "resnet50" / "MODEL_CARD.md").write_bytes(b"# R\xe9sum\xe9")
    assert bundle.read(models / "resnet50").card == "# R�sum�"
    (models / "resnet50" / "MODEL_CARD.md").unlink()
    (models / "resnet50" / "MODEL_CARD.md").mkdir()
    assert bundle.read(models / "resnet50").card is None


def test_facts_nested_beyond_measure_are_refused(models: Path) -> None:
    (models / "resnet50" / "bundle.json").write_text("[" * 100_000)
    with pytest.raises(BundleError, match="cannot be read as JSON"):
        bundle.find(models)


def test_a_bundle_comes_back_as_it_was_written(models: Path) -> None:
    found = bundle.find(models, "vgg16")
    assert found.info.backbone == "vgg16"
    assert found.card and found.card.startswith("# Model card of vgg16")
    assert found.verified("fp32").name == "model.onnx"
    assert found.info == bundle.read(models / "vgg16").info


def test_no_hidden_leftovers(models: Path) -> None:
    assert sorted(path.name for path in models.iterdir()) == ["index.json", "resnet50", "vgg16"]


def test_the_champion_is_found_when_none_is_named(models: Path) -> None:
    assert bundle.find(models).info.backbone == "resnet50"


def test_int8_is_served_only_if_it_passed(models: Path) -> None:
    found = bundle.find(models)
    assert found.choose() == "int8"
    failed = found.info.formats["int8"].model_copy(update={"passed": False})
    formats = found.info.formats | {"int8": failed}
    info = found.info.model_copy(update={"formats": formats})
    assert bundle.Bundle(found.folder, info).choose() == "fp32"


def test_a_precision_that_is_not_there_is_named(models: Path) -> None:
    found = bundle.find(models)
    info = found.info.model_copy(update={"formats": {"fp32": found.info.formats["fp32"]}})
    with pytest.raises(BundleError, match=r"no int8 model \(there: fp32\)"):
        bundle.Bundle(found.folder, info).choose("int8")


def change_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def swap_for_foreign(path: Path) -> None:
    shutil.copyfile(path.parent.parent / "vgg16" / path.name, path)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (change_byte, "SHA-256 differs"),
        (cut_off, "cut off"),
        (swap_for_foreign, "(SHA-256 differs|cut off)"),
        (Path.unlink, "is missing"),
    ],
)
def test_a_damaged_model_is_refused_by_name(
    models: Path, damage: Callable[[Path], None], reason: str
) -> None:
    damage(models / "resnet50" / "model.onnx")
    with pytest.raises(BundleError, match=rf"resnet50/model\.onnx .*{reason}.*make export"):
        bundle.find(models).verified("fp32")


@pytest.mark.parametrize("version", [0, 3, None, "1", [1], "3\n" * 1000])
@pytest.mark.parametrize(
    ("file", "read"), [("index.json", "1"), ("resnet50/bundle.json", "1 and 2")]
)
def test_another_schema_version_is_refused(
    models: Path, file: str, read: str, version: object
) -> None:
    path = models / file
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"schema_version": version}))
    match = rf"schema version .{{0,50}}, this program reads {read}: .*make export"
    with pytest.raises(BundleError, match=match):
        bundle.find(models)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema_version": 1}'])
def test_a_damaged_description_is_refused_by_name(models: Path, text: str) -> None:
    (models / "resnet50" / "bundle.json").write_text(text)
    with pytest.raises(BundleError, match=r"resnet50/bundle\.json"):
        bundle.find(models)


@pytest.mark.parametrize("name", ["../outside", "/etc", ".hidden", ""])
def test_an_index_stays_inside_its_folder(models: Path, name: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        bundle.write_index(models, name, [name])
    with pytest.raises(BundleError, match=r"no model|resnet50"):
        bundle.find(models, name or "../")


def test_a_failed_write_leaves_the_old_bundle(models: Path, tmp_path: Path) -> None:
    old = bundle.find(models)
    other = save_onnx(tmp_path / "model.onnx", make_info(run="other"), slow=True)
    with pytest.raises(BundleError, match=r"model\.onnx is not the file"):
        bundle.write(models / "resnet50", old.info, {"model.onnx": other})
    assert bundle.find(models).verified("fp32")
    test_no_hidden_leftovers(models)


def test_a_folder_of_somebody_is_not_replaced(models: Path, tmp_path: Path) -> None:
    (models / "mine").mkdir()
    (models / "mine" / "thesis.tex").write_text("years of work")
    info = make_info("mine")
    with pytest.raises(BundleError, match="mine holds files that are no bundle"):
        bundle.write(models / "mine", info, {})
    assert (models / "mine" / "thesis.tex").read_text() == "years of work"


def test_a_written_bundle_replaces_the_old_one(models: Path, tmp_path: Path) -> None:
    info = make_info("resnet50", run="second")
    file = save_onnx(tmp_path / "model.onnx", info)
    info = info.model_copy(update={"formats": {"fp32": bundle.ModelFile.of(file)}})
    bundle.write(models / "resnet50", info, {"model.onnx": file})
    assert bundle.find(models).info.run == "second"
    assert not (models / "resnet50" / "model.int8.onnx").exists()
    test_no_hidden_leftovers(models)
