"""Every winner of a run to a bundle, and a champion among them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from rich.console import Console

from export import comparison, mlflow_models, pareto
from export.bundling import Exported, export_winner
from export.champion import Candidate, Limits, choose
from export.parity import ParityError
from export.preparation import Prepare, prepare
from export.progress import Steps
from export.side_by_side import prepare_all
from export.source import Source
from inference import bundle
from tuning.helpers import NOBODY, Helpers
from tuning.runs.run_folder import RunError, RunFolder
from tuning.runs.schema import WinnerFacts


def export_run(
    run: RunFolder,
    models: Path,
    cache: Path,
    limits: Limits,
    target_accuracy: float | None = None,
    helpers: Helpers = NOBODY,
) -> list[Exported]:
    """Export a run's winners and name the champion.

    Args:
        run: Folder of a finished run, with metrics and winners.
        models: Folder for the bundles, `index.json`, `comparison.csv` and `pareto.png`.
        cache: Folder of image stores.
        limits: Limits for the champion.
        target_accuracy: Accuracy wanted of the decisions given, 0.5..1; None for the highest that
            half of them reach.
        helpers: Who converts, compares and quantizes beside this process; it alone measures speed.

    Returns:
        What was exported, best first.

    Raises:
        RunError: The run has no winner or cannot be read, or `models` holds somebody's files.
        ParityError: An exported model does not predict what Keras does; the others are there.
        ClusterError: Ray is not there, or gave up on a winner.
        LimitsError: No model is within the limits (the bundles are there, without a champion).
    """
    run.read_config()  # an older version's is refused before its winners are missed
    winners = _winners_of(run)
    _refuse_foreign(models, [facts.backbone for facts in winners])
    console = Console(highlight=False)
    console.print(f"Run {run.name} to {models}", style="bold", soft_wrap=True)
    status = run.read_status()
    if status and status.state != "finished":
        console.print("the search has not ended: these are its winners so far", style="yellow")
    source = Source.open(run, cache, target_accuracy)
    with tempfile.TemporaryDirectory() as scratch:
        artifacts = cache.parents[1]
        ready = prepare_all(helpers, source, winners, artifacts, Path(scratch), console)
        exported, failures = _export_winners(source, winners, models, console, ready)
    if exported:
        mlflow_models.log(run, exported, models, console)
        _compare(exported, limits, models, console)
    if failures:
        raise failures[0]
    return exported


def _winners_of(run: RunFolder) -> list[WinnerFacts]:
    winners = run.winners()
    if not winners:
        raise RunError(
            f"run {run.name} has no winner yet: `make tune RUN={run.name}` goes on with it"
        )
    return winners


def _export_winners(
    source: Source,
    winners: Iterable[WinnerFacts],
    models: Path,
    console: Console,
    ready: Mapping[str, Prepare],
) -> tuple[list[Exported], list[ParityError]]:
    """Export what passes its check, best first, and keep the errors of what does not."""
    exported, failures = [], []
    for facts in winners:
        steps = Steps(console, facts.backbone)
        try:
            by = ready.get(facts.backbone, prepare)
            exported.append(export_winner(source, facts, models / facts.backbone, steps, by))
            steps.done()
        except ParityError as error:
            console.print(f"  {error}", style="red", markup=False, soft_wrap=True)
            failures.append(error)
    return sorted(exported, key=lambda item: item.candidate.rank_key), failures


def _compare(exported: list[Exported], limits: Limits, models: Path, console: Console) -> None:
    """Name the champion; draw and print how the models compare, also where none is chosen."""
    candidates = [item.candidate for item in exported]
    champion: Candidate | None = None
    try:
        champion = choose(candidates, limits)
        bundle.write_index(models, champion.backbone, [item.backbone for item in candidates])
    finally:
        pareto.plot(candidates, champion, limits, models / pareto.FILE)
        comparison.write(exported, champion, models / comparison.FILE)
        console.print(comparison.table(exported, champion))
        console.print("Next: `make demo`, or `python -m inference predict --help`.", soft_wrap=True)


def _refuse_foreign(models: Path, names: Iterable[str]) -> None:
    """Overwrite nothing but what an export wrote, and say so before the work is done."""
    written_before = any(models.glob(f"*/{bundle.INFO_FILE}"))
    files = (bundle.INDEX_FILE, comparison.FILE, pareto.FILE)
    foreign = [models / file for file in files if (models / file).exists() and not written_before]
    foreign += [models / name for name in names if not bundle.may_be_replaced(models / name)]
    if foreign:
        raise RunError(
            f"{foreign[0]} was not written by an export and is not replaced: move it away, or give "
            "MODELS=<another folder>"
        )
