"""What a run starts from: several data sets, faces that are found, images that a run began with."""

import json
import shutil
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

from data import (
    DataError,
    Guess,
    ImageError,
    NoFaceError,
    decode,
    read_manifest,
    to_square,
)
from data.synthetic.writing import generate
from inference import FaceFinder
from inference.bundle import Input
from inference.detection.detector import Detector
from inference.detection.finder import PreparedPicture
from tuning import face_search, inputs
from tuning import run as runs
from tuning.face_search import subject
from tuning.progress import Progress
from tuning.runs.run_folder import RunError, RunFolder, rows_fingerprint
from tuning.runs.settings import Settings

SIZE = 64


@pytest.fixture(scope="module")
def aligned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Portraits in CelebA's layout and frame, of twenty people."""
    return generate(tmp_path_factory.mktemp("aligned") / "drawn", 60, seed=0)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty drawn faces off the middle of wider pictures, a folder a class."""
    folder = tmp_path_factory.mktemp("photos")
    drawn = sorted(generate(folder / "drawn", 120, seed=1).rglob("*.jpg"))[::3]
    for number, path in enumerate(drawn):
        photo = Image.new("RGB", (400, 300), (120, 150, 120))
        photo.paste(decode(path), (20 + number, 50))
        place = folder / "faces" / ("man" if number % 2 else "woman") / f"{number:02d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        photo.save(place)
    return folder / "faces"


class Session:
    """`make tune` up to the search, in one artifacts folder."""

    def __init__(self, artifacts: Path) -> None:
        self.artifacts = artifacts
        self.text = ""

    def go(self, run: str = "tiny", **settings: object) -> inputs.RunImages:
        out = StringIO()
        progress = Progress(Console(file=out, width=1000))
        chosen = Settings(backbones=("googlenet",), preset="quick", size=SIZE, **settings)  # type: ignore[arg-type]
        folder = RunFolder(self.artifacts / "runs" / run)
        dataset = inputs.open_dataset(chosen, self.artifacts, progress)
        images = inputs.prepare_images(chosen, dataset, self.artifacts, progress, folder)
        runs._report_images(images, progress)
        folder.begin(runs._config(chosen, dataset, images, "none"), images.store.manifest)
        self.text = out.getvalue()
        return images

    def folder(self, run: str = "tiny") -> RunFolder:
        return RunFolder(self.artifacts / "runs" / run)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path / "artifacts")


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The pictures in which a face was searched for."""
    seen: list[Path] = []
    find = FaceFinder.__call__

    def count(finder: FaceFinder, source: Path, wanted: Input) -> PreparedPicture:
        seen.append(source)
        return find(finder, source, wanted)

    monkeypatch.setattr(FaceFinder, "__call__", count)
    return seen


@pytest.mark.parametrize("framing", [None, "detect"])
def test_a_model_learns_from_what_it_sees_when_it_serves(
    framing: str | None, session: Session, photos: Path
) -> None:
    images = session.go(data=str(photos), framing=framing)
    store = images.store
    assert store.framing == "face" and images.detected == ("folder per class",)
    for path, square in zip(store.manifest["path"], store.images, strict=True):
        [face] = FaceFinder(1)(Path(path), Input(size=SIZE, framing="face")).faces
        assert np.array_equal(square, face.pixels)
    assert "are found and aligned first, as when serving" in session.text
    assert "without a face" not in session.text


def test_faces_are_found_once_also_for_export_when_some_have_none(
    session: Session, photos: Path, searched: list[Path], tmp_path: Path
) -> None:
    table = tmp_path / "faces.csv"
    wall = tmp_path / "wall.png"
    Image.new("RGB", (100, 100), "gray").save(wall)
    faces = sorted(photos.rglob("*.png"))
    rows = [f"{path},{path.parent.name}\n" for path in faces]
    table.write_text("path,label\n" + "".join([*rows[:7], f"{wall},man\n", *rows[7:]]))
    first = session.go(data=str(table), framing="detect")
    assert len(searched) == 41 and len(first.store.images) == 40
    assert first.store.broken == ((str(wall), "no face found"),)
    assert "left out: 1 images without a face" in session.text
    session.go(data=str(table), framing="detect")
    session.go(run="other", data=str(table), framing="detect", label="label")
    again = inputs.images_of(session.folder(), session.artifacts / "cache" / "images")
    assert np.array_equal(again.images, first.store.images)
    assert len(searched) == 41


