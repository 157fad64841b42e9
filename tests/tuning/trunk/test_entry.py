"""Keys and files of the trunk cache: another key makes every entry on a user's disk useless."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.atomic import read_json
from data.records import read_record, write_record
from tuning.backbones.transfer_model import TransferModel
from tuning.trunk.entry import EntryFacts, StoredEntry
from tuning.trunk.image_set import ImageSet, View

IMAGES = ImageSet.of(np.zeros((9, 64, 64, 3), np.uint8), np.arange(9), "store")

# As version 0.1.0 wrote it.
STORED = """{
 "format": 1,
 "backbone": "googlenet",
 "weights": "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww",
 "images": "12457c18d2aa32278afd808fcc15d90e6455188b68a59862fc14384eb1b77eae",
 "size": 64,
 "precision": "float32",
 "cut": "pool4_3x3_s2",
 "pooled": false,
 "view": "mirrored",
 "bytes": 5,
 "crc32": 77
}"""


@pytest.fixture
def model(
    model_of: Callable[[str], TransferModel], monkeypatch: pytest.MonkeyPatch
) -> TransferModel:
    model = model_of("googlenet")
    monkeypatch.setattr(model, "weights", replace(model.weights, fingerprint="w" * 64))
    return model


@pytest.mark.parametrize(
    ("depth", "view", "key"),
    [
        (0, "plain", "googlenet-20ef26bbbab1ee79fb7d325c"),
        (1, "mirrored", "googlenet-6e597bfe008fab4f47343d52"),
        (3, "plain", "googlenet-b2769c01e6af56be4ef60757"),
    ],
)
def test_keys_are_those_of_earlier_versions(
    depth: int, view: View, key: str, model: TransferModel
) -> None:
    assert EntryFacts.of(model, IMAGES, depth, view).key == key


def test_a_pass_has_the_name_of_earlier_versions(model: TransferModel) -> None:
    assert EntryFacts.of(model, IMAGES, 0, "").digest == "d6beda5038e15b3d0556a2bd"


def test_the_file_has_the_bytes_of_earlier_versions(model: TransferModel, tmp_path: Path) -> None:
    path = tmp_path / "entry.json"
    facts = EntryFacts.of(model, IMAGES, 1, "mirrored")
    write_record(path, StoredEntry(**dict(facts), bytes=5, crc32=77))
    assert path.read_text() == STORED
    assert read_json(path)["cut"] == model.backbone.cut(1)


def test_an_entry_of_another_format_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "entry.json"
    path.write_text(STORED.replace('"format": 1', '"format": 2'))
    assert read_record(path, StoredEntry) is None
