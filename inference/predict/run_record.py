"""What is kept beside an output of `predict`: which run wrote it, and with what settings.

`OUT.run.json` is how a later run knows that OUT is its own to overwrite, and that rows of another
model are not mixed into it.
"""

import json
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

from data.atomic import read_json, write_json
from inference.bundle import digest
from inference.classifier import Classifier
from inference.errors import OutputError

_WRITTEN_BY = "python -m inference predict"

Settings = dict[str, Any]
"""All that the rows and copies depend on, as JSON holds it."""


@dataclass(frozen=True)
class RunRecord:
    """The run that an output is from.

    `copied_from` is the folder whose tree the marked copies follow. `finished` is the SHA-256 of
    the output that the run completed, `before` of what it found there.
    """

    settings: Settings
    copied_from: str | None = None
    before: str | None = None
    finished: str | None = None

    @classmethod
    def read(cls, path: Path) -> "RunRecord | None":
        """Read a record; None if there is none, or it is not one of ours."""
        content = read_json(path)
        if not isinstance(content, dict) or content.pop("written_by", None) != _WRITTEN_BY:
            return None
        try:
            return cls(**content)
        except TypeError:
            return None

    def write(self, path: Path) -> None:
        """Replace the record at `path`. Raises OSError."""
        write_json(path, {"written_by": _WRITTEN_BY} | asdict(self))

    def wrote(self, output: Path) -> bool:
        """Whether `output` is as this run or the one before it left it."""
        return digest(output) in (self.before, self.finished)

    def refuse_other(self, settings: Settings, output: Path) -> None:
        """Raise OutputError if the run had other settings than `settings`."""
        given = json.loads(json.dumps(settings))
        for name in self.settings | given:
            old, new = self.settings.get(name), given.get(name)
            if old != new:
                raise OutputError(
                    f"{output} was begun with {name} {_shown(old)}, not {_shown(new)}: give the "
                    "same settings to --resume, or start anew with --force instead"
                )


def settings_of(classifier: Classifier, annotate: Path | None) -> Settings:
    """Return what the rows depend on: the model's file, its input, the finder; and the copies."""
    info, precision, finder = classifier.info, classifier.precision, classifier.finder
    looks: Settings = {}  # none for whole pictures
    if is_dataclass(finder) and not isinstance(finder, type):
        looks = {name: value for name, value in asdict(finder).items() if name != "threads"}
    return {
        "model": info.backbone,
        "precision": precision,
        "sha256": info.formats[precision].sha256 if precision else None,
        "framing": info.input.framing,
        "aligned": not looks,
        **looks,
        "annotate": str(annotate.resolve()) if annotate else None,
    }


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)
