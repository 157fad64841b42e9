import numpy as np
import pytest

from tuning.suspects.confident_learning import doubts


def sure(codes: np.ndarray, classes: int, p: float = 0.9) -> np.ndarray:
    """Probabilities of a model that is sure of these classes."""
    rest = (1 - p) / (classes - 1)
    return np.where(np.eye(classes)[codes] == 1, p, rest)


def test_slips_among_many_classes_are_found_and_what_they_should_be() -> None:
    true = np.arange(200) % 4
    given = true.copy()
    given[[3, 50, 77]] = [1, 0, 2]
    found = doubts(given, sure(true, 4))
    assert np.flatnonzero(found.suspect).tolist() == [3, 50, 77]
    assert found.suggested[[3, 50, 77]].tolist() == true[[3, 50, 77]].tolist()
    assert sorted(np.argsort(-found.doubt)[:3].tolist()) == [3, 50, 77]


def test_a_class_that_the_model_does_not_know_has_no_suspects() -> None:
    given = np.array([0] * 50 + [1] * 50 + [2] * 10)
    p = sure(np.array([0] * 50 + [1] * 50 + [0] * 6 + [2] * 4), 3)
    assert not doubts(given, p).suspect.any()


def test_nothing_is_said_of_missing_labels_and_of_classes_that_were_not_asked_about() -> None:
    given = np.array([0, 1] * 20 + [-1] * 5 + [2] * 5)
    p = np.vstack([sure(np.array([0, 1] * 20), 3), np.full((10, 3), np.nan)])
    p[:, 2] = np.nan
    found = doubts(given, p)
    assert found.suggested[40:].tolist() == [-1] * 10
    assert np.isnan(found.doubt[40:]).all()
    assert not found.suspect[40:].any()
    assert np.isfinite(found.doubt[:40]).all()


@pytest.mark.parametrize("codes", [[], [-1, -1], [1, 1, 1]])
def test_fewer_than_two_classes_give_no_doubts(codes: list[int]) -> None:
    found = doubts(np.array(codes, int), np.full((len(codes), 2), 0.5))
    assert not found.suspect.any()
    assert np.isnan(found.doubt).all()
