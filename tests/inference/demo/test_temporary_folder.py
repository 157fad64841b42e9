"""The folder for visitors' pictures."""

import os
from pathlib import Path

import pytest

from inference.demo.temporary_folder import delete_abandoned, temporary_folder


def test_only_dead_servers_folders_are_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "face-demo-before").mkdir()  # of a version without locks, perhaps alive
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "lock").touch()
    (tmp_path / "face-demo-link").symlink_to(other)
    with temporary_folder() as mine:
        (mine / "photo.jpg").touch()
        with temporary_folder() as second:
            assert second != mine and (mine / "photo.jpg").exists()
        assert not second.exists()
    assert not mine.exists()
    assert (tmp_path / "face-demo-before").exists() and (other / "lock").exists()
    os.utime(tmp_path / "face-demo-before", (0, 0))
    delete_abandoned()
    assert not (tmp_path / "face-demo-before").exists()


def test_folders_of_other_users_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    other = tmp_path / "face-demo-other"
    other.mkdir()
    os.utime(other, (0, 0))
    monkeypatch.setattr(os, "getuid", lambda: other.stat().st_uid + 1)
    delete_abandoned()
    assert other.exists()
    monkeypatch.undo()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    delete_abandoned()
    assert not other.exists()
