from pathlib import Path

import pytest
from moving_faces import frame, write_video
from PIL import Image


@pytest.fixture(scope="session")
def walk(portraits: list[Image.Image], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 1.2 s, 12 frames: a face that walks to the right, one that stays."""
    frames = [frame(portraits[0], number, [portraits[3]]) for number in range(12)]
    return write_video(tmp_path_factory.mktemp("walk") / "walk.mp4", frames)
