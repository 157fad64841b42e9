"""Example pictures that may be shown to anyone: drawn people."""

from pathlib import Path

from PIL import Image

from data import decode
from data.synthetic.writing import generate

_PEOPLE = 5
_SHOTS = 3  # portraits of one person, in a row, as `generate` writes them
_SEED = 3


def draw_examples(folder: Path) -> list[Path]:
    """Draw a group of five people and a portrait of one of them.

    Args:
        folder: Existing folder to write the pictures into.

    Returns:
        The JPEG files "group.jpg", of 1000 x 700 pixels, and "portrait.jpg", of 178 x 218.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     [path.name for path in draw_examples(Path(folder))]
        ['group.jpg', 'portrait.jpg']
    """
    drawn = generate(folder / "portraits", _PEOPLE * _SHOTS, _SEED)
    portraits = [decode(path) for path in sorted(drawn.rglob("*.jpg"))]
    examples = {"group.jpg": _group(portraits[::_SHOTS]), "portrait.jpg": portraits[1]}
    for name, picture in examples.items():
        picture.save(folder / name, quality=92)
    return [folder / name for name in examples]


def _group(portraits: list[Image.Image]) -> Image.Image:
    """Hang the portraits on a wall, in two rows and of different sizes."""
    wall = Image.linear_gradient("L").resize((1000, 700)).convert("RGB")
    wall = Image.blend(Image.new("RGB", wall.size, "#b8a888"), wall, 0.25)
    for index, portrait in enumerate(portraits):
        side = 1.25 - 0.15 * index
        framed = portrait.resize((round(portrait.width * side), round(portrait.height * side)))
        x, y = (60 + index * 320, 50) if index < 3 else (220 + (index - 3) * 320, 390)
        wall.paste("#4a3b2a", (x - 8, y - 8, x + framed.width + 8, y + framed.height + 8))
        wall.paste(framed, (x, y))
    return wall