def test_images_of_a_run_are_made_again_when_the_cache_is_gone(
    session: Session, photos: Path, searched: list[Path], tmp_path: Path
) -> None:
    first = session.go(data=str(photos), framing="detect")
    again = inputs.images_of(session.folder(), tmp_path / "elsewhere")
    assert np.array_equal(again.images, first.store.images)
    assert len(searched) == 2 * len(first.store.images)
    plain = session.go(run="plain", data=str(photos), framing="stretch")
    assert plain.store.framing == "stretch" and plain.detected == ()
    images = inputs.images_of(session.folder("plain"), tmp_path / "elsewhere")
    assert np.array_equal(images.images, plain.store.images)
    assert len(searched) == 2 * len(first.store.images)


def test_images_without_a_face_are_used_and_counted_unless_faces_are_asked_for(
    session: Session, photos: Path, searched: list[Path], tmp_path: Path
) -> None:
    faces = sorted(photos.rglob("*.png"))
    walls = [tmp_path / f"wall{number}.png" for number in range(3)]
    for number, wall in enumerate(walls):
        gray = Image.new("RGB", (120, 90), "gray")
        gray.paste((90 * number, 0, 0), (50, 30, 70, 60))
        gray.save(wall)
    table = tmp_path / "faces.csv"
    rows = [f"{path},{path.parent.name}\n" for path in faces]
    table.write_text("path,label\n" + "".join([*rows, *(f"{wall},man\n" for wall in walls)]))
    images = session.go(data=str(table))
    assert len(images.store.images) == 43 and images.store.guessed == 3
    assert "3 images without a face, or with a poor one alone, are used all the same" in (
        session.text
    )
    shown = dict(zip(images.store.manifest["path"], images.store.images, strict=True))
    assert np.array_equal(shown[str(walls[1])], to_square(decode(walls[1]), SIZE, "crop"))
    again = inputs.images_of(session.folder(), session.artifacts / "elsewhere")
    assert np.array_equal(again.images, images.store.images)
    assert len(searched) == 2 * 43
    left = session.go(run="left", data=str(table), framing="detect").store
    assert len(left.images) == 40 and left.faceless == 3 and left.guessed == 0


def test_a_poor_face_is_a_better_guess_than_the_middle(
    photos: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = min(photos.rglob("*.png"))
    good = face_search.search_for_faces(np.ones(1, bool), guess=True).cut_out(path, SIZE)
    monkeypatch.setattr("inference.detection.alignment.LEAST_QUALITY", 1.1)
    poor = face_search.search_for_faces(np.ones(1, bool), guess=True).cut_out(path, SIZE)
    assert isinstance(poor, Guess) and np.array_equal(poor.pixels, good)
    assert poor.reason.startswith("only a poor face (0.")
    with pytest.raises(NoFaceError, match="only a poor face"):
        face_search.search_for_faces(np.ones(1, bool)).cut_out(path, SIZE)
    broken = tmp_path / "broken.png"
    broken.write_text("text")
    with pytest.raises(ImageError, match="not an image"):
        face_search.search_for_faces(np.ones(1, bool), guess=True).cut_out(broken, SIZE)


def test_pictures_without_faces_are_refused_in_one_line(session: Session, tmp_path: Path) -> None:
    for number in range(40):
        path = tmp_path / "walls" / ("man", "woman")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64), (6 * number, 99, 99)).save(path)
    with pytest.raises(DataError, match="most images show no face") as caught:
        session.go(data=str(tmp_path / "walls"), framing="detect")
    assert "\n" not in str(caught.value)


def test_of_two_data_sets_only_those_not_aligned_are_searched(
    session: Session, aligned: Path, photos: Path, searched: list[Path]
) -> None:
    images = session.go(data=f"{aligned},{photos}")
    manifest, store = images.store.manifest, images.store
    assert set(searched) == set(photos.rglob("*.png")) and len(searched) == 40
    assert manifest["dataset"].value_counts().to_dict() == {
        "synthetic portraits": 60, "folder per class": 40
    }  # fmt: skip
    first = to_square(decode(Path(manifest["path"][0])), SIZE, "face")
    assert np.array_equal(store.images[0], first) and store.framing == "face"
    assert len(manifest.groupby(["dataset", "split", "label"])) == 12
    assert "faces of folder per class are found" in session.text
    assert "images of synthetic portraits are aligned as they are" in session.text
    assert "synthetic portraits 60 of 60, folder per class 40 of 40" in session.text
    config = session.folder().read_config()
    assert config.images.detected == ("folder per class",) and config.data.synthetic
    session.go(data=f"{aligned},{photos}")
    again = inputs.images_of(session.folder(), session.artifacts / "elsewhere")
    assert np.array_equal(again.images, store.images)
    assert len(searched) == 80


