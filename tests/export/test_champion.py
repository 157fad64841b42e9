from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.champion import Candidate, Limits, LimitsError, choose, pareto_front, rank

FIGURES = st.tuples(st.floats(0.5, 1), st.floats(1, 100), st.floats(1, 200))


def candidates(figures: list[tuple[float, float, float]]) -> list[Candidate]:
    return [
        Candidate(f"model{number}", "int8", 1 - accuracy, accuracy, latency, size)
        for number, (accuracy, latency, size) in enumerate(figures)
    ]


@given(st.lists(FIGURES, min_size=1, max_size=8))
def test_the_front_is_what_nothing_dominates(figures: list[tuple[float, float, float]]) -> None:
    models = candidates(figures)
    front = pareto_front(models)
    assert front
    for model in models:
        assert (model in front) != any(other.dominates(model) for other in front)
    for name in ("latency_ms", "size_mb"):
        assert min(getattr(m, name) for m in models) == min(getattr(m, name) for m in front)


@given(st.lists(FIGURES, min_size=1, max_size=8), st.floats(1, 100), st.floats(1, 200))
def test_the_champion_is_the_best_within_the_limits(
    figures: list[tuple[float, float, float]], latency: float, size: float
) -> None:
    models = candidates(figures)
    fitting = [m for m in models if m.latency_ms <= latency and m.size_mb <= size]
    if not fitting:
        with pytest.raises(LimitsError, match="nearest is model"):
            choose(models, Limits(latency, size))
        return
    assert choose(models, Limits(latency, size)) == rank(fitting)[0]


def test_the_error_names_the_nearest_miss_and_what_it_misses() -> None:
    models = candidates([(0.97, 20.0, 100.0), (0.95, 11.0, 90.0)])
    with pytest.raises(LimitsError, match=r"model1 with 11\.0 ms, 90\.0 MB .*misses latency"):
        choose(models, Limits(max_latency_ms=10, max_size_mb=95))


@pytest.mark.parametrize(
    ("limits", "chosen"),
    [
        (Limits(), "model0"),
        (Limits(min_accuracy=0.96), "model0"),
        (Limits(max_latency_ms=15), "model1"),
        (Limits(max_size_mb=95), "model1"),
    ],
)
def test_each_limit_counts(limits: Limits, chosen: str) -> None:
    models = candidates([(0.97, 20.0, 100.0), (0.95, 11.0, 90.0)])
    assert choose(models, limits).backbone == chosen


def test_an_accuracy_that_no_model_has_is_an_error() -> None:
    with pytest.raises(LimitsError, match=r"nearest is model0 .*misses accuracy"):
        choose(candidates([(0.97, 20.0, 100.0), (0.95, 11.0, 90.0)]), Limits(min_accuracy=0.98))


MODEL = Candidate("vgg16", "int8", score=0.05, val_accuracy=0.9, latency_ms=10.0, size_mb=50.0)


@pytest.mark.parametrize(
    ("limits", "missed"),
    [
        (Limits(max_latency_ms=9.9), "latency"),
        (Limits(max_size_mb=49.9), "size"),
        (Limits(min_accuracy=0.901), "accuracy"),
        (Limits(9.9, 49.9, 0.901), "latency and size and accuracy"),
    ],
)
def test_what_is_missed_is_named_with_the_model_s_own_figures(limits: Limits, missed: str) -> None:
    with pytest.raises(LimitsError) as error:
        choose([MODEL], limits)
    assert str(error.value) == (
        "no model is within the limits; nearest is vgg16 with 10.0 ms, 50.0 MB and 90.00 % on "
        f"validation images, which misses {missed}"
    )


def test_a_limit_that_is_just_met_is_met() -> None:
    assert choose([MODEL], Limits(10.0, 50.0, 0.9)) == MODEL


def test_the_best_within_the_limits_is_chosen_though_a_better_one_is_outside() -> None:
    slow = replace(MODEL, backbone="resnet101", val_accuracy=0.95, latency_ms=40.0)
    assert choose([MODEL, slow], Limits()) == slow
    assert choose([slow, MODEL], Limits(max_latency_ms=20)) == MODEL


def test_the_nearest_miss_is_judged_by_shares_of_the_limits() -> None:
    """3 ms over 10 are farther than 20 MB over 100, 1 ms is nearer; two misses count together."""
    slow = replace(MODEL, backbone="slow", latency_ms=13.0)
    slower = replace(MODEL, backbone="slower", latency_ms=11.0)
    large = replace(MODEL, backbone="large", size_mb=120.0)
    both = replace(MODEL, backbone="both", latency_ms=11.5, size_mb=115.0)
    with pytest.raises(LimitsError, match=r"nearest is large .*misses size$"):
        choose([slow, large, both], Limits(max_latency_ms=10.0, max_size_mb=100.0))
    with pytest.raises(LimitsError, match=r"nearest is slower .*misses latency$"):
        choose([large, slower], Limits(max_latency_ms=10.0, max_size_mb=100.0))


def test_the_rank_is_by_brier_score_then_by_accuracy_then_by_latency() -> None:
    sure = replace(MODEL, backbone="sure", val_accuracy=0.8, score=0.04, latency_ms=99.0)
    fast = replace(MODEL, backbone="fast", latency_ms=9.0)
    right = replace(MODEL, backbone="right", val_accuracy=0.91, latency_ms=30.0)
    assert rank([MODEL, fast, right, sure]) == [sure, right, fast, MODEL]


def test_two_models_alike_are_both_on_the_front() -> None:
    twin = replace(MODEL, backbone="twin")
    worse = replace(MODEL, backbone="worse", size_mb=50.1)
    assert pareto_front([MODEL, twin, worse]) == [MODEL, twin]
