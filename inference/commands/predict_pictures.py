"""`predict` of pictures."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from data.cli import StoppedError, UsageError, say
from data.memory import say_peak_memory
from data.messages import one_line
from inference.classifier import Classifier
from inference.commands.predict_choices import PredictChoices
from inference.detection.finder import FaceFinder, whole_image
from inference.explanation.explainer import runs_a_face
from inference.inputs import Inputs
from inference.live.video import Every
from inference.predict.run import Mode, run

_DISK_TROUBLE = (errno.ENOSPC, errno.EFBIG, errno.EIO, getattr(errno, "EDQUOT", None))


def predict_pictures(choices: PredictChoices, inputs: Inputs) -> int:
    """Classify the faces in pictures.

    Args:
        choices: What the user asks for.
        inputs: The pictures.

    Returns:
        Exit status.

    Raises:
        UsageError: An option is for videos alone, or there is not enough memory or disk.
        StoppedError: The user pressed Ctrl-C.
    """
    if choices.every != Every():
        raise UsageError("--every thins the frames of videos: give videos alone")
    # One thread a picture for detection: several pictures are searched at the same time.
    search = FaceFinder(1, choices.max_faces, choices.small_faces)
    finder = whole_image if choices.aligned else search.loaded()
    classifier = Classifier.load(
        choices.models, choices.backbone, choices.precision, choices.threads, finder
    )
    with _kept(any(output.is_file for output in choices.outputs)):
        explained = _explained(classifier, choices.explain_label) if choices.explain else None
        mode = Mode(choices.resume, choices.force, choices.annotate, explained)
        tally = run(classifier, inputs.files, choices.outputs, mode, choices.threads)
    for line in tally.lines():
        say(line)
    say_peak_memory()
    return 0 if tally.is_whole and not inputs.unopened else 1


def _explained(classifier: Classifier, label: str | None) -> str:
    """Return the name of the label to explain, and say what it costs."""
    try:
        runs = runs_a_face(classifier.info, label)
    except ValueError as error:
        raise UsageError(f"--explain-label: {error}") from None
    say(f"explaining: {runs} more {'run' if runs == 1 else 'runs'} of the model for each face")
    return label or classifier.info.labels[0].name


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
