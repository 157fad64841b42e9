from dataclasses import replace

import pytest

from benchmarks.scaling.constants import kept
from benchmarks.scaling.costs import Costs
from benchmarks.scaling.prediction import predict, with_workers
from benchmarks.scaling.scenario import Scenario
from tuning.search.presets import PRESETS

TWO = Scenario(images=20_000, size=96, backbones=("googlenet", "vgg16"), cache_gb=500)


def test_parts_grow_as_what_they_work_on() -> None:
    few = replace(TWO, images=2_000)
    small = predict(kept(), few).schedule.work()
    images = predict(kept(), replace(few, images=4_000)).schedule.work()
    for part in ("images", "trunk pass", "doubted labels"):
        assert images[part] == pytest.approx(2 * small[part], rel=0.01)
    assert small["trials"] < images["trials"] < 2.01 * small["trials"]
    assert small["probe"] == images["probe"]
    larger = predict(kept(), replace(few, size=192)).schedule.work()
    assert 2 * small["trunk pass"] < larger["trunk pass"] < 4.01 * small["trunk pass"]


def test_the_way_adds_up_to_the_whole() -> None:
    for nodes, workers in ((1, 1), (1, 2), (3, 4)):
        predicted = predict(kept(), replace(TWO, nodes=nodes, workers=workers, cores=4))
        assert sum(predicted.schedule.path().values()) == pytest.approx(60 * predicted.minutes)
        assert 0 < predicted.busy <= 1


def test_one_process_does_one_thing_after_the_other() -> None:
    predicted = predict(kept(), TWO)
    assert predicted.busy == pytest.approx(1)
    assert predicted.schedule.path() == pytest.approx(predicted.schedule.work())


def test_more_machines_gain_less_than_they_are_more() -> None:
    shared = replace(TWO, shared=True)
    one, three = (predict(kept(), replace(shared, nodes=nodes)).minutes for nodes in (1, 3))
    assert one / 3 < three < one


def test_trials_are_planned_within_the_budget() -> None:
    whole, short = predict(kept(), TWO), predict(kept(), replace(TWO, budget=240))
    assert len(short.plans["vgg16"].depths) < len(whole.plans["vgg16"].depths)
    assert short.minutes < 240 + 2 * kept().exporting / 60 + 5
    assert short.minutes < whole.minutes
    assert whole.plans["vgg16"].refit_epochs == PRESETS["standard"].refit_epochs
    assert whole.plans["vgg16"].images.train == TWO.counts.train


def test_a_search_that_does_not_fit_the_disk_is_on_a_sample_and_its_refit_on_all() -> None:
    small, large = predict(kept(), replace(TWO, cache_gb=5)), predict(kept(), TWO)
    plan = small.plans["vgg16"]
    assert plan.images.train < TWO.counts.train
    assert plan.refit_way.views == 0
    assert small.disk["trunk cache"] <= 5e9
    assert small.schedule.work()["trials"] < large.schedule.work()["trials"]
    assert small.schedule.work()["refit"] > large.schedule.work()["refit"]  # from pixels
    assert small.schedule.work()["evaluation"] == large.schedule.work()["evaluation"]
    assert small.disk["image store"] == large.disk["image store"]


def test_backbones_side_by_side_share_the_cache() -> None:
    alone, beside = (
        Costs(kept(), replace(TWO, workers=workers), "vgg16").planned().room for workers in (1, 2)
    )
    assert alone == 2 * beside


def test_all_gpus_of_a_node_train_on_all_images_together() -> None:
    gpus = replace(TWO, cores=16, cache_gb=20)
    one, eight = (predict(kept(), replace(gpus, gpus=count)) for count in (1, 8))
    on_one, on_eight = (p.schedule.work()["refit"] for p in (one, eight))
    assert on_one < on_eight  # more in all, less time
    assert eight.minutes < one.minutes < predict(kept(), gpus).minutes


def test_a_slow_disk_limits_what_fast_slots_do() -> None:
    slow = kept().model_copy(update={"disk_write": 1e6, "disk_read": 1e6})
    on_slow, on_fast = (predict(c, replace(TWO, gpus=8)).schedule.work() for c in (slow, kept()))
    assert on_slow["trunk pass"] > 2 * on_fast["trunk pass"]
    assert on_slow["trials"] > 2 * on_fast["trials"]


def test_the_number_of_processes_is_that_with_the_shortest_run() -> None:
    chosen = with_workers(kept(), replace(TWO, cores=12))
    minutes = {w: predict(kept(), replace(chosen, workers=w)).minutes for w in (1, 2, 4)}
    assert min(minutes, key=lambda w: minutes[w]) == chosen.workers


def test_nothing_is_sent_on_one_machine_or_through_a_shared_folder() -> None:
    assert not any(predict(kept(), TWO).sent.values())
    assert not any(predict(kept(), replace(TWO, nodes=3, shared=True)).sent.values())
    sent = predict(kept(), replace(TWO, nodes=3)).sent
    cache = predict(kept(), TWO).disk["trunk cache"]
    assert sent["activations"] == pytest.approx(2 / 3 * cache)
    assert sent["tails"] > 0


def test_a_slow_network_is_what_limits() -> None:
    fast, slow = (predict(kept(), replace(TWO, nodes=8, gbit=gbit)) for gbit in (100, 0.01))
    assert slow.minutes > 3 * fast.minutes
    assert slow.sent == fast.sent
