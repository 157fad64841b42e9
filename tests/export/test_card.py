from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from export import card
from inference import bundle
from inference.bundle import BundleInfo
from tuning.runs.run_folder import RunFolder


@pytest.fixture
def info(exported: Path) -> BundleInfo:
    return bundle.find(exported).info


@pytest.fixture
def groups(exported: Path) -> pd.DataFrame:
    return pd.read_csv(exported / "vgg16" / "audit.csv").assign(label="gender")


def render(run: RunFolder, info: BundleInfo, groups: pd.DataFrame, served: str = "int8") -> str:
    facts = run.read_metrics().winners["vgg16"]
    return card.render(info, facts, run.read_config(), groups, served)


def test_the_card_has_the_figures_of_the_run(
    exported: Path, small_run: RunFolder, info: BundleInfo
) -> None:
    text = bundle.find(exported).card
    assert text
    for words in (
        "only show that the pipeline works",
        "random start",
        "not a person's gender",
        "96 images for training, 120 for validation, 120\nfor testing",
        "| accuracy | 90.00 % (95 % interval by person 79.6 to 95.4 %) |",
        "| Eyeglasses: yes | 40 |",
        "| ONNX INT8",
        " (served) |",
        "| minmax | +0.00 | 0.00 % of 120 | passed |",
        "woman (48), man (48)",
        "must not be used for identifying anyone, nor for\ndeciding about a person, addressing",
        "| macro F1 | 90.00 % |",
        'labeled woman, decided "man", % |',
    ):
        assert words in text
    assert "None" not in text and "nan" not in text


def test_what_does_not_hold_is_not_said(
    small_run: RunFolder, info: BundleInfo, groups: pd.DataFrame
) -> None:
    weights = info.weights.model_copy(update={"source": "imagenet", "fingerprint": "f" * 64})
    real = info.model_copy(update={"synthetic": False, "weights": weights})
    text = render(small_run, real, groups)
    assert "pipeline works" not in text and "random start" not in text
    assert "`imagenet`, fingerprint `ffffffffffffffff`" in text


def test_a_winner_of_some_of_the_images_is_told(
    small_run: RunFolder, info: BundleInfo, groups: pd.DataFrame
) -> None:
    def text(trained: int) -> str:
        facts = small_run.read_metrics().winners["vgg16"].model_copy(update={"trained": trained})
        return card.render(info, facts, small_run.read_config(), groups, "int8")

    assert "It was trained on 16 of 96 training images." in text(16)
    assert "It was trained on" not in text(96)


@pytest.mark.parametrize(
    ("chosen", "made"),
    [
        (
            {"stages": 4, "depth": 0, "grid": 6, "head_units": 0},
            "the head averages their activations over a 6 x 6 grid.\nThe head was solved by ridge "
            "regression alone; the stages are as they were.",
        ),
        (
            {"stages": 4, "depth": 1, "grid": 1, "head_units": 0},
            "over the whole map.\nThe head was solved by ridge regression on frozen stages; then "
            "the last stage was fine-tuned with it.",
        ),
        (
            {"stages": 3, "depth": 2, "grid": 1, "head_units": 64},
            "The head was trained on frozen stages; then the last 2 stages were fine-tuned with "
            "it.",
        ),
    ],
)
def test_the_card_says_how_the_model_was_trained(
    small_run: RunFolder, info: BundleInfo, groups: pd.DataFrame,
    chosen: dict[str, int], made: str,
) -> None:  # fmt: skip
    facts = small_run.read_metrics().winners["vgg16"]
    hyperparameters = facts.hyperparameters.model_copy(update=chosen)
    facts = facts.model_copy(update={"hyperparameters": hyperparameters})
    text = card.render(info, facts, small_run.read_config(), groups, "int8")
    assert made in text and f"VGG16, the first {chosen['stages']} of 5 stages, from " in text
    has_training = bool(chosen["depth"] or chosen["head_units"])
    assert ("| learning rate |" in text) == ("| dropout |" in text) == has_training


@pytest.mark.parametrize("served", ["fp32", "int8"])
def test_one_form_is_marked_as_served(
    small_run: RunFolder, info: BundleInfo, groups: pd.DataFrame, served: str
) -> None:
    text = render(small_run, info, groups, served)
    title = {"fp32": "ONNX fp32", "int8": "ONNX INT8"}[served]
    assert text.count("(served)") == 1
    assert f"| {title} (served) |" in text


def test_without_int8_the_card_says_so(
    small_run: RunFolder, info: BundleInfo, groups: pd.DataFrame
) -> None:
    formats = {name: file for name, file in info.formats.items() if name != "int8"}
    failed = info.quantization[0].model_copy(update={"passed": False})
    text = render(
        small_run, info.model_copy(update={"formats": formats, "quantization": (failed,)}), groups
    )
    assert "No recipe passed" in text and "| failed |" in text
    assert "No recipe passed" not in render(small_run, info, groups)


