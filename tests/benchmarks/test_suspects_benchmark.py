from types import SimpleNamespace

import numpy as np
import pandas as pd

from benchmarks import suspects

COUNT = 200


def test_planted_errors_are_found_by_telling_features_and_labels_stay_as_they_are() -> None:
    codes = np.arange(COUNT) % 2
    rows = {"label": codes, "identity": pd.NA, "split": ["train"] * 150 + ["test"] * 50}
    manifest = pd.DataFrame(rows)
    workload = SimpleNamespace(
        store=SimpleNamespace(manifest=manifest), settings=SimpleNamespace(seed=0)
    )
    features = np.random.default_rng(0).normal(size=(COUNT, 8)) + 4 * codes[:, None]
    split = {"train": features[:150], "test": features[150:]}
    found = suspects._found(workload, "vgg16", split, share=0.04)  # type: ignore[arg-type]
    assert (found.planted, found.planted_found, found.planted_suspect) == (6, 6, 6)
    assert (found.suspect, found.contradictions, found.accuracy_without) == (6, 0, 1.0)
    assert (manifest["label"] == codes).all()
