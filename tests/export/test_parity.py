import numpy as np
import pytest

from export.parity import TOLERANCE, ParityError, compare

KERAS_P = np.array([0.1, 0.8, 0.9])


def test_differences_below_the_tolerance_pass() -> None:
    compare(KERAS_P, KERAS_P + 0.9 * TOLERANCE, "vgg16 as fp32")


@pytest.mark.parametrize("image", [0, 2])
def test_one_image_beyond_the_tolerance_fails_by_number(image: int) -> None:
    exported_p = KERAS_P.copy()
    exported_p[image] -= 1.1 * TOLERANCE
    with pytest.raises(ParityError, match=rf"vgg16 as fp32 .*\(image {image}; .* 0 of 3 decisions"):
        compare(KERAS_P, exported_p, "vgg16 as fp32")


def test_a_changed_decision_fails_however_small() -> None:
    with pytest.raises(ParityError, match="1 of 2 decisions changed"):
        compare(np.array([0.49999, 0.9]), np.array([0.50001, 0.9]), "vgg16 as fp32")


@pytest.mark.parametrize("images", [[1], [0, 1, 2]])
def test_predictions_that_are_no_numbers_fail(images: list[int]) -> None:
    exported_p = KERAS_P.copy()
    exported_p[images] = np.nan
    with pytest.raises(ParityError, match=f"up to nan .image {images[0]};"):
        compare(KERAS_P, exported_p, "vgg16 as fp32")
