"""Drawing one portrait with Pillow, in CelebA's framing.

Coordinates are pixels of the finished 178 x 218 image with the eyes at (69, 111) and (109, 111)
and the mouth's corners at (73, 152) and (106, 152), before the pose moves them. Drawing happens
at twice that size and is then reduced, which smooths the edges.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from data.synthetic.people import HairLength, Person, Shot

WIDTH, HEIGHT = 178, 218

_SCALE = 2
_CENTER = np.array([89.0, 118.0])
_EYE_LINE, _MOUTH_LINE = 111.0, 152.0
_EYES = (69.0, 109.0)

_SKIN = (
    (255, 226, 204),
    (243, 200, 166),
    (222, 171, 128),
    (188, 128, 86),
    (134, 84, 56),
    (92, 58, 42),
)
_HAIR = {
    "Black_Hair": (34, 28, 28),
    "Brown_Hair": (92, 60, 38),
    "Blond_Hair": (205, 168, 104),
    "Gray_Hair": (165, 162, 160),
}

Color = tuple[int, int, int]
Points = np.ndarray  # float [n, 2], x and y


def draw(who: Person, seen: Shot) -> Image.Image:
    """The portrait, RGB, 178 x 218; the same arguments give the same pixels.

    Example:
        >>> from data.synthetic.people import person, shot
        >>> rng = np.random.default_rng(0)
        >>> who = person(1, rng)
        >>> draw(who, shot(who, rng)).size
        (178, 218)
    """
    rng = np.random.default_rng(seen.texture_seed)
    canvas = _Canvas(seen, rng)
    face = _Face(who, seen)
    hair = canvas.strands(_HAIR[who.hair_color], who.wavy)
    _hair_behind(canvas, face, hair)
    _body(canvas, face)
    _head(canvas, face)
    for eye in _EYES:
        _eye(canvas, face, eye)
    _nose(canvas, face)
    _beard(canvas, face, hair)
    _mouth(canvas, face)
    _hair_in_front(canvas, face, hair)
    if seen.earrings:
        _earrings(canvas, face)
    if seen.glasses:
        _glasses(canvas, face)
    if seen.hat:
        _hat(canvas, face)
    return _photograph(canvas.image, seen, rng)


class _Face:
    """Measures and colors that several parts of the drawing need."""

    def __init__(self, who: Person, seen: Shot) -> None:
        self.who, self.seen = who, seen
        self.skin = _between(_SKIN, who.skin)
        self.dark_skin = _mix(self.skin, (70, 25, 15), 0.42)
        self.half_width = 44.5 + 2.2 * who.face_width
        self.chin_line = 180.5 + 3.2 * who.chin
        self.middle = 89.0 - 3.0 * seen.yaw  # The outline turns less than the features do.
        squareness = 2.15 + 0.3 * who.jaw
        lower = _oval(self.middle, 112, self.half_width, self.chin_line - 112, (0, 180), squareness)
        upper = _oval(self.middle, 112, self.half_width, 62, (180, 360))
        self.outline = np.concatenate([lower, upper])

    def turned(self, depth: float) -> float:
        """How far a feature that stands out by `depth` moves sideways."""
        return depth * self.seen.yaw


class _Canvas:
    """An image in the making: polygons in nominal coordinates, moved by the shot's pose."""

    def __init__(self, seen: Shot, rng: np.random.Generator) -> None:
        self._rng = rng
        cos, sin = np.cos(seen.roll) * seen.scale, np.sin(seen.roll) * seen.scale
        self._turn = np.array([[cos, sin], [-sin, cos]])
        self._shift = _CENTER + seen.shift
        gray, tint = rng.uniform(40, 215), rng.normal(0, 22, 3)
        base = gray + tint + rng.normal(0, 20, (4, 3, 1)) + rng.normal(0, 7, (4, 3, 3))
        self.image = _enlarged(base.clip(0, 255), Image.Resampling.BICUBIC)
        self._draw = ImageDraw.Draw(self.image)

    def fill(self, color: Color, points: Points) -> None:
        """A polygon with sharp edges."""
        self._draw.polygon(self._placed(points, _SCALE), fill=color)

    def line(self, color: Color, width: float, points: Points) -> None:
        """An open line, `width` in pixels of the finished image."""
        placed = self._placed(points, _SCALE)
        self._draw.line(placed, fill=color, width=round(width * _SCALE), joint="curve")

    def soft(self, color: Color, strength: float, blur: float, shape: Points) -> None:
        """A polygon with blurred edges, laid on with `strength` 0..1."""
        placed = self._placed(shape, 1)
        margin = 2.5 * blur + 1  # The mask is no larger than the blurred shape: most are small.
        left, top = (max(0, int(min(axis) - margin)) for axis in zip(*placed, strict=True))
        right, bottom = (int(max(axis) + margin) + 1 for axis in zip(*placed, strict=True))
        size = min(right, WIDTH) - left, min(bottom, HEIGHT) - top
        mask = Image.new("L", size)
        local = [(x - left, y - top) for x, y in placed]
        ImageDraw.Draw(mask).polygon(local, fill=round(255 * strength))
        mask = mask.filter(ImageFilter.GaussianBlur(blur))
        mask = mask.resize((size[0] * _SCALE, size[1] * _SCALE), Image.Resampling.BILINEAR)
        self.image.paste(color, (left * _SCALE, top * _SCALE), mask)

    def cut(self, paint: Image.Image, strength: float, shape: Points, *holes: Points) -> None:
        """`paint` (as large as the canvas) inside `shape` but not in the holes."""
        mask = Image.new("L", self.image.size)
        pen = ImageDraw.Draw(mask)
        pen.polygon(self._placed(shape, _SCALE), fill=round(255 * strength))
        for hole in holes:
            pen.polygon(self._placed(hole, _SCALE), fill=0)
        self.image.paste(paint, mask=mask)

    def strands(self, color: Color, wavy: bool) -> Image.Image:
        """A canvas full of hair."""
        rows = 26 if wavy else 5
        streaks = self._rng.normal(0, 1, (rows, 70, 1)) * 13
        sheen = np.linspace(16, -14, rows)[:, None, None]
        tone = (np.array(color) * (1 + (streaks + sheen) / 85)).clip(0, 255)
        return _enlarged(tone, Image.Resampling.BICUBIC)

    def _placed(self, points: Points, scale: float) -> list[tuple[float, float]]:
        moved = ((points - _CENTER) @ self._turn + self._shift) * scale
        return [(x, y) for x, y in moved.tolist()]


