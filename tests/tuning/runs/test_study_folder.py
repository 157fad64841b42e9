import os
from pathlib import Path

import pytest
from small_search import completed, failed

from tuning.runs.schema import SearchImages
from tuning.runs.study_folder import StudyFolder


@pytest.fixture
def study(tmp_path: Path) -> StudyFolder:
    study = StudyFolder(tmp_path / "vgg16")
    for trial, accuracy in (("0", 0.7), ("1", 0.9), ("2", 0.8)):
        study.write_trial(completed(trial, 1, accuracy))
        study.write_tail(trial, trial.encode())
    return study


def test_a_trial_without_weights_keeps_its_record(study: StudyFolder) -> None:
    study.drop_weights("1", tail=True)
    assert [record.trial for record in study.trials()] == ["0", "1", "2"]
    assert study.read_tail("1") is None and study.read_tail("2") == b"2"


def test_a_trial_that_ended_can_keep_its_weights_without_going_on(study: StudyFolder) -> None:
    study.write_checkpoint("1", b"all of it")
    assert study.read_checkpoint("1") == b"all of it"
    study.drop_weights("1", tail=False)
    study.drop_weights("1", tail=False)
    assert study.read_checkpoint("1") is None and study.read_tail("1") == b"1"


def test_weights_before_are_there_until_new_ones_are_whole(
    study: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(Path, "write_bytes", full)
        study.write_tail("1", b"better")
    assert study.read_tail("1") == b"1"
    assert not [path for path in study.path.rglob("*") if path.suffix not in (".json", ".npz", "")]


def test_records_that_are_damaged_are_passed_over(study: StudyFolder) -> None:
    study.write_trial(failed("3", "out of memory"))
    study.record_path("1").write_text('{"trial": "1", "val')
    os.truncate(study.record_path("0"), 10)
    assert [record.trial for record in study.trials()] == ["2", "3"]


def test_images_are_those_of_the_last_session(study: StudyFolder) -> None:
    assert study.read_images() is None
    images = SearchImages(train=1000, val=200, views=1)
    study.write_images(images)
    assert StudyFolder(study.path).read_images() == images
