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

# Another content, and no run finds its entries again.
STORED = """{
 "format": 2,
 "backbone": "googlenet",
 "weights": "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww",
 "images": "12457c18d2aa32278afd808fcc15d90e6455188b68a59862fc14384eb1b77eae",
 "size": 64,
 "precision": "float32",
 "cut": "pool4_3x3_s2",
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
    ("cut", "view", "key"),
    [
        (4, "plain", "googlenet-97fc5be8ceb6f319e434d81e"),
        (3, "mirrored", "googlenet-fcc689f11af82c637dae27d7"),
        (1, "plain", "googlenet-49fd38f3c610e3ce28e0c871"),
    ],
)
def test_keys_stay_what_they_are(cut: int, view: View, key: str, model: TransferModel) -> None:
    assert EntryFacts.of(model, IMAGES, cut, view).key == key


def test_a_pass_keeps_its_name(model: TransferModel) -> None:
    assert EntryFacts.of(model, IMAGES, 0, "").digest == "e81fcb2abc300ecc3cd02340"


def test_the_file_keeps_its_bytes(model: TransferModel, tmp_path: Path) -> None:
    path = tmp_path / "entry.json"
    facts = EntryFacts.of(model, IMAGES, 3, "mirrored")
    write_record(path, StoredEntry(**dict(facts), bytes=5, crc32=77))
    assert path.read_text() == STORED
    assert read_json(path)["cut"] == model.backbone.layer_of(3)


def test_an_entry_of_another_format_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "entry.json"
    path.write_text(STORED.replace('"format": 2', '"format": 1'))
    assert read_record(path, StoredEntry) is None
