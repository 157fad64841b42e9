import numpy as np
import pytest

from export.parity import TOLERANCE, ParityError, compare

KERAS_P = np.array([0.1, 0.8, 0.9])


@pytest.mark.parametrize("image", [0, 2])
def test_one_image_beyond_the_tolerance_fails_by_number(image: int) -> None:
    exported_p = KERAS_P.copy()
    exported_p[image] -= 1.1 * TOLERANCE
    with pytest.raises(ParityError, match=rf"vgg16 as fp32 .*\(image {image}; .* 0 of 3 decisions"):
        compare(KERAS_P, exported_p, "vgg16 as fp32")


@pytest.mark.parametrize("images", [[1], [0, 1, 2]])
def test_predictions_that_are_no_numbers_fail(images: list[int]) -> None:
    exported_p = KERAS_P.copy()
    exported_p[images] = np.nan
    with pytest.raises(ParityError, match=f"up to nan .image {images[0]};"):
        compare(KERAS_P, exported_p, "vgg16 as fp32")


def test_what_keras_predicts_but_for_rounding_passes() -> None:
    keras_p = np.array([0.0, 0.5, 0.7, 1.0])
    compare(keras_p, keras_p, "vgg16 as fp32")
    compare(keras_p, keras_p + np.array([0.9, 0.0, 0.0, -0.9]) * TOLERANCE, "vgg16 as fp32")


def test_the_tolerance_itself_is_too_much_and_the_worst_image_is_named() -> None:
    keras_p = np.array([0.9, 0.0, 0.2])
    with pytest.raises(ParityError) as error:
        compare(keras_p, keras_p + np.array([0.5, 1.0, 0.0]) * TOLERANCE, "vgg16 as fp32")
    assert str(error.value).startswith(
        "vgg16 as fp32 differs from the Keras model: p_man by up to 0.0001 (image 1; allowed "
        "below 0.0001), 0 of 3 decisions changed."
    )


@pytest.mark.parametrize("changed", [(0.5, 0.49999), (0.49999, 0.5)])
def test_half_is_decided_as_man_on_both_sides(changed: tuple[float, float]) -> None:
    keras_p, exported_p = changed
    with pytest.raises(ParityError, match="1 of 1 decisions changed"):
        compare(np.array([keras_p]), np.array([exported_p]), "vgg16 as fp32")
