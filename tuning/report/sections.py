"""What the report has of one label: its figures, plots, confusions, mistakes and suspects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from data import Label
from data.labels import class_slices, code_columns, codes_of, from_table
from data.splits import number_people
from tuning.report.confusions import (
    MOST_IN_A_MATRIX,
    ClassRow,
    Confusion,
    class_rows,
    largest_confusions,
    majority,
)
from tuning.report.drawing import Plot
from tuning.report.label_plots import Tested, reliability, roc
from tuning.report.photos import Mistake, Suspect, mistakes, suspect_photos
from tuning.runs.schema import LabelFacts, WinnerFacts
from tuning.suspects.table import contradictions


@dataclass(frozen=True)
class LabelSection:
    """All that the page says of one label.

    Attributes:
        number: Number of the label, from 1.
        label: The label.
        facts: Facts of each winner by backbone, the best winner first.
        majority: Class of most test images, and its share.
        plots: ROC curves and reliability.
        classes: How well the best winner recognizes each class.
        confusions: The pairs of classes that the best winner confuses most.
        has_matrix: Whether there are few enough classes for a matrix.
        mistakes: Incorrect predictions of the best winner, the most confident first.
        suspects: Labels to look at, the most doubted first.
    """

    number: int
    label: Label
    facts: Mapping[str, LabelFacts]
    majority: tuple[str, float]
    plots: Sequence[Plot]
    classes: Sequence[ClassRow]
    confusions: Sequence[Confusion]
    has_matrix: bool
    mistakes: Sequence[Mistake]
    suspects: Sequence[Suspect]

    @property
    def best(self) -> LabelFacts:
        """Facts of the winner that is best on validation images."""
        return next(iter(self.facts.values()))

    @property
    def disputed(self) -> int:
        """Number of mistakes whose label contradicts most photos of the same person."""
        return sum(mistake.disputed for mistake in self.mistakes)

    def suspects_of(self, split: str) -> int:
        """Return the number of labels in a split that the model contradicts.

        Args:
            split: "train", "val" or "test".
        """
        return sum(s.suspect and s.split == split for s in self.suspects)

    @property
    def contradictions(self) -> int:
        """Number of listed labels that contradict most photos of the same person."""
        return self.contradictions_among(len(self.suspects))

    def contradictions_among(self, first: int) -> int:
        """Return the same number among the most doubted labels.

        Args:
            first: How many of them to look at.
        """
        return sum(suspect.contradicts_person for suspect in self.suspects[:first])


def label_sections(
    labels: Sequence[Label],
    winners: Mapping[str, WinnerFacts],
    manifest: pd.DataFrame,
    tests: Mapping[str, pd.DataFrame],
    suspects: pd.DataFrame,
) -> list[LabelSection]:
    """Make the section of each label.

    Args:
        labels: The L labels of the run.
        winners: Facts of each winner, best first.
        manifest: Images of the run.
        tests: Each winner's predictions for the test images, with `row`, codes and probabilities.
        suspects: Table of `tuning.suspects.table.suspects`.
    """
    return [_section(n, labels, winners, manifest, tests, suspects) for n in range(len(labels))]


def _section(
    number: int,
    labels: Sequence[Label],
    winners: Mapping[str, WinnerFacts],
    manifest: pd.DataFrame,
    tests: Mapping[str, pd.DataFrame],
    suspects: pd.DataFrame,
) -> LabelSection:
    label, at = labels[number], class_slices(labels)[number]
    best = next(iter(winners))
    facts = {name: winner.labels[number] for name, winner in winners.items()}
    people = pd.Series(number_people(manifest["identity"]), manifest.index)
    tested = {
        name: Tested.of(
            codes_of(table)[:, number],
            from_table(labels, table)[:, at],
            people[table["row"]].to_numpy(),
        )
        for name, table in tests.items()
    }
    of_best = pd.DataFrame(from_table(labels, tests[best])[:, at]).assign(
        row=tests[best]["row"].to_numpy(), code=codes_of(tests[best])[:, number]
    )
    disputed = contradictions(label, code_columns(labels)[number], manifest)
    matrix = facts[best].test.confusion
    return LabelSection(
        number=number + 1,
        label=label,
        facts=facts,
        majority=majority(label, facts[best].test),
        plots=[roc(label, tested), reliability(label, tested)],
        classes=class_rows(label, tested[best].codes, tested[best].p, tested[best].people),
        confusions=largest_confusions(label, matrix),
        has_matrix=len(label.classes) <= MOST_IN_A_MATRIX,
        mistakes=mistakes(label, manifest, of_best, disputed),
        suspects=suspect_photos(suspects[suspects["label"] == label.name], manifest),
    )
