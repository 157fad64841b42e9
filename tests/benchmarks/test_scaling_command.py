import json
import os
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.scaling.constants import KEPT, Constants
from benchmarks.scaling.measuring import measure
from benchmarks.scaling.plans import markdown
from tuning.runs.settings import Settings


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    for name in ("DATA", "WEIGHTS", "SAMPLES", "BACKBONES", "SIZE", "PRECISION", "SEED"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(["--artifacts", str(tmp_path), "scaling", *arguments])
        return int(ended.value.code or 0)

    return run


def test_a_prediction_is_printed_and_kept(ask, tmp_path, capsys) -> None:
    machines = ("--cores", "16", "--nodes", "3", "--cache-gb", "200")
    assert ask("--images", "200000", "--size", "96", "--backbones", "all", *machines) == 0
    printed = capsys.readouterr().out
    for word in ("trunk pass", "slot-min", "limit:", "disk:", "network:", "VGG19:", "WORKERS="):
        assert word in printed
    content = json.loads((tmp_path / "bench" / "scaling.json").read_text())
    assert content["scenario"]["images"] == 200_000
    assert content["minutes"] == pytest.approx(sum(content["seconds_on_the_way"].values()) / 60)


def test_constants_measured_here_come_before_the_projects(ask, tmp_path, capsys) -> None:
    ask("--backbones", "googlenet")
    assert "the project's constants" in capsys.readouterr().out
    here = Constants.read(KEPT).model_copy(update={"processor": "mine"})
    (tmp_path / "bench" / "scaling-constants.json").write_text(here.model_dump_json())
    ask("--backbones", "googlenet")
    assert "scaling-constants.json: mine" in capsys.readouterr().out.replace("\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--size", "32"), "SIZE=32: must be 64 to 224"),
        (("--backbones", "alexnet"), "BACKBONES=alexnet: must be one of"),
        (("--images", "5"), "Invalid value for '--images'"),
        (("--constants", "nowhere.json"), "nowhere.json"),
    ],
)
def test_wrong_usage_of_scaling_is_one_line(ask, arguments, message, capsys) -> None:
    assert ask(*arguments) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("error: ")
    assert message in errors
    assert errors.count("\n") == 1


def test_a_folder_that_is_no_run_is_one_line(ask, tmp_path, capsys) -> None:
    assert ask("--check", str(tmp_path)) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_the_page_has_the_plans_of_the_projects_constants() -> None:
    page = (Path(__file__).parents[2] / "docs" / "scaling.md").read_text(encoding="utf-8")
    assert markdown(Constants.read(KEPT)) in page, "put the table of `scaling --plans` into it"


@pytest.mark.slow
def test_constants_are_measured(portraits: Path, tmp_path: Path) -> None:
    settings = Settings(
        data=str(portraits), samples=100, backbones=("googlenet",), preset="quick", size=96,
        weights="none", algorithm="random", precision="float32",
    )  # fmt: skip
    before, said = dict(os.environ), []
    constants = measure(settings, tmp_path, said.append)
    assert dict(os.environ) == before
    assert len(said) == 4
    googlenet, project = constants.backbones["googlenet"], Constants.read(KEPT)
    assert len(googlenet.depths) == 5
    shapes = [(one.stride, one.channels, one.weights) for one in googlenet.depths]
    kept = project.backbones["googlenet"].depths
    assert shapes == [(one.stride, one.channels, one.weights) for one in kept]
    assert googlenet.depths[1].step.seconds(96, 1) < googlenet.depths[4].step.seconds(96, 1)
    assert Constants.model_validate_json(constants.model_dump_json()) == constants
