from dataclasses import replace

import numpy as np

from benchmarks import compare, plain_search
from benchmarks.workload import Workload
from data import Label
from tuning.backbones.registry import BACKBONES
from tuning.backbones.transfer_model import FeatureStatistics, HeadConfig, TransferModel
from tuning.runs.schema import Hyperparameters
from tuning.search.oracles import search_space

STATISTICS = FeatureStatistics(np.zeros(1024), np.ones(1024))


def test_plain_keras_tuner_freezes_what_we_freeze(workload: Workload) -> None:
    ours = TransferModel(BACKBONES["googlenet"], 64, workload.weights["googlenet"])
    side = plain_search._Model(workload, "googlenet", STATISTICS, 1)
    for depth in compare.DEPTHS:
        space = search_space(2)
        space.values |= {"depth": depth}
        theirs = side.build(space)
        hp = Hyperparameters.of(space.values)
        tail = ours.tail(depth, ours.head(HeadConfig(hp.head_units, hp.dropout, STATISTICS)))
        count = sum(weight.shape.num_elements() for weight in theirs.trainable_weights)
        assert count == sum(weight.shape.num_elements() for weight in tail.trainable_weights)


def test_plain_keras_tuner_learns_many_classes(workload: Workload) -> None:
    hair = Label(name="hair", classes=("fair", "brown", "black"))
    codes = np.arange(len(workload.store.manifest)) % 3
    store = replace(workload.store, manifest=workload.store.manifest.assign(label=codes))
    many = replace(workload, store=store, label=hair)
    base = {"depth": 0, "learning_rate": 3e-4, "head_units": 0, "dropout": 0.3}
    [timed] = plain_search.search(many, "googlenet", STATISTICS, [base], 1)
    assert 0 <= timed.accuracy <= 1


def test_plain_keras_tuner_runs_the_list(workload: Workload) -> None:
    base = {"depth": 0, "learning_rate": 3e-4, "head_units": 64, "dropout": 0.3}
    configurations = [base, {**base, "head_units": 0}]
    timed = plain_search.search(workload, "googlenet", STATISTICS, configurations, 1)
    assert [trial.values for trial in timed] == configurations
    assert all(0 <= trial.accuracy <= 1 and 0 < trial.training < trial.seconds for trial in timed)
    checkpoints = workload.folder.glob("plain/googlenet-depth-0/trial_*/*.weights.h5")
    assert len(list(checkpoints)) == 2
