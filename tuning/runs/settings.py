"""What a user chose for a run."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from data import AGES, Balance, FramingChoice, SplitBy
from tuning.precision import Precision, resolve

Algorithm = Literal["bayesian", "random"]

_LATER = (
    "labels",
    "split",
    "label",
    "ages",
    "drop_suspects",
)  # not part of a run's name where they have their defaults


class Settings(BaseModel):
    """What a user chose for a run; recorded in its folder, and a run goes on only with the same.

    The fields are the variables of `make tune` in lower case.

    Attributes:
        data: Folder or table, or several separated by commas; "synthetic" for the built-in
            portraits.
        samples: Number of its images to learn from, None for all, see `data.sample`.
        balance: Whether classes are used as they are ("natural") or equally ("equal").
        framing: Part of each image that is used, see `data.images.FramingChoice`; None for "face"
            where images are aligned as CelebA's, else for the face that is found, or a guess.
        drop_conflicts: Whether training leaves out images that contradict their identity's other
            labels.
        backbones: Names of the backbones to search.
        preset: Name of a preset in `tuning.search.presets.PRESETS`.
        size: Side of the square input, pixels.
        budget: Minutes for the whole run, None for no limit.
        weights: Source of the pretrained weights: "imagenet", "none" or a folder.
        algorithm: Keras Tuner's search algorithm.
        seed: Seed of sampling, splits, search and training.
        precision: Arithmetic of the search; "auto" is another one on another machine, see `policy`.
        labels: What the data's words for the labels mean, "0=man,1=woman"; "" for the usual.
        split: Whether to keep the data set's own parts where they are whole ("given"), make new
            ones ("identity"), or keep those that were published ("official").
        label: Names of the labels to learn, separated by commas; "" for the data set's own.
        ages: Groups that ages are put into, in years: "0-12,13-19,20-39,40-59,60+".
        drop_suspects: Whether training leaves out labels that cross-validation doubts.

    Example:
        >>> Settings(data="faces", backbones=("vgg16",), size=96).environment()["BACKBONES"]
        'vgg16'
    """

    model_config = ConfigDict(frozen=True)

    data: str
    samples: int | None = None
    balance: Balance = "natural"
    framing: FramingChoice | None = None
    drop_conflicts: bool = False
    backbones: tuple[str, ...] = Field(min_length=1)
    preset: str = "standard"
    size: int
    budget: int | float | None = None  # whole minutes stay whole: the name holds them
    weights: str = "imagenet"
    algorithm: Algorithm = "bayesian"
    seed: int = 0
    precision: Precision = "float32"
    labels: str = ""
    split: SplitBy = "given"
    label: str = ""
    ages: str = AGES
    drop_suspects: bool = False

    @property
    def policy(self) -> str:
        """Keras dtype policy of the search on this machine, see `tuning.precision.resolve`."""
        return resolve(self.precision)

    def fingerprint(self) -> str:
        """Return the SHA-256 (hex) of what distinguishes the run from others, for its name.

        Settings that came later count only where they have been used, so that a command gives the
        name that it gave before them.
        """
        defaults = {name: type(self).model_fields[name].default for name in _LATER}
        chosen = self.model_dump()
        counted = {k: v for k, v in chosen.items() if k not in _LATER or v != defaults[k]}
        return hashlib.sha256(json.dumps(counted, sort_keys=True).encode()).hexdigest()

    def environment(self) -> dict[str, str]:
        """Return the same choices as the environment variables of `make tune`."""
        return {name.upper(): _as_text(value) for name, value in self.model_dump().items()} | {
            "SAMPLES": str(self.samples or 0),
        }


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return ",".join(value) if isinstance(value, tuple) else str(value)