def test_framing_holds_for_all_data_sets(
    session: Session, aligned: Path, photos: Path, searched: list[Path]
) -> None:
    assert session.go(data=f"{aligned},{photos}", framing="crop").store.framing == "crop"
    assert searched == []
    settings = {"data": f"{aligned},{photos}", "framing": "detect", "samples": 30}
    used = session.go(run="all", **settings).store.manifest
    assert (used["split"] != "test").sum() == 30
    assert sorted(map(str, searched)) == sorted(used["path"])  # no other one is opened


def test_copies_in_two_data_sets_are_found(session: Session, aligned: Path, tmp_path: Path) -> None:
    """Ten of the portraits, byte for byte, and ten resized, lie in a folder of someone's own."""
    table = pd.read_csv(aligned / "list_attr_celeba.csv").set_index("image_id")["Male"]
    drawn = sorted(aligned.rglob("*.jpg"))
    for number, path in enumerate(drawn[:40]):
        place = tmp_path / "own" / ("man" if table[path.name] == 1 else "woman") / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        if number < 10:
            place.write_bytes(path.read_bytes())
        elif number < 20:
            decode(path).resize((100, 122)).save(place, quality=95)
        else:
            decode(path).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(place, quality=95)
    images = session.go(data=f"{aligned},{tmp_path / 'own'}", framing="face")
    assert "left out: 10 copies, byte for byte, of 10 images" in session.text
    assert "which another data set has as well" in session.text
    assert len(images.store.manifest) == 80


def test_data_sets_of_other_classes_are_refused(
    session: Session, aligned: Path, photos: Path, tmp_path: Path
) -> None:
    for number, path in enumerate(sorted(photos.rglob("*.png"))):
        place = tmp_path / "hats" / ("hat", "no_hat")[number % 2] / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
    with pytest.raises(DataError, match=r"portraits has gender \(woman, man\), .*no_hat, hat\)"):
        session.go(data=f"{aligned},{tmp_path / 'hats'}")


def test_a_run_keeps_the_split_that_it_began_with(session: Session, aligned: Path) -> None:
    """As if another version had dealt people otherwise."""
    session.go(data=str(aligned), samples=40)
    folder = session.folder()
    manifest = pd.read_csv(folder.manifest)
    manifest["split"] = manifest["split"].map({"train": "train", "val": "test", "test": "val"})
    manifest.to_csv(folder.manifest, index=False)
    config = json.loads(folder.config.read_text())
    config["data"]["rows"] = rows_fingerprint(read_manifest(folder.manifest))
    folder.config.write_text(json.dumps(config))
    again = session.go(data=str(aligned), samples=40)
    assert again.store.manifest["split"].tolist() == manifest["split"].tolist()


def test_a_begun_run_keeps_its_images_when_data_are_added(
    session: Session, photos: Path, tmp_path: Path
) -> None:
    """One is broken: it counts in the fingerprint, and is not in manifest.csv."""
    faces = sorted(photos.rglob("*.png"))
    broken = tmp_path / "broken.png"
    broken.write_text("text")
    table = tmp_path / "faces.csv"
    rows = [f"{path},{path.parent.name}\n" for path in faces]
    table.write_text("path,label\n" + "".join([*rows[:5], f"{broken},man\n", *rows[5:30]]))
    first = session.go(data=str(table), samples=None)
    assert len(first.store.manifest) == 30
    with table.open("a") as more:
        more.writelines(rows[30:])
    again = session.go(data=str(table), samples=None)
    assert again.store.manifest.equals(first.store.manifest)
    assert again.store.fingerprint == first.store.fingerprint
    assert len(session.go(run="new", data=str(table)).store.manifest) == 40


def test_a_run_is_refused_when_its_images_are_gone(
    session: Session, photos: Path, aligned: Path
) -> None:
    session.go(data=str(photos))
    with pytest.raises(RunError, match="made with data="):
        session.go(data=str(aligned))


