"""Who is drawn and how: people, and the shots that are taken of each.

A person's label sets a presentation score, 1 for a typical man and -1 for a typical woman, with
a spread that puts about 2 % of either on the other's side. Every visible cue follows that score
with a spread of its own, so no cue decides and no classifier can be always right. Skin, hair
color, age, smile, glasses, hat, pose, light and background say nothing about the label.
"""

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

_YOUNGEST, _OLDEST = 5, 80  # years
HAIR_COLORS = ("Black_Hair", "Brown_Hair", "Blond_Hair", "Gray_Hair")


class HairLength(IntEnum):
    """How far the hair reaches.

    Example:
        >>> HairLength.SHORT < HairLength.CHIN
        True
    """

    BALD = 0
    SHORT = 1
    CHIN = 2
    LONG = 3


@dataclass(frozen=True)
class Person:
    """What all shots of one person share. Cues run from about -1.5 to 1.5, 1 typical of men.

    Example:
        >>> who = person(1, np.random.default_rng(0))
        >>> who.label, -1.5 <= who.jaw <= 1.5, who.hair_color in HAIR_COLORS
        (1, True, True)
    """

    label: int
    score: float
    skin: float  # 0 palest .. 1 darkest
    age: float  # 0 young .. 1 old
    hair_color: str
    hair_length: HairLength
    hair_volume: float  # 0 flat .. 1 full
    fringe: float  # 0 high forehead .. 1 over the brows
    wavy: bool
    parting: float  # -1 left .. 1 right
    eye_color: tuple[int, int, int]
    grows_beard: bool
    wears_glasses: bool
    # Cues.
    face_width: float
    jaw: float
    chin: float
    brow: float
    brow_height: float
    eye_size: float
    nose: float
    lips: float
    neck: float


@dataclass(frozen=True)
class Shot:
    """What differs between two images of a person; amounts are 0..1.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> who = person(1, rng)
        >>> first, second = shot(who, rng), shot(who, rng)
        >>> first.smile == second.smile, 0 <= first.smile <= 1
        (False, True)
    """

    smile: float
    mouth_open: bool
    beard: float
    moustache: float
    makeup: float
    earrings: bool
    glasses: bool
    hat: bool
    collar: bool
    neckline: float
    clothes: tuple[int, int, int]
    accent: tuple[int, int, int]
    roll: float  # radians
    yaw: float  # -1 left .. 1 right
    scale: float
    shift: tuple[float, float]  # pixels
    light: float  # -1 from the left .. 1 from the right
    brightness: float  # 1 is neutral
    warmth: float  # -1 bluish .. 1 reddish
    blur: float  # pixels
    noise: float  # gray levels
    texture_seed: int


def person(label: int, rng: np.random.Generator) -> Person:
    """A person of label 0 (woman) or 1 (man).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> women = [person(0, rng) for _ in range(100)]
        >>> 90 < sum(who.score < 0 for who in women) <= 100  # a few look like men
        True
    """
    score = rng.normal(1 if label else -1, 0.5)

    def cue() -> float:
        return float(np.clip(0.6 * score + rng.normal(0, 0.6), -1.5, 1.5))

    age = rng.beta(1.3, 1.8)
    length = -score + rng.normal(0, 0.75)
    return Person(
        label=label,
        score=float(score),
        skin=rng.beta(1.2, 1.8),
        age=age,
        hair_color=_hair_color(age, rng),
        hair_length=HairLength(int(np.digitize(length, (-1.9, 0.15, 0.75)))),
        hair_volume=rng.uniform(),
        fringe=rng.beta(1.2, 2),
        wavy=bool(rng.uniform() < 0.4),
        parting=rng.uniform(-1, 1),
        eye_color=_pick(rng, ((70, 45, 25), (95, 65, 35), (75, 110, 140), (85, 110, 70))),
        grows_beard=bool(rng.uniform() < 0.6 * _rises(score - 0.3)),
        wears_glasses=bool(rng.uniform() < 0.18),
        face_width=cue(),
        jaw=cue(),
        chin=cue(),
        brow=cue(),
        brow_height=cue(),
        eye_size=cue(),
        nose=cue(),
        lips=cue(),
        neck=cue(),
    )


