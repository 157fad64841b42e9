"""Trials that are known to be worth it on any data, before an algorithm has anything to go by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tuning.backbones.registry import Tuning
from tuning.runs.schema import Hyperparameters, TrialRecord, TunerValues
from tuning.search.oracles import Grids

_LEARNING_RATE = 1e-4
_DROPOUT = 0.3
_HIDDEN_UNITS = 64


@dataclass(frozen=True)
class Idea:
    """A trial to begin.

    Attributes:
        values: Its hyperparameters; None to leave them to the oracle's algorithm.
        start: Trial with whose weights it begins, None for its own head's.
        from_pixels: Whether it trains on all images from pixels.
    """

    values: TunerValues | None
    start: TrialRecord | None = None
    from_pixels: bool = False


def heads(attach: Sequence[int], grids: Grids) -> list[TunerValues]:
    """Return the heads that are solved first: the whole map behind each stage, and one pooled.

    The finest grid was the best for faces behind every stage, see docs/decisions/40; where the
    subject may be anywhere in the picture, its place tells nothing, and pooled features may win.

    Args:
        attach: Stages behind which heads are tried, the most promising first.
        grids: Grids that a head may have behind each number of stages.

    Example:
        >>> [(head["stages"], head["grid"]) for head in heads([4, 5], {4: (1, 2, 6), 5: (1, 3)})]
        [(4, 6), (5, 3), (5, 1)]
    """
    chosen = [(stages, max(grids[stages])) for stages in attach]
    chosen.append((max(attach), min(grids[max(attach)])))
    return [_values(stages, depth=0, grid=grid) for stages, grid in dict.fromkeys(chosen)]


def next_idea(
    tunings: Sequence[Tuning],
    heads: Sequence[TrialRecord],
    tuned: Sequence[TrialRecord],
    more_images: bool,
) -> Idea:
    """Return the next fine-tuned trial.

    The first ones train stages below a head as it is known to pay (linear probing first, then
    fine-tuning; Kumar et al., 2022). Then the stage below the best head, one more stage from the
    best trial's weights (gradual unfreezing; Howard and Ruder, 2018), a hidden layer.

    Args:
        tunings: Fine-tunings of the backbone that are tried first.
        heads: Trials of heads alone that have a result, the best first.
        tuned: Fine-tuned trials so far, in order.
        more_images: Whether there are more training images than are cached.
    """
    tried = [_essence(trial.hyperparameters, trial.from_pixels) for trial in tuned]
    for idea in _ideas(tunings, heads, tuned, more_images):
        assert idea.values is not None, "only the last resort has none"
        if _essence(Hyperparameters.of(idea.values), idea.from_pixels) not in tried:
            return idea
    return Idea(None)


def _ideas(
    tunings: Sequence[Tuning],
    heads: Sequence[TrialRecord],
    tuned: Sequence[TrialRecord],
    more_images: bool,
) -> Iterator[Idea]:
    linear = [head for head in heads if not head.hyperparameters.head_units]
    scored = [trial for trial in tuned if trial.result]
    best = min(scored, key=lambda trial: trial.score, default=None)
    if best and more_images and best.ended:
        yield Idea(best.values, best, from_pixels=True)
    for stages, depth, rate in tunings:
        there = (head for head in linear if head.hyperparameters.stages == stages)
        if head := next(there, None):
            yield Idea({**head.values, "depth": depth, "learning_rate": rate})
    rate = tunings[0].learning_rate
    yield Idea({**linear[0].values, "depth": 1, "learning_rate": rate})
    if best and best.hyperparameters.cut > 1:
        deeper = {"depth": best.hyperparameters.depth + 1}
        yield Idea({**best.values, **deeper}, best)
    if best:
        yield Idea({**best.values, "head_units": _HIDDEN_UNITS})


def _essence(chosen: Hyperparameters, from_pixels: bool) -> tuple[object, ...]:
    return (*chosen.model_dump().values(), from_pixels)


def _values(stages: int, depth: int, grid: int) -> TunerValues:
    return {
        "stages": stages,
        "depth": depth,
        "grid": grid,
        "learning_rate": _LEARNING_RATE,
        "head_units": 0,
        "dropout": _DROPOUT,
    }
