"""How long steps will take and what legs will bring, by those before."""

import pytest

from tuning.search.gains import Gains
from tuning.search.timings import Timings


def test_the_latest_step_of_the_same_kind_and_place_counts() -> None:
    timings = Timings()
    timings.add("leg", "vgg16", gmacs=100, seconds=10, of="4-1")
    timings.add("leg", "vgg16", gmacs=100, seconds=50, of="4-2")
    assert timings.expect("leg", "vgg16", 100, of="4-1") == 10
    assert timings.expect("leg", "vgg16", 100, of="4-2") == 50
    assert timings.expect("leg", "vgg16", 100, of="3-1") == 50  # the last of the backbone
    assert timings.expect("leg", "vgg19", 100, of="4-1") == 50  # the last of any
    timings.add("leg", "vgg16", gmacs=100, seconds=20, of="4-1")
    assert timings.expect("leg", "vgg16", 100, of="4-1") == 20
    assert timings.expect("leg", "vgg16", 100, of="4-2") == 50


def test_what_nobody_has_done_yet_is_judged_by_passes_and_else_with_caution() -> None:
    timings = Timings()
    cautious = timings.expect("winner", "vgg16", 100)
    timings.add("pass", "resnet50", gmacs=100, seconds=1)
    assert timings.expect("winner", "vgg16", 100) == 1 < cautious
    timings.add("pass", "vgg16", gmacs=100, seconds=2)
    timings.add("pass", "resnet50", gmacs=100, seconds=1)
    assert timings.expect("winner", "vgg16", 100) == 2


def test_a_step_that_had_nothing_to_do_says_nothing() -> None:
    timings = Timings()
    timings.add("pass", "vgg16", gmacs=100, seconds=5)
    timings.add("pass", "vgg16", gmacs=0, seconds=0.01)
    assert timings.expect("pass", "vgg16", 100) == 5


def test_half_of_what_the_last_three_legs_brought_is_expected() -> None:
    gains = Gains()
    first = gains.of_a_leg(60)
    gains.add(1, before=0.5, after=0.1)  # forgotten behind three others
    for _ in range(3):
        gains.add(30, before=0.10, after=0.09)
    hope = first
    assert gains.of_a_leg(60) == pytest.approx(0.1 + hope)
    assert gains.of_a_leg(30) == pytest.approx(0.05 + hope)


def test_legs_in_vain_leave_less_and_less_hope_but_some() -> None:
    gains = Gains()
    hopes = [gains.of_a_leg(60)]
    for _ in range(5):
        gains.add(60, before=0.1, after=0.12)  # worse counts as nothing
        hopes.append(gains.of_a_leg(60))
    assert hopes[:4] == pytest.approx([hopes[0] / 2**n for n in range(4)])
    assert min(hopes) > 0
