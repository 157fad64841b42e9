from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.labels import UNCERTAIN
from inference.bundle import LabelInfo, OperatingPoint
from inference.faces import Prediction
from inference.live.smoothing import REMEMBERED, SmoothedPredictions


def label(classes: tuple[str, ...] = ("no", "yes"), least: float | None = 0.7) -> LabelInfo:
    point = OperatingPoint(least=(least,) * len(classes)) if least is not None else None
    return LabelInfo(name="Smiling", classes=classes, output="p", operating_point=point)


def said(info: LabelInfo, *p: float) -> list[Prediction]:
    return [Prediction(info.label, p, info.decide(p))]


def decisions(info: LabelInfo, values: list[float], step: float = 0.1) -> list[str]:
    track = SmoothedPredictions([info])
    return [
        track.update(said(info, 1 - p, p), 1.0, step * frame)[0].decision
        for frame, p in enumerate(values)
    ]


P = st.floats(0, 1)
FRAMES = st.lists(st.tuples(P, P, st.floats(0, 1)), min_size=1, max_size=30)


@given(FRAMES)
def test_smoothed_probabilities_lie_between_those_of_the_frames(
    frames: list[tuple[float, float, float]],
) -> None:
    info, seconds, judged = label(), 0.0, []
    track = SmoothedPredictions([info])
    for p, quality, later in frames:
        seconds += later
        [smoothed] = track.update(said(info, 1 - p, p), quality, seconds)
        assert sum(smoothed.probabilities) == pytest.approx(1)
        judged += [p] * (quality >= 0.5)
        if judged and smoothed.decision != UNCERTAIN:
            assert min(judged) - 2e-4 <= smoothed["yes"] <= max(judged) + 2e-4
        assert judged or smoothed.decision == UNCERTAIN


@given(st.lists(st.tuples(P, P, P), min_size=1, max_size=10))
def test_many_classes_stay_probabilities(frames: list[tuple[float, float, float]]) -> None:
    info = label(("a", "b", "c"))
    track = SmoothedPredictions([info])
    for number, raw in enumerate(frames):
        total = sum(raw) or 1.0
        p = [value / total if sum(raw) else 1 / 3 for value in raw]
        [smoothed] = track.update(said(info, *p), None, number / 10)
        assert np.isfinite(smoothed.probabilities).all()
        assert sum(smoothed.probabilities) == pytest.approx(1)


def test_one_odd_frame_does_not_change_the_decision() -> None:
    assert decisions(label(), [0.95, 0.95, 0.95, 0.05, 0.95]) == ["yes"] * 5


def test_a_lasting_change_does() -> None:
    changed = decisions(label(), [0.95] * 10 + [0.05] * 20)
    assert changed[9] == "yes"
    assert changed[-1] == "no"


@pytest.mark.parametrize("least", [0.5, 0.7, None])
def test_a_decision_near_its_threshold_does_not_flicker(least: float | None) -> None:
    edge = least or 0.5
    noise = np.random.default_rng(0).normal(edge, 0.03, 100).clip(0, 1).tolist()
    alone = [label(least=least).decide((1 - p, p)) for p in noise]
    smoothed = decisions(label(least=least), [edge + 0.02, *noise])
    changes = [sum(a != b for a, b in pairwise(one)) for one in (alone, smoothed)]
    assert changes[0] > 20
    assert changes[1] == 0


def test_a_frame_of_a_better_face_weighs_more() -> None:
    def mean(qualities: tuple[float, float]) -> float:
        track, info = SmoothedPredictions([label()]), label()
        track.update(said(info, 0.1, 0.9), qualities[0], 0.0)
        return track.update(said(info, 0.9, 0.1), qualities[1], 0.0)[0]["yes"]

    assert mean((1.0, 1.0)) == pytest.approx(0.5)
    assert mean((1.0, 0.6)) > 0.5 > mean((0.6, 1.0))


def test_a_face_that_cannot_be_judged_keeps_its_prediction_for_a_while() -> None:
    info = label()
    track = SmoothedPredictions([info])
    [unjudged] = track.update(said(info, 0.1, 0.9), 0.2, 0.0)
    assert unjudged.decision == UNCERTAIN
    track.update(said(info, 0.1, 0.9), 0.9, 0.1)
    [soon] = track.update(said(info, 0.9, 0.1), 0.2, 0.5)
    assert (soon.decision, soon["yes"]) == ("yes", pytest.approx(0.9))
    [late] = track.update(said(info, 0.9, 0.1), 0.2, 0.1 + REMEMBERED + 0.1)
    assert late.decision == UNCERTAIN


def test_a_label_that_was_never_to_be_decided_stays_uncertain() -> None:
    assert decisions(label(least=1.0), [1.0] * 5) == [UNCERTAIN] * 5
