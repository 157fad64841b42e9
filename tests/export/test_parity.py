import numpy as np
import pytest

from data import GENDER, Label
from export.parity import TOLERANCE, ParityError, compare

HAIR = Label(name="hair", classes=("fair", "brown", "black"))


def both(*p_man: float) -> np.ndarray:
    """Class probabilities of gender, float [N, 2]."""
    return np.stack([1 - np.array(p_man), p_man], axis=1)


KERAS_P = both(0.1, 0.8, 0.9)


@pytest.mark.parametrize("image", [0, 2])
def test_one_image_beyond_the_tolerance_fails_by_number(image: int) -> None:
    exported_p = KERAS_P.copy()
    exported_p[image] -= 1.1 * TOLERANCE
    with pytest.raises(ParityError, match=rf"vgg16 as fp32 .*\(image {image}; .* 0 of 3 decisions"):
        compare([GENDER], KERAS_P, exported_p, "vgg16 as fp32")


@pytest.mark.parametrize("images", [[1], [0, 1, 2]])
def test_predictions_that_are_no_numbers_fail(images: list[int]) -> None:
    exported_p = KERAS_P.copy()
    exported_p[images] = np.nan
    with pytest.raises(ParityError, match=f"up to nan .image {images[0]};"):
        compare([GENDER], KERAS_P, exported_p, "vgg16 as fp32")


def test_what_keras_predicts_but_for_rounding_passes() -> None:
    keras_p = both(0.0, 0.5, 0.7, 1.0)
    compare([GENDER], keras_p, keras_p, "vgg16 as fp32")
    shift = np.array([0.9, 0.0, 0.0, -0.9])[:, None] * TOLERANCE
    compare([GENDER], keras_p, keras_p + shift, "vgg16 as fp32")


def test_the_tolerance_itself_is_too_much_and_the_worst_image_is_named() -> None:
    keras_p = both(0.9, 0.0, 0.2)
    shift = np.array([[0, 0.5], [0, 1.0], [0, 0]]) * TOLERANCE
    with pytest.raises(ParityError) as error:
        compare([GENDER], keras_p, keras_p + shift, "vgg16 as fp32")
    assert str(error.value).startswith(
        "vgg16 as fp32 differs from the Keras model in 'gender': probabilities by up to 0.0005 "
        "(image 1; allowed below 0.0005), 0 of 3 decisions changed."
    )


@pytest.mark.parametrize("changed", [(0.501, 0.499), (0.499, 0.501)])
def test_decisions_that_change_are_counted(changed: tuple[float, float]) -> None:
    keras_p, exported_p = map(both, changed)
    with pytest.raises(ParityError, match="1 of 1 decisions changed"):
        compare([GENDER], keras_p, exported_p, "vgg16 as fp32")


def test_rounding_may_part_what_is_equally_probable() -> None:
    compare([GENDER], both(0.50001), both(0.49999), "vgg16 as fp32")


@pytest.mark.parametrize("column", [2, 3, 4])
def test_each_class_of_each_label_counts_and_the_label_is_named(column: int) -> None:
    keras_p = np.hstack([KERAS_P, [[0.2, 0.3, 0.5]] * 3])
    compare([GENDER, HAIR], keras_p, keras_p, "vgg16 as fp32")
    exported_p = keras_p.copy()
    exported_p[1, column] += 2 * TOLERANCE
    with pytest.raises(ParityError, match=r"in 'hair': .* \(image 1; .* 0 of 3 decisions"):
        compare([GENDER, HAIR], keras_p, exported_p, "vgg16 as fp32")


def test_a_decision_between_two_of_many_classes_that_changes_is_counted() -> None:
    keras_p = np.array([[0.2, 0.401, 0.399]])
    with pytest.raises(ParityError, match="1 of 1 decisions changed"):
        compare([HAIR], keras_p, keras_p[:, [0, 2, 1]], "vgg16 as fp32")
