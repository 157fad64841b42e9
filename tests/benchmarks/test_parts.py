import pytest
from timed_trials import trial

from benchmarks.parts import TrialParts


def test_parts_of_a_deep_trial_add_up() -> None:
    timed = trial(1, 10.0, 0.9, epochs=(3.0, 1.0, 1.0))
    parts = TrialParts.of(timed, {"warm-up": 1.5, "checkpoint": 0.25})
    assert (parts.head, parts.tail_graph, parts.tail) == (1.5, 2.0, 3.0)
    assert (parts.head_epoch, parts.tail_epoch) == (0.0, 1.0)
    assert parts.prepare == pytest.approx(9.0 - 1.5 - 5.0)
    assert parts.whole == pytest.approx(
        parts.prepare + parts.head + parts.tail_graph + parts.tail + parts.checkpoint
        + parts.keras_tuner
    )  # fmt: skip


def test_a_trial_at_depth_0_is_all_head() -> None:
    timed = trial(0, 10.0, 0.9, epochs=(3.0, 1.0, 1.0))
    parts = TrialParts.of(timed, {"warm-up": 1e-6, "checkpoint": 0.25})
    assert (parts.head, parts.tail_graph, parts.tail) == (5.0, 0.0, 0.0)
    assert (parts.head_epoch, parts.tail_epoch) == (1.0, 0.0)
    assert parts.prepare == pytest.approx(4.0)
    assert parts.keras_tuner == pytest.approx(10.0 - 9.0 - 0.25)
