import numpy as np
import pytest

from data.image_shards import digests_of
from tuning.trunk.image_set import ImageSet, PixelView

IMAGES = np.random.default_rng(0).integers(0, 256, (9, 4, 4, 3), dtype=np.uint8)


def test_pixels_are_a_view_where_nothing_is_frozen() -> None:
    subset = ImageSet.of(IMAGES, np.array([4, 2, 7]), "store")
    plain, mirrored = PixelView(subset, "plain"), PixelView(subset, "mirrored")
    assert plain.shape == mirrored.shape == (3, 4, 4, 3)
    np.testing.assert_array_equal(plain[np.array([0, 2])], IMAGES[[4, 7]])
    np.testing.assert_array_equal(mirrored[np.array([1])], IMAGES[[2]][:, :, ::-1])


def test_the_fingerprint_is_that_of_store_and_rows() -> None:
    one = ImageSet.of(IMAGES, np.array([4, 2]), "store").fingerprint
    assert one == ImageSet.of(IMAGES, np.array([4, 2]), "store").fingerprint
    assert one != ImageSet.of(IMAGES, np.array([2, 4]), "store").fingerprint
    assert one != ImageSet.of(IMAGES, np.array([4, 2]), "other").fingerprint


def test_digests_that_the_store_keeps_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.rows._LEAST_ROWS", 2)
    rows = np.array([4, 2, 7, 1, 0])
    hashed = ImageSet.of(IMAGES, rows, "store")
    kept = ImageSet.of(IMAGES, rows, "store", digests_of(IMAGES))
    monkeypatch.setattr("tuning.trunk.image_set.digests_of", None)  # not to be called again
    assert kept.digests.tolist() == digests_of(IMAGES[rows]).tolist()
    parts = [shard.digests.tolist() for shard in kept.shards()]
    assert [*parts[0], *parts[1]] == kept.digests.tolist()
    assert hashed.fingerprint == kept.fingerprint
