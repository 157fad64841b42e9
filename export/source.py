"""A run as the export sees it: its images by split, and the predictions that it recorded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
import pandas as pd

from data import ImageStore, Label
from data.labels import codes_of, from_table
from data.rows import Rows
from data.splits import number_people
from tuning.inputs import images_of
from tuning.runs.run_folder import RunError, RunFolder
from tuning.runs.schema import RunConfig

SplitName = Literal["train", "val", "test"]
_TITLES: dict[SplitName, str] = {"train": "training", "val": "validation", "test": "test"}


@dataclass(frozen=True)
class Split:
    """One split of a run's images.

    Attributes:
        name: Name of the split.
        images: Images of all splits, uint8 RGB [N, s, s, 3].
        rows: Indices of the split's images, int [n].
        codes: Codes of the split's images by label, int [n, L].

    Example:
        >>> images = np.zeros((5, 8, 8, 3), np.uint8)
        >>> val = Split("val", images, rows=np.array([1, 4]), codes=np.array([[0], [1]]))
        >>> val.title, val.images[val.rows].shape
        ('validation', (2, 8, 8, 3))
    """

    name: SplitName
    images: Rows
    rows: np.ndarray
    codes: np.ndarray

    @property
    def title(self) -> str:
        """Name of the split as people write it."""
        return _TITLES[self.name]


@dataclass(frozen=True)
class RecordedPredictions:
    """What the Keras model predicted for a split when the run ended.

    Attributes:
        rows: Index of each image, int [n].
        codes: Codes by label, int [n, L].
        p: Calibrated class probabilities, float [n, K].

    Example:
        >>> recorded = RecordedPredictions(
        ...     rows=np.array([7, 9]),
        ...     codes=np.array([[0], [1]]),
        ...     p=np.array([[0.9, 0.1], [0.6, 0.4]]),
        ... )
        >>> recorded.rows[recorded.p.argmax(axis=1) != recorded.codes[:, 0]].tolist()
        [9]
    """

    rows: np.ndarray
    codes: np.ndarray
    p: np.ndarray


@dataclass(frozen=True)
class Source:
    """What the exports of one run share.

    Attributes:
        run: Folder of the run.
        config: Settings, data and versions of the run.
        store: Images of the run.
        target_accuracy: Accuracy wanted of the decisions given, 0.5..1, for all labels; None for
            the highest that half of the decisions reach, see `metrics.operating_point`.
    """

    run: RunFolder
    config: RunConfig
    store: ImageStore
    target_accuracy: float | None = None

    @classmethod
    def open(cls, run: RunFolder, cache: Path, target_accuracy: float | None = None) -> Self:
        """Open a run with its images.

        Args:
            run: Folder of the run.
            cache: Folder of image stores.
            target_accuracy: Accuracy wanted of the decisions given; None for the highest that half
                of them reach.

        Raises:
            RunError: The run cannot be read.
            DataError: Its images cannot be read.
        """
        return cls(run, run.read_config(), images_of(run, cache), target_accuracy)

    @property
    def labels(self) -> tuple[Label, ...]:
        """The labels that the run learned."""
        return self.config.labels

    def split(self, name: SplitName) -> Split:
        """Return one split of the images.

        Args:
            name: Name of the split.
        """
        rows = np.flatnonzero(self.store.manifest["split"] == name)
        return Split(name, self.store.images, rows, codes_of(self.store.manifest)[rows])

    def people(self, rows: np.ndarray) -> np.ndarray:
        """Number the people in some images.

        Args:
            rows: Indices of the images, int [n].

        Returns:
            Number of the person in each, int [n].
        """
        return number_people(self.store.manifest["identity"].iloc[rows])

    def winner(self, backbone: str) -> Path:
        """Return the path of a winner's Keras model.

        Args:
            backbone: Name of the winner.

        Raises:
            RunError: The file is missing.
        """
        path = self.run.winner(backbone)
        if not path.is_file():
            raise RunError(f"{path} is missing: run `make tune` again with the same RUN")
        return path

    def recorded(self, backbone: str) -> dict[SplitName, RecordedPredictions]:
        """Read what a winner predicted for validation and test images when the run ended.

        Args:
            backbone: Name of the winner.

        Raises:
            RunError: The file is missing or damaged.
        """
        path = self.run.predictions(backbone)
        try:
            table = pd.read_csv(path)
            return {"val": self._part(table, "val"), "test": self._part(table, "test")}
        except (OSError, ValueError, KeyError):
            raise RunError(
                f"{path} can't be read: run `make tune` again with the same RUN"
            ) from None

    def _part(self, table: pd.DataFrame, split: SplitName) -> RecordedPredictions:
        part = table[table["split"] == split]
        p = from_table(self.labels, part)
        return RecordedPredictions(part["row"].to_numpy(), codes_of(part), p)
