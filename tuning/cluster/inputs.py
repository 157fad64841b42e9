"""What a worker is sent once, to do the steps of a search by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

import data
from data import Framing, ImageStore, Label
from tuning.backbones.weights import Weights
from tuning.cluster.token import Token
from tuning.runs.settings import Settings
from tuning.search.context import StepContext
from tuning.search.presets import Preset


@dataclass(frozen=True)
class RunInputs:
    """What all searches of a run have in common.

    Attributes:
        settings: What the user chose.
        preset: How much is tried.
        labels: Labels that are learned.
        manifest: Manifest of the images in use.
        framing: Part of each image that was kept.
        fingerprint: Fingerprint of the image store.
        digests: Digest of each image's pixels, S16 [N].
        images: Folder of image stores on the driver's machine.
        cache: Folder of the trunk cache there.
        cache_bytes: Disk budget of a trunk cache.
        token: File by which a worker sees whether it shares these folders, see
            `tuning.cluster.token`.
    """

    settings: Settings
    preset: Preset
    labels: tuple[Label, ...]
    manifest: pd.DataFrame
    framing: Framing
    fingerprint: str
    digests: np.ndarray
    images: Path
    cache: Path
    cache_bytes: int
    token: Token

    @classmethod
    def of(cls, context: StepContext, artifacts: Path, token: Token) -> RunInputs:
        """Take from a run's context what workers need.

        Args:
            context: Data and settings.
            artifacts: Folder for everything a run makes.
            token: Token that lies in it.
        """
        store = context.store
        return cls(
            settings=context.settings,
            preset=context.preset,
            labels=context.labels,
            manifest=store.manifest,
            framing=store.framing,
            fingerprint=store.fingerprint,
            digests=store.digests,
            images=(artifacts / "cache" / "images").resolve(),
            cache=context.cache.folder.resolve(),
            cache_bytes=context.cache.budget,
            token=token,
        )

    def without_rows(self) -> RunInputs:
        """Return the same with the number of rows alone: small enough to be sent by value."""
        rows = pd.DataFrame(index=pd.RangeIndex(len(self.manifest)))
        return replace(self, manifest=rows, digests=self.digests[:0])

    def open_store(self) -> ImageStore | None:
        """Open the run's images in the driver's folder; None where they are not there."""
        size = self.settings.size
        return data.reopen(self.manifest, size, self.framing, self.images, self.fingerprint)


@dataclass(frozen=True)
class BackboneInputs:
    """What the search of one backbone needs beside it.

    Attributes:
        backbone: Name in the registry.
        weights: Pretrained weights.
    """

    backbone: str
    weights: Weights
