"""Every winner of a run to a bundle, and a champion among them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

import data
from data import ImageStore
from export import bundling, comparison, pareto
from export.bundling import Exported, Source
from export.champion import Candidate, Limits, choose, rank
from export.parity import ParityError
from export.progress import Steps
from inference import bundle
from tuning.runs.run_folder import RunError, RunFolder
from tuning.runs.schema import RunConfig, WinnerFacts


def export_run(
    run: RunFolder,
    models: Path,
    cache: Path,
    limits: Limits,
    target_accuracy: float | None = None,
) -> list[Exported]:
    """Export a run's winners and name the champion.

    Args:
        run: finished, with metrics and winners.
        models: folder for the bundles, `index.json`, `comparison.csv` and `pareto.png`.
        cache: folder of image stores.
        limits: for the champion.
        target_accuracy: wanted of the decisions given, 0.5..1; None for the run's own.

    Returns:
        what was exported, best first.

    Raises:
        RunError: the run is not finished or not readable, or `models` holds somebody's files.
        ParityError: an exported model does not answer as Keras does; the others are there.
        LimitsError: no model is within the limits (the bundles are there, without a champion).
    """
    metrics, config = run.read_metrics(), run.read_config()
    _refuse_foreign(models, metrics.winners)
    console = Console(highlight=False)
    console.print(f"Run {run.name} to {models}", style="bold", soft_wrap=True)
    source = Source(run, config, _images(run, config, cache), target_accuracy)
    exported, failures = [], []
    for facts in metrics.winners.values():
        try:
            exported.append(_export(source, facts, models, console))
        except ParityError as error:
            console.print(f"  {error}", style="red", soft_wrap=True)
            failures.append(error)
    if not exported:
        raise failures[0]
    ranked = rank([item.candidate for item in exported])
    exported.sort(key=lambda item: ranked.index(item.candidate))
    champion: Candidate | None = None
    try:
        champion = choose(ranked, limits)
        bundle.write_index(models, champion.backbone, [item.backbone for item in ranked])
    finally:
        pareto.plot(ranked, champion, limits, models / pareto.PLOT_FILE)
        comparison.report(exported, champion, models, console)
    if failures:
        raise failures[0]
    return exported


def _refuse_foreign(models: Path, names: Iterable[str]) -> None:
    """Overwrite nothing but what an export wrote, and say so before the work is done."""
    written_before = any(models.glob(f"*/{bundle.INFO_FILE}"))
    files = (bundle.INDEX_FILE, comparison.COMPARISON_FILE, pareto.PLOT_FILE)
    foreign = [models / file for file in files if (models / file).exists() and not written_before]
    foreign += [models / name for name in names if not bundle.may_be_replaced(models / name)]
    if foreign:
        raise RunError(
            f"{foreign[0]} was not written by an export and is not replaced: move it away, or give "
            "MODELS=<another folder>"
        )


def _images(run: RunFolder, config: RunConfig, cache: Path) -> ImageStore:
    manifest = data.read_manifest(run.manifest)
    return data.build(manifest, config.settings.size, config.images.framing, cache)


def _export(source: Source, facts: WinnerFacts, models: Path, console: Console) -> Exported:
    name = facts.backbone
    steps = Steps(console, name)
    item = bundling.export(source, facts, models / name, steps)
    steps.done()
    return item
