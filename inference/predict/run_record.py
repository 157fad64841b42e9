"""What is kept beside an output of `predict`: which run wrote it, and with what settings.

`OUT.run.json` is how a later run knows that OUT is its own to overwrite, and that rows of another
model are not mixed into it.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from data import GENDER, Framing, Label
from data.messages import one_line
from data.records import read_record, write_record
from inference.bundle import Precision, digest
from inference.classifier import Classifier
from inference.detection.finder import FaceFinder
from inference.errors import OutputError
from inference.predict.rows import OF_VIDEO
from inference.runtime.providers import Provider


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RowSettings(_Record):
    """All that the rows and the marked copies depend on.

    Example:
        >>> RowSettings(model="vgg16", precision="int8", framing="face").aligned
        False
    """

    labels: tuple[Label, ...] = Field(
        default=(GENDER,), description="Labels of the model, which the columns are of"
    )
    model: str = Field(description="Name of the model")
    precision: Precision | None = Field(default=None, description="Precision that is served")
    sha256: str | None = Field(default=None, description="SHA-256 of the model's file")
    runtime: Provider = Field(default="cpu", description="Runtime that runs it")
    framing: Framing = Field(description="Part of an aligned face that the model sees")
    aligned: bool = Field(default=False, description="Whether each image is one aligned face")
    max_faces: int | None = Field(default=None, description="Largest number of faces of a picture")
    small_faces: bool | None = Field(default=None, description="Whether small faces are found too")
    annotate: str | None = Field(default=None, description="Folder of the marked copies")
    explain: str | None = Field(default=None, description="Label that they explain")
    video: bool = Field(default=False, description="Whether the rows are of frames")

    @property
    def more_columns(self) -> tuple[str, ...]:
        """The columns behind those of pictures."""
        return OF_VIDEO if self.video else ()

    @classmethod
    def of(
        cls,
        classifier: Classifier,
        annotate: Path | None,
        explain: str | None = None,
        video: bool = False,
    ) -> Self:
        """Return the settings of a run.

        Args:
            classifier: Model with what finds the faces.
            annotate: Folder of the marked copies; None for none.
            explain: Name of the label that they explain; None for none.
            video: Whether the rows are of frames.
        """
        info, precision, finder = classifier.info, classifier.precision, classifier.finder
        search = finder if isinstance(finder, FaceFinder) else None
        return cls(
            labels=info.classes,
            model=info.backbone,
            precision=precision,
            sha256=info.formats[precision].sha256 if precision else None,
            runtime=classifier.provider,
            framing=info.input.framing,
            aligned=search is None,
            max_faces=search.max_faces if search else None,
            small_faces=search.small_faces if search else None,
            annotate=str(annotate.resolve()) if annotate else None,
            explain=explain,
            video=video,
        )


class RunRecord(_Record):
    """The run that an output is from.

    Example:
        >>> import tempfile
        >>> record = RunRecord(settings=RowSettings(model="vgg16", framing="face"))
        >>> path = Path(tempfile.mkdtemp(), "faces.csv.run.json")
        >>> record.write(path)
        >>> RunRecord.read(path) == record
        True
        >>> record.refuse_other(RowSettings(model="vgg19", framing="face"), Path("faces.csv"))
        Traceback (most recent call last):
        inference.errors.OutputError: faces.csv was begun with model vgg16, not vgg19: give the...
    """

    written_by: Literal["python -m inference predict"] = "python -m inference predict"
    settings: RowSettings = Field(description="Settings of the run")
    copied_from: str | None = Field(
        default=None, description="Folder whose tree the marked copies follow"
    )
    before: str | None = Field(default=None, description="SHA-256 of the output before the run")
    finished: str | None = Field(
        default=None, description="SHA-256 of the output that the run completed"
    )

    @classmethod
    def read(cls, path: Path) -> "RunRecord | None":
        """Read a record; None if there is none, or it is of another program.

        Args:
            path: Path of the JSON file beside an output, which need not exist.
        """
        return read_record(path, cls)

    def write(self, path: Path) -> None:
        """Replace the record at a path. Raises OSError."""
        write_record(path, self)

    def wrote(self, output: Path) -> bool:
        """Whether an output is as this run or the one before it left it. Raises OSError."""
        return digest(output) in (self.before, self.finished)

    def refuse_other(self, settings: RowSettings, output: Path) -> None:
        """Refuse to continue an output with other settings.

        Args:
            settings: Settings of the run that is to continue it.
            output: File, which the error names.

        Raises:
            OutputError: The settings differ.
        """
        for name in RowSettings.model_fields:
            old, new = getattr(self.settings, name), getattr(settings, name)
            if old != new:
                raise OutputError(
                    f"{output} was begun with {name} {_shown(old)}, not {_shown(new)}: give the "
                    "same settings to --resume, or start anew with --force instead"
                )


def _shown(value: str | int | tuple[Label, ...] | None) -> str:
    if isinstance(value, tuple):
        return one_line("; ".join(f"{one.name} ({', '.join(one.classes)})" for one in value), 100)
    return "none" if value is None else str(value)