def _hair_behind(canvas: _Canvas, face: _Face, hair: Image.Image) -> None:
    who = face.who
    if who.hair_length < HairLength.CHIN:
        return
    bottom = 172 if who.hair_length is HairLength.CHIN else 214
    half = face.half_width + 7 + 8 * who.hair_volume
    skull = _oval(face.middle, 104, half, 68 + 6 * who.hair_volume, (180, 360))
    right = np.linspace((face.middle + half, 104), (face.middle + half + 3, bottom), 12)
    left = np.linspace((face.middle - half - 3, bottom), (face.middle - half, 104), 12)
    if who.wavy:
        right[:, 0] += 2.5 * np.sin(np.arange(12) * 1.9)
        left[:, 0] += 2.5 * np.sin(np.arange(12) * 1.7)
    canvas.cut(hair, 1, np.concatenate([skull, right, left]))
    canvas.soft((0, 0, 0), 0.45, 7, _oval(face.middle, 172, 33, 30))


def _body(canvas: _Canvas, face: _Face) -> None:
    who, seen = face.who, face.seen
    half, x = 25.5 + 3.4 * who.neck, face.middle
    shoulder = 203 - 2 * who.neck
    neck = [(x - half, 150), (x + half, 150), (x + half + 5, 240), (x - half - 5, 240)]
    canvas.fill(_mix(face.skin, face.dark_skin, 0.25), np.array(neck, dtype=float))
    canvas.soft(face.dark_skin, 0.75, 5, face.outline * (0.9, 1) + (0.1 * x, 8))
    dip = 3 + 15 * seen.neckline * (not seen.collar)
    clothes = [
        (-20, 260), (-20, 222), (x - half - 22, shoulder + 4), (x - half - 3, shoulder - 6),
        (x, shoulder + dip), (x + half + 3, shoulder - 6), (x + half + 22, shoulder + 4),
        (198, 222), (198, 260),
    ]  # fmt: skip
    canvas.fill(seen.clothes, np.array(clothes, dtype=float))
    if seen.collar:
        _collar(canvas, face, half, shoulder)


