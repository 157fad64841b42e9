"""`report.html`, one page with tables and plots, and its tables `results.md`, `suspects.csv`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from data import read_manifest
from data.atomic import write_text
from data.progress import ProgressCallback
from data.rows import Rows
from inference.explanation.heat_map import CAVEAT
from tuning.backbones.class_activations import has_activations
from tuning.backbones.registry import BACKBONES
from tuning.metrics import TARGETS
from tuning.report import plots
from tuning.report.confusions import majority
from tuning.report.mistake_maps import Explained, MistakeMap, explainer
from tuning.report.rendering import render
from tuning.report.sections import LabelSection, label_sections
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import RunConfig, RunMetrics, WinnerFacts
from tuning.runs.timeline import minutes_by_step, read_timeline
from tuning.suspects.table import as_csv, asked_in_vain, run_predictions, suspects

_PHOTOS = 24
_PHOTOS_OF_SEVERAL = 12
_MAPS = 24  # of all labels together: by occlusion each runs the model 37 times
_PACKAGE = "tuning.report"


def write(
    run: RunFolder,
    config: RunConfig,
    metrics: RunMetrics,
    leaderboard: pd.DataFrame,
    images: Rows | None = None,
    on_progress: ProgressCallback | None = None,
) -> None:
    """Write a run's report, its table of results and its list of labels to look at.

    Args:
        run: Folder of the run, with its manifest, predictions and trials.
        config: Content of `config.json`: settings, data and versions of the run.
        metrics: Content of `metrics.json`.
        leaderboard: Table of all trials, see `tuning.runs.leaderboard`.
        images: Images of the run, uint8 RGB [N, s, s, 3], by which mistakes are explained; None for
            no explanations.
        on_progress: Called after each explanation with the number of those done and of all.

    Raises:
        OSError: A file of the run cannot be read, or the report cannot be written.
    """
    winners, labels = metrics.winners, config.labels
    best = next(iter(winners))
    manifest, predictions = read_manifest(run.manifest), run_predictions(run, best)
    test = config.images.splits["test"]
    doubted = suspects(labels, manifest, predictions)
    write_text(run.suspects, as_csv(doubted))
    titles = {name: BACKBONES[name].title for name in winners}
    facts = {"config": config, "metrics": metrics, "winners": winners, "titles": titles}
    results = render(_PACKAGE, "templates/results.md.jinja", **facts, majority=majority)
    write_text(run.results, results)
    tests = {name: _test_predictions(run, name) for name in winners}
    sections = label_sections(labels, winners, manifest, tests, doubted)
    photos = _PHOTOS if len(labels) == 1 else _PHOTOS_OF_SEVERAL
    maps = {}
    if images is not None:
        maps = _maps(run, config, winners[best], sections, images, on_progress)
    page = render(
        _PACKAGE,
        "templates/report.html.jinja",
        **facts,
        **_plots(run, winners, leaderboard),
        best=best,
        sections=sections,
        maps=maps,
        caveat=CAVEAT,
        has_activations=has_activations(winners[best].hyperparameters),
        by_person=0 < test.identities < test.count,
        wanted=TARGETS[0],
        silent=asked_in_vain(labels, predictions),
        asked_training="train" in set(predictions["split"]),
        photos=photos,
        leaderboard=leaderboard.to_dict("records"),
    )
    write_text(run.report, page)


def _maps(
    run: RunFolder,
    config: RunConfig,
    facts: WinnerFacts,
    sections: Sequence[LabelSection],
    images: Rows,
    on_progress: ProgressCallback | None,
) -> dict[tuple[int, int], MistakeMap]:
    """Explain the first mistakes of each label, by the label's number and the manifest's row."""
    shown = [
        (section, mistake)
        for section in sections
        for mistake in section.mistakes[: _MAPS // len(sections)]
    ]
    if not shown:
        return {}
    explained = Explained(
        images,
        config.images.framing,
        bool(config.images.detected),
        explainer(run.winner(facts.backbone), facts, config.labels),
    )
    paths, maps = read_manifest(run.manifest)["path"], {}
    for section, mistake in shown:
        found = explained.map_of(mistake, section.number - 1, section.label, paths[mistake.row])
        maps[section.number, mistake.row] = found
        if on_progress:
            on_progress(len(maps), len(shown))
    return maps


def _plots(
    run: RunFolder, winners: dict[str, WinnerFacts], leaderboard: pd.DataFrame
) -> dict[str, Any]:
    return {
        "cost_plots": plots.costs(winners),
        "curves": plots.learning_curves([_curves(run, facts) for facts in winners.values()]),
        "search_plots": plots.search(leaderboard),
        "anytime_plots": plots.anytime(timeline := read_timeline(run)),
        "minutes": minutes_by_step(timeline),
    }


def _test_predictions(run: RunFolder, backbone: str) -> pd.DataFrame:
    table = pd.read_csv(run.predictions(backbone))
    return table[table["split"] == "test"]


def _curves(run: RunFolder, facts: WinnerFacts) -> plots.Curves:
    return plots.Curves(facts.backbone, run.study(facts.backbone).trials(), facts.trial)
