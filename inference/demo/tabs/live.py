"""The tab for a visitor's camera: frames in, marked frames out, faces followed and smoothed.

Frames come in the calls themselves and go back in their responses: none is ever a file. While one
is worked on Gradio keeps the newest one alone, so that a slow server drops frames and does not lag.
"""

import base64
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html import escape
from io import BytesIO
from time import monotonic

import gradio as gr
from PIL import Image

from data import decode
from inference.annotation import caption, color_of
from inference.bundle import LabelInfo
from inference.demo import markup
from inference.demo.guards.camera_frames import MAX_FRAME_PIXELS
from inference.demo.tabs.controls import model_choices
from inference.faces import Face
from inference.live.face_stream import FaceStream, TrackedFace
from inference.live.frames import finder_of_frames, mark, marked_faces
from inference.served.errors import EXPECTED_ERRORS, message_for
from inference.served.models import ServedModels

SECONDS_LIVE = 300
"""Time after which a camera has to be started anew."""

_SECONDS_KEPT = 60  # for a visitor's tracks after the last frame
_AT_ONCE = 4  # cameras
_EVERY = 0.05  # seconds between frames, at the best
_COUNTED = 20  # frames over which frames a second are taken
_CAMERA = {"video": {"width": {"ideal": 640}, "height": {"ideal": 480}}}
_HINT = "Press the camera, and allow it in the browser: frames are classified and not kept."


@dataclass
class Live:
    """What is kept of a visitor between two frames: tracks and times, no picture.

    Attributes:
        labels: Labels of the model that the tracks are of.
        stream: Tracks.
        times: When the last frames came, seconds.

    Example:
        >>> live = Live(times=deque([10.0, 10.1, 10.2]))
        >>> round(live.rate)
        10
    """

    labels: Sequence[LabelInfo] = ()
    stream: FaceStream = field(default_factory=lambda: FaceStream([]))
    times: deque[float] = field(default_factory=lambda: deque(maxlen=_COUNTED))

    @property
    def rate(self) -> float:
        """Frames a second, over the last ones."""
        took = self.times[-1] - self.times[0] if self.times else 0.0
        return (len(self.times) - 1) / took if took > 0 else 0.0


def add_live_tab(models: ServedModels) -> None:
    """Fill the tab.

    Args:
        models: Models to choose from.
    """

    def show(
        frame: bytes | None, backbone: str, precision: str, live: Live
    ) -> tuple[dict[str, str] | None, str, Live]:
        try:
            return _shown(frame, models, (backbone, precision), live)
        except EXPECTED_ERRORS as error:
            return None, markup.failure(message_for(error)), live

    with gr.Row(equal_height=False):
        with gr.Column():
            camera = gr.Image(
                label="Camera",
                sources=["webcam"],
                streaming=True,
                webcam_options=gr.WebcamOptions(mirror=False, constraints=_CAMERA),
                height=380,
                elem_id="live-camera",
            )
            backbone, precision = model_choices(models, "live")
        with gr.Column():
            marked = gr.Image(
                label="Faces, followed from frame to frame",
                interactive=False,
                height=380,
                buttons=["fullscreen"],
                elem_id="live-marked",
            )
            said = gr.HTML(markup.empty(_HINT), elem_id="live-result")
    live = gr.State(Live(), time_to_live=_SECONDS_KEPT)
    camera.stream(
        show,
        [camera, backbone, precision, live],
        [marked, said, live],
        preprocess=False,
        postprocess=False,  # Gradio would write each frame to a file
        api_visibility="private",
        show_progress="hidden",
        stream_every=_EVERY,
        time_limit=SECONDS_LIVE,
        concurrency_limit=_AT_ONCE,
        concurrency_id="live",
    )


def _shown(
    frame: bytes | None, models: ServedModels, model: tuple[str, str], live: Live
) -> tuple[dict[str, str] | None, str, Live]:
    """Return the marked frame, what is said of the faces in it, and what is kept.

    Raises:
        RefusedError: There is no such model or precision.
        data.ImageError: The frame cannot be read.
        BundleError: The model is damaged.
    """
    if frame is None:
        return None, markup.empty(_HINT), live
    classifier = replace(models.load(*model), finder=finder_of_frames())
    if live.labels != classifier.info.labels:
        live = Live(classifier.info.labels, FaceStream(classifier.info.labels))
    image, now = decode(frame, max_pixels=MAX_FRAME_PIXELS), monotonic()
    live.times.append(now)
    seen = mark(classifier, live.stream, image, now)
    return {"url": _data_url(seen.image)}, _said(seen.faces, live.rate), live


def _said(faces: Sequence[TrackedFace], rate: float) -> str:
    """Return the faces with what was decided on each, and how fast frames come."""
    items = "".join(
        f'<li style="border-left:0.5rem solid {_color(face)};padding-left:0.5rem">'
        f"{escape(caption(face)).replace(chr(10), '<br>')}</li>"
        for face in marked_faces(faces)
    )
    listed = f'<ul class="rows">{items}</ul>' if items else "<p>No face found.</p>"
    return (
        f'<div class="result live">{listed}<p class="note">{rate:.1f} frames a second; each number '
        "is a place in the picture that is followed, not a person. Predictions are smoothed over "
        "about a second.</p></div>"
    )


def _color(face: Face) -> str:
    first = face.predictions[0]
    return color_of(first.label, first.decision)


def _data_url(image: Image.Image) -> str:
    content = BytesIO()
    image.save(content, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"
