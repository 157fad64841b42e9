import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.champion import Candidate, Limits, LimitsError, choose, pareto_front, rank
from export.forms import BATCH
from export.int8_gate import attempt, until_refuted
from export.parity import ParityError, compare

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


LABELS = np.arange(1000) % 2
SURE = np.where(LABELS == 1, 0.9, 0.1)


def with_wrong(count: int) -> np.ndarray:
    answers = SURE.copy()
    answers[:count] = 1 - answers[:count]
    return answers


@given(st.integers(0, 40))
def test_the_gate_opens_up_to_its_limits(wrong: int) -> None:
    tried = attempt("minmax", LABELS, SURE, with_wrong(wrong))
    assert tried.accuracy_lost == pytest.approx(wrong / 1000)
    assert tried.changed_decisions == wrong / 1000
    assert tried.passed == (wrong <= 5)


@given(st.integers(0, 40))
def test_changed_decisions_count_even_if_they_are_for_the_better(fixed: int) -> None:
    tried = attempt("minmax", LABELS, with_wrong(fixed), SURE)
    assert tried.accuracy_lost <= 0
    assert tried.passed == (fixed <= 10)


def test_answers_that_are_no_numbers_fail() -> None:
    answers = SURE.copy()
    answers[0] = np.nan
    assert not attempt("minmax", LABELS, SURE, answers).passed
    with pytest.raises(ParityError):
        compare(SURE, answers, "vgg16 as fp32")


def test_a_changed_decision_fails_parity_however_small() -> None:
    with pytest.raises(ParityError, match="1 of 2 decisions changed"):
        compare(np.array([0.49999, 0.9]), np.array([0.50001, 0.9]), "vgg16 as fp32")


@given(st.sets(st.integers(0, 999), max_size=60))
def test_the_verdict_is_the_same_as_after_all_images(wrong: set[int]) -> None:
    int8_p = SURE.copy()
    int8_p[list(wrong)] = 1 - int8_p[list(wrong)]
    seen: list[int] = []
    images = np.arange(1000)  # an image is its number here
    answers = until_refuted(
        lambda batch: int8_p[batch][:, None], images, images, SURE, advance=seen.append
    )
    assert sum(seen) == len(answers)
    assert answers.tolist() == int8_p[: len(answers)].tolist()
    tried = attempt("minmax", LABELS, SURE, answers)
    assert tried.images == len(answers)
    assert tried.passed == attempt("minmax", LABELS, SURE, int8_p).passed
    too_many = sorted(wrong)[10] if len(wrong) > 10 else None
    if too_many is not None:
        assert len(answers) <= too_many + BATCH
