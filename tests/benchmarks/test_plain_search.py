import time
from pathlib import Path

import keras
import keras_tuner
import pytest

from benchmarks import equal_minutes, plain_search
from benchmarks.plain_search import Clock
from benchmarks.plain_task import PlainTask
from benchmarks.workload import Workload
from tuning.backbones.registry import BACKBONES
from tuning.backbones.transfer_model import FeatureStatistics, HeadConfig, TransferModel


@pytest.fixture
def task(workload: Workload, tmp_path: Path) -> PlainTask:
    images = tmp_path / "images.npz"
    equal_minutes._write_images(workload, images)
    task = equal_minutes._task(workload, images, "googlenet", 1.0, "random", False)
    return task.model_copy(update={"folder": tmp_path, "seconds": 8.0})


def chosen(**values: float) -> keras_tuner.HyperParameters:
    hp = keras_tuner.HyperParameters()
    hp.values = {"depth": 0, "dropout": 0.3, "head_units": 0, "learning_rate": 1e-3, **values}
    return hp


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_it_freezes_what_we_freeze(workload: Workload, task: PlainTask, depth: int) -> None:
    plain = plain_search._Model(task).build(chosen(depth=depth))
    ours = TransferModel(BACKBONES["googlenet"], 64, workload.weights["googlenet"])
    head = ours.head(HeadConfig(4, 1, 0, 0.3, FeatureStatistics.neutral(1024), (0.0,)))
    assert count(plain) == count(ours.tail(4, depth, head))


def count(model: keras.Model) -> int:
    return sum(weight.shape.num_elements() for weight in model.trainable_weights)


def test_it_starts_from_the_same_weights(workload: Workload, task: PlainTask) -> None:
    built = plain_search._Model(task).build(chosen())
    for name, arrays in workload.weights["googlenet"].layers.items():
        for mine, theirs in zip(built.get_layer(name).get_weights(), arrays, strict=True):
            assert (mine == theirs).all()


def test_it_searches_until_the_time_is_over(task: PlainTask) -> None:
    result = plain_search.search(task, Clock(time.time()))
    assert result.trials >= 1
    assert result.seconds >= 8
    accuracies = [each.val_accuracy for each in result.improvements]
    assert accuracies == sorted(set(accuracies))
    assert all(each.seconds <= 8 for each in result.improvements)
    assert all(0 <= each.test_accuracy <= 1 for each in result.improvements)
    assert not list(task.folder.glob("better-*"))


def test_many_classes_have_a_logit_each(task: PlainTask) -> None:
    many = task.model_copy(update={"classes": 3})
    assert plain_search._Model(many).build(chosen()).output_shape == (None, 3)


def test_the_clock_stands_still_while_weights_are_kept() -> None:
    clock = Clock(time.time())
    with pytest.raises(OSError), clock.standing_still():
        time.sleep(0.2)
        raise OSError
    assert clock.paused >= 0.2
    assert clock.seconds() < 0.1
