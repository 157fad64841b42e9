"""Trials that are known to be worth it on any data, before an algorithm has anything to go by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuning.runs.schema import Hyperparameters, TrialRecord, TunerValues
from tuning.search.oracles import Grids

_LEARNING_RATE = 1e-4
_DROPOUT = 0.3
_HIDDEN_UNITS = 64
_LARGEST_GRID = 6


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
    """Return the heads that are solved first: behind each stage, of the whole map and pooled.

    Args:
        attach: Stages behind which heads are tried, the most promising first.
        grids: Grids that a head may have behind each number of stages.

    Example:
        >>> [(head["stages"], head["grid"]) for head in heads([4, 5], {4: (1, 2, 6), 5: (1, 3)})]
        [(4, 6), (5, 3), (4, 1), (5, 1)]
    """
    finest = [(stages, max(g for g in grids[stages] if g <= _LARGEST_GRID)) for stages in attach]
    pooled = [(stages, 1) for stages in attach]
    chosen = dict.fromkeys([*finest, *pooled])
    return [_values(stages, depth=0, grid=grid) for stages, grid in chosen]


def next_idea(
    heads: Sequence[TrialRecord], tuned: Sequence[TrialRecord], more_images: bool
) -> Idea:
    """Return the next fine-tuned trial.

    The first trains the stage below the best head (linear probing first, then fine-tuning; Kumar
    et al., 2022). Then other learning rates, one more stage from the best trial's weights (gradual
    unfreezing; Howard and Ruder, 2018), the stage below the best head of other stages.

    Args:
        heads: Trials of heads alone that have a result.
        tuned: Fine-tuned trials so far, in order.
        more_images: Whether there are more training images than are cached.
    """
    by_score = sorted(heads, key=lambda head: head.score)
    best_head = next(head for head in by_score if not head.hyperparameters.head_units)
    scored = [trial for trial in tuned if trial.result]
    best = min(scored, key=lambda trial: trial.score, default=None)
    tried = [_essence(trial.hyperparameters, trial.from_pixels) for trial in tuned]
    for idea in _ideas(best_head, by_score, best, more_images):
        assert idea.values is not None, "only the last resort has none"
        if _essence(Hyperparameters.of(idea.values), idea.from_pixels) not in tried:
            return idea
    return Idea(None)


def _ideas(
    best_head: TrialRecord,
    heads: Sequence[TrialRecord],
    best: TrialRecord | None,
    more_images: bool,
) -> list[Idea]:
    below = {**best_head.values, "depth": 1, "learning_rate": _LEARNING_RATE}
    ideas = [Idea(below)]
    if best is None:
        return ideas
    chosen = best.hyperparameters
    if more_images and best.ended:
        ideas.append(Idea(best.values, best, from_pixels=True))
    ideas.append(Idea({**below, "learning_rate": 3 * _LEARNING_RATE}))
    if chosen.depth < chosen.stages:
        rate = chosen.learning_rate / 2
        ideas.append(Idea({**best.values, "depth": chosen.depth + 1, "learning_rate": rate}, best))
    others = (head for head in heads if head.hyperparameters.stages != chosen.stages)
    ideas += [Idea({**head.values, "depth": 1, "learning_rate": _LEARNING_RATE}) for head in others]
    ideas.append(Idea({**below, "head_units": _HIDDEN_UNITS}))
    return ideas


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
