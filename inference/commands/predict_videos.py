"""`predict` of videos or of a camera."""

from __future__ import annotations

from pathlib import Path

from data.cli import StoppedError, UsageError, say
from data.memory import say_peak_memory
from inference.classifier import Classifier
from inference.commands.predict_choices import PredictChoices
from inference.live import camera as cameras
from inference.live.frames import finder_of_frames
from inference.live.video import container_of, has_video_name, require_reader
from inference.predict.run import Mode
from inference.predict.video_run import Source, run_videos


def sources_of(files: list[Path], camera: int | None) -> list[Source]:
    """Return the videos or the camera to read; nothing if it is pictures.

    Args:
        files: Files that the user names.
        camera: Number of the camera, None for none.

    Raises:
        UsageError: Both are given.
    """
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
    cameras.device(camera)
    say(f"reading camera {camera}: Ctrl-C ends it")
    return [Source.of_camera(camera)]


def predict_videos(choices: PredictChoices, sources: list[Source]) -> int:
    """Classify the faces in the frames of videos.

    Args:
        choices: What the user asks for.
        sources: The videos, or a camera.

    Returns:
        Exit status.

    Raises:
        UsageError: An option is for pictures alone.
        StoppedError: The user pressed Ctrl-C in a video.
    """
    if choices.resume or choices.aligned or choices.small_faces or choices.explain:
        raise UsageError("--resume, --aligned, --small-faces and --explain are for pictures alone")
    is_live = choices.camera is not None
    finder = finder_of_frames(choices.threads, choices.max_faces, is_live=is_live).loaded()
    classifier = Classifier.load(
        choices.models, choices.backbone, choices.precision, choices.threads, finder
    )
    mode = Mode(False, choices.force, choices.annotate)
    tally = run_videos(classifier, sources, choices.outputs, mode, choices.every, choices.threads)
    for line in tally.lines():
        say(line)
    say_peak_memory()
    if tally.is_interrupted and not is_live:
        raise StoppedError("interrupted: what was done until then is kept")
    return 1 if tally.errors else 0
