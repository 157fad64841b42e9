"""What a run knows of its data: copies, changed labels, given parts, folders of older versions."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

from data.synthetic.writing import generate
from tuning import inputs, precision
from tuning import run as runs
from tuning.progress import Progress
from tuning.runs.run_folder import RunError, RunFolder
from tuning.runs.settings import Settings

SETTINGS = Settings(
    data="", backbones=("googlenet",), preset="quick", size=64, weights="none", algorithm="random"
)


@pytest.fixture(scope="module")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = generate(tmp_path_factory.mktemp("run") / "drawn", 60)
    return sorted((folder / "img_align_celeba").iterdir())


@pytest.fixture
def table(portraits: list[Path], tmp_path: Path) -> Callable[..., Path]:
    """Write a table of the portraits: columns by name."""

    def write(**columns: list[object]) -> Path:
        path = tmp_path / "faces" / "faces.csv"
        path.parent.mkdir(exist_ok=True)
        files = {"file": list(map(str, portraits)), "sex": ["f", "m"] * 30}
        pd.DataFrame({**files, **columns}).to_csv(path, index=False)
        return path

    return write


class Session:
    """`make tune` up to the search, in one artifacts folder."""

    def __init__(self, artifacts: Path, data: Path) -> None:
        self.artifacts = artifacts
        self.settings = SETTINGS.model_copy(update={"data": str(data)})
        self.run = RunFolder(artifacts / "runs" / "tiny")
        self.text = ""

    def go(self, **settings: object) -> inputs.RunImages:
        out = StringIO()
        progress = Progress(Console(file=out, width=1000))
        chosen = self.settings.model_copy(update=settings)
        try:
            dataset = inputs.open_dataset(chosen, self.artifacts, progress)
            runs._greet(chosen, dataset, self.run, progress)
            images = inputs.prepare_images(chosen, dataset, self.artifacts, progress, self.run)
            runs._report_images(images, progress)
            config = runs._config(chosen, dataset, images, "none")
            self.run.begin(config, images.store.manifest)
        finally:
            self.text = out.getvalue()
        return images

    def config(self) -> dict[str, dict[str, object]]:
        return dict(json.loads(self.run.config.read_text()))


@pytest.fixture
def session(table: Callable[..., Path], tmp_path: Path) -> Session:
    return Session(tmp_path / "artifacts", table())


def test_the_same_data_go_on(session: Session) -> None:
    first = session.go()
    again = session.go()
    assert again.store.fingerprint == first.store.fingerprint
    assert session.config()["settings"]["split"] == "given"


def test_changed_labels_are_refused(session: Session, table: Callable[..., Path]) -> None:
    session.go()
    table(sex=["f", "m"] * 29 + ["m", "f"])
    with pytest.raises(RunError, match=r"run tiny was made from other .*labels.*RUN=<name>") as e:
        session.go()
    assert "\n" not in str(e.value)


def test_changed_people_and_splits_are_refused(
    session: Session, table: Callable[..., Path]
) -> None:
    people = [f"p{i // 2}" for i in range(60)]
    parts = (["train"] * 20 + ["val"] * 5 + ["test"] * 5) * 2
    table(person=people, split=parts)
    session.go()
    for change in ({"person": [*people[2:], "x", "y"], "split": parts},
                   {"person": people, "split": parts[::-1]}):  # fmt: skip
        table(**change)
        with pytest.raises(RunError, match="was made from other"):
            session.go()
    table(person=people, split=parts)
    session.go()


def test_a_reading_of_labels_and_a_split_are_settings(
    session: Session, table: Callable[..., Path]
) -> None:
    table(sex=[0, 1] * 30)
    before = session.go().store.manifest.set_index("path")["label"]
    assert "0 for woman, 1 for man is assumed" in session.text
    assert any("0 for woman" in note for note in session.config()["images"]["notes"])  # type: ignore[attr-defined]
    for change in ({"labels": "0=man,1=woman"}, {"split": "identity"}):
        (name,) = change
        with pytest.raises(RunError, match=f"made with {name}="):
            session.go(**change)
    session.run = RunFolder(session.artifacts / "runs" / "other")
    after = session.go(labels="0=man,1=woman").store.manifest.set_index("path")["label"]
    assert (after == 1 - before[after.index]).all()
    assert session.config()["settings"]["labels"] == "0=man,1=woman"
    assert session.settings.environment()["SPLIT"] == "given"


def test_the_name_of_a_run_is_that_of_versions_without_these_settings(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"data": "/x/celeba"})
    assert runs.default_name(settings) == "celeba-quick-86e827"
    assert (
        runs.default_name(settings.model_copy(update={"split": "identity"}))
        != "celeba-quick-86e827"
    )


def test_a_run_goes_on_on_a_machine_of_another_precision(
    session: Session, table: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    table()
    monkeypatch.setattr(precision, "_capabilities", list)
    for amx, words in ((True, "64 px, bfloat16"), (False, "64 px, float32")):
        monkeypatch.setattr(precision, "_multiplies_bfloat16", lambda amx=amx: amx)
        session.go(precision="auto")
        assert words in session.text
    assert session.config()["settings"]["precision"] == "auto"
    with pytest.raises(RunError, match="made with precision='auto', not 'float32'"):
        session.go(precision="float32")


def test_people_in_several_given_parts_are_reported_and_can_be_parted(
    session: Session, table: Callable[..., Path]
) -> None:
    table(person=[f"p{i % 20}" for i in range(60)],
          split=["train"] * 20 + ["val"] * 20 + ["test"] * 20)  # fmt: skip
    session.go()
    assert "20 of 20 people are in several parts of the given split" in session.text
    assert "20 of 20 people" in " ".join(session.config()["images"]["notes"])  # type: ignore[arg-type]
    session.run = RunFolder(session.artifacts / "runs" / "other")
    manifest = session.go(split="identity").store.manifest
    assert (manifest.groupby("identity")["split"].nunique() == 1).all()
    assert "SPLIT=identity makes a new one" in session.text


def test_copies_are_left_out_of_a_run_and_reported(
    session: Session, portraits: list[Path], table: Callable[..., Path]
) -> None:
    folder = table().parent
    for i in range(10):
        (folder / f"copy{i}.jpg").write_bytes(portraits[i].read_bytes())
        Image.open(portraits[20 + i]).resize((100, 122)).save(folder / f"small{i}.jpg")
    files = [*map(str, portraits), *(f"copy{i}.jpg" for i in range(10)),
             *(f"small{i}.jpg" for i in range(10))]  # fmt: skip
    table(file=files, sex=["f", "m"] * 40)
    images = session.go()
    assert "left out: 10 copies, byte for byte, of 10 images" in session.text
    assert "20 images look like another one" in session.text
    parts = dict(zip(images.store.manifest["path"], images.store.manifest["split"], strict=True))
    small = {str(folder / f"small{i}.jpg"): str(portraits[20 + i]) for i in range(10)}
    kept = [path for path in small if path in parts]
    assert all(parts[path] == parts[small[path]] for path in kept)
    assert len(parts) == len(images.store.images) == 60 + len(kept)
    assert f"left out: {10 - len(kept)} images that look like one in another part" in session.text


@pytest.mark.parametrize("version", [1, None])
def test_a_run_of_an_earlier_version_is_refused_in_one_line(
    session: Session, version: int | None
) -> None:
    session.go()
    before = json.dumps(session.config() | {"schema_version": version})
    session.run.config.write_text(before)
    with pytest.raises(RunError, match=r"another version .* give another RUN=<name>") as caught:
        session.go()
    assert "\n" not in str(caught.value)
    assert session.run.config.read_text() == before


@pytest.mark.parametrize("change", [{"schema_version": 1}, {"settings": {"size": 96}}])
def test_a_run_is_refused_before_its_data_are_read(
    session: Session, change: dict[str, dict[str, object]]
) -> None:
    session.go()
    config = session.config()
    settings = config["settings"] | change.get("settings", {})
    session.run.config.write_text(json.dumps(config | change | {"settings": settings}))
    before = sorted(session.run.path.iterdir())
    Path(session.settings.data).unlink()
    with pytest.raises(RunError, match=r"another version|made with size="):
        runs.tune(session.settings, session.artifacts, session.run.name)
    assert sorted(session.run.path.iterdir()) == before


def test_names_with_brackets_are_printed_as_they_are(
    session: Session, portraits: list[Path], table: Callable[..., Path]
) -> None:
    odd = table().parent / "[bold]x[red].jpg"
    odd.write_bytes(portraits[0].read_bytes())
    table(file=[*map(str, portraits[:59]), odd.name], sex=["f", "m"] * 30)
    session.go()
    assert f"{odd} (man)" in session.text
