import json
import shutil
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_bundles import make_info, save_onnx

from inference import bundle
from inference.bundle import BundleError

SHARES = st.floats(0, 1)
TEXT = st.text(max_size=12)


@given(st.lists(SHARES, min_size=3, max_size=3).map(sorted), SHARES, SHARES)
def test_label_follows_the_band(cuts: list[float], first: float, second: float) -> None:
    low, threshold, high = cuts
    info = make_info(threshold=threshold, band={"low": low, "high": high})
    order = ["woman", "uncertain", "man"]
    smaller, larger = (info.label_of(p) for p in sorted((first, second)))
    assert order.index(smaller) <= order.index(larger)
    assert (info.label_of(first) == "uncertain") == (low < first < high)


@given(SHARES, SHARES)
def test_without_a_band_the_threshold_decides(threshold: float, p_man: float) -> None:
    info = make_info(threshold=threshold, band=None)
    assert info.label_of(p_man) == ("man" if p_man >= threshold else "woman")


def test_a_probability_that_is_no_number_is_uncertain() -> None:
    assert make_info(band=None).label_of(float("nan")) == "uncertain"


def test_a_band_beside_the_threshold_is_refused() -> None:
    with pytest.raises(ValueError, match="inside the uncertainty band"):
        make_info(threshold=0.2)


@given(
    run=TEXT,
    synthetic=st.booleans(),
    temperature=st.floats(0.01, 100),
    band=st.none() | st.just({"low": 0.25, "high": 0.75, "share_uncertain": 0.1}),
    parameters=st.dictionaries(TEXT, st.none() | st.booleans() | st.integers() | TEXT, max_size=3),
    counts=st.dictionaries(TEXT, st.integers(0), max_size=3),
)
def test_metadata_carries_every_fact_but_the_files(
    run: str, synthetic: bool, temperature: float, band: object, parameters: dict, counts: dict
) -> None:
    info = make_info(
        run=run,
        synthetic=synthetic,
        temperature=temperature,
        band=band,
        hyperparameters=parameters,
        data={"name": run, "fingerprint": "{not json", "counts": counts},
    )
    metadata = bundle.to_metadata(info)
    assert all(isinstance(text, str) for text in metadata.values())
    assert bundle.from_metadata(metadata, Path("model.onnx")) == info


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


def test_a_saved_model_folder_is_hashed_with_its_names(tmp_path: Path) -> None:
    saved = tmp_path / "saved_model"
    (saved / "variables").mkdir(parents=True)
    (saved / "variables" / "data").write_bytes(b"weights")
    form = bundle.ModelFile.of(saved)
    assert form.bytes == 7
    (saved / "variables" / "data").rename(saved / "variables" / "other")
    assert bundle.digest(saved) != form.sha256


@pytest.mark.parametrize("version", [0, 2, None, "1"])
@pytest.mark.parametrize("file", ["index.json", "resnet50/bundle.json"])
def test_another_schema_version_is_refused(models: Path, file: str, version: object) -> None:
    path = models / file
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"schema_version": version}))
    with pytest.raises(BundleError, match=rf"schema version {version}, .* reads 1.*make export"):
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


def test_an_onnx_file_without_our_facts_is_refused(tmp_path: Path) -> None:
    path = save_onnx(tmp_path / "foreign.onnx", make_info())
    model = onnx.load(path)
    with pytest.raises(BundleError, match=r"foreign\.onnx does not carry"):
        bundle.from_metadata({}, path)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    with pytest.raises(BundleError, match=r"foreign\.onnx does not carry"):
        bundle.from_metadata(facts | {"labels": "woman, man"}, path)
