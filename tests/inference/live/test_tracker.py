from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from inference.faces import Box
from inference.live.tracker import LONGEST_GAP, MISSED_FRAMES, Tracker, overlap

EDGE = st.integers(-50, 700)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    left, top = draw(EDGE), draw(EDGE)
    return Box(left, top, left + draw(st.integers(0, 200)), top + draw(st.integers(0, 200)))


FRAMES = st.lists(st.tuples(st.lists(boxes(), max_size=6), st.floats(0, 3)), max_size=25)


@given(boxes(), boxes())
def test_overlap_is_a_share_and_the_same_both_ways(one: Box, other: Box) -> None:
    assert 0 <= overlap(one, other) <= 1
    assert overlap(one, other) == overlap(other, one)
    assert overlap(one, one) == (1 if one.width and one.height else 0)


@given(FRAMES)
def test_numbers_are_distinct_begin_at_1_and_are_never_given_twice(
    frames: list[tuple[list[Box], float]],
) -> None:
    tracker, seconds, known, alive = Tracker(), 0.0, set[int](), set[int]()
    for faces, later in frames:
        seconds += later
        numbers = tracker.update(faces, seconds)
        assert len(set(numbers)) == len(numbers) == len(faces)
        new = [number for number in numbers if number not in known]
        assert new == list(range(len(known) + 1, len(known) + 1 + len(new)))
        assert set(numbers) - set(new) <= alive, "an ended track came back"
        known |= set(numbers)
        alive = tracker.tracks
        assert len(alive) <= 6 * (MISSED_FRAMES + 1)


@given(st.lists(boxes(), max_size=6), st.lists(st.floats(0, LONGEST_GAP), max_size=10))
def test_faces_that_stay_where_they_are_keep_their_numbers(
    faces: list[Box], gaps: list[float]
) -> None:
    apart = [
        Box(300 * index, 0, 300 * index + 1 + face.width, 1 + face.height)
        for index, face in enumerate(faces)
    ]
    tracker, seconds = Tracker(), 0.0
    first = tracker.update(apart, seconds)
    for gap in gaps:
        seconds += gap * 0.999  # sums of floats: a gap of exactly two seconds may be more
        assert tracker.update(apart, seconds) == first


def test_a_face_that_moves_keeps_its_number_and_two_that_pass_are_not_mixed() -> None:
    tracker = Tracker()
    for step in range(30):
        across = Box(20 * step, 0, 20 * step + 80, 100)
        against = Box(580 - 20 * step, 160, 660 - 20 * step, 260)
        assert tracker.update([across, against], step / 10) == [1, 2]


def test_a_face_may_be_missed_in_a_few_frames_but_not_more() -> None:
    tracker, face = Tracker(), Box(0, 0, 50, 50)
    assert tracker.update([face], 0.0) == [1]
    for frame in range(MISSED_FRAMES):
        tracker.update([], 0.1 * (1 + frame))
    assert tracker.update([face], 1.0) == [1]
    for frame in range(MISSED_FRAMES + 1):
        tracker.update([], 1.1 + 0.1 * frame)
    assert tracker.update([face], 1.8) == [2]


def test_a_track_ends_after_a_gap_and_when_time_goes_back() -> None:
    tracker, face = Tracker(), Box(0, 0, 50, 50)
    times = [0.0, LONGEST_GAP, 2 * LONGEST_GAP + 0.1, 1.0]
    numbers = [tracker.update([face], seconds)[0] for seconds in times]
    assert numbers == [1, 1, 2, 3]


def test_the_largest_overlaps_are_matched_first() -> None:
    tracker = Tracker()
    tracker.update([Box(0, 0, 100, 100), Box(60, 0, 160, 100)], 0.0)
    moved = [Box(55, 0, 155, 100), Box(10, 0, 110, 100)]
    assert tracker.update(moved, 0.1) == [2, 1]
    assert all(a != b for a, b in pairwise(tracker.update(moved, 0.2)))
