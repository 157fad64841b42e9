from pathlib import Path

from small_data_sets import Picture

from data import load


def test_utkface(tmp_path: Path, picture: Picture) -> None:
    names = ["25_0_3_20170104.jpg", "3_1_0_2017.jpg.chip.jpg", "61_1_20170109.jpg"]
    for name in names:
        picture(tmp_path / "part1" / name)
    dataset = load(tmp_path)
    assert dataset.name == "UTKFace"
    manifest = dataset.manifest.set_index(dataset.manifest["path"].map(lambda p: Path(p).name))
    assert manifest["label"].to_dict() == {names[0]: 1, names[1]: 0}  # 0 is male there.
    assert manifest.loc[names[0], ["Age_20-29", "Race_Indian"]].all()
    assert manifest.loc[names[1], ["Age_3-9", "Race_White"]].all()
    assert dataset.notes == ("1 images have no complete UTKFace name: in part1 (1)",)