def test_the_face_that_a_picture_is_of_is_large_and_in_the_middle(photos: Path) -> None:
    """A small face in the middle is someone behind, one at the edge someone beside."""
    face = decode(min(photos.rglob("*.png"))).crop((20, 50, 198, 268))
    picture = Image.new("RGB", (1000, 500), (120, 150, 120))
    for left, width in ((10, 220), (330, 178), (560, 60), (700, 230)):
        picture.paste(face.resize((width, round(width * 218 / 178))), (left, 100))
    faces = Detector.load(1).detect(picture)
    assert len(faces) == 4
    chosen = faces[subject(faces, picture.size)]
    assert 330 < chosen.box.middle[0] < 508


def test_official_parts_keep_copies_and_people_and_go_on_as_they_are(
    session: Session, aligned: Path, tmp_path: Path
) -> None:
    root = tmp_path / "celeba"
    shutil.copytree(aligned, root)
    names = sorted(path.name for path in (root / "img_align_celeba").iterdir())
    rows = [f"{name} {(0, 0, 0, 1, 2)[number % 5]}\n" for number, name in enumerate(names)]
    (root / "list_eval_partition.txt").write_text("".join(rows))
    copy = root / "img_align_celeba" / names[4]
    copy.write_bytes((root / "img_align_celeba" / names[0]).read_bytes())
    settings = {"data": str(root), "split": "official"}
    first = session.go(**settings).store.manifest
    assert first["split"].value_counts().to_dict() == {"train": 36, "val": 12, "test": 12}
    assert "kept in their official parts: 2 copies" in session.text
    notes = "\n".join(session.folder().read_config().images.notes)
    assert "SPLIT=official: the published parts are kept: train 36, val 12, test 12" in notes
    assert "people are in several parts of the given split" in notes
    assert session.go(**settings).store.manifest.equals(first)


def test_samples_thin_what_is_learned_from_and_larger_ones_hold_them(
    session: Session, aligned: Path
) -> None:
    def of(samples: int | None, **settings: object) -> pd.DataFrame:
        name = f"{samples}-{len(settings)}"
        return session.go(name, data=str(aligned), samples=samples, **settings).store.manifest

    every, many, few = of(None), of(40), of(12)
    assert len(every) == 60
    for some, count in ((many, 40), (few, 12)):
        assert (some["split"] != "test").sum() == count
        parts = some.set_index("path")["split"]
        assert parts.equals(every.set_index("path")["split"][parts.index])
    assert set(few["path"]) <= set(many["path"])
    assert (many["split"] == "test").sum() == (every["split"] == "test").sum()
    whole = every.assign(split=many.set_index("path")["split"].reindex(every["path"]).tolist())
    assert whole.groupby("identity")["split"].nunique().max() == 1
    assert (of(12, label="Smiling")["split"] != "test").sum() >= 12


def test_conflicts_are_left_out_of_training_alone(
    session: Session, aligned: Path, tmp_path: Path
) -> None:
    """One image of each person has the other label."""
    root = tmp_path / "celeba"
    shutil.copytree(aligned, root)
    table = pd.read_csv(root / "list_attr_celeba.csv")
    table.loc[::3, "Male"] *= -1
    table.to_csv(root / "list_attr_celeba.csv", index=False)
    every = session.go(data=str(root)).store.manifest
    cleaned = session.go("cleaned", data=str(root), drop_conflicts=True).store.manifest
    before, after = (rows["split"].value_counts() for rows in (every, cleaned))
    assert after["train"] == before["train"] * 2 / 3
    assert after[["val", "test"]].to_dict() == before[["val", "test"]].to_dict()
    assert f"left out of training because of DROP_CONFLICTS: {before['train'] // 3}" in session.text


def test_a_picture_in_two_dealt_parts_is_learned_from_in_one(
    session: Session, aligned: Path, tmp_path: Path
) -> None:
    """Every portrait is there four times, resized, and nothing says who it is."""
    for number, path in enumerate(sorted(aligned.rglob("*.jpg"))):
        folder = tmp_path / "own" / ("man", "woman")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        for width in (100, 120, 140, 160):
            small = decode(path).resize((width, round(width * 218 / 178)))
            small.save(folder / f"{path.stem}-{width}.jpg", quality=95)
    used = session.go(data=str(tmp_path / "own")).store.manifest
    picture = used["path"].str.extract(r"(\d+)-\d+.jpg$")[0]
    assert used["split"].groupby(picture).nunique().max() == 1
    assert picture.nunique() == 60 and used["split"].value_counts()["train"] > 60
    assert "images that look like one in another part" in session.text