def test_without_groups_the_card_says_so(small_run: RunFolder, info: BundleInfo) -> None:
    text = render(small_run, info, pd.DataFrame(columns=["label", "feature", "group", "gap"]))
    assert "No attribute splits the test images" in text


def test_a_card_of_many_classes_has_no_columns_of_two(exported_of: Callable[[str], Path]) -> None:
    text = bundle.find(exported_of("color")).card
    assert text
    assert "# vgg16: main\\_color, as annotators perceived it in a photo" in text
    assert "The label 'main\\_color' is what annotators saw in a photo" in text
    assert "gray (24), red (24), green (24), &#60;b&#62;blue&#60;\\/b&#62; (24)" in text
    assert "mean of each class against the rest" in text
    assert (
        "gender" not in text and "decided" not in text.split("## Audit")[1].split("## Formats")[0]
    )
    assert "<b>" not in text


def test_a_card_of_several_labels_has_the_figures_of_each(
    exported_of: Callable[[str], Path],
) -> None:
    text = bundle.find(exported_of("three")).card
    assert text
    for words in (
        "# vgg16: gender, Bright, green&#124;amount, as annotators perceived them in a photo",
        "not a person's gender",
        "The label 'green&#124;amount' is",
        "0 (20), 1 (20), 2 (20), 3 (20), 4+ (16).",
        "the lower end of a 95 % interval by person on 100 validation images",
        "addressing a person, or letting a person in; deciding about a person, or finding out",
        "| calibration of Bright, in the graph: slope of the logits (Platt, 1999) |",
        "| gender | 90.00 % (79.6 to 95.4 %) | 90.00 % | 90.00 % |",
        "| mean | 96.",
        "decisions of fp32 on each label",
    ):
        assert words in text
    assert "None" not in text and "nan" not in text
    cells = {line.count("|") for line in text.split("| mean |")[0].splitlines()[-4:]}
    assert cells == {10}, "a name with a border does not split its row"


def test_figures_of_each_data_set_are_shown_where_several_were_joined(
    small_run: RunFolder, info: BundleInfo, groups: pd.DataFrame
) -> None:
    winner = small_run.read_metrics().winners["vgg16"]
    [facts] = winner.labels
    scores = facts.test.model_copy(update={"count": 1234, "accuracy": 0.8123})
    test = facts.test.model_copy(update={"datasets": {"CelebA": facts.test, "my|own": scores}})
    of_run = winner.model_copy(update={"labels": (facts.model_copy(update={"test": test}),)})
    text = card.render(info, of_run, small_run.read_config(), groups, "int8")
    assert "| data set | test images | accuracy |" in text
    assert "| my&#124;own | 1,234 | 81.23 % (" in text


def with_point(info: BundleInfo, **values: object) -> BundleInfo:
    [label] = info.labels
    assert label.operating_point
    point = label.operating_point.model_copy(update=values)
    of_label = label.model_copy(update={"operating_point": point})
    return info.model_copy(update={"labels": (of_label,)})


def test_where_nothing_is_decided_the_card_says_so(
    small_run: RunFolder, info: BundleInfo, groups: pd.DataFrame
) -> None:
    never = with_point(
        info, least=(1.0, 1.0), target_accuracy=0.98, accuracy=0.0, share_uncertain=1.0,
        accuracy_bound=None,
    )  # fmt: skip
    text = render(small_run, never, groups)
    assert 'names no class and always says "uncertain": 120 validation images do not show' in text
    assert "surest half of its decisions is correct in 98 % of cases" in text


def test_the_bound_on_decisions_is_claimed(
    small_run: RunFolder, info: BundleInfo, groups: pd.DataFrame
) -> None:
    sure = with_point(info, least=(0.7, 0.7), accuracy_bound=0.92, share_uncertain=0.1)
    text = render(small_run, sure, groups)
    assert "Decisions given are correct in at least 90 % of cases, the lower end of a 95 %" in text
    assert "interval by person on 120 validation images" in text


def test_a_bound_that_is_not_known_is_not_claimed(
    small_run: RunFolder, info: BundleInfo, groups: pd.DataFrame
) -> None:
    text = render(
        small_run,
        with_point(info, least=(0.7, 0.7), accuracy_bound=None, share_uncertain=0.1),
        groups,
    )
    assert 'at least 0.700, else the model says "uncertain"' in text
    assert "lower end" not in text and "The limit was chosen for correct decisions in 90 %" in text
