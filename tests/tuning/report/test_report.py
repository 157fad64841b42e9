import base64
import html
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn_runs import WINNERS, Tags, finished_run, page_of
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from small_search import completed

from data import GENDER
from tuning.metrics import evaluate
from tuning.report import plots
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import Scores

HOSTILE = 'x<img src=q onerror=alert(1)>&".png'
# Test images: file, identity, label, p_man of GoogLeNet. Four of the predictions are incorrect.
TEST_IMAGES = [
    ("unsure.png", "7", 0, 0.55),
    ("Ada_Lovelace_01.png", "Ada Lovelace", 0, 0.80),
    (HOSTILE, "8", 1, 0.01),
    ("slip.png", "9", 1, 0.10),
    *[(f"correct{i}.png", "9", 0, 0.05 + 0.01 * i) for i in range(20)],
    *[(f"also{i}.png", "10", 1, 0.85 + 0.005 * i) for i in range(20)],
]
P_MAN = np.array([image[3] for image in TEST_IMAGES])
P = np.stack([1 - P_MAN, P_MAN], axis=1)
BY_CONFIDENCE = [HOSTILE, "slip.png", "row 1 of manifest.csv", "unsure.png"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def manifest(root: Path) -> pd.DataFrame:
    rows = [
        {"path": str(root / "images" / name), "label": label, "identity": identity, "split": "test"}
        for name, identity, label, _ in TEST_IMAGES
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def run(root: Path, manifest: pd.DataFrame) -> RunFolder:
    return finished_run(root, [GENDER], manifest, P)


def scores() -> Scores:
    return evaluate(GENDER, np.array([image[2] for image in TEST_IMAGES]), P)


@pytest.fixture(scope="module")
def page(run: RunFolder, manifest: pd.DataFrame) -> str:
    return page_of(run, [GENDER], manifest, P)


@pytest.fixture(scope="module")
def figures(run: RunFolder, manifest: pd.DataFrame) -> dict[str, Axes]:
    """The axes of the light figures, by what lies on their x axes."""
    saved: list[Figure] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", lambda figure, *_, **__: saved.append(figure))
        page_of(run, [GENDER], manifest, P)
    return {figure.axes[0].get_xlabel(): figure.axes[0] for figure in saved[::-1]}


@pytest.fixture(scope="module")
def tags(page: str) -> Tags:
    return Tags(page)


def test_every_trial_has_its_curve_and_failed_ones_are_counted(tags: Tags) -> None:
    curves = [str(i["alt"]) for i in tags.all("img") if "Learning curves" in str(i["alt"])]
    assert [alt.split(":")[0] for alt in curves] == [
        "Learning curves of GoogLeNet", "Learning curves of VGG16",
    ]  # fmt: skip
    for alt in curves:
        assert "1 head, 2 fine-tuned (1 failed)" in alt
        assert "heads 60.0 to 60.0 %, fine-tuned 70.0 to 80.0 %" in alt
    assert curves[0].endswith("winner at depth 0, 60.0 %")
    assert curves[1].endswith("winner at depth 1, 80.0 %")


def test_a_curve_runs_over_images_seen_from_the_head_it_began_with() -> None:
    head = completed("0", 0, 0.6, ended="solved")
    own, on = completed("1", 1, 0.7, 0.8), completed("2", 2, 0.82)
    further = on.model_copy(update={"start": "1"})
    study = plots.Curves("vgg16", [head, own, further], "2")
    assert study.points(head) == [(0.0, pytest.approx(60))]
    assert study.points(own) == [
        (0.0, pytest.approx(60)), (1.0, pytest.approx(70)), (2.0, pytest.approx(80))
    ]  # fmt: skip
    assert study.points(further) == [(1.0, pytest.approx(82))]
    other = completed("3", 0, 0.5, ended="solved", stages=2)
    assert plots.Curves("vgg16", [other, own], "1").points(own)[0] == (1.0, pytest.approx(70))


def test_each_trial_changes_the_picture_of_the_curves() -> None:
    trials = [completed(str(i), 1, 0.5, 0.6 + 0.05 * i) for i in range(3)]
    head = completed("3", 0, 0.55)
    shown = [trials, trials[:2], trials[1:], [*trials, head], [head]]
    pictures = {
        plots.learning_curves([plots.Curves("vgg16", part, part[-1].trial)])[0].light
        for part in shown
    }
    assert len(pictures) == len(shown)


def test_accuracy_by_the_minute_is_that_of_the_best_trial_by_then(
    figures: dict[str, Axes], page: str
) -> None:
    vgg16, googlenet = figures["Minutes worked on the run"].lines
    assert googlenet.get_xydata().tolist() == [[0.6, 60], [1.65, 60]]
    assert vgg16.get_xydata().tolist() == [[1.6, 80], [1.65, 80]]
    table = page[page.index("Minutes by step") :]
    rows = [re.findall(r"<t[hd][^>]*>([^<]*)<", row) for row in table.split("</tr>")[1:4]]
    assert [[cell for cell in row if cell[:1].isalnum()] for row in rows] == [
        ["GoogLeNet", "0.5", "0.1"], ["VGG16", "1.0"], ["all", "0.1"]
    ]  # fmt: skip


def test_the_roc_curve_is_that_of_the_test_images(figures: dict[str, Axes]) -> None:
    axes = figures["False positive rate: women predicted as men"]
    labels = np.array([image[2] for image in TEST_IMAGES])
    points = {
        tuple(float((P_MAN[labels == label] >= threshold).mean()) for label in (0, 1))
        for threshold in (*P_MAN, 2.0)
    }
    assert axes.get_ylabel() == "True positive rate: men predicted as men"
    assert len(axes.lines) == len(WINNERS)
    for line in axes.lines:
        drawn = set(map(tuple, line.get_xydata().tolist()))
        assert drawn <= points
        assert {(0, 0), (1, 1)} <= drawn
        area = np.trapezoid(line.get_ydata(), line.get_xdata())
        assert area == pytest.approx(scores().auc)
    (corner,) = axes.child_axes
    assert [line.get_xydata().tolist() for line in corner.lines] == [
        line.get_xydata().tolist() for line in axes.lines
    ]


def test_reliability_is_the_share_of_men_in_bins_of_five_images_or_more(
    figures: dict[str, Axes],
) -> None:
    axes = figures["p_man, mean of a bin"]
    diagonal, *lines = [line for line in axes.lines if len(line.get_xdata())]
    assert diagonal.get_xydata().tolist() == [[0, 0], [1, 1]]
    full = [line for line in lines if line.get_linestyle() == "-"]
    assert len(full) == len(WINNERS)
    for line in full:
        assert line.get_ydata() == pytest.approx([1 / 6, 1 / 11, 0, 10 / 11, 1])
        assert line.get_xdata()[-1] == pytest.approx(np.mean([0.9 + 0.005 * i for i in range(10)]))


def test_each_trial_is_a_dot_and_the_best_of_each_backbone_is_ringed(
    figures: dict[str, Axes],
) -> None:
    axes = figures["Fine-tuning depth"]
    dots = [np.asarray(collection.get_offsets()).round() for collection in axes.collections]
    drawn = [sorted(points.tolist()) for points in dots]
    assert drawn == [[[1, 80], [2, 70]], [[0, 60]], [[1, 80]]] * len(WINNERS)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "2"]


def test_cost_is_drawn_with_the_interval_of_the_accuracy(figures: dict[str, Axes]) -> None:
    low, high = (100 * bound for bound in scores().accuracy_interval)
    for label, cost in (("Latency, ms", 12.5), ("File size, MB", 25.3)):
        for bars in figures[f"{label}, log scale"].collections:
            assert np.array(bars.get_segments()) == pytest.approx(
                np.array([[[cost, low], [cost, high]]])
            )


def test_mistakes_come_by_confidence_and_are_shown_from_the_data_set(
    run: RunFolder, tags: Tags
) -> None:
    positions = [tags.text.index(f"{name}label ") for name in BY_CONFIDENCE]
    assert positions == sorted(positions)
    photos = [i for i in tags.all("img") if str(i["src"]).startswith("file:///")]
    manifest = pd.read_csv(run.manifest)
    assert [i["src"] for i in photos[:4]] == [
        Path(manifest["path"][row]).as_uri() for row in (2, 3, 1, 0)
    ]
    assert {i["loading"] for i in photos} == {"lazy"}
    assert photos[0]["alt"] == "Face labeled man, predicted woman"
    assert "4 of 44 test images" in tags.text


def test_a_label_unlike_the_other_photos_of_a_person_is_marked(tags: Tags) -> None:
    assert tags.text.count("other photos: labeled otherwise") == 2  # as a mistake and as a suspect
    assert "Of the 4, 1 carries a label that contradicts" in tags.text


def test_the_page_holds_no_photo(run: RunFolder, page: str) -> None:
    embedded = re.findall(r"data:([^;]+);base64,([^\"]+)", page)
    assert len(embedded) == 2 * (2 + 2 + 2 + 3)
    for kind, content in embedded:
        with Image.open(io.BytesIO(base64.b64decode(content))) as image:
            assert (kind, image.size) == ("image/png", (792, 648))
    for path in pd.read_csv(run.manifest)["path"]:
        assert base64.b64encode(Path(path).read_bytes()[:48]).decode() not in page


def test_nobody_is_named(tags: Tags) -> None:
    words = tags.text + "".join(str(image["alt"]) for image in tags.all("img"))
    assert "Ada" not in words
    assert "Lovelace" not in words


def test_names_and_notes_are_escaped(page: str, tags: Tags) -> None:
    assert html.escape(HOSTILE, quote=False).split('"')[0] in page
    assert not any("onerror" in attributes for _, attributes in tags.tags)
    assert "failed: loss <nan>" in tags.text
    assert "Folder <b>" in tags.text


def test_costs_are_reported(tags: Tags) -> None:
    assert "Accuracy and cost" in tags.text
    assert "make export" in tags.text
    alt = next(str(i["alt"]) for i in tags.all("img") if "against latency" in str(i["alt"]))
    assert "GoogLeNet 90.9 % at 12 ms; VGG16 90.9 % at 12 ms" in alt


def test_a_winner_of_some_of_the_images_is_told(
    run: RunFolder, manifest: pd.DataFrame, page: str
) -> None:
    sampled = page_of(run, [GENDER], manifest, P, trained=16)
    assert sampled.count("trained on 16 of 44 training images.") == len(WINNERS)
    assert "trained on 16" not in page


def test_the_leaderboard_says_where_each_head_sits_and_why_a_trial_ended(tags: Tags) -> None:
    words = tags.text[tags.text.index("Trained on") :]
    for state in ("solved", "converged", "open", "failed: loss <nan>"):
        assert state in words
    assert words.count("0.4000") == 2 * len(WINNERS)  # score and Brier score of the heads


def test_the_page_can_be_read_by_everyone(tags: Tags) -> None:
    assert tags.all("html") == [{"lang": "en"}]
    assert all(image["alt"] for image in tags.all("img"))
    assert all(header["scope"] in ("row", "col") for header in tags.all("th"))
    assert {source["media"] for source in tags.all("source")} == {"(prefers-color-scheme: dark)"}
    anchors = {str(link["href"]) for link in tags.all("a")}
    assert anchors == {f"#{heading['id']}" for heading in tags.all("h2")}
