"""What a search leaves of its winner: the model, its predictions and the facts agree."""

from dataclasses import dataclass, replace

import keras
import numpy as np
import pandas as pd
import pytest
from small_search import best_trial, small_backbone, small_context

from data import GENDER, Label
from data.labels import (
    MISSING,
    by_output,
    class_slices,
    codes_of,
    from_outputs,
    from_table,
)
from data.splits import number_people
from tuning import metrics
from tuning.backbones import weights
from tuning.backbones.registry import BACKBONES
from tuning.runs.schema import WinnerFacts
from tuning.runs.time_budget import TimeBudget
from tuning.search import known_ground, racing, winner
from tuning.search.context import SearchContext
from tuning.search.engine import OneProcess
from tuning.searches import search_all

HAIR = Label(name="hair", classes=("fair", "brown", "black"))


@dataclass(frozen=True)
class Searched:
    context: SearchContext
    facts: WinnerFacts
    error: float

    def predictions(self, split: str) -> pd.DataFrame:
        table = pd.read_csv(self.context.run.predictions("googlenet"))
        return table[table["split"] == split]

    def p(self, split: str) -> np.ndarray:
        return from_table(self.context.labels, self.predictions(split))


@pytest.fixture(scope="module", params=["gender", "several", "whole"])
def searched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Searched:
    """A short search on images of which every fifth has the wrong label.

    One learns gender, one hair color as well, of which every fourth image lacks the label. The
    third one does not trust the tail on cached activations, and predicts by the whole model.
    """
    context = small_context(tmp_path_factory.mktemp("search"), 60)
    manifest, rows = context.store.manifest, np.arange(110)
    codes = manifest.pop("label") ^ (rows % 5 == 0)
    if request.param == "several":
        hair = np.where(rows % 4 == 0, MISSING, rows % 3)
        labels: tuple[Label, ...] = (GENDER, HAIR)
        manifest = manifest.assign(**{"label:gender": codes, "label:hair": hair})
    else:
        labels, manifest = (GENDER,), manifest.assign(label=codes)
    store = replace(context.store, manifest=manifest)
    preset = replace(context.preset, challengers=0)
    context = replace(context, store=store, preset=preset, labels=labels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKBONES, "googlenet", small_backbone())
        patch.setattr(racing, "LEAST_EPOCHS", 1)
        if len(labels) == 1:  # a hidden layer would win, whose logits are calibrated already
            patch.setattr(known_ground, "_HIDDEN_UNITS", 0)
        if request.param == "whole":
            patch.setattr(winner, "_TOLERANCE", -1.0)
            patch.setattr(winner, "_TOLERANCE_OF_HALF", -1.0)
        start = {"googlenet": weights.load(BACKBONES["googlenet"], "none")}
        [facts] = search_all(context, OneProcess(), start, TimeBudget(context.run, None))
    cached = 0.02 if context.settings.policy == "float32" else 0.05
    return Searched(context, facts, 1e-5 if request.param == "whole" else cached)


def test_the_saved_model_gives_the_predictions_written_beside_it(searched: Searched) -> None:
    """Calibration and all: it is inside the model that is exported."""
    model = keras.models.load_model(searched.context.run.winner("googlenet"))
    labels, manifest = searched.context.labels, searched.context.store.manifest
    for split in ("val", "test"):
        table = searched.predictions(split)
        said = model.predict(searched.context.store.images[table["row"]], verbose=0)
        p = from_outputs(labels, list(by_output(labels, said).values()))
        np.testing.assert_allclose(p, searched.p(split), atol=searched.error)
        assert table["row"].tolist() == np.flatnonzero(manifest["split"] == split).tolist()
        np.testing.assert_array_equal(codes_of(table), codes_of(manifest.loc[table["row"]]))


def test_the_columns_of_gender_are_as_ever(searched: Searched) -> None:
    columns = searched.predictions("val").columns.tolist()
    if searched.context.labels == (GENDER,):
        assert columns == ["row", "split", "label", "p_man"]
    else:
        p = ["p_woman:gender", "p_man:gender", "p_fair:hair", "p_brown:hair", "p_black:hair"]
        assert columns == ["row", "split", "label:gender", "label:hair", *p]


def test_the_calibrations_are_those_of_the_validation_images(searched: Searched) -> None:
    labels, codes = searched.context.labels, codes_of(searched.predictions("val"))
    logits = metrics.logits_of(labels, searched.p("val"))
    for facts, again in zip(
        searched.facts.labels, metrics.fit_calibrations(labels, codes, logits), strict=True
    ):
        assert facts.calibration.slope != pytest.approx(1, abs=0.01)
        if again.slope < 0.06:  # as flat as may be: nothing in the pictures tells hair colors
            assert facts.label == HAIR
            continue
        assert again.slope == pytest.approx(1, abs=0.01)
        assert again.bias == pytest.approx((0,) * facts.label.width, abs=0.01)


def test_the_figures_are_of_their_splits_and_the_operating_point_is_of_validation(
    searched: Searched,
) -> None:
    labels, table = searched.context.labels, searched.predictions("val")
    people = number_people(searched.context.store.manifest["identity"].loc[table["row"]])
    fair = metrics.cross_fitted(labels, codes_of(table), searched.p("val"), people)
    for number, facts in enumerate(searched.facts.labels):
        at = class_slices(labels)[number]
        for split, p, scores in (
            ("val", fair, facts.val),
            ("test", searched.p("test"), facts.test),
        ):
            codes = codes_of(searched.predictions(split))[:, number]
            expected = metrics.evaluate(facts.label, codes, p[:, at])
            assert scores.count == (codes != MISSING).sum()
            assert scores.confusion == expected.confusion
            assert scores.brier == pytest.approx(expected.brier)
            assert scores.log_loss == pytest.approx(expected.log_loss)
        val = codes_of(searched.predictions("val"))[:, number]
        point = metrics.operating_point(val, fair[:, at], people)
        assert facts.operating_point.least == pytest.approx(point.least)
        assert facts.operating_point.share_uncertain == pytest.approx(point.share_uncertain)


def test_the_facts_say_where_the_winner_comes_from(searched: Searched) -> None:
    facts, run = searched.facts, searched.context.run
    assert run.read_winner("googlenet") == facts
    best = best_trial(run.study("googlenet"))
    assert facts.hyperparameters == best.hyperparameters
    assert best.result  # later legs, which brought nothing, are in the trial alone
    assert facts.history == best.result.history[: len(facts.history)] != ()
    assert (facts.trial, facts.score, facts.trained) == (best.trial, best.score, 60)
    assert facts.bytes == run.winner("googlenet").stat().st_size
