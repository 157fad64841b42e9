"""Faces of several requests go through a model together."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from inference.errors import BundleError
from inference.service.batches import Batches


class Model:
    """Labels each face with its own name; holds its first batch until it is released."""

    def __init__(self) -> None:
        self.released, self.entered = threading.Event(), threading.Event()
        self.batches: list[list[Any]] = []

    def label(self, pictures: list[list[Any]]) -> list[list[str]]:
        self.batches.append(pictures)
        self.entered.set()
        assert self.released.wait(30)
        return [[f"{face}!" for face in picture] for picture in pictures]


def test_what_comes_while_a_batch_runs_is_the_next_batch() -> None:
    sizes: list[int] = []
    batches, model, other = Batches(sizes.append), Model(), Model()
    other.released.set()
    first = batches.submit(model, ["a"])
    assert model.entered.wait(30)
    later = [batches.submit(model, faces) for faces in (["b"], [], ["c", "d"])]
    of_other = batches.submit(other, ["e"])
    last = batches.submit(model, ["f"])
    model.released.set()
    assert [one.result(30) for one in (first, *later)] == [["a!"], ["b!"], [], ["c!", "d!"]]
    assert (of_other.result(30), last.result(30)) == (["e!"], ["f!"])
    assert model.batches == [[["a"]], [["b"], [], ["c", "d"]], [["f"]]]
    batches.close()
    assert sizes == [1, 3, 1, 1]


def test_a_batch_has_a_largest_number_of_faces_but_for_one_picture() -> None:
    batches, model = Batches(), Model()
    batches.submit(model, ["a"])
    assert model.entered.wait(30)
    done = [batches.submit(model, [number] * count) for number, count in enumerate((20, 20, 50))]
    model.released.set()
    assert [len(one.result(30)) for one in done] == [20, 20, 50]
    assert [sum(map(len, batch)) for batch in model.batches] == [1, 20, 20, 50]


def test_who_no_longer_waits_is_left_out_and_an_error_reaches_everyone() -> None:
    batches, model = Batches(), Model()
    batches.submit(model, ["a"])
    assert model.entered.wait(30)
    gone, there = batches.submit(model, ["gone"]), batches.submit(model, ["there"])
    assert gone.cancel()
    model.released.set()
    assert there.result(30) == ["there!"]
    assert model.batches[1] == [["there"]]

    def fail(_: object) -> None:
        raise BundleError("damaged")

    with pytest.raises(BundleError, match="damaged"):
        batches.submit(SimpleNamespace(label=fail), ["b"]).result(30)
    assert batches.submit(model, ["c"]).result(30) == ["c!"], "the thread goes on"