def _collar(canvas: _Canvas, face: _Face, half: float, shoulder: float) -> None:
    x = face.middle
    for side in (-1, 1):
        wing = [
            (half + 4, shoulder - 9),
            (0, shoulder + 4),
            (10, shoulder + 18),
            (half + 9, shoulder),
        ]
        canvas.fill((236, 236, 240), np.array([(x + side * dx, y) for dx, y in wing]))
    tie = [(x - 5, shoulder + 3), (x + 5, shoulder + 3), (x + 8, 240), (x - 8, 240)]
    canvas.fill(face.seen.accent, np.array(tie))


def _head(canvas: _Canvas, face: _Face) -> None:
    for side in (-1, 1):
        ear = _oval(face.middle + side * (face.half_width + 1), 119, 5.5, 11)
        canvas.fill(_mix(face.skin, face.dark_skin, 0.35), ear)
    canvas.fill(face.skin, face.outline)
    center = np.array([face.middle, 118.0])
    rim = np.concatenate([face.outline, ((face.outline - center) * 0.86 + center)[::-1]])
    canvas.soft(face.dark_skin, 0.5, 4, rim)
    light = np.clip(face.seen.light, -1, 1)
    far_side = _oval(face.middle - 26 * np.sign(light), 125, 17, 46)
    canvas.soft(face.dark_skin, 0.32 * abs(light), 9, far_side)
    blush = 0.1 + 0.3 * face.seen.makeup
    for eye in _EYES:
        cheek = _oval(eye + (eye - 89) * 0.35 + face.turned(2), 136, 10, 7)
        canvas.soft(_mix(face.skin, (220, 70, 80), 0.6), blush, 5, cheek)
        socket = _oval(eye, _EYE_LINE - 3, 13, 8)
        canvas.soft(face.dark_skin, 0.26, 4, socket)
    _wrinkles(canvas, face)


def _wrinkles(canvas: _Canvas, face: _Face) -> None:
    depth = max(0.0, face.who.age - 0.3)
    for y in (80, 87):
        fold = np.concatenate([_arc(89, y, 24, -2), _arc(89, y + 1.5, 24, -2)[::-1]])
        canvas.soft(face.dark_skin, 0.8 * depth, 0.8, fold)
    strength = 0.8 * depth + 0.3 * face.seen.smile
    for side in (-1, 1):
        x = 89 + face.turned(3)
        curve = [(12, 139), (19, 147), (21, 155), (20, 155), (17, 148), (10, 140)]
        crease = np.array([(x + side * dx, y) for dx, y in curve])
        canvas.soft(face.dark_skin, strength, 1.0, crease)