def shot(who: Person, rng: np.random.Generator) -> Shot:
    """One more image of a person.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> who = person(0, rng)
        >>> seen = shot(who, rng)
        >>> who.grows_beard or seen.beard == 0
        True
    """
    beard = rng.beta(1.3, 1.1) if who.grows_beard and rng.uniform() < 0.8 else 0.0
    made_up = rng.uniform() < 0.65 * _rises(-who.score - 0.2)
    return Shot(
        smile=float(np.clip(rng.normal(0.45, 0.4), 0, 1)),
        mouth_open=bool(rng.uniform() < 0.4),
        beard=beard,
        moustache=beard if rng.uniform() < 0.8 else 0.0,
        makeup=rng.uniform(0.3, 1) if made_up else 0.0,
        earrings=bool(rng.uniform() < 0.05 + 0.35 * _rises(-who.score)),
        glasses=who.wears_glasses and bool(rng.uniform() < 0.8),
        hat=bool(rng.uniform() < 0.06),
        collar=bool(rng.uniform() < 0.12 + 0.3 * _rises(who.score)),
        neckline=rng.uniform(),
        clothes=_color(rng, 20, 230),
        accent=_color(rng, 20, 200),
        roll=rng.normal(0, 0.035),
        yaw=float(np.clip(rng.normal(0, 0.45), -1, 1)),
        scale=rng.normal(1, 0.025),
        shift=(rng.normal(0, 1.5), rng.normal(0, 1.5)),
        light=rng.uniform(-1, 1),
        brightness=rng.uniform(0.72, 1.15),
        warmth=rng.uniform(-1, 1),
        blur=max(0.0, rng.normal(0.35, 0.45)),
        noise=rng.uniform(1, 7),
        texture_seed=int(rng.integers(2**32)),
    )


def attributes(who: Person, seen: Shot) -> dict[str, bool]:
    """CelebA's names for what an image shows, `Male` being the label.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> who = person(1, rng)
        >>> shown = attributes(who, shot(who, rng))
        >>> shown["Male"], shown["No_Beard"] or who.grows_beard
        (True, True)
    """
    hair_shows = who.hair_length is not HairLength.BALD and not seen.hat
    return {
        "Bald": who.hair_length is HairLength.BALD,
        "Bangs": hair_shows and who.fringe > 0.6,
        **{color: hair_shows and who.hair_color == color for color in HAIR_COLORS},
        "Bushy_Eyebrows": who.brow > 0.8,
        "Eyeglasses": seen.glasses,
        "Heavy_Makeup": seen.makeup > 0.5,
        "Male": bool(who.label),
        "Mouth_Slightly_Open": seen.mouth_open,
        "Mustache": seen.moustache > 0.3,
        "No_Beard": seen.beard < 0.15,
        "Pale_Skin": who.skin < 0.12,
        "Smiling": seen.smile > 0.5,
        "Wavy_Hair": hair_shows and who.wavy,
        "Wearing_Earrings": seen.earrings,
        "Wearing_Hat": seen.hat,
        "Wearing_Lipstick": seen.makeup > 0,
        "Wearing_Necktie": seen.collar,
        "Young": who.age < 0.6,
    }


def labels(who: Person, seen: Shot) -> dict[str, str | int]:
    """What an image shows beside CelebA's attributes: labels of many classes.

    `hair_color` is missing where no hair shows; `age` is in years.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> who = person(1, rng)
        >>> shown = labels(who, shot(who, rng))
        >>> shown["hair_color"] in ("", "black", "brown", "blond", "gray"), 5 <= shown["age"] <= 80
        (True, True)
    """
    color = next((name for name in HAIR_COLORS if attributes(who, seen)[name]), "")
    return {
        "hair_color": color.removesuffix("_Hair").lower(),
        "age": round(_YOUNGEST + (_OLDEST - _YOUNGEST) * who.age),
    }


def _rises(score: float) -> float:
    """0 for typical women, 1 for typical men, a half at score 0."""
    return 1 / (1 + math.exp(-4 * score))


def _hair_color(age: float, rng: np.random.Generator) -> str:
    if rng.uniform() < 0.9 * max(0.0, age - 0.45):
        return "Gray_Hair"
    return str(rng.choice(HAIR_COLORS[:3], p=(0.38, 0.38, 0.24)))


def _color(rng: np.random.Generator, low: int, high: int) -> tuple[int, int, int]:
    """A muted color, each channel between the bounds."""
    channels = 0.55 * rng.uniform(low, high) + 0.45 * rng.uniform(low, high, 3)
    red, green, blue = (int(value) for value in channels)
    return red, green, blue


def _pick(
    rng: np.random.Generator, colors: tuple[tuple[int, int, int], ...]
) -> tuple[int, int, int]:
    return colors[int(rng.integers(len(colors)))]
