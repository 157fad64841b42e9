"""Heat maps of the report's mistakes, of real networks with and without a hidden layer."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from drawn_runs import Tags, finished_run, page_of
from PIL import Image
from small_search import chosen

from data import GENDER, Label
from inference.explanation.heat_map import HeatMap
from tuning.backbones.registry import BACKBONES
from tuning.backbones.transfer_model import FeatureStatistics, HeadConfig, TransferModel
from tuning.backbones.weights import load
from tuning.report import report
from tuning.report.mistake_maps import Explained, explainer
from tuning.report.photos import Mistake, Photo
from tuning.runs.schema import Calibration, WinnerFacts

HAIR = Label(name="hair", classes=("fair", "brown", "black"))
LABELS = (GENDER, HAIR)
CALIBRATIONS = (
    Calibration(slope=0.7, bias=(0.4,)),
    Calibration(slope=1.4, bias=(0.2, -0.3, 0.1)),
)
SIZE, STAGES, GRID = 64, 2, 4


@pytest.fixture(scope="module")
def network() -> TransferModel:
    return TransferModel(BACKBONES["googlenet"], SIZE, load(BACKBONES["googlenet"], "none"))


@pytest.fixture
def winner(network: TransferModel, tmp_path: Path) -> Callable[[int], tuple[Path, keras.Model]]:
    """A function that saves a winner whose head has so many units."""

    def save(units: int) -> tuple[Path, keras.Model]:
        keras.utils.set_random_seed(0)
        rng = np.random.default_rng(0)
        features = network.features(STAGES, GRID)
        statistics = FeatureStatistics(
            rng.normal(0, 1, features).astype(np.float32),
            rng.uniform(0.5, 2, features).astype(np.float32),
        )
        head = network.head(HeadConfig(STAGES, GRID, units, 0.1, statistics, (0.1,) * 4))
        model = network.classifier(STAGES, head, LABELS, CALIBRATIONS)
        model.save(tmp_path / "winner.keras")
        return tmp_path / "winner.keras", model

    return save


def facts(units: int) -> WinnerFacts:
    of_labels = [
        type("Facts", (), {"calibration": calibration, "label": label})()
        for label, calibration in zip(LABELS, CALIBRATIONS, strict=True)
    ]
    return WinnerFacts.model_construct(
        hyperparameters=chosen(1, head_units=units, stages=STAGES, grid=GRID), labels=of_labels
    )


def faces(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 255, (count, SIZE, SIZE, 3), np.uint8)


def test_a_linear_head_is_explained_exactly(winner) -> None:
    path, model = winner(0)
    explain, constants = explainer(path, facts(0), LABELS), []
    for face in faces(3):
        p = float(np.asarray(model(face[None])["p_man"])[0, 0])
        heat_map = explain(face, 0, 1)
        assert heat_map.method == "class activation map"
        constants.append(np.log(p / (1 - p)) - heat_map.values.sum())
        of_hair = [explain(face, 1, code).values for code in range(3)]
        assert np.abs(np.sum(of_hair, axis=0)).max() < 1e-4
    assert np.ptp(constants) < 1e-3


def test_a_hidden_layer_is_explained_by_occlusion(winner) -> None:
    path, _ = winner(8)
    explain, [face] = explainer(path, facts(8), LABELS), faces(1)
    heat_map = explain(face, 1, 2)
    assert heat_map.method == "occlusion"
    assert 0 < heat_map.covered < 1
    np.testing.assert_allclose(explain(face, 0, 0).values, -explain(face, 0, 1).values, atol=1e-3)


def fake_explain(_pixels: np.ndarray, _number: int, _code: int) -> HeatMap:
    return HeatMap(np.float32([[0, 2], [0, 0]]), "occlusion", 0.25)


def a_mistake(path: Path) -> Mistake:
    return Mistake(0, Photo.of(0, str(path), None), "woman", "man", 0.9, False)


def test_a_map_lies_where_the_model_looked(tmp_path: Path) -> None:
    photo = tmp_path / "a.png"
    Image.new("RGB", (178, 218)).save(photo)
    explained = Explained(faces(1), "face", False, fake_explain)
    found = explained.map_of(a_mistake(photo), 0, GENDER, str(photo))
    assert found.size == (178, 218)
    assert found.box == pytest.approx((22.25, 50.97, 133.5, 133.5), abs=0.01)
    aligned = Explained(faces(1), "face", True, fake_explain)
    assert aligned.map_of(a_mistake(photo), 0, GENDER, str(photo)).size is None
    gone = explained.map_of(a_mistake(photo), 0, GENDER, str(tmp_path / "gone.png"))
    assert gone.size is None


def test_the_page_has_a_map_over_each_mistake_and_no_photo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f'{n}<img src=q onerror=alert(1)>".png' for n in range(30)]
    rows = [
        {"path": str(tmp_path / "images" / name), "label": n % 2, "identity": str(n)}
        for n, name in enumerate(names)
    ]
    manifest = pd.DataFrame(rows).assign(split="test")
    p_man = np.where(manifest["label"] == 1, 0.1, 0.2)  # every man is a mistake
    p = np.stack([1 - p_man, p_man], axis=1)
    run = finished_run(tmp_path, [GENDER], manifest, p)
    monkeypatch.setattr(report, "explainer", lambda *_: fake_explain)
    page = Tags(page_of(run, [GENDER], manifest, p, images=faces(30)))
    maps = [tag for tag in page.all("image") if tag.get("class") == "heat"]
    assert len(maps) == 15
    assert all((tag["href"] or "").startswith("data:image/png") for tag in maps)
    assert "what the prediction rests on; not a proof" in page.text
    assert "strongest spot blurred: 25.0 %" in page.text
    assert not [tag for _, tag in page.tags if "onerror" in tag]
    without = Tags(page_of(run, [GENDER], manifest, p))
    assert not without.all("svg")
    assert "not a proof" not in without.text
