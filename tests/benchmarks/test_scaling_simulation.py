import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scaling.simulation import Task, simulate


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[Task], int]:
    slots = draw(st.integers(1, 5))
    tasks: list[Task] = []
    for number in range(draw(st.integers(1, 25))):
        before = draw(st.lists(st.integers(0, number - 1), max_size=3)) if number else []
        is_sent = draw(st.booleans())
        tasks.append(
            Task(
                draw(st.sampled_from("abc")),
                draw(st.integers(0, 20)) / 4,
                tuple(before),
                1 if is_sent else draw(st.integers(1, slots)),
                "link" if is_sent else "slots",
            )
        )
    return tasks, slots


@given(runs())
def test_a_schedule_is_possible_and_wastes_no_time(run: tuple[list[Task], int]) -> None:
    tasks, slots = run
    schedule = simulate(tasks, slots)
    ends = [start + task.seconds for start, task in zip(schedule.starts, tasks, strict=True)]
    for number, task in enumerate(tasks):
        assert all(ends[before] <= schedule.starts[number] for before in task.after)
    for start in schedule.starts:
        at_work = [
            t for t, s, e in zip(tasks, schedule.starts, ends, strict=True) if s <= start < e
        ]
        assert sum(t.slots for t in at_work if t.pool == "slots") <= slots
        assert sum(t.pool == "link" for t in at_work) <= 1
    work = sum(task.slots * task.seconds for task in tasks if task.pool == "slots")
    assert work / slots <= schedule.seconds + 1e-9
    assert schedule.seconds <= sum(task.seconds for task in tasks) + 1e-9
    assert sum(schedule.path().values()) == pytest.approx(schedule.seconds)


def test_one_slot_does_one_thing_after_the_other() -> None:
    tasks = [Task("a", 1.0), Task("b", 2.0, after=(0,)), Task("b", 3.0, after=(0,))]
    schedule = simulate(tasks, slots=1)
    assert schedule.seconds == 6
    assert schedule.path() == {"a": 1.0, "b": 5.0}


def test_what_needs_all_slots_waits_for_them() -> None:
    tasks = [Task("a", 1.0), Task("a", 4.0), Task("all", 2.0, after=(0,), slots=2)]
    schedule = simulate(tasks, slots=2)
    assert schedule.starts[2] == 4
    assert schedule.path() == {"all": 2.0, "a": 4.0}


def test_a_task_that_can_never_start_is_an_error() -> None:
    with pytest.raises(ValueError, match="never start"):
        simulate([Task("a", 1.0, slots=3)], slots=2)


def test_without_tasks_there_is_nothing_to_do() -> None:
    schedule = simulate([], slots=2)
    assert (schedule.seconds, schedule.path(), schedule.work()) == (0.0, {}, {})
