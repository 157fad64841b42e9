"""What a search leaves of its winner: the model, its predictions and the facts agree."""

from dataclasses import dataclass, replace

import keras
import numpy as np
import pandas as pd
import pytest
from small_search import small_context

from tuning import metrics
from tuning.backbones import weights
from tuning.backbones.registry import BACKBONES
from tuning.runs.schema import WinnerFacts
from tuning.search.backbone_search import search
from tuning.search.context import SearchContext

GOOGLENET = BACKBONES["googlenet"]


@dataclass(frozen=True)
class Searched:
    context: SearchContext
    facts: WinnerFacts

    def predictions(self, split: str) -> pd.DataFrame:
        table = pd.read_csv(self.context.run.predictions("googlenet"))
        return table[table["split"] == split]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    """A search of one trial on images of which every fifth has the wrong label."""
    context = small_context(tmp_path_factory.mktemp("search"), 60)
    manifest = context.store.manifest
    wrong = (np.arange(len(manifest)) % 5 == 0).astype(int)
    store = replace(context.store, manifest=manifest.assign(label=manifest["label"] ^ wrong))
    context = replace(context, store=store, preset=replace(context.preset, trials=(1,)))
    facts = search(context, GOOGLENET, weights.load(GOOGLENET, "none"), 600.0, lambda: None)
    return Searched(context, facts)


def test_the_saved_model_gives_the_predictions_written_beside_it(searched: Searched) -> None:
    """Temperature and all: it is inside the model that is exported."""
    model = keras.models.load_model(searched.context.run.winner("googlenet"))
    for split in ("val", "test"):
        table = searched.predictions(split)
        p_man = model.predict(searched.context.store.images[table["row"]], verbose=0)[:, 0]
        assert p_man == pytest.approx(table["p_man"].to_numpy(), abs=1e-5)
        manifest = searched.context.store.manifest
        assert table["row"].tolist() == np.flatnonzero(manifest["split"] == split).tolist()
        assert table["label"].tolist() == manifest["label"][table["row"]].tolist()


def test_the_temperature_is_that_of_the_validation_images(searched: Searched) -> None:
    val = searched.predictions("val")
    again = metrics.fit_temperature(val["label"].to_numpy(), metrics.logit(val["p_man"]))
    assert searched.facts.temperature != pytest.approx(1, abs=0.01)
    assert again == pytest.approx(1, abs=0.01)
    assert searched.facts.val.uncalibrated.log_loss > searched.facts.val.log_loss


def test_the_figures_are_of_their_splits_and_the_band_is_of_validation(searched: Searched) -> None:
    val, test = (searched.predictions(split) for split in ("val", "test"))
    for table, scores in ((val, searched.facts.val), (test, searched.facts.test)):
        expected = metrics.evaluate(table["label"].to_numpy(), table["p_man"].to_numpy())
        assert scores.confusion == expected.confusion
        assert scores.brier == pytest.approx(expected.brier)
        assert scores.log_loss == pytest.approx(expected.log_loss)
    band = metrics.uncertainty_band(val["label"].to_numpy(), val["p_man"].to_numpy())
    assert searched.facts.band.low == pytest.approx(band.low)
    assert searched.facts.band.share_uncertain == pytest.approx(band.share_uncertain)


def test_the_facts_say_where_the_winner_comes_from(searched: Searched) -> None:
    facts, run = searched.facts, searched.context.run
    assert run.read_winner("googlenet") == facts
    best = run.study("googlenet").best()
    assert best and facts.hyperparameters == best.hyperparameters
    assert facts.history == best.history
    assert facts.bytes == run.winner("googlenet").stat().st_size
