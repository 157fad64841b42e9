"""Bundles on disk: which precision is served, what is refused, and with what words."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_bundles import SIZE, make_info

from inference import bundle
from inference.bundle import BundleError
from inference.bundle.store import Bundle


def with_formats(found: Bundle, **changes: dict[str, Any] | None) -> Bundle:
    """The bundle with other facts of some formats; None leaves one out."""
    formats = {
        name: form.model_copy(update=changes.get(name, {}))
        for name, form in found.info.formats.items()
        if changes.get(name, {}) is not None
    }
    return Bundle(found.folder, found.info.model_copy(update={"formats": formats}))


@pytest.mark.parametrize(
    ("int8_ms", "fp32_ms", "served"),
    [
        (9.0, 10.0, "int8"),  # just as much faster as is asked for
        (9.1, 10.0, "fp32"),
        (None, 10.0, "int8"),  # of exports that did not measure
        (9.1, None, "int8"),
    ],
)
def test_int8_is_served_where_it_was_clearly_faster(
    models: Path, int8_ms: float | None, fp32_ms: float | None, served: str
) -> None:
    found = with_formats(
        bundle.find(models), int8={"latency_ms": int8_ms}, fp32={"latency_ms": fp32_ms}
    )
    assert found.choose() == served
    assert found.choose("int8") == "int8" and found.choose("fp32") == "fp32"


def test_the_only_precision_is_served_however_slow(models: Path) -> None:
    found = bundle.find(models)
    assert with_formats(found, int8={"latency_ms": 99.0}, fp32=None).choose() == "int8"
    assert with_formats(found, int8=None).choose() == "fp32"


def test_a_precision_that_failed_its_check_is_refused_as_such(models: Path) -> None:
    failed = {"passed": False}
    found = with_formats(bundle.find(models), int8=failed)
    assert found.precisions() == ("fp32",)
    with pytest.raises(BundleError, match="resnet50: int8 failed its check at export"):
        found.choose("int8")
    with pytest.raises(BundleError, match="fp32 failed its check at export"):
        with_formats(found, int8=failed, fp32=failed).choose()
    with pytest.raises(BundleError, match=r"no fp32 model \(there: none\)"):
        with_formats(found, int8=None, fp32=None).choose()


def test_content_is_the_file_that_was_exported(models: Path) -> None:
    found = bundle.find(models)
    path = found.folder / "model.onnx"
    content = path.read_bytes()
    assert found.content("fp32") == content
    for changed in (content + b"x", content[:-1] + b"x"):
        path.write_bytes(changed)
        for load in (found.content, found.verified):
            with pytest.raises(BundleError, match=r"onnx is not the file that was exported"):
                load("fp32")
    path.write_bytes(content[:-1])
    size = len(content)
    with pytest.raises(BundleError, match=rf"is cut off \({size - 1} of {size} bytes\)"):
        found.content("fp32")


def test_a_file_that_grew_is_refused_before_it_is_read(models: Path) -> None:
    """A terabyte without content would not fit into memory."""
    found = bundle.find(models)
    with (found.folder / "model.onnx").open("r+b") as file:
        file.truncate(10**12)
    with pytest.raises(BundleError, match="SHA-256 differs"):
        found.content("fp32")
    with (found.folder / "checks.png").open("r+b") as file:
        file.truncate(10**12)
    with pytest.raises(BundleError, match="SHA-256 differs"):
        found.check_images()


def test_a_folder_in_place_of_a_model_is_one_line(models: Path) -> None:
    found = bundle.find(models)
    path = found.folder / "model.onnx"
    content = path.read_bytes()
    path.unlink()
    path.mkdir()
    (path / "inside").write_bytes(content)
    with pytest.raises(BundleError, match=r"model\.onnx cannot be read: Is a directory"):
        found.content("fp32")


def test_check_images_are_those_that_were_written(models: Path) -> None:
    found = bundle.find(models)
    images = found.check_images()
    assert (images.shape, images.dtype) == ((6, SIZE, SIZE, 3), np.uint8)
    assert images[:, 0, 0, 0].tolist() == list(range(90, 150, 10))
    none = Bundle(found.folder, found.info.model_copy(update={"checks": None}))
    with pytest.raises(BundleError, match=r"has no check images: .*make export"):
        none.check_images()


@pytest.mark.parametrize("content", [b"no image", "model.onnx"])
def test_check_images_that_are_none_are_refused(models: Path, content: bytes | str) -> None:
    """Though the bundle says that they are just these bytes."""
    found = bundle.find(models)
    path = found.folder / "checks.png"
    path.write_bytes(
        content if isinstance(content, bytes) else (found.folder / content).read_bytes()
    )
    checks = found.info.checks
    assert checks
    checks = checks.model_copy(update={"sha256": bundle.digest(path)})
    changed = Bundle(found.folder, found.info.model_copy(update={"checks": checks}))
    with pytest.raises(BundleError, match=rf"does not hold images of {SIZE} pixels"):
        changed.check_images()


def test_a_card_that_is_not_there_or_not_utf8_stops_nothing(models: Path) -> None:
    found = bundle.find(models)
    card = found.folder / "MODEL_CARD.md"
    card.write_bytes(b"# Caf\xe9")
    assert found.card == "# Caf\ufffd"
    card.unlink()
    assert found.card is None


def test_a_bundle_is_not_written_without_its_check_images(models: Path, tmp_path: Path) -> None:
    found = bundle.find(models)
    files = {name: found.folder / name for name in ("model.onnx", "model.int8.onnx")}
    with pytest.raises(BundleError, match=r"checks\.png is missing"):
        bundle.write(tmp_path / "new", found.info, files)
    assert not (tmp_path / "new").exists()
    files["checks.png"] = found.folder / "checks.png"
    written = bundle.write(tmp_path / "new", found.info, files)
    assert written.folder == tmp_path / "new"
    assert bundle.read(tmp_path / "new").info == found.info


def test_a_folder_is_a_part_of_a_bundle_too(tmp_path: Path) -> None:
    """As a SavedModel is."""
    saved = tmp_path / "saved_model"
    (saved / "variables").mkdir(parents=True)
    (saved / "variables" / "data").write_bytes(b"weights")
    info = make_info(formats={"saved_model": bundle.ModelFile.of(saved)})
    written = bundle.write(tmp_path / "new", info, {"saved_model": saved})
    assert (written.verified("saved_model") / "variables" / "data").read_bytes() == b"weights"


def test_the_names_in_the_file_are_those_of_the_version_before(tmp_path: Path) -> None:
    trial = {"settings": "minmax", "images": 9, "accuracy_lost": -0.1, "changed_decisions": 0.1}
    speed = {"processor": "x", "threads": 1, "batch": 16, "rounds": 3, "timings": {}}
    content = json.loads(make_info().model_dump_json()) | {
        "quantisation": [{**trial, "passed": True}],
        "speed": speed,
    }
    (tmp_path / "bundle.json").write_text(json.dumps(content))
    info = bundle.read(tmp_path).info
    assert info.quantization[0].settings == "minmax" and info.speed and info.speed.batch_size == 16
    written = bundle.write(tmp_path / "new", info, {}).folder / "bundle.json"
    assert json.loads(written.read_text()) == content


def test_what_may_be_replaced_is_a_bundle_or_nothing(models: Path, tmp_path: Path) -> None:
    empty, full, file = tmp_path / "empty", tmp_path / "full", tmp_path / "file"
    empty.mkdir()
    full.mkdir()
    (full / "notes.txt").touch()
    file.touch()
    named = tmp_path / "named"
    (named / "bundle.json").mkdir(parents=True)  # a folder of that name is no bundle's
    assert bundle.may_be_replaced(tmp_path / "gone")
    assert bundle.may_be_replaced(empty) and bundle.may_be_replaced(models / "vgg16")
    assert not any(map(bundle.may_be_replaced, (full, file, named)))


def test_the_index_says_what_there_is(models: Path, tmp_path: Path) -> None:
    assert bundle.read_index(models).ranked == ("resnet50", "vgg16")
    bundle.write_index(models, "vgg16", ["resnet50", "vgg16"])
    assert bundle.read_index(models).ranked == ("vgg16", "resnet50")
    assert bundle.find(models).info.backbone == "vgg16"
    with pytest.raises(BundleError, match=r"no model 'alexnet' in .* \(there: resnet50, vgg16\)"):
        bundle.find(models, "alexnet")
    with pytest.raises(BundleError, match=r"no exported models in .*: run `make export` first"):
        bundle.find(tmp_path / "nothing")
    with pytest.raises(ValueError, match="the champion alexnet is not among the bundles"):
        bundle.write_index(models, "alexnet", ["vgg16"])
    shutil.rmtree(models / "vgg16")
    with pytest.raises(BundleError, match=r"vgg16/bundle\.json is missing: .*make export"):
        bundle.find(models)


@pytest.mark.parametrize("text", ["[" * 100_000, " " * 10_000_001 + "{}", "\udcff"])
def test_a_description_that_would_harm_the_server_is_refused(models: Path, text: str) -> None:
    """Too deep, too large, or not text."""
    path = models / "resnet50" / "bundle.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(BundleError, match=r"bundle\.json cannot be read as JSON"):
        bundle.find(models)


def test_folders_are_told_apart_by_names_and_contents(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    (folder / "b").mkdir(parents=True)
    (folder / "b" / "one").write_bytes(b"12")
    (folder / "a").write_bytes(b"345")
    before = bundle.digest(folder)
    assert bundle.ModelFile.of(folder).bytes == 5
    assert bundle.ModelFile.of(folder / "a").bytes == 3
    (folder / "b" / "one").write_bytes(b"13")
    changed = bundle.digest(folder)
    (folder / "b" / "one").write_bytes(b"12")
    (folder / "b" / "empty").mkdir()  # folders without files are not part of it
    assert bundle.digest(folder) == before != changed


def test_the_time_of_an_export_is_not_in_the_onnx_file() -> None:
    """The bytes of a model stay the same from export to export."""
    early, late = (make_info(created=f"{year}-01-01T00:00:00+00:00") for year in (2025, 2026))
    assert bundle.to_metadata(early) == bundle.to_metadata(late)


def test_facts_that_others_added_to_an_onnx_file_are_passed_over() -> None:
    info = make_info()
    metadata = bundle.to_metadata(info) | {"author": "{", "input.colour": "x"}
    with pytest.raises(BundleError, match=r"model\.onnx: input\.colour"):
        bundle.from_metadata(metadata, Path("model.onnx"))
    del metadata["input.colour"]
    assert bundle.from_metadata(metadata, Path("model.onnx")) == info


@pytest.mark.parametrize(
    "changes",
    [
        {"input": {"size": 0, "framing": "stretch"}},
        {"input": {"size": 16, "framing": "squint"}},
        {"metrics": {"test_accuracy": 95.0}},
        {"unheard_of": 1},
        {"backbone": "../vgg16"},
    ],
)
def test_facts_that_cannot_be_are_refused_by_name(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="validation error"):
        make_info(**changes)
    content = make_info().model_dump(mode="json") | changes
    (tmp_path / "bundle.json").write_text(json.dumps(content))
    with pytest.raises(BundleError, match=rf"bundle\.json: {next(iter(changes))}.*make export"):
        bundle.read(tmp_path)
