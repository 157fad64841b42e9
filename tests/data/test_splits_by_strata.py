"""Splits and samples that are the same whichever label of a data set is learned."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_data_sets import manifest_of

from data import GENDER, DataError, Label, sample, split
from data.labels import stratum
from data.manifest import make_manifest


def classes(manifest: pd.DataFrame, **columns: np.ndarray) -> pd.DataFrame:
    """Strata of labels "no" and "yes"."""
    sides = {
        stratum(Label(name=name, classes=("no", "yes")), code): codes == code
        for name, codes in columns.items()
        for code in (0, 1)
    }
    return pd.DataFrame(sides, index=pd.Index(manifest["path"]))


def faces(count: int, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Three photos of each person, and twenty labels of which some are rare."""
    rng = np.random.default_rng(seed)
    people = [str(i // 3) for i in range(count)]
    shares = rng.uniform(0.03, 0.6, 20)
    codes = (rng.random((count, 20)) < shares).astype(int)
    manifest = manifest_of(codes[:, 0].tolist(), list(people))
    return manifest, classes(manifest, **{f"a{i}": codes[:, i] for i in range(20)})


def spread(parts: pd.Series, strata: pd.DataFrame) -> float:
    """Largest difference of a class's shares between parts."""
    shares = strata.set_axis(parts.index).groupby(parts).mean()
    return float((shares.max() - shares.min()).max())


def test_all_classes_are_dealt_evenly_and_people_whole() -> None:
    manifest, strata = faces(3000)
    parts = split(manifest, strata=strata)
    assert parts.groupby("identity")["split"].nunique().max() == 1
    assert spread(parts["split"], strata) < 0.02
    assert spread(split(manifest)["split"], strata) > 0.05
    sizes = parts["split"].value_counts(normalize=True)
    assert sizes["val"] == pytest.approx(0.15, abs=0.005)


def test_the_split_is_the_same_whichever_label_is_learned() -> None:
    manifest, strata = faces(300)
    first = split(manifest, strata=strata)
    other = strata["a7=yes"].to_numpy().astype(int)
    both = manifest.drop(columns="label").assign(
        **{"label:a7": other, "label:a0": manifest["label"].to_numpy()}
    )
    for learned in (manifest.assign(label=other), both):
        assert split(learned, strata=strata)["split"].equals(first["split"])


def test_strata_are_found_by_path_in_a_manifest_of_some_images() -> None:
    manifest, strata = faces(300)
    some = manifest.iloc[100:].reset_index(drop=True)
    found = split(some, strata=strata.sample(frac=1, random_state=0))
    assert found["split"].equals(split(some, strata=strata.iloc[100:])["split"])


@given(st.integers(0, 50), st.integers(3, 8), st.integers(1, 12))
def test_a_class_that_three_people_have_is_in_every_part(seed: int, rare: int, more: int) -> None:
    rng = np.random.default_rng(seed)
    codes = (rng.permutation(80) < rare).astype(int)
    others = {f"b{i}": rng.integers(0, 2, 80) for i in range(more)}
    manifest = manifest_of(codes.tolist())
    parts = split(manifest, seed=seed, strata=classes(manifest, rare=codes, **others))
    assert len(parts.groupby(["split", "label"])) == 6


def test_a_class_that_is_not_in_every_part_is_named_with_its_counts() -> None:
    hair = Label(name="hair", classes=("black", "fair", "red"))
    codes = pd.Series([0] * 20 + [1] * 20 + [2] * 4)
    people = pd.Series([f"p{i}" for i in range(40)] + ["red"] * 4)
    manifest = make_manifest([f"{i}.jpg" for i in range(44)], codes, identity=people)
    with pytest.raises(DataError, match=r"of label there are class 2 (4/0/0|0/4/0|0/0/4);"):
        split(manifest)
    with pytest.raises(DataError, match=r"of hair there are red (4/0/0|0/4/0|0/0/4);"):
        split(manifest, labels=[hair])


def test_given_parts_without_a_class_are_refused() -> None:
    parts = ["train"] * 3 + ["val"] * 2 + ["test"] * 2
    manifest = manifest_of([0, 1, 1, 0, 1, 0, 0], parts=parts)
    with pytest.raises(DataError, match="of gender there are man 2/1/0"):
        split(manifest, labels=[GENDER])


def test_an_image_without_a_class_counts_in_none() -> None:
    codes = pd.DataFrame({"label:a": [0, 1, -1] * 20, "label:b": [0, -1, 1] * 20})
    manifest = make_manifest([f"{i}.jpg" for i in range(60)], codes)
    counts = split(manifest).groupby("split")[["label:a", "label:b"]].agg(lambda c: set(c))
    assert all(found == {-1, 0, 1} for found in counts.to_numpy().ravel())


def test_a_draw_is_by_gender_whichever_label_is_learned() -> None:
    gender = np.array([0] * 60 + [1] * 40)
    smile = np.array([0, 1] * 50)
    manifest = manifest_of(gender.tolist(), parts=["train", "train", "val", "test"] * 25)
    strata = classes(manifest, smile=smile)
    for code, name in enumerate(GENDER.classes):
        strata[f"gender={name}"] = gender == code
    drawn = sample(manifest, 20, "natural", 4, strata)
    assert drawn["label"].sum() == pytest.approx(16, abs=1)
    assert drawn["path"].equals(sample(manifest, 20, "natural", 4)["path"])
    other = sample(manifest.assign(label=smile), 20, "natural", 4, strata)
    assert other["path"].equals(drawn["path"])
    assert other["label"].tolist() == [smile[int(path[3:-4])] for path in drawn["path"]]
    by_label = sample(manifest.assign(label=smile), 20, "natural", 4, strata[["smile=no"]])
    assert not by_label["path"].equals(drawn["path"])


def test_equal_is_of_the_label_that_is_learned_and_of_one_alone() -> None:
    hair = [0] * 60 + [1] * 40 + [2] * 20
    manifest = split(manifest_of(hair))
    some = sample(manifest, 12, "equal", validation=0.2)
    assert some[some["split"] != "test"]["label"].value_counts().tolist() == [4] * 3
    assert sample(manifest, None, "equal")["label"].value_counts().tolist() == [20] * 3
    codes = pd.DataFrame({"label:a": [1, 0, 1, 0], "label:b": [0, 1, 1, 0]})
    two = make_manifest(list("abcd"), codes, split=pd.Series(["train", "train", "val", "test"]))
    with pytest.raises(DataError, match="several labels cannot all have"):
        sample(two, 2, "equal")
    assert len(sample(two, 2, "natural")) == 4
