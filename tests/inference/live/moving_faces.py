"""Small videos of drawn portraits that move, encoded by PyAV as tests need them."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
from PIL import Image

SIZE = (320, 260)
WAY = 12  # pixels that the face moves to the right in a frame


def frame(portrait: Image.Image, number: int, others: Sequence[Image.Image] = ()) -> Image.Image:
    """A frame with a portrait that moves, and others that stay at the right."""
    picture = Image.new("RGB", (SIZE[0] + 180 * len(others), SIZE[1]), (120, 150, 120))
    for index, other in enumerate(others):
        picture.paste(other, (SIZE[0] + 180 * index - 10, 20))
    picture.paste(portrait, (WAY * number, 20))
    return picture


def write_video(
    path: Path,
    frames: Sequence[Image.Image],
    times: Callable[[int], float] = lambda number: number / 10,
    rotation: int = 0,
    codec: str = "mpeg4",
    container: str | None = None,
) -> Path:
    """Encode frames, each at its time in seconds."""
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=10)
        stream.width, stream.height = frames[0].size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.bit_rate = 4_000_000
        if rotation:
            stream.set_display_rotation(rotation)
        for number, image in enumerate(frames):
            picture = av.VideoFrame.from_image(image)
            picture.pts, picture.time_base = round(times(number) * 1000), Fraction(1, 1000)
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return path
