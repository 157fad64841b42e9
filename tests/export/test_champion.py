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


def test_the_highest_accuracy_is_first_then_the_brier_score_then_the_latency() -> None:
    figures = [(0.02, 0.97, 9.0), (0.01, 0.97, 30.0), (0.04, 0.98, 50.0), (0.02, 0.97, 4.0)]
    models = [
        Candidate(str(number), "int8", brier, accuracy, latency, size_mb=10.0)
        for number, (brier, accuracy, latency) in enumerate(figures)
    ]
    assert [model.backbone for model in rank(models)] == ["2", "1", "3", "0"]


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
