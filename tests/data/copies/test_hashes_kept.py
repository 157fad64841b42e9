"""What is kept of hashes, and what of a file is known without an image."""

import hashlib
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image
from small_data_sets import saved

from data import hash_files
from data.copies import hashes


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    """A gradient, an even surface, a text and a file that is not there."""
    gradient = saved(Image.radial_gradient("L"), tmp_path / "gradient.png")
    even = saved(Image.new("RGB", (40, 40), "red"), tmp_path / "even.png")
    (tmp_path / "text.jpg").write_text("text")
    return [gradient, even, str(tmp_path / "text.jpg"), str(tmp_path / "gone.png")]


def test_hashes_say_what_is_an_image_and_what_can_be_compared(paths: list[str]) -> None:
    found = hash_files(paths)
    assert found.readable.tolist() == [True, True, False, False]
    assert found.comparable.tolist() == [True, False, False, False]
    for row, path in enumerate(paths[:3]):
        expected = hashlib.sha256(Path(path).read_bytes()).digest()
        assert found.content[row].tobytes() == expected
    assert not found.content[3].any() and not found.looks[2:].any()


def test_a_cache_gives_the_same_hashes(paths: list[str], tmp_path: Path) -> None:
    cache = tmp_path / "hashes.npz"
    fresh, first, kept = hash_files(paths), hash_files(paths, cache), hash_files(paths[::-1], cache)
    for name in ("content", "looks", "readable", "comparable", "sizes"):
        assert np.array_equal(getattr(fresh, name), getattr(first, name))
        assert np.array_equal(getattr(fresh, name), getattr(kept, name)[::-1])


def test_a_cache_keeps_what_others_wrote(paths: list[str], tmp_path: Path) -> None:
    """Of two runs on parts of one data set."""
    cache, done = tmp_path / "hashes.npz", []
    hash_files(paths[:1], cache)
    hash_files(paths[1:2], cache)
    hash_files(paths[:2], cache, lambda *step: done.append(step))
    assert done == []


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_cache_that_was_cut_off_is_made_again(
    paths: list[str], tmp_path: Path, share: float
) -> None:
    cache, done = tmp_path / "hashes.npz", []
    before = hash_files(paths, cache)
    content = cache.read_bytes()
    cache.write_bytes(content[: int(share * len(content))])
    after = hash_files(paths, cache, lambda *step: done.append(step))
    assert np.array_equal(after.looks, before.looks)
    assert done[-1] == (4, 4)


def test_a_file_that_appears_or_goes_is_hashed_again(paths: list[str], tmp_path: Path) -> None:
    cache = tmp_path / "hashes.npz"
    hash_files(paths, cache)
    Path(paths[3]).write_bytes(Path(paths[0]).read_bytes())
    Path(paths[0]).unlink()
    assert hash_files(paths, cache).readable.tolist() == [False, True, False, True]


def test_hashes_of_another_version_are_made_again(paths: list[str], tmp_path: Path) -> None:
    cache, done = tmp_path / "hashes.npz", []
    hash_files(paths, cache)
    with np.load(cache) as arrays:
        names, entries = arrays["names"], arrays["entries"]
    entries["format"] += 1
    np.savez(cache, names=names, entries=entries)
    hash_files(paths, cache, lambda *step: done.append(step))
    assert done[-1] == (4, 4)


def test_of_two_that_want_the_same_hashes_one_waits_for_the_other(
    paths: list[str], tmp_path: Path
) -> None:
    done: list[tuple[int, int]] = []
    arguments = (paths, tmp_path / "hashes.npz", lambda *step: done.append(step))
    threads = [threading.Thread(target=hash_files, args=arguments) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_file_is_hashed_once_whatever_its_names(paths: list[str], tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    names = [str(tmp_path / name) for name in ("hard.png", "soft.png")]
    os.link(paths[0], names[0])
    Path(names[1]).symlink_to(paths[0])
    found = hash_files([*names, *paths, paths[0]], progress=lambda *step: done.append(step))
    assert done[-1] == (4, 4)
    for row in (1, 2, 6):
        assert found.content[row].tobytes() == found.content[0].tobytes()
        assert np.array_equal(found.looks[row], found.looks[0])
    assert found.readable.tolist() == [True, True, True, True, False, False, True]


def test_a_pass_that_is_killed_keeps_what_it_has_hashed(
    paths: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashes, "_SAVED_EVERY", 2)
    cache, done = tmp_path / "hashes.npz", []

    def killed(number: int, _: int) -> None:
        if number == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hash_files(paths, cache, killed)
    kept = hash_files(paths, cache, lambda *step: done.append(step))
    assert done == [(1, 2), (2, 2)]
    assert kept.readable.tolist() == hash_files(paths).readable.tolist()


def test_any_name_is_kept(paths: list[str], tmp_path: Path) -> None:
    cache, done = tmp_path / "hashes.npz", []
    odd = [str(tmp_path / os.fsdecode(name)) for name in (b"a\nb.png", b"caf\xe9.png", b"'.png")]
    for name in odd:
        shutil.copy(paths[0], name)
    first = hash_files(odd, cache)
    again = hash_files(odd[::-1], cache, lambda *step: done.append(step))
    assert done == [] and np.array_equal(first.content, again.content)


def test_the_size_is_that_of_the_upright_picture_though_it_was_decoded_smaller(
    tmp_path: Path,
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    large = tmp_path / "large.jpg"
    Image.radial_gradient("L").resize((800, 600)).save(large, exif=exif)
    small = saved(Image.radial_gradient("L"), tmp_path / "small.png")
    assert hash_files([str(large), small, "gone.png"]).sizes.tolist() == [
        [600, 800], [256, 256], [0, 0],
    ]  # fmt: skip
