"""The promise on the decisions given: by its bound, by known cases, and by simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from probability_cases import both, many

from data import GENDER
from data.labels import decisions
from tuning import metrics

scored = st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=2, max_size=120)


@given(scored, st.sampled_from([0.6, 0.8, 0.95]))
@settings(deadline=None)
def test_decisions_reach_the_target_by_their_lower_bound(
    pairs: list[tuple[bool, int]], target: float
) -> None:
    codes = np.array([int(code) for code, _ in pairs])
    p = both([twentieths / 20 for _, twentieths in pairs])
    point = metrics.operating_point(codes, p, target=target)
    if point.share_uncertain == 1:
        assert point.least == (1.0, 1.0)
        return
    given_ones = p.max(axis=1) >= point.least[0]
    correct = metrics.decisions(p)[given_ones] == codes[given_ones]
    assert point.accuracy == pytest.approx(correct.mean())
    assert point.share_uncertain == pytest.approx(1 - given_ones.mean())
    assert given_ones.mean() >= 0.5
    assert target <= (point.accuracy_bound or 0) <= point.accuracy


def test_all_is_decided_when_all_is_correct() -> None:
    codes = np.arange(300) % 2
    point = metrics.operating_point(codes, both(np.where(codes == 1, 0.9, 0.2)))
    assert (point.target_accuracy, point.accuracy, point.share_uncertain) == (0.98, 1.0, 0.0)
    assert point.accuracy_bound == pytest.approx(0.025 ** (1 / 300))


def test_a_network_that_is_always_sure_decides_all() -> None:
    codes = np.arange(300) % 2
    point = metrics.operating_point(codes, both(codes.astype(float)), target=0.98)
    assert point.share_uncertain == 0.0
    codes[:10] = 1 - codes[:10]  # the surest half is one at random
    point = metrics.operating_point(codes, both((np.arange(300) % 2).astype(float)), target=0.9)
    assert point.least[0] < 1 and point.share_uncertain == 0.0


def test_few_images_prove_little() -> None:
    """Ten correct decisions of ten bound the accuracy by 0.025 ** (1 / 10) = 0.69."""
    codes = np.arange(10) % 2
    point = metrics.operating_point(codes, both(np.where(codes == 1, 0.9, 0.1)))
    assert point.target_accuracy == 0.6
    assert point.accuracy_bound == pytest.approx(0.025 ** (1 / 10))


def test_hard_labels_get_the_target_that_half_of_them_reach() -> None:
    codes, p = many(3000)
    point = metrics.operating_point(codes, p)
    assert 0.6 <= point.target_accuracy <= 0.9
    assert point.share_uncertain <= 0.5
    assert len(set(point.least)) == 1 and len(point.least) == 3


def test_a_target_that_cannot_be_reached_leaves_nothing_decided() -> None:
    codes = np.arange(100) % 2
    point = metrics.operating_point(codes, both(np.full(100, 0.6)), target=0.9)
    assert (point.least, point.accuracy, point.share_uncertain) == ((1.0, 1.0), 0.0, 1.0)


def faces(people: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes, logits and people, two images each; what makes a face hard is half the person's."""
    codes = rng.integers(0, 2, people).repeat(2)
    of_person, of_image = rng.normal(size=people).repeat(2), rng.normal(size=2 * people)
    logits = 2.4 * (2 * codes - 1) + 1.6 * (of_person + of_image) / np.sqrt(2)
    return codes, 2.5 * logits[:, None] + 1.0, np.arange(people).repeat(2)


def test_the_promise_holds_in_19_of_20_runs() -> None:
    """Calibrated and chosen on 750 images, as a run does, and counted on 20,000 others."""
    rng = np.random.default_rng(0)
    others, logits, _ = faces(10_000, rng)
    broken = promised = 0
    for _ in range(100):
        codes, seen, people = faces(375, rng)
        p = metrics.probabilities([GENDER], seen)
        point = metrics.operating_point(
            codes, metrics.cross_fitted([GENDER], codes[:, None], p, people), people
        )
        served = metrics.probabilities(
            [GENDER], logits, [metrics.fit_calibration(GENDER, codes, seen)]
        )
        given_ones = served.max(axis=1) >= point.least[0]
        accuracy = (decisions(served) == others)[given_ones].mean()
        promised += point.share_uncertain < 1
        broken += accuracy < point.target_accuracy
    assert promised == 100
    assert broken <= 5


def test_photos_of_one_person_promise_less() -> None:
    codes, p = many(900)
    alone = metrics.operating_point(codes, p, target=0.85)
    copies = (np.repeat(codes, 5), np.repeat(p, 5, axis=0), np.arange(900).repeat(5))
    together = metrics.operating_point(*copies, target=0.85)
    as_if_alone = metrics.operating_point(*copies[:2], target=0.85)
    assert together.share_uncertain == pytest.approx(alone.share_uncertain, abs=0.03)
    assert as_if_alone.share_uncertain < together.share_uncertain


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ((0.98, 0.0, 750), "at least 98 % of the decisions given are correct, 0.0 % of"),
        ((0.9, 0.25, 1234), "1,234 validation images do not show that 98 % of the decisions given"),
        ((0.5, 1.0, 20), "do not show that 50 % of even the surest half of the decisions"),
        ((0.9, 0.25, 750, 0.9), "at least 90 % of the decisions given are correct, 25.0 % of"),
    ],
)
def test_the_promise_is_one_line(facts: tuple[float, float, int], words: str) -> None:
    said = metrics.promise(*facts)
    assert words in said and said.isprintable()
