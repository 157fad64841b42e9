"""The best winner of a run, from the predictions that the run recorded."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from data import Label, read_manifest
from data.labels import codes_of, from_table
from data.splits import number_people
from tuning.metrics import chosen_winner, cross_fitted
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import ChosenWinner, WinnerFacts


def best_winner(
    run: RunFolder, labels: Sequence[Label], winners: Sequence[WinnerFacts]
) -> ChosenWinner:
    """Return the winner with the lowest score, its figures corrected for the choice.

    Args:
        run: Folder of the run, with its manifest and predictions.
        labels: The labels of the run.
        winners: Facts of the winners, at least one.

    Raises:
        OSError: A file of the run cannot be read.
    """
    backbones = [facts.backbone for facts in winners]
    tables = {name: pd.read_csv(run.predictions(name)) for name in backbones}
    tables = {name: table[table["split"] == "val"] for name, table in tables.items()}
    first = tables[backbones[0]]
    codes = codes_of(first)
    people = number_people(read_manifest(run.manifest)["identity"].loc[first["row"]])
    predictions = {
        name: cross_fitted(labels, codes, from_table(labels, table), people)
        for name, table in tables.items()
    }
    known = {facts.backbone: facts.score - facts.val_brier for facts in winners}
    return chosen_winner(labels, codes, predictions, people, known)
