"""One output, one model and one set of settings."""

import json
from pathlib import Path

import pytest
from predict_command import Aligned, Draw, assert_refused, contents, predict
from tiny_bundles import HAIR, SMILING, add_bundle, add_models


def test_the_record_says_which_run_it_was(aligned: Aligned, draw: Draw, tmp_path: Path) -> None:
    aligned(draw("a.png", "red"), "--csv", tmp_path / "out.csv")
    record = json.loads((tmp_path / "out.csv.run.json").read_text())
    settings = record["settings"]
    bundle = json.loads((tmp_path / "models" / "resnet50" / "bundle.json").read_text())
    assert settings["sha256"] == bundle["formats"]["int8"]["sha256"]
    assert (settings["model"], settings["precision"]) == ("resnet50", "int8")
    assert (settings["aligned"], settings["framing"]) == (True, "stretch")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--backbone", "vgg16"], "with model resnet50, not vgg16"),
        (["--precision", "fp32"], "with precision int8, not fp32"),
        (["--annotate", "{marked}"], "with annotate none, not"),
    ],
)
def test_a_run_with_other_settings_is_refused(
    aligned: Aligned, draw: Draw, tmp_path: Path, change: list[str], message: str
) -> None:
    out = tmp_path / "out.csv"
    aligned(draw("a.png", "red"), "--csv", out)
    before = contents(tmp_path)
    change = [argument.format(marked=tmp_path / "marked") for argument in change]
    result = aligned(draw("b.png", "red"), "--csv", out, "--resume", *change)
    assert_refused(result, message)
    assert "--force" in result.stderr
    (tmp_path / "b.png").unlink()
    assert contents(tmp_path) == before


def test_a_model_exported_again_is_another_model(
    aligned: Aligned, draw: Draw, tmp_path: Path, models: Path
) -> None:
    out = tmp_path / "out.csv"
    aligned(draw("a.png", "red"), "--csv", out)
    add_bundle(models, tmp_path / "workshop", "resnet50", 0.2)
    assert_refused(aligned(draw("a.png", "red"), "--csv", out, "--resume"), "with sha256 ")


def test_the_detectors_settings_count(models: Path, draw: Draw, tmp_path: Path) -> None:
    arguments = (draw("a.png", "red"), "--models", models, "--csv", tmp_path / "out.csv")
    assert predict(*arguments, "--max-faces", 3).exit_code == 0
    for change in (["--max-faces", 4], ["--max-faces", 3, "--aligned"]):
        assert_refused(predict(*arguments, "--resume", *change), "start anew with --force")
    assert predict(*arguments, "--resume", "--max-faces", 3, "--threads", 1).exit_code == 0


def test_an_output_without_a_record_is_refused(
    aligned: Aligned, draw: Draw, tmp_path: Path
) -> None:
    """As the version before left it, complete or broken off."""
    photo, out = draw("a.png", "red"), tmp_path / "out.csv"
    aligned(photo, "--csv", out)
    (tmp_path / "out.csv.run.json").unlink()
    for name in ("out.csv", ".out.csv.part"):
        out.replace(tmp_path / name)
        for resume in (["--resume"], []):
            assert_refused(aligned(photo, "--csv", out, *resume), "kept no record")
        (tmp_path / name).replace(out)
    assert aligned(photo, "--csv", out, "--force").exit_code == 0
    assert aligned(photo, "--csv", out, "--resume").exit_code == 0


def test_a_model_of_another_label_does_not_continue_an_output(
    aligned: Aligned, draw: Draw, tmp_path: Path
) -> None:
    photo, out = draw("a.png", "red"), tmp_path / "out.csv"
    assert aligned(photo, "--csv", out).exit_code == 0
    before = out.read_bytes()
    others = add_models(tmp_path / "others", (SMILING, HAIR))
    options = ("--aligned", "--models", others, "--csv", out)
    result = predict(photo, *options, "--resume")
    assert_refused(
        result, "with labels gender (woman, man), not Smiling (no, yes); hair color (red,"
    )
    assert "--force" in result.stderr
    assert out.read_bytes() == before
    assert predict(photo, *options, "--force").exit_code == 0
    assert predict(photo, *options, "--resume").exit_code == 0
    assert "label:Smiling" in out.read_text().splitlines()[0]
