import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_data_sets import saved

from data import DataError, hash_files


def test_hashes_are_kept_until_a_file_changes(portraits: list[Path], tmp_path: Path) -> None:
    paths = [saved(Image.open(path), tmp_path / path.name) for path in portraits[:4]]
    cache = tmp_path / "cache" / "hashes.npz"
    done: list[tuple[int, int]] = []

    def hashed(names: list[str]) -> np.ndarray:
        done.clear()
        return hash_files(names, cache, lambda *step: done.append(step)).looks

    first = hashed(paths[:3])
    assert done == [(1, 3), (2, 3), (3, 3)]
    assert np.array_equal(hashed(paths[:3]), first) and done == []
    assert np.array_equal(hashed(paths)[:3], first) and done == [(1, 1)]
    Image.open(portraits[5]).save(paths[0])
    assert not np.array_equal(hashed(paths)[0], first[0]) and done == [(1, 1)]
    os.utime(paths[1], (1, 1))
    hashed(paths)
    assert done == [(1, 1)]
    for damage in (b"", b"PK damaged"):
        cache.write_bytes(damage)
        hashed(paths)
        assert len(done) == 4


def test_without_the_library_the_error_names_it(
    portraits: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "imagehash", None)
    with pytest.raises(DataError, match="pip install ImageHash"):
        hash_files([str(portraits[0])])