def _eye(canvas: _Canvas, face: _Face, x: float) -> None:
    who, seen = face.who, face.seen
    outward = np.sign(x - 89)
    height = 4.6 - 0.75 * who.eye_size - 0.9 * seen.smile
    across = np.linspace(-10, 10, 21)
    bow = 1 - (across / 10) ** 2
    tilt = -0.06 * across * outward
    upper = np.stack([x + across, _EYE_LINE - height * bow**0.8 + tilt], axis=1)
    lower = np.stack([x + across, _EYE_LINE + 0.62 * height * bow + tilt], axis=1)
    if seen.makeup:
        shadow = np.concatenate([upper - (0, 6), upper[::-1]])
        canvas.soft(seen.accent, 0.5 * seen.makeup, 2, shadow)
    canvas.fill((240, 236, 232), np.concatenate([upper, lower[::-1]]))
    gaze = x + 1.2 * seen.yaw
    for radius, color in ((5.0, who.eye_color), (2.2, (12, 10, 10))):
        disc = _oval(gaze, _EYE_LINE - 0.6, radius, radius)
        ceiling = np.interp(disc[:, 0], upper[:, 0], upper[:, 1])
        floor = np.interp(disc[:, 0], lower[:, 0], lower[:, 1])
        disc[:, 1] = disc[:, 1].clip(ceiling, np.maximum(floor, ceiling))
        canvas.fill(color, disc)
    canvas.fill((255, 255, 255), _oval(gaze + 1.6, _EYE_LINE - 2, 0.9, 0.9))
    lid = _mix(face.dark_skin, (15, 10, 10), 0.45 + 0.5 * seen.makeup)
    canvas.line(lid, 1.1 + 1.5 * seen.makeup, upper)
    canvas.line(face.dark_skin, 0.6, lower)
    canvas.line(face.dark_skin, 0.7, upper[3:-2] - (0, 3.2))
    if seen.makeup > 0.4:
        corner = upper[-1] if outward > 0 else upper[0]
        wing = np.array([corner, corner + np.array([3.5 * outward, -2.5])])
        canvas.line(lid, 1.3, wing)
    _brow(canvas, face, x, outward)


def _brow(canvas: _Canvas, face: _Face, x: float, outward: float) -> None:
    who = face.who
    color = _mix(_HAIR[who.hair_color], (40, 28, 22), 0.45)
    along = np.linspace(-12, 13, 14)
    thickness = (2.1 + 0.95 * who.brow) * (1 - ((along + 1) / 15) ** 2 * 0.75)
    top = (
        97.3 + 1.7 * who.brow_height - (1.9 - 0.9 * who.brow_height) * (1 - ((along - 3) / 12) ** 2)
    )
    ridge = np.stack([x + outward * along, top], axis=1)
    under = ridge + np.stack([np.zeros(14), 2 * thickness.clip(0.5)], axis=1)
    canvas.soft(color, 0.85, 0.6, np.concatenate([ridge, under[::-1]]))


def _nose(canvas: _Canvas, face: _Face) -> None:
    x, half = 89 + face.turned(5), 8.2 + 1.15 * face.who.nose
    side = -1.0 if face.seen.light > 0 else 1.0
    bridge = [(2 * side, 106), (4.5 * side, 108), (half * side, 134), (3 * side, 134)]
    canvas.soft(face.dark_skin, 0.42, 2, np.array([(x + dx, y) for dx, y in bridge]))
    canvas.soft(face.dark_skin, 0.5, 1.5, _oval(x, 137.5, half, 3))
    canvas.soft(_mix(face.skin, (255, 255, 255), 0.6), 0.5, 2, _oval(x - side, 129, 3, 4.5))
    for wing in (-1, 1):
        canvas.fill(
            _mix(face.dark_skin, (30, 10, 10), 0.5), _oval(x + wing * half * 0.5, 137, 2.2, 1.3)
        )
        curve = _oval(x + wing * half * 0.8, 133.5, 3.4, 4.2, (-60, 70) if wing > 0 else (110, 240))
        canvas.line(face.dark_skin, 0.7, curve)


