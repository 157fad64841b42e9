"""The command `predict`: faces of pictures, videos or a camera, in rows."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from data.cli import UsageError, say
from inference.commands.errors import user_errors
from inference.commands.options import MODELS, Backbone, Models, Providers, Threads

if TYPE_CHECKING:
    from inference.commands.predict_choices import PredictChoices


class CameraMayHaveNumber(TyperCommand):
    """A command whose `--camera` is the first one where no number follows."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line."""
        ends = args.index("--") if "--" in args else len(args)
        for at in range(ends - 1, -1, -1):
            if args[at] == "--camera" and not "".join(args[at + 1 : at + 2]).isdecimal():
                args = [*args[: at + 1], "0", *args[at + 1 :]]
        return super().parse_args(ctx, args)


def predict(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH...",
            help="Images, folders to search, patterns such as 'photos/**/*.jpg', or `-` for a list "
            "on standard input, one path a line. Or videos.",
            show_default=False,
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="OUT", help="CSV to write; `-` is standard output."),
    ] = None,
    jsonl: Annotated[
        Path | None,
        typer.Option(metavar="OUT", help="JSON lines to write, one object a row; `-` as above."),
    ] = None,
    table: Annotated[
        bool, typer.Option("--table", help="Print a table of the first rows.")
    ] = False,
    annotate: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Also write copies with the faces marked there."),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Show below each copy what the predictions rest on, as a heat map of each face. "
            "Runs the model 37 times a face (half a second), once where its head is linear.",
        ),
    ] = False,
    explain_label: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Label to explain, of a model of several. Left out: the first.",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Continue an OUT that broke off, with the same settings: files that were read "
            "are not done again.",
        ),
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Start anew and overwrite whatever lies at OUT and in DIR, also pictures.",
        ),
    ] = False,
    models: Models = MODELS,
    backbone: Backbone = None,
    precision: Annotated[
        Literal["int8", "fp32"] | None,
        typer.Option(help="Left out: int8 if it passed its check, else fp32.", show_default=False),
    ] = None,
    aligned: Annotated[
        bool,
        typer.Option(
            "--aligned", help="Each image is one face, cropped as CelebA's: skip detection."
        ),
    ] = False,
    max_faces: Annotated[
        int, typer.Option(min=1, help="Largest number of faces in a picture, the surest ones.")
    ] = 64,
    small_faces: Annotated[
        bool,
        typer.Option(
            "--small-faces",
            help="Also find faces of 20 to 90 pixels in photos of 12 megapixels: 3 s each.",
        ),
    ] = False,
    threads: Threads = None,
    _providers: Providers = None,
    camera: Annotated[
        int | None,
        typer.Option(
            metavar="[N]",
            min=0,
            help="Read camera N of this machine, the first if N is left out, until Ctrl-C.",
            show_default=False,
        ),
    ] = None,
    every: Annotated[
        str,
        typer.Option(
            metavar="N|SECONDSs",
            help="Of a video or camera look at each N-th frame (5), or at one in so many seconds "
            "(0.5s).",
        ),
    ] = "1",
) -> None:
    """Find the faces in images, videos or a camera and classify them, one row a face.

    Columns: file,face,left,top,right,bottom,detection_score,p_man,label,error of a model of gender;
    of another label `label,probability,p_<class>,...` in place of `p_man,label`; of several labels
    those of each, as `label:Smiling`. Faces are numbered by rows, top to bottom and left to
    right in each, from 0 (on marked copies from 1). A picture without a face, or that cannot be
    read, gets one row with `error` filled, and the others are still done. Without --csv, --jsonl
    and --table, a terminal gets a table and a pipe gets CSV.

    Of a video there is one row a face and frame, with frame,seconds,track behind the others: number
    and time of the frame, and which face of the frames before it is, by overlap (a place in the
    video, not a person). Probabilities and label are smoothed over the track; frames more than 2 s
    apart have no tracks in common. --annotate writes MP4 without sound. Ctrl-C keeps what is done.
    Videos need `pip install '.[video]'`.

    OUT is overwritten only if `predict` wrote it, as OUT.run.json beside it says. What an
    interrupted run has done is kept for --resume.
    Exit status: 0 all files in OUT were read, 1 some were not, 2 wrong usage or nothing can be
    written, 130 interrupted.

    Examples:
    python -m inference predict photos/ --csv faces.csv --annotate marked/

    python -m inference predict party.mp4 --every 0.5s --csv faces.csv
    """
    with user_errors():
        from inference.commands.predict_choices import PredictChoices, every_of, outputs_of

        choices = PredictChoices(
            paths=paths or [], outputs=outputs_of(csv, jsonl, table), annotate=annotate,
            explain=explain, explain_label=explain_label, resume=resume, force=force,
            models=models, backbone=backbone, precision=precision, aligned=aligned,
            max_faces=max_faces, small_faces=small_faces, threads=threads, camera=camera,
            every=every_of(every),
        )  # fmt: skip
        status = _predict(choices)
    raise typer.Exit(status)


def _predict(choices: "PredictChoices") -> int:
    """Read pictures, videos or a camera, whichever it is, and return the exit status."""
    from inference.commands.predict_pictures import predict_pictures
    from inference.commands.predict_videos import predict_videos, sources_of
    from inference.inputs import expand

    inputs = expand(choices.paths, choices.annotate)
    for note in inputs.notes():
        say(note)
    if choices.paths and not inputs.files:
        raise UsageError(f"no image files in {', '.join(map(str, choices.paths))}")
    if sources := sources_of(inputs.files, choices.camera):
        return predict_videos(choices, sources)
    return predict_pictures(choices, inputs)
