"""What a user chose for a run."""

from __future__ import annotations

from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from data import Balance, Framing, SplitBy


@dataclass(frozen=True)
class Settings:
    """What a user chose for a run; recorded in its folder, and a run goes on only with the same.

    Attributes:
        data: folder or table; "synthetic" for the built-in portraits.
        samples: images to use of it, None for all.
        balance: "natural" or "equal".
        framing: part of each image that is used, of `data.FRAMINGS`; None for the data set's own.
        drop_conflicts: leave out images that contradict their identity's other labels.
        backbones: names, in the order they are searched.
        preset: of `tuning.search.presets.PRESETS`.
        size: of the square input, pixels.
        budget: minutes for the whole run, None for no limit.
        weights: "imagenet", "none" or a folder.
        algorithm: of `tuning.search.oracles.ALGORITHMS`.
        seed: of sampling, splits, search and training.
        precision: Keras dtype policy of the search.
        labels: what the data's words for the labels mean, "0=man,1=woman"; "" for the usual.
        split: "given" keeps the data set's own parts, "identity" makes new ones.
    """

    data: str
    samples: int | None
    balance: Balance
    framing: Framing | None
    drop_conflicts: bool
    backbones: tuple[str, ...]
    preset: str
    size: int
    budget: float | None
    weights: str
    algorithm: str
    seed: int
    precision: str
    labels: str = ""
    split: SplitBy = "given"

    def chosen(self) -> dict[str, Any]:
        """What tells the run from others: settings that came later only where they were used."""
        later = {field.name: field.default for field in fields(self) if field.default != MISSING}
        return {k: v for k, v in asdict(self).items() if k not in later or v != later[k]}

    def environment(self) -> dict[str, str]:
        """The same choices as the variables of `make tune`."""
        return {
            "DATA": self.data,
            "SAMPLES": str(self.samples or 0),
            "BALANCE": self.balance,
            "FRAMING": self.framing or "",
            "DROP_CONFLICTS": str(int(self.drop_conflicts)),
            "BACKBONES": ",".join(self.backbones),
            "PRESET": self.preset,
            "SIZE": str(self.size),
            "BUDGET": "" if self.budget is None else str(self.budget),
            "WEIGHTS": self.weights,
            "ALGORITHM": self.algorithm,
            "SEED": str(self.seed),
            "PRECISION": self.precision.removeprefix("mixed_"),
            "LABELS": self.labels,
            "SPLIT": self.split,
        }
