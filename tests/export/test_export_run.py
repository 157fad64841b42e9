from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from export import export_run as module
from export.bundling import Exported
from export.champion import Candidate, Limits, LimitsError
from export.export_run import export_run
from export.parity import ParityError
from export.progress import Steps
from export.source import Source
from inference import BundleError, bundle
from tuning.runs.run_folder import RunError, RunFolder
from tuning.runs.schema import WinnerFacts
from tuning.runs.status import Driver, RunStatus

FIGURES = {"vgg16": (0.97, 12.0), "vgg19": (0.99, 30.0), "resnet50": (0.98, 9.0)}


@pytest.fixture
def three_winners(run_copy: RunFolder) -> RunFolder:
    [first] = run_copy.winners()
    for name in FIGURES:
        run_copy.winner(name).touch()
        run_copy.write_winner(first.model_copy(update={"backbone": name}))
    return run_copy


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, exported: Path) -> list[str]:
    """Winners become bundles without files; those in the list fail their check."""
    failing: list[str] = []

    def export_winner(
        source: Source, facts: WinnerFacts, folder: Path, steps: Steps, _
    ) -> Exported:
        if facts.backbone in failing:
            raise ParityError(f"{facts.backbone} as fp32 differs")
        info = bundle.find(exported).info.model_copy(update={"backbone": facts.backbone})
        formats = {name: f for name, f in info.formats.items() if name != "saved_model"}
        info = info.model_copy(update={"formats": formats, "checks": None})
        files = {f.file: exported / "vgg16" / f.file for f in formats.values()}
        bundle.write(folder, info, files)
        accuracy, latency = FIGURES[facts.backbone]
        return Exported(Candidate(facts.backbone, "int8", 0.02, accuracy, latency, 15.0), info)

    monkeypatch.setattr(module, "export_winner", export_winner)
    return failing


def test_the_champion_is_named_and_all_are_compared(
    three_winners: RunFolder, image_cache: Path, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    exported = export_run(three_winners, models, image_cache, Limits(max_latency_ms=20))
    assert [item.candidate.backbone for item in exported] == ["vgg19", "resnet50", "vgg16"]
    index = bundle.read_index(models)
    assert index.champion == "resnet50"
    assert index.bundles == ("vgg19", "resnet50", "vgg16")
    table = pd.read_csv(models / "comparison.csv")
    assert table["backbone"][table["champion"]].tolist() == ["resnet50"]
    with Image.open(models / "pareto.png") as plot:
        assert plot.width > 500


def test_a_model_that_differs_does_not_stop_the_others(
    three_winners: RunFolder, image_cache: Path, tmp_path: Path, quick: list[str]
) -> None:
    quick.append("vgg19")
    models = tmp_path / "models"
    with pytest.raises(ParityError, match="vgg19 as fp32 differs"):
        export_run(three_winners, models, image_cache, Limits())
    assert bundle.read_index(models).bundles == ("resnet50", "vgg16")
    assert not (models / "vgg19").exists()


def test_if_every_model_differs_there_is_nothing(
    three_winners: RunFolder, image_cache: Path, tmp_path: Path, quick: list[str]
) -> None:
    quick.extend(FIGURES)
    with pytest.raises(ParityError, match="as fp32 differs"):
        export_run(three_winners, tmp_path / "models", image_cache, Limits())
    assert not (tmp_path / "models").exists()


def test_without_a_champion_the_bundles_are_there(
    three_winners: RunFolder, image_cache: Path, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    with pytest.raises(LimitsError, match="nearest is resnet50"):
        export_run(three_winners, models, image_cache, Limits(max_latency_ms=5))
    assert {folder.name for folder in models.iterdir() if folder.is_dir()} == set(FIGURES)
    assert not pd.read_csv(models / "comparison.csv")["champion"].any()
    assert (models / "pareto.png").is_file()
    with pytest.raises(BundleError):
        bundle.read_index(models)


def test_an_export_replaces_one_written_before(
    three_winners: RunFolder, image_cache: Path, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    export_run(three_winners, models, image_cache, Limits())
    assert bundle.read_index(models).champion == "vgg19"
    export_run(three_winners, models, image_cache, Limits(max_latency_ms=20))
    assert bundle.read_index(models).champion == "resnet50"


@pytest.mark.parametrize("name", ["index.json", "comparison.csv", "pareto.png", "vgg16/notes.txt"])
def test_nothing_is_overwritten_that_no_export_wrote(
    small_run: RunFolder, image_cache: Path, tmp_path: Path, name: str
) -> None:
    foreign = tmp_path / "mine" / name
    foreign.parent.mkdir(parents=True)
    foreign.write_text("years of work")
    with pytest.raises(RunError, match=r"was not written by an export .*MODELS="):
        export_run(small_run, tmp_path / "mine", image_cache, Limits())
    assert foreign.read_text() == "years of work"
    assert [path for path in (tmp_path / "mine").rglob("*") if path.is_file()] == [foreign]


def test_a_search_that_goes_on_has_its_winners_exported(
    three_winners: RunFolder, image_cache: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    three_winners.metrics.unlink()
    three_winners.winner_facts("vgg19").unlink()  # killed before it was written
    driver = Driver(host="elsewhere", pid=1, started=0.0)
    status = RunStatus(state="interrupted", driver=driver, updated=0.0, spent=60.0)
    three_winners.write_status(status)
    exported = export_run(three_winners, tmp_path / "models", image_cache, Limits())
    assert {item.candidate.backbone for item in exported} == {"vgg16", "resnet50"}
    assert "the search has not ended: these are its winners so far" in capsys.readouterr().out


def test_a_run_without_a_winner_is_refused(
    run_copy: RunFolder, image_cache: Path, tmp_path: Path
) -> None:
    run_copy.winner_facts("vgg16").unlink()
    with pytest.raises(RunError, match="has no winner yet: `make tune RUN=run` goes on"):
        export_run(run_copy, tmp_path / "models", image_cache, Limits())
    assert not (tmp_path / "models").exists()
