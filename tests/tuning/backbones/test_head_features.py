from pathlib import Path

import numpy as np
import pytest

from data.rows import JoinedRows
from tuning.backbones.head_features import ROOT_OFFSET, FeatureStatistics, head_features

RANDOM = np.random.default_rng(0)


def maps_of(count: int, side: int = 6, channels: int = 5) -> np.ndarray:
    """Maps as a ReLU leaves them: a half is 0, some are in the hundreds."""
    return np.maximum(RANDOM.normal(0, 150, (count, side, side, channels)), 0).astype(np.float16)


@pytest.mark.parametrize("grid", [1, 2, 3, 6])
def test_features_are_roots_of_means_field_by_field(grid: int) -> None:
    maps = maps_of(4)
    features = head_features(maps, grid).reshape(4, grid, grid, 5)
    step = 6 // grid
    for row in range(grid):
        for column in range(grid):
            field = maps[:, row * step :, column * step :][:, :step, :step].astype(np.float64)
            expected = np.sqrt(field.mean(axis=(1, 2)) + ROOT_OFFSET)
            np.testing.assert_allclose(features[:, row, column], expected, rtol=1e-5)


def test_a_grid_that_does_not_divide_the_map_is_refused() -> None:
    with pytest.raises(ValueError, match="grid of 4 does not divide maps of 6 x 6"):
        head_features(maps_of(1), 4)


def test_blocks_and_files_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maps = maps_of(11)
    expected, at_once = head_features(maps, 2), FeatureStatistics.of(head_features(maps, 2))
    monkeypatch.setattr("tuning.backbones.head_features._BLOCK_NUMBERS", 500)
    np.save(tmp_path / "maps.npy", maps)
    on_disk = np.load(tmp_path / "maps.npy", mmap_mode="r")
    features = head_features(JoinedRows([on_disk[:4], on_disk[4:]]), 2)
    np.testing.assert_array_equal(features, expected)
    np.save(tmp_path / "features.npy", features)
    in_blocks = FeatureStatistics.of(np.load(tmp_path / "features.npy", mmap_mode="r"))
    np.testing.assert_allclose(in_blocks.mean, at_once.mean, rtol=1e-5)
    np.testing.assert_allclose(in_blocks.variance, at_once.variance, rtol=1e-4)


def test_statistics_are_those_of_numpy_far_from_zero() -> None:
    features = (RANDOM.normal(0, 0.5, (3000, 7)) + 1000).astype(np.float32)
    statistics = FeatureStatistics.of(features)
    exact = features.astype(np.float64)
    np.testing.assert_allclose(statistics.mean, exact.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(statistics.variance, exact.var(axis=0), rtol=1e-3)


def test_dead_features_do_not_blow_up() -> None:
    features = RANDOM.random((50, 8)).astype(np.float32)
    features[:, 3] = 0.5
    statistics = FeatureStatistics.of(features)
    assert statistics.std[3] == pytest.approx(0.1 * np.median(features.std(axis=0)), rel=1e-3)


def test_features_are_standardized_in_place_where_asked() -> None:
    features = head_features(maps_of(40), 3)
    statistics = FeatureStatistics.of(features)
    expected = statistics.standardize(features)
    assert statistics.standardize(features, out=features) is features
    np.testing.assert_array_equal(features, expected)
    assert np.abs(features.mean(axis=0)).max() < 1e-5