def _mouth(canvas: _Canvas, face: _Face) -> None:
    who, seen = face.who, face.seen
    x, half = 89.5 + face.turned(3), 15.5 + 2 * seen.smile
    full = 1 - 0.26 * who.lips
    lift = 3.6 * seen.smile - 0.6
    across = np.linspace(-1, 1, 25)
    line = _MOUTH_LINE + lift * (0.6 - across**2)
    bow = 3.4 * full * (1 - np.abs(across) ** 1.7) * (1 - 0.35 * np.exp(-((across / 0.14) ** 2)))
    gap = (4.5 * seen.mouth_open * (0.4 + 0.6 * seen.smile)) * (1 - across**2)
    belly = 5.2 * full * (1 - across**2) ** 0.8
    xs = x + half * across
    lips = _mix(face.skin, (176, 62, 66), 0.5 - 0.1 * who.lips)
    lips = _mix(lips, _mix(seen.accent, (190, 20, 50), 0.75), 0.75 * seen.makeup)
    inner_top, inner_bottom = np.stack([xs, line], 1), np.stack([xs, line + gap], 1)
    outer_top, outer_bottom = (
        inner_top - np.stack([0 * xs, bow], 1),
        inner_bottom + np.stack([0 * xs, belly], 1),
    )
    canvas.fill(_mix(lips, (40, 10, 10), 0.18), np.concatenate([outer_top, inner_top[::-1]]))
    canvas.fill(lips, np.concatenate([inner_bottom, outer_bottom[::-1]]))
    if seen.mouth_open:
        canvas.fill((70, 20, 22), np.concatenate([inner_top, inner_bottom[::-1]]))
        teeth = inner_top + np.stack([0 * xs, 0.6 * gap], 1)
        canvas.fill((238, 234, 226), np.concatenate([inner_top[3:-3], teeth[3:-3][::-1]]))
    else:
        canvas.line(_mix(lips, (40, 10, 10), 0.6), 0.8, inner_top)
    shine = _oval(x, _MOUTH_LINE + lift * 0.6 + gap.max() + 2.6 * full, 5, 1)
    canvas.soft((255, 245, 240), 0.25 + 0.3 * seen.makeup, 1, shine)
    canvas.soft(face.dark_skin, 0.35, 2, _oval(x, 163 + gap.max(), 9, 1.6))


def _beard(canvas: _Canvas, face: _Face, hair: Image.Image) -> None:
    seen = face.seen
    if not seen.beard:
        return
    jaw = face.outline[face.outline[:, 1] > 108] * (1, 1) + (0, 0.4)
    strength = 0.2 + 0.65 * seen.beard
    x = 89 + face.turned(3)
    cheeks = _oval(x, 122, 38, 34 - 5 * seen.beard)
    chin = _oval(x, _MOUTH_LINE + 2, 18, 9)
    canvas.cut(hair, strength, jaw, cheeks, chin)
    canvas.soft(_mix(_HAIR[face.who.hair_color], (30, 22, 20), 0.4), 0.35 * strength, 3, jaw[2:-2])
    if seen.moustache:
        upper = np.concatenate([_arc(x, 143.5, 18, 4), _arc(x, 148.5, 18, 5)[::-1]])
        canvas.cut(hair, strength, upper)


def _hair_in_front(canvas: _Canvas, face: _Face, hair: Image.Image) -> None:
    who = face.who
    x, volume = face.middle, who.hair_volume
    if who.hair_length is HairLength.BALD:
        canvas.soft((255, 255, 255), 0.35, 6, _oval(x + 12 * face.seen.light, 66, 12, 6))
        return
    half = face.half_width + 3 + 3 * volume + 2 * (who.hair_length > HairLength.SHORT)
    skull = _oval(x, 104, half, 58 + 8 * volume, (180, 360))
    ends = {HairLength.SHORT: 114.0, HairLength.CHIN: 166.0, HairLength.LONG: 216.0}
    end = ends[who.hair_length]
    tips = np.array([(x + half, end), (x - half, end)])
    hairline = (
        67 + 23 * who.fringe - 5 * max(0.0, who.age - 0.5) * (who.hair_length == HairLength.SHORT)
    )
    inside = face.half_width - 1.5 - 5 * volume * (who.hair_length > HairLength.SHORT)
    window = np.concatenate(
        [
            _oval(x + 5 * who.parting, 112, inside - 3, 112 - hairline, (180, 360), 2.6),
            _oval(x, 112, inside, 130, (0, 180), 4),
        ]
    )
    canvas.soft(
        face.dark_skin, 0.4, 2.5, np.concatenate([skull, window[47::-1] + np.array([0, 3])])
    )
    canvas.cut(hair, 1, np.concatenate([skull, tips]), window)


