"""The trials that come before those of an algorithm, in order, and none of them twice."""

from small_search import chosen, result_of

from tuning.backbones.registry import BACKBONES, Tuning
from tuning.runs.schema import TrialRecord
from tuning.search import known_ground
from tuning.search.known_ground import Idea, next_idea

TUNINGS = (Tuning(3, 1, 1e-4), Tuning(4, 2, 2e-4), Tuning(5, 1, 9e-4))


def head(trial: str, stages: int, grid: int, units: int = 0) -> TrialRecord:
    return record(trial, chosen(0, stages=stages, grid=grid, head_units=units).model_dump(), 0.8)


def record(
    trial: str, values: dict[str, int | float], accuracy: float | None, ended: str = "converged",
    from_pixels: bool = False,
) -> TrialRecord:  # fmt: skip
    hp = chosen(0).model_validate(values)
    result = None if accuracy is None else result_of(hp, accuracy)
    return TrialRecord(
        trial=trial, values=values, result=result, ended=ended, from_pixels=from_pixels
    )


HEADS = [head("0", 2, 8), head("1", 3, 6), head("2", 4, 3), head("3", 3, 1)]


def all_ideas(more_images: bool, accuracies: list[float | None]) -> list[Idea]:
    """Ideas one after the other, each of which ends with an accuracy."""
    ideas: list[Idea] = []
    tuned: list[TrialRecord] = []
    for number, accuracy in enumerate(accuracies, 4):
        idea = next_idea(TUNINGS, HEADS, tuned, more_images)
        ideas.append(idea)
        if idea.values is None:
            return ideas
        tuned.append(record(str(number), idea.values, accuracy, from_pixels=idea.from_pixels))
    return ideas


def described(ideas: list[Idea]) -> list[tuple[object, ...]]:
    names = ("stages", "depth", "grid", "head_units")
    return [tuple((idea.values or {}).get(name) for name in names) for idea in ideas]


def test_heads_that_are_solved_first_are_the_whole_maps_and_one_pooled() -> None:
    grids = {3: (1, 2, 6), 4: (1, 3), 2: (1, 2, 4, 12)}
    heads = known_ground.heads([3, 4, 2], grids)
    assert [(values["stages"], values["grid"]) for values in heads] == [
        (3, 6), (4, 3), (2, 12), (4, 1)
    ]  # fmt: skip
    assert {values["depth"] for values in heads} == {0}


def test_where_the_deepest_map_is_one_field_no_head_comes_twice() -> None:
    assert len(known_ground.heads([3, 4], {3: (1, 2), 4: (1,)})) == 2


def test_ideas_come_in_the_order_in_which_they_are_known_to_pay() -> None:
    ideas = all_ideas(more_images=False, accuracies=[0.8, 0.9, 0.7, 0.7, 0.7, 0.7, 0.7])
    assert described(ideas) == [
        (3, 1, 6, 0),  # the backbone's tunings, on the best head there; none has a head behind 5
        (4, 2, 3, 0),
        (2, 1, 8, 0),  # below the best head
        (4, 3, 3, 0),  # one stage more than the best trial, from its weights
        (4, 2, 3, 64),  # the best trial with a hidden layer
        (None,) * 4,  # the algorithm's
    ]
    assert [idea.values and idea.values["learning_rate"] for idea in ideas[:3]] == [
        1e-4, 2e-4, 1e-4
    ]  # fmt: skip
    assert [idea.start.trial if idea.start else None for idea in ideas] == [
        None, None, None, "5", None, None
    ]  # fmt: skip


def test_more_images_than_are_cached_are_the_first_that_the_best_goes_on_with() -> None:
    first, second, *_ = all_ideas(more_images=True, accuracies=[0.8, 0.9, 0.7])
    assert second.from_pixels and second.values == first.values
    assert second.start and second.start.trial == "4"
    assert not first.from_pixels
    running = [record("4", dict(first.values or {}), 0.8, ended="")]
    assert not next_idea(TUNINGS, HEADS, running, more_images=True).from_pixels


def test_no_idea_comes_twice_whatever_failed() -> None:
    for accuracies in ([None] * 9, [0.9] * 9, [0.5, None, 0.6, None, 0.7, 0.8, None, 0.9, 0.95]):
        for more_images in (False, True):
            ideas = all_ideas(more_images, accuracies)
            seen = [
                (tuple(idea.values.values()), idea.from_pixels) for idea in ideas if idea.values
            ]
            assert len(set(seen)) == len(seen) >= 3


def test_hidden_layers_are_not_where_fine_tuning_begins() -> None:
    heads = [head("9", 3, 6, units=64), *HEADS]
    idea = next_idea(TUNINGS, heads, [], more_images=False)
    assert idea.values and idea.values["head_units"] == 0


def test_tunings_of_the_registry_can_be() -> None:
    for backbone in BACKBONES.values():
        for stages, depth, _ in backbone.tunings:
            assert backbone.frozen <= stages - depth < stages <= len(backbone.stages)
            assert stages in backbone.attach
