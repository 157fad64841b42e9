import numpy as np
import pytest
from looking_models import SIZE, corner_model, random_network
from PIL import Image
from scipy.stats import spearmanr

from data import GENDER, Label
from inference.errors import BundleError
from inference.explanation.explainer import runs_a_face
from inference.explanation.occlusion import covered_copies, occlusion_map

HAIR = Label(name="hair", classes=("fair", "brown", "black"))


@pytest.fixture
def face(portraits) -> Image.Image:
    return portraits[0]


@pytest.fixture
def white_corner() -> np.ndarray:
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    image[:8, -8:] = 255
    return image


@pytest.mark.parametrize("has_map", [False, True])
def test_map_peaks_where_the_model_looks(tmp_path, white_corner, has_map):
    [why] = corner_model(tmp_path, has_map).explain(white_corner)
    values = why.heat_map.values
    row, column = np.unravel_index(values.argmax(), values.shape)
    assert why.class_name == "man"
    assert row < len(values) / 4
    assert column >= 3 * len(values) / 4
    assert np.abs(values[len(values) // 2 :]).max() < 0.05 * why.heat_map.peak
    assert why.heat_map.method == ("class activation map" if has_map else "occlusion")


def test_what_speaks_against_a_class_is_not_what_it_rests_on(tmp_path, white_corner):
    classifier = corner_model(tmp_path)
    dark = np.where(white_corner, 60, 0).astype(np.uint8)  # 8 x 8 gray pixels make no man
    [why] = classifier.explain(dark)
    assert why.class_name == "woman"
    assert why.heat_map.values[0, -1] < 0
    assert why.heat_map.strengths(SIZE)[:4, -4:].max() == 0


def test_a_model_that_looks_at_nothing_rests_on_no_spot():
    blank = np.zeros((SIZE, SIZE, 3), np.uint8)
    heat = occlusion_map(blank, lambda batch: np.full(len(batch), 0.9))
    assert heat.is_weak
    assert heat.strengths(16).max() == 0


def test_class_activations_sum_to_the_logit(tmp_path, portraits):
    for name, label in (("two", GENDER), ("three", HAIR)):
        (tmp_path / name).mkdir()
        classifier = random_network(tmp_path / name, 0, label, has_map=True)
        for portrait in portraits[:3]:
            [why] = classifier.explain(portrait)
            p = np.array(why.prediction.probabilities)
            logits = np.log(p) if label is HAIR else np.log(p) - np.log(p[::-1])
            centered = logits - logits.mean()
            code = label.classes.index(why.class_name)
            assert why.heat_map.values.sum() == pytest.approx(centered[code], abs=1e-3)


@pytest.mark.parametrize("has_map", [False, True])
def test_random_weights_give_another_map_and_the_same_ones_the_same(tmp_path, portraits, has_map):
    """Sanity check of saliency maps (Adebayo et al., 2018)."""
    for name in ("0", "1", "2", "3"):
        (tmp_path / name).mkdir()

    def maps(folder: str, seed: int) -> list[np.ndarray]:
        classifier = random_network(tmp_path / folder, seed, has_map=has_map)
        explained = [classifier.explain(portrait)[0] for portrait in portraits]
        signs = [1 if why.class_name == "man" else -1 for why in explained]
        return [sign * why.heat_map.values for sign, why in zip(signs, explained, strict=True)]

    trained, again = maps("0", 0), maps("1", 0)
    for one, other in zip(trained, again, strict=True):
        np.testing.assert_array_equal(one, other)
    likeness = [
        np.mean(
            [spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(trained, x, strict=True)]
        )
        for x in (maps("2", 11), maps("3", 12))
    ]
    assert np.abs(likeness).mean() < 0.5


def test_a_prepared_face_gives_what_its_picture_gives(tmp_path, face):
    classifier = random_network(tmp_path, 0)
    [prepared] = classifier.prepare(face).faces
    [of_picture], [of_face] = classifier.explain(face), classifier.explain(prepared)
    assert of_picture.to_dict() == of_face.to_dict()
    np.testing.assert_array_equal(of_face.pixels, prepared.pixels)


def test_the_label_is_chosen_by_name_and_an_unknown_one_is_named(tmp_path, face):
    classifier = random_network(tmp_path, 0, HAIR)
    [why] = classifier.explain(face, "hair")
    assert why.to_dict()["label"] == "hair"
    assert why.class_name == why.prediction.likeliest
    with pytest.raises(ValueError, match="does not predict 'beard': it predicts hair"):
        classifier.explain(face, "beard")


def test_a_bundle_that_promises_a_map_it_has_not_is_one_line(tmp_path, face):
    classifier = random_network(tmp_path, 0)
    labels = classifier.info.labels[0].model_copy(update={"class_activations": "absent"})
    classifier.info.__dict__["labels"] = (labels,)
    with pytest.raises(BundleError, match="gives no class activations"):
        classifier.explain(face)


def test_an_output_that_is_no_map_is_refused(tmp_path, face):
    classifier = random_network(tmp_path, 0)
    labels = classifier.info.labels[0].model_copy(update={"class_activations": "p_man"})
    classifier.info.__dict__["labels"] = (labels,)
    with pytest.raises(BundleError, match="no map of numbers"):
        classifier.explain(face)


def test_each_spot_is_covered_once_and_nothing_is_left_out():
    checkers = (np.indices((SIZE, SIZE)).sum(axis=0) % 2 * 255).astype(np.uint8)
    face = np.repeat(checkers[..., None], 3, axis=2)
    copies = covered_copies(face, grid=4)
    changed = np.abs(copies.astype(int) - face).max(axis=3) > 60
    assert copies.shape == (16, SIZE, SIZE, 3)
    assert changed.any(axis=0).all()
    for number, where in enumerate(changed):
        rows, columns = np.nonzero(where)
        assert rows.mean() // 8 == number // 4
        assert columns.mean() // 8 == number % 4


def test_runs_a_face_is_what_an_explanation_costs(tmp_path, monkeypatch, face):
    import inference.classifier as module

    classifier, counted = random_network(tmp_path, 0), []
    run = module.classify
    monkeypatch.setattr(
        module, "classify", lambda s, i, batch: counted.append(len(batch)) or run(s, i, batch)
    )
    classifier.explain(face)
    assert sum(counted) == 1 + runs_a_face(classifier.info)