def _earrings(canvas: _Canvas, face: _Face) -> None:
    for side in (-1, 1):
        drop = _oval(face.middle + side * (face.half_width + 2.5), 134, 2.4, 3.6)
        canvas.fill((225, 190, 90), drop)
        canvas.fill((255, 240, 190), drop * 0.4 + 0.6 * drop.mean(axis=0) - (0.5, 1))


def _glasses(canvas: _Canvas, face: _Face) -> None:
    frame = _mix(face.seen.accent, (20, 20, 20), 0.6)
    for x in _EYES:
        rim = _oval(x, _EYE_LINE + 1, 15, 11, power=3)
        canvas.soft((235, 245, 255), 0.13, 1, rim)
        canvas.line(frame, 1.7, np.concatenate([rim, rim[:2]]))
    canvas.line(frame, 1.7, np.array([(84.0, 109.0), (89.0, 107.0), (94.0, 109.0)]))
    for side in (-1, 1):
        temple = [(89.0 + side * 35, 109.0), (face.middle + side * (face.half_width + 2), 112.0)]
        canvas.line(frame, 1.7, np.array(temple))


def _hat(canvas: _Canvas, face: _Face) -> None:
    color, x, half = face.seen.accent, face.middle, face.half_width + 10
    canvas.fill(color, _oval(x, 80, half - 2, 56, (180, 360), 2.6))
    brim = np.concatenate([_arc(x, 80, half + 3, 6), _arc(x, 89, half + 3, 5)[::-1]])
    canvas.soft((0, 0, 0), 0.4, 3, brim + np.array([0, 4]))
    canvas.fill(_mix(color, (0, 0, 0), 0.35), brim)


def _photograph(drawing: Image.Image, seen: Shot, rng: np.random.Generator) -> Image.Image:
    """Light, blur and noise of a camera."""
    image = drawing.reduce(_SCALE)
    if seen.blur > 0.2:
        image = image.filter(ImageFilter.GaussianBlur(seen.blur))
    across = np.linspace(-1, 1, WIDTH)[None, :, None]
    gain = seen.brightness * (1 + 0.16 * seen.light * across)
    tint = 1 + 0.06 * seen.warmth * np.array([1, 0, -1])
    grain = rng.standard_normal((HEIGHT, WIDTH, 1), dtype=np.float32) * np.float32(seen.noise)
    pixels = np.asarray(image, dtype=np.float32) * (gain * tint).astype(np.float32) + grain
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _oval(
    x: float,
    y: float,
    half_width: float,
    half_height: float,
    degrees: tuple[float, float] = (0, 360),
    power: float = 2,
) -> Points:
    """A superellipse or a part of it, clockwise from the right; power 2 is an ellipse."""
    angle = np.radians(np.linspace(*degrees, 48))
    cos, sin = np.cos(angle), np.sin(angle)
    round_x = np.sign(cos) * np.abs(cos) ** (2 / power)
    round_y = np.sign(sin) * np.abs(sin) ** (2 / power)
    return np.stack([x + half_width * round_x, y + half_height * round_y], axis=1)


def _arc(x: float, y: float, half_width: float, sag: float) -> Points:
    """A shallow curve from left to right whose ends lie `sag` below its middle."""
    across = np.linspace(-1, 1, 16)
    return np.stack([x + half_width * across, y + sag * across**2], axis=1)


def _mix(first: Color, second: Color, share: float) -> Color:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _between(colors: tuple[Color, ...], position: float) -> Color:
    index = position * (len(colors) - 1)
    lower = min(int(index), len(colors) - 2)
    return _mix(colors[lower], colors[lower + 1], index - lower)


def _enlarged(pixels: np.ndarray, resample: Image.Resampling) -> Image.Image:
    """A canvas-sized image from few pixels, float [rows, columns, 3] in 0..255."""
    small = Image.fromarray(pixels.astype(np.uint8))
    return small.resize((WIDTH * _SCALE, HEIGHT * _SCALE), resample)
