import os
import subprocess
import sys
from pathlib import Path

import pytest

from data import DataError
from data.fetch import HANDLE, fetch


def test_fetch_links_what_was_downloaded_and_keeps_it(classes: Path, tmp_path: Path) -> None:
    asked: list[str] = []

    def download(handle: str) -> str:
        asked.append(handle)
        return str(classes)

    to = tmp_path / "artifacts" / "datasets" / "celeba"
    for _ in range(2):
        dataset = fetch(to, download)
        assert dataset.root == to and len(dataset.manifest) == 4
    assert asked == [HANDLE]
    to.unlink()
    to.symlink_to(tmp_path / "cache that was emptied")
    assert len(fetch(to, download).manifest) == 4


def test_fetch_names_the_manual_way(tmp_path: Path) -> None:
    def refused(handle: str) -> str:
        raise PermissionError("403 Client Error:\nYou don't have permission")

    with pytest.raises(
        DataError, match=r"403 Client Error: You.*kaggle\.com/datasets.*DATA="
    ) as caught:
        fetch(tmp_path / "celeba", refused)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "celeba").exists()


def test_fetch_with_kagglehub_offline(tmp_path: Path) -> None:
    pytest.importorskip("kagglehub")
    nowhere = "http://127.0.0.1:9"
    result = subprocess.run(
        [sys.executable, "-m", "data", "fetch", "--to", str(tmp_path / "celeba")],
        env={
            **os.environ,
            "HTTPS_PROXY": nowhere,
            "https_proxy": nowhere,
            "KAGGLEHUB_CACHE": str(tmp_path),
        },
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert "no connection to Kaggle" in result.stderr and "Traceback" not in result.stderr
