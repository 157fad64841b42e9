from dataclasses import replace

import pytest

from benchmarks.scaling.constants import kept
from benchmarks.scaling.costs import Costs
from benchmarks.scaling.prediction import predict, with_sample, with_workers
from benchmarks.scaling.scenario import Counts, Scenario
from tuning.search.presets import PRESETS

TWO = Scenario(images=20_000, size=96, backbones=("googlenet", "vgg16"), cache_gb=500)


def test_parts_grow_as_what_they_work_on() -> None:
    small = predict(kept(), TWO).schedule.work()
    images = predict(kept(), replace(TWO, images=40_000)).schedule.work()
    for part in ("images", "trunk pass", "doubted labels"):
        assert images[part] == pytest.approx(2 * small[part], rel=0.01)
    assert small["trials"] < images["trials"] < 2.01 * small["trials"]
    assert small["probe"] == images["probe"]
    larger = predict(kept(), replace(TWO, size=192)).schedule.work()
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
    assert short.minutes < whole.minutes
    assert whole.plans["vgg16"].refit_epochs == PRESETS["standard"].refit_epochs


def test_cuts_that_do_not_fit_are_trained_from_pixels() -> None:
    small = replace(TWO, cache_gb=2)
    costs, counts = Costs(kept(), small, "vgg16"), Counts.of(small.images)
    cached = costs.kept_depths(range(5), counts)
    assert 0 in cached
    assert cached != tuple(range(5))
    assert sum(costs.cache_bytes(depth, counts) for depth in cached) <= 2e9
    slow, fast = predict(kept(), small), predict(kept(), TWO)
    assert slow.schedule.work()["trials"] > fast.schedule.work()["trials"]
    assert slow.disk["trunk cache"] <= 2e9 * len(TWO.backbones)


def test_backbones_side_by_side_share_the_cache() -> None:
    alone, beside = (
        Costs(kept(), replace(TWO, cache_gb=6, workers=workers), "vgg16") for workers in (1, 2)
    )
    counts = Counts.of(TWO.images)
    assert len(beside.kept_depths(range(5), counts)) < len(alone.kept_depths(range(5), counts))


def test_after_a_sample_winners_train_on_all_images_from_pixels() -> None:
    whole, sampled = predict(kept(), TWO), predict(kept(), replace(TWO, sample=2000))
    assert "training on all" not in whole.schedule.work()
    assert sampled.schedule.work()["training on all"] > 0
    assert sampled.schedule.work()["trials"] < whole.schedule.work()["trials"] / 5
    assert sampled.schedule.work()["evaluation"] == whole.schedule.work()["evaluation"]
    assert sampled.disk["image store"] == whole.disk["image store"]
    assert sampled.disk["trunk cache"] == pytest.approx(whole.disk["trunk cache"] / 10)


def test_all_gpus_of_a_node_train_on_all_images_together() -> None:
    gpus = replace(TWO, sample=2000, cores=16)
    one, eight = (predict(kept(), replace(gpus, gpus=count)) for count in (1, 8))
    on_one, on_eight = (p.schedule.work()["training on all"] for p in (one, eight))
    assert on_one < on_eight < 8 * on_one  # more in all, less time
    assert eight.minutes < one.minutes < predict(kept(), gpus).minutes


def test_the_sample_is_the_largest_that_leaves_time_for_every_depth() -> None:
    large = replace(TWO, images=100_000, backbones=("googlenet",), final_epochs=1)
    whole = predict(kept(), large)
    assert with_sample(kept(), replace(large, budget=whole.minutes + 1)).searched == 100_000
    asked = replace(large, budget=whole.minutes / 8)
    chosen = with_sample(kept(), asked)
    assert chosen.searched < asked.images
    assert predict(kept(), chosen).is_thorough
    assert predict(kept(), chosen).minutes <= whole.minutes / 8


def test_a_budget_that_is_too_short_takes_the_smallest_sample() -> None:
    assert 1000 <= with_sample(kept(), replace(TWO, budget=1)).searched < 2000


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
