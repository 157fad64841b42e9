"""Reports of several labels and of many classes, whose names are a user's."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn_runs import Tags, finished_run, page_of
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from data import GENDER, Label
from tuning.runs.run_folder import RunFolder

HOSTILE = "<script>alert('1')</script> \"$x^{2$ | [y](z)"
HIDDEN = "_nolegend_"
MOOD = Label(name=HOSTILE, classes=(HIDDEN, "a <b>calm</b> $mood$", "=1+1", "none, of; these"))
SMILING = Label(name="Smiling", classes=("no", "yes"))
CITY = Label(name="city", classes=tuple(f"city number {i}" for i in range(20)))
MANY = Label(name="village", classes=tuple(f"village {i}" for i in range(30)))


def drawn(folder: Path, labels: list[Label], count: int = 300) -> tuple[pd.DataFrame, np.ndarray]:
    """Images with random codes, one in five a slip, and predictions that know better."""
    rng = np.random.default_rng(0)
    columns, parts = {}, []
    for label in labels:
        codes = rng.permutation(np.arange(count) % len(label.classes))
        scores = rng.normal(size=(count, len(label.classes)))
        scores[np.arange(count), codes] += 4
        slips = rng.random(count) < 0.2
        codes[slips] = (codes[slips] + 1) % len(label.classes)
        parts.append(np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True))
        columns["label" if len(labels) == 1 else f"label:{label.name}"] = codes
    manifest = pd.DataFrame(
        {
            "path": [str(folder / f"{i}.png") for i in range(count)],
            **columns,
            "identity": [f"p{i // 2}" for i in range(count)],
            "split": np.array(["train", "val", "test"])[np.arange(count) % 3],
            "dataset": np.array(["first <set>", "second"])[np.arange(count) // 3 % 2],
            "Hat": rng.random(count) < 0.5,
        }
    )
    return manifest, np.hstack(parts)


def report_of(folder: Path, labels: list[Label], **settings: object) -> tuple[RunFolder, str]:
    manifest, p = drawn(folder, labels)
    run = finished_run(folder, labels, manifest, p)
    return run, page_of(run, labels, manifest, p, **settings)


@pytest.fixture(autouse=True, scope="module")
def figures() -> Iterator[list[Figure]]:
    """The figures that would be drawn, which takes most of a report's time."""
    saved: list[Figure] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", lambda figure, *_, **__: saved.append(figure))
        yield saved


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, str]:
    return report_of(tmp_path_factory.mktemp("several"), [GENDER, SMILING, MOOD])


def test_each_label_has_its_parts(several: tuple[RunFolder, str]) -> None:
    found = Tags(several[1])
    headings = re.findall(r"<h3>(.*?)</h3>", several[1])
    assert headings.count("Smiling") == 4  # test images, mistakes, suspects, subgroups
    assert found.text.count("first <set>") == 3 * 2
    assert found.text.count("most confident ones") == 3
    assert "Accuracy, mean over 3 labels" in found.text
    assert len(re.findall(r"Of the decisions given at least", found.text)) == 3


def test_names_of_users_stay_text(several: tuple[RunFolder, str]) -> None:
    run, page = several
    found = Tags(page)
    assert not [tag for tag, _ in found.tags if tag in ("script", "b>calm")]
    assert HOSTILE in found.text
    assert MOOD.classes[1] in found.text
    assert not any(name.startswith("on") for _, attributes in found.tags for name in attributes)
    results = run.results.read_text()
    assert results.splitlines()[2].count("|") == results.splitlines()[0].count("|") == 15
    rows = [line for line in results.splitlines() if "script" in line]
    assert len(rows) == 2
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 15 for row in rows)
    assert all(r"\<script\>" in row and r"\[y\](z)" in row for row in rows)


def test_the_table_of_suspects_can_be_read_back(several: tuple[RunFolder, str]) -> None:
    run, _ = several
    table = pd.read_csv(run.suspects)
    assert set(table["label"]) <= {"gender", "Smiling", HOSTILE}
    of_mood = table[table["label"] == HOSTILE]
    assert len(of_mood)
    assert set(of_mood["given"]) | set(of_mood["suggested"]) <= {*MOOD.classes, "'=1+1"}
    assert "=1+1" not in set(of_mood["given"])  # a spreadsheet would run it
    assert set(table["split"]) == {"train", "val", "test"}


def axes_with(figures: list[Figure], xlabel: str) -> Axes:
    """The axes that were drawn last."""
    return next(f.axes[0] for f in figures[::-1] if f.axes[0].get_xlabel() == xlabel)


def test_each_class_has_a_curve_and_its_name_in_the_legend(
    tmp_path: Path, figures: list[Figure]
) -> None:
    report_of(tmp_path, [MOOD])
    axes = axes_with(figures, "False positive rate: others predicted as the class")
    legend = axes.get_figure().legends[0].get_texts()
    assert [text.get_text() for text in legend] == [
        " _nolegend_", "a <b>calm</b> $mood$", "=1+1", "none, of; these",
    ]  # fmt: skip
    assert not any(text.get_parse_math() for text in legend)
    assert len([line for line in axes.lines if line.get_color() != "grey"]) == 4


def test_the_hardest_of_many_classes_have_curves(tmp_path: Path, figures: list[Figure]) -> None:
    _, page = report_of(tmp_path, [CITY])
    axes = axes_with(figures, "False positive rate: others predicted as the class")
    assert len(axes.get_figure().legends[0].get_texts()) == 10
    assert "the 10 hardest classes" in page


@pytest.mark.parametrize(("label", "cells"), [(CITY, 20 * 20), (MANY, 0)])
def test_up_to_twenty_classes_have_a_matrix_and_all_have_their_largest_confusions(
    tmp_path: Path, label: Label, cells: int
) -> None:
    _, page = report_of(tmp_path, [label])
    assert len(re.findall(r'title="[0-9.]+ % of the row"', page)) == cells
    assert "The largest confusions" in page
    assert page.count(f'<th scope="row" class="name">{label.classes[-1]}</th>') >= 2


def test_classes_that_could_not_be_asked_about_are_named(tmp_path: Path) -> None:
    manifest, p = drawn(tmp_path, [MOOD])
    p[(manifest["split"] == "train") & (manifest["label"] == 2)] = np.nan
    run = finished_run(tmp_path, [MOOD], manifest, p)
    page = page_of(run, [MOOD], manifest, p)
    assert "Too few training images to ask about: =1+1." in page


def test_a_run_that_left_suspects_out_says_so(tmp_path: Path) -> None:
    _, page = report_of(tmp_path, [SMILING], drop_suspects=True)
    assert "training left out the suspect labels of training images" in page
    assert "trains without the suspect labels" not in page


def test_a_common_class_is_named_beside_the_accuracy(tmp_path: Path) -> None:
    manifest, p = drawn(tmp_path, [SMILING])
    manifest["label"] = (np.arange(len(manifest)) % 12 == 2).astype(int)
    run = finished_run(tmp_path, [SMILING], manifest, p)
    page = page_of(run, [SMILING], manifest, p)
    assert '75.00 %<br><small class="name">no</small>' in page
