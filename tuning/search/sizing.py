"""How many images a search works on, which activations are kept, and how long its refit may be.

All follows from what was measured: time of an image through the frozen backbone and through a
training step at each depth, bytes of its activations at each cut.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tuning.runs.schema import BackboneCosts, RefitPlan, SearchImages, TrainingTime
from tuning.search.planning import plan_depths, training_seconds, trial_seconds
from tuning.search.presets import Preset

ENOUGH = 4000
"""Training images beyond which a search takes more only where the cache holds all they need."""

_LEAST_REFIT = 2  # epochs, where they take less than that share
_LEAST = 1000  # training images of a search
_LEAST_VAL = 1000  # below it the Brier score hardly tells trials apart
_FORWARD_SHARE = 1 / 3  # of a training step: what a batch takes that is only scored
_LEG_SECONDS = 600.0
_LEAST_LEGS = 4  # of a refit, so that most of its time is used
_LEAST_LEG = 320  # images
_REFIT_SHARE = 0.5  # of the time, where two epochs on all images take longer


def kept_images(costs: BackboneCosts, train: int, deepest: int) -> SearchImages:
    """Choose the activations that are kept for trials up to a depth.

    Those come first that save the most time for their bytes.

    Args:
        costs: What was measured.
        train: Number of training images.
        deepest: Largest fine-tuning depth of the trials.

    Example:
        >>> costs = BackboneCosts(
        ...     train=160_000, val=20_000, pass_seconds=0.01, steps=((1, 1e-4), (5, 0.02)),
        ...     bytes=(4000, 70_000), room=10**9,
        ... )
        >>> kept_images(costs, train=4000, deepest=1)
        SearchImages(train=4000, val=1000, views=(2, 2))
        >>> kept_images(costs, train=8000, deepest=1).views
        (2, 1)
    """
    val = costs.val if train >= costs.train else _val(costs, train)
    views, room = [0] * min(deepest + 1, len(costs.bytes)), costs.room
    by_gain = sorted(range(1, len(views)), key=lambda d: -trunk_seconds(costs, d) / costs.bytes[d])
    for depth in (0, *by_gain):
        sizes = {count: costs.bytes[depth] * (count * train + val) for count in (2, 1)}
        views[depth] = next((count for count, size in sizes.items() if size <= room), 0)
        room -= sizes.get(views[depth], 0)
    return SearchImages(train=train, val=val, views=tuple(views))


def training_times(costs: BackboneCosts, images: SearchImages) -> tuple[TrainingTime, ...]:
    """Estimate a training on some images at each depth that was measured.

    Args:
        costs: What was measured.
        images: Images, and what is cached of them.
    """
    times = []
    for depth, (start, image) in enumerate(costs.steps):
        epoch = image * (images.train + _FORWARD_SHARE * images.val)
        # Pooled features of a search that do not fit are kept in memory.
        if depth and not images.cached(depth):
            epoch += trunk_seconds(costs, depth) * (images.train + images.val)
        times.append(TrainingTime(start, epoch))
    return tuple(times)


def pass_seconds(costs: BackboneCosts, images: SearchImages) -> float:
    """Estimate the time of the passes through the trunk.

    Args:
        costs: What was measured.
        images: Images, and what is cached of them.
    """
    views = max(1, *images.views)
    return costs.missing * costs.pass_seconds * (views * images.train + images.val)


def trunk_seconds(costs: BackboneCosts, depth: int) -> float:
    """Estimate the time of an image through what is frozen at a depth.

    It is that of the whole backbone without the tail's, which is a share of a training step.

    Args:
        costs: What was measured.
        depth: Fine-tuning depth, 0 for the whole backbone.
    """
    if depth >= len(costs.bytes):
        return 0.0
    tail = _FORWARD_SHARE * costs.steps[depth][1] if depth else 0.0
    return max(0.0, costs.pass_seconds - tail)


def _val(costs: BackboneCosts, train: int) -> int:
    return min(costs.val, max(round(costs.val * train / costs.train), _LEAST_VAL))


@dataclass(frozen=True)
class Search:
    """What a search is to do.

    Attributes:
        images: Images of its trials.
        depths: Fine-tuning depth of each trial.
        refit_seconds: Time reserved for the shortest refit.
        fits: Whether passes and the first trial fit into the time.
    """

    images: SearchImages
    depths: tuple[int, ...]
    refit_seconds: float
    fits: bool


def choose(preset: Preset, costs: BackboneCosts, seconds: float) -> Search:
    """Choose images and depths of a search: as deep as it comes, then as many images as it may.

    Where not even one trial fits, it is made on as few images as a search takes.

    Args:
        preset: Number of trials that are wanted at each depth.
        costs: What was measured.
        seconds: Time for passes, trials and refit, may be infinite.

    Example:
        >>> from tuning.search.presets import PRESETS
        >>> costs = BackboneCosts(
        ...     train=160_000, val=20_000, pass_seconds=0.01, steps=((1, 1e-4), (5, 0.02)),
        ...     bytes=(4000, 70_000), room=10**11,
        ... )
        >>> search = choose(PRESETS["standard"], costs, seconds=1000)
        >>> search.images.train, max(search.depths)
        (10000, 1)
    """
    best: Search | None = None
    for train in _sizes(costs.train):
        for deepest in reversed(range(len(costs.steps))):
            images = kept_images(costs, train, deepest)
            if train > ENOUGH and min(images.views) < 2:
                continue
            found = _search(preset, costs, images, deepest, seconds)
            if best is None or not best.fits or max(found.depths) > max(best.depths):
                best = found
    assert best is not None, "the smallest size is at most ENOUGH"
    return best


def _search(
    preset: Preset, costs: BackboneCosts, images: SearchImages, deepest: int, seconds: float
) -> Search:
    """The trials that fit where these images are searched on."""
    left = seconds - pass_seconds(costs, images)
    times = training_times(costs, images)[: deepest + 1]

    def refit_seconds(depth: int, epochs: int) -> float:
        if images.train == costs.train:
            return training_seconds(times[depth], epochs)
        whole = training_seconds(pixels_time(costs, images, depth), epochs)
        return min(whole, _REFIT_SHARE * max(left, 0.0))

    depths = plan_depths(preset, times, left, refit_seconds)
    fits = trial_seconds(preset, times, depths[0]) <= left
    return Search(images, depths, refit_seconds(max(depths), _LEAST_REFIT), fits)


def pixels_time(costs: BackboneCosts, images: SearchImages, depth: int) -> TrainingTime:
    """Estimate a training on all images from pixels.

    Args:
        costs: What was measured.
        images: Images of the search, of whose validation images it is scored.
        depth: Fine-tuning depth.
    """
    start, image = costs.steps[depth]
    trunk = trunk_seconds(costs, depth) * (costs.train + images.val)
    return TrainingTime(start, image * (costs.train + _FORWARD_SHARE * images.val) + trunk)


@dataclass(frozen=True)
class RefitWay:
    """How all images are trained on.

    Attributes:
        views: Number of their views that are cached first, 0 for pixels.
        time: Time of a training on them.
        pass_seconds: Time until they are cached.
    """

    views: int
    time: TrainingTime
    pass_seconds: float = 0.0

    def epochs(self, most: int, seconds: float) -> float:
        """Return the number of epochs that fit into a time.

        Args:
            most: Largest number of epochs.
            seconds: Time that is left, may be infinite or negative.
        """
        left = seconds - self.pass_seconds - self.time.start
        return min(most, max(0.0, left) / max(self.time.epoch, 1e-3))


def refit_way(
    costs: BackboneCosts, images: SearchImages, depth: int, epochs: int, seconds: float
) -> RefitWay:
    """Choose whether all images pass through the trunk first, or are trained from pixels.

    Args:
        costs: What was measured.
        images: Images of the search, and what is cached of them.
        depth: Fine-tuning depth of the refit.
        epochs: Largest number of its epochs.
        seconds: Time that is left, may be infinite or negative.
    """
    start, image = costs.steps[depth]
    time = TrainingTime(start, image * (costs.train + _FORWARD_SHARE * images.val))
    held = images.cached(depth)
    if depth >= len(costs.bytes) or (images.train == costs.train and held == 2):
        return RefitWay(held, time)
    pixels = RefitWay(0, pixels_time(costs, images, depth))
    if images.train == costs.train and held:  # mirrored views are worth it where time allows
        return pixels if pixels.epochs(epochs, seconds) >= epochs else RefitWay(held, time)
    if costs.bytes[depth] * (2 * costs.train + images.val) > costs.room:
        return pixels
    new = RefitWay(2, time, costs.pass_seconds * (2 * costs.train - held * images.train))
    if new.epochs(epochs, seconds) != pixels.epochs(epochs, seconds):
        return max(new, pixels, key=lambda way: way.epochs(epochs, seconds))
    return min(new, pixels, key=lambda way: way.pass_seconds + epochs * way.time.epoch)


def _sizes(train: int) -> list[int]:
    """Numbers of training images to consider, the largest first, rounded to two digits."""
    sizes = [train]
    while sizes[-1] > _LEAST:
        smaller = train / math.sqrt(2) ** len(sizes)
        digits = 10 ** (math.floor(math.log10(smaller)) - 1)
        sizes.append(max(_LEAST, round(smaller / digits) * digits))
    return sizes


def refit_plan(train: int, way: RefitWay, most_epochs: int, seconds: float) -> RefitPlan | None:
    """Divide a refit into legs, as many as the time allows.

    Args:
        train: Number of training images.
        way: How they are trained on.
        most_epochs: Largest number of epochs.
        seconds: Time that is left, may be infinite or negative.

    Returns:
        Its legs, None where there is no time for one.

    Example:
        >>> refit_plan(4000, RefitWay(2, TrainingTime(start=5, epoch=10)), 16, seconds=60.0)
        RefitPlan(legs=5, legs_per_epoch=1, views=2)
        >>> refit_plan(160_000, RefitWay(0, TrainingTime(start=20, epoch=9000)), 16, seconds=5000)
        RefitPlan(legs=8, legs_per_epoch=15, views=0)
    """
    epochs = way.epochs(most_epochs, seconds)
    if epochs <= 0:
        return None
    least = 1 if epochs >= _LEAST_LEGS else math.ceil(_LEAST_LEGS / epochs)
    per_epoch = max(math.ceil(way.time.epoch / _LEG_SECONDS), least)
    per_epoch = max(1, min(per_epoch, train // _LEAST_LEG))
    legs = int(epochs * per_epoch + 1e-9)
    if not legs:
        return None
    return RefitPlan(legs=legs, legs_per_epoch=per_epoch, views=way.views)
