"""Twenty names for each file: what describes, draws and splits needs little memory a row."""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from program import peak

import data
from data.describe import describe
from data.synthetic.writing import generate

FEW, MANY = 2_000, 20_000
NAMES = 20
ROW = 1_500  # bytes of tables an image: the manifest, 40 attributes and their strata, hashes
NOISE = 25e6  # bytes by which two runs of the same differ


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's count of anonymous memory")
@pytest.mark.parametrize("copied", [False, True], ids=["links", "other bytes"])
def test_ten_times_the_names_need_little_more_memory_and_time(tmp_path: Path, copied: bool) -> None:
    """With other bytes every name is a file of its own, and 20 of them show one picture."""
    drawn = generate(tmp_path / "drawn", MANY // NAMES)
    few, many = (celeba(tmp_path / f"{n}", drawn, n // NAMES, copied) for n in (FEW, MANY))
    for work in (look, prepare):
        (less, first), (more, second) = peak(work, few), peak(work, many)
        print(f"{work.__name__}: {FEW:,} names {less:,} bytes, {first:.1f} s; "
              f"{MANY:,} names {more:,} bytes, {second:.1f} s")  # fmt: skip
        assert more - less < ROW * (MANY - FEW) + NOISE
        assert second < 20 * first + 5  # a square would be a hundredfold


def celeba(root: Path, drawn: Path, count: int, copied: bool) -> Path:
    """The first portraits in CelebA's layout, each by twenty names."""
    images = root / "img_align_celeba"
    images.mkdir(parents=True)
    table = pd.read_csv(drawn / "list_attr_celeba.csv")[:count]
    each = []
    for number in range(NAMES):
        names = table["image_id"].str.replace(".jpg", f"_{number}.jpg")
        for name, new in zip(table["image_id"], names, strict=True):
            source = drawn / "img_align_celeba" / name
            if copied:
                (images / new).write_bytes(source.read_bytes() + bytes([number]))
            else:
                os.link(source, images / new)
        each.append(table.assign(image_id=names))
    pd.concat(each).to_csv(root / "list_attr_celeba.csv", index=False)
    return root


def look(root: Path) -> None:
    """What `describe` does."""
    facts = describe(data.load(root))
    assert facts.opened == facts.images
    alike = facts.near_duplicates or facts.duplicates
    assert len(alike) >= facts.images // NAMES


def prepare(root: Path) -> None:
    """What a run does before it decodes."""
    dataset = data.load(root)
    parts = data.split_each([dataset], seed=0)
    manifest = data.sample_each(parts, None, "natural", seed=0)
    copies = data.find_copies(data.hash_files(manifest["path"].tolist()))
    distinct = data.without_copies(manifest, copies, dealt=np.ones(len(manifest), bool))
    data.in_one_part(distinct, np.ones(len(distinct.manifest), bool))
